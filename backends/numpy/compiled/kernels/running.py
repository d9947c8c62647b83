"""Running results.

Where neighbours along the axis lie apart in memory, many columns are taken at once: each step is one for all of them,
and no number waits for the one before it. Rows are taken one after the other, sums and products four at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementary import exp, log
from .jit import compiled, exact
from .lanes import peek, poke

_0, _1 = np.float32(0), np.float32(1)


@compiled
def running(x, out, n, inner, product, start, stop):  # type: ignore[no-untyped-def]
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


def _running_in_rows(product: bool) -> Any:
    @exact
    def running(x, out, n, start, stop):
        """Running sums or products of the rows of ``n`` numbers from ``start`` to ``stop``, added in their order. Four
        rows at a time, since each number waits for the one before it."""
        row = start
        while row + 4 <= stop:
            a, b, c, d = row * n, row * n + n, row * n + 2 * n, row * n + 3 * n
            p, q, r, s = peek(x, a), peek(x, b), peek(x, c), peek(x, d)
            for j in range(n):
                if j:
                    if product:
                        p, q, r, s = p * peek(x, a + j), q * peek(x, b + j), r * peek(x, c + j), s * peek(x, d + j)
                    else:
                        p, q, r, s = p + peek(x, a + j), q + peek(x, b + j), r + peek(x, c + j), s + peek(x, d + j)
                poke(out, a + j, p)
                poke(out, b + j, q)
                poke(out, c + j, r)
                poke(out, d + j, s)
            row += 4
        for at in range(row * n, stop * n, n):
            total = peek(x, at)
            poke(out, at, total)
            for j in range(at + 1, at + n):
                total = total * peek(x, j) if product else total + peek(x, j)
                poke(out, j, total)

    return running


RUNNING_IN_ROWS = (_running_in_rows(False), _running_in_rows(True))


def _extremes_in_rows(largest: bool) -> Any:
    @exact
    def extremes(x, out, n, start, stop):
        """For each number the position in its row of the extreme so far, the last of equal ones, or the last NaN."""
        for at in range(start * n, stop * n, n):
            j = 0
            while j < n:  # a new extreme is seldom: a loop of its own until the next one, which needs no choices
                best, place = peek(x, at + j), j
                poke(out, at + j, place)
                j += 1
                while j < n:
                    value = peek(x, at + j)
                    if (value >= best if largest else value <= best) or value != value:
                        break
                    poke(out, at + j, place)
                    j += 1

    return extremes


EXTREMES_IN_ROWS = (_extremes_in_rows(False), _extremes_in_rows(True))


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
