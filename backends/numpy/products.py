"""Products of matrices, shared out to threads of ours.

BLAS has threads of its own, which go on looking for work for milliseconds after each product and so take a processor
(or half of one) from whatever comes next. Here BLAS multiplies with one thread, and large products are cut in parts.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy as np

from .threads import alone, count, share

_BLAS_SHARES = 1 << 18
"""Multiplications from which on BLAS would use its threads for matrices."""

_BLAS_SHARES_VECTORS = 9216
"""The same where one of the operands is a vector."""

_WORTH_SHARING = 1 << 22
"""Multiplications from which on a second thread pays: 0.1 ms of work."""

fast: Any = None
"""A product of float32 matrices by compiled code, which returns None for what it does not take; set by
``compiled/products.py``."""

fast_from = sys.maxsize
"""Multiplications from which on that is asked."""


fast_vector: Any = None
"""The same for a product of a vector and a matrix, with a bias or None."""

fast_vector_from = sys.maxsize
"""Multiplications from which on that is asked."""


def matmul(x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """``numpy.matmul``."""
    if x.ndim != 2 or y.ndim != 2:
        if x.ndim >= 3 and y.ndim >= 3 and x.size * y.shape[-1] > _BLAS_SHARES and count() > 1:
            return _batch(x, y, out)
        return np.matmul(x, y, out) if out is not None else np.matmul(x, y)
    work = x.size * y.shape[1]
    if work >= fast_from:
        made: np.ndarray | None = fast(x, y, out)
        if made is not None:
            return made
    return _by_blas(x, y, out, None, work)


def affine(x: np.ndarray, y: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """``x @ y + bias`` of matrices and a row. Each thread adds the bias to what it has computed."""
    if bias is None:
        return matmul(x, y)
    work = x.size * y.shape[1]
    if work >= fast_from:
        made: np.ndarray | None = fast(x, y, None, bias)
        if made is not None:
            return made
    return _by_blas(x, y, None, bias, work)


def _by_blas(x: np.ndarray, y: np.ndarray, out: np.ndarray | None, bias: np.ndarray | None, work: int) -> np.ndarray:
    """By BLAS, with one thread or shared out."""
    vector = x.shape[0] == 1 or y.shape[1] == 1
    if vector and fast_vector_from <= work < _WORTH_SHARING and out is None:
        found: np.ndarray | None = fast_vector(x, y, bias)
        if found is not None:
            return found
    if (
        work <= (_BLAS_SHARES_VECTORS if vector else _BLAS_SHARES)
        or count() == 1
        or x.dtype.kind not in "fc"
        or x.shape[1] != y.shape[0]
    ):
        # For two matrices ``dot`` calls the same routine with less ado: 0.4 us in place of 1.0 for 3x3.
        made = x.dot(y) if out is None else np.matmul(x, y, out)
    elif work < _WORTH_SHARING:
        with alone():
            made = x.dot(y) if out is None else np.matmul(x, y, out)
    else:
        return _shared(x, y, out, bias)
    if bias is not None:
        made += bias
    return made


def _shared(x: np.ndarray, y: np.ndarray, out: np.ndarray | None, bias: np.ndarray | None) -> np.ndarray:
    """Each thread has some rows or some columns of the result, whichever are more."""
    rows, columns = x.shape[0], y.shape[1]
    result = np.empty((rows, columns), np.result_type(x, y)) if out is None else out

    def body(start: int, stop: int) -> None:
        part = slice(start, stop)
        if rows >= columns:
            made = np.matmul(x[part], y, result[part])
        else:
            made = np.matmul(x, y[:, part], result[:, part])
        if bias is not None:
            made += bias if rows >= columns else bias[part]

    share(max(rows, columns), body, grain=16)
    return result


def column_sums(x: np.ndarray) -> np.ndarray:
    """The sums of the columns of a matrix, as a product with ones: 10 us for 1024x128 float32 in place of 33."""
    ones = _ones(len(x), x.dtype)
    if x.size <= _BLAS_SHARES_VECTORS or count() == 1:
        return ones.dot(x)
    with alone():
        return ones.dot(x)


@functools.lru_cache(8)
def _ones(size: int, dtype: np.dtype) -> np.ndarray:
    return np.ones(size, dtype)


def dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """``x.dot(y)`` of vectors."""
    if x.size <= _BLAS_SHARES_VECTORS or count() == 1:
        return x.dot(y)
    with alone():
        return x.dot(y)


def _batch(x: np.ndarray, y: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    """Many products: each thread takes some of the first axis, where both operands have it."""
    items = x.shape[0]
    if x.ndim != y.ndim or items != y.shape[0] or items < 2 or x.shape[-1] != y.shape[-2]:
        with alone():
            return np.matmul(x, y, out) if out is not None else np.matmul(x, y)
    if out is None:
        batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        out = np.empty((*batch, x.shape[-2], y.shape[-1]), np.result_type(x, y))
    result: Any = out
    share(items, lambda start, stop: np.matmul(x[start:stop], y[start:stop], result[start:stop]))
    return result
