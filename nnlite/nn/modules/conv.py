"""Convolution layers."""

from __future__ import annotations

import math
from typing import Any

from ...creation import empty
from ...ops.convolution.conv import conv1d, conv2d, conv3d
from ...ops.convolution.conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
from ...ops.image.pad import pad
from .. import init
from ..parameter import Parameter
from ._lazy_conv import LazyConvolution, LazyConvTransposed
from .module import Module

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]

CONVOLUTIONS = {1: conv1d, 2: conv2d, 3: conv3d}
TRANSPOSED = {1: conv_transpose1d, 2: conv_transpose2d, 3: conv_transpose3d}


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


class _Convolution(_ConvNd):
    """Convolution over ``dims`` axes."""

    dims: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: str | int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            _numbers(kernel_size, self.dims),
            _numbers(stride, self.dims),
            padding if isinstance(padding, str) else _numbers(padding, self.dims),
            _numbers(dilation, self.dims),
            False,
            (0,) * self.dims,
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
        return CONVOLUTIONS[self.dims](input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input: Any) -> Any:
        """The convolution of the input with ``weight``, plus ``bias``."""
        held = self._parameters  # quicker than two attributes that __getattr__ finds
        if "weight" in held and "bias" in held:
            return self._conv_forward(input, held["weight"], held["bias"])
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Convolution):
    r"""Slides kernels over signals; see :func:`nnlite.nn.functional.conv1d` for the formula.

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

    Shape: input (N, C, L) or (C, L); in the output, each size n has become
        floor((n + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1.

    Attributes:
        weight: of shape (out_channels, in_channels / groups, \*kernel_size); at first uniform in \|w\| <= 1 / sqrt(n),
            n being the number of inputs of an output.
        bias: of shape (out_channels); at first of the same distribution.

    Raises:
        ValueError: an argument is out of range. RuntimeError: (when called) the input does not fit.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.Conv1d(3, 8, kernel_size=3, padding=1)
        >>> layer(nnlite.randn(4, 3, 28)).shape
        torch.Size([4, 8, 28])
    """

    dims = 1


class Conv2d(_Convolution):
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

    Shape: input (N, C, H, W) or (C, H, W); in the output, each size n has become
        floor((n + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1.

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

    dims = 2


class Conv3d(_Convolution):
    r"""Slides kernels over volumes; see :func:`nnlite.nn.functional.conv3d` for the formula.

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

    Shape: input (N, C, D, H, W) or (C, D, H, W); in the output, each size n has become
        floor((n + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1.

    Attributes:
        weight: of shape (out_channels, in_channels / groups, \*kernel_size); at first uniform in \|w\| <= 1 / sqrt(n),
            n being the number of inputs of an output.
        bias: of shape (out_channels); at first of the same distribution.

    Raises:
        ValueError: an argument is out of range. RuntimeError: (when called) the input does not fit.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.Conv3d(3, 8, kernel_size=3, padding=1)
        >>> layer(nnlite.randn(4, 3, 6, 6, 6)).shape
        torch.Size([4, 8, 6, 6, 6])
    """

    dims = 3


class _ConvTransposeNd(_ConvNd):
    """Transposed convolution over ``dims`` axes."""

    dims: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, ...] = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels,
            out_channels,
            _numbers(kernel_size, self.dims),
            _numbers(stride, self.dims),
            _numbers(padding, self.dims),
            _numbers(dilation, self.dims),
            True,
            _numbers(output_padding, self.dims),
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )

    def forward(self, input: Any, output_size: Any = None) -> Any:
        """The transposed convolution of the input with ``weight``, plus ``bias``.

        Args:
            output_size: the sizes of the output, where several are possible.
        """
        more = self.output_padding if output_size is None else self._more(input, list(output_size))
        function = TRANSPOSED[self.dims]
        return function(input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation)

    def _more(self, input: Any, output_size: list[int]) -> list[int]:
        """The output padding that gives these sizes."""
        lead = input.dim() - self.dims
        sizes = output_size[lead:] if len(output_size) == lead + self.dims else output_size
        if len(sizes) != self.dims:
            raise ValueError(
                f"ConvTranspose{self.dims}D: for {input.dim()}D input, output_size must have {self.dims} or "
                f"{lead + self.dims} elements (got {len(sizes)})"
            )
        assert not isinstance(self.padding, str)
        geometry = zip(input.shape[lead:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in geometry]
        most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
        if any(not low <= n <= high for n, low, high in zip(sizes, least, most, strict=True)):
            raise ValueError(
                f"requested an output size of {sizes}, but valid sizes range from {least} to {most} (for an input of "
                f"{input.shape[2:]})"
            )
        return [n - low for n, low in zip(sizes, least, strict=True)]


class ConvTranspose1d(_ConvTransposeNd):
    r"""The transpose of `Conv1d`, which enlarges signals; see :func:`nnlite.nn.functional.conv_transpose1d`.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: a number or one for each axis.
        stride: the step of the kernels over the output.
        padding: so much of the output is cut off on both sides.
        output_padding: so much larger is the output at the end of each axis.
        groups: into how many groups the channels are cut.
        bias: whether a number is added to each output channel.
        dilation: the distance of the output positions that neighbouring positions of the kernel meet.
        padding_mode: ``"zeros"`` only.
        device, dtype: of the parameters.

    Shape: input (N, C, L) or (C, L); in the output, each size n has become
        (n - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.

    Attributes:
        weight: of shape (in_channels, out_channels / groups, \*kernel_size); at first uniform.
        bias: of shape (out_channels); at first of the same distribution.

    Raises:
        ValueError: an argument is out of range, or (when called) an impossible ``output_size``.
        RuntimeError: (when called) the input does not fit.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ConvTranspose1d(3, 8, 3, stride=2)(nnlite.randn(2, 3, 6)).shape
        torch.Size([2, 8, 13])
    """

    dims = 1


class ConvTranspose2d(_ConvTransposeNd):
    r"""The transpose of `Conv2d`, which enlarges images; see :func:`nnlite.nn.functional.conv_transpose2d`.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: a number or one for each axis.
        stride: the step of the kernels over the output.
        padding: so much of the output is cut off on both sides.
        output_padding: so much larger is the output at the end of each axis.
        groups: into how many groups the channels are cut.
        bias: whether a number is added to each output channel.
        dilation: the distance of the output positions that neighbouring positions of the kernel meet.
        padding_mode: ``"zeros"`` only.
        device, dtype: of the parameters.

    Shape: input (N, C, H, W) or (C, H, W); in the output, each size n has become
        (n - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.

    Attributes:
        weight: of shape (in_channels, out_channels / groups, \*kernel_size); at first uniform.
        bias: of shape (out_channels); at first of the same distribution.

    Raises:
        ValueError: an argument is out of range, or (when called) an impossible ``output_size``.
        RuntimeError: (when called) the input does not fit.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ConvTranspose2d(3, 8, 3, stride=2)(nnlite.randn(2, 3, 6, 6)).shape
        torch.Size([2, 8, 13, 13])
    """

    dims = 2


class ConvTranspose3d(_ConvTransposeNd):
    r"""The transpose of `Conv3d`, which enlarges volumes; see :func:`nnlite.nn.functional.conv_transpose3d`.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: a number or one for each axis.
        stride: the step of the kernels over the output.
        padding: so much of the output is cut off on both sides.
        output_padding: so much larger is the output at the end of each axis.
        groups: into how many groups the channels are cut.
        bias: whether a number is added to each output channel.
        dilation: the distance of the output positions that neighbouring positions of the kernel meet.
        padding_mode: ``"zeros"`` only.
        device, dtype: of the parameters.

    Shape: input (N, C, D, H, W) or (C, D, H, W); in the output, each size n has become
        (n - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.

    Attributes:
        weight: of shape (in_channels, out_channels / groups, \*kernel_size); at first uniform.
        bias: of shape (out_channels); at first of the same distribution.

    Raises:
        ValueError: an argument is out of range, or (when called) an impossible ``output_size``.
        RuntimeError: (when called) the input does not fit.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ConvTranspose3d(3, 8, 3, stride=2)(nnlite.randn(2, 3, 6, 6, 6)).shape
        torch.Size([2, 8, 13, 13, 13])
    """

    dims = 3


class LazyConv1d(LazyConvolution, Conv1d):
    """A :class:`Conv1d` that takes ``in_channels`` from its first input, and is one from then on.

    Arguments and shapes: as for :class:`Conv1d`, without ``in_channels``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.LazyConv1d(4, 2)(nnlite.ones(1, 3, 9)).shape
        torch.Size([1, 4, 8])
    """

    cls_to_become = Conv1d


class LazyConv2d(LazyConvolution, Conv2d):
    """A :class:`Conv2d` that takes ``in_channels`` from its first input, and is one from then on.

    Arguments and shapes: as for :class:`Conv2d`, without ``in_channels``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.LazyConv2d(4, 2)(nnlite.ones(1, 3, 9, 9)).shape
        torch.Size([1, 4, 8, 8])
    """

    cls_to_become = Conv2d


class LazyConv3d(LazyConvolution, Conv3d):
    """A :class:`Conv3d` that takes ``in_channels`` from its first input, and is one from then on.

    Arguments and shapes: as for :class:`Conv3d`, without ``in_channels``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.LazyConv3d(4, 2)(nnlite.ones(1, 3, 9, 9, 9)).shape
        torch.Size([1, 4, 8, 8, 8])
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(LazyConvTransposed, ConvTranspose1d):
    """A :class:`ConvTranspose1d` that takes ``in_channels`` from its first input, and is one from then on.

    Arguments and shapes: as for :class:`ConvTranspose1d`, without ``in_channels``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.LazyConvTranspose1d(4, 2)(nnlite.ones(1, 3, 9)).shape
        torch.Size([1, 4, 10])
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(LazyConvTransposed, ConvTranspose2d):
    """A :class:`ConvTranspose2d` that takes ``in_channels`` from its first input, and is one from then on.

    Arguments and shapes: as for :class:`ConvTranspose2d`, without ``in_channels``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.LazyConvTranspose2d(4, 2)(nnlite.ones(1, 3, 9, 9)).shape
        torch.Size([1, 4, 10, 10])
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(LazyConvTransposed, ConvTranspose3d):
    """A :class:`ConvTranspose3d` that takes ``in_channels`` from its first input, and is one from then on.

    Arguments and shapes: as for :class:`ConvTranspose3d`, without ``in_channels``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.LazyConvTranspose3d(4, 2)(nnlite.ones(1, 3, 9, 9, 9)).shape
        torch.Size([1, 4, 10, 10, 10])
    """

    cls_to_become = ConvTranspose3d
