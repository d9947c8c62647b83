"""Index arrays as positions in the flat array, and adding up at them.

NumPy's loops for one index array into one axis are several times faster than those for any other index, so an index is
brought to that form where it can be: several arrays become one of positions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .first_use import worth

_SMALL = 1024
"""For fewer elements than this NumPy's own way costs less than finding a better one."""

_CHUNK = 1 << 16
"""Positions are made for so many elements at a time: they fit in the cache."""

_PAIRS: dict[Any, Any] = {np.dtype(np.float32): np.dtype(np.complex64), np.dtype(np.float64): np.dtype(np.complex128)}
_HALF = ("float16", "bfloat16")
_EVERYTHING = slice(None)

offered: list[Callable[..., bool]] = []
"""Compiled code that does the work of :func:`scatter` and returns True, or leaves it to NumPy."""


offered_along: list[Callable[..., bool]] = []
"""The same for an :class:`Along`: it gets the ufunc (None to write the values), the array, the index and the values,
and raises for a position that does not exist."""


class Along(tuple[Any, ...]):
    """The index that picks ``where`` along one axis and runs along the others from 0 on.

    Compiled code goes by ``where`` and ``axis`` alone and looks at each position as it comes to it. What takes the
    arrays of the tuple has to call ``check`` before.
    """

    where: np.ndarray
    axis: int
    check: Callable[[], None]

    @classmethod
    def make(cls, where: np.ndarray, axis: int, check: Callable[[], None]) -> Along:
        """The index for these positions, and how they are looked at."""
        self = cls(along(where, axis))
        self.where, self.axis, self.check = where, axis, check
        return self

    def copy(self) -> Along:
        """The same with its own positions."""
        return Along.make(self.where.copy(), self.axis, self.check)


def along(where: np.ndarray, axis: int) -> tuple[np.ndarray, ...]:
    """The index that picks ``where`` along one axis and runs along the others."""
    n = where.ndim
    return tuple(
        where if i == axis else np.arange(size).reshape((1,) * i + (size,) + (1,) * (n - i - 1))
        for i, size in enumerate(where.shape)
    )


def arrays_of(index: Any) -> tuple[int, list[np.ndarray]] | None:
    """The first axis and the integer arrays of an index made of neighbouring arrays and whole slices; else None."""
    arrays: list[np.ndarray] = []
    first, ended = 0, False
    for part in index if isinstance(index, tuple) else (index,):
        if type(part) is np.ndarray and part.dtype.kind in "iu":
            if ended:
                return None
            arrays.append(part)
        elif type(part) is slice and part == _EVERYTHING:
            ended = bool(arrays)
            first += not arrays
        else:
            return None
    return (first, arrays) if arrays else None


def common_shape(arrays: list[np.ndarray]) -> tuple[int, ...]:
    """The shape to which index arrays are broadcast; IndexError if there is none, as where they stand in brackets."""
    if len(arrays) == 1:
        return arrays[0].shape
    try:
        return np.broadcast_shapes(*(where.shape for where in arrays))
    except ValueError as error:
        shapes = ", ".join(str(list(where.shape)) for where in arrays)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from error


def blocks(shape: tuple[int, ...], arrays: list[np.ndarray]) -> Iterator[tuple[Any, np.ndarray]]:
    """Index arrays into axes of these sizes as positions in the axes flattened: parts along the first axis of their
    common shape, each with its positions. In parts of this size they stay in the cache, and the next part overwrites
    them. The indices are not checked."""
    if len(arrays) == 1:
        yield ..., arrays[0]
        return
    result = common_shape(arrays)
    steps = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    moving: list[tuple[np.ndarray, int, int]] = []
    fixed: Any = None
    for where, size, step in zip(arrays, shape, steps, strict=True):
        if where.ndim == len(result) > 0 and where.shape[0] == result[0] > 1:
            moving.append((where, size, step))
        else:
            term = _from_start(where, size) * step
            fixed = term if fixed is None else fixed + term
    if not moving:
        yield ..., np.broadcast_to(fixed, result)
        return
    rows = max(_CHUNK // max(math.prod(result[1:]), 1), 1)
    kept = np.empty((min(rows, result[0]), *result[1:]), np.intp)
    for start in range(0, result[0], rows):
        part = slice(start, start + rows)
        places = kept[: min(rows, result[0] - start)]
        total = fixed
        for where, size, step in moving:
            term = _from_start(where[part], size)
            if step != 1:
                term = np.multiply(
                    term, step, out=places if term.shape == places.shape and total is not places else None
                )
            total = term if total is None else np.add(total, term, out=places)
        if total is not places:
            places[...] = total
        yield part, places


def _from_start(where: np.ndarray, size: int) -> np.ndarray:
    """Indices that count from the end as indices from the start."""
    return np.where(where < 0, where + size, where) if where.size and where.min() < 0 else where


def scatter_add(x: np.ndarray, index: Any, values: Any) -> None:
    """``x[index] += values`` in place; repeated positions add up. float16 and bfloat16 are summed in float32."""
    if x.dtype.itemsize == 2 and x.dtype.name in _HALF:  # the name alone takes 2 us
        total = x.astype(np.float32)
        scatter(np.add, total, index, values if type(values) is not np.ndarray else values.astype(np.float32))
        x[...] = total
    else:
        scatter(np.add, x, index, values)


def scatter(ufunc: np.ufunc, x: np.ndarray, index: Any, values: Any) -> None:
    """``ufunc.at(x, index, values)``: on a million indices into rows of 32 float32 230 ms in place of 550, at the
    positions that ``gather`` takes along the last axis 6 ms in place of 90."""
    if type(index) is Along:
        if any(take(ufunc, x, index, values) for take in offered_along):
            return
        index.check()
    plan = arrays_of(index) if worth(getattr(values, "size", 0), _SMALL) else None
    if plan is None:
        ufunc.at(x, index, values)
        return
    first, arrays = plan
    last = first + len(arrays)
    places = common_shape(arrays)
    values = np.ascontiguousarray(np.broadcast_to(values, (*x.shape[:first], *places, *x.shape[last:])), x.dtype)
    flat = x.reshape(-1) if x.flags.c_contiguous else x.flatten()
    lead, row = math.prod(x.shape[:first]), math.prod(x.shape[last:])
    sizes = x.shape[first:last]
    if any(take(ufunc, flat, values, arrays, sizes, lead, row) for take in offered):
        pass
    elif lead == row == 1:
        values = values.reshape(places)
        for part, where in blocks(sizes, arrays):
            ufunc.at(flat, where.reshape(-1), values[part].reshape(-1))
    else:
        _at(ufunc, flat, values.reshape(-1), combined(sizes, arrays), lead, math.prod(sizes), row)
    if not x.flags.c_contiguous:
        x[...] = flat.reshape(x.shape)


def combined(shape: tuple[int, ...], arrays: list[np.ndarray]) -> np.ndarray:
    """Index arrays into axes of these sizes as one vector of positions in the axes flattened."""
    if len(arrays) == 1:
        return _from_start(arrays[0], shape[0]).reshape(-1)
    return np.concatenate([where.reshape(-1) for _, where in blocks(shape, arrays)])


def set_at(x: np.ndarray, index: Any, values: Any) -> None:
    """``x[index] = values``. Rows are written as one element of many bytes each: a million of 8 float32 in 15 ms in
    place of 54."""
    if type(index) is Along:
        if any(take(None, x, index, values) for take in offered_along):
            return
        index.check()
    plan = None
    if getattr(values, "size", 0) >= _SMALL and x.flags.c_contiguous and values.dtype == x.dtype:
        plan = arrays_of(index)
    if plan is None or plan[0]:
        x[index] = values
        return
    arrays = plan[1]
    row = math.prod(x.shape[len(arrays) :])
    if not row or (row == 1 and len(arrays) == 1):
        x[index] = values
        return
    shape = (*common_shape(arrays), *x.shape[len(arrays) :])
    values = np.ascontiguousarray(np.broadcast_to(values, shape)).reshape(-1, row)
    where = arrays[0].reshape(-1) if len(arrays) == 1 else combined(x.shape[: len(arrays)], arrays)
    whole = np.dtype((np.void, row * x.itemsize))
    x.reshape(-1, row).view(whole).reshape(-1)[where] = values.view(whole).reshape(-1)


def _at(
    ufunc: np.ufunc, flat: np.ndarray, values: np.ndarray, where: np.ndarray, lead: int, inner: int, row: int
) -> None:
    """``ufunc.at`` on ``flat`` as (lead, inner, row) at ``where`` of the middle axis."""
    if ufunc is np.add and not row % 2 and flat.dtype in _PAIRS:  # two numbers at a time are added as one complex one
        pair = _PAIRS[flat.dtype]
        flat, values, row = flat.view(pair), values.view(pair), row // 2
    columns = np.arange(row)
    one = len(where) * row
    if one <= _CHUNK:  # several of ``lead`` at once
        block = where if row == 1 else (where[:, None] * row + columns).reshape(-1)
        many = max(_CHUNK // max(one, 1), 1)
        for start in range(0, lead, many):
            end = min(start + many, lead)
            places = np.arange(start, end)[:, None] * (inner * row) + block
            ufunc.at(flat, places.reshape(-1), values[start * one : end * one])
        return
    many = max(_CHUNK // row, 1)
    for i in range(lead):
        for start in range(0, len(where), many):
            part = where[start : start + many, None] * row + (columns + i * inner * row)
            at = i * one + start * row
            ufunc.at(flat, part.reshape(-1), values[at : at + part.size])
