"""The array namespace of the CPU: NumPy's functions, and the few that NumPy lacks or spells differently."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided as _numpy_as_strided

from .blocks import each_block
from .fourier import Fourier
from .linear_algebra import LinearAlgebra
from .positions import scatter_add, set_at
from .products import matmul
from .threads import count, share

# Coefficients of W. J. Cody, "Rational Chebyshev approximations for the error function",
# Mathematics of Computation 23 (1969), 631-637; relative error below 1e-16 in float64.
_SMALL_P = (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
            3.20937758913846947e3)  # fmt: skip
_SMALL_Q = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_MIDDLE_P = (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
             2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
             1.23033935479799725e3)  # fmt: skip
_MIDDLE_Q = (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
             3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3)  # fmt: skip


def _rational(z: np.ndarray, p: tuple[float, ...], q: tuple[float, ...]) -> np.ndarray:
    top = np.full_like(z, p[0])
    bottom = np.full_like(z, q[0])
    for a, b in zip(p[1:], q[1:], strict=True):
        top *= z
        top += a
        bottom *= z
        bottom += b
    top /= bottom
    return top


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, in the dtype of ``x``."""
    x = np.asarray(x)
    work = np.float32 if x.dtype.itemsize <= 4 else np.float64
    magnitude = np.abs(x.astype(work))
    # Beyond 4 the middle range's formula stays within an ulp of 1, so a third range is not needed for erf itself.
    near = magnitude <= 0.5
    z = np.where(near, magnitude, work(0))
    small = z * _rational(z * z, _SMALL_P, _SMALL_Q)
    y = np.clip(magnitude, work(0.46875), work(6))
    large = 1 - np.exp(-y * y) * _rational(y, _MIDDLE_P, _MIDDLE_Q)
    out = np.copysign(np.where(near, small, large), x)
    return np.where(np.isnan(x), x, out).astype(x.dtype, copy=False)


def as_strided(x: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
    """A view of ``x`` with these sizes and strides in bytes, starting at its first element."""
    return _numpy_as_strided(x, shape, strides)


_stream = threading.local()
"""A bit generator for each thread, set to a place of a stream before each use (3 us; making one takes 19)."""


def _new_stream() -> tuple[Any, Any]:
    """Made at the first use in a thread: NumPy loads its random numbers then (20 ms)."""
    _stream.source = np.random.Philox(key=0, counter=0)
    _stream.state = _stream.source.state
    return _stream.source, _stream.state


_SHARED = 1 << 16
"""Random words from which on threads draw some each."""


def random_bits(seed: int, counter: int, n: int, like: Any = None) -> np.ndarray:
    """``n`` words of 32 random bits: NumPy's Philox 4x64-10, key ``seed``, from the block after ``counter`` on."""
    if n < _SHARED or count() == 1:
        return _bits(seed, counter, n)
    blocks = -(-n // 8)
    out: np.ndarray = np.empty(8 * blocks, np.uint32)

    def body(start: int, stop: int) -> None:
        out[8 * start : 8 * stop] = _bits(seed, counter + start, 8 * (stop - start))

    share(blocks, body)
    return out[:n]


def _bits(seed: int, counter: int, n: int) -> np.ndarray:
    try:
        source, state = _stream.source, _stream.state
    except AttributeError:
        source, state = _new_stream()
    inner = state["state"]
    inner["key"][0] = seed
    inner["counter"][0] = counter
    source.state = state
    words: np.ndarray = source.random_raw((n + 1) // 2).view(np.uint32)[:n]
    return words


def _reduction(ufunc: np.ufunc) -> Any:
    """A reduction. Not NumPy's Python function: what that computes with inf is reported as a warning in NumPy's own
    file, where nnlite cannot silence it without silencing it for the user too."""
    reduce: Any = ufunc.reduce

    def function(x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        return reduce(x, axis, dtype, None, keepdims)

    return staticmethod(function)


def cumsum(x: Any, axis: int, dtype: Any = None) -> np.ndarray:
    """The running sum along an axis."""
    return np.add.accumulate(x, axis, dtype)


class Namespace:
    """NumPy, with this module's functions in addition. A name is looked up once and kept."""

    # Operations that work through an array in blocks make temporary arrays of this size, so that they stay in the
    # cache.
    cache_bytes = 1 << 20

    as_strided = staticmethod(as_strided)
    each_block = staticmethod(each_block)
    erf = staticmethod(erf)
    linalg = LinearAlgebra()
    fft = Fourier()
    matmul = staticmethod(matmul)
    random_bits = staticmethod(random_bits)
    scatter_add = staticmethod(scatter_add)
    set_at = staticmethod(set_at)
    share = staticmethod(share)
    sum = _reduction(np.add)
    prod = _reduction(np.multiply)
    max = _reduction(np.maximum)
    min = _reduction(np.minimum)
    any = _reduction(np.logical_or)
    all = _reduction(np.logical_and)
    cumsum = staticmethod(cumsum)

    def __getattr__(self, name: str) -> Any:
        value = getattr(np, name)
        setattr(self, name, value)
        return value


xp = Namespace()
