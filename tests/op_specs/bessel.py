"""Bessel functions, Airy's function and orthogonal polynomials, against integrals and NumPy's series."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre

import nnlite

from .base import SINGLES, OpSpec, of, uniform

special = nnlite.special
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)


def _integral(f: Any, end: float) -> np.ndarray:
    """The integral of f from 0 to ``end``; f adds an axis behind."""
    t = (_NODES + 1) * end / 2
    return (f(t) * _WEIGHTS).sum(-1) * end / 2


def _j(x: np.ndarray, n: int) -> np.ndarray:
    """DLMF 10.9.2."""
    return _integral(lambda t: np.cos(n * t - x[..., None] * np.sin(t)), np.pi) / np.pi


def _y(x: np.ndarray, n: int) -> np.ndarray:
    """DLMF 10.9.7."""
    waves = _integral(lambda t: np.sin(x[..., None] * np.sin(t) - n * t), np.pi)
    falling = _integral(
        lambda t: (np.exp(n * t) + (-1) ** n * np.exp(-n * t)) * np.exp(-x[..., None] * np.sinh(t)), 8.0
    )
    return np.where(x > 0, (waves - falling) / np.pi, np.where(x == 0, -np.inf, np.nan))


def _k(x: np.ndarray, n: int, scaled: bool = False) -> np.ndarray:
    """DLMF 10.32.9."""
    out = _integral(lambda t: np.exp(-x[..., None] * (np.cosh(t) - scaled)) * np.cosh(n * t), 9.0)
    return np.where(x > 0, out, np.where(x == 0, np.inf, np.nan))


_AIRY = {
    -30.0: -0.08796818845684216,
    -10.0: 0.04024123848644319,
    -4.25: 0.12778292722826728,
    -4.0: -0.07026553294928951,
    -2.0: 0.22740742820168558,
    0.0: 0.3550280538878172,
    1.0: 0.13529241631288141,
    2.0: 0.03492413042327438,
    2.5: 0.01572592338047049,
    5.0: 0.00010834442813607442,
    20.0: 1.6916728686705404e-27,
}
"""Values of Ai."""


def _airy(x: np.ndarray) -> np.ndarray:
    return np.vectorize(_AIRY.__getitem__, otypes=[float])(x)


def _one(name: str, reference: Any, low: float, high: float) -> OpSpec:
    return OpSpec(
        name,
        getattr(special, name),
        lambda rng: [
            of(uniform(rng, low, high, 6, 5)),
            of(uniform(rng, low, 2.0, 4)),
            of(uniform(rng, low, high, 6, 5).T),
        ],
        reference,
        dtypes=SINGLES,
        inputs=(),
        loose=4,
        extreme=False,
        edges=lambda rng: [of(np.zeros((0, 2))), of(np.array(1.0)), of(np.array(0.0))],
    )


_SERIES = {
    "chebyshev_polynomial_t": chebyshev.chebval,
    "hermite_polynomial_h": hermite.hermval,
    "hermite_polynomial_he": hermite_e.hermeval,
    "laguerre_polynomial_l": laguerre.lagval,
    "legendre_polynomial_p": legendre.legval,
}


def _of_degree(value: Any, x: np.ndarray, n: np.ndarray) -> np.ndarray:
    degrees = np.broadcast_to(n, np.broadcast_shapes(np.shape(x), np.shape(n)))
    return np.vectorize(lambda x, n: value(x, np.eye(n + 1)[n]) if n >= 0 else 0.0, otypes=[float])(x, degrees)


def _kind(kind: str, x: float, series: np.ndarray) -> float:
    """Chebyshev's other kinds from the first and second: U_n = 2 (T_n + T_(n-2) + ...), V = U_n - U_(n-1)."""
    n = len(series) - 1

    def second(n: int) -> float:
        return sum((1 if k == 0 else 2) * chebyshev.chebval(x, np.eye(k + 1)[k]) for k in range(n, -1, -2))

    if kind == "u":
        return second(n)
    return second(n) + (-1 if kind == "v" else 1) * second(n - 1)


for _name in "uvw":
    _SERIES[f"chebyshev_polynomial_{_name}"] = functools.partial(_kind, _name)
for _name in "tuvw":
    _SERIES[f"shifted_chebyshev_polynomial_{_name}"] = lambda x, series, of=_SERIES[f"chebyshev_polynomial_{_name}"]: (
        of(2 * x - 1, series)
    )

_DEGREES = np.array([-1, 0, 1, 2, 5, 9, 12])


def _polynomial(name: str) -> OpSpec:
    return OpSpec(
        name,
        getattr(special, name),
        lambda rng: [
            of(uniform(rng, -0.9, 0.9, 3, 7), _DEGREES),
            of(np.array([[1.0], [-1.0], [0.0], [1.25]]), _DEGREES),
            of(uniform(rng, -2, 2, 4), 3),
        ],
        functools.partial(_of_degree, _SERIES[name]),
        dtypes=("float64",),
        inputs=(),
        extreme=False,
        edges=lambda rng: [of(np.zeros((0, 7)), _DEGREES), of(np.array(0.5), np.array(3))],
    )


SPECS = [
    *(_one(f"bessel_j{n}", functools.partial(_j, n=n), -40, 40) for n in (0, 1)),
    *(_one(f"bessel_y{n}", functools.partial(_y, n=n), 0.1, 40) for n in (0, 1)),
    *(_one(f"modified_bessel_k{n}", functools.partial(_k, n=n), 0.1, 20) for n in (0, 1)),
    *(_one(f"scaled_modified_bessel_k{n}", functools.partial(_k, n=n, scaled=True), 0.1, 20) for n in (0, 1)),
    _one("spherical_bessel_j0", lambda x: np.sinc(x / np.pi), -20, 20),
    OpSpec(
        "airy_ai",
        special.airy_ai,
        lambda rng: [of(np.array(list(_AIRY))), of(np.array(list(_AIRY)[::2]).reshape(2, 3))],
        _airy,
        dtypes=SINGLES,
        inputs=(),
        loose=4,
        extreme=False,
        edges=lambda rng: [of(np.zeros((0, 2))), of(np.array(1.0))],
    ),
    *map(_polynomial, _SERIES),
]
