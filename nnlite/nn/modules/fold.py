"""Windows of images as columns, and back."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module

__all__ = ["Fold", "Unfold"]


class Fold(Module):
    """Images from windows: each number at its place; where windows overlap, their sum.

    Args:
        output_size: the size (H, W) of the images, a number or one for each axis.
        kernel_size: the size of the windows.
        dilation: the distance of neighbouring positions of a window.
        padding: zeros around the images on both sides, which are cut off.
        stride: the step from one window to the next.

    Shape: input (N, C * kH * kW, L) or (C * kH * kW, L), output (N, C, H, W) or (C, H, W).

    Raises:
        RuntimeError: (when called) the input does not fit the sizes, or an argument is out of range.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Fold((4, 5), kernel_size=2)(nnlite.ones(1, 12, 12)).shape
        torch.Size([1, 3, 4, 5])
    """

    __constants__ = ["output_size", "kernel_size", "dilation", "padding", "stride"]  # noqa: RUF012

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Any) -> Any:
        """The images."""
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The sizes."""
        return ", ".join(f"{name}={getattr(self, name)}" for name in self.__constants__)


class Unfold(Module):
    """All windows of images, each as one column.

    Args:
        kernel_size: the size of the windows, a number or one for each axis.
        dilation: the distance of neighbouring positions of a window.
        padding: zeros around the input on both sides.
        stride: the step from one window to the next.

    Shape: input (N, C, H, W) or (C, H, W), output (N, C * kH * kW, L) or (C * kH * kW, L).

    Raises:
        RuntimeError: (when called) a window is larger than the padded input, or an argument is out of range.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Unfold(kernel_size=(2, 3))(nnlite.ones(2, 5, 3, 4)).shape
        torch.Size([2, 30, 4])
    """

    __constants__ = ["kernel_size", "dilation", "padding", "stride"]  # noqa: RUF012

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Any) -> Any:
        """The windows."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The sizes."""
        return ", ".join(f"{name}={getattr(self, name)}" for name in self.__constants__)
