"""Tensors in safetensors files, with the functions of ``safetensors.torch``.

The package ``safetensors`` is not needed: the format is a JSON header and raw bytes, which are mapped into memory here
and become tensors without a copy. Its NumPy interface would copy each tensor twice, write arrays that are not
C-contiguous with wrong values, and know nothing of devices.

Example:
    >>> import os, tempfile, nnlite
    >>> from nnlite.serialization import safetensors
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     safetensors.save_file({"weight": nnlite.ones(2)}, path, metadata={"format": "pt"})
    ...     safetensors.load_file(path)
    {'weight': tensor([1., 1.])}
"""

from __future__ import annotations

import io
import mmap
import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._core.dtypes import BY_NAME
from .._core.tensor_base import wrap
from ..backends import backend_of
from ..tensor import Tensor
from ._atomic import replacing
from ._safetensors_header import (
    CODE_OF,
    CODES,
    Entry,
    Header,
    SafetensorError,
    damaged,
    header_length,
    parse_header,
    write_header,
)
from ._shared import covering, overlapping
from ._tensors import elements_of, swapped
from ._widen import WIDER, widened

__all__ = ["SafetensorError", "load", "load_file", "load_model", "safe_open", "save", "save_file", "save_model"]

_Path = str | os.PathLike[str]

# Writing


def save(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a safetensors file with these tensors; see :func:`save_file`.

    Example:
        >>> import nnlite
        >>> from nnlite.serialization import safetensors
        >>> safetensors.load(safetensors.save({"x": nnlite.arange(3)}))
        {'x': tensor([0, 1, 2])}
    """
    file = io.BytesIO()
    _write(tensors, metadata, file)
    return file.getvalue()


def save_file(tensors: Mapping[str, Tensor], filename: _Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors to a safetensors file, atomically: the old file stays until the new one is complete.

    Args:
        tensors: name -> contiguous tensor; no two may share memory (see :func:`save_model`).
        filename: the path.
        metadata: texts to keep with them.

    Raises:
        ValueError: something is not a tensor, or a tensor is not contiguous.
        RuntimeError: tensors share memory; the folder does not exist.
        TypeError: a name or a text is not a string; the format lacks the dtype (complex128).
    """
    with replacing(os.fspath(filename)) as file:
        _write(tensors, metadata, file)


def _write(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None, file: Any) -> None:
    _check(tensors, metadata)
    # Large elements first, so that all lie at multiples of their size; the order of the safetensors package.
    names = sorted(tensors, key=lambda name: (_RANK[tensors[name].dtype], name))
    described = [
        (name, t.dtype, tuple(t.shape), t.numel() * t.dtype.itemsize) for name in names for t in [tensors[name]]
    ]
    file.write(write_header(described, metadata))
    for name in names:
        array = tensors[name]._a
        data = np.ascontiguousarray(backend_of(array).to_host(array)).reshape(-1)
        file.write((data if np.little_endian else swapped(data)).view(np.uint8).data)


_RANK = {kind: -rank for rank, kind in enumerate(CODE_OF)}


def _check(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None) -> None:
    if not isinstance(tensors, Mapping):
        raise ValueError(f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    for name, t in tensors.items():
        if not isinstance(name, str) or name == "__metadata__":
            raise TypeError(f"the name of a tensor must be a string other than '__metadata__', got {name!r:.100}")
        if not isinstance(t, Tensor):
            raise ValueError(f"Key `{name}` is invalid, expected torch.Tensor but received {type(t)}")
        if t.dtype not in CODE_OF:
            raise TypeError(f"the tensor `{name}` is of {t.dtype}, which safetensors files cannot hold; save its parts")
    shared = [names for names in overlapping(tensors) if len(names) > 1]
    if shared:
        raise RuntimeError(
            "Some tensors share memory, this will lead to duplicate memory on disk and potential differences when "
            f"loading them again: {[set(names) for names in shared]}. Save a model with `save_model`, which writes "
            "each of them once, or `clone()` the tensors."
        )
    for name, t in tensors.items():
        if not t.is_contiguous():
            raise ValueError(
                f"You are trying to save a non contiguous tensor: `{name}` which is not allowed. It either means you "
                "are trying to save tensors which are reference of each other in which case it's recommended to save "
                "only the full tensors, or you need to call `.contiguous()` on it to pack it before saving."
            )
    if metadata is not None and not all(isinstance(text, str) for item in metadata.items() for text in item):
        raise TypeError("metadata must be a dict of strings to strings")


# Reading


class safe_open:
    """A safetensors file whose tensors are read one at a time.

    Args:
        filename: the path.
        framework: ``"pt"``.
        device: where the tensors go; a number is a CUDA device.
        backend: ``"mmap"`` maps the file: a tensor on the CPU is read when it is used, and writing to it leaves the
            file as it is. ``"pread"`` reads.
        widen: give the tensors of dtypes that nnlite lacks as the smallest that holds all their values: 8-bit floats
            as float16 (E8M0 as float32), uint16 as int32, uint32 as int64. Otherwise they raise TypeError.

    Raises:
        FileNotFoundError: there is no such file.
        SafetensorError: the file is damaged, cut off, or of another format.

    Example:
        >>> import os, tempfile, nnlite
        >>> from nnlite.serialization import safetensors
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "x.safetensors")
        ...     safetensors.save_file({"x": nnlite.arange(6).reshape(2, 3)}, path)
        ...     with safetensors.safe_open(path, framework="pt") as file:
        ...         file.keys(), file.get_slice("x")[:, 1:]
        (['x'], tensor([[1, 2],
                [4, 5]]))
    """

    def __init__(
        self, filename: _Path, framework: str = "pt", device: Any = "cpu", *, backend: str = "mmap", widen: bool = False
    ) -> None:
        if framework not in ("pt", "torch", "pytorch"):
            raise NotImplementedError(f"safe_open: framework must be 'pt', got {framework!r}; x.numpy() gives arrays")
        if backend not in ("mmap", "pread"):
            raise ValueError(f"safe_open: backend must be 'mmap' or 'pread', got {backend!r}")
        self._device = f"cuda:{device}" if isinstance(device, int) else device
        self._widen = widen
        self._file: Any = open(filename, "rb")  # noqa: SIM115 -- __exit__ closes it
        try:
            size = self._file.seek(0, os.SEEK_END)
            self._header = _read_header(self._file, size)
            mapped = backend == "mmap"
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_COPY) if mapped else None
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> safe_open:
        return self

    def __exit__(self, *raised: Any) -> None:
        self._file.close()
        self._map = None  # tensors that were read keep it

    def keys(self) -> list[str]:
        """The names of the tensors, sorted."""
        return sorted(self._header.entries)

    def offset_keys(self) -> list[str]:
        """The names of the tensors in the order of their bytes."""
        return list(self._header.entries)

    def metadata(self) -> dict[str, str] | None:
        """The texts in the file, or None."""
        return self._header.metadata

    def get_tensor(self, name: str) -> Tensor:
        """The tensor of a name.

        Raises:
            SafetensorError: there is none, or the file is closed.
            TypeError: nnlite lacks its dtype.
        """
        return self._to_device(self._array(name))

    def get_slice(self, name: str) -> TensorSlice:
        """Stands for the tensor of a name: an index reads a part of it."""
        return TensorSlice(self, name, self._entry(name))

    def _entry(self, name: str) -> Entry:
        if self._file.closed:
            raise SafetensorError("File is closed; read the tensors inside of the with block")
        entry = self._header.entries.get(name)
        if entry is None:
            raise SafetensorError(f"File does not contain tensor {name}")
        return entry

    def _array(self, name: str) -> np.ndarray:
        entry = self._entry(name)
        if self._map is not None:
            raw = np.frombuffer(self._map, np.uint8, entry.stop - entry.start, entry.start)
        else:
            raw = np.empty(entry.stop - entry.start, np.uint8)
            self._file.seek(entry.start)
            if self._file.readinto(raw.data) != len(raw):
                damaged("the file ends in the middle of a tensor")
        return _decode(name, entry, raw, self._widen)

    def _to_device(self, array: np.ndarray) -> Tensor:
        t: Tensor = wrap(array)
        return t if self._device == "cpu" else t.to(self._device)


class TensorSlice:
    """A tensor of a file, of which an index reads a part. Made by :meth:`safe_open.get_slice`."""

    def __init__(self, file: safe_open, name: str, entry: Entry) -> None:
        self._file = file
        self._name = name
        self._entry = entry

    def get_shape(self) -> list[int]:
        """The shape."""
        return list(self._entry.shape)

    def get_dtype(self) -> str:
        """The format's name of the dtype."""
        return self._entry.code

    def __getitem__(self, index: Any) -> Tensor:
        return self._file._to_device(np.ascontiguousarray(self._file._array(self._name)[index]))


def _read_header(file: Any, size: int) -> Header:
    file.seek(0)
    length = header_length(file.read(8), size)
    return parse_header(file.read(length), size)


def _decode(name: str, entry: Entry, raw: np.ndarray, widen: bool) -> np.ndarray:
    """The tensor that the bytes are."""
    known = CODES.get(entry.code)
    if known is None:
        if widen and entry.code in WIDER:
            return widened(raw, entry.code).reshape(entry.shape)
        how = f"read it as {WIDER[entry.code]} with widen=True, or " if entry.code in WIDER else ""
        raise TypeError(
            f"the tensor {name!r:.100} is of {entry.code}, a dtype that nnlite lacks: {how}convert the file"
        )
    array = elements_of(raw, BY_NAME[known])
    if sys.byteorder == "big":
        array = swapped(array)
    return (array if array.flags.aligned else array.copy()).reshape(entry.shape)


def load_file(filename: _Path, device: Any = "cpu", *, backend: str = "mmap", widen: bool = False) -> dict[str, Tensor]:
    """The tensors of a safetensors file; the arguments are those of :class:`safe_open`.

    On the CPU the tensors lie in the mapped file: nothing is read before it is used, and writing to them does not
    change the file. Do not change the file meanwhile; replacing it (as all functions that save do here) is safe.
    """
    with safe_open(filename, "pt", device, backend=backend, widen=widen) as file:
        return {name: file.get_tensor(name) for name in file.offset_keys()}


def load(data: bytes, *, widen: bool = False) -> dict[str, Tensor]:
    """The tensors in the bytes of a safetensors file.

    Raises:
        SafetensorError: the bytes are damaged, cut off, or of another format.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"load: expected bytes, got {type(data).__name__}; use load_file for a path")
    data = bytes(data)
    header = parse_header(data[8 : 8 + header_length(data[:8], len(data))], len(data))
    made = {}
    for name, entry in header.entries.items():
        raw = np.frombuffer(data, np.uint8, entry.stop - entry.start, entry.start).copy()
        made[name] = wrap(_decode(name, entry, raw, widen))
    return made


# Models


def save_model(
    model: Any, filename: _Path, metadata: Mapping[str, str] | None = None, force_contiguous: bool = True
) -> None:
    """Write the state of a module. Of tensors that share memory the one that covers it is written, under one name.

    Args:
        model: the module.
        filename: the path.
        metadata: texts to keep; the names that were left out are added, with the name that stands for them.
        force_contiguous: pack tensors that are not contiguous; otherwise they raise ValueError.

    Raises:
        RuntimeError: tensors share memory and none of them covers it.

    Example:
        >>> import os, tempfile, nnlite
        >>> from nnlite.serialization import safetensors
        >>> model, other = nnlite.nn.Linear(2, 1), nnlite.nn.Linear(2, 1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.safetensors")
        ...     safetensors.save_model(model, path)
        ...     safetensors.load_model(other, path)
        (set(), [])
        >>> nnlite.equal(model.weight, other.weight)
        True
    """
    state = model.state_dict()
    left_out = {name: kept for kept, names in _duplicates(state).items() for name in names}
    texts = {**left_out, **(metadata or {})}
    state = {name: t for name, t in state.items() if name not in left_out}
    if force_contiguous:
        state = {name: t.contiguous() for name, t in state.items()}
    save_file(state, filename, texts or None)


def load_model(
    model: Any, filename: _Path, strict: bool = True, device: Any = "cpu", *, backend: str = "mmap"
) -> tuple[set[str], list[str]]:
    """Load the state of a module from a file; tensors that share memory need only one of their names in it.

    Returns:
        The names of the module that the file lacks, and those of the file that the module lacks.

    Raises:
        RuntimeError: with ``strict``, there are such names; the shape of a tensor does not fit.
    """
    state = load_file(filename, device, backend=backend)
    duplicates = _duplicates(model.state_dict(), state)
    missing_keys, unexpected = model.load_state_dict(state, strict=False)
    missing, unexpected = set(missing_keys), list(unexpected)
    for name in (name for names in duplicates.values() for name in names):
        if name in missing:
            missing.remove(name)
        else:
            unexpected.append(name)
    if strict and (missing or unexpected):
        lines = [f"Error(s) in loading state_dict for {type(model).__name__}:"]
        for what, names in ("Missing", sorted(missing)), ("Unexpected", sorted(unexpected)):
            if names:
                lines.append(f"{what} key(s) in state_dict: " + ", ".join(f'"{name}"' for name in names))
        raise RuntimeError("\n    ".join(lines))
    return missing, unexpected


def _duplicates(state: Mapping[str, Tensor], preferred: Mapping[str, Any] | None = None) -> dict[str, list[str]]:
    """Name to keep -> the names that share its memory; one of ``preferred`` is kept where there is one."""
    found = {}
    for names in overlapping(state):
        if len(names) == 1:
            continue
        complete = covering(state, names)
        if not complete:
            raise RuntimeError(
                "Error while trying to find names to remove to save state dict, but found no suitable name to keep for "
                f"saving amongst: {set(names)}. None is covering the entire storage; clone() the tensors."
            )
        kept = min([name for name in complete if preferred and name in preferred] or complete)
        found[kept] = sorted(name for name in names if name != kept)
    return found
