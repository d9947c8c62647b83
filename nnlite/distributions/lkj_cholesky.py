"""Cholesky factors of correlation matrices."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .._core.size import Size
from .._functions import arange, mvlgamma
from ..nn.functional import pad
from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import _standard_normal, broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Lower Cholesky factors L of correlation matrices (n, n) with the density p(L L^T) ~ det(L L^T)^(c - 1).

    At concentration c = 1 all correlation matrices are equally likely. Samples by the onion method: D. Lewandowski,
    D. Kurowicka and H. Joe, "Generating random correlation matrices based on vines and extended onion method", Journal
    of Multivariate Analysis 100, 2009, section 3.

    Args:
        dim: n, at least 2. concentration: c.

    Shape: batch as the concentration; event (n, n).

    Raises:
        ValueError: ``dim`` is below 2.

    Example:
        >>> import nnlite
        >>> sample = nnlite.distributions.LKJCholesky(3, 0.5).sample()
        >>> nnlite.allclose((sample @ sample.mT).diagonal(), nnlite.ones(3))
        True
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        c = self.concentration
        # Row i = 1, ..., n - 1 has the squared length Beta(i / 2, c + (n - 1 - i) / 2) below the diagonal.
        rows = arange(dim - 1, dtype=c.dtype, device=c.device)
        self._beta = Beta(0.5 * (rows + 1), (c + 0.5 * (dim - 2)).unsqueeze(-1) - 0.5 * rows)
        super().__init__(c.shape, Size((dim, dim)), validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(LKJCholesky, _instance)
        batch_shape = Size(batch_shape)
        new.dim = self.dim
        new.concentration = self.concentration.expand(batch_shape)
        new._beta = self._beta.expand((*batch_shape, self.dim - 1))
        return self._finish_expand(new, batch_shape)

    def sample(self, sample_shape: Any = Size()) -> Any:  # noqa: B008
        length = pad(self._beta.sample(sample_shape).unsqueeze(-1), [0, 0, 1, 0])
        shape = self._extended_shape(sample_shape)
        direction = _standard_normal(shape, self.concentration.dtype, self.concentration.device).tril(-1)
        norm = direction.norm(dim=-1, keepdim=True)
        direction = direction / norm.masked_fill(norm == 0, 1.0)
        rest = (1 - length.squeeze(-1)).clamp(min=_tiny(length)).sqrt()
        return length.sqrt() * direction + rest.diag_embed()

    def log_prob(self, value: Any) -> Any:
        value, c, n = self._checked(value), self.concentration, self.dim
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        order = arange(2, n + 1, device=c.device)
        power = 2 * (c - 1).unsqueeze(-1) + n - order
        # The logarithm of the constant, with the multivariate gamma function (page 1999 of the source).
        half = 0.5 * (n - 1)
        alpha = c + half
        constant = 0.5 * (n - 1) * math.log(math.pi) + mvlgamma(alpha - 0.5, n - 1) - alpha.lgamma() * (n - 1)
        return (power * diagonal.log()).sum(-1) - constant


def _tiny(x: Any) -> float:
    from .._info import finfo

    return float(finfo(x.dtype).tiny)
