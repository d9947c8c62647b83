"""Mixtures of distributions of one family."""

from __future__ import annotations

from typing import Any, ClassVar

from .._core.grad_mode import no_grad
from .._core.size import Size
from .._functions import log_softmax
from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """p(x) = sum_k w_k p_k(x): one of K distributions is drawn, and a sample from it.

    Args:
        mixture_distribution: a `Categorical` over the components, with the weights w.
        component_distribution: a distribution whose last batch dimension are the components.

    Shape: batch of the components without their last dimension; event of the components.

    Raises:
        ValueError: an argument is no such distribution, or their shapes do not fit.

    Example:
        >>> import nnlite
        >>> d = nnlite.distributions
        >>> weights = d.Categorical(nnlite.tensor([0.25, 0.75]))
        >>> d.MixtureSameFamily(weights, d.Normal(nnlite.tensor([0.0, 4.0]), 1.0)).mean
        tensor(3.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = False

    def __init__(
        self, mixture_distribution: Any, component_distribution: Any, validate_args: bool | None = None
    ) -> None:
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(" The Mixture distribution needs to be an  instance of torch.distributions.Categorical")
        if not isinstance(component_distribution, Distribution):
            raise ValueError("The Component distribution needs to be an instance of torch.distributions.Distribution")
        ours, batch = mixture_distribution.batch_shape, component_distribution.batch_shape[:-1]
        for a, b in zip(reversed(ours), reversed(batch), strict=False):
            if a != 1 and b != 1 and a != b:
                raise ValueError(f"`mixture_distribution.batch_shape` ({ours}) is not compatible with "
                                 f"`component_distribution.batch_shape`({batch})")  # fmt: skip
        weights, components = mixture_distribution.logits.shape[-1], component_distribution.batch_shape[-1]
        if weights != components:
            raise ValueError(f"`mixture_distribution component` ({weights}) does not equal "
                             f"`component_distribution.batch_shape[-1]` ({components})")  # fmt: skip
        self._num_component = weights
        self._event_ndims = len(component_distribution.event_shape)
        super().__init__(batch, component_distribution.event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(MixtureSameFamily, _instance)
        batch_shape = Size(batch_shape)
        new._component_distribution = self._component_distribution.expand((*batch_shape, self._num_component))
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        new._num_component, new._event_ndims = self._num_component, self._event_ndims
        return self._finish_expand(new, batch_shape)

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Any:
        """The distribution over the components."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Any:
        """The components."""
        return self._component_distribution

    def _weights(self) -> Any:
        """The weights, with dimensions for the event after them."""
        probs = self._mixture_distribution.probs
        return probs.reshape((*probs.shape, *(1 for _ in range(self._event_ndims))))

    @property
    def mean(self) -> Any:
        return (self._weights() * self._component_distribution.mean).sum(-1 - self._event_ndims)

    @property
    def variance(self) -> Any:
        dim, weights, parts = -1 - self._event_ndims, self._weights(), self._component_distribution
        within = (weights * parts.variance).sum(dim)
        between = (weights * (parts.mean - self.mean.unsqueeze(dim)).square()).sum(dim)
        return within + between

    def cdf(self, value: Any) -> Any:
        chances = self._component_distribution.cdf(self._for_components(value))
        return (chances * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, value: Any) -> Any:
        log_prob = self._component_distribution.log_prob(self._for_components(self._checked(value)))
        return (log_prob + log_softmax(self._mixture_distribution.logits, -1)).logsumexp(-1)

    def sample(self, sample_shape: Any = Size()) -> Any:  # noqa: B008
        with no_grad():
            chosen = self._mixture_distribution.expand(self._batch_shape).sample(sample_shape)
            samples = self._component_distribution.sample(sample_shape)
            dim = samples.dim() - 1 - self._event_ndims
            chosen = chosen.reshape((*chosen.shape, 1, *(1 for _ in range(self._event_ndims))))
            chosen = chosen.expand((*chosen.shape[: dim + 1], *self._event_shape))
            return samples.gather(dim, chosen).squeeze(dim)

    def _for_components(self, value: Any) -> Any:
        """A value with a dimension over which the components broadcast."""
        return value.unsqueeze(-1 - self._event_ndims)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture_distribution},\n  {self._component_distribution})"
