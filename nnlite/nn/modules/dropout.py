"""Dropout as modules: active while training, the identity in evaluation."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _DropoutNd(Module):
    __constants__ = ["p", "inplace"]  # noqa: RUF012

    p: float
    inplace: bool

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Probability, and whether it is in place."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Sets each element to 0 with probability ``p`` and divides the others by 1 - p; in evaluation, the identity.

    Args:
        p: the probability of 0.
        inplace: write the result into the input.

    Shape: input and output (*), any shape.

    Raises:
        ValueError: ``p`` is not between 0 and 1.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.Dropout(0.5)
        >>> bool(((y := layer(nnlite.ones(1000))) == 0).any() and (y == 2).any())
        True
        >>> layer.eval()(nnlite.ones(3))
        tensor([1., 1., 1.])
    """

    def forward(self, input: Any) -> Any:
        """The input with elements dropped."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """Sets whole channels to 0 with probability ``p`` and divides the others by 1 - p; in evaluation, the identity.

    Args:
        p: the probability of 0.
        inplace: write the result into the input.

    Shape: input and output (N, C, H, W). As in PyTorch, (N, C, L) is taken too, with a warning.

    Raises:
        ValueError: ``p`` is not between 0 and 1.

    Example:
        >>> import nnlite
        >>> y = nnlite.nn.Dropout2d(0.5)(nnlite.ones(2, 3, 4, 4))
        >>> bool((y == y[:, :, :1, :1]).all())
        True
    """

    def forward(self, input: Any) -> Any:
        """The input with channels dropped."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """Sets whole channels to 0 with probability ``p`` and divides the others by 1 - p; in evaluation, the identity.

    Args:
        p: the probability.
        inplace: write the result into the input.

    Shape: input and output (N, C, L) or (C, L).

    Raises:
        ValueError: ``p`` is not between 0 and 1.

    Example:
        >>> import nnlite
        >>> y = nnlite.nn.Dropout1d(0.5)(nnlite.ones(2, 3, 4))
        >>> bool((y == y[:, :, :1]).all())
        True
    """

    def forward(self, input: Any) -> Any:
        """The input with a part dropped."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """Sets whole channels to 0 with probability ``p`` and divides the others by 1 - p; in evaluation, the identity.

    Args:
        p: the probability.
        inplace: write the result into the input.

    Shape: input and output (N, C, D, H, W) or (C, D, H, W).

    Raises:
        ValueError: ``p`` is not between 0 and 1.

    Example:
        >>> import nnlite
        >>> y = nnlite.nn.Dropout3d(0.5)(nnlite.ones(2, 3, 4, 4, 4))
        >>> bool((y == y[:, :, :1, :1, :1]).all())
        True
    """

    def forward(self, input: Any) -> Any:
        """The input with a part dropped."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout for networks with SELU: dropped elements get its lowest value, and mean and variance stay.

    Args:
        p: the probability.
        inplace: write the result into the input.

    Shape: input and output (*), any shape.

    Raises:
        ValueError: ``p`` is not between 0 and 1.

    Example:
        >>> import nnlite
        >>> y = nnlite.nn.AlphaDropout(0.5)(nnlite.zeros(10000))
        >>> bool(y.mean().abs() < 0.1)
        True
    """

    def forward(self, input: Any) -> Any:
        """The input with a part dropped."""
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """:class:`AlphaDropout` of whole channels.

    Args:
        p: the probability.
        inplace: write the result into the input.

    Shape: input and output (N, C, *).

    Raises:
        ValueError: ``p`` is not between 0 and 1.

    Example:
        >>> import nnlite
        >>> y = nnlite.nn.FeatureAlphaDropout(0.5)(nnlite.ones(3, 4, 5))
        >>> bool((y == y[:, :, :1]).all())
        True
    """

    def forward(self, input: Any) -> Any:
        """The input with a part dropped."""
        return F.feature_alpha_dropout(input, self.p, self.training)
