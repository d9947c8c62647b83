"""The gamma function's relatives: its logarithm, digamma, polygamma and Hurwitz's zeta function.

lgamma: on [1.5, 2.5] a polynomial (Chebyshev, computed with 60 digits) times x - 2, which the recurrence carries to
(0, 8); Stirling's series from there on, the reflection formula below 0 (M. Abramowitz and I. A. Stegun, "Handbook of
Mathematical Functions", 6.1.15, 6.1.17 and 6.1.41). digamma: on [1, 2] J. Maddock's rational function for Boost.Math,
which keeps the digits near the root; recurrence, asymptotic series and reflection as before (6.3.5, 6.3.7, 6.3.18).
zeta: Euler-Maclaurin summation (23.2.3 there, for Hurwitz's function), with as many terms as S. L. Moshier's Cephes
library takes.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, cast, in_place, not_a_tensor, op
from .._documented import docstring, not_implemented, one
from .._formula import apply
from .._public import METHODS, public, put
from ._making import polynomial, precise, select, special_binary, special_function, special_unary

_LGAMMA_64 = (
    2.1270762170785404e-12, -8.8691730508411577e-12, 2.8075860826633895e-11, -1.2049490071353506e-10,
    5.3524559714714045e-10, -2.3086762989770807e-9, 1.001249236957858e-8, -4.3870817464596285e-8,
    1.9425327031438992e-7, -8.7169913550515409e-7, 3.9817930886596665e-6, -1.863677970188128e-5,
    9.0328447844899129e-5, -0.00046159693930862338, 0.0025726010534725419, -0.016838075263298902,
    0.16123351671205662, 0.42278433509846714,
)  # fmt: skip
_LGAMMA_32 = (
    -9.91647838e-7, 4.45583532e-6, -1.8528714e-5, 8.99633409e-5, -0.000461636102, 0.00257270383, -0.0168380703,
    0.161233509, 0.422784335,
)  # fmt: skip
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330,
    854513 / 138, -236364091 / 2730,
)  # fmt: skip
"""The Bernoulli numbers of indices 2, 4, 6 and so on."""

_STIRLING = tuple(b / ((2 * k + 2) * (2 * k + 1)) for k, b in enumerate(_BERNOULLI[:9]))[::-1]
_PSI_SERIES = tuple(b / (2 * k + 2) for k, b in enumerate(_BERNOULLI[:9]))[::-1]
_EULER = tuple(b / math.factorial(2 * k + 2) for k, b in enumerate(_BERNOULLI))

_SERIES_FROM = 8
"""From here on the asymptotic series give all digits."""

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def _lgamma_small(xp: Any, x: Any) -> Any:
    """log gamma(x) for 0 < x < 8, by the recurrence from [1.5, 2.5]; exact to the last digits at the zeros 1 and 2."""
    steps = xp.floor(x - 0.5) - 1
    from_two = x - (steps + 2)
    value = from_two * polynomial(2 * from_two, precise(x, _LGAMMA_64, _LGAMMA_32))
    product = xp.where(steps < 0, x, xp.ones_like(x))
    product = xp.where(steps < -1, product * (x + 1), product)
    for k in range(1, _SERIES_FROM - 1):
        product = xp.where(steps >= k, product * (x - k), product)
    return value + xp.where(steps < 0, -xp.log(product), xp.log(product))


def _lgamma_large(xp: Any, x: Any) -> Any:
    inverse = 1 / x
    tail = polynomial(inverse * inverse, precise(x, _STIRLING, _STIRLING[-4:])) * inverse + _HALF_LOG_2PI
    value = (x - 0.5) * (xp.log(x) - 1) - 0.5 + tail
    return xp.where(xp.isinf(x), x, value)


def _lgamma_positive(xp: Any, x: Any) -> Any:
    large, small = functools.partial(_lgamma_large, xp), functools.partial(_lgamma_small, xp)
    return select(xp, x >= _SERIES_FROM, large, small, x)


def _lgamma(xp: Any, x: Any) -> Any:
    def reflected(x: Any) -> Any:
        """log(pi / |x sin(pi x)|) - log gamma(-x)."""
        sine = xp.absolute(x * xp.sin(math.pi * (x - xp.rint(x))))
        value = xp.log(math.pi / sine) - _lgamma_positive(xp, -x)
        return xp.where(x == xp.rint(x), math.inf, value)

    return select(xp, x <= 0, reflected, functools.partial(_lgamma_positive, xp), x)


_PSI_ROOT = (
    1569415565.0 / 1073741824.0, 381566830.0 / 1073741824.0 / 1073741824.0, 0.9016312093258695918615325266959e-19,
)  # fmt: skip
_PSI_ROOT_32 = (1.4616321325302124, 1.24381499388e-8)
"""The root in parts that are exact in the dtype."""
_PSI_SHIFT = 0.99558162689208984
_PSI_TOP = (-0.0020713321167745952, -0.045251321448739056, -0.28919126444774784, -0.65031853770896507,
            -0.32555031186804491, 0.25479851061131551)  # fmt: skip
_PSI_BOTTOM = (-0.55789841321675513e-6, 0.0021284987017821144, 0.054151797245674225, 0.43593529692665969,
               1.4606242909763515, 2.0767117023730469, 1.0)  # fmt: skip


def _psi_small(xp: Any, x: Any) -> Any:
    """psi(x) for 0 < x < 8, by the recurrence from [1, 2]."""
    steps = xp.floor(x) - 1
    y = x - steps
    from_root = y
    for part in precise(x, _PSI_ROOT, _PSI_ROOT_32):
        from_root = from_root - part
    ratio = polynomial(y - 1, _PSI_TOP) / polynomial(y - 1, _PSI_BOTTOM)
    value = from_root * _PSI_SHIFT + from_root * ratio
    for k in range(1, _SERIES_FROM - 1):
        value = xp.where(steps >= k, value + 1 / (x - k), value)
    return xp.where(steps < 0, value - 1 / x, value)


def _psi_large(xp: Any, x: Any) -> Any:
    inverse = 1 / x
    square = inverse * inverse
    return xp.log(x) - 0.5 * inverse - square * polynomial(square, precise(x, _PSI_SERIES, _PSI_SERIES[-4:]))


def _psi_positive(xp: Any, x: Any) -> Any:
    large, small = functools.partial(_psi_large, xp), functools.partial(_psi_small, xp)
    return select(xp, x >= _SERIES_FROM, large, small, x)


def _digamma(xp: Any, x: Any) -> Any:
    def reflected(x: Any) -> Any:
        """psi(1 - x) - pi / tan(pi x); no number at the poles, but of a known sign at 0."""
        nearest = xp.rint(x)
        value = _psi_positive(xp, 1 - x) - math.pi / xp.tan(math.pi * (x - nearest))
        pole = xp.where(x == 0, xp.copysign(xp.full_like(x, math.inf), -x), math.nan)
        return xp.where(x == nearest, pole, value)

    return select(xp, x <= 0, reflected, functools.partial(_psi_positive, xp), x)


# ---------------------------------------------------------------------------------------------------------------------
# Hurwitz's zeta function


def _whole_power(x: Any, n: int) -> Any:
    """x^n by squaring, which is faster and more exact than a power of floats."""
    result = None
    while True:
        if n & 1:
            result = x if result is None else result * x
        n >>= 1
        if not n:
            return result
        x = x * x


_TERMS = 9


def _zeta_positive(xp: Any, s: Any, q: Any) -> Any:
    """The sum of (q + k)^-s over k >= 0 for q > 0, s > 1; ``s`` is an array or an integer."""

    def power(v: Any) -> Any:
        return _whole_power(1 / v, s) if isinstance(s, int) else xp.power(v, -s)

    first = total = power(q)
    for k in range(1, _TERMS):
        total = total + power(q + k)
    a = q + _TERMS
    term = power(a)
    total = total + term * a / (s - 1) + 0.5 * term
    term = term / a * s
    for k, coefficient in enumerate(precise(q, _EULER, _EULER[:6])):
        total = total + coefficient * term
        term = term / a * (s + (2 * k + 1)) / a * (s + (2 * k + 2))
    return xp.where(xp.isinf(q), xp.zeros_like(total), xp.where(xp.isinf(first), math.inf, total))


def _zeta_whole(xp: Any, s: int, q: Any) -> Any:
    """zeta(s, q) for an integer s > 1 and any q."""

    def negative(q: Any) -> Any:
        """The terms with q + k < 0 are those of a sum over positive numbers, up to the sign."""
        part = xp.ceil(q) - q
        finite = (1 if s % 2 == 0 else -1) * (_zeta_positive(xp, s, part) - _zeta_positive(xp, s, 1 - q))
        return xp.where(part == 0, math.inf, finite + _zeta_positive(xp, s, 1 - part))

    return select(xp, q <= 0, negative, lambda q: _zeta_positive(xp, s, q), q)


def _zeta(xp: Any, s: Any, q: Any) -> Any:
    def negative(s: Any, q: Any) -> Any:
        part = xp.ceil(q) - q
        half = s / 2
        sign = xp.where(half == xp.floor(half), xp.ones_like(s), -xp.ones_like(s))
        finite = sign * (_zeta_positive(xp, s, part) - _zeta_positive(xp, s, 1 - q))
        value = xp.where(s == xp.floor(s), finite + _zeta_positive(xp, s, 1 - part), math.nan)
        return xp.where(part == 0, math.inf, value)

    s = xp.minimum(s, 1e30)  # infinity times 0 is no number
    value = select(xp, q <= 0, negative, lambda s, q: _zeta_positive(xp, s, q), s, q)
    return xp.where(s > 1, value, xp.where(s == 1, xp.full_like(value, math.inf), math.nan))


def _no_gradient(f: Any, g: Any) -> Any:
    raise NotImplementedError("the derivative for 'zeta' by its first argument is not implemented (detach() it)")


_zeta_call = special_binary("zeta", _zeta, _no_gradient, lambda f, g, x, y: -g * x * f.zeta(x + 1, y), to_float=True)


def zeta(input: Any, other: Any) -> Any:
    """zeta of two operands one of which is a tensor."""
    if not isinstance(input, TensorBase) and not isinstance(other, TensorBase):
        raise not_a_tensor("special_zeta", 0, input)
    return _zeta_call(input, other)


special_function(zeta, "zeta", docstring(
    "Hurwitz's zeta function, the sum of (q + k)^-s over k = 0, 1, 2, ... for s = ``input`` and q = ``other``.",
    "special.zeta(nnlite.tensor([2.0, 4.0]), nnlite.tensor([1.0, 1.0]))", "tensor([1.6449, 1.0823])",
    shapes="The shapes are broadcast together; integers become the default float type. One operand may be a number. "
           "The derivative by ``input`` is not implemented, as in PyTorch."))  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# Public functions

lgamma = special_unary("lgamma", _lgamma, lambda f, g, x: g * f.digamma(x))
digamma = special_unary("digamma", _digamma, lambda f, g, x: g * f.polygamma(x, n=1))

one(lgamma, "The logarithm of |gamma(x)|.",
    ("lgamma(nnlite.tensor([1.0, 5.0, 0.5]))", "tensor([0.0000, 3.1781, 0.5724])"))  # fmt: skip
one(digamma, "The derivative of log gamma(x), called psi(x).",
    ("digamma(nnlite.tensor([1.0, 0.5]))", "tensor([-0.5772, -1.9635])"))  # fmt: skip


@op(saves=("x",))
def _polygamma(xp: Any, x: Any, *, n: int) -> Any:
    if x.dtype.kind not in "fV":
        raise not_implemented("polygamma", x)
    factorial = math.inf if n > 170 else float(math.factorial(n))
    signed = factorial if n % 2 else -factorial
    return apply(xp, lambda v: signed * _zeta_whole(xp, n + 1, v) if n else _digamma(xp, v), x)


@_polygamma.vjp
def _(f: Any, g: Any, node: Any, x: Any) -> tuple[Any, ...]:
    return (g * f.polygamma(x, n=node.attrs["n"] + 1),)


def _floating(name: str, input: Any) -> Any:
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    return cast(input, dtypes.default.numpy_float) if input._a.dtype.kind in "biu" else input


def _order(n: Any) -> int:
    n = n.item() if isinstance(n, TensorBase) else n
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n. (got n={n})")
    return int(n)


@public(method=False)
def polygamma(n: int, input: Any, *, out: Any = None) -> Any:
    """The ``n``-th derivative of digamma.

    ``(-1)^(n+1) n! zeta(n + 1, x)`` for n > 0. The result has the input's shape; integers become the default float
    type.

    Raises:
        RuntimeError: ``n`` is negative.

    Example:
        >>> import nnlite
        >>> nnlite.polygamma(1, nnlite.tensor([1.0, 0.5]))
        tensor([1.6449, 4.9348])
    """
    result = _polygamma(_floating("polygamma", input), n=_order(n))
    return result if out is None else put(result, out)


def _polygamma_method(input: Any, n: int) -> Any:
    """The ``n``-th derivative of digamma; see :func:`nnlite.polygamma`."""
    return polygamma(n, input)


METHODS["polygamma"] = _polygamma_method


@public(only_method=True)
def polygamma_(input: Any, n: int) -> Any:
    """``polygamma`` in place."""
    return in_place(_polygamma, input, n=_order(n))


@public
def mvlgamma(input: Any, p: int, *, out: Any = None) -> Any:
    """The logarithm of the multivariate gamma function of dimension ``p``.

    ``p (p - 1) / 4 log(pi)`` and the sum of ``lgamma(x - i / 2)`` over i = 0 ... p - 1. The result has the input's
    shape; integers become the default float type.

    Raises:
        RuntimeError: ``p`` is less than 1.

    Example:
        >>> import nnlite
        >>> nnlite.mvlgamma(nnlite.tensor([2.0, 3.0]), 2)
        tensor([0.4516, 1.5502])
    """
    if p >= 1 << 63:
        raise ValueError(f"mvlgamma(): Overflow when unpacking long long: {p} does not fit in 64 bits")
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1 (mvlgamma: got p={p})")
    x = _floating("mvlgamma", input)
    total = lgamma(x)
    for i in range(1, p):
        total = total + lgamma(x - i / 2)
    result = total + p * (p - 1) / 4 * math.log(math.pi) if p > 1 else total
    return result if out is None else put(result, out)


@public(only_method=True)
def mvlgamma_(input: Any, p: int) -> Any:
    """``mvlgamma`` in place."""
    return input.copy_(mvlgamma(input, p))
