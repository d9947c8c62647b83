"""Resampling along one axis: each number of the result is a weighted sum of few numbers of the input."""

from __future__ import annotations

import math
from typing import Any

from ..._core.op import op
from ...backends.constants import constant
from ..activation.softmax import widen
from ._taps import Taps

FEW = 8
"""So many taps are always added one after the other, ..."""

LARGE = 1 << 14
"""... and more are if a tap has so many numbers; else all are picked at once, which takes as many times the memory."""


def _title(node: Any) -> str:
    return node.attrs["title"] + ("Backward" if node.attrs["back"] else "") + "Backward0"


@op(title=_title)
def _resample(xp: Any, x: Any, *, axis: int, taps: Taps, title: str, back: bool) -> Any:
    """The axis resampled by a plan."""
    count, after = taps.places.shape[1], (1,) * (x.ndim - axis - 1)
    shape = (*x.shape[:axis], len(taps), *x.shape[axis + 1 :])
    wide = widen(x) if count > 1 else x
    if taps.gaps:  # Taps that are not there take zeros; a weight of 0 would let inf and NaN through.
        wide = xp.concatenate([wide, xp.zeros((*x.shape[:axis], 1, *x.shape[axis + 1 :]), wide.dtype)], axis=axis)
    if count > FEW and math.prod(shape) < LARGE:
        block = xp.take(wide, constant(xp, taps.places), axis=axis)
        if taps.weights is not None:
            block *= constant(xp, taps.weights).reshape(*taps.weights.shape, *after)
        return xp.sum(block, axis=axis + 1).astype(x.dtype, copy=False)
    places = constant(xp, taps.places)
    weights = None if taps.weights is None else constant(xp, taps.weights)
    out: Any = None if count else xp.zeros(shape, wide.dtype)
    for t in range(count):
        part = xp.take(wide, places[:, t], axis=axis)
        if weights is not None:
            part *= weights[:, t].reshape(-1, *after)
        if out is None:
            out = part
        else:
            out += part
    return out.astype(x.dtype, copy=False)


@_resample.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    attrs = node.attrs
    return (
        f.resample(g, axis=attrs["axis"], taps=attrs["taps"].transposed, title=attrs["title"], back=not attrs["back"]),
    )


def resample(x: Any, plans: list[tuple[int, Taps]], title: str) -> Any:
    """The axes resampled one after the other, those that shrink first, so that little is moved."""
    for axis, plan in sorted(plans, key=lambda pair: (len(pair[1]) / pair[1].size, -pair[0])):
        x = _resample(x, axis=axis, taps=plan, title=title, back=False)
    return x
