"""Reading and reducing at index arrays.

Positions below zero count from the end. A function returns the place in ``where`` of the first position that does not
exist, where it stops, or -1. Each target gets its values in the order in which they stand.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import exact
from .lanes import peek, poke

ADD, MULTIPLY, MAXIMUM, MINIMUM, REPLACE = range(5)


@exact
def _combined(kind, a, b):
    """Two numbers as one; what is not a number stays, as with NumPy's functions."""
    if kind == ADD:
        return a + b
    if kind == MULTIPLY:
        return a * b
    if kind == MAXIMUM:
        return a if a >= b or a != a else b
    if kind == MINIMUM:
        return a if a <= b or a != a else b
    return b


@exact
def _place(p, low, size):
    """A position counted from the start; -1 for one that does not exist. Those from ``low`` on do: 0 or ``-size``."""
    if np.uint64(p) < np.uint64(size):
        return p
    return p + size if low <= p < size else np.int64(-1)


@exact
def rows(kind, target, where, values, size, row, lead, low, high):
    """Reduce rows of values (lead, where, row) into target (lead, size, row), into those rows of ``size`` alone
    that lie from ``low`` up to ``high``."""
    count = len(where)
    for i in range(lead):
        for k in range(count):
            p = _place(peek(where, k), -size, size)
            if p < 0:
                return k
            if p < low or p >= high:
                continue
            to, at = (i * size + p) * row, (i * count + k) * row
            for j in range(row):
                poke(target, to + j, _combined(kind, peek(target, to + j), peek(values, at + j)))
    return -1


@exact
def _origin(outer, stride, i):
    """Where line ``i`` begins: listed in ``outer``, or ``stride`` from one to the next."""
    return peek(outer, i) if len(outer) else i * stride


def _along(kind: int) -> Any:
    @exact
    def along(target, outer, stride, many, where, inner, values, each, low, size, step, start, stop, first, last):
        """Reduce values (many, n, inner), at ``where`` of the same shape along an axis, into the target at
        ``origin(i) + step where[i, k, j] + inner[j]``; i from ``start`` to ``stop``, j from ``first`` to ``last``.
        Positions from ``low`` on exist. ``each`` is 0 for one value at all of them, else 1."""
        width = len(inner)
        count = len(where) // (many * width)
        for i in range(start, stop):
            origin = _origin(outer, stride, i)
            if width == 1:  # the same, with the long loop inside
                origin += peek(inner, 0)
                for k in range(i * count, (i + 1) * count):
                    p = _place(peek(where, k), low, size)
                    if p < 0:
                        return k
                    to = origin + p * step
                    poke(target, to, _combined(kind, peek(target, to), peek(values, k * each)))
                continue
            for line in range(i * count, (i + 1) * count):
                for j in range(first, last):
                    k = line * width + j
                    p = _place(peek(where, k), low, size)
                    if p < 0:
                        return k
                    to = origin + p * step + peek(inner, j)
                    poke(target, to, _combined(kind, peek(target, to), peek(values, k * each)))
        return -1

    return along


ALONG = tuple(map(_along, range(5)))
"""One function for each way to reduce: here a choice in the loop would take longer than the rest of it."""


@exact
def take_along(source, outer, stride, many, where, inner, out, low, size, step, start, stop):
    """The reverse: ``out`` (outer, n, inner), its lines of ``inner`` from ``start`` to ``stop``, from the source."""
    width = len(inner)
    count = len(where) // (many * width)
    for i in range(start // count, -(-stop // count)):
        origin, from_, to = _origin(outer, stride, i), max(i * count, start), min((i + 1) * count, stop)
        if width == 1:
            origin += peek(inner, 0)
            for k in range(from_, to):
                p = _place(peek(where, k), low, size)
                if p < 0:
                    return k
                poke(out, k, peek(source, origin + p * step))
            continue
        for k in range(from_, to):
            for j in range(width):
                p = _place(peek(where, k * width + j), low, size)
                if p < 0:
                    return k * width + j
                poke(out, k * width + j, peek(source, origin + p * step + peek(inner, j)))
    return -1
