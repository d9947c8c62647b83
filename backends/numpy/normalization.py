"""Layer and root-mean-square normalisation on NumPy alone, some rows at a time, shared out to threads.

A pass that takes one number for each row or column takes twice the time of one over arrays of one shape, and a sum four
times that of a product with ones. So sums are products, the factor of each element is the product of a column
(1 / deviation) and a row (the weight), and what is added the product of two columns and two rows.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..kernels import kernel
from .kernels import OVERRIDES
from .threads import share

LEAST = 1 << 12
"""Elements from which on this is faster than the generic body."""

LONGEST = 1 << 12
"""BLAS adds a row up in a few dozen sums side by side, NumPy by halves: in longer rows that would be more exact."""

BLOCK = 1 << 16
"""Elements that are worked on at a time, with any number of threads."""

_NEAR = 2.0
"""Where a row's mean is at most this many deviations away from 0, little is lost by not taking it off first."""


def _fits(x: Any, weight: Any, bias: Any, rows: int, affine: tuple[int, ...], *others: Any) -> bool:
    if x.size < LEAST or x.dtype.char not in "fd" or x.shape[x.ndim - len(affine) :] != affine:
        return False
    given = [a for a in (x, weight, bias, *others) if a is not None]
    return 16 <= x.size // rows <= LONGEST and all(a.dtype is x.dtype and a.flags.c_contiguous for a in given)


def _takes(
    x: Any, weight: Any, bias: Any, *, rows: int, affine: tuple[int, ...], eps: float, centred: bool, title: str
) -> bool:
    return _fits(x, weight, bias, rows, affine)


def _takes_gradient(
    g: Any,
    x: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    inverse: Any,
    *,
    affine: tuple[int, ...],
    wanted: bool,
) -> bool:
    return _fits(x, weight, bias, len(inverse), affine, g)


@functools.lru_cache(16)
def _ones(size: int, kind: Any) -> np.ndarray:
    made = np.ones((size, 1), kind)
    made.flags.writeable = False
    return made


def _row(a: Any, size: int, kind: Any) -> np.ndarray:
    """A weight as a row; ones for none."""
    row: np.ndarray = _ones(size, kind).T if a is None else a.reshape(1, size)
    return row


def _each_block(rows: int, size: int, body: Any) -> int:
    """Call ``body(number, part)`` for blocks of rows; how many there are."""
    step = max(BLOCK // size, 1)
    blocks = -(-rows // step)

    def run(start: int, stop: int) -> None:
        for number in range(start, stop):
            body(number, slice(number * step, min((number + 1) * step, rows)))

    share(blocks, run)
    return blocks


@kernel("row_norm", table=OVERRIDES, when=_takes)
def row_norm(
    x: Any, weight: Any, bias: Any, *, rows: int, affine: tuple[int, ...], eps: float, centred: bool, title: str
) -> tuple[Any, ...]:
    """1024 rows of 128: 0.2 ms on one thread in place of 0.4."""
    kind, size = x.dtype, x.size // rows
    flat, out = x.reshape(rows, size), np.empty((rows, size), kind)
    mean = np.empty((rows, 1), kind) if centred else None
    inverse = np.empty((rows, 1), kind)
    scale = _row(weight, size, kind)

    def body(number: int, part: slice) -> None:
        given, target = flat[part], out[part]
        square = np.vecdot(given, given)[:, None] / size
        if mean is not None:
            found = np.divide(given.dot(_ones(size, kind)), size, out=mean[part])
            off = found * found
            square -= off
            if not (off <= _NEAR**2 * square).all():
                given, found = given - found, np.zeros_like(found)
                square = np.vecdot(given, given)[:, None] / size
        square += eps
        factor = np.divide(1, np.sqrt(square, out=square), out=inverse[part])
        np.multiply(given, factor.dot(scale), out=target)
        if mean is None:
            return
        if bias is None:
            target -= (found * factor).dot(scale)
            return
        columns = np.ones((len(found), 2), kind)
        np.multiply(found[:, 0], -factor[:, 0], out=columns[:, 0])
        target += columns.dot(np.concatenate([scale, bias.reshape(1, size)]))

    _each_block(rows, size, body)
    return out.reshape(x.shape), mean, inverse


@kernel("row_norm_gradient", table=OVERRIDES, when=_takes_gradient)
def row_norm_gradient(
    g: Any,
    x: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    inverse: Any,
    *,
    affine: tuple[int, ...],
    wanted: bool,
) -> tuple[Any, ...]:
    """1024 rows of 128: 0.4 ms on one thread in place of 0.7."""
    rows, kind = len(inverse), x.dtype
    size = x.size // rows
    up, flat = g.reshape(rows, size), x.reshape(rows, size)
    scale = _row(weight, size, kind)
    turned = np.ascontiguousarray(scale.T)
    out = np.empty((rows, size), kind) if wanted else None
    parts = np.empty((2, -(-rows // max(BLOCK // size, 1)), size), kind)  # of the gradients of weight and bias

    def body(number: int, part: slice) -> None:
        given, down, factor = flat[part], up[part], inverse[part]
        off = None
        if mean is not None:
            off = mean[part] * factor
            if not (np.absolute(off) <= _NEAR).all():
                given, off = given - mean[part], np.zeros_like(off)
        # With n = x factor - off: the sums of g n over rows, and of w g n over columns.
        both = given * down
        sums = np.concatenate([_ones(len(given), kind), factor if off is None else off], axis=1).T.dot(down)
        parts[1, number] = sums[0]
        parts[0, number] = factor.T.dot(both)[0] - (sums[1] if off is not None else 0)
        if out is None:
            return
        common = both.dot(turned) * factor
        if off is not None:
            level = down.dot(turned)
            common -= off * level
        common /= size
        target = np.multiply(down, factor.dot(scale), out=out[part])
        # factor (w g - level / size - n common)
        both = np.multiply(given, common * factor * -factor, out=both)
        if off is not None:
            both += factor * (off * common - level / size)
        target += both

    _each_block(rows, size, body)
    made = [
        None if a is None else np.add.reduce(part).reshape(a.shape)
        for a, part in zip((weight, bias), parts, strict=True)
    ]
    return None if out is None else out.reshape(x.shape), *made
