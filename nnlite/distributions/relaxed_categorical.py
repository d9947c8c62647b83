"""Vectors between one category and another."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .._core.size import Size
from .._functions import rand
from . import constraints
from ._probs_or_logits import OfCategorical
from .categorical import Categorical
from .transformed_distribution import TransformedDistribution
from .transforms import ExpTransform
from .utils import broadcast_all, clamp_probs

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(OfCategorical):
    """Logarithms of `RelaxedOneHotCategorical` samples: the log-softmax of (logits + Gumbel numbers) / temperature.

    C. J. Maddison, A. Mnih and Y. W. Teh, "The concrete distribution", ICLR 2017.

    Args:
        temperature: how soft the samples are. probs: what the probabilities along the last dimension are proportional
            to. logits: logarithms of that; one of both is given.

    Shape: batch as the parameter without its last dimension (K), which is the event's.

    Example:
        >>> import nnlite
        >>> from nnlite.distributions.relaxed_categorical import ExpRelaxedCategorical
        >>> ExpRelaxedCategorical(nnlite.tensor(1.0), nnlite.ones(3)).event_shape
        torch.Size([3])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits)
        self.temperature = temperature
        shape = self._categorical.param_shape
        super().__init__(self._categorical.batch_shape, shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(ExpRelaxedCategorical, _instance)
        batch_shape = Size(batch_shape)
        new.temperature = self.temperature
        new._categorical = self._categorical.expand(batch_shape)
        return self._finish_expand(new, batch_shape)

    def rsample(self, sample_shape: Any = Size()) -> Any:  # noqa: B008
        shape = self._extended_shape(sample_shape)
        u = clamp_probs(rand(shape, dtype=self.logits.dtype, device=self.logits.device))
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return scores - scores.logsumexp(dim=-1, keepdim=True)

    def log_prob(self, value: Any) -> Any:
        n = self._event_shape[-1]
        logits, value = broadcast_all(self.logits, self._checked(value))
        scale = math.lgamma(n) + (n - 1) * self.temperature.log()
        score = logits - value * self.temperature
        return (score - score.logsumexp(dim=-1, keepdim=True)).sum(-1) + scale


class RelaxedOneHotCategorical(TransformedDistribution):
    """Vectors of sum 1 that come close to one-hot as the temperature falls, and can be differentiated.

    E. Jang, S. Gu and B. Poole, "Categorical reparameterization with Gumbel-softmax", ICLR 2017.

    Args:
        temperature: how soft the samples are, a tensor. probs: what the probabilities along the last dimension are
            proportional to. logits: logarithms of that; one of both is given.

    Shape: batch as the parameter without its last dimension (K), which is the event's.

    Example:
        >>> import nnlite
        >>> d = nnlite.distributions.RelaxedOneHotCategorical(nnlite.tensor(0.5), nnlite.ones(3))
        >>> abs(d.sample().sum().item() - 1) < 1e-5
        True
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, _instance=self._get_checked_instance(RelaxedOneHotCategorical, _instance))

    @property
    def temperature(self) -> Any:
        """How soft the samples are."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Any:
        """The logarithms of the probabilities."""
        return self.base_dist.logits

    @property
    def probs(self) -> Any:
        """The probabilities of the categories."""
        return self.base_dist.probs
