"""Running results along rows that lie one after the other."""

from __future__ import annotations

from typing import Any

from .indexing import ADD, MULTIPLY
from .jit import exact
from .lanes import peek, poke


def _running(kind: int) -> Any:
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
                    if kind == ADD:
                        p, q, r, s = p + peek(x, a + j), q + peek(x, b + j), r + peek(x, c + j), s + peek(x, d + j)
                    else:
                        p, q, r, s = p * peek(x, a + j), q * peek(x, b + j), r * peek(x, c + j), s * peek(x, d + j)
                poke(out, a + j, p)
                poke(out, b + j, q)
                poke(out, c + j, r)
                poke(out, d + j, s)
            row += 4
        for at in range(row * n, stop * n, n):
            total = peek(x, at)
            poke(out, at, total)
            for j in range(at + 1, at + n):
                total = total + peek(x, j) if kind == ADD else total * peek(x, j)
                poke(out, j, total)

    return running


RUNNING = (_running(ADD), _running(MULTIPLY))


def _extremes(largest: bool) -> Any:
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


EXTREMES = (_extremes(False), _extremes(True))
