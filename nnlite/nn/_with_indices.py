"""Functions of ``nn.functional`` that few programs call: pooling that gives the positions too, and ``conv_tbc``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops.convolution.conv import conv1d
from ..ops.pooling.adaptive import adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d
from ..ops.pooling.fractional import fractional_max_pool2d, fractional_max_pool3d
from ..ops.pooling.largest import max_pool1d, max_pool2d, max_pool3d


def _with_indices(pool: Callable[..., Any], name: str) -> Callable[..., Any]:
    def both(*args: Any, return_indices: bool = False, **kwargs: Any) -> Any:
        return pool(*args, return_indices=True, **kwargs)

    both.__name__ = both.__qualname__ = f"{name}_with_indices"
    both.__doc__ = f"``{name}(..., return_indices=True)``: the largest values and their positions."
    return both


max_pool1d_with_indices = _with_indices(max_pool1d, "max_pool1d")
max_pool2d_with_indices = _with_indices(max_pool2d, "max_pool2d")
max_pool3d_with_indices = _with_indices(max_pool3d, "max_pool3d")
adaptive_max_pool1d_with_indices = _with_indices(adaptive_max_pool1d, "adaptive_max_pool1d")
adaptive_max_pool2d_with_indices = _with_indices(adaptive_max_pool2d, "adaptive_max_pool2d")
adaptive_max_pool3d_with_indices = _with_indices(adaptive_max_pool3d, "adaptive_max_pool3d")
fractional_max_pool2d_with_indices = _with_indices(fractional_max_pool2d, "fractional_max_pool2d")
fractional_max_pool3d_with_indices = _with_indices(fractional_max_pool3d, "fractional_max_pool3d")


def conv_tbc(input: Any, weight: Any, bias: Any, pad: int = 0) -> Any:
    """The one-dimensional convolution of a sequence whose dimensions are time, batch and channel.

    Args:
        pad: zeros before and after the sequence.

    Shapes:
        input (time, batch, in channels), weight (width, in channels, out channels), bias (out channels); the result is
        (time + 2 pad - width + 1, batch, out channels).

    Raises:
        RuntimeError: an argument has another number of dimensions, or sizes do not go together.

    Example:
        >>> import nnlite
        >>> x, w, b = nnlite.ones(5, 2, 3), nnlite.ones(2, 3, 4), nnlite.zeros(4)
        >>> nnlite.conv_tbc(x, w, b, 1).shape
        torch.Size([6, 2, 4])
    """
    for name, tensor, dims in (("Input", input, 3), ("Weight", weight, 3), ("Bias", bias, 1)):
        if tensor.dim() != dims:
            raise RuntimeError(f"{name} must have {dims} dims: expected (time, batch, channel), (width, in, out) and "
                               f"(out), got {tuple(tensor.shape)}")  # fmt: skip
    return conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad).permute(2, 0, 1)
