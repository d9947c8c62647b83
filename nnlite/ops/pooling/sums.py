"""Sums over windows along one axis, and their transpose.

A window is a range of positions; starts and ends rise from one window to the next. The places with the same number in
all windows are added together, in runs of windows whose starts have the same distance, so that windows that slide with
a constant stride take one addition of a strided view for each place.
"""

from __future__ import annotations

import functools
from typing import Any

from ..._core.op import op
from ..activation.softmax import widen

Ints = tuple[int, ...]


@functools.lru_cache(256)
def runs(starts: Ints, counts: Ints) -> tuple[tuple[slice, slice], ...]:
    """Pairs (windows, positions) of slices: what is added to what."""
    found = []
    for place in range(max(counts, default=0)):
        held = [i for i, count in enumerate(counts) if count > place]
        at = 0
        while at < len(held):
            first = held[at]
            end = at + 1
            step = starts[held[end]] - starts[first] if end < len(held) and held[end] == first + 1 else 0
            while (
                step > 0 and end < len(held) and held[end] == held[end - 1] + 1
                and starts[held[end]] - starts[held[end - 1]] == step
            ):  # fmt: skip
                end += 1
            begin = starts[first] + place
            length = end - at
            found.append(
                (slice(first, first + length), slice(begin, begin + (length - 1) * max(step, 1) + 1, max(step, 1)))
            )
            at = end
    return tuple(found)


def _moved(axis: int, where: slice) -> tuple[Any, ...]:
    return (*(slice(None),) * axis, where)


@op(title="AvgPoolBackward0")
def _window_sum(xp: Any, x: Any, *, axis: int, starts: Ints, counts: Ints) -> Any:
    """For each window the sum of what is in it."""
    wide = widen(x)
    out = xp.zeros((*x.shape[:axis], len(starts), *x.shape[axis + 1 :]), wide.dtype)
    for windows, positions in runs(starts, counts):
        out[_moved(axis, windows)] += wide[_moved(axis, positions)]
    return out.astype(x.dtype, copy=False)


@_window_sum.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.window_spread(g, size=node.shapes[0][node.attrs["axis"]], **node.attrs),)


@op(title="AvgPoolBackwardBackward0")
def _window_spread(xp: Any, g: Any, *, axis: int, starts: Ints, counts: Ints, size: int) -> Any:
    """Each window's number added to all positions in it."""
    wide = widen(g)
    out = xp.zeros((*g.shape[:axis], size, *g.shape[axis + 1 :]), wide.dtype)
    for windows, positions in runs(starts, counts):
        out[_moved(axis, positions)] += wide[_moved(axis, windows)]
    return out.astype(g.dtype, copy=False)


@_window_spread.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.window_sum(g, **{name: node.attrs[name] for name in ("axis", "starts", "counts")}),)


def window_sums(x: Any, windows: list[tuple[Ints, Ints]]) -> Any:
    """The sums over windows along the last axes, given as (starts, counts) for each."""
    for axis, (starts, counts) in enumerate(windows, x.ndim - len(windows)):
        x = _window_sum(x, axis=axis, starts=starts, counts=counts)
    return x
