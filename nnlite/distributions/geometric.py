"""Failures before the first success."""

from __future__ import annotations

from typing import Any, ClassVar

from .._core.grad_mode import no_grad
from .._core.size import Size
from .._functions import rand
from .._info import finfo
from ..tensor import Tensor
from . import constraints
from ._probs_or_logits import ProbsOrLogits
from .utils import binary_cross_entropy, broadcast_all, check_one_given

__all__ = ["Geometric"]


class Geometric(ProbsOrLogits):
    """How many trials fail before one succeeds: P(k) = (1 - probs)^k probs for k = 0, 1, ...

    Args:
        probs: the probability of a success, in (0, 1]. logits: its log-odds; one of both is given.

    Shape: batch as the parameter; event ().

    Raises:
        ValueError: both or none of the parameters are given.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.Geometric(0.25).mean
        tensor(3.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer
    _parameter_dims: ClassVar[dict[str, int]] = {"probs": 0, "logits": 0}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        check_one_given(probs=probs, logits=logits)
        if probs is not None:
            (self.probs,) = broadcast_all(probs)
        else:
            (self.logits,) = broadcast_all(logits)
        super().__init__(self._param.shape, validate_args=validate_args)
        if self._validate_args and probs is not None:
            self._check_positive(self.probs)

    def _check_positive(self, probs: Any) -> None:
        bad = ~(probs > 0)
        if bool(bad.any()):
            raise ValueError(
                f"Expected parameter probs ({Tensor.__name__} of shape {tuple(probs.shape)}) of distribution "
                f"{self!r} to be positive but found invalid values:\n{probs[bad]}"
            )

    @property
    def mean(self) -> Any:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Any:
        return self.probs * 0

    @property
    def variance(self) -> Any:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Any = Size()) -> Any:  # noqa: B008
        with no_grad():
            shape = self._extended_shape(sample_shape)
            u = rand(shape, dtype=self.probs.dtype, device=self.probs.device)
            return (u.clamp(min=finfo(u.dtype).tiny).log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Any) -> Any:
        value, probs = broadcast_all(self._checked(value), self.probs)
        probs = probs.masked_fill((probs == 1) & (value == 0), 0)  # 0 log 0 is 0
        return value * (-probs).log1p() + self.probs.log()

    def entropy(self) -> Any:
        return binary_cross_entropy(self.logits, self.probs) / self.probs
