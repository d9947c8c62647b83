"""Elementwise operations: one formula and its derivative each."""

from __future__ import annotations

import math
from typing import Any

from ..._core.op import binary, op, recorded, unary
from ...backends.registry import tables
from .._public import elementwise, elementwise_pair


@op(title="ToCopyBackward0")
def _cast(xp: Any, x: Any, *, dtype: Any, source: Any) -> Any:
    """Conversion from dtype ``source`` to ``dtype``; always a copy."""
    if source.kind == "c" and dtype.kind not in "cb":
        x = x.real
    return x.astype(dtype)


@_cast.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.cast(g, dtype=node.attrs["source"], source=node.attrs["dtype"]),)


# ---------------------------------------------------------------------------------------------------------------------
# One operand. The gradient of a formula over float16 or float32 stays in that type: Python numbers are weak.

_TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)

zeros_like = unary("zeros_like", lambda xp, x: xp.zeros_like(x), lambda f, g: f.zeros_like(g))
"""The gradient of what is constant. (Not ``g * 0``, which is not 0 where g is infinite.)"""


@op(saves=("mask",), title="MaskedFillBackward0")
def _zero_where(xp: Any, x: Any, mask: Any) -> Any:
    """``x``, and 0 where the mask is true: also where ``x`` is infinite, unlike a product."""
    return xp.where(mask, xp.zeros((), x.dtype), x)


@_zero_where.vjp
def _(f: Any, g: Any, node: Any, mask: Any) -> tuple[Any, ...]:
    return f.zero_where(g, mask), None


@op()
def _relu_backward(xp: Any, g: Any, out: Any) -> Any:
    return tables[type(out)].zero_where(g, out <= 0)


@op()
def _sigmoid_backward(xp: Any, g: Any, out: Any) -> Any:
    return g * (out * (1 - out))


@op()
def _tanh_backward(xp: Any, g: Any, out: Any) -> Any:
    return g - g * (out * out)


def _signs(xp: Any, x: Any) -> Any:
    _refuse_complex("sign", x, "use sgn")
    return x.copy() if x.dtype.kind == "b" else xp.sign(x)


def _refuse_complex(name: str, x: Any, instead: str) -> None:
    """Raise where PyTorch does and array libraries compute something of their own."""
    if x.dtype.kind == "c":
        raise NotImplementedError(f"{name} is not supported for complex types ({instead})")


def _nearest(xp: Any, x: Any) -> Any:
    _refuse_complex("round", x, "round .real and .imag")
    return xp.rint(x) if x.dtype.kind in "fV" else x.copy()


def _rectified(xp: Any, x: Any) -> Any:
    _refuse_complex("relu", x, "apply it to .real and .imag")
    return xp.maximum(x, 0)


def _directions(xp: Any, x: Any) -> Any:
    """x / |x|, 0 at 0."""
    if x.dtype.kind != "c":
        return _signs(xp, x)
    size = xp.absolute(x)
    size = xp.where(size == 0, xp.ones((), size.dtype), size)
    out = xp.empty_like(x)
    out.real = x.real / size  # by parts, as the quotient of complex numbers is NaN where |x| is infinite
    out.imag = x.imag / size
    return out


neg = unary("neg", "negative", lambda f, g: -g)
exp = unary("exp", "exp", lambda f, g, out: g * out, to_float=True)
exp2 = unary("exp2", "exp2", lambda f, g, out: g * out * math.log(2), to_float=True)
expm1 = unary("expm1", "expm1", lambda f, g, out: g * (out + 1), to_float=True)
log = unary("log", "log", lambda f, g, x: g / x, to_float=True)
log2 = unary("log2", "log2", lambda f, g, x: g / (x * math.log(2)), to_float=True)
log10 = unary("log10", "log10", lambda f, g, x: g / (x * math.log(10)), to_float=True)
log1p = unary("log1p", "log1p", lambda f, g, x: g / (x + 1), to_float=True)
sqrt = unary("sqrt", "sqrt", lambda f, g, out: g / (2 * out), to_float=True)
rsqrt = unary("rsqrt", lambda xp, x: 1 / xp.sqrt(x), lambda f, g, out: -0.5 * g * out**3, to_float=True)
reciprocal = unary("reciprocal", lambda xp, x: 1 / x, lambda f, g, out: -g * out * out, to_float=True)
square = unary(
    "square",
    lambda xp, x: x * x if x.dtype.kind != "b" else x.astype("int64"),
    lambda f, g, x: g * (2 * x),
    title="PowBackward0",
)
sin = unary("sin", "sin", lambda f, g, x: g * f.cos(x), to_float=True)
cos = unary("cos", "cos", lambda f, g, x: -g * f.sin(x), to_float=True)
tan = unary("tan", "tan", lambda f, g, out: g * (1 + out * out), to_float=True)
asin = unary("asin", "arcsin", lambda f, g, x: g * f.rsqrt(1 - x * x), to_float=True)
acos = unary("acos", "arccos", lambda f, g, x: -g * f.rsqrt(1 - x * x), to_float=True)
atan = unary("atan", "arctan", lambda f, g, x: g / (1 + x * x), to_float=True)
sinh = unary("sinh", "sinh", lambda f, g, x: g * f.cosh(x), to_float=True)
cosh = unary("cosh", "cosh", lambda f, g, x: g * f.sinh(x), to_float=True)
tanh = unary(
    "tanh",
    "tanh",
    lambda f, g, out: g - g * (out * out) if f is recorded else f.tanh_backward(g, out),
    to_float=True,
)
erf = unary("erf", lambda xp, x: xp.erf(x), lambda f, g, x: g * (_TWO_OVER_SQRT_PI * f.exp(-(x * x))), to_float=True)
sigmoid = unary(
    "sigmoid",
    lambda xp, x: 1 / (1 + xp.exp(-x)),
    lambda f, g, out: g * (out * (1 - out)) if f is recorded else f.sigmoid_backward(g, out),
    to_float=True,
)
relu = unary(
    "relu",
    _rectified,
    lambda f, g, out: f.zero_where(g, out <= 0) if f is recorded else f.relu_backward(g, out),
)
abs = unary("abs", "absolute", lambda f, g, x: g * f.sgn(x))
sgn = unary("sgn", _directions, lambda f, g, x: f.zeros_like(g))
sign = unary("sign", _signs, lambda f, g: f.zeros_like(g))
floor = unary("floor", "floor", lambda f, g: f.zeros_like(g))
ceil = unary("ceil", "ceil", lambda f, g: f.zeros_like(g))
trunc = unary("trunc", "trunc", lambda f, g: f.zeros_like(g))
round_ = unary("round", _nearest, lambda f, g: f.zeros_like(g))


@sgn.vjp  # type: ignore[attr-defined]
def _(f: Any, g: Any, node: Any, x: Any) -> tuple[Any, ...]:
    """For complex numbers what turns x, without what lengthens it: (g - Re(conj(g) s) s) / |x|."""
    if g.dtype.kind != "c":
        return (f.zeros_like(g),)
    size, s = f.abs(x), f.sgn(x)
    none = size == 0
    turned = (g - f.real(f.conj(g) * s) * s) / f.where(none, size + 1, size)
    return (f.zero_where(turned, none),)


isnan = unary("isnan", "isnan")
isinf = unary("isinf", "isinf")
isfinite = unary("isfinite", "isfinite")


def _truth(x: Any) -> Any:
    """What counts as true or false: CuPy's logical functions do not take complex numbers."""
    return x != 0 if getattr(getattr(x, "dtype", None), "kind", "") == "c" else x


logical_not = unary("logical_not", lambda xp, x: xp.logical_not(_truth(x)))
bitwise_not = unary("bitwise_not", "invert")

_UNARY_DOCS = {
    neg: ("-x", ("negative",)),
    exp: ("e^x", ()),
    exp2: ("2^x", ()),
    expm1: ("e^x - 1, accurate near 0", ()),
    log: ("the natural logarithm of x", ()),
    log2: ("the logarithm of x to base 2", ()),
    log10: ("the logarithm of x to base 10", ()),
    log1p: ("log(1 + x), accurate near 0", ()),
    sqrt: ("the square root of x", ()),
    rsqrt: ("1 / sqrt(x)", ()),
    reciprocal: ("1 / x", ()),
    square: ("x^2", ()),
    sin: ("sin x, x in radians", ()),
    cos: ("cos x, x in radians", ()),
    tan: ("tan x, x in radians", ()),
    asin: ("the angle in [-pi/2, pi/2] whose sine is x", ("arcsin",)),
    acos: ("the angle in [0, pi] whose cosine is x", ("arccos",)),
    atan: ("the angle in [-pi/2, pi/2] whose tangent is x", ("arctan",)),
    sinh: ("(e^x - e^-x) / 2", ()),
    cosh: ("(e^x + e^-x) / 2", ()),
    tanh: ("(e^x - e^-x) / (e^x + e^-x)", ()),
    erf: ("the error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x", ()),
    sigmoid: ("1 / (1 + e^-x)", ()),
    relu: ("max(x, 0)", ()),
    abs: ("|x|", ("absolute",)),
    sgn: ("-1, 0 or 1 by the sign of x; of a complex number x / |x|, 0 at 0", ()),
    sign: ("-1, 0 or 1 by the sign of x", ()),
    floor: ("the largest integer not above x", ()),
    ceil: ("the smallest integer not below x", ()),
    trunc: ("x without its fraction", ("fix",)),
    logical_not: ("whether x is zero", ()),
    bitwise_not: ("the bits of x inverted", ()),
}
for _call, (_formula, _names) in _UNARY_DOCS.items():
    elementwise(_call, _formula, names=_names)
for _call, _formula in ((isnan, "whether x is not a number"), (isinf, "whether x is infinite"),
                        (isfinite, "whether x is neither infinite nor not a number")):  # fmt: skip
    elementwise(_call, _formula, inplace=False)


# ---------------------------------------------------------------------------------------------------------------------
# Two operands

add = binary("add", "add", lambda f, g: g, lambda f, g: g)
sub = binary(
    "sub",
    "subtract",
    lambda f, g: g,
    lambda f, g: -g,
    no_bool="Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, "
    "use the `~` or `logical_not()` operator instead.",
)
mul = binary("mul", "multiply", lambda f, g, y: g * y, lambda f, g, x: g * x)
div = binary("div", "true_divide", lambda f, g, y: g / y, lambda f, g, x, y: -g * (x / y) / y, to_float=True)


def _pow_dx(f: Any, g: Any, x: Any, y: Any) -> Any:
    """y x^(y-1), and 0 where y is 0, also at x = 0."""
    if isinstance(y, int | float | complex):
        return g * (y * f.pow(x, y - 1)) if y else f.zeros_like(g)
    return g * f.where(y == 0, x * 0, y * f.pow(x, y - 1))


def _power(xp: Any, x: Any, y: Any) -> Any:
    if x.dtype.kind != "i" or isinstance(y, int | float | complex) or not y.size:
        return x**y  # not ``xp.power``: array libraries give the operator short cuts for small exponents
    # An integer to a negative power is 1 / x^|y| without its fraction.
    negative = y < 0
    inverse = xp.where(xp.absolute(x) == 1, x ** xp.absolute(y), xp.zeros((), x.dtype))
    return xp.where(negative, inverse, x ** xp.where(negative, xp.zeros((), y.dtype), y))


pow_ = binary("pow", _power, _pow_dx, lambda f, g, x, out: g * (out * f.log_or_zero(x)))


def _halved(f: Any, g: Any, x: Any, y: Any) -> Any:
    """Where both operands are the extreme one, each gets half of the gradient."""
    return f.where(x == y, g / 2, g)


maximum = binary(
    "maximum",
    "maximum",
    lambda f, g, x, y: f.zero_where(_halved(f, g, x, y), x < y),
    lambda f, g, x, y: f.zero_where(_halved(f, g, x, y), x > y),
    ordered=True,
)
minimum = binary(
    "minimum",
    "minimum",
    lambda f, g, x, y: f.zero_where(_halved(f, g, x, y), x > y),
    lambda f, g, x, y: f.zero_where(_halved(f, g, x, y), x < y),
    ordered=True,
)
atan2 = binary(
    "atan2",
    "arctan2",
    lambda f, g, x, y: f.zero_where(g * y / (x * x + y * y), (x == 0) & (y == 0)),
    lambda f, g, x, y: f.zero_where(-g * x / (x * x + y * y), (x == 0) & (y == 0)),
    to_float=True,
)
floor_divide = binary(
    "floor_divide", "floor_divide", lambda f, g: f.zeros_like(g), lambda f, g: f.zeros_like(g), title="DivBackward1"
)
remainder = binary("remainder", "remainder", lambda f, g: g, lambda f, g, x, y: -g * f.floor_divide(x, y))
fmod = binary("fmod", "fmod", lambda f, g: g, lambda f, g, x, y: -g * f.trunc(x / y))
eq = binary("eq", "equal")
ne = binary("ne", "not_equal")
lt = binary("lt", "less", ordered=True)
le = binary("le", "less_equal", ordered=True)
gt = binary("gt", "greater", ordered=True)
ge = binary("ge", "greater_equal", ordered=True)
logical_and = binary("logical_and", lambda xp, x, y: xp.logical_and(_truth(x), _truth(y)))
logical_or = binary("logical_or", lambda xp, x, y: xp.logical_or(_truth(x), _truth(y)))
logical_xor = binary("logical_xor", lambda xp, x, y: xp.logical_xor(_truth(x), _truth(y)))
bitwise_and = binary("bitwise_and", "bitwise_and")
bitwise_or = binary("bitwise_or", "bitwise_or")
bitwise_xor = binary("bitwise_xor", "bitwise_xor")

log_or_zero = unary(
    "log_or_zero",
    lambda xp, x: xp.log(xp.where(x == 0, xp.ones((), x.dtype), x)),
    lambda f, g, x: f.zero_where(g / x, x == 0),
)
"""log(x), 0 where x = 0: the derivative of x^y to y, which PyTorch defines as 0 at x = 0."""


for _pair, _formula, _names, _dunder, _numbers in (
    (mul, "x * y", ("multiply",), "mul", "both"),
    (pow_, "x to the power y", (), "pow", "both"),
    (maximum, "the larger of x and y", (), "", ""),
    (minimum, "the smaller of x and y", (), "", ""),
    (atan2, "the angle of the point (y, x), in radians", ("arctan2",), "", ""),
    (floor_divide, "x / y rounded towards minus infinity", (), "floordiv", "both"),
    (remainder, "x - y floor(x / y), which has the sign of y", (), "mod", "both"),
    (fmod, "x - y trunc(x / y), which has the sign of x", (), "", "right"),
    (logical_and, "whether both are not zero", (), "", ""),
    (logical_or, "whether one is not zero", (), "", ""),
    (logical_xor, "whether just one is not zero", (), "", ""),
    (bitwise_and, "the bits set in both", (), "and", "both"),
    (bitwise_or, "the bits set in one or both", (), "or", "both"),
    (bitwise_xor, "the bits set in just one", (), "xor", "both"),
):
    elementwise_pair(_pair, _formula, names=_names, dunder=_dunder, numbers=_numbers)
for _pair, _formula, _names in (
    (eq, "whether x = y", ()),
    (ne, "whether x and y differ", ("not_equal",)),
    (lt, "whether x < y", ("less",)),
    (le, "whether x <= y", ("less_equal",)),
    (gt, "whether x > y", ("greater",)),
    (ge, "whether x >= y", ("greater_equal",)),
):
    elementwise_pair(_pair, _formula, names=_names, comparison=True)
