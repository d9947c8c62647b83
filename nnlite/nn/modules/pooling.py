"""Pooling layers."""

from __future__ import annotations

from typing import Any

from ...ops.pool import max_pool2d
from .module import Module

__all__ = ["MaxPool2d"]


class _MaxPoolNd(Module):
    """What max pooling layers over any number of axes have in common."""

    return_indices: bool
    ceil_mode: bool

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
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

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool2d(_MaxPoolNd):
    """The largest number under each position of a window that slides over images.

    Args:
        kernel_size: the size of the window, a number or one for each axis.
        stride: its step; ``kernel_size`` unless given.
        padding: how far windows may begin outside of the input, at most half of the window.
        dilation: the distance of the input positions under neighbouring places of the window.
        return_indices: return also where in the flattened image each maximum is.
        ceil_mode: windows that end outside of the input count too.

    Shape: input (N, C, H, W) or (C, H, W); output (N, C, oH, oW) or (C, oH, oW) with
    oH = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1 (with ``ceil_mode``, ceil).

    Raises:
        RuntimeError: (when called) the input does not fit, or an argument is out of range.

    Example:
        >>> import nnlite
        >>> nnlite.nn.MaxPool2d(3, stride=2)(nnlite.randn(4, 8, 28, 28)).shape
        torch.Size([4, 8, 13, 13])
    """

    def forward(self, input: Any) -> Any:
        """The maxima, or a pair of them and their positions."""
        return max_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )
