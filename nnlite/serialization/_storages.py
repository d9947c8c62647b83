"""Which pieces of memory the tensors of a checkpoint lie in.

A checkpoint holds each piece of memory (PyTorch's *storage*) once; a tensor is an offset, a shape and strides in it.
So tensors that share memory when they are saved share it again when they are loaded.
"""

from __future__ import annotations

import bisect
from typing import Any

import numpy as np

from .._core.device import device_of
from .._core.dtypes import from_numpy
from ..backends import backend_of

STORAGE_CLASSES = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
    "complex64": "ComplexFloatStorage",
    "complex128": "ComplexDoubleStorage",
}
"""dtype -> the name that PyTorch's files have for memory of this dtype."""

_PYTORCH_DEVICES = ("cuda", "mps", "xpu")


def address(array: Any) -> int:
    """Where the first element of an array is, on the array's device."""
    if isinstance(array, np.ndarray):
        return array.__array_interface__["data"][0]
    return array.data.ptr


def span(array: Any) -> tuple[int, int]:
    """The addresses of the first byte of an array without negative strides, and of the byte after its last."""
    low = address(array)
    if not array.size:
        return low, low
    return low, low + sum((n - 1) * s for n, s in zip(array.shape, array.strides, strict=True)) + array.itemsize


def location_of(array: Any) -> str:
    """The device as a file names it; one that PyTorch does not know counts as the CPU, so that PyTorch reads it."""
    device = device_of(array)
    return str(device) if device.type in _PYTORCH_DEVICES else "cpu"


def location_tag(storage: Any) -> str:
    """The device of a storage or tensor as ``save`` writes it down.

    Example:
        >>> import nnlite
        >>> nnlite.serialization.location_tag(nnlite.ones(2).untyped_storage())
        'cpu'
    """
    device = storage.device
    return str(device) if device.type in _PYTORCH_DEVICES else "cpu"


class Storage:
    """The addresses ``low`` to ``high`` of one device, as elements of one dtype; ``first`` is an array at ``low``."""

    def __init__(self, low: int, high: int, first: Any) -> None:
        self.low = low
        self.high = high
        self.first = first
        self.key = ""

    @property
    def dtype_name(self) -> str:
        """The dtype of the elements, by nnlite's name."""
        return from_numpy[self.first.dtype].name

    @property
    def numel(self) -> int:
        """How many elements there are."""
        return (self.high - self.low) // self.first.itemsize

    def layout_of(self, array: Any) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
        """Offset, shape and strides of an array in this storage, in elements."""
        if not array.size:  # free to choose: PyTorch writes the contiguous strides
            strides, step = [], 1
            for n in reversed(array.shape):
                strides.append(step)
                step *= max(n, 1)
            return 0, tuple(array.shape), tuple(reversed(strides))
        size = array.itemsize
        return (address(array) - self.low) // size, tuple(array.shape), tuple(s // size for s in array.strides)

    def to_host(self) -> np.ndarray:
        """The elements, as a one-dimensional NumPy array of bytes."""
        backend = backend_of(self.first)
        if self.numel == 0:
            return np.empty(0, np.uint8)
        flat = backend.xp.as_strided(self.first, (self.numel,), (self.first.itemsize,))
        return np.ascontiguousarray(backend.to_host(flat)).view(np.uint8)


class Storages:
    """The storages of one checkpoint, found by address.

    Two tensors may overlap without either of them spanning the other; then their storage must grow after one of them
    has been written down. ``again`` says so, and the pickle is made once more, with all sizes known.
    """

    def __init__(self) -> None:
        self._by_device: dict[str, list[Storage]] = {}
        self._copies: dict[int, tuple[Any, Any]] = {}
        self._kept: dict[int, Any] = {}
        self._in_use: dict[str, Storage] = {}
        self._grown = False

    def place(self, array: Any, base: Any) -> tuple[Storage, Any]:
        """The storage that holds ``array``, and the array as it lies there (a copy where its layout has no name).

        ``base`` is the array that ``array`` is a view of, or ``array`` itself: as in PyTorch, the whole of what a view
        belongs to is saved.
        """
        array = self._regular(array)
        if array is not base and self._is_regular(base):
            low, high = span(base)
            if low <= address(array) and span(array)[1] <= high and (address(array) - low) % array.itemsize == 0:
                self._find(low, low + (high - low) // array.itemsize * array.itemsize, self._window(array, low, base))
        storage = self._find(*span(array), array)
        if not storage.key:
            storage.key = str(len(self._in_use))
            self._in_use[storage.key] = storage
        return storage, array

    def _window(self, array: Any, low: int, base: Any) -> Any:
        """An array of ``array``'s dtype at ``low``; a view may have another dtype than its base (the real part)."""
        if array.dtype == base.dtype:
            return base
        window = backend_of(base).xp.as_strided(base, (1,), (base.itemsize,)).view(array.dtype)[:1]
        assert address(window) == low
        return window

    def _is_regular(self, array: Any) -> bool:
        return all(s >= 0 and s % array.itemsize == 0 for s in array.strides)

    def _regular(self, array: Any) -> Any:
        """``array``, or a copy of it where its strides are negative or not whole elements."""
        if self._is_regular(array):
            return array
        if id(array) not in self._copies:
            self._copies[id(array)] = array, backend_of(array).xp.ascontiguousarray(array)
        return self._copies[id(array)][1]

    def _find(self, low: int, high: int, first: Any) -> Storage:
        """The storage that spans ``low`` to ``high``, made or made larger where there is none."""
        self._kept[id(first)] = first  # while it lives, nothing else can lie at its addresses
        if low == high:
            return Storage(low, high, first)
        known = self._by_device.setdefault(str(device_of(first)), [])
        start = bisect.bisect_right(known, low, key=lambda s: s.high)
        stop = bisect.bisect_left(known, high, lo=start, key=lambda s: s.low)
        overlapping = known[start:stop]
        for other in overlapping:
            if other.first.dtype != first.dtype or (other.low - low) % first.itemsize:
                raise RuntimeError(
                    "Cannot save multiple tensors or storages that view the same data as different types: "
                    f"{other.dtype_name} and {from_numpy[first.dtype].name}. Save a clone() of one of them."
                )
        if len(overlapping) == 1 and overlapping[0].low <= low and high <= overlapping[0].high:
            return overlapping[0]
        if overlapping:
            self._grown = True
            lowest = min(overlapping, key=lambda s: s.low)
            first = lowest.first if lowest.low <= low else first
            low, high = min(low, lowest.low), max(high, overlapping[-1].high)
        known[start:stop] = [Storage(low, high, first)]
        return known[start]

    def again(self) -> bool:
        """Whether a storage grew, so that the pickle has to be made once more; forgets the keys if so."""
        if not self._grown:
            return False
        self._grown = False
        self._in_use = {}
        for storages in self._by_device.values():
            for storage in storages:
                storage.key = ""
        return True

    def in_use(self) -> list[Storage]:
        """The storages that the pickle names, by key."""
        return list(self._in_use.values())
