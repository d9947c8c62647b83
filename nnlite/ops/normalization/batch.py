"""Batch normalisation, with the statistics of the batch (training) or with given ones (evaluation)."""

from __future__ import annotations

import math
from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, cast, check_same_device, not_a_tensor, op
from ..._core.size import Size
from ..._core.tensor_base import wrap
from ...backends import backend_of
from ...backends.kernels import GENERIC
from ...backends.registry import tables
from ..activation.softmax import title_of, widen
from ..pointwise.elementwise import rsqrt
from ..reduction.reduce import mean as average
from ..shape.views import reshape

PIECE = 4096
"""So many numbers are added up by one call: the array library's sum of products goes through them one after the other,
and in float32 it loses digits over longer runs."""


def _sums(xp: Any, x: Any, y: Any = None) -> Any:
    """The sum over images and positions of ``x``, or of ``x`` times ``y``, for arrays (image, channel, position)."""
    total: Any = None
    for at in range(0, max(x.shape[2], 1), PIECE):
        piece = slice(at, at + PIECE)
        if y is None:
            part = xp.einsum("ncl->nc", x[:, :, piece])
        else:
            part = xp.einsum("ncl,ncl->nc", x[:, :, piece], y[:, :, piece])
        total = part if total is None else total + part
    return xp.sum(total, axis=0)


def _flat(x: Any) -> Any:
    """(image, channel, position) in the dtype to compute in."""
    return widen(x).reshape(x.shape[0], x.shape[1], math.prod(x.shape[2:]))


def _spread(xp: Any, channels: Any, flat: Any) -> Any:
    """A number for each channel in a shape that broadcasts with (image, channel, position).

    Written out for all positions where several images use it: NumPy's ufuncs copy an operand that repeats within rows
    into a buffer again and again, which takes longer than the arithmetic.
    """
    images, count, positions = flat.shape
    column = widen(channels).reshape(count, 1)
    return xp.repeat(column, positions, axis=1) if images > 3 else column


@op(
    outputs=3,
    residuals=("centre", "inverse"),
    saves=("x", "weight", "bias", "centre", "inverse"),
    title="NativeBatchNormBackward0",
)
def _batch_norm(xp: Any, x: Any, weight: Any, bias: Any, *, eps: float) -> tuple[Any, ...]:
    """The normalised input, and the mean and the biased variance of each channel, which get no gradient."""
    flat = _flat(x)
    count = flat.shape[0] * flat.shape[2]
    mean = _sums(xp, flat) / count if count else xp.zeros(flat.shape[1], flat.dtype)
    out = flat - _spread(xp, mean, flat)
    var = _sums(xp, out, out) / count if count else xp.ones(flat.shape[1], flat.dtype)
    inverse = 1 / xp.sqrt(var + eps)
    out *= _spread(xp, _scale(weight, inverse), flat)
    if bias is not None:
        out += _spread(xp, bias, flat)
    return out.reshape(x.shape).astype(x.dtype, copy=False), mean, var, mean, inverse


def _scale(weight: Any, inverse: Any) -> Any:
    """What the centred input is multiplied by, for each channel."""
    return inverse if weight is None else widen(weight).reshape(-1) * inverse


@_batch_norm.vjp
def _(f: Any, g: Any, node: Any, x: Any, weight: Any, bias: Any, mean: Any, inverse: Any) -> tuple[Any, ...]:
    wanted = node.edges[0] is not None
    return f.batch_norm_gradient(g[0], x, weight, bias, mean, inverse, training=True, wanted=wanted)


@_batch_norm.composite
def _(x: Any, weight: Any, bias: Any, *, eps: float) -> tuple[Any, ...]:
    wide = _widened(x)
    axes = (0, *range(2, x.ndim))
    mean = average(wide, axes, True)
    centred = wide - mean
    var = average(centred * centred, axes, True)
    return _affine(x, centred * rsqrt(var + eps), weight, bias), reshape(mean, -1), reshape(var, -1)


@op(saves=("x", "weight", "bias", "mean", "inverse"), title="NativeBatchNormBackward0")
def _batch_norm_fixed(xp: Any, x: Any, weight: Any, bias: Any, mean: Any, inverse: Any) -> Any:
    """The input less a given mean, times the inverse of a given standard deviation."""
    scale = _scale(weight, inverse)
    shift = -mean * scale if bias is None else widen(bias).reshape(-1) - mean * scale
    flat = _flat(x)
    out = flat * _spread(xp, scale, flat)
    out += _spread(xp, shift, flat)
    return out.reshape(x.shape).astype(x.dtype, copy=False)


@_batch_norm_fixed.vjp
def _(f: Any, g: Any, node: Any, x: Any, weight: Any, bias: Any, mean: Any, inverse: Any) -> tuple[Any, ...]:
    wanted = node.edges[0] is not None
    return (*f.batch_norm_gradient(g, x, weight, bias, mean, inverse, training=False, wanted=wanted), None, None)


@_batch_norm_fixed.composite
def _(x: Any, weight: Any, bias: Any, mean: Any, inverse: Any) -> Any:
    return _affine(x, (_widened(x) - _along(mean, x)) * _along(inverse, x), weight, bias)


@op(outputs=3)
def _batch_norm_gradient(
    xp: Any,
    g: Any,
    x: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    inverse: Any,
    *,
    training: bool,
    wanted: bool,
) -> tuple[Any, ...]:
    """The gradients of input, weight and bias; that of the input only if ``wanted``."""
    up, flat = _flat(g), _flat(x)
    gx = xp.empty(x.shape, flat.dtype)
    out = gx.reshape(flat.shape)
    xp.subtract(flat, _spread(xp, mean, flat), out=out)
    total = _sums(xp, up)
    product = _sums(xp, up, out) * inverse
    gw = None if weight is None else product.astype(weight.dtype, copy=False).reshape(weight.shape)
    gb = None if bias is None else total.astype(bias.dtype, copy=False).reshape(bias.shape)
    if not wanted:
        return None, gw, gb
    scale = _spread(xp, _scale(weight, inverse), flat)
    if training:
        # The batch's mean and variance depend on x too: what g has in common with 1 and with x cancels out.
        count = max(flat.shape[0] * flat.shape[2], 1)
        out *= _spread(xp, product * inverse / -count, flat)
        out += up
        out -= _spread(xp, total / count, flat)
        out *= scale
    else:
        xp.multiply(up, scale, out=out)
    return gx.astype(x.dtype, copy=False), gw, gb


def _widened(x: Any) -> Any:
    return cast(x, dtypes.float32.np) if x._a.dtype.itemsize == 2 else x


def _along(channels: Any, x: Any) -> Any:
    """A number for each channel in the shape that broadcasts with ``x``."""
    return reshape(_widened(channels), (-1,) + (1,) * (x.ndim - 2))


def _affine(x: Any, normal: Any, weight: Any, bias: Any) -> Any:
    """normal weight + bias in the dtype of ``x``."""
    if weight is not None:
        normal = normal * _along(weight, x)
    if bias is not None:
        normal = normal + _along(bias, x)
    return normal if normal._a.dtype == x._a.dtype else cast(normal, x._a.dtype)


# ---------------------------------------------------------------------------------------------------------------------
# The public function


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Any:
    """(x - mean) / sqrt(variance + eps) weight + bias for each channel.

    Mean and variance are those of the channel in this batch with ``training``, else ``running_mean`` and
    ``running_var``. With ``training`` these, unless None, move towards the batch's by the factor ``momentum``, in place
    and outside of the graph: r = (1 - momentum) r + momentum s. The variance is biased in the formula, unbiased there.

    Args:
        momentum: a number, or a tensor without dimensions on the input's device.

    Shape: input (N, C, *), all others (C); the result is (N, C, *).

    Raises:
        ValueError: ``training`` with a single number in each channel, a negative ``eps``, or one running statistic
            without the other.
        RuntimeError: sizes, dtypes or devices do not fit together; no running statistics in evaluation.

    Example:
        >>> import nnlite
        >>> x = nnlite.tensor([[1.0, 10.0], [3.0, 30.0]])
        >>> nnlite.nn.functional.batch_norm(x, None, None, training=True, eps=1e-9)
        tensor([[-1., -1.],
                [ 1.,  1.]])
    """
    _check(input, running_mean, running_var, weight, bias, training, eps)
    if training:
        out, mean, var = _batch_norm(input, weight, bias, eps=eps)
        if running_mean is not None:
            x = input._a
            count = math.prod(x.shape) // x.shape[1] if x.shape[1] else 0
            if count:
                update_statistics(running_mean, running_var, mean._a, var._a, momentum, count / (count - 1))
        return out
    # Copies: the running statistics may change before backward.
    xp = backend_of(input._a).xp
    mean = xp.array(widen(running_mean._a))
    inverse = 1 / xp.sqrt(widen(running_var._a) + eps)
    return _batch_norm_fixed(input, weight, bias, wrap(mean), wrap(inverse))


def update_statistics(
    running_mean: Any, running_var: Any, mean: Any, variance: Any, momentum: Any, factor: float = 1.0
) -> None:
    """Move running statistics towards the batch's ``mean`` and ``factor`` times ``variance``; the host does not wait
    for the values."""
    a, step = running_mean._a, None
    if isinstance(momentum, TensorBase):
        momentum, step = 0.0, momentum._a
    table = tables[type(a)]
    table.move_statistics(a, running_var._a, mean, variance, step, momentum=momentum, factor=factor)
    running_mean._vc[0] += 1
    running_var._vc[0] += 1


def _move_statistics(
    xp: Any,
    mean: Any,
    variance: Any,
    batch_mean: Any,
    batch_variance: Any,
    step: Any,
    *,
    momentum: float,
    factor: float,
) -> None:
    """r = (1 - momentum) r + momentum s, in place; ``step`` is the momentum where it is an array."""
    for running, batch in ((mean, batch_mean), (variance, batch_variance * factor)):
        share = momentum if step is None else step.astype(batch.dtype)
        running[...] = widen(running) * (1 - share) + batch.reshape(running.shape) * share


GENERIC["move_statistics"] = _move_statistics


def _check(input: Any, mean: Any, var: Any, weight: Any, bias: Any, training: bool, eps: float) -> None:
    if not isinstance(input, TensorBase):
        raise not_a_tensor("batch_norm", 0, input)
    x = input._a
    if eps < 0 and not training:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    if training:
        if eps <= 0:
            raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
        if x.ndim < 2 or x.shape[0] * math.prod(x.shape[2:]) == 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {Size(x.shape)}")
        if (mean is None) != (var is None):
            raise ValueError("running_mean and running_var must either both be None or neither be None")
    elif mean is None or var is None:
        name = "running_mean" if mean is None else "running_var"
        raise RuntimeError(f"{name} must be defined in evaluation mode (batch_norm: give it, or training=True)")
    if x.dtype.kind not in "fV":
        raise NotImplementedError(
            f"\"batch_norm\" not implemented for '{title_of(x)}' (it needs floating-point numbers: call .float())"
        )
    channels = x.shape[1] if x.ndim > 1 else 0
    for position, (name, value) in enumerate(
        (("running_mean", mean), ("running_var", var), ("weight", weight), ("bias", bias)), 1
    ):
        if value is None:
            continue
        if not isinstance(value, TensorBase):
            raise not_a_tensor("batch_norm", position, value)
        _check_one(x, channels, name, value)


def _check_one(x: Any, channels: int, name: str, value: Any) -> None:
    """Raise if a tensor with a number for each channel does not fit the input."""
    a = value._a
    if a.size != channels:
        raise RuntimeError(f"{name} should contain {channels} elements not {a.size}")
    if type(a) is not type(x):
        check_same_device("batch_norm", (x, a))
    if a.dtype != x.dtype and not (x.dtype.itemsize == 2 and a.dtype == dtypes.float32.np):
        raise RuntimeError(
            f"mixed dtype (batch_norm): expect {name} to have scalar type of {title_of(x)}, but got {title_of(a)}; "
            "only 16-bit inputs may stand beside float32 parameters"
        )
    if name.startswith("running") and value.requires_grad:
        raise RuntimeError(
            f"The function 'native_batch_norm' is not differentiable with respect to argument '{name}'. This input "
            "cannot have requires_grad True."
        )
