"""Softmax and its kin along the last axis: flat float32 arrays of rows with ``width`` numbers each.

A row is read again while it is in the cache. What is not a number makes its whole row so, through the sum.
"""

from __future__ import annotations

import numpy as np

from .elementary import bits_of_float, exp_of_negative, float_of_bits
from .jit import compiled, in_order
from .lanes import peek, poke

_0, _1 = np.float32(0), np.float32(1)
_SIGN, _REST, _LOWEST = np.int32(31), np.int32(0x7FFFFFFF), np.int32(-0x80000000)


@compiled
def _largest(x, start, stop):
    """The largest number. The bits are compared as integers, those of negative numbers turned round: LLVM makes no
    vectors of comparisons of floats, where the order matters if one is not a number."""
    best = _LOWEST
    for i in range(start, stop):
        bits = bits_of_float(peek(x, i))
        key = np.int32(bits ^ np.int32(np.int32(bits >> _SIGN) & _REST))
        best = np.int32(max(best, key))
    return float_of_bits(np.int32(best ^ np.int32(np.int32(best >> _SIGN) & _REST)))


@in_order
def _less(x, top, shift):
    """x - top - shift in this order: the sum of the two would lose digits of the smaller one."""
    return (x - top) - shift


@compiled
def _exponentials(x, top, out, start, stop):
    """e^(x - top) into ``out``; returns the sum."""
    total = _0
    for i in range(start, stop):
        e = exp_of_negative(peek(x, i) - top)
        poke(out, i, e)
        total += e
    return total


@compiled
def exponentials(x, width, exps, sums, tops, first, last):
    """The largest number of each row, e to the differences from it, and their sums."""
    for row in range(first, last):
        start = row * width
        top = _largest(x, start, start + width)
        tops[row] = top
        sums[row] = _exponentials(x, top, exps, start, start + width)


@compiled
def softmax(x, width, out, first, last):
    """e^x over the sum of the row."""
    for row in range(first, last):
        start, stop = row * width, (row + 1) * width
        factor = _1 / _exponentials(x, _largest(x, start, stop), out, start, stop)
        for i in range(start, stop):
            poke(out, i, peek(out, i) * factor)


@compiled
def softmax_gradient(g, p, width, out, first, last):
    """p (g - sum of g p)."""
    for row in range(first, last):
        start, stop = row * width, (row + 1) * width
        total = _0
        for i in range(start, stop):
            total += peek(g, i) * peek(p, i)
        for i in range(start, stop):
            poke(out, i, peek(p, i) * (peek(g, i) - total))


@compiled
def log_softmax(x, width, out, first, last):
    """x - log of the sum of e^x."""
    for row in range(first, last):
        start, stop = row * width, (row + 1) * width
        top = _largest(x, start, stop)
        total = _0
        for i in range(start, stop):
            total += exp_of_negative(peek(x, i) - top)
        shift = np.log(total)
        for i in range(start, stop):
            poke(out, i, _less(peek(x, i), top, shift))


@compiled
def log_softmax_gradient(g, logp, width, out, first, last):
    """g - e^logp times the sum of g."""
    for row in range(first, last):
        start, stop = row * width, (row + 1) * width
        total = _0
        for i in range(start, stop):
            total += peek(g, i)
        for i in range(start, stop):
            poke(out, i, peek(g, i) - exp_of_negative(peek(logp, i)) * total)


@compiled
def cross_entropy_gradient(exps, factors, shares, labels, width, out, first, last):
    """Each row times its factor, less its share at its label."""
    for row in range(first, last):
        start, factor, label = row * width, factors[row], labels[row]
        for i in range(start, start + width):
            poke(out, i, peek(exps, i) * factor)
        place = start + (label if label >= 0 else label + width)
        poke(out, place, peek(out, place) - shares[row])
