"""Normalisation within each example: layer, group, root-mean-square and local response normalisation."""

from __future__ import annotations

import operator
from typing import Any

from ...creation import empty
from ...ops.normalization.rows import group_norm, layer_norm, local_response_norm, rms_norm
from .. import init
from ..parameter import Parameter
from .module import Module

__all__ = ["CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


def _sizes(normalized_shape: Any) -> tuple[int, ...]:
    if hasattr(normalized_shape, "__index__"):
        return (operator.index(normalized_shape),)
    return tuple(normalized_shape)


class _Affine(Module):
    """A layer with a weight of ones and a bias of zeros, or without."""

    weight: Any
    bias: Any

    def _add(self, name: str, wanted: bool, shape: Any, device: Any, dtype: Any) -> None:
        value = Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None
        self.register_parameter(name, value)

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self._parameters.get("bias") is not None:
            init.zeros_(self.bias)


class LayerNorm(_Affine):
    """(x - mean) / sqrt(variance + eps) weight + bias, over the last dimensions of each example.

    Args:
        normalized_shape: the sizes of the dimensions to normalise over; a number for the last alone.
        eps: keeps the root away from 0.
        elementwise_affine: whether there is a weight, of shape ``normalized_shape``.
        bias: whether there is a bias too.
        device, dtype: of the parameters.

    Shape: input and output (*, normalized_shape).

    Raises:
        RuntimeError: (when called) the input does not end in ``normalized_shape``.

    Source: Ba et al., https://arxiv.org/abs/1607.06450.

    Example:
        >>> import nnlite
        >>> nnlite.nn.LayerNorm(2)(nnlite.tensor([[1.0, 3.0], [10.0, 30.0]])).detach().round()
        tensor([[-1.,  1.],
                [-1.,  1.]])
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]  # noqa: RUF012

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._add("weight", elementwise_affine, self.normalized_shape, device, dtype)
        self._add("bias", elementwise_affine and bias, self.normalized_shape, device, dtype)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        """The normalised input."""
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(_Affine):
    """x / sqrt(mean of x^2 + eps) weight, over the last dimensions of each example.

    Args:
        normalized_shape: the sizes of the dimensions to normalise over; a number for the last alone.
        eps: keeps the root away from 0; the machine epsilon of the dtype unless given.
        elementwise_affine: whether there is a weight, of shape ``normalized_shape``.
        device, dtype: of the weight.

    Shape: input and output (*, normalized_shape).

    Raises:
        RuntimeError: (when called) the input does not end in ``normalized_shape``.

    Source: Zhang and Sennrich, https://arxiv.org/abs/1910.07467.

    Example:
        >>> import nnlite
        >>> nnlite.nn.RMSNorm(2)(nnlite.tensor([1.0, 7.0])).detach()
        tensor([0.2000, 1.4000])
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]  # noqa: RUF012

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._add("weight", elementwise_affine, self.normalized_shape, device, dtype)
        self.reset_parameters()

    def forward(self, x: Any) -> Any:
        """The normalised input."""
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """(x - mean) / sqrt(variance + eps) weight + bias, over groups of channels of each example.

    Args:
        num_groups: the number of groups.
        num_channels: C, the number of channels.
        eps: keeps the root away from 0.
        affine: whether there are weight and bias, a number for each channel.
        device, dtype: of the parameters.
        bias: whether there is a bias (with ``affine``).

    Shape: input and output (N, C, *).

    Raises:
        ValueError: ``num_groups`` does not divide ``num_channels``; (when called) a group holds a single number.
        RuntimeError: (when called) another number of channels.

    Source: Wu and He, https://arxiv.org/abs/1803.08494.

    Example:
        >>> import nnlite
        >>> nnlite.nn.GroupNorm(2, 4)(nnlite.tensor([[1.0, 3.0, 10.0, 30.0]])).detach().round()
        tensor([[-1.,  1., -1.,  1.]])
    """

    __constants__ = ["num_groups", "num_channels", "eps", "affine"]  # noqa: RUF012

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._add("weight", affine, num_channels, device, dtype)
        self._add("bias", affine and bias, num_channels, device, dtype)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        """The normalised input."""
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """x / (k + alpha / size sum of x^2 over ``size`` neighbouring channels)^beta.

    Shape: input and output (N, C, *) with at least 3 dimensions.

    Raises:
        ValueError: (when called) fewer than 3 dimensions.

    Source: Krizhevsky et al., ImageNet classification with deep convolutional neural networks, 2012.

    Example:
        >>> import nnlite
        >>> nnlite.nn.LocalResponseNorm(1, alpha=3.0, beta=0.5)(nnlite.ones(1, 1, 1))
        tensor([[[0.5000]]])
    """

    __constants__ = ["size", "alpha", "beta", "k"]  # noqa: RUF012

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Any) -> Any:
        """The normalised input."""
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """`LocalResponseNorm` of images under its former name.

    Example:
        >>> import nnlite
        >>> nnlite.nn.CrossMapLRN2d(3)
        CrossMapLRN2d(3, alpha=0.0001, beta=0.75, k=1)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)
