"""Batches of triangular matrices."""

from __future__ import annotations

from typing import Any

from .. import linalg
from .._functions import broadcast_tensors, eye


def half_log_det(tril: Any) -> Any:
    """The logarithm of the determinant of triangular matrices with a positive diagonal."""
    return tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def mahalanobis(tril: Any, x: Any) -> Any:
    """x^T (L L^T)^-1 x of vectors (*, n) and lower triangular matrices (*, n, n), which broadcast.

    Each matrix is solved once for all vectors that belong to it, not copied for each.
    """
    n, batch = x.shape[-1], tril.shape[:-2]
    x = x.expand((*broadcast_tensors(x[..., 0], tril[..., 0, 0])[0].shape, n))
    full = x.shape[:-1]
    if batch.numel() == 1:
        solved = linalg.solve_triangular(tril.reshape(n, n), x.reshape(-1, n).mT, upper=False)
        return solved.square().sum(-2).reshape(full)
    kept = full[len(full) - len(batch) :]
    columns = x.reshape((full[: len(full) - len(batch)].numel(), *kept, n)).movedim(0, -1)
    solved = linalg.solve_triangular(tril.expand((*kept, n, n)), columns, upper=False)
    return solved.square().sum(-2).movedim(-1, 0).reshape(full)


def precision_to_scale_tril(precision: Any) -> Any:
    """L with L L^T = P^-1: the inverse of the Cholesky factor of P, taken from its other corner."""
    flipped = linalg.cholesky(precision.flip((-2, -1)))
    upper = flipped.flip((-2, -1)).mT
    identity = eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
    return linalg.solve_triangular(upper, identity.expand(upper.shape), upper=False)


def covariance_of(tril: Any) -> Any:
    """L L^T."""
    return tril @ tril.mT


def precision_of(tril: Any) -> Any:
    """(L L^T)^-1."""
    identity = eye(tril.shape[-1], dtype=tril.dtype, device=tril.device)
    inverse = linalg.solve_triangular(tril, identity.expand(tril.shape), upper=False)
    return inverse.mT @ inverse
