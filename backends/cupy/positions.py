"""Indices as positions for the kernels: one for each row of an array seen as (lead, size, row); and their order."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from .launch import THREADS, blocks_for
from .windows import counter

_EVERYTHING = slice(None)
_MOST_AXES = 4

_DIGIT = 8
_TILE = 256
_MOST_TILES = 2048


class Along(tuple[Any, ...]):
    """The index that picks ``where`` along one axis and runs along the others from 0 on.

    Kernels go by ``where`` and ``axis`` alone; the tuple holds the arrays that any other code takes.
    """

    where: Any
    axis: int
    known: tuple[Any, ...] = ()  # the sizes of an array, and the positions in it flattened

    @classmethod
    def make(cls, where: Any, axis: int, arrays: tuple[Any, ...]) -> Along:
        """The index with its other arrays; the one at ``axis`` is ``where`` itself."""
        self = cls((*arrays[:axis], where, *arrays[axis + 1 :]))
        self.where, self.axis = where, axis
        return self

    def copy(self) -> Along:
        """The same with its own positions."""
        return Along.make(self.where.copy(), self.axis, self)


class Places(NamedTuple):
    """What an index picks of an array seen as (lead, size, row): the rows at ``places`` of the middle axis.

    Attributes:
        shape: of what it picks.
        plain: whether the positions may be negative; they are not if a kernel made them.
    """

    places: Any
    lead: int
    size: int
    row: int
    shape: tuple[int, ...]
    plain: bool

    @property
    def total(self) -> int:
        return self.places.size


def arrays_of(xp: Any, index: Any) -> tuple[int, list[Any]] | None:
    """The first axis and the integer arrays of an index made of neighbouring arrays and whole slices; else None."""
    arrays: list[Any] = []
    first, ended = 0, False
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, xp.ndarray) and part.dtype.kind in "iu":
            if ended:
                return None
            arrays.append(part)
        elif type(part) is slice and part == _EVERYTHING:
            ended = bool(arrays)
            first += not arrays
        else:
            return None
    return (first, arrays) if 0 < len(arrays) <= _MOST_AXES else None


def takes(xp: Any, x: Any, index: Any) -> bool:
    """Whether `places_of` knows this index into this array."""
    if not x.flags.c_contiguous or not x.size:
        return False
    if type(index) is Along:
        return fits_along(x, index.where, index.axis)
    return arrays_of(xp, index) is not None


def fits_along(x: Any, where: Any, axis: int) -> bool:
    """Whether all other axes of positions along an axis are as long as those of the array."""
    return (
        x.ndim == where.ndim > 0
        and where.dtype.kind in "iu"
        and all(i == axis % x.ndim or n == m for i, (n, m) in enumerate(zip(x.shape, where.shape, strict=True)))
    )


def places_of(gpu: Any, x: Any, index: Any, made: bool = False) -> Places:
    """The positions of an index that `takes` is true for; ``made`` if none may be negative."""
    if type(index) is Along:
        return _along(gpu, x, index)
    found = arrays_of(gpu.xp, index)
    assert found is not None
    first, arrays = found
    last = first + len(arrays)
    sizes = x.shape[first:last]
    shape = arrays[0].shape if len(arrays) == 1 else np.broadcast_shapes(*(part.shape for part in arrays))
    arrays = [whole(gpu, part, shape) for part in arrays]
    if made or len(arrays) > 1:
        places = gpu.xp.empty(shape, "int64")
        if places.size:
            missing = _MOST_AXES - len(arrays)
            arguments = (*arrays, *[None] * missing, *sizes, *[1] * missing, places, places.size)
            _start(gpu, "joined_places", places.size, arguments)
    else:
        places = arrays[0]
    lead, row = prod(x.shape[:first]), prod(x.shape[last:])
    return Places(places, lead, prod(sizes), row, (*x.shape[:first], *shape, *x.shape[last:]), places is arrays[0])


def whole(gpu: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """An index array of this shape, int64 and without gaps."""
    if index.shape != shape:
        index = gpu.xp.broadcast_to(index, shape)
    return gpu.xp.ascontiguousarray(index.astype("int64", copy=False))


def line(x: Any, axis: int) -> tuple[int, int]:
    """The size of an axis, and the elements behind it."""
    return x.shape[axis], prod(x.shape[axis + 1 :])


def _along(gpu: Any, x: Any, index: Along) -> Places:
    if not index.known or index.known[0] != x.shape:
        where = whole(gpu, index.where, index.where.shape)
        places = gpu.xp.empty(where.shape, "int64")
        size, inner = line(x, index.axis)
        if where.size:
            _start(gpu, "along_places", where.size, (where, places, where.size, where.shape[index.axis], size, inner))
        index.known = x.shape, places
    return Places(index.known[1], 1, x.size, 1, index.where.shape, False)


def _start(gpu: Any, function: str, total: int, arguments: tuple[Any, ...]) -> None:
    gpu.launch("places", function, blocks_for(total), THREADS, *arguments, I=counter(total))


def in_order(gpu: Any, places: Any, size: int) -> tuple[Any, Any]:
    """Positions (not negative) sorted, and which one each of them was; equal ones in the order in which they stand.

    A radix sort by eight bits at a time: positions in a table of 50,000 rows take two rounds of four launches.
    """
    xp, count = gpu.xp, places.size
    length = -(-max(_TILE, -(-count // _MOST_TILES)) // 32) * 32
    tiles = -(-count // length)
    keys, order = places, None
    for shift in range(0, max(1, (size - 1).bit_length()), _DIGIT):
        counts = xp.empty((1 << _DIGIT) * tiles, "int32")
        gpu.launch("order", "count_digits", tiles, 32, keys, counts, count, length, np.int32(shift))
        ends = xp.cumsum(counts, dtype="int64")
        moved, places_moved = xp.empty(count, "int64"), xp.empty(count, "int64")
        arguments = (keys, order, counts, ends, moved, places_moved, count, length, np.int32(shift))
        gpu.launch("order", "move_by_digit", tiles, 32, *arguments)
        keys, order = moved, places_moved
    return keys, order
