"""Gamma numbers."""

from __future__ import annotations

from typing import Any, ClassVar

from .._core.size import Size
from .._functions import _standard_gamma
from .._info import finfo
from ..special import gammainc
from . import constraints
from .exp_family import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Gamma"]


class Gamma(ExponentialFamily):
    """Times to the n-th event, for any n: p(x) = rate^c x^(c - 1) exp(-rate x) / Gamma(c) with c = concentration.

    Args:
        concentration: the shape parameter, called alpha too. rate: one over the scale, called beta too.

    Shape: batch as the parameters broadcast; event (). Samples are differentiated implicitly (M. Figurnov, S. Mohamed
    and A. Mnih, "Implicit reparameterization gradients", NeurIPS 2018).

    Example:
        >>> import nnlite
        >>> nnlite.distributions.Gamma(3.0, 2.0).mean
        tensor(1.5000)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"concentration": constraints.positive, "rate": constraints.positive}
    support: Any = constraints.nonnegative
    has_rsample = True
    _parameter_dims: ClassVar[dict[str, int]] = {"concentration": 0, "rate": 0}
    _mean_carrier_measure = 0

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.concentration / self.rate

    @property
    def mode(self) -> Any:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Any:
        return self.concentration / self.rate.square()

    def rsample(self, sample_shape: Any = Size()) -> Any:  # noqa: B008
        shape = self._extended_shape(sample_shape)
        value = _standard_gamma(self.concentration.expand(shape)) / self.rate
        # Not recorded: the gradient of a number that was moved away from 0 stays.
        value.detach().clamp_(min=finfo(value.dtype).tiny)
        return value

    def log_prob(self, value: Any) -> Any:
        value = self._checked(value)
        return (
            self.concentration.xlogy(self.rate)
            + (self.concentration - 1).xlogy(value)
            - self.rate * value
            - self.concentration.lgamma()
        )

    def cdf(self, value: Any) -> Any:
        return gammainc(self.concentration, self.rate * self._checked(value))

    def entropy(self) -> Any:
        c = self.concentration
        return c - self.rate.log() + c.lgamma() + (1 - c) * c.digamma()

    @property
    def _natural_params(self) -> Any:
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, x: Any, y: Any) -> Any:
        return (x + 1).lgamma() + (x + 1) * (-y.reciprocal()).log()
