"""Tensors in NumPy's ``.npz`` and ``.npy`` files, which ``numpy.load`` reads and ``numpy.savez`` writes.

Nothing in such a file can run code: arrays of Python objects, which would be pickled, are refused. bfloat16 has no name
in the format; it is written as NumPy writes it, as two raw bytes (``V2``), and read back.

Source of the format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import errno
import math
import os
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._core.dtypes import BY_NAME, bfloat16
from .._core.tensor_base import wrap
from ..backends import backend_of
from ..tensor import Tensor
from ._atomic import replacing

__all__ = ["load", "load_array", "save", "save_array"]

_Path = str | os.PathLike[str]
_MAGIC = b"\x93NUMPY"
_MAX_HEADER = 10_000  # NumPy's own limit
_MAX_DIMENSIONS = 64
_CHUNK = 1 << 20
_GROWTH = 20
_ROOM = 1 << 20
_DATE = (1980, 1, 1, 0, 0, 0)  # equal tensors give equal files
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, LookupError, NotImplementedError, RuntimeError,
           OverflowError, UnicodeError)  # fmt: skip
_BY_CODE = {t.np.str[1:]: t.np for t in BY_NAME.values() if t is not bfloat16 and t.name != "complex32"}

# Writing


def save(tensors: Mapping[str, Any], file: Any, *, compress: bool = False) -> None:
    """Write tensors to an ``.npz`` file, atomically where ``file`` is a path.

    Args:
        tensors: name -> tensor or NumPy array; a ``state_dict``.
        file: a path, which is used as it is, or a binary file to write to.
        compress: take less room and more time.

    Raises:
        TypeError: something is neither a tensor nor an array of numbers.
        ValueError: a name is empty or holds a NUL character.

    Example:
        >>> import io, nnlite
        >>> from nnlite.serialization import npz
        >>> file = io.BytesIO()
        >>> npz.save({"weight": nnlite.ones(2), "n": nnlite.tensor(3)}, file)
        >>> npz.load(file)
        {'weight': tensor([1., 1.]), 'n': tensor(3)}
    """
    arrays = {_name(name): _host(name, value) for name, value in tensors.items()}
    if isinstance(file, str | os.PathLike):
        with replacing(os.fspath(file)) as opened:
            _write(arrays, opened, compress)
    else:
        _write(arrays, file, compress)


def save_array(tensor: Any, file: Any) -> None:
    """Write one tensor to an ``.npy`` file, atomically where ``file`` is a path.

    Example:
        >>> import io, nnlite
        >>> from nnlite.serialization import npz
        >>> file = io.BytesIO()
        >>> npz.save_array(nnlite.arange(3), file)
        >>> npz.load_array(file)
        tensor([0, 1, 2])
    """
    array = _host("tensor", tensor)
    if isinstance(file, str | os.PathLike):
        with replacing(os.fspath(file)) as opened:
            np.lib.format.write_array(opened, array, allow_pickle=False)
    else:
        np.lib.format.write_array(file, array, allow_pickle=False)


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"save: the name of a tensor must be a string, got {type(name).__name__}")
    if not name or "\0" in name:
        raise ValueError(f"save: {name!r:.100} cannot be the name of an array in a file")
    return name


def _host(name: str, value: Any) -> np.ndarray:
    if not isinstance(value, Tensor | np.ndarray | np.generic):
        raise TypeError(f"save: {name!r:.100} must be a tensor or a NumPy array, got {type(value).__name__}")
    array = backend_of(value._a).to_host(value._a) if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.hasobject or (array.dtype.kind not in "biufc" and array.dtype.name != "bfloat16"):
        raise TypeError(f"save: {name!r:.100} is an array of {array.dtype}, not of numbers")
    return array


def _write(arrays: Mapping[str, np.ndarray], file: Any, compress: bool) -> None:
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", _DATE)
            entry.compress_type = method
            with archive.open(entry, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)


# Reading


def load(file: Any, device: Any = "cpu", *, max_bytes: int | None = None) -> dict[str, Tensor]:
    """The tensors in an ``.npz`` file, by name.

    Args:
        file: a path, or a binary file that can seek.
        device: where the tensors go.
        max_bytes: how much all arrays together may take. A compressed file of a few bytes can hold arrays that fill the
            memory; by default the arrays may take 20 times the size of the file and one MiB.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, cut off, or of another format; it holds something that is no array, or a name
            twice; its arrays take more than ``max_bytes``.
        TypeError: an array is of a dtype that nnlite lacks, or of Python objects.
    """
    if isinstance(file, str | os.PathLike):
        with open(file, "rb") as opened:
            return load(opened, device, max_bytes=max_bytes)
    try:
        size = file.seek(0, os.SEEK_END)
        left = _GROWTH * size + _ROOM if max_bytes is None else max_bytes
        with zipfile.ZipFile(file) as archive:
            arrays = _arrays(archive, left, size, max_bytes is not None)
    except _DAMAGE as error:
        raise _damaged(f"{type(error).__name__}: {error}") from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # the disk, not a place in the file that cannot be
            raise
        raise _damaged(str(error)) from None
    return {name: wrap(array).to(device) for name, array in arrays.items()}


def load_array(file: Any, device: Any = "cpu") -> Tensor:
    """The tensor in an ``.npy`` file; raises what :func:`load` raises."""
    if isinstance(file, str | os.PathLike):
        with open(file, "rb") as opened:
            return load_array(opened, device)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    t: Tensor = wrap(_read_array("the file", file, size)).to(device)
    return t


def _damaged(what: str) -> ValueError:
    return ValueError(
        f"load: the file is damaged, cut off, or not one of numpy.savez: {what}. Fetch or write it again; nothing of "
        "it has been loaded."
    )


def _arrays(archive: zipfile.ZipFile, left: int, size: int, given: bool) -> dict[str, np.ndarray]:
    """The arrays of an archive, which may take ``left`` bytes; those that are not compressed no more than the file."""
    found: dict[str, np.ndarray] = {}
    stored = size
    for entry in archive.infolist():
        name = entry.filename.removesuffix(".npy")
        if name in found:
            raise _damaged(f"the name {name!r:.100} stands twice in it")
        if name == entry.filename:
            raise _damaged(f"the entry {name!r:.100} is no array: its name does not end in .npy")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _damaged(
                f"the array {name!r:.100} is compressed by method {entry.compress_type}, which NumPy has not"
            )
        if entry.compress_type == zipfile.ZIP_STORED:
            stored -= entry.file_size
        left -= entry.file_size
        if stored < 0:
            raise _damaged("its entries overlap")
        if left < 0:
            fix = "raise max_bytes" if given else "if you trust it, pass max_bytes"
            raise ValueError(f"load: the arrays of this file take much more memory than the file is long; {fix}")
        with archive.open(entry) as stream:
            found[name] = _read_array(name, stream, entry.file_size)
    return found


def _read_array(name: str, stream: Any, size: int) -> np.ndarray:
    """The array in a stream of ``size`` bytes."""
    head = _exactly(stream, 8)
    if head[:6] != _MAGIC or head[6] not in (1, 2, 3):
        raise _damaged(f"{name!r:.100} is not an array of NumPy: it begins with {head!r}")
    width = 2 if head[6] == 1 else 4
    length = int.from_bytes(_exactly(stream, width), "little")
    if length > _MAX_HEADER:
        raise _damaged(f"the header of {name!r:.100} has {length} bytes")
    dtype, fortran, shape = _parse(name, _exactly(stream, length).decode("utf-8" if head[6] == 3 else "latin1"))
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes != size - 8 - width - length:
        raise _damaged(
            f"{name!r:.100} of shape {shape} and {dtype} needs {nbytes} bytes, the file has {size - 8 - width - length}"
        )
    data = np.empty(nbytes, np.uint8)
    view = data.data
    for at in range(0, nbytes, _CHUNK):
        view[at : at + _CHUNK] = _exactly(stream, min(_CHUNK, nbytes - at))
    if stream.read(1):
        raise _damaged(f"{name!r:.100} goes on after its last element")
    array = data.view(dtype) if nbytes else np.empty(0, dtype)
    array = array.reshape(shape, order="F" if fortran else "C")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="), order="K")


def _exactly(stream: Any, count: int) -> bytes:
    data: bytes = stream.read(count)
    if len(data) != count:
        raise _damaged("it ends in the middle of an array")
    return data


def _parse(name: str, text: str) -> tuple[np.dtype, bool, tuple[int, ...]]:
    """Dtype, order and shape in the header of an array, a literal of Python."""
    try:
        with warnings.catch_warnings(action="ignore"):
            found = ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError, TypeError) as error:
        raise _damaged(f"the header of {name!r:.100} cannot be read ({error})") from None
    if not isinstance(found, dict) or found.keys() != {"descr", "fortran_order", "shape"}:
        raise _damaged(f"the header of {name!r:.100} does not say descr, fortran_order and shape")
    descr, fortran, shape = found["descr"], found["fortran_order"], found["shape"]
    counts = isinstance(shape, tuple) and all(type(n) is int and 0 <= n < 2**63 for n in shape)
    if not counts or len(shape) > _MAX_DIMENSIONS or not isinstance(fortran, bool):
        raise _damaged(f"the header of {name!r:.100} gives no shape but {shape!r:.100}")
    return _dtype(name, descr), fortran, shape


def _dtype(name: str, descr: Any) -> np.dtype:
    if not isinstance(descr, str) or descr[:1] not in ("<", ">", "|", "="):
        raise TypeError(f"load: {name!r:.100} is an array of {descr!r:.100}; tensors hold plain numbers")
    if descr[1:] == "V2":
        return bfloat16.np
    if descr[1:] not in _BY_CODE:
        what = "Python objects, which only a pickle holds" if descr[1:] == "O" else f"the dtype {descr!r:.100}"
        raise TypeError(f"load: {name!r:.100} is an array of {what}; nnlite has {', '.join(sorted(BY_NAME))}")
    return _BY_CODE[descr[1:]].newbyteorder(descr[0])  # type: ignore[arg-type]
