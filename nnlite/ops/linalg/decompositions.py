"""Triangular factors of matrices: Cholesky, LU and QR.

The gradients follow I. Murray, Differentiation of the Cholesky decomposition (2016), and M. Seeger et al.,
Auto-differentiating linear algebra (2017), with the conventions that PyTorch has for wide and complex matrices.
"""

from __future__ import annotations

from typing import Any

from ..._core.op import TensorBase, op, unbroadcast
from ..._core.tensor_base import wrap
from ...backends import backend_of
from .._public import public
from ._elimination import cholesky_steps, eliminate, permutation, substitute
from ._matrices import (
    adjoint,
    check,
    floating,
    matrices,
    named,
    results,
    same_dtype,
    square,
    swap_conj,
    tensor,
    written,
)
from .matmul import matmul
from .solvers import _solve_triangular, check_pair, mh, permute_last

CholeskyEx = named("linalg_cholesky_ex", "L info")
LU = named("linalg_lu", "P L U")
LUFactor = named("linalg_lu_factor", "LU pivots")
LUFactorEx = named("linalg_lu_factor_ex", "LU pivots info")
Unpacked = named("lu_unpack", "P L U")
QR = named("linalg_qr", "Q R")
OldQR = named("qr", "Q R")


def identity(like: Any, n: int) -> Any:
    """The identity matrix as an array or a tensor, as ``like`` is one."""
    array = getattr(like, "_a", like)
    eye = backend_of(array).xp.eye(n, dtype=array.dtype)
    return wrap(eye) if isinstance(like, TensorBase) else eye


def halved_triangle(f: Any, x: Any, upper: bool) -> Any:
    """One triangle of a matrix with half of the diagonal."""
    return f.triangle(x, diagonal=1 if upper else -1, upper=upper) + 0.5 * only_diagonal(f, x)


def only_diagonal(f: Any, x: Any) -> Any:
    """The matrix with zeros beside the diagonal, also where it is infinite."""
    return f.triangle(f.triangle(x, diagonal=0, upper=True), diagonal=0, upper=False)


def right_triangular(f: Any, x: Any, a: Any, upper: bool, unit: bool = False) -> Any:
    """x A^-H for triangular A."""
    return adjoint(f, f.solve_triangular(a, adjoint(f, x), upper=upper, unit=unit))


# ---------------------------------------------------------------------------------------------------------------------
# Cholesky


@op(outputs=2, saves=("out0",), title="LinalgCholeskyExBackward0")
def _cholesky(xp: Any, x: Any, *, upper: bool) -> Any:
    """The factor, and the order of the first leading minor that is not positive."""
    out, info = _lower_factor(xp, swap_conj(x) if upper else x)
    return swap_conj(out) if upper else out, info


def _lower_factor(xp: Any, x: Any) -> tuple[Any, Any]:
    try:
        out = xp.linalg.cholesky(x)
    except xp.linalg.LinAlgError:
        return cholesky_steps(xp, x)
    n = x.shape[-1]
    if not n:
        return out, xp.zeros(x.shape[:-2], dtype="int32")
    bad = ~(out.diagonal(0, -2, -1).real > 0)  # some libraries go on where a number is nan
    return out, xp.where(xp.any(bad, axis=-1), xp.argmax(bad, axis=-1) + 1, 0).astype("int32")


@_cholesky.vjp
def _(f: Any, g: Any, node: Any, out: Any) -> tuple[Any, ...]:
    g = g[0]
    if node.attrs["upper"]:
        g, out = adjoint(f, g), adjoint(f, out)
    inner = f.matmul(adjoint(f, out), g)
    half = f.triangle(inner, diagonal=-1, upper=False)
    inner = 0.5 * (half + only_diagonal(f, inner) + adjoint(f, half))
    inner = f.solve_triangular(adjoint(f, out), inner, upper=True, unit=False)
    return (adjoint(f, f.solve_triangular(adjoint(f, out), adjoint(f, inner), upper=True, unit=False)),)


_NOT_POSITIVE = ("The factorization could not be completed because the input is not positive-definite (the leading "
                 "minor of order {} is not positive-definite).")  # fmt: skip


def _cholesky_factor(name: str, input: Any, upper: bool, kernel: str, check_errors: bool) -> tuple[Any, Any]:
    x = floating(name, square(name, input), kernel)
    factor, info = _cholesky(x, upper=upper)
    if check_errors:
        check(name, info, _NOT_POSITIVE)
    return factor, info


def linalg_cholesky_ex(A: Any, *, upper: bool = False, check_errors: bool = False, out: Any = None) -> Any:
    """The Cholesky factor of each matrix, and the order of its first leading minor that is not positive (0 if none).

    Where the latter is not 0 the factor means nothing.

    Shape: (..., n, n) gives (..., n, n) and (...).

    Raises:
        LinAlgError: with ``check_errors`` a matrix is not positive-definite.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.cholesky_ex(-nnlite.eye(2)).info
        tensor(1, dtype=torch.int32)
    """
    return results(CholeskyEx, _cholesky_factor("linalg.cholesky", A, upper, "cholesky_cpu", check_errors), out)


def linalg_cholesky(A: Any, *, upper: bool = False, out: Any = None) -> Any:
    """The lower triangular L with L L^H = A (the upper U with U^H U = A), of which one triangle is read.

    Shape: (..., n, n) gives (..., n, n).

    Raises:
        RuntimeError: the matrices are not square, or integers.
        LinAlgError: a matrix is not positive-definite.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.cholesky(nnlite.tensor([[4.0, 2.0], [2.0, 2.0]]))
        tensor([[2., 0.],
                [1., 1.]])
    """
    return written(_cholesky_factor("linalg.cholesky", A, upper, "cholesky_cpu", True)[0], out)


@public
def cholesky(input: Any, upper: bool = False, *, out: Any = None) -> Any:
    """The Cholesky factor of positive-definite matrices; see :func:`nnlite.linalg.cholesky`."""
    return written(_cholesky_factor("cholesky", input, upper, "!cholesky_cpu", True)[0], out)


@op(saves=("x", "out"))
def _cholesky_inverse(xp: Any, x: Any, *, upper: bool) -> Any:
    eye = xp.eye(x.shape[-1], dtype=x.dtype)
    inverse = substitute(xp, swap_conj(x) if upper else x, eye, upper=False, unit=False)
    return xp.matmul(swap_conj(inverse), inverse)


@_cholesky_inverse.vjp
def _(f: Any, g: Any, node: Any, x: Any, out: Any) -> tuple[Any, ...]:
    both = f.matmul(out, f.matmul(g + adjoint(f, g), out))
    return (-f.matmul(x, both) if node.attrs["upper"] else -f.matmul(both, x),)


@public
def cholesky_inverse(L: Any, upper: bool = False, *, out: Any = None) -> Any:
    """The inverse of L L^H (of U^H U with ``upper``) for a triangular factor, of which the other half is not read.

    Raises:
        RuntimeError: the matrices are not square, or integers.
        LinAlgError: there is a zero on the diagonal.
    """
    name = "cholesky_inverse"
    x = floating(name, square(name, L), "!cholesky_inverse_out_cpu")
    zero = x._a.diagonal(0, -2, -1) == 0
    xp = backend_of(x._a).xp
    if x._a.shape[-1]:
        info = xp.where(xp.any(zero, axis=-1), xp.argmax(zero, axis=-1) + 1, 0)
        check(name, wrap(xp.asarray(info)), "The diagonal element {} is zero, the inversion could not be completed "
              "because the input matrix is singular.")  # fmt: skip
    return written(_cholesky_inverse(x, upper=upper), out)


@op(saves=("b", "a", "out"))
def _cholesky_solve(xp: Any, b: Any, a: Any, *, upper: bool) -> Any:
    lower = swap_conj(a) if upper else a
    half = substitute(xp, lower, b, upper=False, unit=False)
    return substitute(xp, swap_conj(lower), half, upper=True, unit=False)


@_cholesky_solve.vjp
def _(f: Any, g: Any, node: Any, b: Any, a: Any, out: Any) -> tuple[Any, ...]:
    bn, an = node.edges
    upper = node.attrs["upper"]
    gb = f.cholesky_solve(g, a, upper=upper)
    ga = None
    if an is not None:
        both = f.matmul(gb, adjoint(f, out))
        both = both + adjoint(f, both)
        ga = unbroadcast(f, -f.matmul(a, both) if upper else -f.matmul(both, a), node.shapes[1])
    return None if bn is None else unbroadcast(f, gb, node.shapes[0]), ga


@public
def cholesky_solve(input: Any, L: Any, upper: bool = False, *, out: Any = None) -> Any:
    """The solution X of L L^H X = ``input`` (of U^H U X = ``input`` with ``upper``) for a triangular factor.

    Shape: input (..., n, k) and L (..., n, n); stacks broadcast.

    Raises:
        RuntimeError: L is not square, shapes do not fit, dtypes differ.
    """
    if input._a.ndim < 2:
        raise RuntimeError(f"b should have at least 2 dimensions, but has {input._a.ndim} dimensions instead")
    if L._a.ndim < 2:
        raise RuntimeError(f"u should have at least 2 dimensions, but has {L._a.ndim} dimensions instead")
    check_pair("cholesky_solve", input, L, "b should have at least 2 dimensions, but has {} dimensions instead")
    floating("cholesky_solve", L, "!cholesky_solve_cpu")
    return written(_cholesky_solve(input, L, upper=upper), out)


# ---------------------------------------------------------------------------------------------------------------------
# LU


@op(outputs=3, saves=("out0", "out1"), title="LinalgLuFactorExBackward0")
def _lu_factor(xp: Any, x: Any, *, pivot: bool) -> Any:
    return eliminate(xp, x, pivot)


@_lu_factor.vjp
def _(f: Any, g: Any, node: Any, lu: Any, pivots: Any) -> tuple[Any, ...]:
    g = g[0]
    m, n = lu.shape[-2:]
    k = min(m, n)
    square_lu = lu[..., :k, :k]
    lower = f.triangle(square_lu, diagonal=-1, upper=False) + identity(lu, k)
    g_lower = f.triangle(g[..., :k, :k], diagonal=-1, upper=False)
    g_upper = f.triangle(g[..., :k, :k], diagonal=0, upper=True)
    rest = None
    if m > n:  # below the square, L2 = A2 U^-1
        rest = right_triangular(f, g[..., k:, :], square_lu, True)
        g_upper = g_upper - f.matmul(adjoint(f, lu[..., k:, :]), rest)
    elif m < n:  # right of the square, U2 = L^-1 A2
        rest = f.solve_triangular(adjoint(f, square_lu), g[..., :, k:], upper=True, unit=True)
        g_lower = g_lower - f.matmul(rest, adjoint(f, lu[..., :, k:]))
    upper = f.triangle(square_lu, diagonal=0, upper=True)
    inner = f.triangle(f.matmul(adjoint(f, lower), g_lower), diagonal=-1, upper=False) + f.triangle(
        f.matmul(g_upper, adjoint(f, upper)), diagonal=0, upper=True
    )
    inner = f.solve_triangular(adjoint(f, square_lu), inner, upper=True, unit=True)
    inner = right_triangular(f, inner, square_lu, True)
    if rest is not None:
        inner = f.concatenate(inner, rest, axis=len(lu.shape) - (2 if m > n else 1))
    return (f.matmul(f.row_exchanges(pivots, m=m, dtype=str(getattr(lu, "_a", lu).dtype)), inner),)


@op()
def _row_exchanges(xp: Any, pivots: Any, *, m: int, dtype: str) -> Any:
    """The permutation matrices P with A = P L U of the pivots of A's rows."""
    order = permutation(xp, pivots, m)
    return (order[..., None, :] == xp.arange(m)[:, None]).astype(dtype)


def _lu_input(name: str, A: Any) -> Any:
    if tensor(name, A)._a.ndim < 2:
        raise RuntimeError(f"{name}: Expected tensor with 2 or more dimensions. Got size: {list(A._a.shape)} instead")
    return floating(name, A, "!lu_cpu")


def lu_factor_ex(A: Any, *, pivot: bool = True, check_errors: bool = False, out: Any = None) -> Any:
    """LU factors in one matrix, the row exchanges, and for each matrix the number of the first zero pivot (0 if none).

    Row i was exchanged with row ``pivots[i] - 1``, one after the other.

    Shape: (..., m, n) gives (..., m, n), (..., min(m, n)) and (...).

    Raises:
        RuntimeError: with ``check_errors`` there is a zero pivot.
    """
    values = _lu_factor(_lu_input("torch.lu_factor", A), pivot=pivot)
    if check_errors:
        check("torch.linalg.lu_factor", values[2], _ZERO_PIVOT, RuntimeError)
    return results(LUFactorEx, values, out)


_ZERO_PIVOT = ("U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. If you still want to "
               "perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, "
               "pivot)")  # fmt: skip


def lu_factor(A: Any, *, pivot: bool = True, out: Any = None) -> Any:
    """LU factors in one matrix and the row exchanges, as ``lu_solve`` and ``lu_unpack`` take them.

    Raises:
        RuntimeError: the tensor is no matrix, or of integers, or a pivot is zero.

    Example:
        >>> import nnlite
        >>> LU, pivots = nnlite.linalg.lu_factor(nnlite.tensor([[1.0, 2.0], [4.0, 4.0]]))
        >>> LU, pivots
        (tensor([[4.0000, 4.0000],
                [0.2500, 1.0000]]), tensor([2, 2], dtype=torch.int32))
    """
    return results(LUFactor, lu_factor_ex(A, pivot=pivot, check_errors=True)[:2], out)


def linalg_lu(A: Any, *, pivot: bool = True, out: Any = None) -> Any:
    """A = P L U: a permutation, a lower triangular matrix with ones on the diagonal, an upper triangular one.

    Shape: (..., m, n) gives (..., m, m), (..., m, k) and (..., k, n), k = min(m, n).

    Raises:
        RuntimeError: the tensor is no matrix, or of integers.

    Example:
        >>> import nnlite
        >>> P, L, U = nnlite.linalg.lu(nnlite.tensor([[1.0, 2.0], [4.0, 4.0]]))
        >>> P @ L @ U
        tensor([[1., 2.],
                [4., 4.]])
    """
    factors, pivots, _ = _lu_factor(_lu_input("linalg.lu", A), pivot=pivot)
    return results(LU, _unpack(factors, pivots, True, True), out)


@public
def lu(input: Any, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """LU factors in one matrix and the row exchanges (with ``get_infos`` also the numbers of zero pivots).

    :func:`nnlite.linalg.lu_factor_ex` is the same under its present name.
    """
    values = lu_factor_ex(input, pivot=pivot)
    values = tuple(values if get_infos else values[:2])
    return values if out is None else tuple(written(v, target) for v, target in zip(values, out, strict=True))


def _unpack(factors: Any, pivots: Any, data: bool, permutations: bool) -> tuple[Any, Any, Any]:
    m, n = factors._a.shape[-2:]
    k = min(m, n)
    xp = backend_of(factors._a).xp
    lower = upper = order = wrap(xp.empty(0, factors._a.dtype))
    if data:
        one, two = factors[..., :, :k], factors[..., :k, :]
        lower = one.tril(-1) + wrap(xp.eye(m, k, dtype=factors._a.dtype))
        upper = two.triu()
    if permutations:
        order = _row_exchanges(pivots, m=m, dtype=str(factors._a.dtype))
    return order, lower, upper


@public(method=False)
def lu_unpack(
    LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True, *, out: Any = None
) -> Any:
    """P, L and U of what :func:`nnlite.linalg.lu_factor` gives; empty tensors for what is not asked for.

    Raises:
        RuntimeError: the pivots are not int32 numbers, one for each row or column of the factors.
    """
    if unpack_pivots and LU_pivots._a.dtype.name != "int32":
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
            "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor"
        )
    return results(Unpacked, _unpack(LU_data, LU_pivots, unpack_data, unpack_pivots), out)


def linalg_lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False, out: Any = None) -> Any:
    """The solution X of A X = B (X A = B unless ``left``; of A^H with ``adjoint``) from A's LU factors.

    Shape: LU (..., n, n), pivots (..., n), B (..., n, k); stacks broadcast.

    Raises:
        RuntimeError: LU is not square, shapes do not fit, dtypes differ.

    Example:
        >>> import nnlite
        >>> A = nnlite.tensor([[1.0, 2.0], [4.0, 4.0]])
        >>> nnlite.linalg.lu_solve(*nnlite.linalg.lu_factor(A), nnlite.tensor([[3.0], [8.0]]))
        tensor([[1.],
                [1.]])
    """
    _check_lu_solve(LU, pivots, B, left)
    if not left:  # X A = B is A^H X^H = B^H
        return written(mh(linalg_lu_solve(LU, pivots, mh(B), adjoint=not adjoint)), out)
    order = _row_exchanges(pivots, m=LU._a.shape[-1], dtype=str(LU._a.dtype))
    if adjoint:
        x = _solve_triangular(mh(LU), B, upper=False, unit=False)
        x = matmul(order, _solve_triangular(mh(LU), x, upper=True, unit=True))
    else:
        x = _solve_triangular(LU, matmul(permute_last(order), B), upper=False, unit=True)
        x = _solve_triangular(LU, x, upper=True, unit=False)
    return written(x, out)


def _check_lu_solve(LU: Any, pivots: Any, B: Any, left: bool) -> None:
    name = "torch.linalg.lu_solve"
    floating(name, square(name, LU), "linalg.lu_solve_cpu")
    same_dtype("linalg.lu_solve: Expected LU and B to have the same dtype, but found LU of type {} and B of type {} "
               "instead", LU, B)  # fmt: skip
    if pivots._a.dtype.name != "int32":
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    matrices("linalg.lu_solve", B, "B")
    n = LU._a.shape[-1]
    rows, columns = B._a.shape[-2:]
    if n != (rows if left else columns):
        raise RuntimeError(f"linalg.lu_solve: Incompatible shapes of A and B for the equation "
                           f"{'AX = B' if left else 'XA = B'} ({n}x{n} and {rows}x{columns})")  # fmt: skip
    if n != pivots._a.shape[-1]:
        raise RuntimeError("linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix")


@public
def lu_solve(b: Any, LU_data: Any, LU_pivots: Any, *, out: Any = None) -> Any:
    """The solution of A X = b from A's LU factors; see :func:`nnlite.linalg.lu_solve`."""
    return linalg_lu_solve(LU_data, LU_pivots, b, out=out)


# ---------------------------------------------------------------------------------------------------------------------
# QR


@op(outputs=2, saves=("out0", "out1"), title="LinalgQrBackward0")
def _qr(xp: Any, x: Any, *, mode: str) -> Any:
    q, r = xp.linalg.qr(x, mode=mode)
    return q, r


@_qr.vjp
def _(f: Any, g: Any, node: Any, q: Any, r: Any) -> tuple[Any, ...]:
    gq, gr = g
    m, n = node.shapes[0][-2:]
    if node.attrs["mode"] == "complete" and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols. "
            "(linalg.qr: use mode='reduced')"
        )
    gq = f.zeros_like(q) if gq is None else gq
    gr = f.zeros_like(r) if gr is None else gr
    rest = None
    if m < n:  # A = [X Y] and R = [U V] with V = Q^H Y: what flows to Y, and through V to Q
        rest = f.matmul(q, gr[..., m:])
        gq = gq + f.matmul(f.matmul(q, r[..., m:]), adjoint(f, gr[..., m:]))
        r, gr = r[..., :m], gr[..., :m]
    inner = halved_triangle(f, f.matmul(gr, adjoint(f, r)) - f.matmul(adjoint(f, q), gq), True)
    gx = right_triangular(f, gq + f.matmul(q, inner + adjoint(f, inner)), r, True)
    return (gx if rest is None else f.concatenate(gx, rest, axis=len(gx.shape) - 1),)


@op()
def _r_of_qr(xp: Any, x: Any) -> Any:
    return xp.linalg.qr(x, mode="r")


def _qr_factors(A: Any, mode: str) -> tuple[Any, Any]:
    x = floating("linalg.qr", matrices("linalg.qr", A), "geqrf_cpu")
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    if mode != "r":
        return _qr(x, mode=mode)
    if x.requires_grad:
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, "
            "mode='reduced') if you are going to require gradients."
        )
    return wrap(backend_of(x._a).xp.empty(0, x._a.dtype)), _r_of_qr(x)


def linalg_qr(A: Any, mode: str = "reduced", *, out: Any = None) -> Any:
    """A = Q R: orthonormal columns and an upper triangular matrix.

    ``mode="complete"`` makes Q square, ``"r"`` computes R alone (Q is then an empty tensor).

    Shape: (..., m, n) gives (..., m, k) and (..., k, n), k = min(m, n); k = m if complete.

    Raises:
        RuntimeError: the tensor is no matrix, or of integers; the mode is another.

    Example:
        >>> import nnlite
        >>> Q, R = nnlite.linalg.qr(nnlite.tensor([[3.0, 1.0], [4.0, 2.0]]))
        >>> nnlite.allclose(Q @ R, nnlite.tensor([[3.0, 1.0], [4.0, 2.0]]))
        True
    """
    return results(QR, _qr_factors(A, mode), out)


@public
def qr(input: Any, some: bool = True, *, out: Any = None) -> Any:
    """The QR factors; see :func:`nnlite.linalg.qr`, whose mode is ``"reduced"``, or ``"complete"`` unless ``some``."""
    return results(OldQR, _qr_factors(input, "reduced" if some else "complete"), out)
