"""LDL factors of symmetric and Hermitian matrices that need not be definite.

The factors and pivots are those of LAPACK's ``sytrf`` and ``hetrf`` for the lower triangle. Source: J. R. Bunch,
L. Kaufman, Some stable methods for calculating inertia and solving symmetric linear systems, Math. Comp. 31 (1977),
163-179. Each step serves the whole stack: matrices that take a 1 x 1 pivot, a 2 x 2 one, or are at the second column
of one are told apart by masks, so that nothing waits for the device.
"""

from __future__ import annotations

import math
from typing import Any

from ..._core.op import op
from ._elimination import stacked
from ._matrices import check, floating, matrices, named, results, same_dtype, square, swap, swap_conj, written

Factor = named("linalg_ldl_factor", "LD pivots")
FactorEx = named("linalg_ldl_factor_ex", "LD pivots info")

_ALPHA = (1 + math.sqrt(17)) / 8
"""Bounds the growth of elements most tightly (Bunch and Kaufman, section 3)."""


def _size(xp: Any, x: Any) -> Any:
    return xp.absolute(x.real) + xp.absolute(x.imag) if x.dtype.kind == "c" else xp.absolute(x)


def _choose(xp: Any, s: Any, k: int, each: Any, hermitian: bool) -> tuple[Any, Any, Any]:
    """For column k of each matrix the row to exchange, whether to take a 2 x 2 pivot, and whether all is zero."""
    n = s.shape[-1]
    here = _size(xp, s[:, k, k].real if hermitian else s[:, k, k])
    stay = xp.zeros(len(s), dtype="int64") + k
    if k + 1 == n:
        return stay, stay != k, here == 0
    below = _size(xp, s[:, k + 1 :, k])
    where = xp.argmax(below, axis=1) + (k + 1)
    largest = xp.max(below, axis=1)
    line = _size(xp, s[each, where, k:])
    line = xp.where(xp.arange(k, n) == where[:, None], xp.zeros((), line.dtype), line)
    longest = xp.max(line, axis=1)
    corner = s[each, where, where]
    corner = _size(xp, corner.real if hermitian else corner)
    none = xp.maximum(here, largest) == 0
    keep = none | (here >= _ALPHA * largest) | (here * longest >= _ALPHA * largest * largest)
    swap_one = ~keep & (corner >= _ALPHA * longest)
    return xp.where(keep, stay, where), ~keep & ~swap_one, none


def _exchange(s: Any, each: Any, i: Any, j: Any) -> None:
    """Exchange rows and columns i and j of each matrix."""
    rows = s[each, i]
    s[each, i] = s[each, j]
    s[each, j] = rows
    columns = s[each, :, i]
    s[each, :, i] = s[each, :, j]
    s[each, :, j] = columns


@op(outputs=3)
def _ldl_factor(xp: Any, x: Any, *, hermitian: bool) -> Any:
    flip = swap_conj if hermitian else swap
    lower = xp.tril(stacked(x))
    batch, n, _ = lower.shape
    s = lower + flip(xp.tril(lower, -1))
    if hermitian and x.dtype.kind == "c":
        s.imag[:, xp.arange(n), xp.arange(n)] = 0
    out = xp.zeros_like(s)
    pivots = xp.zeros((batch, n), dtype="int32")
    info = xp.zeros(batch, dtype="int32")
    each = xp.arange(batch)
    second = each < 0
    for k in range(n):
        where, two, none = _choose(xp, s, k, each, hermitian)
        two, one = two & ~second, ~two & ~second
        target = xp.where(second, k, where)
        _exchange(s, each, xp.where(two, min(k + 1, n - 1), k), target)
        info[...] = xp.where(one & none & (info == 0), k + 1, info)
        pivots[:, k] = xp.where(one, target + 1, xp.where(two, -target - 1, pivots[:, k]))
        if k + 1 < n:
            pivots[:, k + 1] = xp.where(two, -target - 1, pivots[:, k + 1])
        _one_by_one(xp, s, out, k, one, none, flip)
        if k + 1 < n:
            _two_by_two(xp, s, out, k, two, flip)
        second = two
    lead = x.shape[:-2]
    return out.reshape(x.shape), pivots.reshape(*lead, n), info.reshape(lead)


def _one_by_one(xp: Any, s: Any, out: Any, k: int, one: Any, none: Any, flip: Any) -> None:
    """Eliminate column k of the matrices in the mask."""
    top, column = s[:, k, k], s[:, k + 1 :, k]
    unit = xp.ones((), s.dtype)
    factors = column / xp.where(one & ~none, top, unit)[:, None]
    out[:, k, k] = xp.where(one, top, out[:, k, k])
    out[:, k + 1 :, k] = xp.where(one[:, None], factors, out[:, k + 1 :, k])
    factors = xp.where(one[:, None], factors, xp.zeros((), s.dtype))
    s[:, k + 1 :, k + 1 :] -= xp.matmul(factors[:, :, None], flip(column[:, :, None]))


def _two_by_two(xp: Any, s: Any, out: Any, k: int, two: Any, flip: Any) -> None:
    """Eliminate columns k and k + 1 of the matrices in the mask."""
    unit, zero = xp.ones((), s.dtype), xp.zeros((), s.dtype)
    mask = two[:, None]
    a, b, c = s[:, k, k], s[:, k + 1, k], s[:, k + 1, k + 1]
    over = s[:, k, k + 1]
    det = xp.where(two, a * c - b * over, unit)
    columns = s[:, k + 2 :, k : k + 2]
    left = (columns[:, :, 0] * c[:, None] - columns[:, :, 1] * b[:, None]) / det[:, None]
    right = (columns[:, :, 1] * a[:, None] - columns[:, :, 0] * over[:, None]) / det[:, None]
    out[:, k, k] = xp.where(two, a, out[:, k, k])
    out[:, k + 1, k] = xp.where(two, b, out[:, k + 1, k])
    out[:, k + 1, k + 1] = xp.where(two, c, out[:, k + 1, k + 1])
    out[:, k + 2 :, k] = xp.where(mask, left, out[:, k + 2 :, k])
    out[:, k + 2 :, k + 1] = xp.where(mask, right, out[:, k + 2 :, k + 1])
    left, right = xp.where(mask, left, zero), xp.where(mask, right, zero)
    factors = xp.stack([left, right], axis=-1)
    s[:, k + 2 :, k + 2 :] -= xp.matmul(factors, flip(columns))


# ---------------------------------------------------------------------------------------------------------------------
# Systems


def _first_of_pairs(pivots: Any) -> list[Any]:
    """For each column a mask of the matrices in which it is the first of a 2 x 2 pivot."""
    n = pivots.shape[-1]
    masks: list[Any] = []
    for k in range(n):
        negative = pivots[:, k] < 0
        masks.append(negative if not masks else negative & ~masks[-1])
    return masks


def _exchange_rows(x: Any, each: Any, i: Any, j: Any) -> None:
    rows = x[each, i]
    x[each, i] = x[each, j]
    x[each, j] = rows


@op()
def _ldl_solve(xp: Any, factors: Any, pivots: Any, b: Any, *, hermitian: bool) -> Any:
    batch_shape = xp.broadcast_shapes(factors.shape[:-2], b.shape[:-2])
    n, count = factors.shape[-1], b.shape[-1]
    ld = stacked(xp.broadcast_to(factors, (*batch_shape, n, n)))
    x = stacked(xp.broadcast_to(b, (*batch_shape, n, count))).copy()
    p = xp.broadcast_to(pivots, (*batch_shape, n)).reshape(len(ld), n)
    each = xp.arange(len(ld))
    first = _first_of_pairs(p)
    for k in range(n):
        _forward(xp, ld, x, p, k, first, each, hermitian)
    for k in reversed(range(n)):
        _backward(xp, ld, x, p, k, first, each, hermitian)
    return x.reshape(*batch_shape, n, count)


def _forward(xp: Any, ld: Any, x: Any, p: Any, k: int, first: list[Any], each: Any, hermitian: bool) -> None:
    """Step k of L D y = b: exchange, subtract, divide by the pivot."""
    n = ld.shape[-1]
    two = first[k]
    one = p[:, k] > 0
    unit, zero = xp.ones((), ld.dtype), xp.zeros((), ld.dtype)
    target = xp.where(one, p[:, k] - 1, xp.where(two, -p[:, k] - 1, k))
    _exchange_rows(x, each, xp.where(two, min(k + 1, n - 1), k), target)
    mask = one[:, None, None]
    lower = xp.where(one[:, None], ld[:, k + 1 :, k], zero)
    x[:, k + 1 :] -= lower[:, :, None] * x[:, k : k + 1]
    x[:, k : k + 1] /= xp.where(mask, ld[:, k : k + 1, k : k + 1], unit)
    if k + 1 == n:
        return
    both = two[:, None]
    for j in (k, k + 1):
        lower = xp.where(both, ld[:, k + 2 :, j], zero)
        x[:, k + 2 :] -= lower[:, :, None] * x[:, j : j + 1]
    a, b, c = ld[:, k, k], ld[:, k + 1, k], ld[:, k + 1, k + 1]
    over = b.conj() if hermitian and ld.dtype.kind == "c" else b
    det = xp.where(two, a * c - b * over, unit)[:, None]
    y, z = x[:, k], x[:, k + 1]
    up = xp.where(both, (c[:, None] * y - over[:, None] * z) / det, y)
    down = xp.where(both, (a[:, None] * z - b[:, None] * y) / det, z)
    x[:, k] = up
    x[:, k + 1] = down


def _backward(xp: Any, ld: Any, x: Any, p: Any, k: int, first: list[Any], each: Any, hermitian: bool) -> None:
    """Step k of L^T x = y (L^H): subtract, exchange back. A 2 x 2 pivot is done at its first column."""
    n = ld.shape[-1]
    one, two = p[:, k] > 0, first[k]
    zero = xp.zeros((), ld.dtype)
    columns = ld.conj() if hermitian and ld.dtype.kind == "c" else ld
    lower = xp.where(one[:, None], columns[:, k + 1 :, k], zero)
    x[:, k] -= xp.matmul(lower[:, None, :], x[:, k + 1 :])[:, 0]
    if k + 1 < n:
        for j in (k, k + 1):
            lower = xp.where(two[:, None], columns[:, k + 2 :, j], zero)
            x[:, j] -= xp.matmul(lower[:, None, :], x[:, k + 2 :])[:, 0]
    target = xp.where(one, p[:, k] - 1, xp.where(two, -p[:, k] - 1, k))
    _exchange_rows(x, each, xp.where(two, min(k + 1, n - 1), k), target)


# ---------------------------------------------------------------------------------------------------------------------
# Public functions


def ldl_factor_ex(A: Any, *, hermitian: bool = False, check_errors: bool = False, out: Any = None) -> Any:
    """L and D of A = L D L^T (L D L^H if ``hermitian``) in one matrix, the row exchanges, and the first zero pivot.

    D has blocks of 1 x 1 and 2 x 2; the pivots of a 2 x 2 block are negative. Only the lower triangle is read.

    Shape: (..., n, n) gives (..., n, n), (..., n) and (...).

    Raises:
        RuntimeError: the matrices are not square, or integers.
        LinAlgError: with ``check_errors`` there is a zero pivot.
    """
    name = "torch.linalg.ldl_factor_ex"
    x = floating(name, square(name, A), "ldl_factor_kernel_cpu")
    values = _ldl_factor(x, hermitian=hermitian)
    if check_errors:
        check("torch.linalg.ldl_factor", values[2], "D[{0},{0}] is zero, so that ldl_solve would divide by it")
    return results(FactorEx, values, out)


def ldl_factor(A: Any, *, hermitian: bool = False, out: Any = None) -> Any:
    """L and D of A = L D L^T (L D L^H if ``hermitian``) in one matrix, and the row exchanges, for ``ldl_solve``.

    Raises:
        RuntimeError: the matrices are not square, or integers.
        LinAlgError: there is a zero pivot.

    Example:
        >>> import nnlite
        >>> A = nnlite.tensor([[0.0, 1.0], [1.0, 0.0]])
        >>> LD, pivots = nnlite.linalg.ldl_factor(A)
        >>> nnlite.linalg.ldl_solve(LD, pivots, nnlite.tensor([[1.0], [2.0]]))
        tensor([[2.],
                [1.]])
    """
    return results(Factor, ldl_factor_ex(A, hermitian=hermitian, check_errors=True)[:2], out)


def ldl_solve(LD: Any, pivots: Any, B: Any, *, hermitian: bool = False, out: Any = None) -> Any:
    """The solution X of A X = B from what :func:`nnlite.linalg.ldl_factor` gives for A.

    Shape: LD (..., n, n), pivots (..., n), B (..., n, k); stacks broadcast.

    Raises:
        RuntimeError: LD is not square, shapes do not fit, dtypes differ.
        IndexError: B has less than two dimensions.
    """
    name = "torch.linalg.ldl_solve"
    ld = floating(name, square(name, LD), "ldl_solve_kernel_cpu")
    if B._a.ndim < 2:
        raise IndexError(f"Dimension out of range (expected to be in range of [-1, 0], but got -2) ({name}: B has to "
                         "be a matrix)")  # fmt: skip
    matrices(name, B, "B")
    n = ld._a.shape[-1]
    rows, columns = B._a.shape[-2:]
    if n != rows:
        raise RuntimeError(f"Incompatible matrix sizes for {name}: each A matrix is {n} by {n} but each b matrix is "
                           f"{rows} by {columns}")  # fmt: skip
    same_dtype("Expected b and A to have the same dtype, but found b of type {} and A of type {} instead.", B, ld)
    if pivots._a.shape != ld._a.shape[:-1]:
        raise RuntimeError(f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
                           f"{list(pivots._a.shape)} instead")  # fmt: skip
    if pivots._a.dtype.kind not in "iu":
        raise RuntimeError(f"{name}: Expected pivots to be integers. Got {pivots.dtype}")
    return written(_ldl_solve(ld, pivots, B, hermitian=hermitian), out)
