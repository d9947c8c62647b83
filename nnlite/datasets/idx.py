"""The IDX file format, in which MNIST and its relatives are distributed.

A file is the bytes 0, 0, a type code and the number of dimensions, then one big-endian 32-bit size for each dimension,
then the elements, big-endian, in C order. Source: the description of the format by Y. LeCun, C. Cortes, C. Burges,
"The MNIST database of handwritten digits".
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from ..creation import from_numpy
from ..tensor import Tensor

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_MOST_OF_DEFLATE = 1032
"""A compressed byte stands for at most this many bytes."""

_MOST_DIMENSIONS = 64
_CHUNK = 1 << 22


def read_idx(path: str | os.PathLike[str]) -> Tensor:
    """The tensor in an IDX file, plain or compressed with gzip (told by its content, not by its name).

    The dtype is the file's: uint8, int8, int16, int32, float32 or float64.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not an IDX file, is truncated, or goes on after its last element.

    Example:
        >>> import os, struct, tempfile
        >>> from nnlite.datasets import read_idx
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "labels-idx1-ubyte")
        ...     with open(path, "wb") as file:
        ...         _ = file.write(struct.pack(">HBBI", 0, 8, 1, 3) + bytes([7, 2, 1]))
        ...     read_idx(path)
        tensor([7, 2, 1], dtype=torch.uint8)
    """
    with open(path, "rb") as file:
        compressed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        size = os.fstat(file.fileno()).st_size
        try:
            stream = gzip.GzipFile(fileobj=file) if compressed else file
            return from_numpy(
                _parse(cast(BinaryIO, stream), str(path), size * _MOST_OF_DEFLATE if compressed else size)
            )
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"read_idx: {path} is a damaged or truncated gzip file: {error}") from error


def _parse(file: BinaryIO, path: str, most: int) -> np.ndarray:
    """The array in a file that holds at most ``most`` bytes; a header that promises more is not believed."""
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES:
        raise ValueError(f"read_idx: {path} is not an IDX file: it starts with {head.hex(' ') or 'nothing'}")
    dtype, ndim = np.dtype(_TYPES[head[2]]), head[3]
    sizes = file.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise ValueError(
            f"read_idx: {path} is truncated: expected a header of {4 + 4 * ndim} bytes for {ndim} dimensions, "
            f"got {4 + len(sizes)} bytes"
        )
    shape = struct.unpack(f">{ndim}I", sizes)
    start = 4 + 4 * ndim
    expected = start + math.prod(shape) * dtype.itemsize
    if ndim > _MOST_DIMENSIONS:
        raise ValueError(f"read_idx: {path} has {ndim} dimensions; NumPy arrays have at most {_MOST_DIMENSIONS}")
    data = _read_all(file, expected - start + 1) if expected <= most else b""
    got = start + len(data)
    if expected > most or got != expected:
        what = "goes on after its last element" if got > expected else "is truncated"
        if got > expected:
            got += _count_rest(file)
        raise ValueError(
            f"read_idx: {path} {what}: expected {expected} bytes for shape {tuple(shape)} of "
            f"{dtype.newbyteorder('=').name}, got {f'at most {most}' if expected > most else got}"
        )
    array = np.frombuffer(data, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def _read_all(file: BinaryIO, count: int) -> bytearray:
    """Up to ``count`` bytes. Memory is taken as they come, not as many as the header promises."""
    data = bytearray()
    while len(data) < count and (chunk := file.read(min(_CHUNK, count - len(data)))):
        data += chunk
    return data


def _count_rest(file: BinaryIO) -> int:
    count = 0
    while chunk := file.read(_CHUNK):
        count += len(chunk)
    return count


def find_idx(folder: str | os.PathLike[str], name: str) -> Path:
    """The path of the IDX file ``name`` in ``folder``, compressed (``name.gz``) or not.

    Some distributions write ``train-images.idx3-ubyte`` for ``train-images-idx3-ubyte``; both are found.

    Raises:
        FileNotFoundError: neither file is there; the message lists the names that were tried.
    """
    stem, _, suffix = name.rpartition("-idx")
    names = [name, f"{stem}.idx{suffix}"] if stem else [name]
    tried = [candidate + ending for candidate in names for ending in ("", ".gz")]
    for candidate in tried:
        path = Path(folder, candidate)
        if path.is_file():
            return path
    raise FileNotFoundError(f"no IDX file {name} in {folder} (tried {', '.join(tried)})")
