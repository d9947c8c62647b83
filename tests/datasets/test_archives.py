"""Unpacking: what a good archive holds comes out; a bad one writes nothing, inside the folder or outside."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import stat
import tarfile
import zipfile

import pytest

from nnlite.datasets import extract_archive

FILES = {"data/a.txt": b"one", "data/deep/er/b.bin": bytes(range(256)) * 50, "c": b""}


def tar_bytes(files=FILES, mode="w", change=None, links=()):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if change:
                change(info)
            archive.addfile(info, io.BytesIO(data))
        for info in links:
            archive.addfile(info)
    return out.getvalue()


def zip_bytes(files=FILES, mode=0o644):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


GOOD = {
    "zip": zip_bytes(),
    "tar": tar_bytes(),
    "tar.gz": tar_bytes(mode="w:gz"),
    "tar.bz2": tar_bytes(mode="w:bz2"),
    "tar.xz": tar_bytes(mode="w:xz"),
}


def everything(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def write(tmp_path, data, name="archive"):
    (tmp_path / "in").mkdir(exist_ok=True)
    path = tmp_path / "in" / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", GOOD)
def test_good_archives(tmp_path, kind):
    path = write(tmp_path, GOOD[kind])  # told by its contents: the name says nothing
    out = tmp_path / "out"
    files = extract_archive(path, out)
    assert [file.relative_to(out).as_posix() for file in files] == list(FILES)
    assert [file.read_bytes() for file in files] == list(FILES.values())
    assert {path.name for path in out.iterdir()} == {"data", "c"}
    extract_archive(path, out)  # once more, over what is there
    assert files[1].read_bytes() == FILES["data/deep/er/b.bin"]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_single_compressed_file(tmp_path, compress):
    path = write(tmp_path, compress(b"numbers" * 1000), "table.csv.gz")
    assert extract_archive(path) == [path.parent / "table.csv"]
    assert (path.parent / "table.csv").read_bytes() == b"numbers" * 1000


def test_files_get_ordinary_permissions(tmp_path):
    path = write(tmp_path, tar_bytes(change=lambda info: setattr(info, "mode", 0o4777)))
    file = extract_archive(path, tmp_path / "out")[0]
    assert not file.stat().st_mode & (stat.S_ISUID | stat.S_IXUSR | stat.S_IWOTH)


NAMES = ["../out.txt", "/tmp/absolute.txt", "a/../../out.txt", "..", "C:\\out.txt", "..\\out.txt", "\\\\host\\out", "."]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pack", [tar_bytes, zip_bytes])
def test_names_that_lead_outside(tmp_path, name, pack):
    path = write(tmp_path, pack({"good.txt": b"1", name: b"2"}))
    before = everything(tmp_path)
    with pytest.raises(ValueError, match=r"outside the folder|damaged"):
        extract_archive(path, tmp_path / "out")
    assert everything(tmp_path) == before | {"out"}


def link(kind, target):
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "info",
    [
        link(tarfile.SYMTYPE, "/etc/passwd"),
        link(tarfile.SYMTYPE, "data/a.txt"),
        link(tarfile.LNKTYPE, "../secret"),
        link(tarfile.CHRTYPE, ""),
        link(tarfile.BLKTYPE, ""),
        link(tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_in_tar_files(tmp_path, info):
    path = write(tmp_path, tar_bytes(links=[info]))
    with pytest.raises(ValueError, match="link or device: 'link'"):
        extract_archive(path, tmp_path / "out")
    assert everything(tmp_path / "out") == set()


def test_links_in_zip_files(tmp_path):
    path = write(tmp_path, zip_bytes({"link": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777))
    with pytest.raises(ValueError, match="link or device: 'link'"):
        extract_archive(path, tmp_path / "out")


@pytest.mark.parametrize("kind", [*GOOD, "gz"])
def test_size_limits(tmp_path, kind):
    big = {"zeros": bytes(30_000_000)}
    data = {
        "zip": lambda: zip_bytes(big),
        "tar": lambda: tar_bytes(big),
        "gz": lambda: gzip.compress(big["zeros"]),
    }.get(kind, lambda: tar_bytes(big, "w:" + kind.removeprefix("tar.")))()
    path = write(tmp_path, data)
    with pytest.raises(ValueError, match=r"holds more than 1000000 bytes \(max_bytes=\)"):
        extract_archive(path, tmp_path / "out", max_bytes=1_000_000)
    assert everything(tmp_path / "out") == set()
    with pytest.raises(ValueError, match=r"more than 2 files \(max_files=\)"):
        extract_archive(write(tmp_path, GOOD.get(kind, GOOD["zip"])), tmp_path / "out", max_files=2)


def test_a_tar_file_whose_headers_are_the_bomb(tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("small")
        info.pax_headers = {"comment": "x" * 40_000_000}
        archive.addfile(info)
    assert len(out.getvalue()) < 200_000
    with pytest.raises(ValueError, match="holds more than 1000 bytes"):
        extract_archive(write(tmp_path, out.getvalue()), tmp_path / "out", max_bytes=1000)


@pytest.mark.parametrize("kind", GOOD)
def test_truncated_and_changed_archives(tmp_path, kind):
    """Whatever the damage, it is a ValueError that names the file, or the contents come out; nothing stays behind."""
    generator, good = random.Random(kind), GOOD[kind]
    refused = 0
    for i in range(60):
        data = bytearray(good)
        if i % 3 == 0:
            del data[generator.randrange(len(data)) :]
        else:
            for _ in range(generator.choice([1, 5, 50])):
                data[generator.randrange(len(data))] = generator.randrange(256)
        path, out = write(tmp_path, bytes(data)), tmp_path / f"out{i}"
        try:
            extract_archive(path, out)
        except ValueError as error:
            refused += 1
            assert str(path) in str(error)
            assert everything(out) == set()
        assert {path.name for path in tmp_path.iterdir()} <= {"in", *(f"out{j}" for j in range(i + 1))}
    assert refused > 15


def test_what_is_no_archive(tmp_path):
    with pytest.raises(ValueError, match="no zip, tar, gzip, bzip2 or xz file: it starts with 6e 61 6d 65"):
        extract_archive(write(tmp_path, b"name,price\n"))
    with pytest.raises(ValueError, match="it is empty"):
        extract_archive(write(tmp_path, b""))
    with pytest.raises(FileNotFoundError, match="no such file"):
        extract_archive(tmp_path / "none.zip")


def test_encrypted_zip(tmp_path):
    data = bytearray(zip_bytes({"a": b"secret"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    with pytest.raises(ValueError, match=r"cannot be read: .*encrypted"):
        extract_archive(write(tmp_path, bytes(data)), tmp_path / "out")


@pytest.mark.parametrize("pack", [tar_bytes, zip_bytes])
def test_a_file_where_a_folder_has_to_be(tmp_path, pack):
    path = write(tmp_path, pack({"a": b"1", "a/b": b"2"}))
    with pytest.raises(ValueError, match="names that no folder can hold"):
        extract_archive(path, tmp_path / "out")
    path = write(tmp_path, pack({"n" * 5000: b"1"}))
    with pytest.raises(ValueError, match="names that no folder can hold"):
        extract_archive(path, tmp_path / "out")
