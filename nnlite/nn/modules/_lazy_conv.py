"""What lazy convolutions have in common."""

from __future__ import annotations

from typing import Any

from ..parameter import UninitializedParameter
from .lazy import LazyModuleMixin


class LazyConvMixin(LazyModuleMixin):
    """A convolution that takes ``in_channels`` from its first input."""

    weight: Any
    bias: Any

    dims: int

    def _without_shapes(self: Any, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self: Any) -> None:
        """Draw new initial values, once there are sizes."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self: Any, input: Any, *args: Any, **kwargs: Any) -> None:
        """Take the number of channels of an input."""
        if not self.has_uninitialized_params():  # a state was loaded, which gave the shapes
            self.in_channels = self.in_channels or self._get_in_channels(input)
            return
        self.in_channels = self._get_in_channels(input)
        if self.in_channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")
        if self.transposed:
            channels = self.in_channels, self.out_channels // self.groups
        else:
            channels = self.out_channels, self.in_channels // self.groups
        self.weight.materialize((*channels, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()

    def _get_in_channels(self, input: Any) -> int:
        few = self.dims + 1
        if input.dim() not in (few, few + 1):
            raise RuntimeError(
                f"Expected {few}D (unbatched) or {few + 1}D (batched) input to {type(self).__name__}, but got input of "
                f"size: {input.shape}"
            )
        return int(input.shape[input.dim() - few])

    def _get_num_spatial_dims(self) -> int:
        return self.dims


class LazyConvolution(LazyConvMixin):
    """The constructor of ``LazyConv1d`` and its like."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode)
        self._without_shapes(out_channels, bias, device, dtype)


class LazyConvTransposed(LazyConvMixin):
    """The constructor of ``LazyConvTranspose1d`` and its like."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode)
        self._without_shapes(out_channels, bias, device, dtype)
