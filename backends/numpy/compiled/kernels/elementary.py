"""exp and log of float32 by arithmetic alone.

The C library's functions take one number at a time; these are straight lines of sums and products, so that LLVM makes
vectors of a loop over them. Errors: at most 2 units in the last place of float32 (a test measures them).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .jit import inlined

_f = np.float32


def _same_bits(result: Any, of: Any, kind: Any) -> Any:
    @intrinsic
    def function(context: Any, x: Any) -> Any:
        signature = result(of)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], kind)

        return signature, generate

    return function


float_of_bits = _same_bits(types.float32, types.int32, ir.FloatType())
"""The float32 that has the bits of an int32."""

bits_of_float = _same_bits(types.int32, types.float32, ir.IntType(32))
"""The int32 that has the bits of a float32."""


def _of_float(name: str) -> Any:
    """One of LLVM's functions of a float32, which the processor has as an instruction."""

    @intrinsic
    def function(context: Any, x: Any) -> Any:
        signature = types.float32(types.float32)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.call(builder.module.declare_intrinsic(f"llvm.{name}", [ir.FloatType()]), args)

        return signature, generate

    return function


round_even = _of_float("rint")
"""The nearest whole number."""

_LOG2E, _LN2_HIGH, _LN2_LOW = _f(1.44269504), _f(0.693359375), _f(-2.12194440e-4)
_EXP_LOW, _EXP_HIGH = _f(-104), _f(88.8)
# exp(r) - 1 - r = r^2 p(r) for |r| <= ln 2 / 2: the Taylor series, whose next term is below 2^-25 there.
_E2, _E3, _E4, _E5, _E6, _E7 = (_f(1 / v) for v in (2, 6, 24, 120, 720, 5040))
_ZERO, _ONE, _INF = _f(0), _f(1), _f(np.inf)
_BIAS, _FRACTION = np.int32(127), np.int32(23)


@inlined
def exp(x: Any) -> Any:
    """e^x: 2^k times the exponential of what is left, the factor in two halves so that small results round as they
    should."""
    bounded = min(max(x, _EXP_LOW), _EXP_HIGH)
    k = round_even(bounded * _LOG2E)
    r = (bounded - k * _LN2_HIGH) - k * _LN2_LOW
    p = _E2 + r * (_E3 + r * (_E4 + r * (_E5 + r * (_E6 + r * _E7))))
    whole = np.int32(k)
    half = whole >> np.int32(1)
    first = float_of_bits(np.int32((half + _BIAS) << _FRACTION))
    second = float_of_bits(np.int32((whole - half + _BIAS) << _FRACTION))
    y = (_ONE + (r + r * r * p)) * first * second
    return x if x != x else (_INF if x > _EXP_HIGH else y)


_LOWEST = _f(-87.33)
_MAGIC = _f(1.5 * 2**23)
"""A number with this added to it is rounded to whole numbers, which stand in the last bits."""
_BITS_OF_ONE = np.int32(0x3F800000)


@inlined
def exp_of_negative(x: Any) -> Any:
    """e^x for x <= 0, 0 where that is below the normal numbers: two thirds of the instructions."""
    bounded = _LOWEST if x < _LOWEST else x
    moved = bounded * _LOG2E + _MAGIC
    k = moved - _MAGIC
    r = (bounded - k * _LN2_HIGH) - k * _LN2_LOW
    p = _E2 + r * (_E3 + r * (_E4 + r * (_E5 + r * (_E6 + r * _E7))))
    scale = float_of_bits(np.int32(np.int32(bits_of_float(moved) << _FRACTION) + _BITS_OF_ONE))
    y = (_ONE + (r + r * r * p)) * scale
    return _ZERO if x < _LOWEST else y


# log(1 + f) = 2 artanh(s), s = f / (2 + f), by the series of artanh, whose next term is below 2^-27 of the sum. It is
# computed as f - f^2 / 2 + s (f^2 / 2 + what is left of the series), whose first part has no rounding error.
_HALF = _f(0.5)
_L3, _L5, _L7, _L9 = (_f(2 / n) for n in (3, 5, 7, 9))
_ROOT_HALF_BITS = np.int32(0x3F3504F3)
_FRACTION_BITS = np.int32(0x007FFFFF)


@inlined
def log(x: Any) -> Any:
    """The natural logarithm of a positive normal number; others give anything."""
    raised = np.int32(bits_of_float(x) - _ROOT_HALF_BITS)
    k = np.int32(raised >> _FRACTION)
    f = float_of_bits(np.int32((raised & _FRACTION_BITS) + _ROOT_HALF_BITS)) - _ONE
    s = f / (_ONE + _ONE + f)
    z = s * s
    half = _HALF * f * f
    rest = s * (half + z * (_L3 + z * (_L5 + z * (_L7 + z * _L9))))
    whole = _f(k)
    return whole * _LN2_HIGH + (f - (half - (rest + whole * _LN2_LOW)))
