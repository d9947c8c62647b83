"""Activation functions as modules."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module

__all__ = ["LogSoftmax", "ReLU", "Sigmoid", "Softmax", "Tanh"]

_STACKLEVEL = 5
"""The line that calls the module, as a warning inside its function counts: function, F, forward, __call__, line."""


class ReLU(Module):
    """max(x, 0), elementwise.

    Args:
        inplace: write the result into the input.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ReLU()(nnlite.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    __constants__ = ["inplace"]  # noqa: RUF012

    inplace: bool

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        """max(x, 0)."""
        return F.relu(input, self.inplace)

    def extra_repr(self) -> str:
        """Whether it is in place."""
        return "inplace=True" if self.inplace else ""


class Sigmoid(Module):
    """1 / (1 + e^-x), elementwise.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Sigmoid()(nnlite.tensor([0.0]))
        tensor([0.5000])
    """

    def forward(self, input: Any) -> Any:
        """1 / (1 + e^-x)."""
        return F.sigmoid(input)


class Tanh(Module):
    """(e^x - e^-x) / (e^x + e^-x), elementwise.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Tanh()(nnlite.tensor([0.0]))
        tensor([0.])
    """

    def forward(self, input: Any) -> Any:
        """(e^x - e^-x) / (e^x + e^-x)."""
        return F.tanh(input)


class _AlongDim(Module):
    """A function along a dimension."""

    __constants__ = ["dim"]  # noqa: RUF012

    dim: int | None

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not hasattr(self, "dim"):
            self.dim = None

    def extra_repr(self) -> str:
        """The dimension."""
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """exp(x_i) / sum_j exp(x_j) along ``dim``: numbers in [0, 1] that add up to 1.

    Args:
        dim: the dimension along which they add up to 1. Without it, it is chosen by the number of dimensions, with a
            warning.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Softmax(dim=1)(nnlite.zeros(1, 4))
        tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    def forward(self, input: Any) -> Any:
        """The softmax along ``dim``."""
        return F.softmax(input, self.dim, _stacklevel=_STACKLEVEL)


class LogSoftmax(_AlongDim):
    """x_i - log sum_j exp(x_j) along ``dim``: the logarithm of :class:`Softmax`.

    Args:
        dim: the dimension along which the exponentials add up to 1. Without it, it is chosen by the number of
            dimensions, with a warning.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.LogSoftmax(dim=1)(nnlite.zeros(1, 2))
        tensor([[-0.6931, -0.6931]])
    """

    def forward(self, input: Any) -> Any:
        """The logarithm of the softmax along ``dim``."""
        return F.log_softmax(input, self.dim, _stacklevel=_STACKLEVEL)
