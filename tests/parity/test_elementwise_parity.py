"""Elementwise functions next to PyTorch: what integers, numbers, complex numbers and bools give or raise."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import nnlite  # noqa: E402

CALLS = """
c < c
c > 1
c <= c
c >= x
T.maximum(c, c)
T.minimum(c, x)
c.clamp(0)
c.clamp(0, 1)
T.clamp(x, min=c)
c.clamp_min(0)
c.clamp_max(0)
c.clone().lt_(c)
c.clone().clamp_(0)
T.fmax(c, c)
T.fmin(c, c)
i // z
i % z
T.fmod(i, z)
T.div(i, z, rounding_mode='floor')
T.div(i, z, rounding_mode='trunc')
T.div(b, b, rounding_mode='floor')
T.div(b, b, rounding_mode='trunc')
T.div(i, x, rounding_mode='trunc')
T.div(T.tensor([2**62 + 1, -7]), 2, rounding_mode='trunc')
T.div(i, 2.5, rounding_mode='trunc')
5 // z
5 % z
5 // i
-5 % i
i.clone().remainder_(z)
i.clone().floor_divide_(z)
i.clone().fmod_(z)
i // b
b // b
b % b
T.fmod(b, b)
T.remainder(5, z)
i // T.tensor(0)
b // z
i % 0
T.fmod(i, 0)
i // 0
x // 0
x % z
T.copysign(i, -1)
T.copysign(x, -1.)
T.copysign(b, b)
T.copysign(c, c)
T.frexp(x)
T.frexp(i)
T.frexp(x.half())
T.signbit(i)
T.signbit(c)
T.signbit(b)
T.signbit(-x)
T.gcd(x, x)
T.gcd(i, z)
T.gcd(b, b)
T.gcd(i, 3)
T.lcm(b, b)
T.lcm(i, T.tensor([6, -4], dtype=T.int32))
x << 1
x << x
i << 1
i << 1.5
1 << i
8 >> i
T.bitwise_left_shift(x, 1)
T.bitwise_left_shift(1, i)
T.bitwise_left_shift(b, b)
T.bitwise_right_shift(-i, 100)
T.bitwise_left_shift(i, 64)
T.bitwise_left_shift(i, -1)
T.bitwise_right_shift(i.to(T.uint8), 9)
b << 1
i.clone().__ilshift__(2)
i.clone().__irshift__(1)
i.clone().bitwise_left_shift_(i)
T.ldexp(i, i)
T.ldexp(x, i)
T.ldexp(x, 2)
T.ldexp(x.half(), i)
T.ldexp(c, i)
T.logaddexp(i, i)
T.logaddexp(c, c)
T.logaddexp2(i, i)
T.logaddexp2(c, c)
T.logaddexp(x, 1.)
T.hypot(i, i)
T.hypot(x, 1.)
T.hypot(c, c)
i.clone().hypot_(i)
T.fmax(i, x)
T.fmax(x, 1.)
T.fmin(b, i)
T.heaviside(x, i)
T.heaviside(i, i)
T.heaviside(b, b)
T.heaviside(x, 0.5)
T.heaviside(c, c)
T.nextafter(i, i)
T.asinh(i)
T.asinh(c)
T.asinh(b)
T.acosh(c)
T.arctanh(x / 4)
i.clone().asinh_()
T.xlogy(c, c)
T.xlogy(1., 2.)
T.xlogy(2., x)
T.xlogy(i, 2)
T.sinc(c)
x.__rdiv__(2)
x.__rdiv__(x)
i.__rdiv__(2)
x.__rmatmul__(x)
x.clone().__idiv__(2.)
x.__div__(2)
list(reversed(x))
x.clone().apply_(lambda v: v + 1)
x.clone().map_(x, lambda a, b: a + b)
x.requires_grad_().apply_(abs)
""".strip().splitlines()


def outcome(call: str, space: object) -> object:
    """The value of a call, or the type of its error and the first words of its message."""
    names = {
        "T": space,
        "x": space.tensor([1.0, 2.0]),
        "c": space.tensor([1j, 2.0]),
        "i": space.tensor([3, 2]),
        "z": space.tensor([0, 1]),
        "b": space.tensor([True, False]),
    }
    try:
        return eval(call, names)
    except Exception as error:
        return type(error).__name__


def plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if hasattr(value, "detach"):
        return str(value.dtype), value.detach().cpu().numpy()
    return value


@pytest.mark.parametrize("call", CALLS)
def test_same_value_or_same_error(call):
    mine, theirs = plain(outcome(call, nnlite)), plain(outcome(call, torch))
    for one, other in zip(flat(mine), flat(theirs), strict=True):
        if isinstance(other, np.ndarray):
            np.testing.assert_allclose(one, other, rtol=2e-6, atol=1e-7)
        else:
            assert one == other


def flat(value: object) -> list[object]:
    return [leaf for part in value for leaf in flat(part)] if isinstance(value, list | tuple) else [value]
