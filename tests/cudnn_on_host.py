"""cuDNN's wrappers over its stand-in, on arrays of the strict device."""

from __future__ import annotations

import numpy as np

import nnlite
from nnlite.backends import backend_for
from nnlite.backends.cupy.cudnn import library
from nnlite.backends.cupy.overrides import OVERRIDES
from nnlite.backends.kernels import GENERIC
from nnlite.backends.strict import StrictArray

strict = backend_for("strict")


class OnHost(library.Library):
    """cuDNN's stand-in for arrays of the strict device; plans take the times that are given."""

    array_type = StrictArray

    def __init__(self, frontend, times=()):
        self.frontend = frontend
        self.version = frontend.backend_version()
        self.times = dict(times)
        self.measured = []
        self.current = 0

    def device(self):
        return self.current

    def handle(self):
        return 42

    def can_measure(self):
        return self.times is not None

    def measure(self, run):
        run()
        name = self.frontend.setting.ran[-1][1]
        self.measured.append(name)
        return self.times[name]


class Gpu:
    """Arrays for a wrapper; ``allowed`` bytes at most for one array of bytes."""

    def __init__(self, allowed=None):
        self.allowed = allowed
        self.xp = self

    def __getattr__(self, name):
        return getattr(strict.xp, name)

    def empty(self, shape, dtype="float64"):
        if dtype == "uint8" and self.allowed is not None and shape > self.allowed:
            raise MemoryError(f"{shape} bytes")
        return strict.xp.empty(shape, dtype)


def normal(*shape, dtype="float32", seed=0):
    return strict.from_host(np.random.default_rng(seed).standard_normal(shape).astype(nnlite_dtype(dtype)))


def nnlite_dtype(name):
    return getattr(nnlite, name).np


def channels_last(a):
    axes = (0, *range(2, a.ndim), 1)
    back = (0, a.ndim - 1, *range(1, a.ndim - 1))
    return strict.xp.ascontiguousarray(a.transpose(axes)).transpose(back)


TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "float16": 4e-3, "bfloat16": 4e-2}


def close(got, expected):
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    tolerance = TOLERANCE[expected.dtype.name]
    expected = expected.get().astype(np.float64)
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(got.get().astype(np.float64) / scale, expected / scale, rtol=tolerance, atol=tolerance)


def both(name, *arrays, gpu=None, **attributes):
    """What cuDNN's wrapper and the generic body compute; the condition has to be true."""
    override = OVERRIDES[name]
    assert override.when(*arrays, **attributes)
    return override.function(gpu or Gpu(), *arrays, **attributes), GENERIC[name](strict.xp, *arrays, **attributes)


TAKEN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}


def takes(x=None, weight=None, bias=None, **geometry):
    x = normal(2, 3, 5, 5) if x is None else x
    weight = normal(4, 3, 3, 3) if weight is None else weight
    return OVERRIDES["convolution"].when(x, weight, bias, **{**TAKEN, **geometry})
