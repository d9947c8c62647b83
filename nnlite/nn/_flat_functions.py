"""Functions of layers as ``nnlite`` itself has them: ``nnlite.batch_norm`` and its like, whose arguments stand in
another order than in ``nn.functional``, and functions that give what a layer computes besides its output."""

from __future__ import annotations

from typing import Any

from ..creation import empty, zeros
from ..ops import FUNCTIONS
from . import functional as F

_BAG_MODES = ("sum", "mean", "max")


def batch_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Any:
    """``nn.functional.batch_norm`` with its arguments in the order of PyTorch's older function."""
    return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Any:
    """``nn.functional.instance_norm`` with its arguments in the order of PyTorch's older function."""
    return F.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def layer_norm(
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Any:
    """See :func:`nnlite.nn.functional.layer_norm`."""
    return F.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, cudnn_enabled: bool = True
) -> Any:
    """See :func:`nnlite.nn.functional.group_norm`."""
    return F.group_norm(input, num_groups, weight, bias, eps)


def adaptive_max_pool1d(input: Any, output_size: Any) -> Any:
    """The largest values of windows that cover the input, and their positions.

    Example:
        >>> import nnlite
        >>> nnlite.adaptive_max_pool1d(nnlite.arange(4.0)[None], 2)
        (tensor([[1., 3.]]), tensor([[1, 3]]))
    """
    return F.adaptive_max_pool1d(input, output_size, return_indices=True)


def max_pool1d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """See :func:`nnlite.nn.functional.max_pool1d`."""
    return F.max_pool1d(input, kernel_size, stride or None, padding, dilation, ceil_mode)


def max_pool2d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """See :func:`nnlite.nn.functional.max_pool2d`."""
    return F.max_pool2d(input, kernel_size, stride or None, padding, dilation, ceil_mode)


def max_pool3d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """See :func:`nnlite.nn.functional.max_pool3d`."""
    return F.max_pool3d(input, kernel_size, stride or None, padding, dilation, ceil_mode)


def convolution(
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Any:
    """The convolution, or transposed convolution, in as many dimensions as ``weight`` has for them."""
    dims = weight.dim() - 2
    if transposed:
        function = getattr(F, f"conv_transpose{dims}d")
        return function(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return getattr(F, f"conv{dims}d")(input, weight, bias, stride, padding, dilation, groups)


def embedding_bag(
    weight: Any,
    indices: Any,
    offsets: Any,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """Rows of a table put together by bags, and what PyTorch's function gives besides.

    Args:
        mode: 0 for the sum, 1 for the mean, 2 for the largest elements. The rest is as in
            ``nn.functional.embedding_bag``, which is the function to use.

    Returns:
        the rows, the number of the bag of each index, the sizes of the bags, and an empty tensor, where PyTorch has
        what its backward needs.

    Raises:
        TypeError: ``mode`` is no integer.

    Example:
        >>> import nnlite
        >>> table = nnlite.arange(6.0).reshape(3, 2)
        >>> nnlite.embedding_bag(table, nnlite.tensor([0, 1, 2]), nnlite.tensor([0, 2]))[0]
        tensor([[2., 4.],
                [4., 5.]])
    """
    if not isinstance(mode, int) or mode not in range(3):
        raise TypeError(f"embedding_bag(): argument 'mode' must be int: 0 (sum), 1 (mean) or 2 (max), got {mode!r}")
    rows = F.embedding_bag(indices, weight, offsets, None, 2.0, scale_grad_by_freq, _BAG_MODES[mode], sparse,
                           per_sample_weights, include_last_offset, padding_idx)  # fmt: skip
    starts = offsets[:-1] if include_last_offset else offsets
    places = FUNCTIONS["arange"](indices.shape[0], device=indices.device)
    bag = FUNCTIONS["searchsorted"](starts, places, right=True) - 1
    counted = zeros(starts.shape[0], dtype=indices.dtype, device=indices.device)
    ones = FUNCTIONS["ones_like"](indices) if padding_idx is None else (indices != padding_idx).to(indices.dtype)
    return rows, bag, counted.index_add(0, bag, ones), empty(0, dtype=indices.dtype, device=indices.device)


def native_layer_norm(input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    """The result of ``layer_norm``, the means, and one over the standard deviations.

    Example:
        >>> import nnlite
        >>> nnlite.native_layer_norm(nnlite.tensor([[1.0, 3.0]]), [2], None, None, 0.0)
        (tensor([[-1.,  1.]]), tensor([[2.]]), tensor([[1.]]))
    """
    dims = tuple(range(-len(normalized_shape), 0))
    variance, mean = FUNCTIONS["var_mean"](input, dim=dims, correction=0, keepdim=True)
    return F.layer_norm(input, normalized_shape, weight, bias, eps), mean, (variance + eps).rsqrt()


def native_group_norm(input: Any, weight: Any, bias: Any, N: int, C: int, HxW: int, group: int, eps: float) -> Any:
    """The result of ``group_norm``, the means, and one over the standard deviations, of each example and group."""
    variance, mean = FUNCTIONS["var_mean"](input.reshape(N, group, -1), dim=-1, correction=0)
    return F.group_norm(input, group, weight, bias, eps), mean, (variance + eps).rsqrt()


def native_batch_norm(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float, eps: float
) -> Any:
    """The result of ``batch_norm`` and, in training, the means and one over the standard deviations of the batch."""
    if training:
        dims = tuple(i for i in range(input.dim()) if i != 1)
        variance, mean = FUNCTIONS["var_mean"](input, dim=dims, correction=0)
        saved = mean, (variance + eps).rsqrt()
    else:
        saved = tuple(empty(0, dtype=input.dtype, device=input.device) for _ in range(2))
    return (F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps), *saved)


def norm_except_dim(v: Any, pow: int = 2, dim: int = 0) -> Any:
    """The p-norms over all dimensions but one, which stay with size 1; over all for ``dim=-1``.

    Example:
        >>> import nnlite
        >>> nnlite.norm_except_dim(nnlite.tensor([[3.0, 4.0], [6.0, 8.0]]), 2, 0)
        tensor([[ 5.],
                [10.]])
    """
    if dim == -1:
        return v.norm(pow)
    v.size(dim)  # raises for a dimension that is not there
    others = [i for i in range(v.dim()) if i != dim % v.dim()]
    return v.norm(pow, others, keepdim=True)


def cond(pred: Any, true_fn: Any, false_fn: Any, operands: Any = ()) -> Any:
    """What one of two functions makes of ``operands``, chosen by a bool or a tensor of one element.

    Example:
        >>> import nnlite
        >>> nnlite.cond(nnlite.tensor(True), lambda x: x + 1, lambda x: x - 1, (nnlite.zeros(1),))
        tensor([1.])
    """
    return (true_fn if pred else false_fn)(*operands)


def while_loop(cond_fn: Any, body_fn: Any, carried_inputs: Any) -> Any:
    """Call ``body_fn`` on what it returned last, as long as ``cond_fn`` of it holds."""
    values = tuple(carried_inputs)
    while cond_fn(*values):
        made = body_fn(*values)
        values = tuple(made) if isinstance(made, tuple | list) else (made,)
    return values
