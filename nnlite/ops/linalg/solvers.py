"""Inverses, determinants, and systems of linear equations with general and triangular matrices.

The gradients are those of M. B. Giles, An extended collection of matrix derivative results for forward and reverse mode
algorithmic differentiation (2008), conjugated where PyTorch's convention for complex numbers asks for it.
"""

from __future__ import annotations

from typing import Any

from ..._core.op import conjugate, op, unbroadcast
from .._public import FUNCTIONS, public
from ..pointwise import elementwise as e
from ..pointwise.arithmetic import where
from ..pointwise.complex import conj
from ..shape.views import permute, reshape, squeeze, unsqueeze
from ._elimination import eliminate, permutation, substitute
from ._matrices import adjoint, check, floating, matrices, named, results, same_dtype, square, swap_conj, written

Inverse = named("linalg_inv_ex", "inverse info")
Solution = named("linalg_solve_ex", "result info")
Slogdet = named("linalg_slogdet", "sign logabsdet")
OldSlogdet = named("slogdet", "sign logabsdet")
OldSolution = named("triangular_solve", "solution cloned_coefficient")


def no_info(xp: Any, x: Any) -> Any:
    """For each matrix that nothing went wrong."""
    return xp.zeros(x.shape[:-2], dtype="int32")


# ---------------------------------------------------------------------------------------------------------------------
# Operations


def _by_elimination(xp: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """The solution of a x = b, inf and nan where ``a`` is singular, and the first zero pivot, from 1 on."""
    lu, pivots, info = eliminate(xp, a)
    order = permutation(xp, pivots, a.shape[-1])
    b = xp.broadcast_to(b, (*xp.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]))
    rows = xp.take_along_axis(b, xp.broadcast_to(order[..., None], b.shape), axis=-2)
    return substitute(xp, lu, substitute(xp, lu, rows, upper=False, unit=True), upper=True, unit=False), info


@op(outputs=2, saves=("out0",), title="LinalgInvExBackward0")
def _inv(xp: Any, x: Any) -> Any:
    try:
        return xp.linalg.inv(x), no_info(xp, x)
    except xp.linalg.LinAlgError:
        return _by_elimination(xp, x, xp.eye(x.shape[-1], dtype=x.dtype))


@_inv.vjp
def _(f: Any, g: Any, node: Any, out: Any) -> tuple[Any, ...]:
    out = adjoint(f, out)
    return (-f.matmul(out, f.matmul(g[0], out)),)


@op(outputs=2, saves=("a", "out0"), title="LinalgSolveExBackward0")
def _solve(xp: Any, a: Any, b: Any) -> Any:
    batch = xp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    wide_a = xp.broadcast_to(a, (*batch, *a.shape[-2:]))
    try:
        return xp.linalg.solve(wide_a, xp.broadcast_to(b, (*batch, *b.shape[-2:]))), no_info(xp, wide_a)
    except xp.linalg.LinAlgError:
        return _by_elimination(xp, wide_a, b)


@_solve.vjp
def _(f: Any, g: Any, node: Any, a: Any, x: Any) -> tuple[Any, ...]:
    an, bn = node.edges
    gb = f.solve(adjoint(f, a), g[0])[0]
    ga = None if an is None else unbroadcast(f, -f.matmul(gb, adjoint(f, x)), node.shapes[0])
    return ga, None if bn is None else unbroadcast(f, gb, node.shapes[1])


@op(saves=("a", "out"), title="LinalgSolveTriangularBackward0")
def _solve_triangular(xp: Any, a: Any, b: Any, *, upper: bool, unit: bool) -> Any:
    return substitute(xp, a, b, upper=upper, unit=unit)


@_solve_triangular.vjp
def _(f: Any, g: Any, node: Any, a: Any, x: Any) -> tuple[Any, ...]:
    an, bn = node.edges
    upper, unit = node.attrs["upper"], node.attrs["unit"]
    gb = f.solve_triangular(adjoint(f, a), g, upper=not upper, unit=unit)
    ga = None
    if an is not None:
        ga = -f.triangle(f.matmul(gb, adjoint(f, x)), diagonal=(1 if upper else -1) * unit, upper=upper)
        ga = unbroadcast(f, ga, node.shapes[0])
    return ga, None if bn is None else unbroadcast(f, gb, node.shapes[1])


@op(saves=("x", "out"), title="LinalgDetBackward0")
def _det(xp: Any, x: Any) -> Any:
    return xp.linalg.det(x)


@_det.vjp
def _(f: Any, g: Any, node: Any, x: Any, out: Any) -> tuple[Any, ...]:
    return (g[..., None, None] * f.cofactors(x, out),)


@op(saves=("x", "out_of_det"))
def _cofactors(xp: Any, x: Any, out_of_det: Any) -> Any:
    """conj(det X) X^-H, the gradient of the determinant, which singular matrices have as well.

    Of these it is computed from the singular values: conj(det U det V^H) U diag(products of the others) V^H.
    """
    try:
        return swap_conj(xp.linalg.inv(x)) * out_of_det.conj()[..., None, None]
    except xp.linalg.LinAlgError:
        u, s, vh = xp.linalg.svd(x, full_matrices=False)
        n = s.shape[-1]
        others = xp.where(xp.eye(n, dtype=bool), xp.ones((), s.dtype), s[..., None, :]).prod(axis=-1)
        turn = (xp.linalg.det(u) * xp.linalg.det(vh)).conj()[..., None]
        return xp.matmul(u * (turn * others)[..., None, :], vh)


@_cofactors.vjp
def _(f: Any, g: Any, node: Any, x: Any, out_of_det: Any) -> tuple[Any, ...]:
    inverse = adjoint(f, f.inv(x)[0])
    gx = -f.matmul(inverse, f.matmul(adjoint(f, out_of_det[..., None, None] * g), inverse))
    return gx, f.sum(conjugate(f, g) * inverse, axis=(-2, -1), keepdims=False)


@op(outputs=2, saves=("x", "out0"), title="LinalgSlogdetBackward0")
def _slogdet(xp: Any, x: Any) -> Any:
    sign, logabsdet = xp.linalg.slogdet(x)
    return sign, logabsdet


@_slogdet.vjp
def _(f: Any, g: Any, node: Any, x: Any, sign: Any) -> tuple[Any, ...]:
    """(g_log - i Im(conj(g_sign) sign)) X^-H: the sign of a complex determinant is e^(i angle)."""
    g_sign, g_log = g
    factor = g_log
    if sign.dtype.kind == "c" and g_sign is not None:
        turn = f.imag(f.conj(g_sign) * sign)
        factor = f.complex(f.zeros_like(turn) if factor is None else factor, -turn)
    inverse = adjoint(f, f.inv(x)[0])
    return (f.zeros_like(inverse) if factor is None else factor[..., None, None] * inverse,)


# ---------------------------------------------------------------------------------------------------------------------
# Public functions

_SINGULAR = (
    "The diagonal element {} is zero, the inversion could not be completed because the input matrix is singular."
)


def permute_last(x: Any) -> Any:
    """The matrices of a stack transposed, a view."""
    n = x._a.ndim
    return permute(x, *range(n - 2), n - 1, n - 2)


def mh(x: Any) -> Any:
    """The matrices of a stack conjugated and transposed."""
    return conj(permute_last(x))


def inv_ex(A: Any, *, check_errors: bool = False, out: Any = None) -> Any:
    """The inverses of square matrices, and for each the number of the first zero pivot (0 if it has an inverse).

    Shape: (..., n, n) gives (..., n, n) and (...).

    Raises:
        LinAlgError: with ``check_errors`` a matrix is singular.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.inv_ex(nnlite.tensor([[2.0, 0.0], [0.0, 4.0]])).info
        tensor(0, dtype=torch.int32)
    """
    x = floating("linalg.inv", square("linalg.inv", A))
    values = _inv(x)
    if check_errors:
        check("linalg.inv", values[1], _SINGULAR)
    return results(Inverse, values, out)


def inv(A: Any, *, out: Any = None) -> Any:
    """The inverse of a square matrix, or of each in a stack; the host waits for the device to see whether it exists.

    Shape: (..., n, n) gives (..., n, n).

    Raises:
        RuntimeError: the matrices are not square, or integers.
        LinAlgError: a matrix is singular.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.inv(nnlite.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    return written(inv_ex(A, check_errors=True)[0], out)


@public
def inverse(input: Any, *, out: Any = None) -> Any:
    """The inverse of square matrices; see :func:`nnlite.linalg.inv`."""
    return inv(input, out=out)


def _operands(name: str, A: Any, B: Any, left: bool, vectors: bool = True) -> tuple[Any, Any, bool]:
    """Both sides of an equation as stacks of matrices, A on the left, and whether B was made of vectors."""
    a = floating(name, square(name, A), "lu_cpu")
    same_dtype(f"{name}: Expected A and B to have the same dtype, but found A of type {{}} and B of type {{}} instead",
               a, B)  # fmt: skip
    shape, other = a._a.shape, B._a.shape
    vector = vectors and (len(other) == 1 or (len(shape) - 1 == len(other) and shape[:-1] == other))
    if not vector:
        matrices(name, B, "B")
    b = unsqueeze(B, -1) if vector else B
    rows, columns = b._a.shape[-2:]
    if shape[-1] != (rows if left or vector else columns):
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({shape[-2]}x{shape[-1]} and {rows}x{columns})"
        )
    return (a, b, vector) if left else (permute_last(a), b if vector else permute_last(b), vector)


def solve_ex(A: Any, B: Any, *, left: bool = True, check_errors: bool = False, out: Any = None) -> Any:
    """The solution X of A X = B (X A = B unless ``left``), and for each matrix the number of the first zero pivot.

    Shape: A (..., n, n) and B (..., n, k) or vectors (..., n); stacks broadcast.

    Raises:
        LinAlgError: with ``check_errors`` a matrix is singular.
    """
    a, b, vector = _operands("linalg.solve", A, B, left)
    x, info = _solve(a, b)
    if check_errors:
        check("torch.linalg.solve", info, "The solver failed because the input matrix is singular.")
    x = squeeze(x, -1) if vector else x if left else permute_last(x)
    return results(Solution, (x, info), out)


def solve(A: Any, B: Any, *, left: bool = True, out: Any = None) -> Any:
    """The solution X of A X = B (of X A = B unless ``left``) for square A.

    Shape: A (..., n, n) and B (..., n, k) or vectors (..., n); stacks broadcast.

    Raises:
        RuntimeError: A is not square, shapes do not fit, dtypes differ.
        LinAlgError: a matrix is singular.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.solve(nnlite.tensor([[2.0, 0.0], [0.0, 4.0]]), nnlite.tensor([2.0, 2.0]))
        tensor([1.0000, 0.5000])
    """
    return written(solve_ex(A, B, left=left, check_errors=True)[0], out)


def solve_triangular(
    A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Any = None
) -> Any:
    """The solution X of A X = B (of X A = B unless ``left``) for triangular A, of which the other half is not read.

    With ``unitriangular`` the diagonal counts as ones. A zero on the diagonal gives inf and nan.

    Shape: A (..., n, n), B (..., n, k); stacks broadcast.

    Raises:
        RuntimeError: A is not square, or shapes do not fit.

    Example:
        >>> import nnlite
        >>> A = nnlite.tensor([[2.0, 0.0], [1.0, 1.0]])
        >>> nnlite.linalg.solve_triangular(A, nnlite.tensor([[2.0], [3.0]]), upper=False)
        tensor([[1.],
                [2.]])
    """
    name = "linalg.solve_triangular"
    square(name, A)
    if A._a.dtype != B._a.dtype:
        B = B.to(A.dtype)
    floating(name, A, "!triangular_solve_cpu")
    a, b, _ = _operands(name, A, B, left, vectors=False)
    x = _solve_triangular(a, b, upper=upper == left, unit=unitriangular)
    return written(x if left else permute_last(x), out)


@public
def triangular_solve(
    input: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False, *, out: Any = None
) -> Any:
    """The solution X of A X = ``input`` (of A^T X = ``input`` with ``transpose``) for triangular A, and a copy of A.

    Raises:
        RuntimeError: A is not square, or shapes do not fit.
    """
    check_pair("triangular_solve", input, A, "torch.triangular_solve: Expected b to have at least 2 dimensions, but it "
               "has {} dimensions instead")  # fmt: skip
    floating("triangular_solve", A, "!triangular_solve_cpu")
    a, is_upper = (permute_last(A), not upper) if transpose else (A, upper)
    x = _solve_triangular(a, input, upper=is_upper, unit=unitriangular)
    if A._a.shape[:-2] != x._a.shape[:-2]:
        A = A.expand(*x._a.shape[:-2], *A._a.shape[-2:])
    return results(OldSolution, (x, A.clone()), out)


def check_pair(name: str, b: Any, a: Any, few: str) -> None:
    """The checks of PyTorch's older solvers, whose first argument is the right-hand side."""
    if b._a.ndim < 2:
        raise RuntimeError(few.format(b._a.ndim))
    if a._a.ndim < 2:
        raise RuntimeError(f"{name}: A should have at least 2 dimensions, but has {a._a.ndim} dimensions instead")
    rows, columns = a._a.shape[-2:]
    if rows != columns:
        raise RuntimeError(f"A must be batches of square matrices, but they are {rows} by {columns} matrices")
    if columns != b._a.shape[-2]:
        raise RuntimeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {rows} by {columns} but each b matrix is "
            f"{b._a.shape[-2]} by {b._a.shape[-1]}"
        )
    same_dtype("Expected b and A to have the same dtype, but found b of type {} and A of type {} instead.", b, a)


@public
def det(input: Any, *, out: Any = None) -> Any:
    """The determinant of a square matrix, or of each in a stack.

    Shape: (..., n, n) gives (...).

    Raises:
        RuntimeError: the matrices are not square, or integers.

    Example:
        >>> import nnlite
        >>> nnlite.det(nnlite.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor(8.)
    """
    return written(_det(floating("linalg.det", square("linalg.det", input), "lu_cpu")), out)


def _slogdets(name: str, input: Any) -> tuple[Any, Any]:
    return _slogdet(floating(name, square(name, input)))


def linalg_slogdet(A: Any, *, out: Any = None) -> Any:
    """The sign of the determinant and the logarithm of its magnitude, of a square matrix or of each in a stack.

    The sign is 0 and the logarithm -inf where the determinant is 0; of complex matrices the sign is det / |det|.

    Example:
        >>> import nnlite
        >>> sign, logabsdet = nnlite.linalg.slogdet(nnlite.eye(3))
        >>> sign, logabsdet
        (tensor(1.), tensor(0.))
    """
    return results(Slogdet, _slogdets("linalg.slogdet", A), out)


@public
def slogdet(input: Any, *, out: Any = None) -> Any:
    """The sign of the determinant and the logarithm of its magnitude; see :func:`nnlite.linalg.slogdet`."""
    return results(OldSlogdet, _slogdets("linalg.slogdet", input), out)


@public
def logdet(input: Any) -> Any:
    """The logarithm of the determinant: nan where it is negative, -inf where it is 0.

    Raises:
        RuntimeError: the matrices are not square, or integers.
    """
    sign, logabsdet = _slogdets("logdet", input)
    if sign._a.dtype.kind == "c":
        return e.log(sign) + logabsdet
    return where(sign == -1, float("nan"), logabsdet)


def tensorinv(A: Any, ind: int = 2, *, out: Any = None) -> Any:
    """The inverse of the map that ``tensordot(A, ., A.ndim - ind)`` is.

    Shape: (a..., b...) with ``ind`` sizes a, whose product is that of the sizes b, gives (b..., a...).

    Raises:
        RuntimeError: the products differ, ``ind`` is not positive, or the map has no inverse.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.tensorinv(nnlite.eye(4).reshape(4, 2, 2), ind=1).shape
        torch.Size([2, 2, 4])
    """
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    shape = tuple(A._a.shape)
    lead, rest = shape[:ind], shape[ind:]
    n, m = _product(lead), _product(rest)
    if n != m:
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {m} "
            f"!= {n}"
        )
    return written(reshape(inv(reshape(A, (n, m))), (*rest, *lead)), out)


def tensorsolve(A: Any, B: Any, dims: Any = None, *, out: Any = None) -> Any:
    """The tensor X with ``tensordot(A, X, X.ndim) = B``; the dimensions ``dims`` of A are moved to its end first.

    Raises:
        RuntimeError: the product of A's sizes beyond B's is not the product of B's sizes, or there is no solution.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.tensorsolve(nnlite.eye(4).reshape(2, 2, 4), nnlite.ones(2, 2))
        tensor([1., 1., 1., 1.])
    """
    if dims is not None:
        A = FUNCTIONS["movedim"](A, tuple(dims), tuple(range(A._a.ndim - len(dims), A._a.ndim)))
    shape, split = tuple(A._a.shape), B._a.ndim
    lead, rest = _product(shape[:split]), _product(shape[split:])
    if rest != lead:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            f"but got {rest} != {lead}"
        )
    x = solve(reshape(A, (lead, rest)), reshape(B, (-1,) if B._a.size else (0,)))
    return written(reshape(x, shape[split:]), out)


def _product(sizes: tuple[int, ...]) -> int:
    out = 1
    for n in sizes:
        out *= n
    return out
