"""Batch normalisation layers."""

from __future__ import annotations

from typing import Any

from ..._core.dtypes import int64
from ...creation import empty, ones, zeros
from ...ops.normalization.batch import batch_norm
from .. import init
from ..parameter import Parameter, UninitializedBuffer, UninitializedParameter
from .lazy import LazyModuleMixin
from .module import Module

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "SyncBatchNorm",
]


class _NormBase(Module):
    """Parameters and running statistics of a layer that normalises each channel."""

    _version = 2

    num_features: int
    eps: float
    momentum: float | None
    affine: bool
    track_running_stats: bool
    weight: Any
    bias: Any
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            value = Parameter(empty(num_features, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, value)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones(num_features, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", zeros((), device=device, dtype=int64) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the statistics."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Set weights to 1 and biases to 0, and forget the statistics."""
        self.reset_running_stats()
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def _check_input_dim(self, input: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no _check_input_dim(); define it")

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        version = local_metadata.get("version")
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            # Version 1 did not count batches.
            held = self.num_batches_tracked
            state_dict[key] = zeros((), dtype=int64) if held is None else held
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class _BatchNorm(_NormBase):
    """Normalisation over the batch and all positions."""

    def forward(self, input: Any) -> Any:
        """The normalised input; in training the running statistics move on."""
        self._check_input_dim(input)
        momentum: Any = 0.0 if self.momentum is None else self.momentum
        tracking = self.training and self.track_running_stats
        if tracking and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                # The mean of all batches. A tensor, for the host would have to wait for a number.
                momentum = 1.0 / self.num_batches_tracked.to(self.running_mean.dtype)
        mean, var = self.running_mean, self.running_var
        use_batch = self.training or (mean is None and var is None)
        if self.training and not self.track_running_stats:
            mean = var = None
        return batch_norm(input, mean, var, self.weight, self.bias, use_batch, momentum, self.eps)


class BatchNorm1d(_BatchNorm):
    r"""(x - mean) / sqrt(variance + eps) weight + bias for each feature.

    In training, mean and variance are those of the batch, and the running statistics follow them:
    running = (1 - momentum) running + momentum batch. In evaluation the running statistics are used.

    Args:
        num_features: C, the number of features or channels.
        eps: keeps the root away from 0.
        momentum: None takes the mean over all batches instead.
        affine: whether there are weight and bias.
        track_running_stats: without running statistics those of the batch are used in evaluation too.
        device, dtype: of parameters and statistics.
        bias: whether there is a bias (with ``affine``).

    Shape: input and output (N, C) or (N, C, L).

    Attributes:
        weight, bias: of shape (C); at first 1 and 0.
        running_mean, running_var: of shape (C); at first 0 and 1. The variance is the unbiased one.
        num_batches_tracked: how many batches they have seen, int64.

    Raises:
        ValueError: (when called) the input has another number of dimensions, or in training one number a channel.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.BatchNorm1d(2)
        >>> layer(nnlite.tensor([[1.0, 10.0], [3.0, 30.0]])).detach().round()
        tensor([[-1., -1.],
                [ 1.,  1.]])
        >>> layer.running_mean
        tensor([0.2000, 2.0000])
    """

    def _check_input_dim(self, input: Any) -> None:
        if input.dim() not in (2, 3):
            raise ValueError(f"expected 2D or 3D input (got {input.dim()}D input)")


class BatchNorm2d(_BatchNorm):
    r"""(x - mean) / sqrt(variance + eps) weight + bias for each channel of images.

    Arguments, attributes and what happens in training and evaluation: as for :class:`nnlite.nn.BatchNorm1d`.

    Shape: input and output (N, C, H, W).

    Raises:
        ValueError: (when called) the input has not 4 dimensions, or in training one number a channel.

    Example:
        >>> import nnlite
        >>> nnlite.nn.BatchNorm2d(3).eval()(nnlite.ones(1, 3, 2, 2))[0, 0].detach()
        tensor([[1.0000, 1.0000],
                [1.0000, 1.0000]])
    """

    def _check_input_dim(self, input: Any) -> None:
        if input.dim() != 4:
            raise ValueError(f"expected 4D input (got {input.dim()}D input)")


class BatchNorm3d(_BatchNorm):
    r"""(x - mean) / sqrt(variance + eps) weight + bias for each channel of volumes.

    Arguments, attributes and what happens in training and evaluation: as for :class:`nnlite.nn.BatchNorm1d`.

    Shape: input and output (N, C, D, H, W).

    Raises:
        ValueError: (when called) the input has not 5 dimensions, or in training one number a channel.

    Example:
        >>> import nnlite
        >>> nnlite.nn.BatchNorm3d(3)(nnlite.randn(2, 3, 2, 2, 2)).shape
        torch.Size([2, 3, 2, 2, 2])
    """

    def _check_input_dim(self, input: Any) -> None:
        if input.dim() != 5:
            raise ValueError(f"expected 5D input (got {input.dim()}D input)")


class _LazyNormBase(LazyModuleMixin, _NormBase):
    """A layer that takes ``num_features`` from its first input."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, device, dtype, bias=bias)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = zeros((), device=device, dtype=int64)

    def reset_parameters(self) -> None:
        """Set initial values, once there are sizes."""
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Any) -> None:
        """Take the number of channels of an input."""
        loaded = not self.has_uninitialized_params()
        if loaded and self.num_features != 0:
            return
        self.num_features = input.shape[self._channel_axis(input)]
        if loaded:  # the values come from a state
            return
        for value in (self.weight, self.bias, self.running_mean, self.running_var):
            if value is not None:
                value.materialize((self.num_features,))
        self.reset_parameters()

    def _channel_axis(self, input: Any) -> int:
        return 1


class LazyBatchNorm1d(_LazyNormBase, BatchNorm1d):
    """A :class:`BatchNorm1d` that takes ``num_features`` from its first input, and is one from then on.

    Arguments and shapes: as for :class:`BatchNorm1d`, without ``num_features``.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.LazyBatchNorm1d()
        >>> layer(nnlite.randn(2, 3)).shape, layer.num_features
        (torch.Size([2, 3]), 3)
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNormBase, BatchNorm2d):
    """A :class:`BatchNorm2d` that takes ``num_features`` from its first input, and is one from then on.

    Arguments and shapes: as for :class:`BatchNorm2d`, without ``num_features``.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.LazyBatchNorm2d()
        >>> layer(nnlite.randn(2, 3, 4, 4)).shape, layer.num_features
        (torch.Size([2, 3, 4, 4]), 3)
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNormBase, BatchNorm3d):
    """A :class:`BatchNorm3d` that takes ``num_features`` from its first input, and is one from then on.

    Arguments and shapes: as for :class:`BatchNorm3d`, without ``num_features``.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.LazyBatchNorm3d()
        >>> layer(nnlite.randn(2, 3, 4, 4, 4)).shape, layer.num_features
        (torch.Size([2, 3, 4, 4, 4]), 3)
    """

    cls_to_become = BatchNorm3d


class SyncBatchNorm(_BatchNorm):
    r"""Batch normalisation for training in several processes; there is one process, so that it is as `BatchNorm2d` is.

    Args:
        process_group: accepted; there are no groups of processes.
        num_features, eps, momentum, affine, track_running_stats: as for :class:`nnlite.nn.BatchNorm1d`.

    Shape: input and output (N, C, *).

    Raises:
        ValueError: (when called) the input has fewer than 2 dimensions, or in training one number a channel.

    Example:
        >>> import nnlite
        >>> model = nnlite.nn.Sequential(nnlite.nn.Conv2d(1, 2, 3), nnlite.nn.BatchNorm2d(2))
        >>> nnlite.nn.SyncBatchNorm.convert_sync_batchnorm(model)[1]
        SyncBatchNorm(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Any) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module with every batch normalisation in it replaced by a `SyncBatchNorm` of the same tensors."""
        if isinstance(module, _BatchNorm) and not isinstance(module, SyncBatchNorm):
            made: Module = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                setattr(made, name, getattr(module, name))
            made.training = module.training
            return made
        for name, child in module.named_children():
            module.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return module
