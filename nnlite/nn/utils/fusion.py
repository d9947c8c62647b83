"""Batch normalisation worked into the layer before it, for evaluation."""

from __future__ import annotations

import copy
import functools
from typing import Any, TypeVar

from ...creation import ones_like, zeros_like
from ..modules.module import Module
from ..parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]

_M = TypeVar("_M", bound=Module)


def fuse_conv_bn_eval(conv: _M, bn: Any, transpose: bool = False) -> _M:
    """A convolution layer that gives what a convolution and a batch normalisation in evaluation give.

    Args:
        conv: the convolution, whose copy is returned.
        bn: the batch normalisation, with running statistics.
        transpose: whether the convolution is a transposed one.

    Raises:
        AssertionError: one of the layers is in training mode, or there are no running statistics.

    Example:
        >>> import nnlite
        >>> conv, bn = nnlite.nn.Conv2d(1, 2, 3).eval(), nnlite.nn.BatchNorm2d(2).eval()
        >>> x = nnlite.randn(1, 1, 4, 4)
        >>> nnlite.allclose(nnlite.nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-6)
        True
    """
    return _fused(conv, bn, functools.partial(fuse_conv_bn_weights, transpose=transpose))


def fuse_conv_bn_weights(
    conv_w: Any,
    conv_b: Any,
    bn_rm: Any,
    bn_rv: Any,
    bn_eps: float,
    bn_w: Any,
    bn_b: Any,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the convolution of :func:`fuse_conv_bn_eval`.

    With s = bn_w / sqrt(bn_rv + bn_eps) for each output channel: w s, and (b - bn_rm) s + bn_b.

    Args:
        conv_w, conv_b: of the convolution; no bias is None.
        bn_rm, bn_rv: running mean and variance.
        bn_eps: what is added to the variance.
        bn_w, bn_b: of the batch normalisation; None for 1 and 0.
        transpose: whether the weight has the output channels second.
    """
    shape = [1, -1] if transpose else [-1, 1]
    shape += [1] * (conv_w.dim() - 2)
    return _fused_weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, shape)


def fuse_linear_bn_eval(linear: _M, bn: Any) -> _M:
    """A linear layer that gives what a linear layer and a batch normalisation in evaluation give.

    Args:
        linear: the linear layer, whose copy is returned.
        bn: the batch normalisation, with running statistics.

    Raises:
        AssertionError: one of the layers is in training mode, the numbers of features differ, or there are no running
            statistics.

    Example:
        >>> import nnlite
        >>> linear, bn = nnlite.nn.Linear(3, 2).eval(), nnlite.nn.BatchNorm1d(2).eval()
        >>> x = nnlite.randn(4, 3)
        >>> nnlite.allclose(nnlite.nn.utils.fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)), atol=1e-6)
        True
    """
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError("To fuse, linear.out_features == bn.num_features or bn.num_features == 1")
    return _fused(linear, bn, fuse_linear_bn_weights)


def fuse_linear_bn_weights(
    linear_w: Any, linear_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the layer of :func:`fuse_linear_bn_eval`; arguments as for :func:`fuse_conv_bn_weights`."""
    return _fused_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, [-1, 1])


def _fused(layer: _M, bn: Any, weights: Any) -> _M:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval! (call .eval() on both layers)")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None (track_running_stats=False)")
    made: Any = copy.deepcopy(layer)
    made.weight, made.bias = weights(
        made.weight, made.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    fused: _M = made
    return fused


def _fused_weights(
    w: Any, b: Any, mean: Any, var: Any, eps: float, bn_w: Any, bn_b: Any, shape: list[int]
) -> tuple[Parameter, Parameter]:
    bias_dtype = w.dtype if b is None else b.dtype
    bias = zeros_like(mean) if b is None else b
    scale = (ones_like(mean) if bn_w is None else bn_w) * (var + eps).rsqrt()
    shift = zeros_like(mean) if bn_b is None else bn_b
    fused_w = (w * scale.reshape(shape)).to(w.dtype)
    fused_b = ((bias - mean) * scale + shift).to(bias_dtype)
    return (
        Parameter(fused_w.detach(), w.requires_grad),
        Parameter(fused_b.detach(), w.requires_grad if b is None else b.requires_grad),
    )
