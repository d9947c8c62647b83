"""Pooling layers."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]


def _tuple(value: Any, count: int) -> tuple[Any, ...]:
    """``count`` numbers of one or several."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * count


class _Pool(Module):
    """A layer whose text is its arguments."""

    shown: tuple[str, ...] = ("kernel_size", "stride", "padding")

    def extra_repr(self) -> str:
        """The arguments."""
        return ", ".join(f"{name}={getattr(self, name)}" for name in self.shown)


class _MaxPoolNd(_Pool):
    """The arguments of max pooling."""

    __constants__ = ["kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode"]  # noqa: RUF012

    shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def _pool(self, function: Any, input: Any) -> Any:
        return function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )


class MaxPool1d(_MaxPoolNd):
    """The largest number under each position of a window that slides over (L).

    Min pooling is the negative of this layer on the negative of the input.

    Args:
        kernel_size: the size of the window, a number or one for each axis.
        stride: its step; ``kernel_size`` unless given.
        padding: how far windows may begin outside of the input, at most half of the window.
        dilation: the distance of the input positions under neighbouring places of the window.
        return_indices: return also where in the flattened (L) each maximum is.
        ceil_mode: windows that end outside of the input count too.

    Shape: input (N, C, L) or (C, L); each size n becomes
        floor((n + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1 (with ``ceil_mode``, ceil).

    Raises:
        RuntimeError: (when called) the input does not fit, or an argument is out of range.

    Example:
        >>> import nnlite
        >>> nnlite.nn.MaxPool1d(2)(nnlite.randn(2, 3, 6)).shape
        torch.Size([2, 3, 3])
    """

    def forward(self, input: Any) -> Any:
        """The maxima, or a pair of them and their positions."""
        return self._pool(F.max_pool1d, input)


class MaxPool2d(_MaxPoolNd):
    """The largest number under each position of a window that slides over (H, W).

    Min pooling is the negative of this layer on the negative of the input.

    Args:
        kernel_size: the size of the window, a number or one for each axis.
        stride: its step; ``kernel_size`` unless given.
        padding: how far windows may begin outside of the input, at most half of the window.
        dilation: the distance of the input positions under neighbouring places of the window.
        return_indices: return also where in the flattened (H, W) each maximum is.
        ceil_mode: windows that end outside of the input count too.

    Shape: input (N, C, H, W) or (C, H, W); each size n becomes
        floor((n + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1 (with ``ceil_mode``, ceil).

    Raises:
        RuntimeError: (when called) the input does not fit, or an argument is out of range.

    Example:
        >>> import nnlite
        >>> nnlite.nn.MaxPool2d(2)(nnlite.randn(2, 3, 6, 6)).shape
        torch.Size([2, 3, 3, 3])
    """

    def forward(self, input: Any) -> Any:
        """The maxima, or a pair of them and their positions."""
        return self._pool(F.max_pool2d, input)


class MaxPool3d(_MaxPoolNd):
    """The largest number under each position of a window that slides over (D, H, W).

    Min pooling is the negative of this layer on the negative of the input.

    Args:
        kernel_size: the size of the window, a number or one for each axis.
        stride: its step; ``kernel_size`` unless given.
        padding: how far windows may begin outside of the input, at most half of the window.
        dilation: the distance of the input positions under neighbouring places of the window.
        return_indices: return also where in the flattened (D, H, W) each maximum is.
        ceil_mode: windows that end outside of the input count too.

    Shape: input (N, C, D, H, W) or (C, D, H, W); each size n becomes
        floor((n + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1 (with ``ceil_mode``, ceil).

    Raises:
        RuntimeError: (when called) the input does not fit, or an argument is out of range.

    Example:
        >>> import nnlite
        >>> nnlite.nn.MaxPool3d(2)(nnlite.randn(2, 3, 6, 6, 6)).shape
        torch.Size([2, 3, 3, 3, 3])
    """

    def forward(self, input: Any) -> Any:
        """The maxima, or a pair of them and their positions."""
        return self._pool(F.max_pool3d, input)


class _AvgPoolNd(_Pool):
    """The arguments of average pooling."""

    __constants__ = [  # noqa: RUF012
        "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override",
    ]  # fmt: skip

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def _pool(self, function: Any, input: Any) -> Any:
        return function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool1d(_AvgPoolNd):
    """The mean under each position of a window that slides over (L).

    Args:
        kernel_size: the size of the window, a number or one for each axis.
        stride: its step; ``kernel_size`` unless given.
        padding: zeros around the input, at most half of the window.
        ceil_mode: windows that end outside of the input count too.
        count_include_pad: zeros around the input count in the mean.

    Shape: input (N, C, L) or (C, L); each size n becomes
        floor((n + 2 padding - kernel_size) / stride) + 1 (with ``ceil_mode``, ceil).

    Raises:
        RuntimeError: (when called) the input does not fit, or an argument is out of range.

    Example:
        >>> import nnlite
        >>> nnlite.nn.AvgPool1d(2)(nnlite.randn(2, 3, 6)).shape
        torch.Size([2, 3, 3])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(
            _tuple(kernel_size, 1),
            _tuple(stride if stride is not None else kernel_size, 1),
            _tuple(padding, 1),
            ceil_mode,
            count_include_pad,
        )

    def forward(self, input: Any) -> Any:
        """The means."""
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class AvgPool2d(_AvgPoolNd):
    """The mean under each position of a window that slides over (H, W).

    Args:
        kernel_size: the size of the window, a number or one for each axis.
        stride: its step; ``kernel_size`` unless given.
        padding: zeros around the input, at most half of the window.
        ceil_mode: windows that end outside of the input count too.
        count_include_pad: zeros around the input count in the mean.
        divisor_override: the sum is divided by this in place of the number of positions.

    Shape: input (N, C, H, W) or (C, H, W); each size n becomes
        floor((n + 2 padding - kernel_size) / stride) + 1 (with ``ceil_mode``, ceil).

    Raises:
        RuntimeError: (when called) the input does not fit, or an argument is out of range.

    Example:
        >>> import nnlite
        >>> nnlite.nn.AvgPool2d(2)(nnlite.randn(2, 3, 6, 6)).shape
        torch.Size([2, 3, 3, 3])
    """

    def forward(self, input: Any) -> Any:
        """The means."""
        return self._pool(F.avg_pool2d, input)


class AvgPool3d(_AvgPoolNd):
    """The mean under each position of a window that slides over (D, H, W).

    Args:
        kernel_size: the size of the window, a number or one for each axis.
        stride: its step; ``kernel_size`` unless given.
        padding: zeros around the input, at most half of the window.
        ceil_mode: windows that end outside of the input count too.
        count_include_pad: zeros around the input count in the mean.
        divisor_override: the sum is divided by this in place of the number of positions.

    Shape: input (N, C, D, H, W) or (C, D, H, W); each size n becomes
        floor((n + 2 padding - kernel_size) / stride) + 1 (with ``ceil_mode``, ceil).

    Raises:
        RuntimeError: (when called) the input does not fit, or an argument is out of range.

    Example:
        >>> import nnlite
        >>> nnlite.nn.AvgPool3d(2)(nnlite.randn(2, 3, 6, 6, 6)).shape
        torch.Size([2, 3, 3, 3, 3])
    """

    def forward(self, input: Any) -> Any:
        """The means."""
        return self._pool(F.avg_pool3d, input)


class _AdaptivePool(_Pool):
    """The argument of adaptive pooling."""

    __constants__ = ["output_size"]  # noqa: RUF012

    shown = ("output_size",)

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size


class _AdaptiveMaxPoolNd(_AdaptivePool):
    """The arguments of adaptive max pooling."""

    __constants__ = ["output_size", "return_indices"]  # noqa: RUF012

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The largest number of each of the windows that divide (L) into ``output_size`` parts.

    Args:
        output_size: the sizes of the output, a number or one for each axis; None for the input's.
        return_indices: return also where in the flattened (L) each maximum is.

    Shape: input (N, C, L) or (C, L); the result has ``output_size`` in place of (L).

    Raises:
        RuntimeError: (when called) the input does not fit.

    Example:
        >>> import nnlite
        >>> nnlite.nn.AdaptiveMaxPool1d(4)(nnlite.randn(2, 3, 6)).shape
        torch.Size([2, 3, 4])
    """

    def forward(self, input: Any) -> Any:
        """The maxima, or a pair of them and their positions."""
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The largest number of each of the windows that divide (H, W) into ``output_size`` parts.

    Args:
        output_size: the sizes of the output, a number or one for each axis; None for the input's.
        return_indices: return also where in the flattened (H, W) each maximum is.

    Shape: input (N, C, H, W) or (C, H, W); the result has ``output_size`` in place of (H, W).

    Raises:
        RuntimeError: (when called) the input does not fit.

    Example:
        >>> import nnlite
        >>> nnlite.nn.AdaptiveMaxPool2d(4)(nnlite.randn(2, 3, 6, 6)).shape
        torch.Size([2, 3, 4, 4])
    """

    def forward(self, input: Any) -> Any:
        """The maxima, or a pair of them and their positions."""
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The largest number of each of the windows that divide (D, H, W) into ``output_size`` parts.

    Args:
        output_size: the sizes of the output, a number or one for each axis; None for the input's.
        return_indices: return also where in the flattened (D, H, W) each maximum is.

    Shape: input (N, C, D, H, W) or (C, D, H, W); the result has ``output_size`` in place of (D, H, W).

    Raises:
        RuntimeError: (when called) the input does not fit.

    Example:
        >>> import nnlite
        >>> nnlite.nn.AdaptiveMaxPool3d(4)(nnlite.randn(2, 3, 6, 6, 6)).shape
        torch.Size([2, 3, 4, 4, 4])
    """

    def forward(self, input: Any) -> Any:
        """The maxima, or a pair of them and their positions."""
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


class AdaptiveAvgPool1d(_AdaptivePool):
    """The mean of each of the windows that divide (L) into ``output_size`` parts.

    Args:
        output_size: the sizes of the output, a number or one for each axis; None for the input's.

    Shape: input (N, C, L) or (C, L); the result has ``output_size`` in place of (L).

    Raises:
        RuntimeError: (when called) the input does not fit.

    Example:
        >>> import nnlite
        >>> nnlite.nn.AdaptiveAvgPool1d(4)(nnlite.randn(2, 3, 6)).shape
        torch.Size([2, 3, 4])
    """

    def forward(self, input: Any) -> Any:
        """The means."""
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptivePool):
    """The mean of each of the windows that divide (H, W) into ``output_size`` parts.

    Args:
        output_size: the sizes of the output, a number or one for each axis; None for the input's.

    Shape: input (N, C, H, W) or (C, H, W); the result has ``output_size`` in place of (H, W).

    Raises:
        RuntimeError: (when called) the input does not fit.

    Example:
        >>> import nnlite
        >>> nnlite.nn.AdaptiveAvgPool2d(4)(nnlite.randn(2, 3, 6, 6)).shape
        torch.Size([2, 3, 4, 4])
    """

    def forward(self, input: Any) -> Any:
        """The means."""
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_AdaptivePool):
    """The mean of each of the windows that divide (D, H, W) into ``output_size`` parts.

    Args:
        output_size: the sizes of the output, a number or one for each axis; None for the input's.

    Shape: input (N, C, D, H, W) or (C, D, H, W); the result has ``output_size`` in place of (D, H, W).

    Raises:
        RuntimeError: (when called) the input does not fit.

    Example:
        >>> import nnlite
        >>> nnlite.nn.AdaptiveAvgPool3d(4)(nnlite.randn(2, 3, 6, 6, 6)).shape
        torch.Size([2, 3, 4, 4, 4])
    """

    def forward(self, input: Any) -> Any:
        """The means."""
        return F.adaptive_avg_pool3d(input, self.output_size)
