"""Elementwise functions of floating point numbers: inverse hyperbolic ones, signs, parts and neighbours of numbers."""

from __future__ import annotations

import math
from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, binary, not_a_tensor, op, unary
from .._documented import one, taking, two, underivable
from .._public import FUNCTIONS, public, put
from .._results import named
from ..special._making import special_binary

REAL = "fV"
"""Kinds of the NumPy dtypes of real floating point numbers, bfloat16 among them."""

acosh = unary("acosh", "arccosh", lambda f, g, x: g * f.acosh_slope(x), to_float=True)
asinh = unary("asinh", "arcsinh", lambda f, g, x: g * f.rsqrt(x * x + 1), to_float=True)
atanh = unary("atanh", "arctanh", lambda f, g, x: g / (1 - x * x), to_float=True)

acosh_slope = unary(
    "acosh_slope",
    lambda xp, x: 1 / (xp.sqrt(x - 1) * xp.sqrt(x + 1) if x.dtype.kind == "c" else xp.sqrt(x * x - 1)),
    lambda f, g, x: -g * x * f.acosh_slope(x) ** 3,
)
"""The derivative of acosh, 1 / sqrt(x^2 - 1), on the branch that complex numbers have."""


def _signs(xp: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        raise NotImplementedError("signbit is not implemented for complex tensors. (take .real or .imag)")
    return xp.signbit(x) if x.dtype.kind in REAL else x < 0 if x.dtype.kind != "b" else xp.zeros_like(x)


signbit = unary("signbit", _signs)

one(acosh, "The number above 0 whose hyperbolic cosine is x, log(x + sqrt(x^2 - 1)); nan where x < 1.",
    ("acosh(nnlite.tensor([1.0, 2.0]))", "tensor([0.0000, 1.3170])"), names=("arccosh",))  # fmt: skip
one(asinh, "The number whose hyperbolic sine is x, log(x + sqrt(x^2 + 1)).",
    ("asinh(nnlite.tensor([0.0, 1.0]))", "tensor([0.0000, 0.8814])"), names=("arcsinh",))  # fmt: skip
one(atanh, "The number whose hyperbolic tangent is x, log((1 + x) / (1 - x)) / 2; nan where |x| > 1.",
    ("atanh(nnlite.tensor([0.0, 0.5]))", "tensor([0.0000, 0.5493])"), names=("arctanh",))  # fmt: skip
one(signbit, "Whether the sign of x is minus; of -0.0 too.",
    ("signbit(nnlite.tensor([-1.0, -0.0, 0.0]))", "tensor([ True,  True, False])"), inplace=False, floats=False,
    raises="NotImplementedError: the input is complex.")  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# Two operands


def _larger(f: Any, x: Any, y: Any) -> Any:
    return (x >= y) | f.isnan(y)


def _smaller(f: Any, x: Any, y: Any) -> Any:
    return (x <= y) | f.isnan(y)


def _no_complex(name: str) -> Any:
    def body(xp: Any, x: Any, y: Any) -> Any:
        if x.dtype.kind == "c":
            raise RuntimeError(f"{name} not implemented for complex tensors. (take .real, .imag or .abs())")
        return getattr(xp, name)(x, y)

    return body


fmax = binary(
    "fmax",
    _no_complex("fmax"),
    lambda f, g, x, y: f.zero_where(g, f.logical_not(_larger(f, x, y))),
    lambda f, g, x, y: f.zero_where(g, _larger(f, x, y)),
)
fmin = binary(
    "fmin",
    _no_complex("fmin"),
    lambda f, g, x, y: f.zero_where(g, f.logical_not(_smaller(f, x, y))),
    lambda f, g, x, y: f.zero_where(g, _smaller(f, x, y)),
)
copysign = binary(
    "copysign",
    "copysign",
    lambda f, g, x, out: f.zero_where(g * (out / x), x == 0),
    lambda f, g: f.zeros_like(g),
    to_float=True,
)
hypot = binary(
    "hypot",
    taking(REAL, "hypot", "hypot"),
    lambda f, g, x, out: g * (x / out),
    lambda f, g, y, out: g * (y / out),
)
nextafter = binary(
    "nextafter",
    taking(REAL, "nextafter", "nextafter"),
    lambda f, g, x, y: f.zero_where(g, x == y),
    lambda f, g: f.zeros_like(g),
)


def _scaled(xp: Any, x: Any, y: Any) -> Any:
    return x * (2**y if y.dtype.kind == "c" else xp.exp2(y))


ldexp = binary(
    "ldexp",
    _scaled,
    lambda f, g, y: f.ldexp(g, y),
    lambda f, g, out: g * out * math.log(2),
    to_float=True,
)


def _log_of_sum(xp: Any, x: Any, y: Any) -> Any:
    """max + log(1 + e^-|x - y|): vectorised where NumPy's own ``logaddexp`` is a loop, ten times slower."""
    distance = xp.absolute(xp.where(x == y, 0.0, x - y))
    return xp.maximum(x, y) + xp.log1p(xp.exp(-distance))


def _log2_of_sum(xp: Any, x: Any, y: Any) -> Any:
    distance = xp.absolute(xp.where(x == y, 0.0, x - y))
    return xp.maximum(x, y) + xp.log1p(xp.exp2(-distance)) * (1 / math.log(2))


def _complex_log_of_sum(xp: Any, x: Any, y: Any) -> Any:
    swap = x.real < y.real
    high, low = xp.where(swap, y, x), xp.where(swap, x, y)
    return high + xp.log1p(xp.exp(low - high))


logaddexp = special_binary(
    "logaddexp",
    _log_of_sum,
    lambda f, g, x, y: g / (1 + f.exp(f.zero_where(y - x, x == y))),
    lambda f, g, x, y: g / (1 + f.exp(f.zero_where(x - y, x == y))),
    for_complex=_complex_log_of_sum,
)
logaddexp2 = special_binary(
    "logaddexp2",
    _log2_of_sum,
    lambda f, g, x, y: g / (1 + f.exp2(f.zero_where(y - x, x == y))),
    lambda f, g, x, y: g / (1 + f.exp2(f.zero_where(x - y, x == y))),
)


def _steps(xp: Any, x: Any, y: Any) -> Any:
    if x.dtype.kind == "c":
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    return xp.where(x == 0, y, (x > 0).astype(x.dtype))


heaviside = binary("heaviside", _steps, underivable("heaviside"), underivable("heaviside"))

two(fmax, "The larger of x and y; where one of them is nan, the other.",
    ("fmax(nnlite.tensor([1.0, 5.0]), nnlite.tensor([2.0, float('nan')]))", "tensor([2., 5.])"), inplace=False,
    raises="RuntimeError: an operand is complex.")  # fmt: skip
two(fmin, "The smaller of x and y; where one of them is nan, the other.",
    ("fmin(nnlite.tensor([1.0, 5.0]), nnlite.tensor([2.0, float('nan')]))", "tensor([1., 5.])"), inplace=False,
    raises="RuntimeError: an operand is complex.")  # fmt: skip
two(copysign, "|x| with the sign of y.",
    ("copysign(nnlite.tensor([1.0, 2.0]), -1)", "tensor([-1., -2.])"), numbers="right", floats=True)  # fmt: skip
two(hypot, "sqrt(x^2 + y^2), without overflow on the way.",
    ("hypot(nnlite.tensor([3.0]), nnlite.tensor([4.0]))", "tensor([5.])"),
    raises="NotImplementedError: the operands are no real floating point numbers.")  # fmt: skip
two(nextafter, "The floating point number next to x on the way to y.",
    ("nextafter(nnlite.tensor(1.0), nnlite.tensor(2.0)) - 1", "tensor(1.1921e-07)"),
    raises="NotImplementedError: the operands are no real floating point numbers.")  # fmt: skip
two(ldexp, "x 2^y.", ("ldexp(nnlite.tensor([1.0, 3.0]), nnlite.tensor([4, -1]))", "tensor([16.0000,  1.5000])"),
    floats=True, function_in_place=True)  # fmt: skip
two(logaddexp, "log(e^x + e^y), without overflow.",
    ("logaddexp(nnlite.tensor([1000.0]), nnlite.tensor([1000.0]))", "tensor([1000.6932])"), inplace=False,
    raises="NotImplementedError: the operands are integers.")  # fmt: skip
two(logaddexp2, "The logarithm to base 2 of 2^x + 2^y, without overflow.",
    ("logaddexp2(nnlite.tensor([1000.0]), nnlite.tensor([1000.0]))", "tensor([1001.])"), inplace=False,
    raises="NotImplementedError: the operands are no real floating point numbers.")  # fmt: skip
two(heaviside, "0 where x < 0, 1 where x > 0, and y where x = 0.",
    ("heaviside(nnlite.tensor([-1.5, 0.0, 2.0]), nnlite.tensor([0.5]))", "tensor([0.0000, 0.5000, 1.0000])"),
    raises="RuntimeError: the dtypes differ, or an operand is complex.")  # fmt: skip


def _same_dtypes(name: str) -> None:
    """Make the function refuse operands of different dtypes."""
    plain = FUNCTIONS[name]

    @public
    def heaviside(input: Any, values: Any, *, out: Any = None) -> Any:
        if isinstance(input, TensorBase) and isinstance(values, TensorBase) and input.dtype is not values.dtype:
            raise RuntimeError(
                "heaviside is not yet implemented for tensors with different dtypes. "
                f"(got {input.dtype} and {values.dtype}; convert one with .to(dtype))"
            )
        return plain(input, values, out=out)

    heaviside.__doc__ = plain.__doc__


_same_dtypes("heaviside")


# ---------------------------------------------------------------------------------------------------------------------
# Mantissa and exponent


return_frexp = named(__name__, "frexp", "mantissa", "exponent")


@op(outputs=2, saves=("out1",))
def _frexp(xp: Any, x: Any) -> Any:
    mantissa, exponent = xp.frexp(x.astype("float32") if x.dtype.kind == "V" else x)
    return mantissa.astype(x.dtype, copy=False), exponent


@_frexp.vjp
def _(f: Any, g: Any, node: Any, exponent: Any) -> tuple[Any, ...]:
    kind, whole = (getattr(v, "_a", v).dtype for v in (g[0], exponent))
    return (f.ldexp(g[0], f.cast(f.neg(exponent), dtype=kind, source=whole)),)


@public
def frexp(input: Any, *, out: Any = None) -> Any:
    """Mantissa and exponent: x = mantissa 2^exponent, 1/2 <= |mantissa| < 1.

    Both results have the input's shape; the mantissa has its dtype, the exponent is int32.

    Raises:
        RuntimeError: the input holds no real floating point numbers.

    Example:
        >>> import nnlite
        >>> mantissa, exponent = nnlite.frexp(nnlite.tensor([1.0, 12.0]))
        >>> mantissa, exponent
        (tensor([0.5000, 0.7500]), tensor([1, 4], dtype=torch.int32))
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor("frexp", 0, input)
    if input._a.dtype.kind not in REAL:
        kind = dtypes.from_numpy[input._a.dtype]
        raise RuntimeError(f"torch.frexp() only supports floating-point dtypes (got {kind}; convert with .float())")
    pair = _frexp(input)
    return return_frexp(pair if out is None else map(put, pair, out))
