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


_TOGETHER = 1 << 14
"""So many samples at a time are worked on where the host sees results at once: what is made for them stays in the
processor's cache. A multiple of the 8 words of a block."""

Part = slice
"""Samples from ``start`` to ``stop``."""


def _in_parts(backend: Backend, n: int, dtype: Any, work: Callable[[Part], Any]) -> Any:
    """``work`` of all ``n`` samples: of all at once, or of one part after the other."""
    if not _host_sees(backend) or n <= _TOGETHER:
        return work(slice(0, n))
    out = backend.xp.empty(n, dtype)
    for start in range(0, n, _TOGETHER):
        part = slice(start, min(start + _TOGETHER, n))
        out[part] = work(part)
    return out


def _host_sees(backend: Backend) -> bool:
    return backend.positions(backend.xp.zeros(0, "bool")) is not None


_COUNTER = (1 << 64) - 1
"""The largest number of a block; from there the stream begins anew."""


class _Words:
    """What a call takes from the stream: in each round some words of 32 bits for each of ``n`` samples."""

    def __init__(self, source: Generator, n: int, words: int = 1, rounds: int = 1) -> None:
        self.source, self.n, self.words, self.rounds = source, n, words, rounds
        self.blocks = -(-words * n // 8)
        self.start = source.reserve(rounds * self.blocks)

    def of(self, part: Part, round: int = 0) -> Any:
        """The words of a part of the samples: an array for each word."""
        first, count = self.start + round * self.blocks, part.stop - part.start
        if count == self.n:
            return self.source.bits_at(first & _COUNTER, self.words * count).reshape(self.words, count)
        rows = []
        for i in range(self.words):
            block, skip = divmod(i * self.n + part.start, 8)
            rows.append(self.source.bits_at((first + block) & _COUNTER, skip + count)[skip:])
        return rows


Trial = Callable[[Any, Any], tuple[Any, Any]]


def _by_trial(backend: Backend, words: _Words, part: Part, todo: Any, dtype: Any, trial: Trial) -> Any:
    """Repeat a trial for each sample of a part until it is accepted; the last trial counts if none was.

    Args:
        words: what a trial takes; there are so many trials as this has rounds.
        todo: raw bools (n): the samples that are wanted; the others stay 0.
        trial: of one array (m) for each word and positions (an index into arrays of n): values of m samples, and
            whether they are accepted.
    """
    xp, n = backend.xp, todo.size
    out = xp.zeros(n, dtype)
    for i in range(words.rounds):
        where = backend.positions(todo)
        if where is not None and not where.size:
            break
        bits = words.of(part, i)
        if where is None:
            value, accepted = trial(bits, slice(None))
            out = xp.where(todo, value, out)
            todo = todo & ~accepted
        elif where.size == n:
            out, accepted = trial(bits, slice(None))
            todo = ~accepted
        else:
            value, accepted = trial([row[where] for row in bits], where)
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
    pairs = k * (k + 11)  # (k + 1)(k + 10), (k + 2)(k + 9) and so on are this and a constant
    product = (pairs + 10) * (pairs + 18) * (pairs + 24) * (pairs + 28) * (pairs + 30)
    k = k + 10
    inverse = 1 / (k * k)
    series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / k
    return (k + 0.5) * xp.log(k) - k + (0.5 * math.log(2 * math.pi)) + series - xp.log(product)


_STEPS = 64
"""So many steps are enough for a search below a mean of 10: what is left has the probability 1e-28."""


Ratio = Callable[..., Any]


def _by_search(backend: Backend, bits: Any, todo: Any, first: Any, ratio: Ratio, *parameters: Any) -> Any:
    """The smallest k whose cumulative probability is not below a random number; for small means.

    Args:
        bits: a word for each sample.
        todo: raw bools: the samples that are wanted; the others are 0.
        first: the probability of 0 for each sample.
        ratio: ``ratio(k, *parameters)`` is the probability of k over that of k - 1.
        parameters: arrays with a number for each sample.
    """
    rest = open_uniform(bits, True)
    out = backend.xp.zeros(todo.size, "float64")
    todo = todo & (rest > first)
    if not _host_sees(backend):
        return _searched(backend.xp, out, todo, rest, first, ratio, parameters)
    _search_where_seen(out, todo, rest, first, ratio, parameters)
    return out


def _searched(xp: Any, out: Any, todo: Any, rest: Any, chance: Any, ratio: Ratio, parameters: Any) -> Any:
    """All steps with all samples."""
    for k in range(1, _STEPS):
        rest, chance = rest - chance, chance * ratio(k, *parameters)
        out = xp.where(todo, float(k), out)
        todo = todo & (rest > chance)
    return out


def _search_where_seen(out: Any, todo: Any, rest: Any, chance: Any, ratio: Ratio, parameters: Any) -> None:
    """The same where the host sees results: who is done steps on, with no effect, until half of them are."""
    where: Any = slice(None)
    counts = todo.astype("int8")
    for k in range(1, _STEPS):
        left = int(todo.sum())
        if 2 * left <= todo.size:
            out[where] = counts
            if not left:
                return
            kept = todo.nonzero()[0]
            where = kept if isinstance(where, slice) else where[kept]
            rest, chance, counts = rest[kept], chance[kept], counts[kept]
            parameters = [values[kept] for values in parameters]
        rest, chance = rest - chance, chance * ratio(k, *parameters)
        todo = rest > chance  # below 0 it is not, in any later step
        if k + 1 < _STEPS:
            counts += todo
    out[where] = counts


def poisson(rate: Any, where: Any, generator: Generator | None = None) -> Any:
    """Poisson numbers of the rates in a raw array, in its dtype.

    By search below a rate of 10, from there on by transformed rejection (W. Hörmann, "The transformed rejection method
    for generating Poisson random variables", Insurance: Mathematics and Economics 12, 1993: PTRS).
    """
    backend, index, source = setting(where, generator)
    flat, n, xp = rate.reshape(-1), rate.size, backend.xp
    with backend.use(index):
        searched, tried = _Words(source, n), _Words(source, n, 2, _ROUNDS)

        def work(part: Part) -> Any:
            rates = flat[part].astype("float64")
            large = rates >= 10
            some, all_ = _counted(backend, large)
            out = xp.zeros(rates.size)
            if not all_:
                low = xp.where(large, 1.0, rates)
                (bits,) = searched.of(part)
                out = _by_search(backend, bits, ~large, xp.exp(-low), lambda k, low: low / k, low)
            if some:
                out = _large_poisson(backend, tried, part, xp.where(large, rates, 10.0), large) + out
            return out.astype(rate.dtype)

        return _in_parts(backend, n, rate.dtype, work).reshape(rate.shape)


_ROUNDS = 24


def _counted(backend: Backend, mask: Any) -> tuple[bool, bool]:
    """Whether some, and whether all are true; where the host does not know, some and not all."""
    found = backend.positions(mask)
    return (True, False) if found is None else (found.size > 0, found.size == mask.size)


def _by_backend(xp: Any, name: str, *args: Any) -> Any:
    """The samples by a function of the backend's own, None where there is none or it does not take these."""
    own = getattr(xp, name, None)
    return None if own is None else own(*args)


def _large_poisson(backend: Backend, words: _Words, part: Part, rates: Any, large: Any) -> Any:
    xp = backend.xp
    found = _by_backend(xp, "poisson_by_trial", words, part, large, rates)
    if found is not None:
        return found
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

    return _by_trial(backend, words, part, large, "float64", trial)


def binomial(count: Any, chance: Any, where: Any, generator: Generator | None = None) -> Any:
    """How many of ``count`` trials succeed with the probabilities ``chance``: raw arrays of one shape and dtype.

    By search below a mean of 10, from there on by transformed rejection (W. Hörmann, "The generation of binomial random
    variates", Journal of Statistical Computation and Simulation 46, 1993: BTRS). Above 1/2 the failures are counted.
    """
    backend, index, source = setting(where, generator)
    counts, chances, size, xp = count.reshape(-1), chance.reshape(-1), count.size, backend.xp
    with backend.use(index):
        searched, tried = _Words(source, size), _Words(source, size, 2, _ROUNDS)

        def work(part: Part) -> Any:
            n, p = counts[part].astype("float64"), chances[part].astype("float64")
            rare = xp.minimum(p, 1 - p)
            valid = (n > 0) & (rare > 0)
            large = valid & (n * rare >= 10)
            some, all_ = _counted(backend, large)
            out = xp.zeros(n.size)
            if not all_:
                (bits,) = searched.of(part)
                out = _small_binomial(backend, bits, n, rare, valid & ~large)
            if some:
                n_, p_ = xp.where(large, n, 40.0), xp.where(large, rare, 0.5)
                out = _large_binomial(backend, tried, part, n_, p_, large) + out
            out = xp.where(xp.isnan(n) | xp.isnan(p), math.nan, xp.where(p > 0.5, n - out, out))
            return out.astype(count.dtype)

        return _in_parts(backend, size, count.dtype, work).reshape(count.shape)


def _small_binomial(backend: Backend, bits: Any, n: Any, p: Any, small: Any) -> Any:
    xp = backend.xp
    n, p = xp.where(small, n, 1.0), xp.where(small, p, 0.1)
    return _by_search(
        backend, bits, small, xp.exp(n * xp.log1p(-p)),
        lambda k, n, odds: xp.maximum(n - (k - 1), 0.0) / k * odds, n, p / (1 - p),
    )  # fmt: skip


def _large_binomial(backend: Backend, words: _Words, part: Part, n: Any, p: Any, large: Any) -> Any:
    xp = backend.xp
    found = _by_backend(xp, "binomial_by_trial", words, part, large, n, p)
    if found is not None:
        return found
    spread = xp.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    middle = xp.floor((n + 1) * p)

    def top(middle: Any, n: Any) -> Any:
        return _log_factorial(xp, middle) + _log_factorial(xp, n - middle)

    tops = None if _host_sees(backend) else top(middle, n)  # few are needed, if it is known which

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
            middle_r = middle[at][r]
            log_ratio = top(middle_r, n_r) if tops is None else tops[at][r]
            log_ratio = log_ratio - _log_factorial(xp, count) - _log_factorial(xp, n_r - count)
            log_ratio = log_ratio + (count - middle_r) * xp.log(p_r / (1 - p_r))
            return possible[r] & (xp.log(height) <= log_ratio)

        return k, _decided(backend, near, exact)

    return _by_trial(backend, words, part, large, "float64", trial)


_SMALLEST_NORMAL = {"float16": 2.0**-14, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022}


def gamma(shape: Any, where: Any, generator: Generator | None = None) -> Any:
    """Gamma numbers of scale 1 with the shape parameters in a raw array, in its dtype; never below its smallest normal.

    G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables", ACM Transactions on Mathematical
    Software 26, 2000; a parameter below 1 is raised by 1 and the sample multiplied by u^(1 / parameter).
    """
    backend, index, source = setting(where, generator)
    with backend.use(index):
        xp = backend.xp
        return _positive(xp, _gammas(backend, source, shape, lambda out, boost: out * xp.exp(boost)), shape)


def dirichlet(concentration: Any, where: Any, generator: Generator | None = None) -> Any:
    """Dirichlet vectors along the last axis: gamma numbers over their sum, in logarithms, so that small ones stay."""
    backend, index, source = setting(where, generator)
    with backend.use(index):
        xp = backend.xp
        logs = _gammas(backend, source, concentration, lambda out, boost: xp.log(out) + boost)
        if not logs.size:
            return concentration.copy()
        weights = xp.exp(logs - logs.max(-1, keepdims=True))
        return _positive(xp, weights / weights.sum(-1, keepdims=True), concentration)


def _positive(xp: Any, x: Any, like: Any) -> Any:
    """``x`` in the dtype of ``like``, and not below the smallest normal number."""
    smallest = _SMALLEST_NORMAL[dtypes.from_numpy[like.dtype].name]
    return xp.maximum(x, smallest).astype(like.dtype, copy=False)


def _gammas(backend: Backend, source: Generator, shape: Any, finish: Callable[[Any, Any], Any]) -> Any:
    """``finish`` of gamma numbers, given as a factor and the logarithm of another."""
    xp = backend.xp
    wide = shape.dtype == "float64"
    kind = "float64" if wide else "float32"
    flat, n = shape.reshape(-1), shape.size
    boosts, words = _Words(source, n), _Words(source, n, 3, 12)

    def work(part: Part) -> Any:
        alpha = flat[part].astype(kind)
        small = alpha < 1
        boost = xp.zeros((), kind)
        if _counted(backend, small)[0]:
            (bits,) = boosts.of(part)
            boost = xp.where(small, xp.log(open_uniform(bits, wide)) / alpha, boost)
        out = _large_gamma(backend, words, part, xp.where(small, alpha + 1, alpha), wide)
        return finish(xp.where(xp.isnan(alpha), alpha, out), boost)

    return _in_parts(backend, n, kind, work).reshape(shape.shape)


def _large_gamma(backend: Backend, words: _Words, part: Part, alpha: Any, wide: bool) -> Any:
    """For shape parameters from 1 on."""
    xp = backend.xp
    d = alpha - 1 / 3
    c = 1 / xp.sqrt(9 * d)

    def trial(bits: Any, at: Any) -> tuple[Any, Any]:
        u = [open_uniform(row, wide) for row in bits]
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

    return _by_trial(backend, words, part, xp.ones(alpha.size, "bool"), alpha.dtype, trial)


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
