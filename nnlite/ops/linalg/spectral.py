"""Eigenvalues and singular values, and what is computed from them: ranks, condition numbers, pseudo-inverses, least
squares.

Singular vectors and eigenvectors are determined up to a factor of magnitude 1 (and up to a rotation where values
repeat): only functions that do not depend on it have meaningful gradients, as in PyTorch.
"""

from __future__ import annotations

from typing import Any

from ..._core.grad_mode import mode
from ..._core.op import op
from .._public import public
from ._matrices import LinAlgError, adjoint, column, floating, matrices, named, results, row, square, title, written
from .decompositions import identity, only_diagonal
from .solvers import mh

Eig = named("linalg_eig", "eigenvalues eigenvectors")
Eigh = named("linalg_eigh", "eigenvalues eigenvectors")
SVD = named("linalg_svd", "U S Vh")
OldSVD = named("svd", "U S V")


def _apart(f: Any, values: Any, like: Any) -> Any:
    """The differences value_j - value_i of all pairs, with ones on the diagonal."""
    return row(f, values) - column(f, values) + identity(values, values.shape[-1])


def _no_convergence(name: str, what: str) -> LinAlgError:
    return LinAlgError(
        f"{name}: The algorithm failed to converge because the input matrix is ill-conditioned or has too many "
        f"repeated {what} (error code: 1)."
    )


# ---------------------------------------------------------------------------------------------------------------------
# Hermitian matrices


@op(outputs=2, saves=("out0", "out1"), title="LinalgEighBackward0")
def _eigh(xp: Any, x: Any, *, uplo: str) -> Any:
    try:
        values, vectors = xp.linalg.eigh(x, uplo)
    except xp.linalg.LinAlgError:
        raise _no_convergence("linalg.eigh", "eigenvalues") from None
    return values, vectors


@_eigh.vjp
def _(f: Any, g: Any, node: Any, values: Any, vectors: Any) -> tuple[Any, ...]:
    """V (diag(g_values) + skew(V^H g_vectors) / E) V^H with E_ij = value_j - value_i."""
    g_values, g_vectors = g
    vh = adjoint(f, vectors)
    gx = None if g_values is None else f.matmul(vectors * row(f, g_values), vh)
    if g_vectors is not None:
        inner = f.matmul(vh, g_vectors)
        inner = 0.5 * (inner - adjoint(f, inner)) / _apart(f, values, inner)
        turned = f.matmul(f.matmul(vectors, inner), vh)
        gx = turned if gx is None else gx + turned
    return (gx,)


@op()
def _eigvalsh(xp: Any, x: Any, *, uplo: str) -> Any:
    try:
        return xp.linalg.eigvalsh(x, uplo)
    except xp.linalg.LinAlgError:
        raise _no_convergence("linalg.eigh", "eigenvalues") from None


def _hermitian(A: Any, UPLO: str) -> tuple[Any, str]:
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return floating("linalg.eigh", square("linalg.eigh", A), "!linalg_eigh_cpu"), UPLO.upper()


def recorded(x: Any) -> bool:
    """Whether the values alone will need their vectors, for the gradient."""
    return bool(mode.grad and x.requires_grad)


def eigh(A: Any, UPLO: str = "L", *, out: Any = None) -> Any:
    """The eigenvalues of symmetric or Hermitian matrices in ascending order, and their eigenvectors as columns.

    Only the lower triangle (the upper with ``UPLO="U"``) is read.

    Shape: (..., n, n) gives (..., n) and (..., n, n).

    Raises:
        RuntimeError: the matrices are not square, or of integers.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.eigh(nnlite.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
        tensor([1., 2.])
    """
    x, uplo = _hermitian(A, UPLO)
    return results(Eigh, _eigh(x, uplo=uplo), out)


def eigvalsh(A: Any, UPLO: str = "L", *, out: Any = None) -> Any:
    """The eigenvalues of symmetric or Hermitian matrices; see :func:`nnlite.linalg.eigh`."""
    x, uplo = _hermitian(A, UPLO)
    return written(_eigh(x, uplo=uplo)[0] if recorded(x) else _eigvalsh(x, uplo=uplo), out)


# ---------------------------------------------------------------------------------------------------------------------
# General matrices


def _as_complex(xp: Any, x: Any, like: Any) -> Any:
    return x.astype("complex64" if like.dtype.name in ("float32", "complex64") else "complex128", copy=False)


@op(outputs=2, saves=("x", "out0", "out1"), title="LinalgEigBackward0")
def _eig(xp: Any, x: Any) -> Any:
    try:
        values, vectors = xp.linalg.eig(x)
    except xp.linalg.LinAlgError:
        raise _not_finite() from None
    return _as_complex(xp, values, x), _as_complex(xp, vectors, x)


def _not_finite() -> RuntimeError:
    return RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")


@_eig.vjp
def _(f: Any, g: Any, node: Any, x: Any, values: Any, vectors: Any) -> tuple[Any, ...]:
    """V^-H (diag(g_values) + (V^H g_vectors - V^H V diag(Re V^H g_vectors)) / conj E) V^H."""
    g_values, g_vectors = g
    vh = adjoint(f, vectors)
    inner = None if g_values is None else column(f, g_values) * vh
    if g_vectors is not None:
        turn = f.matmul(vh, g_vectors)
        lengths = only_diagonal(f, f.complex(f.real(turn), f.zeros_like(f.real(turn))))
        turn = turn - f.matmul(f.matmul(vh, vectors), lengths)
        turn = turn - only_diagonal(f, turn)
        turned = f.matmul(turn / f.conj(_apart(f, values, turn)), vh)
        inner = turned if inner is None else inner + turned
    gx = f.solve(vh, inner)[0]
    return (gx if x.dtype.kind == "c" else f.real(gx),)


@op()
def _eigvals(xp: Any, x: Any) -> Any:
    try:
        return _as_complex(xp, xp.linalg.eigvals(x), x)
    except xp.linalg.LinAlgError:
        raise _not_finite() from None


def eig(A: Any, *, out: Any = None) -> Any:
    """The eigenvalues of square matrices, in no order, and their eigenvectors as columns of length 1; both complex.

    Shape: (..., n, n) gives (..., n) and (..., n, n).

    Raises:
        RuntimeError: the matrices are not square, of integers, or not finite.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.eig(nnlite.tensor([[0.0, -1.0], [1.0, 0.0]])).eigenvalues
        tensor([0.+1.j, 0.-1.j])
    """
    return results(Eig, _eig(_general("linalg.eig", A)), out)


def eigvals(A: Any, *, out: Any = None) -> Any:
    """The eigenvalues of square matrices, complex, in no order; see :func:`nnlite.linalg.eig`."""
    x = _general("linalg.eigvals", A)
    return written(_eig(x)[0] if recorded(x) else _eigvals(x), out)


def _general(name: str, A: Any) -> Any:
    square(name, A)
    if A._a.dtype.kind in "biu":
        raise RuntimeError(f"Unknown Complex ScalarType for {title(A)} ({name}: convert it with .float())")
    return floating(name, A, "linalg_eig_out_cpu")


# ---------------------------------------------------------------------------------------------------------------------
# Singular values


@op(outputs=3, saves=("out0", "out1", "out2"), title="LinalgSvdBackward0")
def _svd(xp: Any, x: Any, *, full: bool) -> Any:
    try:
        u, s, vh = xp.linalg.svd(x, full_matrices=full)
    except xp.linalg.LinAlgError:
        raise _no_convergence("linalg.svd", "singular values") from None
    return u, s, vh


@_svd.vjp
def _(f: Any, g: Any, node: Any, u: Any, s: Any, vh: Any) -> tuple[Any, ...]:
    """U ((skew(U^H gU) S + S skew(V^H gV)) / E + diag(gS)) V^H and what leaves the spans of U and V."""
    gu, gs, gvh = g
    k = s.shape[-1]
    m, n = node.shapes[0][-2:]
    u, vh = u[..., :k], vh[..., :k, :]
    gx = None if gs is None else f.matmul(u * row(f, gs), vh)
    if gu is None and gvh is None:
        return (gx,)
    apart = _apart(f, s * s, u)
    inner = f.zeros_like(f.matmul(vh, adjoint(f, vh)))
    if gu is not None:
        gu = gu[..., :k]
        turn = _skew(f, f.matmul(adjoint(f, u), gu))
        inner = inner + turn * row(f, s) / apart
    if gvh is not None:
        gv = adjoint(f, gvh[..., :k, :])
        other = _skew(f, f.matmul(vh, gv))
        inner = inner + column(f, s) * other / apart
    if gu is not None and gvh is not None and u.dtype.kind == "c":
        inner = inner - only_diagonal(f, inner) + only_diagonal(f, turn) / (2 * row(f, s))
    whole = f.matmul(f.matmul(u, inner), vh)
    if gu is not None and m > k:
        beyond = gu / row(f, s)
        whole = whole + f.matmul(beyond - f.matmul(u, f.matmul(adjoint(f, u), beyond)), vh)
    if gvh is not None and n > k:
        beyond = adjoint(f, gv) / column(f, s)
        whole = whole + f.matmul(u, beyond - f.matmul(f.matmul(beyond, adjoint(f, vh)), vh))
    return (whole if gx is None else gx + whole,)


def _skew(f: Any, x: Any) -> Any:
    return x - adjoint(f, x)


@op()
def _svdvals(xp: Any, x: Any) -> Any:
    try:
        return xp.linalg.svd(x, compute_uv=False)
    except xp.linalg.LinAlgError:
        raise _no_convergence("linalg.svd", "singular values") from None


def _svd_input(A: Any, driver: str | None = None) -> Any:
    if driver is not None:
        raise RuntimeError("torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with "
                           "cuSOLVER backend.")  # fmt: skip
    return floating("linalg.svd", matrices("linalg.svd", A), "linalg_svd_cpu")


def linalg_svd(A: Any, full_matrices: bool = True, *, driver: str | None = None, out: Any = None) -> Any:
    """A = U diag(S) V^H: orthonormal columns, singular values in descending order, orthonormal rows.

    Shape: (..., m, n) gives (..., m, k), (..., k) and (..., k, n), k = min(m, n); with ``full_matrices`` U is (..., m,
    m) and V^H (..., n, n).

    Raises:
        RuntimeError: the tensor is no matrix, or of integers; a ``driver`` was asked for.
        LinAlgError: the algorithm did not converge.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.svd(nnlite.tensor([[0.0, 2.0], [1.0, 0.0]])).S
        tensor([2., 1.])
    """
    return results(SVD, _svd(_svd_input(A, driver), full=full_matrices), out)


def svdvals(A: Any, *, driver: str | None = None, out: Any = None) -> Any:
    """The singular values in descending order; see :func:`nnlite.linalg.svd`."""
    x = _svd_input(A, driver)
    return written(_svd(x, full=False)[1] if recorded(x) else _svdvals(x), out)


@public
def svd(input: Any, some: bool = True, compute_uv: bool = True, *, out: Any = None) -> Any:
    """U, S and V (not V^H) of the singular value decomposition; see :func:`nnlite.linalg.svd`.

    With ``some`` U and V have min(m, n) columns; without ``compute_uv`` they are zeros.
    """
    if input._a.ndim < 2:
        raise RuntimeError(
            f"linalg.svd: input should have at least 2 dimensions, but has {input._a.ndim} dimensions instead"
        )
    x = _svd_input(input)
    if compute_uv:
        u, s, vh = _svd(x, full=not some)
        return results(OldSVD, (u, s, mh(vh)), out)
    *batch, m, n = x._a.shape
    zeros = [x.new_zeros((*batch, size, size)) for size in (m, n)]
    return results(OldSVD, (zeros[0], svdvals(x), zeros[1]), out)
