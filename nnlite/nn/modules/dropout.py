"""Dropout as modules: active while training, the identity in evaluation."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module

__all__ = ["Dropout", "Dropout2d"]


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
