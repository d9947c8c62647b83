"""Formulas of one number each on flat float32 arrays, from ``start`` to ``stop``, in one pass over the memory.

The parts that need no whole exponential are small functions; LLVM puts them into the loops and makes vectors of them.
What is not a number comes out as it went in.
"""

from __future__ import annotations

import numpy as np

from .elementary import bits_of_float, exp, exp_of_negative, float_of_bits, log
from .jit import in_order
from .lanes import peek, poke

_f = np.float32
_0, _HALF, _1, _2 = _f(0), _f(0.5), _f(1), _f(2)
_INF, _NAN = _f(np.inf), _f(np.nan)

# erf(x / sqrt 2) / x as a rational function of x^2, see ``erf`` in backends/numpy/kernels.py.
_END = _f(5.55)
_T5, _T4, _T3, _T2, _T1, _T0 = (
    _f(v) for v in (1.45480815e-07, 1.79255633e-05, 0.00037069177, 0.00982503406, 0.0680421252, 0.797884563)
)
_B6, _B5, _B4, _B3, _B2, _B1 = (
    _f(v) for v in (3.88629657e-09, 2.22112319e-06, 8.79520942e-05, 0.00202643244, 0.0293045224, 0.251944868)
)


@in_order
def _within(x, bound):
    """x between -bound and bound; what is not a number becomes one."""
    return min(max(x, -bound), bound)


@in_order
def _erf_of_root(x):
    """erf(x / sqrt 2); of what is not a number, some number."""
    y = _within(x, _END)
    z = y * y
    top = _T0 + z * (_T1 + z * (_T2 + z * (_T3 + z * (_T4 + z * _T5))))
    below = _1 + z * (_B1 + z * (_B2 + z * (_B3 + z * (_B4 + z * (_B5 + z * _B6)))))
    return _within(y * top / below, _1)


_DENSITY, _ROOT_2 = _f(1 / np.sqrt(2 * np.pi)), _f(np.sqrt(2))
_FAR = _f(40)


@in_order
def gelu(x, out, start, stop):
    """x P(X <= x) for a standard normal X."""
    for i in range(start, stop):
        v = peek(x, i)
        poke(out, i, v * (_HALF * (_1 + _erf_of_root(v))))


@in_order
def gelu_gradient(g, x, out, start, stop):
    """g (P(X <= x) + x p(x))."""
    for i in range(start, stop):
        given = peek(x, i)
        v = _within(given, _FAR)
        slope = _HALF * (_1 + _erf_of_root(v)) + v * (_DENSITY * exp_of_negative(-_HALF * (v * v)))
        poke(out, i, peek(g, i) * (slope if given == given else given))


_TWICE, _CUBE = _f(2 * np.sqrt(2 / np.pi)), _f(0.044715)
_CUBE_SLOPE = _f(3 * 0.044715)


@in_order
def gelu_tanh(x, out, start, stop):
    """0.5 x (1 + tanh u) = x / (1 + e^(-2 u)), where u = sqrt(2 / pi) (x + 0.044715 x^3)."""
    for i in range(start, stop):
        v = peek(x, i)
        poke(out, i, v / (_1 + exp(-_TWICE * v * (_1 + _CUBE * (v * v)))))


@in_order
def gelu_tanh_gradient(g, x, out, start, stop):
    """g (s + x s (1 - s) 2 u'), where s = 1 / (1 + e^(-2 u))."""
    for i in range(start, stop):
        given = peek(x, i)
        v = _within(given, _FAR)
        square = v * v
        s = _1 / (_1 + exp(-_TWICE * v * (_1 + _CUBE * square)))
        slope = s + v * (s * (_1 - s)) * (_TWICE * (_1 + _CUBE_SLOPE * square))
        poke(out, i, peek(g, i) * (slope if given == given else given))


@in_order
def sigmoid(x, out, start, stop):
    """1 / (1 + e^-x)."""
    for i in range(start, stop):
        poke(out, i, _1 / (_1 + exp(-peek(x, i))))


@in_order
def silu(x, out, start, stop):
    """x / (1 + e^-x)."""
    for i in range(start, stop):
        v = peek(x, i)
        poke(out, i, v / (_1 + exp(-v)))


@in_order
def silu_gradient(g, x, out, start, stop):
    """g s (1 + x (1 - s)), where s = 1 / (1 + e^-x)."""
    for i in range(start, stop):
        v = peek(x, i)
        s = _1 / (_1 + exp(-v))
        poke(out, i, peek(g, i) * (s * (_1 + v * (_1 - s))))


@in_order
def relu_gradient(g, y, out, start, stop):
    """g where max(x, 0) is not 0."""
    for i in range(start, stop):
        poke(out, i, _0 if peek(y, i) <= _0 else peek(g, i))


@in_order
def leaky_relu(x, out, start, stop, slope):
    """x where x > 0, x times the slope elsewhere."""
    for i in range(start, stop):
        v = peek(x, i)
        poke(out, i, v if v > _0 else v * slope)


@in_order
def leaky_relu_gradient(g, x, out, start, stop, slope):
    """g where x > 0, g times the slope elsewhere."""
    for i in range(start, stop):
        v = peek(g, i)
        poke(out, i, v if peek(x, i) > _0 else v * slope)


_E2, _E3, _E4, _E5, _E6, _E7 = (_f(1 / v) for v in (2, 6, 24, 120, 720, 5040))
_NEAR = _f(-0.35)


@in_order
def elu(x, out, start, stop, inner, below, above):
    """above x where x > 0, below (e^(inner x) - 1) elsewhere, by its series near 0."""
    for i in range(start, stop):
        v = peek(x, i)
        u = v * inner
        near = u * (_1 + u * (_E2 + u * (_E3 + u * (_E4 + u * (_E5 + u * (_E6 + u * _E7))))))
        far = exp(u) - _1  # for every number: a loop with branches has no vectors
        far = below * (near if u > _NEAR else far)
        poke(out, i, v * above if v > _0 else far)


@in_order
def elu_gradient(g, x, out, start, stop, inner, below, above):
    """g above where x > 0, g below inner e^(inner x) elsewhere."""
    for i in range(start, stop):
        v = peek(x, i)
        slope = below * inner * exp(v * inner)
        poke(out, i, peek(g, i) * (above if v > _0 else slope))


_3, _6 = _f(3), _f(6)
_THIRD = _f(1 / 3)


@in_order
def hardswish(x, out, start, stop):
    """x times x / 6 + 1/2 limited to [0, 1]."""
    for i in range(start, stop):
        v = peek(x, i)
        u = v + _3
        u = _6 if u > _6 else u
        poke(out, i, v * (_0 if u < _0 else u) / _6)


@in_order
def hardswish_gradient(g, x, out, start, stop):
    """g where x >= 3, 0 where x <= -3, g (x / 3 + 1/2) between."""
    for i in range(start, stop):
        v, d = peek(x, i), peek(g, i)
        d = d if v >= _3 else d * (v * _THIRD + _HALF)
        poke(out, i, _0 if v <= -_3 else d)


@in_order
def erf(x, out, start, stop):
    """The error function."""
    for i in range(start, stop):
        v = peek(x, i)
        value = _erf_of_root(v * _ROOT_2)
        poke(out, i, value if v == v else v)


# erfcx(x) (1 + 2 x) as a polynomial of (x - 3.75) / (x + 3.75), see nnlite/ops/special/error_functions.py.
_ERFCX = tuple(_f(v) for v in (
    -0.000224116747, 0.000396307613, 0.00167591222, -0.00984449486, 0.0284092524, -0.0586468587, 0.0922907696,
    -0.10881427, 0.08227842, 0.00358627039, -0.140240668, 1.23751262,
))  # fmt: skip
_C11, _C10, _C9, _C8, _C7, _C6, _C5, _C4, _C3, _C2, _C1, _C0 = _ERFCX
_MIDDLE, _ERFC_END, _SIXTH = _f(3.75), _f(11), _f(1 / 6)
_UPPER_BITS = np.int32(-4096)
"""The sign, the exponent and 11 bits of a float32's fraction: a number whose square is exact."""


@in_order
def erfc(x, out, start, stop):
    """1 - erf(x). The square in the exponent is taken in two parts, since its rounding error would be multiplied."""
    for i in range(start, stop):
        v = peek(x, i)
        size = abs(_within(v, _ERFC_END))
        t = (size - _MIDDLE) / (size + _MIDDLE)
        p = _C0 + t * (_C1 + t * (_C2 + t * (_C3 + t * (_C4 + t * (_C5 + t * (
            _C6 + t * (_C7 + t * (_C8 + t * (_C9 + t * (_C10 + t * _C11))))))))))  # fmt: skip
        head = float_of_bits(np.int32(bits_of_float(size) & _UPPER_BITS))
        rest = (size - head) * (size + head)
        small = _1 - rest * (_1 - rest * (_HALF - rest * _SIXTH))
        value = exp_of_negative(-(head * head)) * small * (p / (_1 + _2 * size))
        value = _2 - value if v < _0 else value
        poke(out, i, value if v == v else v)


# M. Giles, "Approximating the erfinv function", GPU Computing Gems 2 (2010), single precision.
_P8, _P7, _P6, _P5, _P4, _P3, _P2, _P1, _P0 = (
    _f(v) for v in (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
                    -0.00417768164, 0.246640727, 1.50140941)
)  # fmt: skip
_Q8, _Q7, _Q6, _Q5, _Q4, _Q3, _Q2, _Q1, _Q0 = (
    _f(v) for v in (-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
                    0.00943887047, 1.00167406, 2.83297682)
)  # fmt: skip
_FIVE, _SHIFT, _THREE, _TINY = _f(5), _f(2.5), _f(3), _f(1e-30)


@in_order
def erfinv(x, out, start, stop):
    """The number whose error function is x."""
    for i in range(start, stop):
        v = peek(x, i)
        inside = (_1 - v) * (_1 + v)
        w = -log(inside if inside > _TINY else _TINY)
        a = w - _SHIFT
        p = _P0 + a * (_P1 + a * (_P2 + a * (_P3 + a * (_P4 + a * (_P5 + a * (_P6 + a * (_P7 + a * _P8)))))))
        b = np.sqrt(w if w > _0 else _0) - _THREE
        q = _Q0 + b * (_Q1 + b * (_Q2 + b * (_Q3 + b * (_Q4 + b * (_Q5 + b * (_Q6 + b * (_Q7 + b * _Q8)))))))
        value = v * (p if w < _FIVE else q)
        value = v * _INF if inside == _0 else value
        poke(out, i, value if inside >= _0 else _NAN)


@in_order
def keep(x, kept, scale, out, start, stop):
    """x scale where ``kept`` (bytes 0 and 1) says so, else x times 0."""
    for i in range(start, stop):
        poke(out, i, peek(x, i) * scale * _f(peek(kept, i)))
