"""Making tensors of the storages of a checkpoint."""

from __future__ import annotations

import functools
import math
import pickle
import sys
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from .._core.dtypes import BY_NAME, dtype
from .._core.tensor_base import wrap
from ..backends import backend_of
from ..storage import TypedStorage
from ._archive import ArchiveReader
from ._storages import STORAGE_CLASSES

Place = Callable[[np.ndarray, str], Any]
"""Takes the elements of a storage and the location the file gives for them; returns them on the device to use."""

_MAX_DIMENSIONS = 64  # NumPy's own limit
_MAX_BYTES = 2**62
_TENSOR_CHARGE = 32  # a tensor takes 40 bytes or more, and five where it is written again

STORAGE_DTYPES: dict[str, dtype | None] = {cls: BY_NAME[name] for name, cls in STORAGE_CLASSES.items()}
"""PyTorch's name of a storage -> the dtype of its elements, None where the tensors say it."""
STORAGE_DTYPES["UntypedStorage"] = None


class StorageClass:
    """The kind of a storage, as a persistent id names it."""

    __slots__ = ("dtype",)

    def __init__(self, of: dtype | None) -> None:
        self.dtype = of


class Source(Protocol):
    """Where the memory of a checkpoint comes from."""

    def elements(self, key: str, location: str, kind: dtype, nbytes: int) -> Any:
        """The storage ``key`` as a one-dimensional array of dtype ``kind`` on its device."""

    def charge(self, nbytes: int) -> None:
        """Account for memory beyond the storages."""

    def require_values(self) -> None:
        """Raise unless the values are there before the tensors are made."""


class LoadedStorage(TypedStorage):
    """One piece of memory of the checkpoint. It is read when the first tensor asks for it."""

    def __init__(self, loader: Source, key: str, location: str, numel: int, kind: dtype | None) -> None:
        self._loader = loader
        self._key = key
        self._location = location
        self.kind = kind
        self.length = numel * (1 if kind is None else kind.itemsize)

    def elements(self, kind: dtype) -> Any:
        """The elements, one after another, on the device of the tensors."""
        return self._loader.elements(self._key, self._location, kind, self.length)

    def charge(self, nbytes: int) -> None:
        """Account for memory beyond the storages."""
        self._loader.charge(nbytes)

    def require_values(self) -> None:
        """Raise unless the values are there before the tensors are made."""
        self._loader.require_values()

    @functools.cached_property
    def _tensor(self) -> Any:
        """The elements as a tensor, for a storage that stands in the checkpoint on its own."""
        return wrap(self.elements(self.kind or BY_NAME["uint8"]))


class StorageLoader:
    """Turns persistent ids into storages, and reads each storage once."""

    def __init__(self, archive: ArchiveReader, place: Place) -> None:
        self._archive = archive
        self._place = place
        self._placed: dict[str, tuple[dtype, Any]] = {}
        self._budget = archive.size

    def __call__(self, identity: Any) -> LoadedStorage:
        """The storage of a persistent id ``("storage", class, key, location, number of elements)``."""
        match identity:
            case ("storage", StorageClass() as kind, str(key), str(location), int(numel)) if numel >= 0:
                return LoadedStorage(self, key, location, numel, kind.dtype)
        raise pickle.UnpicklingError(f"Only persistent_load of storage is allowed, but got {identity!r:.100}")

    def elements(self, key: str, location: str, kind: dtype, nbytes: int) -> Any:
        """The storage ``key`` as a one-dimensional array of dtype ``kind`` on its device."""
        if key not in self._placed:
            data = self._archive.array(f"data/{key}")
            data = elements_of(data[: len(data) // kind.itemsize * kind.itemsize], kind)
            if self._archive.little_endian != (sys.byteorder == "little"):
                data = swapped(data)
            self._placed[key] = kind, self._place(data, location)
        found, array = self._placed[key]
        if found is not kind:
            raise pickle.UnpicklingError(f"the storage {key} is used both as {found} and as {kind}")
        if nbytes > array.nbytes:
            raise pickle.UnpicklingError(f"the storage {key} has {array.nbytes} bytes, the pickle says {nbytes}")
        return array

    def require_values(self) -> None:
        """Storages are read before the tensors are made."""

    def charge(self, nbytes: int) -> None:
        """Account for memory beyond the storages, which may not be more than the file is long."""
        self._budget -= nbytes
        if self._budget < 0:
            raise pickle.UnpicklingError("the tensors of the checkpoint take more memory than the file has bytes")


def elements_of(raw: np.ndarray, kind: dtype) -> np.ndarray:
    """The elements that the bytes are; truth values that are neither 0 nor 1 are made so, since NumPy relies on it."""
    if kind is BY_NAME["bool"] and len(raw) and raw.max() > 1:
        raw = (raw != 0).view(np.uint8)
    return raw.view(kind.np) if len(raw) else np.empty(0, kind.np)


def swapped(data: np.ndarray) -> np.ndarray:
    """Elements in the other byte order."""
    part = data.itemsize // (2 if data.dtype.kind == "c" else 1)
    return data.view(f"u{part}").byteswap().view(data.dtype)


def rebuild_tensor(
    storage: Any, kind: dtype | None, offset: Any, size: Any, stride: Any, requires_grad: Any, metadata: Any = None
) -> Any:
    """A tensor of ``size`` and ``stride`` that begins ``offset`` elements after the start of a storage."""
    if not isinstance(storage, LoadedStorage):
        raise pickle.UnpicklingError(f"a tensor without a storage: {type(storage)}")
    kind = storage.kind if kind is None else kind
    if kind is None:
        raise pickle.UnpicklingError("a tensor of an untyped storage has no dtype")
    storage.charge(_TENSOR_CHARGE)
    elements = storage.elements(kind)
    _check_layout(offset, size, stride, kind.itemsize, storage.length // kind.itemsize)
    array = _strided(elements, offset, tuple(size), tuple(stride))
    for name, value in ({} if metadata is None else metadata).items():
        if name not in ("conj", "neg"):
            raise pickle.UnpicklingError(f"unknown metadata of a tensor: {name!r:.100}")
        if value:
            # PyTorch keeps a conjugate or negative as a mark; here its values are computed.
            storage.require_values()
            storage.charge(math.prod(size) * kind.itemsize)
            xp = backend_of(array).xp
            array = xp.conj(array) if name == "conj" else xp.negative(array)
    t = wrap(array)
    return t.requires_grad_(True) if requires_grad else t


def _whole_numbers(values: Any) -> bool:
    return isinstance(values, tuple) and all(type(v) is int and v >= 0 for v in values)


def _check_layout(offset: Any, size: Any, stride: Any, itemsize: int, numel: int) -> None:
    """Raise unless every element of the tensor lies in the storage."""
    if (
        type(offset) is not int
        or offset < 0
        or not _whole_numbers(size)
        or not _whole_numbers(stride)
        or len(size) != len(stride)
        or len(size) > _MAX_DIMENSIONS
        or math.prod(max(n, 1) for n in size) * itemsize > _MAX_BYTES
        or any(s * itemsize > _MAX_BYTES for s in stride)
    ):
        raise pickle.UnpicklingError(
            f"not the layout of a tensor: offset {offset!r:.50}, size {size!r:.200}, stride {stride!r:.200}"
        )
    if 0 in size:
        return
    end = offset + 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if end > numel:
        raise pickle.UnpicklingError(
            f"a tensor of size {list(size)}, stride {list(stride)} and offset {offset} is out of bounds for its "
            f"storage of {numel} elements"
        )


def _strided(elements: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> Any:
    """The view of a one-dimensional array with these sizes and strides in elements."""
    if 0 in size:
        return elements[:0].reshape(size)
    step, contiguous = 1, True
    for n, s in zip(reversed(size), reversed(stride), strict=True):
        contiguous = contiguous and s == step
        step *= n
    if contiguous:
        return elements[offset : offset + step].reshape(size)
    xp = backend_of(elements).xp
    return xp.as_strided(elements[offset:], size, tuple(s * elements.itemsize for s in stride))
