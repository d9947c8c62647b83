"""Normal vectors whose covariance is a diagonal and a few directions."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import linalg
from .._core.size import Size
from .._functions import broadcast_tensors, eye
from . import constraints
from ._matrices import half_log_det, mahalanobis
from .distribution import Distribution
from .utils import _standard_normal, lazy_property

__all__ = ["LowRankMultivariateNormal"]


class LowRankMultivariateNormal(Distribution):
    """Normal vectors with the covariance W W^T + D, for W (n, m) and a diagonal D.

    The inverse is D^-1 - D^-1 W (I + W^T D^-1 W)^-1 W^T D^-1 (Woodbury), so that m instead of n counts in the cost.

    Args:
        loc: the mean (*, n). cov_factor: W (*, n, m). cov_diag: the diagonal of D (*, n), positive.

    Shape: batch as the parameters broadcast; event (n).

    Raises:
        ValueError: shapes do not fit.

    Example:
        >>> import nnlite
        >>> d = nnlite.distributions.LowRankMultivariateNormal(nnlite.zeros(2), nnlite.ones(2, 1), nnlite.ones(2))
        >>> d.covariance_matrix
        tensor([[2., 1.],
                [1., 2.]])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True
    _parameter_dims: ClassVar[dict[str, int]] = {"loc": 1, "cov_factor": 2, "cov_diag": 1}

    def __init__(self, loc: Any, cov_factor: Any, cov_diag: Any, validate_args: bool | None = None) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
        if cov_factor.shape[-2:-1] != event:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {event[0]} x m")
        if cov_diag.shape[-1:] != event:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event}")
        try:
            batch = broadcast_tensors(loc[..., 0], cov_factor[..., 0, 0], cov_diag[..., 0])[0].shape
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, cov_diag {cov_diag.shape}"
            ) from error
        self.loc, self.cov_diag = loc.expand(batch + event), cov_diag.expand(batch + event)
        self.cov_factor = cov_factor.expand(batch + cov_factor.shape[-2:])
        self._factor, self._diag = cov_factor, cov_diag  # as they were given, not repeated over the batch
        super().__init__(batch, event, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._factor, new._diag = self._factor, self._diag
        return new

    @lazy_property
    def _capacitance_tril(self) -> Any:
        """The Cholesky factor of I + W^T D^-1 W."""
        weighted = self._factor.mT / self._diag.unsqueeze(-2)
        m = self._factor.shape[-1]
        return linalg.cholesky(weighted @ self._factor + eye(m, dtype=weighted.dtype, device=weighted.device))

    def _to_batch(self, matrix: Any) -> Any:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @lazy_property
    def variance(self) -> Any:
        return (self._factor.square().sum(-1) + self._diag).expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Any:
        """The Cholesky factor of the covariance."""
        return self._to_batch(linalg.cholesky(self.covariance_matrix))

    @lazy_property
    def covariance_matrix(self) -> Any:
        """The covariance W W^T + D."""
        return self._to_batch(self._factor @ self._factor.mT + self._diag.diag_embed())

    @lazy_property
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        weighted = self._factor.mT / self._diag.unsqueeze(-2)
        solved = linalg.solve_triangular(self._capacitance_tril, weighted, upper=False)
        return self._to_batch(self._diag.reciprocal().diag_embed() - solved.mT @ solved)

    def rsample(self, sample_shape: Any = Size()) -> Any:  # noqa: B008
        shape = self._extended_shape(sample_shape)
        few = _standard_normal(shape[:-1] + self.cov_factor.shape[-1:], self.loc.dtype, self.loc.device)
        own = _standard_normal(shape, self.loc.dtype, self.loc.device)
        return self.loc + (self._factor @ few.unsqueeze(-1)).squeeze(-1) + self._diag.sqrt() * own

    def _half_log_det(self) -> Any:
        return half_log_det(self._capacitance_tril) + 0.5 * self._diag.log().sum(-1)

    def _distance(self, x: Any) -> Any:
        """x^T (W W^T + D)^-1 x."""
        weighted = self._factor.mT / self._diag.unsqueeze(-2)
        projected = (weighted @ x.unsqueeze(-1)).squeeze(-1)
        return (x.square() / self._diag).sum(-1) - mahalanobis(self._capacitance_tril, projected)

    def log_prob(self, value: Any) -> Any:
        distance = self._distance(self._checked(value) - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - self._half_log_det()

    def entropy(self) -> Any:
        constant = 0.5 * self._event_shape[0] * (1 + math.log(2 * math.pi))
        return (constant + self._half_log_det()).expand(self._batch_shape)
