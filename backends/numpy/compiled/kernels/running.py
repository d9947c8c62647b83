"""Running results of many columns at once: each step is one for all neighbours, and no number waits for the next."""

from __future__ import annotations

import numpy as np

from .elementary import exp, log
from .jit import compiled
from .lanes import peek, poke

_0, _1 = np.float32(0), np.float32(1)


@compiled
def sums(x, out, n, inner, product, start, stop):  # type: ignore[no-untyped-def]
    """Running sums, or products, along the middle axis of x (outer, n, inner), flat, for the outer places from
    ``start`` to ``stop``."""
    for outer in range(start, stop):
        at = outer * n * inner
        for i in range(at, at + inner):
            poke(out, i, peek(x, i))
        for row in range(at + inner, at + n * inner, inner):
            if product:
                for i in range(row, row + inner):
                    poke(out, i, peek(out, i - inner) * peek(x, i))
            else:
                for i in range(row, row + inner):
                    poke(out, i, peek(out, i - inner) + peek(x, i))


@compiled
def extremes(x, out, n, inner, largest, best, start, stop):  # type: ignore[no-untyped-def]
    """The same for the positions along the axis of the extremes so far: of the last of equal ones, or the last NaN.
    ``best`` is workspace for a row."""
    for outer in range(start, stop):
        at = outer * n * inner
        for i in range(inner):
            poke(best, i, peek(x, at + i))
            poke(out, at + i, 0)
        for j in range(1, n):
            row = at + j * inner
            for i in range(inner):
                v, b = peek(x, row + i), peek(best, i)
                better = (v >= b if largest else v <= b) | (v != v)
                poke(best, i, v if better else b)
                poke(out, row + i, j if better else peek(out, row - inner + i))


@compiled
def log_sums(x, out, n, inner, highest, total, write):  # type: ignore[no-untyped-def]
    """Logarithms of running sums of exponentials, along the first axis of x (n, inner), flat.

    The sum so far of a column is ``total`` e^``highest``, with the largest number so far; both are kept at the end.
    Without ``write`` that is all that is done.
    """
    for row in range(0, n * inner, inner):
        for i in range(inner):
            v, h, s = peek(x, row + i), peek(highest, i), peek(total, i)
            e = _1 if v == h else exp(-abs(v - h))
            s = s * e + _1 if v > h else s + e
            h = v if (v > h) | (v != v) else h  # what is not a number stays, and the sum beside it has no say
            poke(highest, i, h)
            poke(total, i, s)
            if write:
                poke(out, row + i, h + log(s))


@compiled
def product_gradient(g, x, result, out, n, start, stop):  # type: ignore[no-untyped-def]
    """The gradient of running products along rows of ``n`` numbers other than 0: the sum of g times the product from
    each place on, divided by the number there."""
    for row in range(start, stop):
        total = _0
        for i in range(row * n + n - 1, row * n - 1, -1):
            total += peek(g, i) * peek(result, i)
            poke(out, i, total / peek(x, i))
