"""Fully connected layers."""

from __future__ import annotations

import math
from typing import Any

from ...creation import empty
from ...ops.linalg import linear
from .. import init
from ..parameter import Parameter
from .module import Module

__all__ = ["Identity", "Linear", "NonDynamicallyQuantizableLinear"]


class Identity(Module):
    """Returns its input. Takes any arguments, so that it can stand for any layer.

    Shape: input and output (*), any shape.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Identity(54, unused=0.1)(nnlite.ones(2))
        tensor([1., 1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """The input itself."""
        return input


class Linear(Module):
    r"""y = x A^T + b.

    Args:
        in_features: size of an input.
        out_features: size of an output.
        bias: whether there is a b.
        device, dtype: of the parameters.

    Shape: input (*, in_features), output (*, out_features).

    Attributes:
        weight: A, of shape (out_features, in_features); at first uniform in \|a\| <= 1 / sqrt(in_features).
        bias: b, of shape (out_features); at first of the same distribution.

    Raises:
        RuntimeError: (when called) the last size of the input is not ``in_features``, or dtypes or devices differ.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.Linear(20, 30)
        >>> layer(nnlite.randn(128, 20)).shape
        torch.Size([128, 30])
    """

    __constants__ = ["in_features", "out_features"]  # noqa: RUF012

    in_features: int
    out_features: int
    weight: Parameter

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in_features), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # the bound is then 1 / sqrt(in_features)
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Any) -> Any:
        """x A^T + b."""
        # This layer is in every loop; the dictionary is quicker than two attributes that __getattr__ finds.
        held = self._parameters
        if "weight" in held and "bias" in held:
            return linear(input, held["weight"], held["bias"])
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes, and whether there is a bias."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class NonDynamicallyQuantizableLinear(Linear):
    """`Linear` under the name that PyTorch prints for the output projection of `MultiheadAttention`."""
