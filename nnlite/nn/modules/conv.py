"""Convolution layers."""

from __future__ import annotations

import math
from typing import Any

from ...creation import empty
from ...ops.conv import conv2d
from ...ops.pad import pad
from .. import init
from ..parameter import Parameter
from .module import Module

__all__ = ["Conv2d"]


def _numbers(value: Any, count: int) -> tuple[Any, ...]:
    """A number for each spatial axis; what is a sequence already stays as it is."""
    return tuple(value) if isinstance(value, tuple | list) else (value,) * count


class _ConvNd(Module):
    """What convolution layers over any number of axes have in common: arguments, parameters, initial values, text."""

    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: str | tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int
    padding_mode: str
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: str | tuple[int, ...],
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check(in_channels, out_channels, stride, padding, groups, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._pads()
        channels = (in_channels, out_channels // groups) if transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(empty((*channels, *kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _pads(self) -> Any:
        """What ``pad`` takes for this padding: last axis first, before and behind."""
        if not isinstance(self.padding, str):
            return tuple(p for p in reversed(self.padding) for _ in range(2))
        pads = [0, 0] * len(self.kernel_size)
        if self.padding == "same":
            for i, (d, k) in enumerate(zip(reversed(self.dilation), reversed(self.kernel_size), strict=False)):
                total = d * (k - 1)
                pads[2 * i : 2 * i + 2] = [total // 2, total - total // 2]
        return pads

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # the bound is then 1 / sqrt(fan_in)
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        """Sizes, and the arguments that were given."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * len(self.padding):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.dilation):
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")


def _check(in_channels: int, out_channels: int, stride: Any, padding: Any, groups: int, padding_mode: str) -> None:
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    if in_channels % groups:
        raise ValueError("in_channels must be divisible by groups")
    if out_channels % groups:
        raise ValueError("out_channels must be divisible by groups")
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    modes = ("zeros", "reflect", "replicate", "circular")
    if padding_mode not in modes:
        raise ValueError(f"padding_mode must be one of {modes}, but got padding_mode='{padding_mode}'")


class Conv2d(_ConvNd):
    r"""Slides kernels over images; see :func:`nnlite.nn.functional.conv2d` for the formula.

    Args:
        in_channels: of the input.
        out_channels: the number of kernels.
        kernel_size: a number or one for each axis.
        stride: the step of the kernels.
        padding: how much is put around the input, ``"valid"`` for nothing, ``"same"`` for as much as keeps its size.
        dilation: the distance of the input positions that neighbouring positions of the kernel meet.
        groups: into how many groups the channels are cut; each output channel sees one group.
        bias: whether a number is added to each output channel.
        padding_mode: what is put around: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        device, dtype: of the parameters.

    Shape: input (N, C, H, W) or (C, H, W); output (N, O, oH, oW) or (O, oH, oW) with
    oH = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1.

    Attributes:
        weight: of shape (out_channels, in_channels / groups, \*kernel_size); at first uniform in \|w\| <= 1 / sqrt(n),
            n being the number of inputs of an output.
        bias: of shape (out_channels); at first of the same distribution.

    Raises:
        ValueError: an argument is out of range. RuntimeError: (when called) the input does not fit.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.Conv2d(3, 8, kernel_size=3, padding=1)
        >>> layer(nnlite.randn(4, 3, 28, 28)).shape
        torch.Size([4, 8, 28, 28])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: str | int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            _numbers(kernel_size, 2),
            _numbers(stride, 2),
            padding if isinstance(padding, str) else _numbers(padding, 2),
            _numbers(dilation, 2),
            False,
            (0, 0),
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )

    def _conv_forward(self, input: Any, weight: Any, bias: Any) -> Any:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input, padding = pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode), 0
        return conv2d(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input: Any) -> Any:
        """The convolution of the input with ``weight``, plus ``bias``."""
        return self._conv_forward(input, self.weight, self.bias)
