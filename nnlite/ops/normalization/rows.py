"""Normalisation within each example: layer, group, instance and root-mean-square normalisation.

All are one operation: the array is seen as rows, each row is brought to mean 0 and variance 1 (or, not centred, to mean
square 1), and weight and bias are applied in a shape that broadcasts with the input.
"""

from __future__ import annotations

import math
from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, cast, check_same_device, not_a_tensor, op
from ..._core.size import Size
from ...backends import backend_of
from ..activation.softmax import title_of, widen
from ..image.pad import pad
from ..pointwise.arithmetic import div
from ..pointwise.elementwise import rsqrt
from ..reduction.reduce import mean as average
from ..shape.views import reshape
from .batch import PIECE, batch_norm, update_statistics


def _dots(xp: Any, x: Any, y: Any) -> Any:
    """The sum of x y for each row, as a column."""
    total: Any = None
    for at in range(0, max(x.shape[1], 1), PIECE):
        part = xp.einsum("rc,rc->r", x[:, at : at + PIECE], y[:, at : at + PIECE])
        total = part if total is None else total + part
    return total[:, None]


def _means(xp: Any, x: Any) -> Any:
    return xp.sum(x, axis=1, keepdims=True) / max(x.shape[1], 1)


def _summed(xp: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """The sum of ``x`` over the axes in which ``shape`` is 1 or ends."""
    shape = (1,) * (x.ndim - len(shape)) + shape
    return xp.sum(x, axis=tuple(axis for axis, size in enumerate(shape) if size == 1))


@op(
    saves=("x", "weight", "bias", "mean", "inverse"),
    residuals=("mean", "inverse"),
    title=lambda node: node.attrs["title"],
)
def _row_norm(
    xp: Any,
    x: Any,
    weight: Any,
    bias: Any,
    *,
    rows: int,
    affine: tuple[int, ...],
    eps: float,
    centred: bool,
    title: str,
) -> tuple[Any, ...]:
    """(x - mean) / sqrt(variance + eps) weight + bias; without ``centred``, x / sqrt(mean of x^2 + eps) weight."""
    flat = widen(x).reshape(rows, x.size // max(rows, 1))
    mean = None
    out = flat
    if centred:
        mean = _means(xp, flat)
        out = flat - mean
    inverse = 1 / xp.sqrt(_dots(xp, out, out) / max(flat.shape[1], 1) + eps)
    out = out * inverse if out is flat else xp.multiply(out, inverse, out=out)
    out = out.reshape(x.shape)
    if weight is not None:
        out *= widen(weight).reshape(affine)
    if bias is not None:
        out += widen(bias).reshape(affine)
    return out.astype(x.dtype, copy=False), mean, inverse


@_row_norm.vjp
def _(f: Any, g: Any, node: Any, x: Any, weight: Any, bias: Any, mean: Any, inverse: Any) -> tuple[Any, ...]:
    attrs = node.attrs
    wanted = node.edges[0] is not None
    return f.row_norm_gradient(g, x, weight, bias, mean, inverse, affine=attrs["affine"], wanted=wanted)


@op(outputs=3)
def _row_norm_gradient(
    xp: Any,
    g: Any,
    x: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    inverse: Any,
    *,
    affine: tuple[int, ...],
    wanted: bool,
) -> tuple[Any, ...]:
    """The gradients of input, weight and bias; that of the input only if ``wanted``."""
    up, flat = widen(g), widen(x).reshape(inverse.shape[0], x.size // max(inverse.shape[0], 1))
    normal = flat * inverse if mean is None else flat - mean
    if mean is not None:
        normal *= inverse
    gb = None if bias is None else _summed(xp, up, affine).reshape(bias.shape).astype(bias.dtype, copy=False)
    gw = None
    if weight is not None:
        gw = _summed(xp, up * normal.reshape(x.shape), affine).reshape(weight.shape).astype(weight.dtype, copy=False)
        up = up * widen(weight).reshape(affine)
    if not wanted:
        return None, gw, gb
    # What g has in common with 1 and with x cancels out, for mean and variance depend on x too.
    down = up.reshape(flat.shape)
    normal *= _dots(xp, down, normal) / -max(flat.shape[1], 1)
    normal += down
    if mean is not None:
        normal -= _means(xp, down)
    normal *= inverse
    return normal.reshape(x.shape).astype(x.dtype, copy=False), gw, gb


@_row_norm.composite
def _(
    x: Any,
    weight: Any,
    bias: Any,
    *,
    rows: int,
    affine: tuple[int, ...],
    eps: float,
    centred: bool,
    title: str,
) -> Any:
    kind = x._a.dtype
    wide = reshape(_wide(x), rows, x._a.size // max(rows, 1))
    if centred:
        wide = wide - average(wide, 1, True)
    out = reshape(wide * rsqrt(average(wide * wide, 1, True) + eps), *x.shape)
    if weight is not None:
        out = out * reshape(_wide(weight), *affine)
    if bias is not None:
        out = out + reshape(_wide(bias), *affine)
    return out if out._a.dtype == kind else cast(out, kind)


def _wide(x: Any) -> Any:
    return cast(x, dtypes.float32.np) if x._a.dtype.itemsize == 2 else x


# ---------------------------------------------------------------------------------------------------------------------
# The public functions


def _check(name: str, input: Any, given: dict[str, Any], shape: tuple[int, ...], what: str) -> None:
    """Raise unless weight and bias have the shape and dtype that fit the input."""
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    x = input._a
    if x.dtype.kind not in ("fVc" if name == "rms_norm" else "fV"):
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{title_of(x)}' (it needs floating-point numbers: call .float())"
        )
    for label, value in given.items():
        if value is None:
            continue
        if not isinstance(value, TensorBase):
            raise TypeError(f"{name}(): argument '{label}' must be Tensor, not {type(value).__name__}")
        a = value._a
        if a.shape != shape:
            raise RuntimeError(
                f"Expected {label} to be {what}, but got {label} of shape {list(a.shape)} where {list(shape)} fits"
            )
        if type(a) is not type(x):
            check_same_device(name, (x, a))
        if a.dtype != x.dtype and not (x.dtype.itemsize == 2 and a.dtype == dtypes.float32.np):
            raise RuntimeError(
                f"mixed dtype ({name}): expect {label} to have scalar type of {title_of(x)}, but got {title_of(a)}"
            )


EPSILON = {2: 2.0**-10, 4: 2.0**-23, 8: 2.0**-52}
"""The machine epsilon by the bytes of a number."""


def _trailing(name: str, input: Any, normalized_shape: Any) -> tuple[tuple[int, ...], int]:
    """The shape that is normalised over, and how many rows there are."""
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    shape = tuple(int(n) for n in normalized_shape)
    given = tuple(input._a.shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element"
        )
    if given[-len(shape) :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], but "
            f"got input of size{list(given)}"
        )
    return shape, math.prod(given[: len(given) - len(shape)])


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """(x - mean) / sqrt(variance + eps) weight + bias, over the last dimensions of each example.

    Args:
        normalized_shape: the sizes of the dimensions to normalise over.

    Shape: input (*, normalized_shape), weight and bias normalized_shape; the result has the input's.

    Raises:
        RuntimeError: the input does not end in ``normalized_shape``, or weight or bias do not fit.

    Source: Ba et al., https://arxiv.org/abs/1607.06450.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.layer_norm(nnlite.tensor([[1.0, 3.0], [10.0, 30.0]]), (2,), eps=1e-9)
        tensor([[-1.,  1.],
                [-1.,  1.]])
    """
    shape, rows = _trailing("layer_norm", input, normalized_shape)
    _check("layer_norm", input, {"weight": weight, "bias": bias}, shape, "of same shape as normalized_shape")
    return _row_norm(
        input, weight, bias, rows=rows, affine=shape, eps=float(eps), centred=True, title="NativeLayerNormBackward0"
    )


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """x / sqrt(mean of x^2 + eps) weight, over the last dimensions of each example.

    Args:
        normalized_shape: the sizes of the dimensions to normalise over.
        eps: the machine epsilon of the dtype unless given.

    Shape: input (*, normalized_shape), weight normalized_shape; the result has the input's.

    Raises:
        RuntimeError: the input does not end in ``normalized_shape``, or the weight does not fit.

    Source: Zhang and Sennrich, https://arxiv.org/abs/1910.07467.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.rms_norm(nnlite.tensor([1.0, 7.0]), (2,))
        tensor([0.2000, 1.4000])
    """
    shape, rows = _trailing("rms_norm", input, normalized_shape)
    _check("rms_norm", input, {"weight": weight}, shape, "of same shape as normalized_shape")
    if eps is None:
        eps = EPSILON[input._a.dtype.itemsize // (2 if input._a.dtype.kind == "c" else 1)]
    if input._a.dtype.kind == "c":
        return _row_norm.op.composite(input, weight, None, rows=rows, affine=shape, eps=eps, centred=False, title="")
    return _row_norm(
        input, weight, None, rows=rows, affine=shape, eps=float(eps), centred=False, title="FusedRmsNormBackward0"
    )


def _by_channel(input: Any) -> tuple[int, ...]:
    return (1, input.shape[1], *(1,) * (input.ndim - 2))


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """(x - mean) / sqrt(variance + eps) weight + bias, over groups of channels of each example.

    Shape: input (N, C, *), weight and bias (C); the result has the input's.

    Raises:
        RuntimeError: fewer than 2 dimensions, ``num_groups`` does not divide C, or weight or bias do not fit.
        ValueError: a group holds a single number.

    Source: Wu and He, https://arxiv.org/abs/1803.08494.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.group_norm(nnlite.tensor([[1.0, 3.0, 10.0, 30.0]]), 2, eps=1e-9)
        tensor([[-1.,  1., -1.,  1.]])
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor("group_norm", 0, input)
    if input.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    examples, channels, *positions = input.shape
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={num_groups}"
        )
    if examples * channels // num_groups * math.prod(positions) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {Size(input.shape)}")
    _check("group_norm", input, {"weight": weight, "bias": bias}, (channels,), "a vector of size equal to the channels")
    return _row_norm(
        input,
        weight,
        bias,
        rows=examples * num_groups,
        affine=_by_channel(input),
        eps=float(eps),
        centred=True,
        title="NativeGroupNormBackward0",
    )


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """(x - mean) / sqrt(variance + eps) weight + bias, for each channel of each example.

    Args:
        running_mean, running_var: of shape (C), None for none; with ``use_input_stats`` they move towards the average
            of the examples' by the factor ``momentum``, else they are used.

    Shape: input (N, C, *), all others (C); the result has the input's.

    Raises:
        ValueError: a channel has a single position.
        RuntimeError: sizes, dtypes or devices do not fit together, or no running statistics where they are to be used.

    Source: Ulyanov et al., https://arxiv.org/abs/1607.08022.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.instance_norm(nnlite.tensor([[[1.0, 3.0], [10.0, 30.0]]]), eps=1e-9)
        tensor([[[-1.,  1.],
                 [-1.,  1.]]])
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor("instance_norm", 0, input)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if input.ndim < 2:
        raise RuntimeError(f"instance_norm: expected an input (N, C, *), got {input.ndim} dimensions")
    examples, channels, *positions = input.shape
    if math.prod(positions) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {Size(input.shape)}")
    _check(
        "instance_norm", input, {"weight": weight, "bias": bias}, (channels,), "a vector of size equal to the channels"
    )
    if running_mean is not None:
        flat = widen(input._a).reshape(examples, channels, math.prod(positions))
        xp = backend_of(flat).xp
        mean, variance = xp.mean(flat, axis=(0, 2)), xp.mean(xp.var(flat, axis=2, ddof=1), axis=0)
        update_statistics(running_mean, running_var, mean, variance, momentum)
    return _row_norm(
        input,
        weight,
        bias,
        rows=examples * channels,
        affine=_by_channel(input),
        eps=float(eps),
        centred=True,
        title="NativeBatchNormBackward0",
    )


def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """x / (k + alpha / size sum of x^2 over ``size`` neighbouring channels)^beta.

    Shape: input (N, C, *) with at least 3 dimensions; the result has the input's.

    Raises:
        ValueError: fewer than 3 dimensions.

    Source: Krizhevsky et al., ImageNet classification with deep convolutional neural networks, 2012.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.local_response_norm(nnlite.ones(1, 1, 1), 1, alpha=3.0, beta=0.5)
        tensor([[[0.5000]]])
    """
    if input.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)")
    if not input._a.size:
        return input
    channels = input.shape[1]
    squares = input * input
    flat = reshape(squares, input.shape[0], channels, -1)
    padded = pad(flat, (0, 0, size // 2, (size - 1) // 2))
    total = padded[:, :channels]
    for offset in range(1, size):
        total = total + padded[:, offset : offset + channels]
    if input._a.dtype.kind in "iu":
        mean = div(total, size, rounding_mode="trunc")  # as PyTorch's pooling of integers
    else:
        mean = total / size
    return input / (reshape(mean, *input.shape) * alpha + k) ** beta
