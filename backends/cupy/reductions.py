"""Sums, means, extremes and norms of floating-point numbers, in one launch or two.

CuPy's reductions are slow over the first axis of a matrix (the gradient of a bias), and sum contiguous float16 in
float16. Here numbers of 16 bits are read as they are and joined in float32.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..kernels import kernel
from .geometry import FLOATS, kept_in_order, lines, over_columns, over_rows
from .overrides import OVERRIDES

_FILLING = 1056
"""Blocks of 256 threads that 132 multiprocessors run at once."""

_LEAST_ROWS, _LEAST_COLUMNS = 8192, 128
"""Numbers of a row, and of a column, that are worth a part of their own."""


class Plan(NamedTuple):
    """How an array is reduced.

    Attributes:
        sizes: (a, r, b, s) as in ``reductions.cu``.
        order: the axes as they lie in memory.
        kept: the shape of the result in that order, with 1 for the axes that are reduced.
        axes: those that are reduced.
    """

    sizes: tuple[int, int, int, int]
    order: tuple[int, ...]
    kept: tuple[int, ...]
    axes: tuple[int, ...]


_FORMS: tuple[Callable[..., tuple[int, int, int, int]], ...] = (
    lambda: (1, 1, 1, 1),
    lambda kept: (kept, 1, 1, 1),
    lambda kept, n: (kept, 1, 1, n),
    lambda outer, n, inner: (outer, n, inner, 1),
    lambda outer, n, kept, m: (outer, n, kept, m),
)
"""(a, r, b, s) for the sizes of kept and reduced axes in turn."""


@functools.lru_cache(1024)
def plan(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int, axes: Any) -> Plan | None:
    """How to reduce an array over these axes (None for all); None if it has gaps or alternates too often."""
    order = kept_in_order(shape, strides, itemsize)
    if order is None:
        return None
    axes = tuple(range(len(shape))) if axes is None else tuple(a % len(shape) for a in axes)
    sizes: list[int] = []  # of kept and reduced axes in turn, the first kept
    for axis in order:
        if shape[axis] == 1:
            continue
        if (axis in axes) == len(sizes) % 2:  # the other kind than the last one
            sizes.append(shape[axis])
        elif sizes:
            sizes[-1] *= shape[axis]
        else:
            sizes += [1, shape[axis]]
    kept = tuple(1 if axis in axes else shape[axis] for axis in order)
    if len(sizes) > 4 or not axes:
        return None
    return Plan(_FORMS[len(sizes)](*sizes), order, kept, axes)


def _plan(x: Any, axis: Any) -> Plan | None:
    return plan(x.shape, x.strides, x.itemsize, (axis,) if isinstance(axis, int) else axis)


def _takes(x: Any, *, axis: Any, keepdims: bool) -> bool:
    return x.size > 0 and x.dtype.name in FLOATS and x.ndim > 0 and _plan(x, axis) is not None


def reduce(gpu: Any, function: str, x: Any, axis: Any, keepdims: bool, divisor: float = 1) -> Any:
    """``function`` of the numbers of ``x`` over these axes, divided by ``divisor`` if it is a total."""
    found = _plan(x, axis)
    assert found is not None
    (a, r, b, s), order, kept, axes = found
    kind, memory, outputs = x.dtype, x.transpose(order), a * b
    wide = np.dtype("float64" if kind.name == "float64" else "float32")
    out = gpu.xp.empty(kept, kind)
    by, blocks, threads, splits, sizes = _shared_out(a, r, b, s)
    parts = None if splits == 1 else gpu.xp.empty((splits, outputs), wide)
    macros = {"T": kind, "REDUCE": function}
    number = wide.type(divisor)
    gpu.launch("reductions", by, blocks, threads, memory, out, parts, *sizes, splits, number, **macros)
    if parts is not None:
        blocks, threads = over_columns(1, splits, outputs)
        gpu.launch("reductions", "finish", blocks, threads, parts, out, splits, outputs, number, **macros)
    out = out.transpose(tuple(order.index(i) for i in range(len(order))))
    return out if keepdims else out.reshape(tuple(n for i, n in enumerate(out.shape) if i not in axes))


def _shared_out(a: int, r: int, b: int, s: int) -> tuple[str, int, tuple[int, int], int, tuple[int, ...]]:
    """Rows or columns, the launch, the number of parts, and the sizes that the kernel takes."""
    if s == 1 or (r == b == 1 and s <= 32):
        outer, n, inner = (a, r, b) if s == 1 else (a, s, 1)
        by, blocks, threads, sizes = lines(outer, n, inner)
        if by == "columns":
            splits = max(1, min(_FILLING // blocks, n // _LEAST_COLUMNS))
            return by, blocks * splits, threads, splits, sizes
    numbers = r * s
    blocks, threads = over_rows(a * b, numbers if numbers <= 256 else max(numbers, 2048))
    threads = (min(threads[0], 256), threads[1])
    splits = max(1, min(_FILLING // blocks, numbers // _LEAST_ROWS))
    return "rows", blocks * splits, threads, splits, (a, r, b, s)


@kernel("sum", table=OVERRIDES, when=_takes)
def sum(gpu: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    """Each number is read once, in whole lines of memory whatever the axis."""
    return reduce(gpu, "total", x, axis, keepdims)


@kernel("mean", table=OVERRIDES, when=_takes)
def mean(gpu: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    """As ``sum``, divided in the same launch."""
    count = x.size if axis is None else prod(x.shape[a] for a in axis)
    return reduce(gpu, "total", x, axis, keepdims, count)


@kernel("amax", table=OVERRIDES, when=_takes)
def amax(gpu: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    """As ``sum``; what is not a number stays."""
    return reduce(gpu, "largest", x, axis, keepdims)


@kernel("amin", table=OVERRIDES, when=_takes)
def amin(gpu: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    """As ``amax``."""
    return reduce(gpu, "smallest", x, axis, keepdims)


@kernel("norm2", table=OVERRIDES, when=_takes)
def norm2(gpu: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    """Squares, sum and root in one launch or two, in place of three."""
    return reduce(gpu, "norm", x, axis, keepdims)
