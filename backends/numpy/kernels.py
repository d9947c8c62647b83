"""Kernels that beat the generic bodies on the CPU. Each says by how much, and on what."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import Override, kernel

OVERRIDES: dict[str, Override] = {}

_FLOAT32 = np.dtype(np.float32)
_ZERO = np.zeros((), np.float32)


@kernel("relu", table=OVERRIDES)
def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0). A kept 0-d zero in place of Python's 0, which NumPy converts anew at each call: on ten float32, 0.4 us
    in place of 0.8."""
    return np.maximum(x, _ZERO if x.dtype is _FLOAT32 else 0)


@kernel("matmul", table=OVERRIDES)
def matmul(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x @ y. For two matrices ``dot`` calls the same BLAS routine with less ado: 0.4 us in place of 1.0 for 3x3."""
    out = x.dot(y) if x.ndim == 2 and y.ndim == 2 else np.matmul(x, y)
    return out if out.dtype is x.dtype else out.astype(x.dtype)


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


@kernel("sum", table=OVERRIDES)
def total(x: np.ndarray, *, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    """The sum over axes; without the look-ups of the generic body (0.2 us of 1.1)."""
    if x.dtype.itemsize != 2:
        return _add_reduce(x, axis, None, None, keepdims)
    return np.sum(x, axis=axis, keepdims=keepdims, dtype=np.float32).astype(x.dtype)


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
