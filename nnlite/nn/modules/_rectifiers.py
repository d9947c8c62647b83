"""Activation functions made of straight lines and exponentials, as modules."""

from __future__ import annotations

import warnings
from typing import Any

from ...creation import empty
from .. import functional as F
from .. import init as initialisers
from ..parameter import Parameter
from .module import Module


class _InPlace(Module):
    """A function of each element that can write into its input."""

    __constants__ = ["inplace"]  # noqa: RUF012

    inplace: bool

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Whether it is in place."""
        return "inplace=True" if self.inplace else ""


class _Silent(_InPlace):
    """One whose text does not say whether it is in place, as in PyTorch."""

    def extra_repr(self) -> str:
        """Nothing."""
        return ""


def _with_inplace(text: str, inplace: bool) -> str:
    return text + ", inplace=True" if inplace else text


class ReLU(_InPlace):
    """max(x, 0), elementwise.

    Args:
        inplace: write the result into the input.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ReLU()(nnlite.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.relu(input, self.inplace)


class Threshold(Module):
    """x where x > ``threshold``, ``value`` elsewhere.

    Args:
        threshold: the largest number that is replaced.
        value: what replaces it.
        inplace: write the result into the input.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Threshold(1.0, -1.0)(nnlite.tensor([0.5, 2.0]))
        tensor([-1.,  2.])
    """

    __constants__ = ["threshold", "value", "inplace"]  # noqa: RUF012

    threshold: float
    value: float
    inplace: bool

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """Both numbers, and whether it is in place."""
        return _with_inplace(f"threshold={self.threshold}, value={self.value}", self.inplace)


class RReLU(Module):
    """x where x > 0, a times x elsewhere, with a random a for each element; in evaluation the mean of the bounds.

    Args:
        lower, upper: between them lie the slopes.
        inplace: write the result into the input.

    Shape: input and output (*), any shape.

    Raises:
        RuntimeError: (when called) ``lower`` is above ``upper``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.RReLU(0.25, 0.75).eval()(nnlite.tensor([-1.0, 2.0]))
        tensor([-0.5000,  2.0000])
    """

    __constants__ = ["lower", "upper", "inplace"]  # noqa: RUF012

    lower: float
    upper: float
    inplace: bool

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """The bounds, and whether it is in place."""
        return _with_inplace(f"lower={self.lower}, upper={self.upper}", self.inplace)


class Hardtanh(Module):
    """x limited to [min_val, max_val], elementwise.

    Args:
        min_val, max_val: the bounds.
        inplace: write the result into the input.
        min_value, max_value: former names of the bounds.

    Shape: input and output (*), any shape.

    Raises:
        AssertionError: ``max_val`` is not above ``min_val``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Hardtanh(-2.0, 2.0)(nnlite.tensor([-3.0, 0.5, 3.0]))
        tensor([-2.0000,  0.5000,  2.0000])
    """

    __constants__ = ["min_val", "max_val", "inplace"]  # noqa: RUF012

    min_val: float
    max_val: float
    inplace: bool

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        if min_value is not None:
            warnings.warn("keyword argument `min_value` is deprecated and renamed to `min_val`", FutureWarning,
                          stacklevel=2)  # fmt: skip
            min_val = min_value
        if max_value is not None:
            warnings.warn("keyword argument `max_value` is deprecated and renamed to `max_val`", FutureWarning,
                          stacklevel=2)  # fmt: skip
            max_val = max_value
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace
        if self.max_val <= self.min_val:
            raise AssertionError(f"max_val ({self.max_val}) must be greater than min_val ({self.min_val})")

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """The bounds, and whether it is in place."""
        return _with_inplace(f"min_val={self.min_val}, max_val={self.max_val}", self.inplace)


class ReLU6(Hardtanh):
    """min(max(x, 0), 6), elementwise.

    Args:
        inplace: write the result into the input.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ReLU6()(nnlite.tensor([-1.0, 2.0, 8.0]))
        tensor([0., 2., 6.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        """Whether it is in place."""
        return "inplace=True" if self.inplace else ""


class _Alpha(Module):
    """A function with a factor ``alpha``."""

    __constants__ = ["alpha", "inplace"]  # noqa: RUF012

    alpha: float
    inplace: bool

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def extra_repr(self) -> str:
        """``alpha``, and whether it is in place."""
        return _with_inplace(f"alpha={self.alpha}", self.inplace)


class ELU(_Alpha):
    """x where x > 0, alpha (e^x - 1) elsewhere.

    Args:
        alpha: minus the limit at minus infinity.
        inplace: write the result into the input.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ELU()(nnlite.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.elu(input, self.alpha, self.inplace)


class CELU(_Alpha):
    """x where x > 0, alpha (e^(x / alpha) - 1) elsewhere.

    Args:
        alpha: minus the limit at minus infinity.
        inplace: write the result into the input.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.CELU()(nnlite.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.celu(input, self.alpha, self.inplace)


class SELU(_InPlace):
    """s x where x > 0, s alpha (e^x - 1) elsewhere, with s = 1.0507 and alpha = 1.6733.

    Args:
        inplace: write the result into the input.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.SELU()(nnlite.tensor([-1.0, 2.0]))
        tensor([-1.1113,  2.1014])
    """

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.selu(input, self.inplace)


class Hardsigmoid(_Silent):
    """x / 6 + 1/2 limited to [0, 1], elementwise.

    Args:
        inplace: write the result into the input.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Hardsigmoid()(nnlite.tensor([-4.0, 0.0, 1.5]))
        tensor([0.0000, 0.5000, 0.7500])
    """

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.hardsigmoid(input, self.inplace)


class Hardswish(_Silent):
    """x times (x / 6 + 1/2 limited to [0, 1]), elementwise.

    Args:
        inplace: write the result into the input.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Hardswish()(nnlite.tensor([-2.0, 1.5, 4.0]))
        tensor([-0.3333,  1.1250,  4.0000])
    """

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.hardswish(input, self.inplace)


class LeakyReLU(Module):
    """x where x > 0, ``negative_slope`` times x elsewhere.

    Args:
        negative_slope: the slope below 0.
        inplace: write the result into the input.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.LeakyReLU(0.1)(nnlite.tensor([-1.0, 2.0]))
        tensor([-0.1000,  2.0000])
    """

    __constants__ = ["inplace", "negative_slope"]  # noqa: RUF012

    inplace: bool
    negative_slope: float

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """The slope, and whether it is in place."""
        return _with_inplace(f"negative_slope={self.negative_slope}", self.inplace)


class _Shrink(Module):
    """A function with a width."""

    __constants__ = ["lambd"]  # noqa: RUF012

    lambd: float

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        """The width."""
        return str(self.lambd)


class Hardshrink(_Shrink):
    r"""x where \|x\| > ``lambd``, 0 elsewhere.

    Args:
        lambd: the width.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Hardshrink()(nnlite.tensor([-1.0, 0.25, 2.0]))
        tensor([-1.,  0.,  2.])
    """

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.hardshrink(input, self.lambd)


class Softshrink(_Shrink):
    r"""x moved by ``lambd`` towards 0, and 0 where \|x\| <= ``lambd``.

    Args:
        lambd: the width, not negative.

    Shape: input and output (*), any shape.

    Raises:
        RuntimeError: (when called) ``lambd`` is negative.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Softshrink()(nnlite.tensor([-1.0, 0.25, 2.0]))
        tensor([-0.5000,  0.0000,  1.5000])
    """

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.softshrink(input, self.lambd)


class PReLU(Module):
    """x where x > 0, a times x elsewhere, with an a that is learned.

    Args:
        num_parameters: 1, or the number of channels, which each have an own a then.
        init: the first value of a.
        device, dtype: of the parameter.

    Shape: input (*), or (N, C, *) with C channels; the output has the input's.

    Attributes:
        weight: the slopes a, of shape (num_parameters).

    Raises:
        RuntimeError: (when called) the number of channels is another one.

    Example:
        >>> import nnlite
        >>> nnlite.nn.PReLU()(nnlite.tensor([-1.0, 2.0])).detach()
        tensor([-0.2500,  2.0000])
    """

    __constants__ = ["num_parameters"]  # noqa: RUF012

    num_parameters: int
    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        self.num_parameters = num_parameters
        super().__init__()
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set all slopes to ``init``."""
        initialisers.constant_(self.weight, self.init)

    def forward(self, input: Any) -> Any:
        """The function of each element."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """The number of slopes."""
        return f"num_parameters={self.num_parameters}"
