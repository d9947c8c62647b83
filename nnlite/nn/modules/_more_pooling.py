"""Pooling layers that are used less: unpooling, windows drawn at random, pooling by a norm."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module
from .pooling import _Pool, _tuple

__all__ = [
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class _MaxUnpoolNd(_Pool):
    """The arguments of max unpooling."""

    dims: int

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = _tuple(kernel_size, self.dims)
        self.stride = _tuple(stride if stride is not None else kernel_size, self.dims)
        self.padding = _tuple(padding, self.dims)


class MaxUnpool1d(_MaxUnpoolNd):
    """The inverse of `MaxPool1d`: each maximum at its position, zeros elsewhere.

    Args:
        kernel_size, stride, padding: those of the pooling.

    Shape: input and indices (N, C, L) or (C, L); each size n becomes
        (n - 1) stride - 2 padding + kernel_size, or what ``output_size`` says when called.

    Raises:
        ValueError: (when called) an impossible ``output_size``.
        RuntimeError: (when called) shapes do not fit, or indices are outside of the output.

    Example:
        >>> import nnlite
        >>> pooled, indices = nnlite.nn.MaxPool1d(2, return_indices=True)(nnlite.randn(2, 3, 6))
        >>> nnlite.nn.MaxUnpool1d(2)(pooled, indices).shape
        torch.Size([2, 3, 6])
    """

    dims = 1

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Any:
        """The numbers at their positions."""
        return F.max_unpool1d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool2d(_MaxUnpoolNd):
    """The inverse of `MaxPool2d`: each maximum at its position, zeros elsewhere.

    Args:
        kernel_size, stride, padding: those of the pooling.

    Shape: input and indices (N, C, H, W) or (C, H, W); each size n becomes
        (n - 1) stride - 2 padding + kernel_size, or what ``output_size`` says when called.

    Raises:
        ValueError: (when called) an impossible ``output_size``.
        RuntimeError: (when called) shapes do not fit, or indices are outside of the output.

    Example:
        >>> import nnlite
        >>> pooled, indices = nnlite.nn.MaxPool2d(2, return_indices=True)(nnlite.randn(2, 3, 6, 6))
        >>> nnlite.nn.MaxUnpool2d(2)(pooled, indices).shape
        torch.Size([2, 3, 6, 6])
    """

    dims = 2

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Any:
        """The numbers at their positions."""
        return F.max_unpool2d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool3d(_MaxUnpoolNd):
    """The inverse of `MaxPool3d`: each maximum at its position, zeros elsewhere.

    Args:
        kernel_size, stride, padding: those of the pooling.

    Shape: input and indices (N, C, D, H, W) or (C, D, H, W); each size n becomes
        (n - 1) stride - 2 padding + kernel_size, or what ``output_size`` says when called.

    Raises:
        ValueError: (when called) an impossible ``output_size``.
        RuntimeError: (when called) shapes do not fit, or indices are outside of the output.

    Example:
        >>> import nnlite
        >>> pooled, indices = nnlite.nn.MaxPool3d(2, return_indices=True)(nnlite.randn(2, 3, 6, 6, 6))
        >>> nnlite.nn.MaxUnpool3d(2)(pooled, indices).shape
        torch.Size([2, 3, 6, 6, 6])
    """

    dims = 3

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Any:
        """The numbers at their positions."""
        return F.max_unpool3d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class _FractionalMaxPoolNd(Module):
    """The arguments of fractional max pooling."""

    __constants__ = ["kernel_size", "return_indices", "output_size", "output_ratio"]  # noqa: RUF012

    dims: int
    _random_samples: Any

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> None:
        super().__init__()
        self.kernel_size = _tuple(kernel_size, self.dims)
        if self.dims == 3 and min(self.kernel_size) <= 0:
            raise ValueError(f"kernel_size must be greater than 0, but got {kernel_size}")
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else _tuple(output_size, self.dims)
        self.output_ratio = None if output_ratio is None else _tuple(output_ratio, self.dims)
        if output_size is None and output_ratio is None:
            raise ValueError(f"{type(self).__name__} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def _pool(self, function: Any, input: Any) -> Any:
        return function(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """The largest number of windows over (H, W) whose distances are drawn at random.

    Args:
        kernel_size: the size of the windows, a number or one for each axis.
        output_size: the sizes of the output, a number or one for each axis.
        output_ratio: in its place, the sizes in parts of the input's, between 0 and 1.
        return_indices: return also where in the flattened (H, W) each maximum is.

    Shape: input (N, C, H, W) or (C, H, W); the result has ``output_size`` in place of (H, W).

    Raises:
        ValueError: neither or both of ``output_size`` and ``output_ratio``, or a ratio that is not between 0 and 1.
        RuntimeError: (when called) sizes do not fit together.

    Source: Graham, https://arxiv.org/abs/1412.6071.

    Example:
        >>> import nnlite
        >>> nnlite.nn.FractionalMaxPool2d(2, output_size=4)(nnlite.randn(2, 3, 6, 6)).shape
        torch.Size([2, 3, 4, 4])
    """

    dims = 2

    def forward(self, input: Any) -> Any:
        """The maxima, or a pair of them and their positions."""
        return self._pool(F.fractional_max_pool2d, input)


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """The largest number of windows over (D, H, W) whose distances are drawn at random.

    Args:
        kernel_size: the size of the windows, a number or one for each axis.
        output_size: the sizes of the output, a number or one for each axis.
        output_ratio: in its place, the sizes in parts of the input's, between 0 and 1.
        return_indices: return also where in the flattened (D, H, W) each maximum is.

    Shape: input (N, C, D, H, W) or (C, D, H, W); the result has ``output_size`` in place of (D, H, W).

    Raises:
        ValueError: neither or both of ``output_size`` and ``output_ratio``, or a ratio that is not between 0 and 1.
        RuntimeError: (when called) sizes do not fit together.

    Source: Graham, https://arxiv.org/abs/1412.6071.

    Example:
        >>> import nnlite
        >>> nnlite.nn.FractionalMaxPool3d(2, output_size=4)(nnlite.randn(2, 3, 6, 6, 6)).shape
        torch.Size([2, 3, 4, 4, 4])
    """

    dims = 3

    def forward(self, input: Any) -> Any:
        """The maxima, or a pair of them and their positions."""
        return self._pool(F.fractional_max_pool3d, input)


class _LPPoolNd(_Pool):
    """The arguments of pooling by a power norm."""

    __constants__ = ["norm_type", "kernel_size", "stride", "ceil_mode"]  # noqa: RUF012

    shown = ("norm_type", "kernel_size", "stride", "ceil_mode")

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode


class LPPool1d(_LPPoolNd):
    """The norm (sum of x^p)^(1/p) under each position of a window that slides over (L).

    Args:
        norm_type: p.
        kernel_size: the size of the window, a number or one for each axis.
        stride: its step; ``kernel_size`` unless given.
        ceil_mode: windows that end outside of the input count too.

    Shape: input (N, C, L) or (C, L); each size n becomes floor((n - kernel_size) / stride) + 1.

    Raises:
        RuntimeError: (when called) the input does not fit, or an argument is out of range.

    Example:
        >>> import nnlite
        >>> nnlite.nn.LPPool1d(2, 2)(nnlite.rand(2, 3, 6)).shape
        torch.Size([2, 3, 3])
    """

    def forward(self, input: Any) -> Any:
        """The norms."""
        return F.lp_pool1d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool2d(_LPPoolNd):
    """The norm (sum of x^p)^(1/p) under each position of a window that slides over (H, W).

    Args:
        norm_type: p.
        kernel_size: the size of the window, a number or one for each axis.
        stride: its step; ``kernel_size`` unless given.
        ceil_mode: windows that end outside of the input count too.

    Shape: input (N, C, H, W) or (C, H, W); each size n becomes floor((n - kernel_size) / stride) + 1.

    Raises:
        RuntimeError: (when called) the input does not fit, or an argument is out of range.

    Example:
        >>> import nnlite
        >>> nnlite.nn.LPPool2d(2, 2)(nnlite.rand(2, 3, 6, 6)).shape
        torch.Size([2, 3, 3, 3])
    """

    def forward(self, input: Any) -> Any:
        """The norms."""
        return F.lp_pool2d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool3d(_LPPoolNd):
    """The norm (sum of x^p)^(1/p) under each position of a window that slides over (D, H, W).

    Args:
        norm_type: p.
        kernel_size: the size of the window, a number or one for each axis.
        stride: its step; ``kernel_size`` unless given.
        ceil_mode: windows that end outside of the input count too.

    Shape: input (N, C, D, H, W) or (C, D, H, W); each size n becomes floor((n - kernel_size) / stride) + 1.

    Raises:
        RuntimeError: (when called) the input does not fit, or an argument is out of range.

    Example:
        >>> import nnlite
        >>> nnlite.nn.LPPool3d(2, 2)(nnlite.rand(2, 3, 6, 6, 6)).shape
        torch.Size([2, 3, 3, 3, 3])
    """

    def forward(self, input: Any) -> Any:
        """The norms."""
        return F.lp_pool3d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)
