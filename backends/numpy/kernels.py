"""Kernels that beat the generic bodies on the CPU. Each says by how much, and on what."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import Override, kernel
from . import products
from .blocks import each_block
from .threads import share

OVERRIDES: dict[str, Override] = {}

_FLOAT32 = np.dtype(np.float32)
_ZERO = np.zeros((), np.float32)

_SHARED, _GRAIN = 1 << 18, 1 << 17
"""Numbers from which on one pass over an array is shared out, and those worth a thread."""


@kernel("relu", table=OVERRIDES)
def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0). A kept 0-d zero in place of Python's 0, which NumPy converts anew at each call: on ten float32, 0.4 us
    in place of 0.8."""
    if x.dtype is _FLOAT32:
        return np.maximum(x, _ZERO) if x.size < _SHARED or not x.flags.c_contiguous else _large_relu(x)
    if x.dtype.kind == "c":
        raise NotImplementedError("relu is not supported for complex types (apply it to .real and .imag)")
    return np.maximum(x, 0)


def _is_flat(x: np.ndarray) -> bool:
    return x.dtype is _FLOAT32 and x.flags.c_contiguous


def _large_relu(x: np.ndarray) -> np.ndarray:
    out = np.empty(x.shape, np.float32)
    source, target = x.reshape(-1), out.reshape(-1)
    share(x.size, lambda a, b: np.maximum(source[a:b], _ZERO, out=target[a:b]), _GRAIN)
    return out


@kernel("matmul", table=OVERRIDES)
def matmul(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x @ y; see `products.py`."""
    out = products.matmul(x, y)
    return out if out.dtype is x.dtype else out.astype(x.dtype)


@kernel("linear", table=OVERRIDES)
def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """x A^T + b, where the threads that share out the product add the bias."""
    rows = x if x.ndim == 2 else x.reshape(-1 if x.size else 0, x.shape[-1])
    out = products.affine(rows, weight.T, bias)
    if out.dtype is not x.dtype:
        out = out.astype(x.dtype)
    return out if x.ndim == 2 else out.reshape(*x.shape[:-1], weight.shape[0])


_CUBES = (3, -2)


def _is_cube(x: Any, y: Any) -> bool:
    return type(y) in (int, float) and y in _CUBES and type(x) is np.ndarray and x.dtype.kind == "f"


@kernel("pow", table=OVERRIDES, when=_is_cube)
def power(x: np.ndarray, y: float) -> np.ndarray:
    """x^3 and x^-2 by products: 1 ms for a million float32 where NumPy's ``power`` takes 70."""
    out = x * x
    if y != 3:
        return np.reciprocal(out)
    out *= x
    return out


_SMALL = 1024


@kernel("spread", table=OVERRIDES)
def spread(x: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
    """``x`` repeated to a shape. A small array is filled (0.4 us), where ``broadcast_to`` takes 3 us to make a view."""
    size = 1
    for n in shape:
        size *= n
    if size > _SMALL:
        return np.broadcast_to(x, shape)
    out = np.empty(shape, x.dtype)
    out[...] = x
    return out


_add_reduce: Any = np.add.reduce


_COLUMNS, _FEWEST, _LONGEST = 1 << 11, 8, 1 << 16
"""Numbers and columns from which on, and rows up to which, the columns of a matrix are summed up by BLAS. One column is
summed up more precisely by NumPy, in pairs."""


def _is_table(x: np.ndarray) -> bool:
    return x.ndim == 2 and x.dtype is _FLOAT32 and x.flags.c_contiguous and len(x) <= _LONGEST and x.shape[1] >= _FEWEST


def _sum_of_images(x: np.ndarray) -> np.ndarray:
    """The sum over the first axis, whose other numbers are shared out to threads."""
    rows = x.reshape(len(x), -1)
    out = np.empty(rows.shape[1], x.dtype)
    share(len(out), lambda a, b: _add_reduce(rows[:, a:b], 0, None, out[a:b]), -(-_GRAIN // len(x)))
    return out


@kernel("sum", table=OVERRIDES)
def total(x: np.ndarray, *, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    """The sum over axes; without the look-ups of the generic body (0.2 us of 1.1)."""
    if axis == (0,) and x.size >= _COLUMNS:
        if _is_table(x):
            sums = products.column_sums(x)
            return sums.reshape(1, -1) if keepdims else sums
        if x.size >= _SHARED and x.ndim > 2 and _is_flat(x):
            return _sum_of_images(x).reshape((1, *x.shape[1:]) if keepdims else x.shape[1:])
    if x.dtype.itemsize != 2:
        return _add_reduce(x, axis, None, None, keepdims)
    return _add_reduce(x, axis, np.float32, None, keepdims).astype(x.dtype)


def _is_vector(x: Any, *, axis: Any, keepdims: bool) -> bool:
    return axis is None and not keepdims and x.dtype in (np.float32, np.float64) and x.flags.c_contiguous


@kernel("norm2", table=OVERRIDES, when=_is_vector)
def norm2(x: np.ndarray, *, axis: None, keepdims: bool) -> Any:
    """The square root of the sum of squares of all, by BLAS: 0.2 ms for a million float32 in place of 1.3."""
    flat = x.reshape(-1)
    return np.sqrt(products.dot(flat, flat))


_BITS: dict[Any, Any] = {np.dtype(np.float32): np.dtype(np.int32), np.dtype(np.float64): np.dtype(np.int64)}


@kernel("zero_where", table=OVERRIDES)
def zero_where(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """``x``, and 0 where the mask is true. The bits are cleared: ``where`` branches at each element, which takes 640 us
    for 100,000 float32 at random against 45."""
    if x.shape != mask.shape or not x.ndim:
        return np.where(mask, np.zeros((), x.dtype), x)
    if x.size > _SMALL and x.dtype in _BITS and x.flags.c_contiguous and mask.flags.c_contiguous:
        kept = np.subtract(mask.view(np.int8), 1, dtype=np.int8).astype(_BITS[x.dtype])
        kept &= x.view(kept.dtype)
        return kept.view(x.dtype)
    out = x.copy()
    np.putmask(out, mask, 0)
    return out


@kernel("relu_backward", table=OVERRIDES)
def relu_backward(g: np.ndarray, out: np.ndarray) -> np.ndarray:
    """The gradient where the result is not 0; without a look into the table (0.3 us). A million numbers go block by
    block, from one pass to the next in the cache, and to several threads."""
    if out.size < _SHARED or not (_is_flat(g) and _is_flat(out) and g.shape == out.shape):
        return zero_where(g, np.less_equal(out, _ZERO if out.dtype is _FLOAT32 else 0))
    result = np.empty(g.shape, np.float32)
    source, up, target = out.reshape(-1), g.reshape(-1).view(np.int32), result.reshape(-1).view(np.int32)

    def body(part: slice) -> None:
        zero = np.less_equal(source[part], 0).view(np.int8)
        np.bitwise_and(np.subtract(zero, 1, dtype=np.int8).astype(np.int32), up[part], target[part])

    each_block(out.size, body, _GRAIN)
    return result


@kernel("where", table=OVERRIDES)
def where(condition: np.ndarray, x: Any, y: Any) -> np.ndarray:
    """``x`` where the condition is true, ``y`` elsewhere. The bits are chosen: ``where`` branches at each element,
    which takes 0.9 ms for 65,536 float32 at random against 0.2."""
    if type(x) is np.ndarray and type(y) is np.ndarray and x.dtype is y.dtype and x.size > _SMALL and x.dtype in _BITS:
        same = x.shape == y.shape == condition.shape and condition.dtype.kind == "b"
        if same and x.flags.c_contiguous and y.flags.c_contiguous and condition.flags.c_contiguous:
            bits = _BITS[x.dtype]
            out = np.negative(condition.view(np.int8)).astype(bits)
            mine, other = x.view(bits), y.view(bits)
            out &= mine ^ other
            out ^= other
            return out.view(x.dtype)
    return np.where(condition, x, y)


# A rational function of z = x^2 near erf(x / sqrt 2) / x for z <= 30.8, where erf is 1 in float32: a least squares fit,
# weights raised where the error is largest, until the largest relative error was 2.3e-9.
_ERF_END = 5.55
_ERF_TOP = (1.45480815e-07, 1.79255633e-05, 0.00037069177, 0.00982503406, 0.0680421252, 0.797884563)
_ERF_BELOW = (3.88629657e-09, 2.22112319e-06, 8.79520942e-05, 0.00202643244, 0.0293045224, 0.251944868, 1.0)


def _erf_of_root(x: np.ndarray) -> np.ndarray:
    """erf(x / sqrt 2) for float32."""
    near = np.minimum(np.maximum(x, -_ERF_END), _ERF_END)
    z = near * near
    top, below = z * _ERF_TOP[0], z * _ERF_BELOW[0]
    for part, coefficients in ((top, _ERF_TOP[1:]), (below, _ERF_BELOW[1:])):
        part += coefficients[0]
        for c in coefficients[1:]:
            part *= z
            part += c
    top *= near
    top /= below
    return top


_BLOCK = 1 << 14


def _takes_erf(x: np.ndarray) -> bool:
    return x.dtype is _FLOAT32 and x.ndim > 0 and x.flags.c_contiguous


@kernel("erf", table=OVERRIDES, when=_takes_erf)
def erf(x: np.ndarray) -> np.ndarray:
    """The error function. A rational function to 2e-7 in blocks that stay in the cache: 4 ms for a million
    in place of 50."""
    out: np.ndarray = np.empty(x.shape, np.float32)
    source, target = x.reshape(-1), out.reshape(-1)
    for start in range(0, x.size, _BLOCK):
        part = _erf_of_root(source[start : start + _BLOCK] * np.float32(2**0.5))
        np.minimum(np.maximum(part, -1, out=part), 1, out=target[start : start + _BLOCK])
    return out
