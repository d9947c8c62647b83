"""Downloads: complete and checked, or not there at all, with a message that says why."""

from __future__ import annotations

import hashlib
import socket

import pytest
from file_server import serve

from nnlite.datasets import download, file_checksum

DATA = bytes(range(256)) * 9000  # more than one block
SHA256 = hashlib.sha256(DATA).hexdigest()
MD5 = hashlib.md5(DATA).hexdigest()


@pytest.fixture
def closed_port():
    """An address at which nobody answers."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{s.getsockname()[1]}"


@pytest.mark.parametrize("checksum", [{"sha256": SHA256}, {"md5": MD5}, {"sha256": SHA256.upper()}])
def test_download(tmp_path, checksum):
    with serve({"/data.bin": DATA}) as (address, asked):
        path = download(f"{address}/data.bin", tmp_path / "new" / "data.bin", **checksum)
        assert path.read_bytes() == DATA
        assert [file.name for file in path.parent.iterdir()] == ["data.bin"]
        download(f"{address}/data.bin", path, **checksum)
        assert asked == ["/data.bin"]  # what is there is not fetched again
        path.write_bytes(b"damaged")
        download(f"{address}/data.bin", path, **checksum)
    assert path.read_bytes() == DATA


def test_the_first_mirror_that_has_the_file(tmp_path, closed_port):
    with serve({"/wrong": b"other", "/right": DATA, "/later": DATA}) as (address, asked):
        urls = [f"{closed_port}/a", f"{address}/none", f"{address}/wrong", f"{address}/right", f"{address}/later"]
        download(urls, tmp_path / "data.bin", sha256=SHA256)
        assert asked == ["/none", "/wrong", "/right"]
    assert (tmp_path / "data.bin").read_bytes() == DATA


def test_offline(tmp_path, closed_port, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(RuntimeError, match=r"Error downloading data\.bin: .* cannot be reached .*put the file at") as e:
        download(f"{closed_port}/data.bin", tmp_path / "data.bin", md5=MD5)
    assert str(tmp_path / "data.bin") in str(e.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("served", "announced", "options", "message"),
    [
        (b"something else", None, {}, f"wrong checksum: expected sha256 {SHA256}, got "),
        (DATA[:-1], None, {}, "wrong checksum"),
        (DATA[:1000], len(DATA), {}, "1000|IncompleteRead"),
        (DATA, None, {"max_bytes": 1000}, "longer than 1000 bytes"),
        (None, None, {}, "the server answered 404"),
    ],
)
def test_refused(tmp_path, served, announced, options, message):
    path = tmp_path / "data.bin"
    files = {} if served is None else {"/f": served}
    with (
        serve(files, {"/f": announced} if announced else None) as (address, _),
        pytest.raises(RuntimeError, match=message),
    ):
        download(f"{address}/f", path, sha256=SHA256, **options)
    assert list(tmp_path.iterdir()) == []  # no half of a file stays behind


def test_a_failed_download_leaves_the_old_file(tmp_path):
    path = tmp_path / "data.bin"
    path.write_bytes(b"an older version")
    with serve({"/f": b"wrong"}) as (address, _), pytest.raises(RuntimeError, match="wrong checksum"):
        download(f"{address}/f", path, md5=MD5)
    assert path.read_bytes() == b"an older version"


def test_wrong_arguments(tmp_path):
    path = tmp_path / "data.bin"
    with pytest.raises(ValueError, match="expected a checksum"):
        download("https://example.org/f", path)
    with pytest.raises(ValueError, match="at least one address"):
        download([], path, md5=MD5)
    for url in ("file:///etc/hostname", "ftp://example.org/f", "data.bin"):
        with pytest.raises(ValueError, match="https or http"):
            download(url, path, md5=MD5)
    with pytest.raises(ValueError, match="unsupported hash"):
        path.write_bytes(DATA)
        file_checksum(path, "none")
    assert file_checksum(path) == SHA256
