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

import numpy as np

from ..creation import from_numpy
from ..tensor import Tensor

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"


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
    data = Path(path).read_bytes()
    if data.startswith(_GZIP_MAGIC):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"read_idx: {path} is a damaged or truncated gzip file: {error}") from error
    return from_numpy(_parse(data, str(path)))


def _parse(data: bytes, path: str) -> np.ndarray:
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES:
        start_bytes = data[:4].hex(" ") or "nothing"
        raise ValueError(f"read_idx: {path} is not an IDX file: it starts with {start_bytes}")
    dtype, ndim = np.dtype(_TYPES[data[2]]), data[3]
    start = 4 + 4 * ndim
    if len(data) < start:
        raise ValueError(
            f"read_idx: {path} is truncated: expected a header of {start} bytes for {ndim} dimensions, "
            f"got {len(data)} bytes"
        )
    shape = struct.unpack_from(f">{ndim}I", data, 4)
    expected = start + math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        what = "is truncated" if len(data) < expected else "goes on after its last element"
        raise ValueError(
            f"read_idx: {path} {what}: expected {expected} bytes for shape {tuple(shape)} of "
            f"{dtype.newbyteorder('=').name}, got {len(data)}"
        )
    array = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


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
