"""Activation functions as modules."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ._rectifiers import (
    CELU,
    ELU,
    SELU,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    PReLU,
    ReLU,
    ReLU6,
    RReLU,
    Softshrink,
    Threshold,
    _InPlace,
)
from .attention import MultiheadAttention
from .module import Module

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "MultiheadAttention",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


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


class SiLU(_InPlace):
    """x / (1 + e^-x), elementwise; also called swish.

    Args:
        inplace: write the result into the input.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.SiLU()(nnlite.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.2689,  0.0000,  0.7311])
    """

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.silu(input, self.inplace)


class Mish(_InPlace):
    """x tanh(log(1 + e^x)), elementwise.

    Args:
        inplace: write the result into the input.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Mish()(nnlite.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.3034,  0.0000,  0.8651])
    """

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.mish(input, self.inplace)


class GELU(Module):
    """x P(X <= x) for a standard normal X: 0.5 x (1 + erf(x / sqrt(2))), elementwise.

    Args:
        approximate: ``"none"``, or ``"tanh"`` for 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).

    Shape: input and output (*), any shape.

    Raises:
        RuntimeError: (when called) ``approximate`` is neither.

    Example:
        >>> import nnlite
        >>> nnlite.nn.GELU()(nnlite.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.1587,  0.0000,  0.8413])
    """

    __constants__ = ["approximate"]  # noqa: RUF012

    approximate: str

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        """Which formula."""
        return f"approximate={self.approximate!r}"


class GLU(Module):
    """a / (1 + e^-b), where a is the first half of the input along ``dim`` and b the second.

    Args:
        dim: the dimension that is halved.

    Shape: input any with an even size 2 n along ``dim``; the output has n there.

    Raises:
        RuntimeError: (when called) the size is odd.

    Example:
        >>> import nnlite
        >>> nnlite.nn.GLU()(nnlite.tensor([2.0, 4.0, 0.0, 0.0]))
        tensor([1., 2.])
    """

    __constants__ = ["dim"]  # noqa: RUF012

    dim: int

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Any:
        """The gated half."""
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        """The dimension."""
        return f"dim={self.dim}"


class Softplus(Module):
    """log(1 + e^(beta x)) / beta, elementwise: a smooth form of max(x, 0).

    Args:
        beta: how sharp the bend at 0 is.
        threshold: where beta x lies above it, the result is x.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Softplus()(nnlite.tensor([-1.0, 0.0, 100.0]))
        tensor([  0.3133,   0.6931, 100.0000])
    """

    __constants__ = ["beta", "threshold"]  # noqa: RUF012

    beta: float
    threshold: float

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Both numbers."""
        return f"beta={self.beta}, threshold={self.threshold}"


class LogSigmoid(Module):
    """log(1 / (1 + e^-x)), elementwise, without overflow.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.LogSigmoid()(nnlite.tensor([0.0]))
        tensor([-0.6931])
    """

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.logsigmoid(input)


class Softsign(Module):
    r"""x / (1 + \|x\|), elementwise.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Softsign()(nnlite.tensor([-1.0, 0.0, 3.0]))
        tensor([-0.5000,  0.0000,  0.7500])
    """

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x), elementwise.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Tanhshrink()(nnlite.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.2384,  0.0000,  0.2384])
    """

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.tanhshrink(input)


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
        return F.softmax(input, self.dim)


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
        return F.log_softmax(input, self.dim)


class Softmin(_AlongDim):
    """exp(-x_i) / sum_j exp(-x_j) along ``dim``: numbers in [0, 1] that add up to 1.

    Args:
        dim: the dimension along which they add up to 1. Without it, it is chosen by the number of dimensions, with a
            warning.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Softmin(dim=1)(nnlite.zeros(1, 4))
        tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    def forward(self, input: Any) -> Any:
        """The softmin along ``dim``."""
        return F.softmin(input, self.dim)


class Softmax2d(Module):
    """The softmax over the channels at each place of an image.

    Shape: input and output (N, C, H, W) or (C, H, W).

    Raises:
        ValueError: (when called) the input has another number of dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Softmax2d()(nnlite.zeros(2, 1, 1))
        tensor([[[0.5000]],
        <BLANKLINE>
                [[0.5000]]])
    """

    def forward(self, input: Any) -> Any:
        """The softmax over the channels."""
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return F.softmax(input, -3)
