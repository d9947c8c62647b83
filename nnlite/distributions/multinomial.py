"""How often each category was drawn."""

from __future__ import annotations

from typing import Any, ClassVar

from .._core.size import Size
from .._functions import arange, broadcast_tensors, tensor
from . import constraints
from ._probs_or_logits import OfCategorical
from .binomial import Binomial
from .categorical import Categorical

__all__ = ["Multinomial"]


class Multinomial(OfCategorical):
    """Counts of K categories in n draws: P(x) = n! / prod x_k! prod probs_k^x_k for counts of sum n.

    Args:
        total_count: n, one number for the batch. probs: what the probabilities along the last dimension are
            proportional to. logits: logarithms of that; one of both is given.

    Shape: batch as the parameter without its last dimension (K), which is the event's.

    Raises:
        NotImplementedError: ``total_count`` is no int. ValueError: as in `Categorical`.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.Multinomial(4, nnlite.tensor([1.0, 3.0])).mean
        tensor([1., 3.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    total_count: int

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        self._binomial = Binomial(total_count=total_count, probs=self.probs)
        shape = self._categorical.param_shape
        super().__init__(self._categorical.batch_shape, shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Multinomial, _instance)
        batch_shape = Size(batch_shape)
        new.total_count = self.total_count
        new._categorical = self._categorical.expand(batch_shape)
        new._binomial = self._binomial.expand(batch_shape + self._event_shape)
        return self._finish_expand(new, batch_shape)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Any:
        return self.probs * self.total_count

    @property
    def variance(self) -> Any:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = Size()) -> Any:  # noqa: B008
        drawn = self._categorical.sample((*sample_shape, self.total_count))
        # The draws go last, and each adds 1 to the count of its category.
        drawn = drawn.movedim(len(tuple(sample_shape)), -1)
        counts = self._param.new_zeros(self._extended_shape(sample_shape))
        counts.scatter_add_(-1, drawn, counts.new_ones(()).expand(drawn.shape))
        return counts

    def entropy(self) -> Any:
        n = tensor(self.total_count, dtype=self._param.dtype, device=self._param.device)
        draws = n * self._categorical.entropy() - (n + 1).lgamma()
        # The mean of log x_k! by the probabilities of the counts of one category.
        counts = arange(1 + self.total_count, dtype=n.dtype, device=n.device)
        counts = counts.view((-1, *(1 for _ in self.param_shape)))[1:]
        chances = self._binomial.log_prob(counts).exp()
        return draws + (chances * (counts + 1).lgamma()).sum((0, -1))

    def log_prob(self, value: Any) -> Any:
        logits, value = broadcast_tensors(self.logits, self._checked(value))
        # 0 times the logit -inf of an impossible category is 0.
        logits = logits.masked_fill((value == 0) & (logits == -float("inf")), 0)
        return (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1) + (logits * value).sum(-1)
