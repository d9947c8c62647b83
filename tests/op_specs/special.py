"""Special functions: the error function's and the gamma function's relatives, Bessel functions, entropies."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

import nnlite

from .base import OpSpec, normal, of, uniform

_erfc = np.vectorize(math.erfc, otypes=[np.float64])
_inv_cdf = np.vectorize(lambda p: NormalDist().inv_cdf(p) if 0 < p < 1 else math.nan, otypes=[np.float64])


def _gamma_values(x: float) -> float:
    if math.isnan(x) or x == -math.inf:
        return math.nan if math.isnan(x) else math.inf
    return math.inf if x <= 0 and x == math.floor(x) else math.lgamma(x) if abs(x) < 1e305 else math.inf


_lgamma = np.vectorize(_gamma_values, otypes=[np.float64])


def _psi(n: int, x: Any) -> Any:
    """The polygamma function of positive numbers: 60 terms of the sum, and Euler-Maclaurin's formula for the others."""
    k = np.arange(60).reshape(-1, *[1] * np.ndim(x))
    a = x + 60
    if n == 0:
        return np.log(a) - 1 / (2 * a) - 1 / (12 * a**2) + 1 / (120 * a**4) - np.sum(1 / (x + k), axis=0)
    s = n + 1
    tail = a ** (1 - s) / (s - 1) + a**-s / 2 + s * a ** (-s - 1) / 12
    tail -= s * (s + 1) * (s + 2) * a ** (-s - 3) / 720
    return (-1) ** (n + 1) * math.factorial(n) * (np.sum((x + k) ** -s, axis=0) + tail)


def _bessel(order: int, x: Any) -> Any:
    k = np.arange(40).reshape(-1, *[1] * np.ndim(x))
    weights = np.array([1 / (math.factorial(i) * math.factorial(i + order)) for i in range(40)])
    return np.sum((x / 2) ** (2 * k + order) * weights.reshape(k.shape), axis=0)


def _one(low: float, high: float) -> Any:
    return lambda rng: [of(uniform(rng, low, high, 2, 3))]


def _zeta(s: Any, q: Any) -> Any:
    s, q = np.broadcast_arrays(s, q)
    k = np.arange(60).reshape(-1, *[1] * s.ndim)
    a = q + 60.0
    tail = a ** (1 - s) / (s - 1) + a**-s / 2 + s * a ** (-s - 1) / 12 - s * (s + 1) * (s + 2) * a ** (-s - 3) / 720
    return np.sum((q + k) ** -s, axis=0) + tail


def _lower_gamma(a: Any, x: Any) -> Any:
    """P(a, x) by its power series."""
    a, x = np.broadcast_arrays(a, x)
    term = total = np.ones(a.shape)
    for n in range(1, 400):
        term = term * x / (a + n)
        total = total + term
    return total * np.exp(a * np.log(x) - x - _lgamma(a + 1))


def _gamma_pairs(rng: np.random.Generator) -> list[Any]:
    """Arguments of each of the regions that are computed in different ways."""
    return [
        of(uniform(rng, 0.3, 15, 2, 3), uniform(rng, 0.3, 15, 3)),
        of(uniform(rng, 0.1, 2, 4), uniform(rng, 0.1, 2, 4)),
        of(uniform(rng, 30, 60, 4), uniform(rng, 25, 75, 4)),
    ]


def _xlog(log: Any) -> Any:
    def reference(x: Any, y: Any) -> Any:
        return np.where((x == 0) & ~np.isnan(y), 0.0, x * log(y))

    return reference


def _xlog_samples(low: float) -> Any:
    return lambda rng: [
        of(normal(rng, 2, 3), uniform(rng, low, 3, 2, 3)),
        of(normal(rng, 2, 1), uniform(rng, low, 3, 3)),
        of(normal(rng, 3), 1.5),
        of(1.5, uniform(rng, low, 3, 3)),
    ]


def _unary(name: str, reference: Any, samples: Any, **options: Any) -> OpSpec:
    call = getattr(nnlite, name, None) or getattr(nnlite.special, name)
    return OpSpec(name, call, samples, reference, elementwise=True, **options)


def _binary_of_gammas(name: str, reference: Any) -> OpSpec:
    return OpSpec(
        name, getattr(nnlite, name), _gamma_pairs, reference, inputs=(), elementwise=True, extreme=False, loose=2
    )


SPECS = [
    _unary("erfc", _erfc, _one(-2, 3)),
    _unary("erfcx", lambda x: np.exp(x * x) * _erfc(x), _one(-1.5, 3), extreme=False, loose=2),
    _unary("erfinv", lambda x: _inv_cdf((x + 1) / 2) / math.sqrt(2), _one(-0.9, 0.9), extreme=False),
    _unary("ndtr", lambda x: _erfc(-x / math.sqrt(2)) / 2, _one(-3, 3)),
    _unary("log_ndtr", lambda x: np.log(_erfc(-x / math.sqrt(2)) / 2), _one(-3, 3), extreme=False, covers=("erfcx",)),
    _unary("ndtri", _inv_cdf, _one(0.05, 0.95), extreme=False, loose=2),
    _unary("lgamma", _lgamma, _one(0.3, 12), covers=("digamma", "polygamma")),
    _unary(
        "digamma",
        lambda x: np.where(x < 0, _psi(0, 1 - x) - math.pi / np.tan(math.pi * x), _psi(0, np.abs(x))),
        lambda rng: [of(uniform(rng, 0.3, 12, 2, 3)), of(uniform(rng, -3.8, -3.2, 3))],
        extreme=False,
    ),
    OpSpec(
        "polygamma",
        lambda x, n: nnlite.polygamma(n, x),
        lambda rng: [of(uniform(rng, 0.4, 9, 2, 3), n=n) for n in (1, 2, 4)],
        lambda x, n: _psi(n, x),
        elementwise=True,
        extreme=False,
        loose=2,
        dtypes=("float64", "float32", "bfloat16"),  # in float16 the values overflow
    ),
    OpSpec(
        "lgamma",
        nnlite.mvlgamma,
        lambda rng: [of(uniform(rng, 2, 6, 2, 3), p) for p in (1, 3)],
        lambda x, p: p * (p - 1) / 4 * math.log(math.pi) + sum(_lgamma(x - i / 2) for i in range(p)),
        title="mvlgamma",
        extreme=False,
        elementwise=True,
    ),
    OpSpec(
        "zeta",
        nnlite.special.zeta,
        lambda rng: [
            of(uniform(rng, 1.5, 4, 2, 3), uniform(rng, 0.5, 4, 3)),
            of(2.5, uniform(rng, 0.5, 4, 3)),
            of(uniform(rng, 1.5, 4, 3), 0.75),
        ],
        _zeta,
        inputs=(),
        elementwise=True,
        extreme=False,
        loose=2,
    ),
    OpSpec(
        "zeta",
        lambda q: nnlite.special.zeta(3.0, q),
        _one(0.5, 4),
        lambda q: _zeta(3.0, q),
        title="zeta by its second argument",
        elementwise=True,
        extreme=False,
        loose=2,
    ),
    _binary_of_gammas("igamma", _lower_gamma),
    _binary_of_gammas("igammac", lambda a, x: 1 - _lower_gamma(a, x)),
    OpSpec(
        "igamma",
        lambda x: nnlite.igamma(nnlite.tensor(3.5, dtype=x.dtype, device=x.device), x),
        _one(0.5, 9),
        lambda x: _lower_gamma(3.5, x),
        title="igamma by its second argument",
        elementwise=True,
        extreme=False,
        covers=("lgamma",),
    ),
    OpSpec(
        "igammac",
        lambda x: nnlite.igammac(nnlite.tensor(3.5, dtype=x.dtype, device=x.device), x),
        _one(0.5, 9),
        lambda x: 1 - _lower_gamma(3.5, x),
        title="igammac by its second argument",
        elementwise=True,
        extreme=False,
    ),
    _unary("i0", lambda x: _bessel(0, x), _one(-6, 6), extreme=False, loose=2, covers=("i1",)),
    _unary("i0e", lambda x: _bessel(0, x) * np.exp(-np.abs(x)), _one(0.5, 12), extreme=False, covers=("i1e",)),
    _unary("i1", lambda x: _bessel(1, x), _one(0.5, 6), extreme=False, loose=2),
    _unary("i1e", lambda x: _bessel(1, x) * np.exp(-np.abs(x)), _one(0.5, 12), extreme=False),
    _unary(
        "entr",
        lambda x: np.where(x > 0, -x * np.log(x), np.where(x == 0, 0.0, np.where(x < 0, -np.inf, x))),
        _one(0.3, 3),
    ),
    _unary("sinc", np.sinc, _one(0.2, 3), extreme=False),
    _unary("xlogy", _xlog(np.log), _xlog_samples(0.3)),
    _unary("xlog1py", _xlog(np.log1p), _xlog_samples(-0.6)),
]
