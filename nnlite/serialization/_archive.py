"""The container of a checkpoint: a zip archive without compression, as PyTorch lays it out.

Every entry stands in one folder of the archive: ``data.pkl`` the pickle, ``data/0``, ``data/1``, ... the bytes of the
storages, ``byteorder`` and ``version``. The bytes of an entry begin at a multiple of 64, so that they can be mapped
into memory. Format of zip: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import sys
import zipfile
import zlib
from typing import Any

import numpy as np

from . import _options

ALIGNMENT = 64
_MARK_32 = 0xFFFFFFFF  # in the place of a number that stands in the zip64 fields
_MARK_16 = 0xFFFF
_LARGE = _MARK_32
_MANY = _MARK_16
_CHUNK = 1 << 26
_IN_CACHE = 1 << 18
_DATE = 0x0021  # 1 January 1980: equal objects give equal files
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_END = struct.Struct("<IHHHHIIH")
_END_64 = struct.Struct("<IQHHIIQQQQ")
_LOCATOR_64 = struct.Struct("<IIQI")


class ArchiveWriter:
    """Writes entries to ``file`` one after another; needs nothing of it but ``write``."""

    def __init__(self, file: Any, root: str = "archive") -> None:
        self._file = file
        self._root = root
        self._position = 0
        self._central: list[bytes] = []

    def _write(self, data: Any) -> None:
        view = memoryview(data).cast("B")
        self._position += len(view)
        while len(view):
            part = view[:_CHUNK]
            count = self._file.write(part)  # a file without a buffer may take less than all
            view = view[count if isinstance(count, int) else len(part) :]

    def add(self, name: str, data: Any) -> None:
        """Add the entry ``name`` with the bytes of ``data``, any contiguous buffer."""
        view = memoryview(data).cast("B")
        size, offset = len(view), self._position
        path = f"{self._root}/{name}".encode("ascii")
        crc = zlib.crc32(view) if _options.get_crc32_options() else 0
        big = size >= _LARGE
        size_32 = _MARK_32 if big else size
        far = offset >= _LARGE
        version = 45 if big or far else 20
        extra = struct.pack("<HHQQ", 1, 16, size, size) if big else b""
        padding = -(offset + _LOCAL.size + len(path) + len(extra) + 4) % ALIGNMENT
        extra += struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        header = _LOCAL.pack(0x04034B50, version, 0, 0, 0, _DATE, crc, size_32, size_32, len(path), len(extra))
        self._write(header + path + extra)
        self._write(view)
        large = ([size, size] if big else []) + ([offset] if far else [])
        extra = struct.pack(f"<HH{len(large)}Q", 1, 8 * len(large), *large) if large else b""
        entry = _CENTRAL.pack(
            0x02014B50, version, version, 0, 0, 0, _DATE, crc, size_32, size_32, len(path), len(extra),
            0, 0, 0, 0, _MARK_32 if far else offset,
        )  # fmt: skip
        self._central.append(entry + path + extra)

    def finish(self) -> None:
        """Write the directory of entries, without which the archive cannot be read."""
        directory = b"".join(self._central)
        count, start, size = len(self._central), self._position, len(directory)
        self._write(directory)
        large = count >= _MANY or start >= _LARGE or size >= _LARGE
        if large:
            end = self._position
            self._write(_END_64.pack(0x06064B50, _END_64.size - 12, 45, 45, 0, 0, count, count, size, start))
            self._write(_LOCATOR_64.pack(0x07064B50, 0, end, 1))
        ends = (_MARK_16, _MARK_16, _MARK_32, _MARK_32) if large else (count, count, size, start)
        self._write(_END.pack(0x06054B50, 0, 0, *ends, 0))


def _map(file: Any) -> mmap.mmap:
    access = mmap.ACCESS_WRITE if _options.maps_are_shared() else mmap.ACCESS_COPY
    return mmap.mmap(file.fileno(), 0, access=access)


def _damaged(what: str) -> RuntimeError:
    return RuntimeError(
        f"load: the checkpoint is damaged or cut off: {what}. Fetch or write the file again; "
        "nothing of it has been loaded."
    )


class ArchiveReader:
    """Reads entries, and reads no more bytes in total than the file has.

    Raises:
        RuntimeError: the archive is cut off or damaged, or is not one that ``save`` writes.
    """

    def __init__(self, file: Any, mapped: bool = False) -> None:
        self._file = file
        try:
            self.size = file.seek(0, os.SEEK_END) or file.tell()
            self._entries = {entry.filename: entry for entry in zipfile.ZipFile(file).infolist()}
        except MemoryError:
            raise
        except Exception as error:  # zipfile raises many types for damaged directories
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise  # the disk, not the archive
            raise _damaged(f"failed finding central directory ({error})") from None
        self._left = self.size
        self._map = _map(file) if mapped else None
        self.root = self._find_root()
        self.little_endian = self._byte_order() == b"little"

    def _find_root(self) -> str:
        roots = [name[: -len("data.pkl")] for name in self._entries if name.endswith("/data.pkl")]
        roots = [root for root in roots if root.count("/") == 1]
        if len(roots) != 1:
            raise RuntimeError(
                "load: this zip archive is not a checkpoint: it has "
                f"{'several folders' if roots else 'no folder'} with a data.pkl. Checkpoints are written by save."
            )
        root = roots[0]
        if f"{root}constants.pkl" in self._entries:
            raise RuntimeError(
                "load: this is a TorchScript archive, which holds compiled code; nnlite reads checkpoints of "
                "torch.save. Load it with torch.jit.load in PyTorch and save its state_dict()."
            )
        return root

    def _byte_order(self) -> bytes:
        # Archives written before PyTorch 2.1 have no such entry; they are little-endian in practice.
        if f"{self.root}byteorder" not in self._entries:
            native = _options.get_default_load_endianness() is _options.LoadEndianness.NATIVE
            big = _options.get_default_load_endianness() is _options.LoadEndianness.BIG
            return b"big" if big or (native and sys.byteorder == "big") else b"little"
        order = self.read("byteorder")
        if order not in (b"little", b"big"):
            raise _damaged(f"unknown byte order {order[:20]!r}")
        return order

    def _locate(self, name: str) -> tuple[zipfile.ZipInfo, int]:
        """The entry, and where its bytes begin."""
        entry = self._entries.get(self.root + name)
        if entry is None:
            raise _damaged(f"it has no entry {self.root + name}")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise RuntimeError(
                f"load: the entry {entry.filename} is compressed; checkpoints hold their data as it is, and a "
                "compressed entry could fill the memory. Unpack the archive and zip it again with `zip -0`."
            )
        if entry.flag_bits & 1:
            raise RuntimeError(f"load: the entry {entry.filename} is encrypted; decrypt the archive first")
        start = entry.header_offset
        header = self._bytes(start, _LOCAL.size)
        if header[:4] != b"PK\x03\x04":
            raise _damaged(f"the entry {entry.filename} is not where the directory says")
        start += _LOCAL.size + sum(_LOCAL.unpack(header)[-2:])
        if start + entry.file_size > self.size:
            raise _damaged(f"the entry {entry.filename} goes beyond the end of the file")
        return entry, start

    def _bytes(self, start: int, count: int) -> bytes:
        if start < 0 or start + count > self.size:
            raise _damaged("an entry lies beyond the end of the file")
        self._file.seek(start)
        data: bytes = self._file.read(count)
        return data

    def _charge(self, entry: zipfile.ZipInfo) -> None:
        self._left -= entry.file_size
        if self._left < 0:
            raise _damaged("its entries overlap")

    def read(self, name: str) -> bytes:
        """The bytes of a small entry."""
        return self.array(name, mapped=False).tobytes()

    def array(self, name: str, mapped: bool = True) -> np.ndarray:
        """The bytes of an entry as a writable array of uint8: read, or mapped where the reader maps."""
        entry, start = self._locate(name)
        self._charge(entry)
        if mapped and self._map is not None:
            return np.frombuffer(self._map, np.uint8, entry.file_size, start)
        data: Any = np.empty(entry.file_size, np.uint8)
        self._file.seek(start)
        crc = self._fill(memoryview(data))
        # torch.serialization.set_crc32_options(False) writes 0 for "not computed".
        if entry.CRC and crc != entry.CRC:
            raise _damaged(f"the check sum of {entry.filename} does not fit its bytes (crc-32)")
        return data

    def _fill(self, view: memoryview) -> int:
        """Read the bytes from where the file is; returns their check sum, taken while they are in the cache."""
        readinto = getattr(self._file, "readinto", None)
        done = crc = 0
        while done < len(view):
            part = view[done : done + _IN_CACHE]
            if readinto is not None:
                count = readinto(part)
            else:
                data = self._file.read(len(part))
                count = len(data)
                part[:count] = data
            if not count:
                raise _damaged("the file ends in the middle of an entry")
            crc = zlib.crc32(part[:count], crc)
            done += count
        return crc
