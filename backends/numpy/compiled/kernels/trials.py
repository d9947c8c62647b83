"""Counts drawn by trial, one sample after the other: the loops of ``_core/distributions.py``, number for number.

Sources: W. Hörmann, "The transformed rejection method for generating Poisson random variables", Insurance: Mathematics
and Economics 12, 1993 (PTRS); the same, "The generation of binomial random variates", Journal of Statistical
Computation and Simulation 46, 1993 (BTRS).
"""

from __future__ import annotations

import math

import numpy as np

from .jit import exact
from .lanes import peek, poke
from .random import word

_HALF_LOG = 0.5 * math.log(2 * math.pi)


@exact
def _log_factorial(k):
    pairs = k * (k + 11)
    product = (pairs + 10) * (pairs + 18) * (pairs + 24) * (pairs + 28) * (pairs + 30)
    k = k + 10
    inverse = 1 / (k * k)
    series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / k
    return (k + 0.5) * math.log(k) - k + _HALF_LOG + series - math.log(product)


@exact
def _uniform(bits):
    return (np.float64(bits) + 0.5) * 2.0**-32


@exact
def poisson(out, todo, rates, first, second, seed, start, blocks, rounds, n, offset, low, high):
    """Samples from ``low`` up to ``high`` of a part that begins at ``offset`` of ``n``. ``first`` and ``second`` are
    the words of the first round; each further round begins ``blocks`` blocks of the stream later."""
    for j in range(low, high):
        if peek(todo, j) == 0:
            continue
        rate = peek(rates, j)
        b = 0.931 + 2.53 * math.sqrt(rate)
        a = -0.059 + 0.02483 * b
        k = 0.0
        for i in range(rounds):
            if i == 0:
                u, v = _uniform(peek(first, j)) - 0.5, _uniform(peek(second, j))
            else:
                u = _uniform(word(seed, start + np.uint64(i * blocks), offset + j)) - 0.5
                v = _uniform(word(seed, start + np.uint64(i * blocks), n + offset + j))
            edge = 0.5 - abs(u)
            k = np.float64(math.floor((2 * a / edge + b) * u + rate + 0.43))
            if edge >= 0.07 and v <= 0.9277 - 3.6224 / (b - 2):
                break
            if not (k >= 0 and (edge >= 0.013 or v <= edge)):
                continue
            height = v * (1.1239 + 1.1328 / (b - 3.4)) / (a / (edge * edge) + b)
            if math.log(height) <= k * math.log(rate) - rate - _log_factorial(k):
                break
        poke(out, j, max(k, 0.0))


@exact
def binomial(out, todo, counts, chances, first, second, seed, start, blocks, rounds, n, offset, low, high):
    """The same for so many trials of these chances, up to 1/2."""
    for j in range(low, high):
        if peek(todo, j) == 0:
            continue
        count, p = peek(counts, j), peek(chances, j)
        spread = math.sqrt(count * p * (1 - p))
        b = 1.15 + 2.53 * spread
        a = -0.0873 + 0.0248 * b + 0.01 * p
        middle, top = np.float64(math.floor((count + 1) * p)), -1.0
        k = 0.0
        for i in range(rounds):
            if i == 0:
                u, v = _uniform(peek(first, j)) - 0.5, _uniform(peek(second, j))
            else:
                u = _uniform(word(seed, start + np.uint64(i * blocks), offset + j)) - 0.5
                v = _uniform(word(seed, start + np.uint64(i * blocks), n + offset + j))
            edge = 0.5 - abs(u)
            k = np.float64(math.floor((2 * a / edge + b) * u + count * p + 0.5))
            if edge >= 0.07 and v <= 0.92 - 4.2 / b:
                break
            if not 0 <= k <= count:
                continue
            if top < 0:
                top = _log_factorial(middle) + _log_factorial(count - middle)
            height = v * ((2.83 + 5.1 / b) * spread) / (a / (edge * edge) + b)
            ratio = top - _log_factorial(k) - _log_factorial(count - k)
            if math.log(height) <= ratio + (k - middle) * math.log(p / (1 - p)):
                break
        poke(out, j, min(max(k, 0.0), count))
