"""The gradients of convolutions, as functions."""

from __future__ import annotations

from typing import Any

from .._core.grad_mode import enable_grad
from ..autograd import grad
from ..ops.convolution.conv import conv1d, conv2d, conv3d

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def _by_input(conv: Any, size: Any, weight: Any, grad_output: Any, *settings: Any) -> Any:
    with enable_grad():
        x = grad_output.detach().new_zeros(tuple(size)).requires_grad_()
        return grad(conv(x, weight.detach(), None, *settings), x, grad_output)[0]


def _by_weight(conv: Any, input: Any, size: Any, grad_output: Any, *settings: Any) -> Any:
    with enable_grad():
        w = grad_output.detach().new_zeros(tuple(size)).requires_grad_()
        return grad(conv(input.detach(), w, None, *settings), w, grad_output)[0]


def conv1d_input(
    input_size: Any,
    weight: Any,
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The gradient of :func:`nnlite.nn.functional.conv1d` by its input, of shape ``input_size``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.grad.conv1d_input((1, 1, 3), nnlite.tensor([[[1.0, 2.0]]]), nnlite.ones(1, 1, 2))
        tensor([[[1., 3., 2.]]])
    """
    return _by_input(conv1d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv1d_weight(
    input: Any,
    weight_size: Any,
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The gradient of :func:`nnlite.nn.functional.conv1d` by its weight, of shape ``weight_size``."""
    return _by_weight(conv1d, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv2d_input(
    input_size: Any,
    weight: Any,
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The gradient of :func:`nnlite.nn.functional.conv2d` by its input, of shape ``input_size``."""
    return _by_input(conv2d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_weight(
    input: Any,
    weight_size: Any,
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The gradient of :func:`nnlite.nn.functional.conv2d` by its weight, of shape ``weight_size``."""
    return _by_weight(conv2d, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv3d_input(
    input_size: Any,
    weight: Any,
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The gradient of :func:`nnlite.nn.functional.conv3d` by its input, of shape ``input_size``."""
    return _by_input(conv3d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_weight(
    input: Any,
    weight_size: Any,
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The gradient of :func:`nnlite.nn.functional.conv3d` by its weight, of shape ``weight_size``."""
    return _by_weight(conv3d, input, weight_size, grad_output, stride, padding, dilation, groups)
