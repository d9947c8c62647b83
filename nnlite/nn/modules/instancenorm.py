"""Instance normalisation layers."""

from __future__ import annotations

import warnings
from typing import Any

from ...ops.normalization.rows import instance_norm
from .batchnorm import _LazyNormBase, _NormBase

__all__ = [
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]


class _InstanceNorm(_NormBase):
    """Normalisation of each channel of each example."""

    dimensions: int
    """Dimensions of one example."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _check_input_dim(self, input: Any) -> None:
        few = self.dimensions
        if input.dim() not in (few, few + 1):
            raise ValueError(f"expected {few}D or {few + 1}D input (got {input.dim()}D input)")

    def _get_no_batch_dim(self) -> int:
        return self.dimensions

    def forward(self, input: Any) -> Any:
        """The normalised input; running statistics, where there are any, move on in training."""
        self._check_input_dim(input)
        axis = input.dim() - self.dimensions
        if input.shape[axis] != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={axis} to match num_features ({self.num_features}), but got: "
                    f"{input.shape[axis]}."
                )
            warnings.warn(
                f"input's size at dim={axis} does not match num_features. You can silence this warning by not passing "
                "in num_features, which is not used because affine=False",
                stacklevel=2,
            )
        if axis == 0:
            return self._apply_instance_norm(input.unsqueeze(0)).squeeze(0)
        return self._apply_instance_norm(input)

    def _apply_instance_norm(self, input: Any) -> Any:
        return instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any) -> None:
        version = local_metadata.get("version")
        if version is None and not self.track_running_stats:
            found = [prefix + name for name in ("running_mean", "running_var") if prefix + name in state_dict]
            if found:
                kind, names = type(self).__name__, " and ".join(f'"{name}"' for name in found)
                rest[-1].append(
                    f"Unexpected running stats buffer(s) {names} for {kind} with track_running_stats=False. Remove "
                    f"these keys from the state_dict, or make the layer with track_running_stats=True."
                )
                for name in found:
                    state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class InstanceNorm1d(_InstanceNorm):
    """(x - mean) / sqrt(variance + eps) weight + bias, for each channel of each example.

    Args:
        num_features: C, the number of channels.
        eps: keeps the root away from 0.
        momentum: factor by which the running statistics move.
        affine: whether there are weight and bias.
        track_running_stats: whether there are running statistics, which are then used in evaluation.
        device, dtype: of parameters and statistics.
        bias: whether there is a bias (with ``affine``).

    Shape: input and output (N, C, L) or (C, L).

    Raises:
        ValueError: (when called) another number of dimensions, of channels with ``affine``, or a single position.

    Source: Ulyanov et al., https://arxiv.org/abs/1607.08022.

    Example:
        >>> import nnlite
        >>> nnlite.nn.InstanceNorm1d(2)(nnlite.tensor([[1.0, 3.0], [10.0, 30.0]])).round()
        tensor([[-1.,  1.],
                [-1.,  1.]])
    """

    dimensions = 2


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of images; arguments as for `InstanceNorm1d`.

    Shape: input and output (N, C, H, W) or (C, H, W).

    Raises:
        ValueError: (when called) another number of dimensions, of channels with ``affine``, or a single position.

    Example:
        >>> import nnlite
        >>> nnlite.nn.InstanceNorm2d(3, affine=True)(nnlite.randn(2, 3, 4, 4)).shape
        torch.Size([2, 3, 4, 4])
    """

    dimensions = 3


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation of volumes; arguments as for `InstanceNorm1d`.

    Shape: input and output (N, C, D, H, W) or (C, D, H, W).

    Raises:
        ValueError: (when called) another number of dimensions, of channels with ``affine``, or a single position.

    Example:
        >>> import nnlite
        >>> nnlite.nn.InstanceNorm3d(3)(nnlite.randn(2, 3, 2, 2, 2)).shape
        torch.Size([2, 3, 2, 2, 2])
    """

    dimensions = 4


class _LazyInstanceNorm(_LazyNormBase):
    """Instance normalisation that takes ``num_features`` from its first input."""

    dimensions: int

    def _channel_axis(self, input: Any) -> int:
        return max(int(input.dim()) - self.dimensions, 0)


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d):
    """An :class:`InstanceNorm1d` that takes ``num_features`` from its first input, and is one from then on.

    Arguments and shapes: as for :class:`InstanceNorm1d`, with weights and statistics by default, without
    ``num_features``.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.LazyInstanceNorm1d()
        >>> layer(nnlite.randn(2, 3, 4)).shape, layer.num_features
        (torch.Size([2, 3, 4]), 3)
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d):
    """An :class:`InstanceNorm2d` that takes ``num_features`` from its first input, and is one from then on.

    Arguments and shapes: as for :class:`InstanceNorm2d`, with weights and statistics by default, without
    ``num_features``.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.LazyInstanceNorm2d()
        >>> layer(nnlite.randn(2, 3, 4, 4)).shape, layer.num_features
        (torch.Size([2, 3, 4, 4]), 3)
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d):
    """An :class:`InstanceNorm3d` that takes ``num_features`` from its first input, and is one from then on.

    Arguments and shapes: as for :class:`InstanceNorm3d`, with weights and statistics by default, without
    ``num_features``.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.LazyInstanceNorm3d()
        >>> layer(nnlite.randn(2, 3, 4, 4, 4)).shape, layer.num_features
        (torch.Size([2, 3, 4, 4, 4]), 3)
    """

    cls_to_become = InstanceNorm3d
