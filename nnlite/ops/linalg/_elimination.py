"""Gaussian elimination, Cholesky factors and triangular systems as array expressions over a whole stack of matrices.

Array libraries offer ``solve`` and ``inv`` but not the factors inside them. The loops here go over rows or columns of a
block; all matrices of the stack and all elements of a row or a block are one array operation. They never raise and
never wait for the device: a second result tells where the factorisation broke down.

Source: G. H. Golub, C. F. Van Loan, Matrix Computations, 4th ed., sections 3.1, 3.4 and 4.2; ``info`` as in LAPACK.
"""

from __future__ import annotations

from typing import Any

from ._matrices import swap_conj

_BLOCK = 32
"""Columns that are eliminated one by one before the rest of the matrix is changed by one matrix product."""


def stacked(x: Any) -> Any:
    """(..., m, n) as (b, m, n)."""
    batch = 1
    for n in x.shape[:-2]:
        batch *= n
    return x.reshape(batch, *x.shape[-2:])


def substitute(xp: Any, a: Any, b: Any, *, upper: bool, unit: bool) -> Any:
    """The solution of triangular systems a x = b by substitution; the other triangle of ``a`` is not looked at.

    The stacks of ``a`` (..., n, n) and ``b`` (..., n, k) broadcast; a zero on the diagonal gives inf and nan.
    """
    n = a.shape[-1]
    batch = xp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = xp.array(xp.broadcast_to(b, (*batch, *b.shape[-2:])))
    if upper:  # solve from the last row on: the same rows, counted from the end
        a, y = a[..., ::-1, ::-1], x[..., ::-1, :]
    else:
        y = x
    for start in range(0, n, _BLOCK):
        end = min(start + _BLOCK, n)
        for i in range(start, end):
            if i > start:
                y[..., i, :] -= xp.matmul(a[..., i : i + 1, start:i], y[..., start:i, :])[..., 0, :]
            if not unit:
                y[..., i, :] /= a[..., i, i, None]
        if end < n:
            y[..., end:, :] -= xp.matmul(a[..., end:, start:end], y[..., start:end, :])
    return x


def eliminate(xp: Any, a: Any, pivot: bool = True) -> tuple[Any, Any, Any]:
    """LU factors of matrices (..., m, n) with row exchanges.

    Returns:
        Both factors in one array (the diagonal of L, of ones, is left out); for each column the row that was exchanged
        with it, counted from 1 (int32); and the first column with a zero pivot, counted from 1, 0 for none (int32).
    """
    x = xp.array(stacked(a))
    batch, m, n = x.shape
    size = min(m, n)
    pivots = xp.zeros((batch, size), dtype="int32")
    info = xp.zeros(batch, dtype="int32")
    each = xp.arange(batch)
    for start in range(0, size, _BLOCK):
        end = min(start + _BLOCK, size)
        for j in range(start, end):
            _eliminate_column(xp, x, j, end, pivots, info, each if pivot else None)
        if end < n:
            for i in range(start + 1, end):
                x[:, i, end:] -= xp.matmul(x[:, i : i + 1, start:i], x[:, start:i, end:])[:, 0]
            x[:, end:, end:] -= xp.matmul(x[:, end:, start:end], x[:, start:end, end:])
    lead = a.shape[:-2]
    return x.reshape(a.shape), pivots.reshape(*lead, size), info.reshape(lead)


def _eliminate_column(xp: Any, x: Any, j: int, end: int, pivots: Any, info: Any, each: Any) -> None:
    """Find the pivot of column j, exchange the rows, and subtract multiples of row j, up to column ``end``."""
    if each is None:
        pivots[:, j] = j + 1
    else:
        below = x[:, j:, j]
        sizes = xp.absolute(below.real) + xp.absolute(below.imag) if x.dtype.kind == "c" else xp.absolute(below)
        where = xp.argmax(sizes, axis=1) + j
        pivots[:, j] = where + 1
        rows = x[each, where]
        x[each, where] = x[:, j]
        x[:, j] = rows
    top = x[:, j, j]
    none = top == 0
    info[...] = xp.where(none & (info == 0), j + 1, info)
    x[:, j + 1 :, j] /= xp.where(none, xp.ones((), x.dtype), top)[:, None]
    x[:, j + 1 :, j + 1 : end] -= x[:, j + 1 :, j, None] * x[:, j, None, j + 1 : end]


def permutation(xp: Any, pivots: Any, m: int) -> Any:
    """The rows of the original matrix in the order in which the exchanges ``pivots`` (..., k) leave m rows."""
    flat = pivots.reshape(-1, pivots.shape[-1]) if pivots.size else pivots.reshape(_count(pivots), pivots.shape[-1])
    batch, size = flat.shape
    order = xp.broadcast_to(xp.arange(m), (batch, m)).copy()
    each = xp.arange(batch)
    for j in range(size):
        where = flat[:, j] - 1
        rows = order[each, where]
        order[each, where] = order[:, j]
        order[:, j] = rows
    return order.reshape(*pivots.shape[:-1], m)


def _count(pivots: Any) -> int:
    out = 1
    for n in pivots.shape[:-1]:
        out *= n
    return out


def cholesky_steps(xp: Any, a: Any) -> tuple[Any, Any]:
    """The lower Cholesky factor of each matrix, and the order of the first leading minor that is not positive (int32).

    The factor of a matrix without one means nothing from the column on where it broke down.
    """
    x = xp.tril(stacked(a))
    batch, n, _ = x.shape
    info = xp.zeros(batch, dtype="int32")
    for j in range(n):
        if j:
            x[:, j:, j] -= xp.matmul(x[:, j:, :j], swap_conj(x[:, j : j + 1, :j]))[:, :, 0]
        top = x[:, j, j].real
        going = info == 0
        good = top > 0
        info[...] = xp.where(going & ~good, j + 1, info)
        root = xp.sqrt(xp.where(good, top, xp.ones((), top.dtype)))
        x[:, j, j] = xp.where(good & going, root, x[:, j, j])
        x[:, j + 1 :, j] /= xp.where(good & going, root, xp.ones((), top.dtype))[:, None]
    return x.reshape(a.shape), info.reshape(a.shape[:-2])
