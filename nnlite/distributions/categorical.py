"""One of several categories."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .._core.grad_mode import no_grad
from .._core.size import Size
from .._functions import arange, broadcast_tensors, full, multinomial
from .._info import finfo
from . import constraints
from ._probs_or_logits import ProbsOrLogits
from .utils import check_one_given

__all__ = ["Categorical"]


class Categorical(ProbsOrLogits):
    """The number of one of K categories: P(k) = probs_k for k = 0, ..., K - 1.

    Args:
        probs: what the probabilities along the last dimension are proportional to. logits: logarithms of that; one of
            both is given.

    Shape: batch as the parameter without its last dimension (K); event (). Samples are int64.

    Raises:
        ValueError: both or none of the parameters are given, or the parameter has no dimension.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.Categorical(nnlite.tensor([1.0, 3.0])).probs
        tensor([0.2500, 0.7500])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _is_binary = False
    _parameter_dims: ClassVar[dict[str, int]] = {"probs": 1, "logits": 1}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        check_one_given(probs=probs, logits=logits)
        name, given = ("probs", probs) if probs is not None else ("logits", logits)
        if given.dim() < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if probs is not None:
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = logits - logits.logsumexp(dim=-1, keepdim=True)
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._num_events = self._num_events
        return new

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Any:
        return full(self._extended_shape(), math.nan, dtype=self._param.dtype, device=self._param.device)

    @property
    def mode(self) -> Any:
        return self._param.argmax(dim=-1)

    @property
    def variance(self) -> Any:
        return self.mean

    def sample(self, sample_shape: Any = Size()) -> Any:  # noqa: B008
        with no_grad():
            sample_shape = Size(sample_shape)
            rows = self.probs.reshape(-1, self._num_events)
            drawn = multinomial(rows, sample_shape.numel(), True) if sample_shape.numel() else _none_of(rows)
            return drawn.T.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Any) -> Any:
        value = self._checked(value).long().unsqueeze(-1)
        value, logits = broadcast_tensors(value, self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self) -> Any:
        # A probability of 0 has the logit -inf, of which only 0 times a finite number is 0.
        logits = self.logits.clamp(min=finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Any:
        values = arange(self._num_events, device=self._param.device)
        values = values.view((-1, *(1 for _ in self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values


def _none_of(rows: Any) -> Any:
    """No draws of each row."""
    return rows.new_empty((rows.shape[0], 0)).long()
