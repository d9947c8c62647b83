"""Vocabularies, files of lines, and the text that Python brings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlite
from nnlite.datasets import LineDataset, Vocabulary, load_english_text, read_text
from nnlite.utils.data import DataLoader


@given(st.text(min_size=1))
def test_round_trip(text):
    vocabulary = Vocabulary(text)
    numbers = vocabulary.encode(text)
    assert numbers.dtype is nnlite.int64
    assert "".join(vocabulary.decode(numbers)) == text
    assert len(vocabulary) == len(set(text))
    counts = [text.count(token) for token in vocabulary.tokens]
    assert counts == sorted(counts, reverse=True)


def test_specials_and_rare_tokens():
    words = Vocabulary(["a", "a", "a", "b", "b", "c"], min_count=2, specials=["<pad>", "<unk>"], unknown="<unk>")
    assert words.tokens == ["<unk>", "<pad>", "a", "b"]
    assert words.encode(["c", "b", "<pad>"]).tolist() == [0, 3, 1]
    assert "b" in words
    assert "c" not in words
    assert words.encode([]).shape == (0,)


def test_unknown_tokens_and_numbers():
    letters = Vocabulary("abc")
    with pytest.raises(KeyError, match="'d' has no number; with unknown="):
        letters.encode("abd")
    for number in (-1, 3):
        with pytest.raises(KeyError, match=f"from 0 to 2, got {number}"):
            letters.decode([0, number])


def test_lines(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbfthree\r\n\r\nfour")
    (tmp_path / "a.txt").write_bytes(b"one\n \ntwo\n")
    (tmp_path / "sub" / "c.txt").write_bytes(b"five\r\n")
    (tmp_path / "other.md").write_bytes(b"six")
    assert list(LineDataset(tmp_path)) == ["one", "two", "three", "four", "five"]
    assert list(LineDataset(tmp_path / "a.txt", keep_empty=True)) == ["one", " ", "two"]
    assert list(LineDataset(tmp_path, "*.md", str.upper)) == ["SIX"]
    lengths = LineDataset(tmp_path, transform=len)
    assert (len(lengths), lengths[-1]) == (5, 4)
    assert [batch.tolist() for batch in DataLoader(lengths, batch_size=3)] == [[3, 3, 5], [4, 4]]


def test_missing_files_and_wrong_encodings(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file \*\.txt in"):
        LineDataset(tmp_path)
    with pytest.raises(FileNotFoundError):
        LineDataset(tmp_path / "none.txt")
    path = tmp_path / "latin.txt"
    path.write_bytes("one\ntwo caf\u00e9s\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"latin\.txt is not utf-8 text: byte e9 in line 2; give its encoding="):
        LineDataset(tmp_path)
    assert read_text(path, "latin-1") == "one\ntwo caf\u00e9s\n"


def test_english_text():
    text = load_english_text()
    assert len(text) > 300_000
    assert text.count("the ") > 3_000
    assert load_english_text() == text
