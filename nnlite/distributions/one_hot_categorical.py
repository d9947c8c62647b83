"""One of several categories, as a vector."""

from __future__ import annotations

from typing import Any, ClassVar

from .._core.size import Size
from .._functions import eye
from ..nn.functional import one_hot
from . import constraints
from ._probs_or_logits import OfCategorical
from .categorical import Categorical

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]


class OneHotCategorical(OfCategorical):
    """Vectors of K zeros but one: P(x) = probs_k where x_k = 1.

    Args:
        probs: what the probabilities along the last dimension are proportional to. logits: logarithms of that; one of
            both is given.

    Shape: batch as the parameter without its last dimension (K), which is the event's.

    Raises:
        ValueError: both or none of the parameters are given, or the parameter has no dimension.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.OneHotCategorical(nnlite.tensor([0.0, 1.0])).sample()
        tensor([0., 1.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._categorical = Categorical(probs, logits)
        shape = self._categorical.param_shape
        super().__init__(self._categorical.batch_shape, shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(OneHotCategorical, _instance)
        batch_shape = Size(batch_shape)
        new._categorical = self._categorical.expand(batch_shape)
        return self._finish_expand(new, batch_shape)

    @property
    def mean(self) -> Any:
        return self.probs

    @property
    def mode(self) -> Any:
        return one_hot(self._categorical.mode, self._event_shape[-1]).to(self.probs)

    @property
    def variance(self) -> Any:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = Size()) -> Any:  # noqa: B008
        return one_hot(self._categorical.sample(sample_shape), self._event_shape[-1]).to(self._param)

    def log_prob(self, value: Any) -> Any:
        return self._categorical.log_prob(self._checked(value).max(-1)[1])

    def entropy(self) -> Any:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Any:
        n = self._event_shape[0]
        values = eye(n, dtype=self._param.dtype, device=self._param.device)
        values = values.view((n, *(1 for _ in self._batch_shape), n))
        return values.expand((n, *self._batch_shape, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """`OneHotCategorical` whose samples have the gradient of the probabilities.

    Y. Bengio, N. Léonard and A. Courville, "Estimating or propagating gradients through stochastic neurons for
    conditional computation", 2013.

    Example:
        >>> import nnlite
        >>> probs = nnlite.tensor([0.5, 0.5], requires_grad=True)
        >>> nnlite.distributions.OneHotCategoricalStraightThrough(probs).rsample()[0].backward()
        >>> probs.grad
        tensor([ 0.5000, -0.5000])
    """

    has_rsample = True

    def rsample(self, sample_shape: Any = Size()) -> Any:  # noqa: B008
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
