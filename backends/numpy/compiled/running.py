"""Running sums, products, extremes and sums of exponentials along the last axis, or one whose neighbours lie apart."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ...kernels import kernel
from ..first_use import load, worth
from ..kernels import OVERRIDES
from ..threads import share as share_calls
from .team import share

LEAST = 1 << 12
"""Numbers from which on compiled kernels pay for loading numba, along an axis whose neighbours lie apart in memory."""

LEAST_IN_ROWS = 1 << 14
"""The same along the last axis."""

GRAIN = 1 << 17
"""Numbers that are worth a thread."""

WIDTH = 64
"""Rows that are taken together: as the columns of a piece that stays in the cache."""

_FLOAT32 = np.dtype(np.float32)
_TYPES = {np.dtype(kind) for kind in (np.float32, np.float64, np.int64)}


def _takes(x: Any, *, axis: int) -> bool:
    rows = axis == x.ndim - 1
    return (
        worth(x.size, LEAST_IN_ROWS if rows else LEAST) and x.size > 0 and x.dtype in _TYPES
        and (rows or math.prod(x.shape[axis + 1 :]) >= 16)
    )  # fmt: skip


def _takes_extreme(x: Any, *, axis: int, largest: bool) -> bool:
    return _takes(x, axis=axis)


def _along(x: np.ndarray, axis: int) -> tuple[int, int, int]:
    """The sizes before the axis, along it, and after it."""
    return math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])


def _flat(x: np.ndarray) -> np.ndarray:
    """All numbers, one after the other, in memory that can be written: numba compiles anew for what cannot."""
    return np.array(x, order="C", copy=None if x.flags.writeable else True).reshape(-1)


def _running(x: np.ndarray, axis: int, product: bool) -> np.ndarray:
    (outer, n, inner), out = _along(x, axis), np.empty(x.shape, x.dtype)
    kernels, source, target = load("running"), _flat(x), out.reshape(-1)
    if axis == x.ndim - 1:
        body = functools.partial(kernels.RUNNING_IN_ROWS[product], source, target, n)
    else:
        body = functools.partial(kernels.running, source, target, n, inner, product)
    share(outer, body, -(-GRAIN // (n * inner)))
    return out


@kernel("cumsum", table=OVERRIDES, when=_takes, above=True)
def cumsum(x: np.ndarray, *, axis: int) -> np.ndarray:
    """A thousand float32 rows of a thousand: along the first axis 0.43 ms in place of 6, PyTorch takes 7; along the
    last 0.8 ms in place of 3.6, since four rows run at a time."""
    return _running(x, axis, False)


@kernel("cumprod", table=OVERRIDES, when=_takes, above=True)
def cumprod(x: np.ndarray, *, axis: int) -> np.ndarray:
    """A thousand float32 rows of a thousand: along the first axis 1.1 ms in place of 8.5, PyTorch takes 6; along the
    last 2.4 ms in place of 5.7 (most of it for numbers too small to be normal)."""
    return _running(x, axis, True)


@kernel("last_extreme", table=OVERRIDES, when=_takes_extreme, above=True)
def last_extreme(x: np.ndarray, *, axis: int, largest: bool) -> np.ndarray:
    """A thousand float32 rows of a thousand: ``cummax`` along the first axis takes 3 ms in place of 40, PyTorch 26;
    positions along the last take 1.7 ms in place of 16."""
    (outer, n, inner), out = _along(x, axis), np.empty(x.shape, np.int64)
    kernels, source, target = load("running"), _flat(x), out.reshape(-1)

    def body(start: int, stop: int) -> None:
        if axis == x.ndim - 1:
            kernels.EXTREMES_IN_ROWS[largest](source, target, n, start, stop)
        else:
            kernels.extremes(source, target, n, inner, largest, np.empty(inner, x.dtype), start, stop)

    share(outer, body, -(-GRAIN // (n * inner)))
    return out


def _without_zeros(g: Any, x: Any, out: Any, *, axis: int) -> bool:
    return (
        worth(x.size, LEAST) and x.size > 0 and axis == x.ndim - 1
        and all(a.dtype is _FLOAT32 for a in (g, x, out)) and bool(np.all(x))
    )  # fmt: skip


@kernel("cumprod_gradient", table=OVERRIDES, when=_without_zeros, above=True)
def cumprod_gradient(g: np.ndarray, x: np.ndarray, out: np.ndarray, *, axis: int) -> np.ndarray:
    """A million float32, none of them 0: backward of ``cumprod`` takes 2 ms in place of 12; PyTorch 6."""
    result, n = np.empty(x.shape, np.float32), x.shape[-1]
    run, arrays = load("running").product_gradient, [np.ascontiguousarray(a).reshape(-1) for a in (g, x, out, result)]
    share(x.size // n, lambda a, b: run(*arrays, n, a, b), -(-GRAIN // n))
    return result


def _takes_exponentials(x: Any, *, axis: int) -> bool:
    return worth(x.size, LEAST) and x.size > 0 and x.dtype is _FLOAT32


@kernel("logcumsumexp", table=OVERRIDES, when=_takes_exponentials, above=True)
def logcumsumexp(x: np.ndarray, *, axis: int) -> np.ndarray:
    """A thousand float32 rows of a thousand: 2.2 ms along the first axis and 6 along the last, in place of 54; PyTorch
    takes 46 and 53.

    One row is taken in parts, whose number depends on its length alone.
    """
    outer, n, inner = _along(x, axis)
    out = np.empty(x.shape, np.float32)
    source, target = np.ascontiguousarray(x).reshape(outer, n, inner), out.reshape(outer, n, inner)
    if inner >= 16:
        share_calls(outer, lambda a, b: _each(source, target, a, b), -(-GRAIN // (n * inner)))
        return out
    rows, results = source.swapaxes(1, 2).reshape(-1, n), np.empty((outer * inner, n), np.float32)
    if len(rows) >= 16:
        _rows(rows, results, *_nothing(len(rows)))
    else:
        for row, result in zip(rows, results, strict=True):
            _long(row, result)
    target[...] = results.reshape(outer, inner, n).swapaxes(1, 2)
    return out


def _nothing(inner: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest number and the sum of none."""
    return np.full(inner, -math.inf, np.float32), np.zeros(inner, np.float32)


def _each(x: np.ndarray, out: np.ndarray, start: int, stop: int) -> None:
    run, (n, inner) = load("running").log_sums, x.shape[1:]
    for outer in range(start, stop):
        run(x[outer].reshape(-1), out[outer].reshape(-1), n, inner, *_nothing(inner), True)


def _rows(x: np.ndarray, out: np.ndarray | None, highest: np.ndarray, total: np.ndarray) -> None:
    """Results of all rows, some at a time turned into columns; without ``out``, their sums."""
    run, (rows, n) = load("running").log_sums, x.shape

    def body(start: int, stop: int) -> None:
        for first in range(start, stop, WIDTH):
            some = slice(first, min(first + WIDTH, stop))
            turned = np.ascontiguousarray(x[some].T)
            result = np.empty_like(turned)  # another array: in place there would be no vectors
            run(turned.reshape(-1), result.reshape(-1), n, turned.shape[1], highest[some], total[some], out is not None)
            if out is not None:
                out[some] = result.T

    share_calls(rows, body, max(WIDTH, -(-GRAIN // n)))


def _long(x: np.ndarray, out: np.ndarray) -> None:
    """One row: its parts are rows, whose sums are found first."""
    parts = WIDTH * -(-math.isqrt(len(x)) // WIDTH)
    each = -(-len(x) // parts)
    padded = np.full((parts, each), -math.inf, np.float32)
    padded.reshape(-1)[: len(x)] = x
    highest, total = _nothing(parts)
    _rows(padded, None, highest, total)
    before = np.logaddexp.accumulate(highest + np.log(total))[:-1]
    highest, total = _nothing(parts)
    highest[1:], total[1:] = before, 1
    _rows(padded, padded, highest, total)
    out[...] = padded.reshape(-1)[: len(x)]


def warm_up() -> None:
    """Compile the kernels of this file for float32, and sums of int64 along the last axis."""
    x = np.zeros((4, 16), np.float32)
    for axis in (0, 1):
        for function in (cumsum, cumprod, logcumsumexp):
            function(x, axis=axis)
        for largest in (False, True):
            last_extreme(x, axis=axis, largest=largest)
    cumsum(x.astype(np.int64), axis=1)
    cumprod_gradient(x, x, x, axis=1)
