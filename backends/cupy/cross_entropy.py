"""Cross entropy of logits and class numbers, and its gradient."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..kernels import kernel
from .geometry import FLOATS, lines
from .launch import THREADS, blocks_for
from .overrides import OVERRIDES

_MOST_PARTS = 1024
"""Blocks whose sums the second launch joins."""


def _wide(kind: Any) -> Any:
    """The dtype that is computed in."""
    return np.dtype("float64" if kind.name == "float64" else "float32")


def _takes(
    x: Any, target: Any, weight: Any, *, reduction: str, ignore_index: int, masked: bool, smoothing: float
) -> bool:
    fits = weight is None or weight.dtype == x.dtype
    return fits and x.size > 0 and x.dtype.name in FLOATS and target.dtype.kind in "iu"


@kernel("cross_entropy", table=OVERRIDES, when=_takes)
def cross_entropy(
    gpu: Any,
    x: Any,
    target: Any,
    weight: Any,
    *,
    reduction: str,
    ignore_index: int,
    masked: bool,
    smoothing: float,
) -> tuple[Any, ...]:
    """One launch for the losses of all positions, one more for their sum or mean, in place of ten to twenty-five."""
    xp, kind = gpu.xp, x.dtype
    rows = xp.ascontiguousarray(x if x.ndim > 1 else x[None])
    wide, n, places = _wide(kind), rows.shape[1], (rows.shape[0], *rows.shape[2:])
    target = xp.ascontiguousarray(target.reshape(places).astype("int64", copy=False))
    weight = None if weight is None else xp.ascontiguousarray(weight)
    exps, sums = xp.empty(rows.shape, wide), xp.empty((places[0], 1, *places[1:]), wide)
    labels, share = xp.empty(places, np.dtype("int64")), xp.empty(places, wide)
    even = xp.empty(places, wide) if smoothing else None
    joined = reduction != "none"
    most = _MOST_PARTS if joined else 1 << 16
    which, blocks, threads, sizes = lines(places[0], n, prod(places[1:]), most)
    parts = xp.empty((blocks, 2), wide) if joined else None
    out = xp.empty((), kind) if joined else xp.empty(places, kind)
    arrays = (rows, target, weight, None if joined else out, exps, sums, labels, share, even, parts)
    numbers = (ignore_index, int(masked), wide.type(smoothing))
    gpu.launch("cross_entropy", f"forward_{which}", blocks, threads, *arrays, *numbers, *sizes, T=kind)
    if joined:
        mean = reduction == "mean"
        gpu.launch("cross_entropy", "finish", blocks_for(labels.size, THREADS, 1024) if mean else 1, THREADS, parts,
                   blocks, target, ignore_index, int(masked), out, share, even, labels.size, int(mean),
                   T=kind)  # fmt: skip
    return out if joined or x.ndim > 1 else out.reshape(()), exps, sums, labels, share, even


def _takes_gradient(g: Any, share: Any, even: Any, weight: Any, exps: Any, sums: Any, labels: Any) -> bool:
    """What ``cross_entropy`` above has left, and g as it comes."""
    fits = weight is None or weight.dtype == g.dtype
    numbers = all(a is None or (getattr(a, "shape", None) == labels.shape) for a in (share, even))
    return (
        fits
        and numbers
        and exps.size > 0
        and g.dtype.name in FLOATS
        and all(a is None or a.dtype == _wide(g.dtype) for a in (share, even, exps))
        and g.size in (1, labels.size)
    )


@kernel("cross_entropy_backward", table=OVERRIDES, when=_takes_gradient)
def cross_entropy_backward(
    gpu: Any, g: Any, share: Any, even: Any, weight: Any, exps: Any, sums: Any, labels: Any
) -> Any:
    """One launch: the exponentials are read once, the gradient is written once."""
    xp = gpu.xp
    n, places = exps.shape[1], labels.shape
    share, even, weight, exps, sums, labels = (
        None if a is None else xp.ascontiguousarray(a) for a in (share, even, weight, exps, sums, labels)
    )
    g = g if g.flags.c_contiguous else xp.ascontiguousarray(g)
    gx = xp.empty(exps.shape, g.dtype)
    which, blocks, threads, sizes = lines(places[0], n, prod(places[1:]))
    gpu.launch("cross_entropy", f"backward_{which}", blocks, threads, g, int(g.size > 1), share, even, weight, exps,
               sums, labels, gx, *sizes, T=g.dtype)  # fmt: skip
    return gx
