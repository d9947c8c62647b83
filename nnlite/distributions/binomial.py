"""How many trials succeed."""

from __future__ import annotations

from typing import Any, ClassVar

from .._core.grad_mode import no_grad
from .._core.size import Size
from .._functions import arange, binomial
from ..nn.functional import logsigmoid
from . import constraints
from ._probs_or_logits import ProbsOrLogits
from .utils import broadcast_all, check_one_given

__all__ = ["Binomial"]


class Binomial(ProbsOrLogits):
    """Successes in n trials: P(k) = n! / (k! (n - k)!) probs^k (1 - probs)^(n - k) for k = 0, ..., n.

    Args:
        total_count: n. probs: the probability of a success. logits: its log-odds; one of both is given.

    Shape: batch as the parameters broadcast; event ().

    Raises:
        ValueError: both or none of ``probs`` and ``logits`` are given.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.Binomial(4, nnlite.tensor(0.5)).mean
        tensor(2.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True
    _parameter_dims: ClassVar[dict[str, int]] = {"total_count": 0, "probs": 0, "logits": 0}

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        check_one_given(probs=probs, logits=logits)
        if probs is not None:
            self.total_count, self.probs = broadcast_all(total_count, probs)
            self.total_count = self.total_count.type_as(self.probs)
        else:
            self.total_count, self.logits = broadcast_all(total_count, logits)
            self.total_count = self.total_count.type_as(self.logits)
        super().__init__(self._param.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Any:
        return self.total_count * self.probs

    @property
    def mode(self) -> Any:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Any:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = Size()) -> Any:  # noqa: B008
        with no_grad():
            shape = self._extended_shape(sample_shape)
            return binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Any) -> Any:
        value, n = self._checked(value), self.total_count
        ways = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        return ways + value * self.logits + n * logsigmoid(-self.logits)

    def _one_count(self, function: str) -> int:
        """n as a number, which all distributions of the batch have to share."""
        highest = int(self.total_count.max())
        if not bool(self.total_count.min() == highest):
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{function}`.")
        return highest

    def entropy(self) -> Any:
        self._one_count("entropy")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Any:
        n = self._one_count("enumerate_support")
        values = arange(1 + n, dtype=self._param.dtype, device=self._param.device)
        values = values.view((-1, *(1 for _ in self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values
