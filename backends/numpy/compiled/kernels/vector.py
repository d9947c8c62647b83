"""A vector times a matrix: BLAS's own threads take longer to wake than the product takes."""

from __future__ import annotations

import numpy as np

from .jit import compiled
from .lanes import in_line, peek, poke

_0 = np.float32(0)


@compiled
def by_columns(x, y, bias, biased, out):
    """``out[j]``: the sum over k of ``x[k] y[j, k]``, four at a time; numbers of a column lie side by side."""
    columns, depth, x, y, out = y.shape[0], y.shape[1], in_line(x), in_line(y), in_line(out)
    for j in range(0, columns - 3, 4):
        a, b, c, d = _0, _0, _0, _0
        at = j * depth
        for k in range(depth):
            v = peek(x, k)
            a += v * peek(y, at + k)
            b += v * peek(y, at + depth + k)
            c += v * peek(y, at + 2 * depth + k)
            d += v * peek(y, at + 3 * depth + k)
        poke(out, j, a)
        poke(out, j + 1, b)
        poke(out, j + 2, c)
        poke(out, j + 3, d)
    for j in range(columns - columns % 4, columns):
        total = _0
        for k in range(depth):
            total += peek(x, k) * peek(y, j * depth + k)
        poke(out, j, total)
    if biased:
        for j in range(columns):
            poke(out, j, peek(out, j) + peek(bias, j))


@compiled
def by_rows(x, y, bias, biased, out):
    """``out[j]``: the sum over k of ``x[k] y[k, j]``, four rows at a time; numbers of a row lie side by side."""
    depth, columns, x, y, out = y.shape[0], y.shape[1], in_line(x), in_line(y), in_line(out)
    for j in range(columns):
        poke(out, j, peek(bias, j) if biased else _0)
    for k in range(0, depth - 3, 4):
        a, b, c, d = peek(x, k), peek(x, k + 1), peek(x, k + 2), peek(x, k + 3)
        at = k * columns
        for j in range(columns):
            first = a * peek(y, at + j) + b * peek(y, at + columns + j)
            second = c * peek(y, at + 2 * columns + j) + d * peek(y, at + 3 * columns + j)
            poke(out, j, peek(out, j) + (first + second))
    for k in range(depth - depth % 4, depth):
        a = peek(x, k)
        for j in range(columns):
            poke(out, j, peek(out, j) + a * peek(y, k * columns + j))
