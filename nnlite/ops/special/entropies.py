"""Modified Bessel functions of the first kind, entropies, and products with logarithms.

I_0 and I_1: below 8 the power series in (x / 2)^2, all of whose terms are positive (M. Abramowitz and I. A. Stegun,
"Handbook of Mathematical Functions", 9.6.10); from there on a polynomial (Chebyshev, computed with 60 digits) in
16 / x - 1 times e^x / sqrt(x), the split of W. J. Cody, "Algorithm 715: SPECFUN", ACM Transactions on Mathematical
Software 19 (1993), 22-30.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from ..._core.op import TensorBase, not_a_tensor, unary
from .._documented import docstring, one, two
from .._formula import apply
from ._making import polynomial, precise, select, special_binary, special_function, special_one, special_unary

_I0_FAR_64 = (
    -6.0676315706030064e-11, -2.0260604287413627e-11, 4.5770876316436229e-10, 1.5279202694981568e-10,
    -1.6189806836246819e-9, -5.7158438642027086e-10, 3.6379546359011145e-9, 1.5200816953924231e-9,
    -5.9535694382648908e-9, -3.5059665308793318e-9, 7.4304646503254259e-9, 7.5525830621233848e-9,
    -5.404771567579958e-9, -1.340891754008974e-8, -6.747657956107524e-9, 7.5546918812488083e-9,
    2.1548377974791597e-8, 3.9325843345529518e-8, 8.8722197379040538e-8, 2.9735985885673924e-7,
    1.4838475658279248e-6, 1.1143033790932038e-5, 0.00013621607439193051, 0.0033605519836678616, 0.40217650944500808,
)  # fmt: skip
_I0_FAR_32 = (
    3.62667038e-7, 1.63913487e-6, 1.11121483e-5, 0.000136156032, 0.0033605557, 0.402176513,
)  # fmt: skip
_I1_FAR_64 = (
    6.3059651971500567e-11, 1.8515118828852957e-11, -4.7588188387038535e-10, -1.4011625179770627e-10,
    1.6848984479705146e-9, 5.2956254411612611e-10, -3.7946708962083394e-9, -1.4387250533041014e-9,
    6.2427412197864452e-9, 3.4262341490077959e-9, -7.8883515078620772e-9, -7.6423941343635612e-9,
    5.9744376080402639e-9, 1.4034238782067183e-8, 6.734464815301592e-9, -8.4277660937351841e-9,
    -2.3373928208142639e-8, -4.3129177291783492e-8, -1.0001288294864884e-7, -3.4838557610442947e-7,
    -1.8349101326980947e-6, -1.5038547200567217e-5, -0.00021923576383388928, -0.0097495771932357362,
    0.38939845902587233,
)  # fmt: skip
_I1_FAR_32 = (
    -1.22732172e-7, -4.21035016e-7, -1.82569073e-6, -1.50039655e-5, -0.000219237125, -0.00974958137, 0.389398459,
)  # fmt: skip
_FAR = {0: (_I0_FAR_64, _I0_FAR_32), 1: (_I1_FAR_64, _I1_FAR_32)}
_NEAR = tuple(tuple(1 / (math.factorial(k) * math.factorial(k + order)) for k in range(23))[::-1] for order in (0, 1))


def _bessel(xp: Any, x: Any, order: int, scaled: bool) -> Any:
    """I_order(x), times e^-|x| if ``scaled``."""

    def near(x: Any) -> Any:
        z = x * x * 0.25
        value = polynomial(z, precise(x, _NEAR[order], _NEAR[order][-15:]))
        if order:
            value = value * (x * 0.5)
        return value * xp.exp(-xp.absolute(x)) if scaled else value

    def far(x: Any) -> Any:
        size = xp.absolute(x)
        value = polynomial(16 / size - 1, precise(x, *_FAR[order])) / xp.sqrt(size)
        if not scaled:
            # Half of the exponent at a time: e^|x| overflows a little earlier than the product does.
            half = xp.exp(size * 0.5)
            value = value * half * half
        return xp.copysign(value, x) if order else value

    return select(xp, xp.absolute(x) > 8, far, near, x)


def _slope_of_i1(f: Any, x: Any, other: Any, out: Any) -> Any:
    """I_0 - I_1 / x, 1/2 at 0."""
    zero = x == 0
    return f.where(zero, f.zeros_like(x) + 0.5, other - out / f.where(zero, f.zeros_like(x) + 1, x))


def _entr(xp: Any, x: Any) -> Any:
    value = -x * xp.log(x)
    return xp.where(x > 0, value, xp.where(x == 0, xp.zeros_like(x), xp.where(x < 0, -math.inf, x)))


def _xlogy(xp: Any, x: Any, y: Any) -> Any:
    return xp.where((x == 0) & (y == y), 0.0, x * xp.log(y))


def _xlog1py(xp: Any, x: Any, y: Any) -> Any:
    return xp.where((x == 0) & (y == y), 0.0, x * xp.log1p(y))


def _sinc(xp: Any, x: Any) -> Any:
    angle = x * math.pi
    zero = angle == 0
    one = xp.ones((), x.dtype)
    return xp.where(zero, one, xp.sin(angle) / xp.where(zero, one, angle))


sinc = unary(
    "sinc",
    lambda xp, x: _sinc(xp, x) if x.dtype.kind == "c" else apply(xp, functools.partial(_sinc, xp), x),
    lambda f, g, x: f.zero_where(g * (f.cos(x * math.pi) - f.sinc(x)) / x, x == 0),
    to_float=True,
)
one(sinc, "sin(pi x) / (pi x), and 1 at 0.",
    ("sinc(nnlite.tensor([0.0, 0.5, 1.0]))", "tensor([ 1.0000e+00,  6.3662e-01, -2.7828e-08])"))  # fmt: skip

i0 = special_unary("i0", functools.partial(_bessel, order=0, scaled=False), lambda f, g, x: g * f.i1(x))
i0e = special_unary(
    "i0e", functools.partial(_bessel, order=0, scaled=True), lambda f, g, x: g * (f.i1e(x) - f.sgn(x) * f.i0e(x))
)
i1 = special_unary(
    "i1", functools.partial(_bessel, order=1, scaled=False), lambda f, g, x: g * _slope_of_i1(f, x, f.i0(x), f.i1(x))
)
i1e = special_unary(
    "i1e",
    functools.partial(_bessel, order=1, scaled=True),
    lambda f, g, x: g * (_slope_of_i1(f, x, f.i0e(x), f.i1e(x)) - f.sgn(x) * f.i1e(x)),
)
entr = special_unary("entr", _entr, lambda f, g, x: g * (-1 - f.log(x)))
xlogy = special_binary(
    "xlogy",
    _xlogy,
    lambda f, g, x, y: f.zero_where(f.xlogy(g, y), (x == 0) & (y <= 0)),
    lambda f, g, x, y: g * x / y,
    to_float=True,
)
xlog1py = special_binary(
    "xlog1py",
    _xlog1py,
    lambda f, g, x, y: f.zero_where(f.xlog1py(g, y), (x == 0) & (y <= -1)),
    lambda f, g, x, y: g * x / (y + 1),
    to_float=True,
)

one(i0, "The modified Bessel function of the first kind of order 0, the sum of (x / 2)^(2k) / k!^2.",
    ("i0(nnlite.tensor([0.0, 1.0]))", "tensor([1.0000, 1.2661])"))  # fmt: skip
special_one(i0e, "i0e", "The modified Bessel function of the first kind of order 0, times e^-|x|.",
            "nnlite.tensor([0.0, 1.0])", "tensor([1.0000, 0.4658])")  # fmt: skip
special_one(i1, "i1", "The modified Bessel function of the first kind of order 1.",
            "nnlite.tensor([0.0, 1.0])", "tensor([0.0000, 0.5652])")  # fmt: skip
special_one(i1e, "i1e", "The modified Bessel function of the first kind of order 1, times e^-|x|.",
            "nnlite.tensor([0.0, 1.0])", "tensor([0.0000, 0.2079])")  # fmt: skip
special_one(entr, "entr", "-x log(x), 0 at 0, and minus infinity below.",
            "nnlite.tensor([0.0, 0.5, 2.0])", "tensor([ 0.0000,  0.3466, -1.3863])")  # fmt: skip


two(xlogy, "x log(y), and 0 where x is 0, unless y is not a number.",
    ("xlogy(nnlite.tensor([0.0, 2.0]), nnlite.tensor([0.0, 1.5]))", "tensor([0.0000, 0.8109])"),
    numbers="both", floats=True, function_in_place=True,
    raises="NotImplementedError: an operand is complex.")  # fmt: skip


def _xlog1py_of(input: Any, other: Any) -> Any:
    if not isinstance(input, TensorBase) and not isinstance(other, TensorBase):
        raise not_a_tensor("special_xlog1py", 0, input)
    return xlog1py(input, other)


special_function(
    _xlog1py_of,
    "xlog1py",
    docstring(
        "x log(1 + y), and 0 where x is 0, unless y is not a number.",
        "special.xlog1py(nnlite.tensor([0.0, 2.0]), nnlite.tensor([-1.0, 1.0]))",
        "tensor([0.0000, 1.3863])",
        shapes="The shapes are broadcast together; integers become the default float type. A number may stand for one.",
    ),
)
