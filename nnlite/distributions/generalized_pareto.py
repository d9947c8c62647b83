"""Generalized Pareto numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from .._core.size import Size
from .._functions import rand, where
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """Excesses over a threshold: p(x) = (1 + c z)^(-1 - 1 / c) / scale with z = (x - loc) / scale.

    At c = 0 that is exp(-z) / scale.

    Args:
        loc: the threshold. scale: the width. concentration: c; below 0 there is a largest value loc - scale / c.

    Shape: batch as the parameters broadcast; event ().

    Example:
        >>> import nnlite
        >>> nnlite.distributions.GeneralizedPareto(0.0, 1.0, 0.5).mean
        tensor(2.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True
    _parameter_dims: ClassVar[dict[str, int]] = {"loc": 0, "scale": 0, "concentration": 0}

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        largest = self.loc - self.scale / self.concentration
        return constraints.interval(self.loc, where(self.concentration < 0, largest, math.inf))

    def _split(self) -> tuple[Any, Any]:
        """Where the concentration counts as 0, and the concentration with 1 in these places."""
        zero = self.concentration.isclose(self.concentration.new_zeros(()))
        return zero, self.concentration.masked_fill(zero, 1.0)

    def rsample(self, sample_shape: Any = Size()) -> Any:  # noqa: B008
        u = rand(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.icdf(u)

    def log_prob(self, value: Any) -> Any:
        z = (self._checked(value) - self.loc) / self.scale
        zero, c = self._split()
        return where(zero, -z, -(1 + 1 / c) * (c * z).log1p()) - self.scale.log()

    def log_survival_function(self, value: Any) -> Any:
        """The logarithm of the probability of a sample above ``value``."""
        z = (self._checked(value) - self.loc) / self.scale
        zero, c = self._split()
        return where(zero, -z, -(c * z).log1p() / c)

    def log_cdf(self, value: Any) -> Any:
        """The logarithm of ``cdf``."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value: Any) -> Any:
        return self.log_cdf(value).exp()

    def icdf(self, value: Any) -> Any:
        zero, c = self._split()
        log_rest = (-value).log1p()
        return self.loc + self.scale * where(zero, -log_rest, (-c * log_rest).expm1() / c)

    def _moment(self, limit: float, formula: Callable[[Any], Any]) -> Any:
        """A formula of the concentration where that is below a limit, else nan."""
        exists = self.concentration < limit
        return where(exists, formula(self.concentration.masked_fill(~exists, limit / 2)), math.nan)

    @property
    def mean(self) -> Any:
        """The mean; nan from a concentration of 1 on, as in PyTorch."""
        return self._moment(1, lambda c: self.loc + self.scale / (1 - c))

    @property
    def variance(self) -> Any:
        """The variance; nan from a concentration of 1/2 on, as in PyTorch."""
        return self._moment(0.5, lambda c: self.scale.square() / ((1 - c).square() * (1 - 2 * c)))

    def entropy(self) -> Any:
        return self.scale.log() + self.concentration + 1

    @property
    def mode(self) -> Any:
        return self.loc
