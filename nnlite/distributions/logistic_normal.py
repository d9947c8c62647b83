"""Logistic-normal vectors."""

from __future__ import annotations

from typing import Any, ClassVar

from . import constraints
from .normal import Normal
from .transformed_distribution import TransformedDistribution
from .transforms import StickBreakingTransform

__all__ = ["LogisticNormal"]


class LogisticNormal(TransformedDistribution):
    """Normal vectors of n numbers turned into n + 1 probabilities by `StickBreakingTransform`.

    Args:
        loc, scale: the means and standard deviations of the n normal numbers, along the last dimension.

    Shape: batch as the parameters broadcast without their last dimension; event (n + 1).

    Example:
        >>> import nnlite
        >>> sample = nnlite.distributions.LogisticNormal(nnlite.zeros(3), nnlite.ones(3)).sample()
        >>> sample.shape, abs(sample.sum().item() - 1) < 1e-5
        (torch.Size([4]), True)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, _instance=self._get_checked_instance(LogisticNormal, _instance))

    @property
    def loc(self) -> Any:
        """The means of the normal numbers."""
        return self.base_dist.base_dist.loc

    @property
    def scale(self) -> Any:
        """The standard deviations of the normal numbers."""
        return self.base_dist.base_dist.scale
