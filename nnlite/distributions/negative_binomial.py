"""Successes before failures."""

from __future__ import annotations

from typing import Any, ClassVar

from .._core.grad_mode import no_grad
from .._core.size import Size
from .._functions import poisson
from ..nn.functional import logsigmoid
from . import constraints
from ._probs_or_logits import ProbsOrLogits
from .gamma import Gamma
from .utils import broadcast_all, check_one_given, lazy_property

__all__ = ["NegativeBinomial"]


class NegativeBinomial(ProbsOrLogits):
    """Successes before the r-th failure: P(k) = Gamma(k + r) / (k! Gamma(r)) (1 - probs)^r probs^k, k = 0, 1, ...

    Args:
        total_count: r, which need not be whole. probs: the probability of a success, in [0, 1). logits: its log-odds;
            one of both is given.

    Shape: batch as the parameters broadcast; event ().

    Raises:
        ValueError: both or none of ``probs`` and ``logits`` are given.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.NegativeBinomial(3, nnlite.tensor(0.5)).variance
        tensor(6.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    _parameter_dims: ClassVar[dict[str, int]] = {"total_count": 0, "probs": 0, "logits": 0}

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        check_one_given(probs=probs, logits=logits)
        if probs is not None:
            self.total_count, self.probs = broadcast_all(total_count, probs)
            self.total_count = self.total_count.type_as(self.probs)
        else:
            self.total_count, self.logits = broadcast_all(total_count, logits)
            self.total_count = self.total_count.type_as(self.logits)
        super().__init__(self._param.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Any:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0)

    @property
    def variance(self) -> Any:
        return self.mean / (-self.logits).sigmoid()

    @lazy_property
    def _gamma(self) -> Any:
        """The distribution of the rates whose Poisson numbers these are."""
        return Gamma(self.total_count, (-self.logits).exp(), validate_args=False)

    def sample(self, sample_shape: Any = Size()) -> Any:  # noqa: B008
        with no_grad():
            return poisson(self._gamma.sample(sample_shape))

    def log_prob(self, value: Any) -> Any:
        value, r = self._checked(value), self.total_count
        chance = r * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        ways = (r + value).lgamma() - (value + 1).lgamma() - r.lgamma()
        # Without failures to wait for there is one way to have no success.
        return chance + ways.masked_fill(r + value == 0, 0.0)
