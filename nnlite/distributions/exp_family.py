"""Exponential families."""

from __future__ import annotations

from typing import Any

from ..autograd import grad
from .distribution import Distribution
from .utils import _sum_rightmost

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """A family with the density p(x; theta) = exp(<t(x), theta> - F(theta) + k(x)).

    theta are the natural parameters, t the sufficient statistic, F the log normalizer, k the carrier measure. The
    entropy is F(theta) - <theta, grad F(theta)> - E[k(x)], which is a Bregman divergence: F. Nielsen and R. Nock,
    "Entropies and cross-entropies of exponential families", ICIP 2010.

    Example:
        >>> import nnlite
        >>> isinstance(nnlite.distributions.Normal(0.0, 1.0), nnlite.distributions.ExponentialFamily)
        True
    """

    @property
    def _natural_params(self) -> Any:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Any) -> Any:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> Any:
        raise NotImplementedError

    def entropy(self) -> Any:
        """The entropy, by the derivative of the log normalizer."""
        result = -self._mean_carrier_measure
        natural = [p.detach().requires_grad_() for p in self._natural_params]
        log_normalizer = self._log_normalizer(*natural)
        gradients = grad(log_normalizer.sum(), natural, create_graph=True)
        result = result + log_normalizer
        for parameter, gradient in zip(natural, gradients, strict=True):
            term = parameter * gradient
            result = result - _sum_rightmost(term, term.dim() - len(self._batch_shape))
        return result
