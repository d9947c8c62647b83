"""examples/char_lm.py: the perplexity falls, and the model writes characters of its vocabulary."""

from __future__ import annotations

from example_program import assert_pictures, load, runner

import nnlite

run = runner("char_lm")


def test_char_lm(run, device, tmp_path, capsys):
    results = run(device, "--epochs", "2", "--length", "40")
    assert results["perplexity"] < results["first"]
    assert results["perplexity"] < results["characters"] / 2
    assert [len(text) for text in results["written"].values()] == [44, 44]
    assert "written at a temperature of 0.5" in capsys.readouterr().out
    assert_pictures(tmp_path, "perplexity.png")
    state = nnlite.load(tmp_path / "char_lm.pt")
    assert len(state["characters"]) == results["characters"]


def test_pieces_are_what_follows(device):
    numbers = nnlite.arange(100, device=device)
    pieces = list(load("char_lm").pieces(numbers, 3, 10))
    assert len(pieces) == 3
    for x, y in pieces:
        assert x.shape == (3, 10)
        assert nnlite.equal(x + 1, y)
    assert pieces[1][0][2, 0].item() == 2 * 33 + 10
