"""The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 - P(a, x).

The plane is divided as in S. L. Moshier's Cephes library. Where x is within 30 % of a > 20: N. M. Temme's uniform
expansion (NIST Digital Library of Mathematical Functions, 8.12; its coefficients d(k, n) were computed with 60 digits).
Where x is below a: the power series 8.7.1. Above: the continued fraction 8.9.2. For small x and a, where
1 - P would lose digits, the series of Q (Cephes's igamc_series).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from .._documented import two, underivable
from ._making import polynomial, precise, select, special_binary
from .error_functions import _erfc
from .gamma import _LGAMMA_32, _LGAMMA_64, _STIRLING, _lgamma_positive

_TEMME = (
    (
        -0.0019144384985654775, 0.0013324454494800656,
    ),
    (
        -0.00064014752602627585, 0.00067823088376673284, -7.2048954160200106e-5, -0.00059676129019274625,
    ),
    (
        0.00016644846642067548, -6.969091458420552e-7, -0.00043829709854172101, 0.00083949872067208728,
        -0.00065262391859530942,
    ),
    (
        2.7744451511563644e-5, -1.2741009095484485e-7, -0.00010976582244684731, 0.0002812695154763237,
        -0.00033493161081142236, 5.1717909082605922e-5, 0.00034436760689237767,
    ),
    (
        -1.8329116582843376e-5, 5.6116827531062497e-5, -8.1539693675619688e-5, 7.9023532326603279e-7,
        0.00027087820967180448, -0.00059216643735369388, 0.00053130793646399222,
    ),
    (
        -2.2914811765080952e-6, 8.0184702563342015e-6, -1.3594048189768693e-5, 1.419062920643967e-7,
        6.7977804779372078e-5, -0.00019932570516188848, 0.00027727532449593921, -6.9728137583658578e-5,
        -0.00033679855336635815,
    ),
    (
        -2.2929348340008049e-7, 8.9075075322053097e-7, -1.6954149536558306e-6, 2.5074972262375328e-10,
        1.1375726970678419e-5, -3.9683650471794347e-5, 6.6414982154651222e-5, -1.4638452578843418e-6,
        -0.00029907248030319018, 0.00078403922172006663, -0.0008618882909167117,
    ),
    (
        8.0994649053880824e-8, -1.6958404091930277e-7, -2.7861080291528142e-11, 1.4230900732435884e-6,
        -5.6749528269915966e-6, 1.1082654115347302e-5, -2.3965051138672967e-7, -7.5618016718839764e-5,
        0.00026772063206283885, -0.00046918949439525571, 0.00022947209362139918, 0.00064943415637860082,
    ),
    (
        -1.4092529910867521e-8, -2.0477098421990866e-10, 1.4280614206064242e-7, -6.298992138380055e-7,
        1.3721957309062933e-6, 3.4235787340961381e-8, -1.2760635188618728e-5, 5.2923448829120125e-5,
        -0.00010736653226365161, 2.0093878600823045e-6, 0.00077160493827160494, -0.0026813271604938272,
        0.0041335978835978836,
    ),
    (
        1.1951628599778147e-8, -5.752545603517705e-8, 1.378633446915721e-7, 4.6471278028074343e-9,
        -1.6120900894563446e-6, 7.6491609160811101e-6, -1.8098550334489978e-5, -4.0187757201646091e-7,
        0.00020576131687242798, -0.00099022633744855967, 0.0026455026455026455, -0.0034722222222222222,
        -0.0018518518518518519,
    ),
    (
        9.1476995822367902e-10, -4.3820360184533532e-9, 1.0261809784240308e-8, 6.7078535434014986e-9,
        -1.7665952736826079e-7, 8.296711340953086e-7, -1.85406221071516e-6, -2.1854485106799922e-6,
        3.9192631785224378e-5, -0.00017875514403292181, 0.0003527336860670194, 0.0011574074074074074,
        -0.014814814814814815, 0.083333333333333333, -0.33333333333333333,
    ),
)  # fmt: skip
"""The coefficients d(k, n): k from the highest down, and n in each row."""

_TEMME_ROWS_32 = (2, 3, 5, 7)
"""How many of the lowest rows float32 needs, and how many coefficients of each."""
_TEMME_32 = tuple(row[-n:] for row, n in zip(_TEMME[-len(_TEMME_ROWS_32) :], _TEMME_ROWS_32, strict=True))

_ATANH = tuple(1 / (2 * k + 3) for k in range(12))[::-1]
"""Coefficients of (artanh(r) - r) / r^3 in powers of r^2."""

_LIMITS = {"series": (120, 50), "fraction": (120, 40), "small": (22, 12)}
"""How many terms are enough in float64 and float32."""


def _converge(xp: Any, kind: str, like: Any, step: Callable[[int], Any]) -> None:
    """Call ``step(n)`` for n = 1, 2, ...; it returns whether each element is done, which counts where the host sees
    results at once."""
    eager = getattr(xp, "cache_bytes", None) is not None
    for n in range(1, precise(like, *_LIMITS[kind]) + 1):
        done = step(n)
        if eager and not n % 4 and bool(xp.all(done)):
            return


def _deviation(xp: Any, a: Any, x: Any) -> Any:
    """x / a - 1 - log(x / a), with all digits near x = a."""
    mu = (x - a) / a
    r = mu / (2 + mu)
    near = r * mu - 2 * r * r * r * polynomial(r * r, precise(x, _ATANH, _ATANH[-7:]))
    return xp.where(xp.absolute(mu) < 0.4, near, mu - xp.log(x / a))


def _prefactor(xp: Any, a: Any, x: Any) -> Any:
    """x^a e^-x / gamma(a + 1)."""

    def large(a: Any, x: Any) -> Any:
        inverse = 1 / a
        correction = polynomial(inverse * inverse, precise(x, _STIRLING, _STIRLING[-4:])) * inverse
        return xp.exp(-a * _deviation(xp, a, x) - correction) / xp.sqrt(2 * math.pi * a)

    def small(a: Any, x: Any) -> Any:
        return xp.exp(a * xp.log(x) - x - _lgamma_positive(xp, a + 1))

    return select(xp, a >= 8, large, small, a, x)


def _series(xp: Any, a: Any, x: Any) -> Any:
    """P by its power series."""
    term = total = xp.ones_like(x)

    def step(n: int) -> Any:
        nonlocal term, total
        term = term * (x / (a + n))
        total = total + term
        return term <= total * precise(x, 1e-17, 1e-8)

    _converge(xp, "series", x, step)
    return _prefactor(xp, a, x) * total


def _fraction(xp: Any, a: Any, x: Any) -> Any:
    """Q by its continued fraction, with W. J. Lentz's method."""
    b = x + 1 - a
    c = xp.full_like(x, 1e30)
    d = 1 / b
    value = d

    def step(n: int) -> Any:
        nonlocal b, c, d, value
        numerator = n * (a - n)
        b = b + 2
        d = 1 / (numerator * d + b)
        c = b + numerator / c
        value = value * (c * d)
        return xp.absolute(c * d - 1) <= precise(x, 1e-16, 6e-8)

    _converge(xp, "fraction", x, step)
    return _prefactor(xp, a, x) * a * value


def _small(xp: Any, a: Any, x: Any) -> Any:
    """Q for small a and x."""
    factor, total = xp.ones_like(x), xp.zeros_like(x)

    def step(n: int) -> Any:
        nonlocal factor, total
        factor = factor * (x / -n)
        total = total + factor / (a + n)
        return xp.absolute(factor) < precise(x, 1e-17, 1e-8)

    _converge(xp, "small", x, step)
    near = a * polynomial(2 * a, precise(x, _LGAMMA_64, _LGAMMA_32)) - xp.log1p(a)
    log_gamma = xp.where(a < 0.5, near, _lgamma_positive(xp, 1 + a))
    exponent = a * xp.log(x) - log_gamma
    return -xp.expm1(exponent) - a * xp.exp(exponent) * total


def _uniform(xp: Any, a: Any, x: Any, upper: bool) -> Any:
    """P or Q by Temme's expansion."""
    phi = _deviation(xp, a, x)
    eta = xp.copysign(xp.sqrt(2 * phi), x - a)
    sums = None
    for row in precise(x, _TEMME, _TEMME_32):
        inner = polynomial(eta, row)
        sums = inner if sums is None else sums / a + inner
    rest = xp.exp(-a * phi) / xp.sqrt(2 * math.pi * a) * sums
    side = eta * xp.sqrt(a / 2)
    return 0.5 * _erfc(xp, side) + rest if upper else 0.5 * _erfc(xp, -side) - rest


def _lower_or_upper(xp: Any, a: Any, x: Any, *, upper: bool) -> Any:
    def elsewhere(a: Any, x: Any) -> Any:
        if not upper:
            return select(
                xp,
                x <= xp.maximum(a, 1),
                lambda a, x: _series(xp, a, x),
                lambda a, x: 1 - _fraction(xp, a, x),
                a,
                x,
            )
        below = xp.where(x > 1.1, x < a, xp.where(x <= 0.5, a * xp.log(x) < -0.4, x * 1.1 < a))
        return select(xp, below, lambda a, x: 1 - _series(xp, a, x), above, a, x)

    def above(a: Any, x: Any) -> Any:
        return select(xp, x > 1.1, lambda a, x: _fraction(xp, a, x), lambda a, x: _small(xp, a, x), a, x)

    near = (a > 20) & (xp.absolute(x - a) < 0.3 * a)
    value = select(xp, near, lambda a, x: _uniform(xp, a, x, upper), elsewhere, a, x)
    at_zero, at_infinity = (1.0, 0.0) if upper else (0.0, 1.0)
    value = xp.where((x == 0) | xp.isinf(a), at_zero, xp.where(xp.isinf(x) | ((a == 0) & (x > 0)), at_infinity, value))
    wrong = (x < 0) | (a < 0) | ((a == 0) & (x == 0)) | (xp.isinf(a) & xp.isinf(x))
    return xp.where(wrong, math.nan, value).astype(x.dtype, copy=False)


def _density(f: Any, a: Any, x: Any) -> Any:
    """The derivative of P(a, x) by x."""
    return f.exp((a - 1) * f.log(x) - x - f.lgamma(a))


igamma = special_binary(
    "igamma",
    functools.partial(_lower_or_upper, upper=False),
    underivable("igamma: input"),
    lambda f, g, x, y: g * _density(f, x, y),
)
igammac = special_binary(
    "igammac",
    functools.partial(_lower_or_upper, upper=True),
    underivable("igammac: input"),
    lambda f, g, x, y: -g * _density(f, x, y),
)

_RAISES = "NotImplementedError: the operands are no real floating point numbers; in backward, ``input`` requires grad."

two(igamma, "The regularised lower incomplete gamma function P(a, x), the integral of t^(a-1) e^-t from 0 to x divided "
    "by gamma(a), for a = ``input`` and x = ``other``.",
    ("igamma(nnlite.tensor([4.0]), nnlite.tensor([3.0, 4.0, 5.0]))", "tensor([0.3528, 0.5665, 0.7350])"),
    raises=_RAISES)  # fmt: skip
two(igammac, "The regularised upper incomplete gamma function Q(a, x), the integral of t^(a-1) e^-t from x on divided "
    "by gamma(a), for a = ``input`` and x = ``other``.",
    ("igammac(nnlite.tensor([4.0]), nnlite.tensor([3.0, 4.0, 5.0]))", "tensor([0.6472, 0.4335, 0.2650])"),
    raises=_RAISES)  # fmt: skip
