"""Fully connected layers."""

from __future__ import annotations

import math
from typing import Any

from ...creation import empty
from ...ops.linalg.bilinear import bilinear
from ...ops.linalg.matmul import linear
from .. import init
from ..parameter import Parameter, UninitializedParameter
from .lazy import LazyModuleMixin
from .module import Module

__all__ = ["Bilinear", "Identity", "LazyLinear", "Linear", "NonDynamicallyQuantizableLinear"]


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


class LazyLinear(LazyModuleMixin, Linear):
    """A :class:`Linear` that takes ``in_features`` from its first input, and is one from then on.

    Args:
        out_features: size of an output.
        bias: whether there is a b.
        device, dtype: of the parameters.

    Shape: input (*, any), output (*, out_features).

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.LazyLinear(2)
        >>> layer.weight
        <UninitializedParameter>
        >>> layer(nnlite.ones(1, 5)).shape, layer
        (torch.Size([1, 2]), Linear(in_features=5, out_features=2, bias=True))
    """

    cls_to_become = Linear
    weight: UninitializedParameter

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new initial values, once there are sizes."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Any) -> None:
        """Take the size of an input."""
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            self.weight.materialize((self.out_features, self.in_features))
            if self.bias is not None:
                self.bias.materialize((self.out_features,))
            self.reset_parameters()
        if self.in_features == 0:  # a state was loaded, which gave the shapes
            if input.shape[-1] != self.weight.shape[-1]:
                raise AssertionError(
                    f"LazyLinear: the input has {input.shape[-1]} features, the weight that was loaded "
                    f"{self.weight.shape[-1]}"
                )
            self.in_features = input.shape[-1]


class Bilinear(Module):
    r"""y = x1^T A x2 + b, with a matrix A for each output.

    Args:
        in1_features, in2_features: sizes of the inputs.
        out_features: size of an output.
        bias: whether there is a b.
        device, dtype: of the parameters.

    Shape: inputs (*, in1_features) and (*, in2_features), output (*, out_features).

    Attributes:
        weight: A, of shape (out_features, in1_features, in2_features); at first uniform in
            \|a\| <= 1 / sqrt(in1_features).
        bias: b, of shape (out_features); at first of the same distribution.

    Raises:
        ValueError: ``in1_features`` is not positive.
        RuntimeError: (when called) sizes or dtypes do not fit.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.Bilinear(20, 30, 40)
        >>> layer(nnlite.randn(128, 20), nnlite.randn(128, 30)).shape
        torch.Size([128, 40])
    """

    __constants__ = ["in1_features", "in2_features", "out_features"]  # noqa: RUF012

    in1_features: int
    in2_features: int
    out_features: int
    weight: Parameter

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in1_features, in2_features), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1 / math.sqrt(self.weight.size(1))
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Any, input2: Any) -> Any:
        """x1^T A x2 + b."""
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes, and whether there is a bias."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class NonDynamicallyQuantizableLinear(Linear):
    """`Linear` under the name that PyTorch prints for the output projection of `MultiheadAttention`."""
