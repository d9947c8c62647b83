"""Products of Householder reflections, as ``geqrf`` gives them.

H_1 H_2 ... H_k of the reflections H_i = I - tau_i v_i v_i^H is I - V T V^H, where T solves the triangular system
(I + diag(tau) striu(V^H V)) T = diag(tau): a few products of matrices in place of k steps. Source: C. Puglisi,
Modification of the Householder method based on the compact WY representation, SIAM J. Sci. Stat. Comput. 13 (1992),
723-726.
"""

from __future__ import annotations

from typing import Any

from ..._core.op import op
from ..._core.tensor_base import wrap
from ...backends import backend_of
from .._public import FUNCTIONS, public
from ._matrices import floating, named, results, swap, tensor, title, written
from .matmul import matmul
from .solvers import _solve_triangular, mh

Geqrf = named("geqrf", "a tau")


@op(outputs=2)
def _geqrf(xp: Any, x: Any) -> Any:
    reflections, tau = xp.linalg.qr(x, mode="raw")
    return swap(reflections).copy(), tau


@public
def geqrf(input: Any, *, out: Any = None) -> Any:
    """R of the QR decomposition in the upper triangle, and Q as Householder vectors below it, with their factors tau.

    Shape: (..., m, n) gives (..., m, n) and (..., min(m, n)).

    Raises:
        RuntimeError: the input is no matrix.

    Example:
        >>> import nnlite
        >>> a, tau = nnlite.geqrf(nnlite.eye(3))
        >>> nnlite.allclose(nnlite.linalg.householder_product(a, tau).abs(), nnlite.eye(3))
        True
    """
    if tensor("geqrf", input)._a.ndim < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    return results(Geqrf, _geqrf(floating("geqrf", input, "!geqrf_cpu")), out)


def _compact(A: Any, tau: Any) -> tuple[Any, Any]:
    """V and T of the product of the reflections whose vectors stand below the diagonal of A."""
    xp = backend_of(A._a).xp
    m, k = A._a.shape[-2], tau._a.shape[-1]
    v = A[..., :k].tril(-1) + wrap(xp.eye(m, k, dtype=A._a.dtype))
    factors = FUNCTIONS["diag_embed"](tau)
    overlaps = matmul(factors, matmul(mh(v), v).triu(1))
    return v, _solve_triangular(overlaps, factors, upper=True, unit=True)


def _check(name: str, A: Any, tau: Any) -> None:
    a, t = tensor(name, A)._a, tensor(name, tau, 1)._a
    if a.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if t.dtype != a.dtype:
        raise RuntimeError(f"{name}: tau dtype {title(tau)} does not match input dtype {title(A)}")
    if a.ndim - t.ndim != 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {t.ndim} and "
            f"input.ndim is equal to {a.ndim}"
        )
    if a.ndim > 2 and t.shape[:-1] != a.shape[:-2]:
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {list(t.shape[:-1])}"
        )


def householder_product(input: Any, tau: Any, *, out: Any = None) -> Any:
    """The first n columns of the product of k <= n reflections, whose vectors stand below the diagonal of the input.

    Shape: input (..., m, n) with m >= n and tau (..., k) give (..., m, n).

    Raises:
        RuntimeError: shapes do not fit, or dtypes differ.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.householder_product(nnlite.zeros(2, 2), nnlite.tensor([2.0, 0.0]))
        tensor([[-1.,  0.],
                [ 0.,  1.]])
    """
    name = "torch.linalg.householder_product"
    _check(name, input, tau)
    m, n = input._a.shape[-2:]
    if m < n:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if n < tau._a.shape[-1]:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    floating(name, input, "!orgqr_cpu")
    v, t = _compact(input, tau)
    eye = wrap(backend_of(input._a).xp.eye(m, n, dtype=input._a.dtype))
    return written(eye - matmul(matmul(v, t), mh(v[..., :n, :])), out)


@public
def orgqr(input: Any, input2: Any, *, out: Any = None) -> Any:
    """The first columns of a product of reflections; see :func:`nnlite.linalg.householder_product`."""
    return householder_product(input, input2, out=out)


@public
def ormqr(input: Any, tau: Any, other: Any, left: bool = True, transpose: bool = False, *, out: Any = None) -> Any:
    """Q ``other`` (``other`` Q unless ``left``; of Q^H with ``transpose``), Q the whole product of the reflections.

    Shape: input (..., m, k), tau (..., k), other (..., m, n), or (..., n, m) unless ``left``.

    Raises:
        RuntimeError: shapes do not fit, or dtypes differ.
    """
    name = "torch.ormqr"
    _check(name, input, tau)
    if other._a.ndim < 2:
        raise RuntimeError(f"{name}: other must have at least 2 dimensions.")
    axis = -2 if left else -1
    if tau._a.shape[-1] > other._a.shape[axis]:
        raise RuntimeError(f"{name}: other.shape[{axis}] must be greater than or equal to tau.shape[-1]")
    if input._a.shape[-2] != other._a.shape[axis]:
        raise RuntimeError(f"{name}: other.shape[{axis}] must be equal to input.shape[-2]")
    if tau._a.shape[-1] != min(other._a.shape[axis], input._a.shape[-1]):
        raise RuntimeError(f"{name}: tau.shape[-1] must be equal to min(other.shape[{axis}], input.shape[-1])")
    if other._a.ndim != input._a.ndim or other._a.shape[:-2] != input._a.shape[:-2]:
        raise RuntimeError(
            f"{name}: Expected batch dimensions of other to be equal to input.shape[:-2], but got "
            f"{list(other._a.shape[:-2])}"
        )
    if other._a.dtype != input._a.dtype:
        raise RuntimeError(
            f"{name}: Expected input and other to have the same dtype, but input has dtype {title(input)} and other "
            f"has dtype {title(other)}"
        )
    v, t = _compact(input, tau)
    t = mh(t) if transpose else t
    change = matmul(v, matmul(t, matmul(mh(v), other))) if left else matmul(matmul(matmul(other, v), t), mh(v))
    return written(other - change, out)
