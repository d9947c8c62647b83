"""Covariance matrices of normal vectors."""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar

from .. import linalg
from .._core.size import Size
from .._functions import arange, broadcast_tensors, mvlgamma, tensor
from .._info import finfo
from ..tensor import Tensor
from . import constraints
from ._matrices import covariance_of, half_log_det, precision_of, precision_to_scale_tril
from .chi2 import Chi2
from .exp_family import ExponentialFamily
from .utils import _standard_normal, lazy_property

__all__ = ["Wishart"]


class Wishart(ExponentialFamily):
    """Sums of df outer products x x^T of normal vectors with the covariance V (n, n).

    p(X) = det X^((df - n - 1) / 2) exp(-tr(V^-1 X) / 2) / (2^(df n / 2) det V^(df / 2) Gamma_n(df / 2)).

    Samples by Bartlett's decomposition. With df below n they come close to singular ones; those that are singular are
    drawn again.

    Args:
        df: degrees of freedom, above n - 1. covariance_matrix: V (*, n, n). precision_matrix: its inverse. scale_tril:
            its Cholesky factor. One of the three is given.

    Shape: batch as the parameters broadcast; event (n, n).

    Raises:
        ValueError: a matrix has too few dimensions, or ``df`` is too small. AssertionError: not one of the matrices is
            given.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.Wishart(nnlite.tensor(3.0), nnlite.eye(2)).mean
        tensor([[3., 0.],
                [0., 3.]])
    """

    support = constraints.positive_definite
    has_rsample = True
    _parameter_dims: ClassVar[dict[str, int]] = {
        "df": 0,
        "covariance_matrix": 2,
        "precision_matrix": 2,
        "scale_tril": 2,
    }
    _mean_carrier_measure = 0

    @property
    def arg_constraints(self) -> Any:
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self._event_shape[-1] - 1),
        }

    def __init__(
        self,
        df: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        matrices = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        given = {name: m for name, m in matrices.items() if m is not None}
        if len(given) != 1:
            raise AssertionError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given.items()
        if matrix.dim() < 2:
            raise ValueError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        df = df if isinstance(df, Tensor) else tensor(df, dtype=matrix.dtype, device=matrix.device)
        batch, event = broadcast_tensors(df, matrix[..., 0, 0])[0].shape, matrix.shape[-2:]
        if bool(df.le(event[-1] - 1).any()):
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {event[-1] - 1}.")
        self.df = df.expand(batch)
        setattr(self, name, matrix.expand(batch + event))
        super().__init__(batch, event, validate_args=validate_args)
        if bool(self.df.lt(event[-1]).any()):
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        if scale_tril is not None:
            self._unbroadcasted_scale_tril = scale_tril
        elif covariance_matrix is not None:
            self._unbroadcasted_scale_tril = linalg.cholesky(covariance_matrix)
        else:
            self._unbroadcasted_scale_tril = precision_to_scale_tril(precision_matrix)
        self._chi2 = self._diagonal()

    def _diagonal(self) -> Chi2:
        """The distribution of the squares on the diagonal of Bartlett's factor."""
        n = self._event_shape[-1]
        places = arange(n, dtype=self._unbroadcasted_scale_tril.dtype, device=self.df.device)
        return Chi2(self.df.unsqueeze(-1) - places.expand((*self._batch_shape, n)))

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        new._chi2 = new._diagonal()
        return new

    def _to_batch(self, matrix: Any) -> Any:
        return matrix.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Any:
        """The Cholesky factor of V."""
        return self._to_batch(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Any:
        """V."""
        return self._to_batch(covariance_of(self._unbroadcasted_scale_tril))

    @lazy_property
    def precision_matrix(self) -> Any:
        """The inverse of V."""
        return self._to_batch(precision_of(self._unbroadcasted_scale_tril))

    def _of_matrix(self, factor: Any) -> Any:
        """A number of each distribution, with dimensions for the event."""
        return factor.reshape((*self._batch_shape, 1, 1))

    @property
    def mean(self) -> Any:
        return self._of_matrix(self.df) * self.covariance_matrix

    @property
    def mode(self) -> Any:
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        return self._of_matrix(factor.masked_fill(factor <= 0, math.nan)) * self.covariance_matrix

    @property
    def variance(self) -> Any:
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self._of_matrix(self.df) * (v.square() + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def _bartlett_sampling(self, sample_shape: Any = Size()) -> Any:  # noqa: B008
        """L A A^T L^T for lower triangular A of normal numbers and, on the diagonal, roots of chi-squared ones."""
        diagonal = self._chi2.rsample(sample_shape).clamp(min=finfo(self.df.dtype).tiny).sqrt()
        noise = _standard_normal(self._extended_shape(sample_shape), self.df.dtype, self.df.device)
        factor = self._unbroadcasted_scale_tril @ (noise.tril(-1) + diagonal.diag_embed())
        return factor @ factor.mT

    def rsample(self, sample_shape: Any = Size(), max_try_correction: int | None = None) -> Any:  # noqa: B008
        """Samples that can be differentiated; singular ones are drawn again ``max_try_correction`` (10) times."""
        sample = self._bartlett_sampling(sample_shape)
        singular = ~self.support.check(sample)
        for _ in range(10 if max_try_correction is None else max_try_correction):
            if not bool(singular.any()):
                break
            warnings.warn("Singular sample detected.", stacklevel=2)
            again = self._bartlett_sampling(sample_shape)
            sample = again.where(singular[..., None, None], sample)
            singular = singular & ~self.support.check(again)
        return sample

    def log_prob(self, value: Any) -> Any:
        value, df, n = self._checked(value), self.df, self._event_shape[-1]
        tril = self._unbroadcasted_scale_tril
        trace = linalg.solve_triangular(tril, linalg.cholesky(value), upper=False).square().sum((-2, -1))
        return (
            -df * (0.5 * n * math.log(2) + half_log_det(tril))
            - mvlgamma(df / 2, p=n)
            + (df - n - 1) / 2 * linalg.slogdet(value).logabsdet
            - trace / 2
        )

    def entropy(self) -> Any:
        df, n = self.df, self._event_shape[-1]
        places = arange(n, dtype=df.dtype, device=df.device)
        digammas = (df.unsqueeze(-1) / 2 - 0.5 * places).digamma().sum(-1)
        return (
            (n + 1) * (0.5 * n * math.log(2) + half_log_det(self._unbroadcasted_scale_tril))
            + mvlgamma(df / 2, p=n)
            - (df - n - 1) / 2 * digammas
            + df * n / 2
        )

    @property
    def _natural_params(self) -> Any:
        return 0.5 * self.df, -0.5 * self.precision_matrix

    def _log_normalizer(self, x: Any, y: Any) -> Any:
        n = self._event_shape[-1]
        return x * (-linalg.slogdet(-2 * y).logabsdet + n * math.log(2)) + mvlgamma(x, n)
