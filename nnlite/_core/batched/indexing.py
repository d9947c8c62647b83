"""Indexing of batched arrays: the index of one example as an index of all of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .array import BatchedArray, level_of, make, namespace_of
from .levels import Level, dynamic


def _is_array(part: Any) -> bool:
    return hasattr(part, "dtype") and hasattr(part, "ndim") and not isinstance(part, np.generic)


def _full(index: Any, ndim: int) -> list[Any]:
    """The index with a part for each dimension: no Ellipsis, lists as arrays."""
    parts = list(index) if type(index) is tuple else [index]
    parts = [np.asarray(p) if isinstance(p, list) else p for p in parts]
    used = sum(p.ndim if _is_array(p) and p.dtype == np.bool_ else 0 if p is None or isinstance(p, bool) else 1
               for p in parts if p is not Ellipsis)  # fmt: skip
    rest = [slice(None)] * (ndim - used)
    place = next((i for i, p in enumerate(parts) if p is Ellipsis), None)
    return [*parts, *rest] if place is None else [*parts[:place], *rest, *parts[place + 1 :]]


def _advanced(parts: list[Any]) -> list[int]:
    """The places of arrays; integers beside arrays count as arrays."""
    if not any(_is_array(p) or isinstance(p, bool) for p in parts):
        return []
    return [i for i, p in enumerate(parts) if not isinstance(p, slice) and p is not None]


class Plan:
    """An index for the whole batch.

    Attributes:
        index: what indexes ``raw``.
        move: ``(source, destination)`` axes of the indexed ``raw`` that bring the batch first and the others into
            order; None where they are.
    """

    __slots__ = ("index", "move")

    def __init__(self, a: Any, level: Level, index: Any) -> None:
        parts = _full(index, a.ndim - 1)
        places = _advanced(parts)
        self.move: Any = None
        if not any(level_of(p) == level.id for p in parts):
            self._same_for_all(parts, places)
        else:
            self._by_example(a, level, parts, places)

    def _same_for_all(self, parts: list[Any], places: list[int]) -> None:
        self.index: Any = (slice(None), *parts)
        if places and places != list(range(places[0], places[-1] + 1)):  # NumPy puts the arrays' dimensions first
            n = _broadcast_ndim(parts, places)
            self.move = ((n,), (0,))

    def _by_example(self, a: Any, level: Level, parts: list[Any], places: list[int]) -> None:
        raws = [parts[i].raw if level_of(parts[i]) == level.id else parts[i] for i in places]
        if any(getattr(r, "dtype", None) == np.bool_ for r in raws):
            if len(raws) == 1 and places == [0]:
                self.index = (raws[0], *parts[1:])  # the mask of the whole batch
                self.move = "mask"
                return
            raise dynamic("an index with masks")
        n = _broadcast_ndim(parts, places)
        xp = namespace_of(*raws)
        lifted = [
            r.reshape((r.shape[0],) + (1,) * (n - r.ndim + 1) + tuple(r.shape[1:])) if level_of(parts[i]) == level.id
            else r
            for i, r in zip(places, raws, strict=True)
        ]  # fmt: skip
        full = list(parts)
        for i, r in zip(places, lifted, strict=True):
            full[i] = r
        self.index = (xp.arange(level.size).reshape((level.size,) + (1,) * n), *full)
        together = places == list(range(places[0], places[-1] + 1))
        before = sum(1 for p in parts[: places[0]] if p is None or isinstance(p, slice))
        if together and before and n:
            # The arrays' dimensions stand behind the batch; they belong behind the slices that come before them.
            self.move = (tuple(range(1, n + 1)), tuple(range(before + 1, before + n + 1)))


def _broadcast_ndim(parts: list[Any], places: list[int]) -> int:
    """The number of dimensions that the arrays of an index make together."""
    dims = [parts[i].ndim if _is_array(parts[i]) else 0 for i in places]
    if any(_is_array(parts[i]) and parts[i].dtype == np.bool_ for i in places):
        dims = [1 if _is_array(parts[i]) and parts[i].dtype == np.bool_ else d
                for i, d in zip(places, dims, strict=True)]  # fmt: skip
    return max(dims, default=0)


def _top(a: Any, index: Any) -> Level:
    """The highest level among an array and the arrays of an index."""
    parts = index if type(index) is tuple else (index,)
    best = max((v for v in (a, *parts) if isinstance(v, BatchedArray)), key=lambda v: v.level.id)
    return best.level


def lifted(a: Any, level: Level) -> Any:
    """The raw array of ``a`` at a level; broadcast where it is the same for all examples."""
    if level_of(a) == level.id:
        return a.raw
    return namespace_of(a).broadcast_to(a, (level.size, *a.shape))


def getitem(a: Any, index: Any) -> Any:
    level = _top(a, index)
    raw = lifted(a, level)
    plan = Plan(raw, level, index)
    if plan.move == "mask":
        raise dynamic("indexing with a boolean mask")
    out = raw[plan.index]
    if plan.move is not None:
        out = namespace_of(out).moveaxis(out, *plan.move)
    return make(level, out)


def setitem(a: Any, index: Any, value: Any) -> None:
    level = a.level
    if _top(a, index) is not level or level_of(value) > level.id:
        raise TypeError("an array that is the same for all examples cannot hold values that differ")
    _write(a, index, value, lambda raw, where, values: raw.__setitem__(where, values))


def scatter_add(a: Any, index: Any, values: Any) -> None:
    level = a.level
    if _top(a, index) is not level or level_of(values) > level.id:
        raise TypeError("an array that is the same for all examples cannot hold values that differ")
    add = namespace_of(a.raw).scatter_add
    _write(a, index, values, lambda raw, where, v: add(raw, where, v))


def _write(a: Any, index: Any, value: Any, put: Any) -> None:
    level, raw = a.level, a.raw
    plan = Plan(raw, level, index)
    if plan.move == "mask":
        if _is_array(value) and value.ndim:
            raise dynamic("writing an array through a boolean mask")
        if level_of(value):
            raise dynamic("writing different values through a boolean mask")
        put(raw, plan.index, value)
        return
    if level_of(value) != level.id:
        if plan.move is not None and _is_array(value) and value.ndim:
            shape = namespace_of(raw).moveaxis(raw[plan.index], *plan.move).shape
            value = namespace_of(raw, value).broadcast_to(value, shape)
            value = namespace_of(value).moveaxis(value, plan.move[1], plan.move[0])
        put(raw, plan.index, value)
        return
    values = value.raw
    if plan.move is None and values.ndim == 1 and raw.ndim == 1:
        put(raw, plan.index, values)
        return
    part = raw[plan.index]
    if plan.move is not None:
        part = namespace_of(raw).moveaxis(part, *plan.move)
    if values.ndim > part.ndim:  # leading dimensions of size 1
        values = values.reshape(values.shape[:1] + values.shape[values.ndim - part.ndim + 1 :])
    elif values.ndim < part.ndim:
        values = values.reshape(values.shape[:1] + (1,) * (part.ndim - values.ndim) + tuple(values.shape[1:]))
    if plan.move is not None:
        values = namespace_of(values).moveaxis(
            namespace_of(values).broadcast_to(values, part.shape), plan.move[1], plan.move[0]
        )
    put(raw, plan.index, values)
