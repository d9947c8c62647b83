"""Whether random numbers are as random as they should be, by bounds that a scale wrong by 1 % breaks.

A distribution is compared with its cumulative function by Kolmogorov and Smirnov's largest difference (chi-square where
it is discrete); neighbours, seeds and permutations are tested for independence. Each bound is exceeded by good random
numbers with a probability of about 1e-6, and the seeds are fixed: a failure is a fault.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import nnlite

N = 100_000
KS = math.sqrt(-0.5 * math.log(1e-6 / 2)) / math.sqrt(N)
"""P(largest difference > c / sqrt(n)) is 2 exp(-2 c^2) for large n (Smirnov)."""

erf = np.vectorize(math.erf)


def values(t):
    return t.cpu().double().numpy().reshape(-1)


def largest_difference(sample, cumulative):
    """Kolmogorov and Smirnov's statistic of a sample against a cumulative distribution function."""
    x = np.sort(sample)
    f = cumulative(x)
    steps = np.arange(len(x) + 1) / len(x)
    return max(np.max(steps[1:] - f), np.max(f - steps[:-1]))


def chi_square_bound(freedom):
    """What chi-square exceeds with probability 1e-6 (Wilson and Hilferty; 4.753 standard deviations)."""
    return freedom * (1 - 2 / (9 * freedom) + 4.753 * math.sqrt(2 / (9 * freedom))) ** 3


def chi_square(counts, expected):
    """Chi-square and its bound, with cells of less than 10 expected put together."""
    counts, expected = np.asarray(counts, float), np.asarray(expected, float)
    few = expected < 10
    if few.any():
        counts = np.append(counts[~few], counts[few].sum())
        expected = np.append(expected[~few], expected[few].sum())
    counts, expected = counts[expected > 1], expected[expected > 1]
    return float(np.sum((counts - expected) ** 2 / expected)), chi_square_bound(len(counts) - 1)


def check_counts(sample, probabilities):
    """A sample of the numbers 0, 1, 2, ... against their probabilities."""
    sample = sample.astype(int)
    counts = np.bincount(sample, minlength=len(probabilities))
    assert len(counts) == len(probabilities), "a number came that cannot come"
    found, bound = chi_square(counts, len(sample) * np.asarray(probabilities))
    assert found < bound


def uniform_function(x):
    return np.clip(x, 0, 1)


def normal_function(x):
    return 0.5 * (1 + erf(x / math.sqrt(2)))


def integral(density, upto):
    """A cumulative function from a density on (0, upto), by the midpoint rule on a million points."""
    edges = np.linspace(0, upto, 1_000_001)
    total = np.concatenate([[0.0], np.cumsum(density((edges[1:] + edges[:-1]) / 2)) * (edges[1] - edges[0])])
    return lambda x: np.interp(x, edges, total)


def gamma_density(a):
    return lambda x: np.exp((a - 1) * np.log(x) - x - math.lgamma(a))


def empty(device, dtype=nnlite.float32):
    return nnlite.empty(N, device=device, dtype=dtype)


CONTINUOUS = {
    "rand": (lambda d: nnlite.rand(N, device=d), uniform_function),
    "rand double": (lambda d: nnlite.rand(N, device=d, dtype=nnlite.float64), uniform_function),
    "uniform_": (lambda d: (empty(d).uniform_(-3, 5) + 3) / 8, uniform_function),
    "randn": (lambda d: nnlite.randn(N, device=d), normal_function),
    "randn double": (lambda d: nnlite.randn(N, device=d, dtype=nnlite.float64), normal_function),
    "normal": (lambda d: (nnlite.normal(nnlite.full((N,), 3.0, device=d), 0.5) - 3) / 0.5, normal_function),
    "complex": (lambda d: nnlite.randn(N, device=d, dtype=nnlite.complex64).real * math.sqrt(2), normal_function),
    "log_normal_": (lambda d: (empty(d).log_normal_(1, 2).log() - 1) / 2, normal_function),
    "exponential_": (lambda d: empty(d).exponential_(3), lambda x: 1 - np.exp(-3 * x)),
    "cauchy_": (lambda d: empty(d).cauchy_(2, 0.5), lambda x: 0.5 + np.arctan((x - 2) / 0.5) / math.pi),
    "gamma 0.4": (
        # The fourth root is a smooth number: its density is 4 y^3 times that of the gamma number y^4.
        lambda d: nnlite._standard_gamma(nnlite.full((N,), 0.4, device=d)) ** 0.25,
        integral(lambda y: 4 * y**3 * gamma_density(0.4)(y**4), 3.0),
    ),
    "gamma 1": (lambda d: nnlite._standard_gamma(nnlite.ones(N, device=d)), lambda x: 1 - np.exp(-x)),
    "gamma 7": (
        lambda d: nnlite._standard_gamma(nnlite.full((N,), 7.0, device=d, dtype=nnlite.float64)),
        integral(gamma_density(7.0), 60.0),
    ),
    "beta": (  # of (2, 3): its density is 12 x (1 - x)^2
        lambda d: nnlite._sample_dirichlet(nnlite.tensor([2.0, 3.0], device=d).expand(N, 2))[:, 0],
        lambda x: x * x * (6 - 8 * x + 3 * x * x),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distributions(name, device):
    draw, cumulative = CONTINUOUS[name]
    nnlite.manual_seed(20)
    assert largest_difference(values(draw(device)), cumulative) < KS


def test_the_bounds_tell_a_fault_of_one_percent():
    sample = values(nnlite.rand(N))
    assert largest_difference(sample, uniform_function) < KS
    assert largest_difference(sample * 1.01, uniform_function) > KS
    counts = np.full(10, N / 10)
    for factor, faulty in ((1.06, False), (1.1, True)):
        counts[0] = N / 10 * factor
        found, bound = chi_square(counts, np.full(10, N / 10))
        assert (found > bound) == faulty


def poisson_probabilities(rate, most):
    k = np.arange(most + 1)
    return np.exp(k * math.log(rate) - rate - np.array([math.lgamma(i + 1) for i in k]))


def binomial_probabilities(n, p):
    return np.array([math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])


@pytest.mark.parametrize("rate", [0.3, 4.0, 9.9, 10.1, 30.0])
def test_poisson(rate, device):
    nnlite.manual_seed(21)
    sample = values(nnlite.poisson(nnlite.full((N,), rate, device=device)))
    most = int(rate + 12 * math.sqrt(rate) + 12)
    check_counts(np.minimum(sample, most), poisson_probabilities(rate, most))


def test_poisson_of_large_rates(device):
    nnlite.manual_seed(22)
    for rate in (1e3, 1e6):
        sample = values(nnlite.poisson(nnlite.full((N,), rate, device=device, dtype=nnlite.float64)))
        steps = (sample + 0.5 - rate) / math.sqrt(rate)
        # The skewness moves the normal approximation by 1 / (6 sqrt(2 pi rate)).
        assert largest_difference(steps, normal_function) < KS + 1.5 / math.sqrt(rate)
        assert abs(sample.var() / rate - 1) < 5 * math.sqrt(2 / N)


@pytest.mark.parametrize("n, p", [(1, 0.3), (12, 0.5), (40, 0.1), (60, 0.4), (60, 0.9), (500, 0.01)])
def test_binomial(n, p, device):
    nnlite.manual_seed(23)
    count = nnlite.full((N,), float(n), device=device, dtype=nnlite.float64)
    check_counts(values(nnlite.binomial(count, nnlite.full_like(count, p))), binomial_probabilities(n, p))


def test_certain_counts(device):
    count = nnlite.tensor([0.0, 5.0, 5.0, 1e9], device=device)
    chance = nnlite.tensor([0.5, 0.0, 1.0, 1.0], device=device)
    assert nnlite.binomial(count, chance).tolist() == [0, 0, 5, 1e9]
    assert nnlite.poisson(nnlite.zeros(3, device=device)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("p", [0.02, 0.5, 0.9])
def test_geometric(p, device):
    nnlite.manual_seed(24)
    sample = np.minimum(values(empty(device, nnlite.int64).geometric_(p)), 2000)
    k = np.arange(1, 2001)
    assert sample.min() >= 1
    check_counts(sample, np.concatenate([[0], (1 - p) ** (k - 1) * p]))


def test_bernoulli(device):
    nnlite.manual_seed(25)
    chances = nnlite.tensor([0.001, 0.3, 0.5, 0.999], device=device)
    for mean, p in zip(nnlite.bernoulli(chances.expand(N, 4)).double().mean(0).tolist(), chances.tolist(), strict=True):
        assert abs(mean - p) < 5 * math.sqrt(p * (1 - p) / N)


@pytest.mark.parametrize("low, high", [(0, 2), (-3, 7), (0, 100), (5, 5 + 3 * 2**20)])
def test_integers(low, high, device):
    nnlite.manual_seed(26)
    sample = values(nnlite.randint(low, high, (N,), device=device)).astype(int) - low
    span = high - low
    assert sample.min() >= 0 and sample.max() < span
    cells = min(span, 100)
    sizes = np.bincount(np.arange(cells * 1000) // 1000) / (cells * 1000)
    check_counts(sample * cells // span, sizes)


def test_all_bits_of_wide_integers(device):
    nnlite.manual_seed(27)
    t = nnlite.empty(N, dtype=nnlite.int64, device=device)
    bits = t.random_(-(2**63), None).cpu().numpy()[:, None] >> np.arange(64) & 1
    assert np.all(np.abs(bits.mean(0) - 0.5) < 5.5 * 0.5 / math.sqrt(N))
    together = np.corrcoef(bits.T) - np.eye(64)
    assert np.max(np.abs(together)) < 6 / math.sqrt(N)


@pytest.mark.parametrize("replacement", [True, False])
def test_multinomial_follows_the_weights(replacement, device):
    nnlite.manual_seed(28)
    weights = nnlite.tensor([1.0, 0.0, 2.0, 3.0, 4.0], device=device)
    drawn = nnlite.multinomial(weights.expand(N, 5), 2, replacement).cpu().numpy()
    p = np.array([0.1, 0, 0.2, 0.3, 0.4])
    pairs = np.outer(p, p) if replacement else np.outer(p, p) / (1 - p)[:, None] * (1 - np.eye(5))
    check_counts(drawn[:, 0] * 5 + drawn[:, 1], pairs.reshape(-1)[:25])


def test_multinomial_rows_are_apart(device):
    nnlite.manual_seed(29)
    weights = nnlite.eye(50, device=device)
    drawn = nnlite.multinomial(weights, 3, replacement=True)
    assert nnlite.equal(drawn, nnlite.arange(50, device=device)[:, None].expand(50, 3))
    assert nnlite.equal(nnlite.multinomial(weights, 1)[:, 0], nnlite.arange(50, device=device))


def test_permutations_are_uniform(device):
    nnlite.manual_seed(30)
    orders = {order: i for i, order in enumerate(itertools.permutations(range(4)))}
    found = [orders[tuple(nnlite.randperm(4, device=device).tolist())] for _ in range(5000)]
    check_counts(np.array(found), np.full(24, 1 / 24))


def test_long_permutations(device):
    nnlite.manual_seed(31)
    order = nnlite.randperm(N, device=device).cpu().numpy()
    assert np.array_equal(np.sort(order), np.arange(N))
    moved = np.corrcoef(order, np.arange(N))[0, 1]
    neighbours = np.corrcoef(order[1:], order[:-1])[0, 1]
    assert abs(moved) < 5 / math.sqrt(N) and abs(neighbours) < 5 / math.sqrt(N)


@pytest.mark.parametrize("draw", [nnlite.rand, nnlite.randn], ids=["rand", "randn"])
def test_neighbours_are_independent(draw, device):
    nnlite.manual_seed(32)
    x = values(draw(N, device=device))
    x = (x - x.mean()) / x.std()
    for lag in (1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 32, 33, 64, 1024, N // 2 - 1, N // 2):
        assert abs(np.mean(x[lag:] * x[:-lag])) < 5 / math.sqrt(N - lag), lag
        squares = (x**2 - 1) / np.std(x**2)
        assert abs(np.mean(squares[lag:] * squares[:-lag])) < 5 / math.sqrt(N - lag), lag


def test_pairs_fill_the_square(device):
    nnlite.manual_seed(33)
    x = values(nnlite.rand(2 * N, device=device)).reshape(N, 2)
    cells = (x[:, 0] * 20).astype(int) * 20 + (x[:, 1] * 20).astype(int)
    check_counts(cells, np.full(400, 1 / 400))


def test_the_two_halves_of_normal_numbers_are_independent(device):
    nnlite.manual_seed(34)
    x = values(nnlite.randn(2 * N, device=device))
    first, second = x[:N], x[N:]  # Box and Muller's transform makes a number of each from one pair
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / math.sqrt(N)
    assert abs(np.corrcoef(first**2, second**2)[0, 1]) < 5 / math.sqrt(N)
    assert largest_difference(np.arctan2(second, first) / (2 * math.pi) + 0.5, uniform_function) < KS


def test_seeds_are_independent(device):
    draws = []
    for seed in (0, 1, 2, 3, 4, 2**32, 2**63, -1, 255, 256):
        nnlite.manual_seed(seed)
        draws.append(values(nnlite.rand(10_000, device=device)))
    together = np.corrcoef(draws) - np.eye(len(draws))
    assert np.max(np.abs(together)) < 5 / math.sqrt(10_000)
    firsts = [values(nnlite.rand(1, generator=nnlite.Generator().manual_seed(seed)))[0] for seed in range(2000)]
    assert largest_difference(np.array(firsts), uniform_function) < KS * math.sqrt(N / 2000)
    assert abs(np.corrcoef(firsts[1:], firsts[:-1])[0, 1]) < 5 / math.sqrt(2000)


def test_calls_do_not_overlap(device):
    """What one call draws is no part of what the next one draws, whatever they are."""
    g = nnlite.Generator(device).manual_seed(35)
    calls = [
        lambda: nnlite.rand(1000, device=device, generator=g, dtype=nnlite.float64),
        lambda: nnlite.randint(0, 2**62, (1000,), device=device, generator=g),
        lambda: nnlite.poisson(nnlite.full((100,), 20.0, device=device), generator=g),
        lambda: nnlite._standard_gamma(nnlite.ones(100, device=device), generator=g),
        lambda: nnlite.binomial(nnlite.full((100,), 90.0, device=device), nnlite.full((100,), 0.5, device=device), g),
        lambda: nnlite.multinomial(nnlite.ones(100, device=device), 10, generator=g),
    ]
    seen = []
    for call in calls:
        before = g.get_offset()
        call()
        seen.append((before, g.get_offset()))
    assert all(a < b for a, b in seen) and all(x[1] == y[0] for x, y in itertools.pairwise(seen))
