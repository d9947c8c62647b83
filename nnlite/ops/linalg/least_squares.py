"""Pseudo-inverses, ranks, least squares, and singular values of large matrices by random projections."""

from __future__ import annotations

from typing import Any

from ..._core.dtypes import int64
from ..._core.op import TensorBase, op
from ..._core.tensor_base import wrap
from ...backends import backend_of
from .._public import FUNCTIONS, public
from ..pointwise import elementwise as e
from ..reduction import reduce
from ..shape.views import reshape, squeeze, unsqueeze
from ._matrices import (
    adjoint,
    floating,
    matrices,
    named,
    real_dtype,
    results,
    same_dtype,
    square,
    swap_conj,
    tensor,
    title,
    written,
)
from .decompositions import _qr
from .matmul import matmul
from .solvers import mh
from .spectral import _eigvalsh, _svd, svdvals

Lstsq = named("linalg_lstsq", "solution residuals rank singular_values")


@op(saves=("x", "out"))
def _pinv(xp: Any, x: Any, atol: Any, rtol: Any, *, hermitian: bool) -> Any:
    """V diag(1 / s) U^H of the singular values s above the tolerance max(atol, rtol max(s))."""
    if not x.size:
        return xp.zeros((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype)
    if hermitian:
        values, vectors = xp.linalg.eigh(x)
        sizes, u, vh = xp.absolute(values), vectors, swap_conj(vectors)
    else:
        u, values, vh = xp.linalg.svd(x, full_matrices=False)
        sizes = values
    limit = xp.maximum(atol, rtol * xp.max(sizes, axis=-1))[..., None]
    kept = sizes > limit
    inverse = xp.where(kept, 1 / xp.where(kept, values, xp.ones((), values.dtype)), xp.zeros((), values.dtype))
    return xp.matmul(swap_conj(vh) * inverse[..., None, :], swap_conj(u))


@_pinv.vjp
def _(f: Any, g: Any, node: Any, x: Any, out: Any) -> tuple[Any, ...]:
    """The derivative among matrices of the same rank: G. H. Golub, V. Pereyra, The differentiation of pseudo-inverses
    and nonlinear least squares problems whose variables separate, SIAM J. Numer. Anal. 10 (1973), 413-432."""
    outh, gh = adjoint(f, out), adjoint(f, g)
    of_columns = f.matmul(gh - f.matmul(x, f.matmul(out, gh)), f.matmul(out, outh))
    of_rows = f.matmul(f.matmul(outh, out), gh - f.matmul(f.matmul(gh, out), x))
    return of_columns + of_rows - f.matmul(outh, f.matmul(g, outh)), None, None


def _tolerances(name: str, x: Any, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """Both tolerances as tensors of the input's real dtype, 0-d or one number a matrix.

    Without ``rtol`` it is eps max(m, n), where ``atol`` is 0.
    """
    a = x._a
    xp, kind = backend_of(a).xp, real_dtype(a)
    for label, value in (("atol", atol), ("rtol", rtol)):
        if isinstance(value, TensorBase) and value._a.dtype.kind == "c":
            raise RuntimeError(f"{name}: {label} tensor of complex type is not supported. Got {title(value)}")
    absolute = atol if isinstance(atol, TensorBase) else wrap(xp.asarray(0.0 if atol is None else atol, dtype=kind))
    if rtol is None:
        usual = float(xp.finfo(kind).eps) * max(a.shape[-2:])
        rtol = wrap(xp.where(absolute._a > 0, xp.zeros((), kind), xp.asarray(usual, dtype=kind)))
    relative = rtol if isinstance(rtol, TensorBase) else wrap(xp.asarray(rtol, dtype=kind))
    return wrap(absolute._a.astype(kind, copy=False)), wrap(relative._a.astype(kind, copy=False))


def _real_or_complex(x: Any) -> bool:
    return x._a.dtype.kind in "fc" and x._a.dtype.itemsize > 2


def pinv(
    A: Any, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None, out: Any = None
) -> Any:
    """The Moore-Penrose pseudo-inverse: singular values up to max(atol, rtol times the largest) count as 0.

    ``rtol`` (``rcond`` is its old name) is eps max(m, n) unless given or ``atol`` is; both may be tensors of one number
    a matrix. With ``hermitian`` the matrices count as Hermitian, and eigenvalues are used.

    Shape: (..., m, n) gives (..., n, m).

    Raises:
        RuntimeError: the tensor is no matrix of float32, float64 or complex numbers.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.pinv(nnlite.tensor([[2.0, 0.0], [0.0, 0.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.0000]])
    """
    x = tensor("linalg.pinv", A)
    if x._a.ndim < 2 or not _real_or_complex(x):
        raise RuntimeError(
            f"linalg.pinv({title(x)}{{{list(x._a.shape)}}}): expected a tensor with 2 or more dimensions of float, "
            "double, cfloat or cdouble types"
        )
    if hermitian:
        square("linalg.pinv", x)
    limits = _tolerances("linalg.pinv", x, atol, rtol if rcond is None else rcond)
    return written(_pinv(x, *limits, hermitian=hermitian), out)


@public
def pinverse(input: Any, rcond: float = 1e-15) -> Any:
    """The pseudo-inverse; see :func:`nnlite.linalg.pinv`."""
    return pinv(input, rcond)


def matrix_rank(
    A: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None, out: Any = None
) -> Any:
    """How many singular values are above max(atol, rtol times the largest); see :func:`nnlite.linalg.pinv`.

    Shape: (..., m, n) gives (...), int64.

    Raises:
        RuntimeError: the tensor is no matrix of float32, float64 or complex numbers.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.matrix_rank(nnlite.ones(3, 3))
        tensor(1)
    """
    name = "torch.linalg.matrix_rank"
    x = matrices(name, A, "input").detach()
    if not _real_or_complex(x):
        raise RuntimeError("This function doesn't handle types other than float and double (convert with .float())")
    if tol is not None:
        atol, rtol = tol, 0.0
    absolute, relative = _tolerances(name, x, atol, rtol)
    if hermitian:
        square("linalg.eigh", x)
    if not x._a.size:
        return written(x.new_zeros(x._a.shape[:-2], dtype=int64), out)
    sizes = e.abs(_eigvalsh(x, uplo="L")) if hermitian else svdvals(x)
    limit = e.maximum(absolute, relative * reduce.amax(sizes, -1))
    return written(reduce.sum(sizes > unsqueeze(limit, -1), -1), out)


_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def lstsq(A: Any, B: Any, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """The X with the least |A X - B|, and among several the shortest one; residuals, ranks, singular values.

    The ``driver`` says what is returned, as in PyTorch: ``"gelsy"`` (the default) the ranks, ``"gelsd"`` and
    ``"gelss"`` also the singular values, and sums of squared residuals where m > n and all ranks are full; ``"gels"``
    takes A to be of full rank and gives the residuals. What is not returned is an empty tensor. Singular values up to
    ``rcond`` (eps max(m, n)) times the largest count as 0.

    Shape: A (..., m, n) and B (..., m, k) or vectors (..., m).

    Raises:
        RuntimeError: shapes do not fit, dtypes differ, another driver.

    Example:
        >>> import nnlite
        >>> A = nnlite.tensor([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
        >>> nnlite.linalg.lstsq(A, nnlite.tensor([1.0, 2.0, 3.0])).solution.round(decimals=4).abs()
        tensor([0., 1.])
    """
    name = "torch.linalg.lstsq"
    vector, driver = _check_lstsq(name, A, B, driver)
    b = unsqueeze(B, -1) if vector else B
    m, n = A._a.shape[-2:]
    limits = _tolerances(name, A, None, 0.0 if driver == "gels" else rcond)
    x = matmul(_pinv(A, *limits, hermitian=False), b)
    none = A.new_zeros(0)
    full = driver == "gels"
    rank, values = none.to(int64), none.to(A.dtype.to_real())
    residuals = e.abs(reshape(x, (x._a.size,))[:0])
    if driver != "gels":
        rank = matrix_rank(A, rtol=rcond)
        full = driver != "gelsy" and m > n and bool((rank == n).all().item())
    if driver in ("gelsd", "gelss"):
        values = svdvals(A.detach())
    if full and m > n:
        residuals = reduce.sum(e.abs(matmul(A, x) - b) ** 2, -2)
        residuals = squeeze(residuals, -1) if vector else residuals
    return results(Lstsq, (squeeze(x, -1) if vector else x, residuals, rank, values), None)


def _check_lstsq(name: str, A: Any, B: Any, driver: str | None) -> tuple[bool, str]:
    a, b = A._a.shape, B._a.shape
    if len(a) < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if not b:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    same_dtype(f"{name}: Expected input and other to have the same dtype, but got input's dtype {{}} and other's dtype "
               "{}", A, B)  # fmt: skip
    if not _real_or_complex(A):
        raise RuntimeError("This function doesn't handle types other than float and double (convert with .float())")
    if not 0 <= len(a) - len(b) <= 1:
        raise RuntimeError(f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - "
                           "other.dim()) <= 1")  # fmt: skip
    vector = len(a) - 1 == len(b)
    if a[-2] != (b[-1] if vector else b[-2]):
        raise RuntimeError(f"{name}: input.size(-2) should match other.size({-1 if vector else -2})")
    if driver is not None and driver not in _DRIVERS:
        raise RuntimeError(f"{name}: parameter `driver` should be one of ({', '.join(_DRIVERS)})")
    return vector, driver or "gelsy"


# ---------------------------------------------------------------------------------------------------------------------
# Random projections


def _range_of(A: Any, q: int, niter: int) -> Any:
    """An orthonormal basis (..., m, q) of nearly the range of A.

    Source: N. Halko, P.-G. Martinsson, J. A. Tropp, Finding structure with randomness, SIAM Review 53 (2011), 217-288,
    algorithm 4.4.
    """
    draw = FUNCTIONS["randn"](A._a.shape[-1], q, dtype=A.dtype, device=A.device)
    basis = _qr(matmul(A, draw), mode="reduced")[0]
    for _ in range(niter):
        back = _qr(matmul(mh(A), basis), mode="reduced")[0]
        basis = _qr(matmul(A, back), mode="reduced")[0]
    return basis


@public(method=False)
def svd_lowrank(A: Any, q: int | None = 6, niter: int | None = 2, M: Any = None) -> tuple[Any, Any, Any]:
    """Nearly the ``q`` largest singular values of A (of A - M), with their vectors: U, S, V.

    ``niter`` is the number of passes that bring the projection nearer to the largest ones.

    Shape: (..., m, n) gives (..., m, q), (..., q) and (..., n, q).

    Raises:
        RuntimeError: A is no matrix.
    """
    x = floating("svd_lowrank", matrices("svd_lowrank", A))
    x = x if M is None else x - M
    wide = x._a.shape[-2] < x._a.shape[-1]
    x = mh(x) if wide else x
    basis = _range_of(x, 6 if q is None else q, 2 if niter is None else niter)
    u, s, vh = _svd(matmul(mh(basis), x), full=False)
    u, v = matmul(basis, u), mh(vh)
    return (v, s, u) if wide else (u, s, v)


@public(method=False)
def pca_lowrank(A: Any, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Any, Any, Any]:
    """Nearly the ``q`` (6) first principal components of the rows of A: U, S, V, the columns of V the components.

    Raises:
        TypeError: A is no tensor.
        ValueError: ``q`` is not between 0 and min(m, n), or ``niter`` is negative.
    """
    x = tensor("pca_lowrank", A)
    m, n = x._a.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(x - reduce.mean(x, -2, True) if center else x, q, niter=niter)
