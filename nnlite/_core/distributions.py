"""Distributions that need more than one number for each sample, as raw arrays.

Everything here gives the same numbers on every device and never waits for the device. A sample that is found by trial
takes its random numbers from places of the stream that depend on its position and the round only: where one device
accepts and another, whose logarithm differs in the last bit, rejects, no other sample changes. Where the host sees
results at once it goes on with the samples that are still to be found; other devices go through all rounds with all.

Counts are worked out in float64: the terms of their probabilities cancel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..backends.base import Backend
from . import dtypes
from .rng import Generator, setting


def open_uniform(words: Any, wide: bool) -> Any:
    """Words of 32 random bits as numbers in (0, 1): float64 of 32 bits where ``wide``, else float32 of 23."""
    if wide:
        return (words.astype("float64") + 0.5) * 2.0**-32
    return ((words >> 9).astype("float32") + 0.5) * 2.0**-23


Trial = Callable[[Any, Any], tuple[Any, Any]]


def _by_trial(backend: Backend, source: Generator, words: int, rounds: int, todo: Any, dtype: Any, trial: Trial) -> Any:
    """Repeat a trial for each sample until it is accepted; the last trial counts if none was.

    Args:
        words: how many words of 32 bits each trial takes.
        todo: raw bools (n): the samples that are wanted; the others stay 0.
        trial: of words (words, m) and positions (an index into arrays of n): values of m samples, and whether accepted.
    """
    xp, n = backend.xp, todo.size
    blocks = -(-words * n // 8)
    start = source.reserve(rounds * blocks)
    out = xp.zeros(n, dtype)
    for i in range(rounds):
        where = backend.positions(todo)
        if where is not None and not where.size:
            break
        bits = source.bits_at(start + i * blocks, words * n).reshape(words, n)
        if where is None:
            value, accepted = trial(bits, slice(None))
            out = xp.where(todo, value, out)
            todo = todo & ~accepted
        elif where.size == n:
            out, accepted = trial(bits, slice(None))
            todo = ~accepted
        else:
            value, accepted = trial(bits[:, where], where)
            out[where] = value
            todo[where] = ~accepted
    return out


def _decided(backend: Backend, near: Any, exact: Callable[[Any], Any]) -> Any:
    """Whether trials are accepted: those that ``near`` says are, and of the others those that ``exact(where)`` does."""
    rest = backend.positions(~near)
    if rest is None:
        return near | exact(slice(None))
    near[rest] = exact(rest)
    return near


def _log_factorial(xp: Any, k: Any) -> Any:
    """log k! of whole numbers in float64, by Stirling's series at k + 10."""
    product = xp.ones_like(k)
    for i in range(1, 11):
        product = product * (k + i)
    k = k + 10
    inverse = 1 / (k * k)
    series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / k
    return (k + 0.5) * xp.log(k) - k + (0.5 * math.log(2 * math.pi)) + series - xp.log(product)


_STEPS = 64
"""So many steps are enough for a search below a mean of 10: what is left has the probability 1e-28."""


def _by_search(backend: Backend, source: Generator, n: int, first: Any, ratio: Any, todo: Any) -> Any:
    """The smallest k whose cumulative probability is not below a random number; for small means.

    Args:
        first: the probability of 0 for each sample.
        ratio: ``ratio(k, where)`` is the probability of k over that of k - 1.
    """
    xp = backend.xp
    rest = open_uniform(source.bits(n), True)
    out = xp.zeros(n, "float64")
    probability = first.copy()
    todo = todo & (rest > probability)
    for k in range(1, _STEPS):
        where = backend.positions(todo)
        if where is None:
            rest = rest - probability
            probability = probability * ratio(k, slice(None))
            out = xp.where(todo, float(k), out)
            todo = todo & (rest > probability)
        elif where.size:
            where = where if where.size < n else slice(None)
            left = rest[where] - probability[where]
            chance = probability[where] * ratio(k, where)
            out[where], rest[where], probability[where] = k, left, chance
            todo[where] = left > chance
    return out


def poisson(rate: Any, where: Any, generator: Generator | None = None) -> Any:
    """Poisson numbers of the rates in a raw array, in its dtype.

    By search below a rate of 10, from there on by transformed rejection (W. Hörmann, "The transformed rejection method
    for generating Poisson random variables", Insurance: Mathematics and Economics 12, 1993: PTRS).
    """
    backend, index, source = setting(where, generator)
    with backend.use(index):
        xp = backend.xp
        rates = rate.reshape(-1).astype("float64")
        large = rates >= 10
        low = xp.where(large, 1.0, rates)
        out = _by_search(backend, source, rates.size, xp.exp(-low), lambda k, at: low[at] / k, ~large)
        out = out + _large_poisson(backend, source, xp.where(large, rates, 10.0), large)
        return out.reshape(rate.shape).astype(rate.dtype)


def _large_poisson(backend: Backend, source: Generator, rates: Any, large: Any) -> Any:
    xp = backend.xp
    b = 0.931 + 2.53 * xp.sqrt(rates)
    a = -0.059 + 0.02483 * b

    def trial(bits: Any, at: Any) -> tuple[Any, Any]:
        rate, a_, b_ = rates[at], a[at], b[at]
        u, v = open_uniform(bits[0], True) - 0.5, open_uniform(bits[1], True)
        edge = 0.5 - xp.absolute(u)
        k = xp.floor((2 * a_ / edge + b_) * u + rate + 0.43)
        near = (edge >= 0.07) & (v <= 0.9277 - 3.6224 / (b_ - 2))
        possible = (k >= 0) & ((edge >= 0.013) | (v <= edge))
        k = xp.maximum(k, 0.0)

        def exact(r: Any) -> Any:
            edge_, rate_, count = edge[r], rate[r], k[r]
            height = v[r] * (1.1239 + 1.1328 / (b_[r] - 3.4)) / (a_[r] / (edge_ * edge_) + b_[r])
            log_chance = count * xp.log(rate_) - rate_ - _log_factorial(xp, count)
            return possible[r] & (xp.log(height) <= log_chance)

        return k, _decided(backend, near, exact)

    return _by_trial(backend, source, 2, 24, large, "float64", trial)


def binomial(count: Any, chance: Any, where: Any, generator: Generator | None = None) -> Any:
    """How many of ``count`` trials succeed with the probabilities ``chance``: raw arrays of one shape and dtype.

    By search below a mean of 10, from there on by transformed rejection (W. Hörmann, "The generation of binomial random
    variates", Journal of Statistical Computation and Simulation 46, 1993: BTRS). Above 1/2 the failures are counted.
    """
    backend, index, source = setting(where, generator)
    with backend.use(index):
        xp = backend.xp
        n, p = count.reshape(-1).astype("float64"), chance.reshape(-1).astype("float64")
        rare = xp.minimum(p, 1 - p)
        valid = (n > 0) & (rare > 0)
        large = valid & (n * rare >= 10)
        low_n, low_p = xp.where(large | ~valid, 1.0, n), xp.where(large | ~valid, 0.1, rare)
        odds = low_p / (1 - low_p)
        out = _by_search(
            backend, source, n.size, xp.exp(low_n * xp.log1p(-low_p)),
            lambda k, at: xp.maximum(low_n[at] - (k - 1), 0.0) / k * odds[at], valid & ~large,
        )  # fmt: skip
        out = out + _large_binomial(backend, source, xp.where(large, n, 40.0), xp.where(large, rare, 0.5), large)
        out = xp.where(xp.isnan(n) | xp.isnan(p), math.nan, xp.where(p > 0.5, n - out, out))
        return out.reshape(count.shape).astype(count.dtype)


def _large_binomial(backend: Backend, source: Generator, n: Any, p: Any, large: Any) -> Any:
    xp = backend.xp
    spread = xp.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    middle = xp.floor((n + 1) * p)
    top = _log_factorial(xp, middle) + _log_factorial(xp, n - middle)

    def trial(bits: Any, at: Any) -> tuple[Any, Any]:
        n_, p_, a_, b_ = n[at], p[at], a[at], b[at]
        u, v = open_uniform(bits[0], True) - 0.5, open_uniform(bits[1], True)
        edge = 0.5 - xp.absolute(u)
        k = xp.floor((2 * a_ / edge + b_) * u + n_ * p_ + 0.5)
        near = (edge >= 0.07) & (v <= 0.92 - 4.2 / b_)
        possible = (k >= 0) & (k <= n_)
        k = xp.minimum(xp.maximum(k, 0.0), n_)

        def exact(r: Any) -> Any:
            edge_, count, n_r, p_r = edge[r], k[r], n_[r], p_[r]
            height = v[r] * ((2.83 + 5.1 / b_[r]) * spread[at][r]) / (a_[r] / (edge_ * edge_) + b_[r])
            log_ratio = top[at][r] - _log_factorial(xp, count) - _log_factorial(xp, n_r - count)
            log_ratio = log_ratio + (count - middle[at][r]) * xp.log(p_r / (1 - p_r))
            return possible[r] & (xp.log(height) <= log_ratio)

        return k, _decided(backend, near, exact)

    return _by_trial(backend, source, 2, 24, large, "float64", trial)


_SMALLEST_NORMAL = {"float16": 2.0**-14, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022}


def gamma(shape: Any, where: Any, generator: Generator | None = None) -> Any:
    """Gamma numbers of scale 1 with the shape parameters in a raw array, in its dtype; never below its smallest normal.

    G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables", ACM Transactions on Mathematical
    Software 26, 2000; a parameter below 1 is raised by 1 and the sample multiplied by u^(1 / parameter).
    """
    backend, index, source = setting(where, generator)
    with backend.use(index):
        out, logs = _gamma_parts(backend, source, shape)
        return _positive(backend.xp, out * backend.xp.exp(logs), shape)


def dirichlet(concentration: Any, where: Any, generator: Generator | None = None) -> Any:
    """Dirichlet vectors along the last axis: gamma numbers over their sum, in logarithms, so that small ones stay."""
    backend, index, source = setting(where, generator)
    with backend.use(index):
        xp = backend.xp
        out, logs = _gamma_parts(backend, source, concentration)
        logs = (xp.log(out) + logs).reshape(concentration.shape)
        if not logs.size:
            return concentration.copy()
        weights = xp.exp(logs - logs.max(-1, keepdims=True))
        return _positive(xp, weights / weights.sum(-1, keepdims=True), concentration)


def _positive(xp: Any, x: Any, like: Any) -> Any:
    """``x`` in the shape and dtype of ``like``, and not below the smallest normal number."""
    smallest = _SMALLEST_NORMAL[dtypes.from_numpy[like.dtype].name]
    return xp.maximum(x, smallest).reshape(like.shape).astype(like.dtype, copy=False)


def _gamma_parts(backend: Backend, source: Generator, shape: Any) -> tuple[Any, Any]:
    """Gamma numbers as a factor and the logarithm of another, of one dimension."""
    xp = backend.xp
    wide = shape.dtype == "float64"
    alpha = shape.reshape(-1).astype("float64" if wide else "float32")
    small = alpha < 1
    boost = xp.where(small, xp.log(open_uniform(source.bits(alpha.size), wide)) / alpha, xp.zeros((), alpha.dtype))
    d = xp.where(small, alpha + 1, alpha) - 1 / 3
    c = 1 / xp.sqrt(9 * d)

    def trial(bits: Any, at: Any) -> tuple[Any, Any]:
        u = open_uniform(bits, wide)
        x = xp.sqrt(-2 * xp.log(u[0])) * xp.cos(u[1] * (2 * math.pi))
        v = 1 + c[at] * x
        positive = v > 0
        v = xp.where(positive, v * v * v, xp.ones((), v.dtype))
        d_ = d[at]
        square = x * x

        def exact(r: Any) -> Any:
            d_r, v_r = d_[r], v[r]
            return positive[r] & (xp.log(u[2][r]) < 0.5 * square[r] + d_r - d_r * v_r + d_r * xp.log(v_r))

        return d_ * v, _decided(backend, positive & (u[2] < 1 - 0.0331 * square * square), exact)

    out = _by_trial(backend, source, 3, 12, xp.ones(alpha.size, "bool"), alpha.dtype, trial)
    return xp.where(xp.isnan(alpha), alpha, out), boost


def with_replacement(weights: Any, samples: int, where: Any, generator: Generator | None = None) -> Any:
    """int64 positions drawn by the weights in the rows of a raw matrix, each row ``samples`` times.

    The first place whose sum of weights exceeds a random number; all rows are one sorted array, row i in [i, i + 1).
    """
    backend, index, source = setting(where, generator)
    rows, columns = weights.shape
    with backend.use(index):
        xp = backend.xp
        sums = xp.cumsum(weights.astype("float64"), 1)
        sums = sums / sums[:, -1:]
        u = source.bits(rows * samples).astype("float64").reshape(rows, samples) * 2.0**-32
        first = xp.arange(rows, dtype="int64")[:, None]
        found = xp.searchsorted((sums + first).reshape(-1), (u + first).reshape(-1), side="right")
        return found.reshape(rows, samples).astype("int64") - first * columns


def without_replacement(weights: Any, samples: int, where: Any, generator: Generator | None = None) -> Any:
    """int64 positions drawn one after the other by the weights in the rows of a raw matrix, none twice.

    Exponential numbers of the weights as rates: the order of their times is such a draw (P. S. Efraimidis and P. G.
    Spirakis, "Weighted random sampling with a reservoir", Information Processing Letters 97, 2006).
    """
    backend, index, source = setting(where, generator)
    with backend.use(index):
        xp = backend.xp
        waits = -xp.log(open_uniform(source.bits(weights.size), True)).reshape(weights.shape)
        times = xp.where(weights > 0, waits / weights.astype("float64"), math.inf)
        return xp.argsort(times, axis=1)[:, :samples].astype("int64")
