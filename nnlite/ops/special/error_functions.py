"""The error function's relatives and the normal distribution: erfc, erfcx, erfinv, ndtr, log_ndtr, ndtri.

erfcx(x) = e^(x^2) erfc(x) is one polynomial in t = (x - 3.75) / (x + 3.75) over all x >= 0, divided by 1 + 2x, as in
M. M. Shepherd and J. G. Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < infinity",
Mathematics of Computation 36 (1981), 249-253. The coefficients were computed with 60 digits and turned into powers of
t; the others follow from it. The inverse functions are M. J. Wichura's "Algorithm AS 241: the percentage points of the
normal distribution", Applied Statistics 37 (1988), 477-484, and for erfinv of float32 M. Giles, "Approximating the
erfinv function", GPU Computing Gems 2 (2010).
"""

from __future__ import annotations

import math
from typing import Any

from .._documented import one
from ._making import polynomial, precise, select, special_one, special_unary

_ERFCX_64 = (
    4.2514714447963898e-10, 3.1114333809799252e-10, -5.1739902140113096e-9, -3.7442100809620186e-9,
    3.8675334242222357e-8, 2.3263508708859124e-8, -2.5866850716155885e-7, -5.7218230603224088e-8,
    1.7516376488490621e-6, -9.7355989673677493e-7, -1.1444146237700523e-5, 2.238423915508223e-5,
    5.1649098892682403e-5, -0.00029015408054084171, 0.00029371366559134482, 0.0017556258528952954,
    -0.0097465795580292755, 0.028362277418956404, -0.058693398589636774, 0.092304321160377478, -0.10880393014174886,
    0.082276738490145208, 0.0035854154854644294, -0.14024059858554696, 1.2375126308378276,
)  # fmt: skip
_ERFCX_32 = (
    -0.000224116747, 0.000396307613, 0.00167591222, -0.00984449486, 0.0284092524, -0.0586468587, 0.0922907696,
    -0.10881427, 0.08227842, 0.00358627039, -0.140240668, 1.23751262,
)  # fmt: skip
_CENTRE_TOP = (
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
    1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0,
)  # fmt: skip
_CENTRE_BOTTOM = (
    5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
    5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0,
)  # fmt: skip
_NEAR_TOP = (
    7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
    3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0,
)  # fmt: skip
_NEAR_BOTTOM = (
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
    6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0,
)  # fmt: skip
_FAR_TOP = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
    2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0,
)  # fmt: skip
_FAR_BOTTOM = (
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
    1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0,
)  # fmt: skip

_GILES_NEAR = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
    0.246640727, 1.50140941,
)  # fmt: skip
_GILES_FAR = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
    1.00167406, 2.83297682,
)  # fmt: skip

_ROOT_2 = math.sqrt(2)
_ROOT_PI = math.sqrt(math.pi)
_FAR = 1e8
"""From here on erfcx(x) is 1 / (x sqrt(pi)) in both dtypes."""


def _erfcx_positive(xp: Any, x: Any) -> Any:
    """erfcx for x >= 0."""
    y = xp.minimum(x, _FAR)
    value = polynomial((y - 3.75) / (y + 3.75), precise(x, _ERFCX_64, _ERFCX_32)) / (1 + 2 * y)
    return xp.where(x > _FAR, 1 / (x * _ROOT_PI), value)


def _exp_of_square(xp: Any, x: Any, factor: float) -> Any:
    """e^(factor x^2), ``factor`` a power of two. The square is taken in two parts, since its rounding error would be
    multiplied by x^2."""
    x = xp.clip(x, -40, 40)
    head = xp.rint(x * 16) / 16
    return xp.exp(factor * head * head) * xp.exp(factor * (x - head) * (x + head))


def _erfc(xp: Any, x: Any) -> Any:
    size = xp.absolute(x)
    value = _exp_of_square(xp, size, -1) * _erfcx_positive(xp, size)
    return xp.where(x < 0, 2 - value, value)


def _tail(xp: Any, size: Any) -> Any:
    """The probability that a standard normal variable is above a number >= 0."""
    return 0.5 * _exp_of_square(xp, size, -0.5) * _erfcx_positive(xp, size * (1 / _ROOT_2))


def _erfcx(xp: Any, x: Any) -> Any:
    return select(
        xp,
        x < 0,
        lambda x: 2 * _exp_of_square(xp, x, 1) - _erfcx_positive(xp, -x),
        lambda x: _erfcx_positive(xp, xp.absolute(x)),
        x,
    )


def _ndtr(xp: Any, x: Any) -> Any:
    tail = _tail(xp, xp.absolute(x))
    return xp.where(x > 0, 1 - tail, tail)


def _log_ndtr(xp: Any, x: Any) -> Any:
    def upper(x: Any) -> Any:
        tail = _tail(xp, xp.absolute(x))
        return xp.log1p(xp.where(x > 0, -tail, tail - 1))

    return select(xp, x < -1, lambda x: xp.log(_erfcx_positive(xp, x * (-1 / _ROOT_2)) / 2) - x * x / 2, upper, x)


def normal_quantile(xp: Any, q: Any, tail: Any) -> Any:
    """The value that a normal variable does not exceed with probability 1/2 + q; ``tail`` is 1/2 - |q|."""

    def outer(q: Any, tail: Any) -> Any:
        r = xp.sqrt(-xp.log(tail))
        near, far = xp.minimum(r, 5) - 1.6, xp.clip(r, 5, 30) - 5
        value = xp.where(
            r <= 5,
            polynomial(near, _NEAR_TOP) / polynomial(near, _NEAR_BOTTOM),
            polynomial(far, _FAR_TOP) / polynomial(far, _FAR_BOTTOM),
        )
        value = xp.where(tail == 0, math.inf, value)
        return xp.copysign(xp.where(tail >= 0, value, math.nan), q)

    def centre(q: Any, tail: Any) -> Any:
        r = 0.180625 - q * q
        return q * (polynomial(r, _CENTRE_TOP) / polynomial(r, _CENTRE_BOTTOM))

    return select(xp, xp.absolute(q) > 0.425, outer, centre, q, tail)


def _erfinv_32(xp: Any, x: Any) -> Any:
    def near(w: Any) -> Any:
        return polynomial(w - 2.5, _GILES_NEAR)

    def far(w: Any) -> Any:
        return polynomial(xp.sqrt(xp.minimum(w, 40)) - 3, _GILES_FAR)

    w = -xp.log((1 - x) * (1 + x))  # infinite at 1 and -1, not a number beyond
    value = select(xp, w < 5, near, far, w) * x
    return xp.where(w == math.inf, x * math.inf, value)


def _erfinv(xp: Any, x: Any) -> Any:
    if x.dtype.itemsize == 4:
        return _erfinv_32(xp, x)
    return normal_quantile(xp, x / 2, (1 - xp.absolute(x)) / 2) * (1 / _ROOT_2)


def _ndtri(xp: Any, p: Any) -> Any:
    return normal_quantile(xp, p - 0.5, xp.minimum(p, 1 - p))


erfc = special_unary("erfc", _erfc, lambda f, g, x: g * (-2 / _ROOT_PI * f.exp(-(x * x))))
erfcx = special_unary("erfcx", _erfcx, lambda f, g, x: g * (2 * x * f.erfcx(x) - 2 / _ROOT_PI))
erfinv = special_unary("erfinv", _erfinv, lambda f, g, out: g * (_ROOT_PI / 2 * f.exp(out * out)))
ndtr = special_unary("ndtr", _ndtr, lambda f, g, x: g * (f.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))))
log_ndtr = special_unary(
    "log_ndtr", _log_ndtr, lambda f, g, x: g * (math.sqrt(2 / math.pi) / f.erfcx(x * (-1 / _ROOT_2)))
)
ndtri = special_unary("ndtri", _ndtri, lambda f, g, out: g * (math.sqrt(2 * math.pi) * f.exp(out * out * 0.5)))

one(erfc, "1 - erf(x), accurate where erf(x) is near 1: 2 / sqrt(pi) times the integral of e^(-t^2) from x on.",
    ("erfc(nnlite.tensor([0.0, 5.0]))", "tensor([1.0000e+00, 1.5375e-12])"))  # fmt: skip
one(erfinv, "The number whose error function is x; nan where |x| > 1.",
    ("erfinv(nnlite.tensor([0.0, 0.5, 1.0]))", "tensor([0.0000, 0.4769,    inf])"))  # fmt: skip
special_one(erfcx, "erfcx", "e^(x^2) erfc(x), which does not underflow.",
            "nnlite.tensor([0.0, 100.0])", "tensor([1.0000, 0.0056])")  # fmt: skip
special_one(ndtr, "ndtr", "The probability that a standard normal variable is at most x.",
            "nnlite.tensor([-1.96, 0.0, 1.96])", "tensor([0.0250, 0.5000, 0.9750])")  # fmt: skip
special_one(log_ndtr, "log_ndtr", "The logarithm of ndtr(x), also where that underflows.",
            "nnlite.tensor([-100.0, 0.0])", "tensor([-5.0055e+03, -6.9315e-01])")  # fmt: skip
special_one(ndtri, "ndtri", "The number that a standard normal variable does not exceed with probability x; nan "
            "outside [0, 1].", "nnlite.tensor([0.025, 0.5])", "tensor([-1.9600,  0.0000])")  # fmt: skip
