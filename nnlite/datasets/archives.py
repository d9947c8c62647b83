"""Unpacking archives that come from elsewhere: nothing is written outside the folder, and no more than was allowed."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Generator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any

_MAGIC: list[tuple[bytes, Any]] = [(b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open)]
_TAR_MAGIC_AT = 257
_DAMAGED = (
    EOFError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    NotImplementedError,
    tarfile.TarError,
    UnicodeDecodeError,
    zipfile.BadZipFile,
    zlib.error,
)
_CHUNK = 1 << 20
_IMPOSSIBLE_NAMES = {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}

Member = tuple[str, bool, IO[bytes] | None]
"""A name in the archive, whether it is a folder, and its contents."""


def extract_archive(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str] | None = None,
    *,
    max_bytes: int = 1 << 32,
    max_files: int = 100_000,
) -> list[Path]:
    """Unpack a zip file, a tar file (plain or compressed by gzip, bzip2 or xz) or a single compressed file.

    What the file is is told by its contents, not by its name. Everything is unpacked into a temporary folder first and
    moved when all of it is there, so that a damaged archive leaves nothing behind. Files get ordinary permissions.

    Args:
        path: the archive.
        folder: where to, made if need be; the archive's own folder if None.
        max_bytes: the archive is refused when its files are larger than this together.
        max_files: the archive is refused when it has more files and folders than this.

    Returns:
        The files, in the archive's order.

    Raises:
        FileNotFoundError: there is no such archive.
        ValueError: the file is no archive, is damaged, truncated or encrypted, is larger than allowed, or has a member
            that does not belong in a dataset: an absolute path or one with ``..``, a link, a device.

    Example:
        >>> import os, tempfile, zipfile
        >>> from nnlite.datasets import extract_archive
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "data.zip")
        ...     with zipfile.ZipFile(path, "w") as file:
        ...         file.writestr("data/a.txt", "one")
        ...     [file.read_text() for file in extract_archive(path)]
        ['one']
    """
    path = Path(path)
    folder = path.parent if folder is None else Path(folder)
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "extract_archive: there is no such file", str(path))
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder))
    try:
        names = _unpack(path, temporary, max_bytes, max_files)
        return [_move(temporary, folder, name) for name in names]
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unpack(path: Path, folder: Path, max_bytes: int, max_files: int) -> list[str]:
    left, names, count = max_bytes, [], 0
    members = _members(path, max_bytes)
    try:
        for name, is_folder, contents in members:
            count += 1
            if count > max_files:
                raise ValueError(f"extract_archive: {path} has more than {max_files} files (max_files=)")
            target = folder / _safe(name, path)
            if is_folder:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            assert contents is not None
            left -= _copy(contents, target, left, path, max_bytes)
            names.append(name)
    except _DAMAGED as error:
        raise ValueError(f"extract_archive: {path} is a damaged or truncated archive: {error}") from error
    except RuntimeError as error:  # what zipfile raises without a password
        raise ValueError(f"extract_archive: {path} cannot be read: {error}") from error
    except OSError as error:
        if error.errno is None:  # bz2: "Invalid data stream"
            raise ValueError(f"extract_archive: {path} is a damaged or truncated archive: {error}") from error
        if error.errno not in _IMPOSSIBLE_NAMES:
            raise
        raise ValueError(f"extract_archive: {path} has names that no folder can hold: {error.strerror}") from error
    finally:
        members.close()
    return list(dict.fromkeys(names))


def _copy(contents: IO[bytes], target: Path, left: int, path: Path, max_bytes: int) -> int:
    size = 0
    with open(target, "wb") as file:
        while chunk := contents.read(_CHUNK):
            size += len(chunk)
            if size > left:
                raise _too_large(path, max_bytes)
            file.write(chunk)
    return size


def _too_large(path: Path, max_bytes: int) -> ValueError:
    return ValueError(f"extract_archive: {path} holds more than {max_bytes} bytes (max_bytes=)")


def _safe(name: str, path: Path) -> str:
    """The name, if it stays inside the folder on every system."""
    ways = PurePosixPath(name), PureWindowsPath(name)
    leaves = any(way.is_absolute() or way.drive or way.root or ".." in way.parts for way in ways)
    if leaves or "\0" in name or not ways[0].parts:
        raise ValueError(f"extract_archive: {path} has a member that would be written outside the folder: {name!r}")
    return name


def _move(temporary: Path, folder: Path, name: str) -> Path:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(temporary / name, target)
    return target


def _members(path: Path, max_bytes: int) -> Generator[Member, None, None]:
    if zipfile.is_zipfile(path):
        return _zip_members(path)
    return _tar_members(path, max_bytes)


def _zip_members(path: Path) -> Generator[Member, None, None]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ValueError(f"extract_archive: {path} has a link or device: {info.filename!r}")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # bzip2 and xz unpack far more at a time than is asked for
                raise ValueError(
                    f"extract_archive: {path} compresses {info.filename!r} by method {info.compress_type}; only plain "
                    "and deflated members are unpacked (pack it anew)"
                )
            if info.filename.endswith("/"):  # is_dir() fails at an empty name
                yield info.filename, True, None
                continue
            with archive.open(info) as contents:
                yield info.filename, False, contents


def _tar_members(path: Path, max_bytes: int) -> Generator[Member, None, None]:
    """The members of a tar file; of a file that is compressed and no tar file, its contents under its name."""
    with open(path, "rb") as file:
        start = file.read(6)
    opener = next((opener for magic, opener in _MAGIC if start.startswith(magic)), None)
    with (opener or open)(path, "rb") as stream:
        head = stream.read(512)
        stream.seek(0)
        if head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar":
            yield from _each_tar_member(path, _Limited(stream, path, max_bytes))
        elif opener is None:
            what = "is empty" if not head else f"starts with {head[:4].hex(' ')}"
            raise ValueError(f"extract_archive: {path} is no zip, tar, gzip, bzip2 or xz file: it {what}")
        else:
            yield path.stem if path.suffix else path.name + ".unpacked", False, stream


def _each_tar_member(path: Path, stream: Any) -> Generator[Member, None, None]:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            if not member.isfile() and not member.isdir():
                raise ValueError(f"extract_archive: {path} has a link or device: {member.name!r}")
            _safe(member.name, path)
            tarfile.data_filter(member, str(path.parent))
            yield member.name, member.isdir(), None if member.isdir() else archive.extractfile(member)


class _Limited:
    """A stream that ends the reading of an archive which unpacks to more than was allowed, headers included."""

    def __init__(self, stream: IO[bytes], path: Path, max_bytes: int) -> None:
        self._stream, self._path, self._max_bytes = stream, path, max_bytes
        self._left = max_bytes + max_bytes // 2 + (1 << 24)

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _too_large(self._path, self._max_bytes)
        return data
