"""Parameters that are given as probabilities or as logits."""

from __future__ import annotations

from typing import Any

from .._core.size import Size
from .distribution import Distribution
from .utils import lazy_property, logits_to_probs, probs_to_logits


class ProbsOrLogits(Distribution):
    """A distribution with the parameter ``probs`` or ``logits``; the other is worked out when it is asked for."""

    _is_binary = True
    """Whether logits are log-odds of one event; else they are logarithms of the probabilities of categories."""

    @lazy_property
    def probs(self) -> Any:
        """The probabilities."""
        return logits_to_probs(self.logits, self._is_binary)

    @lazy_property
    def logits(self) -> Any:
        """The log-odds, or the logarithms of the probabilities of categories."""
        return probs_to_logits(self.probs, self._is_binary)

    @property
    def _param(self) -> Any:
        """The parameter that was given."""
        return self.probs if "probs" in self.__dict__ else self.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        shape: Size = self._param.size()
        return shape


class OfCategorical(Distribution):
    """A distribution made of a `Categorical` in ``_categorical``, whose parameters it shows as its own."""

    _categorical: Any

    @property
    def probs(self) -> Any:
        """The probabilities of the categories."""
        return self._categorical.probs

    @property
    def logits(self) -> Any:
        """The logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def _param(self) -> Any:
        return self._categorical._param

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        shape: Size = self._categorical.param_shape
        return shape
