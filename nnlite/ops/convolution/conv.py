"""Convolution, and the two linear operations that are its gradients.

The three refer to one another only, so that a gradient of any order is made of them.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

from ..._core.op import TensorBase, check_same_device, not_a_tensor, op
from ...backends.registry import tables
from .._public import public
from .._windows import as_ints
from ..activation.softmax import title_of
from ..pointwise.complex import complex as to_complex
from ..pointwise.complex import imag, real
from ..shape.views import reshape, squeeze, unsqueeze
from ._channels_first import ChannelsFirst
from ._channels_last import ChannelsLast
from ._columns import Columns, Pads, out_sizes

LONG_ROW = 16
"""From this many output positions in a row on, copying them in rows is faster than moving the channels to the end."""

FEW_CHANNELS = 8
"""With fewer channels (or rows) than this there is nothing to gain from long runs of them."""


@functools.lru_cache(maxsize=256)
def _columns(
    xp: Any, shape: tuple[int, ...], kernel: tuple[int, ...], dtype: Any, scatter: bool = False, **geometry: Any
) -> Columns:
    """The faster layout for these sizes; kept, since working it out takes longer than a small convolution."""
    channels = shape[1] // geometry["groups"]
    sizes = out_sizes(shape[2:], kernel, geometry["stride"], geometry["padding"], geometry["dilation"])
    one_step = geometry["stride"][0] == 1
    if math.prod(kernel) > 1 and channels >= FEW_CHANNELS and sizes[-1] < LONG_ROW:
        return ChannelsLast(xp, shape, kernel, dtype, one_step, **geometry)
    # Adding columns to images moves every number again for each place, so there the window pays for any size.
    enough = scatter or channels * math.prod(kernel[1:]) >= FEW_CHANNELS
    return ChannelsFirst(xp, shape, kernel, dtype, one_step and enough, **geometry)


@op("convolution", saves=("x", "weight"), title="ConvolutionBackward0")
def _convolution(
    xp: Any,
    x: Any,
    weight: Any,
    bias: Any,
    *,
    stride: tuple[int, ...],
    padding: Pads,
    dilation: tuple[int, ...],
    groups: int,
) -> Any:
    plan = _columns(
        xp, x.shape, weight.shape[2:], x.dtype, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    kernels = plan.kernels(xp, weight, False)
    bias = None if bias is None else bias.astype(plan.wide, copy=False)
    out = xp.empty((x.shape[0], weight.shape[0], *plan.out), x.dtype)
    for images in plan.blocks():
        plan.convolve(xp, x[images], kernels, bias, out[images])
    return out


@_convolution.vjp
def _(f: Any, g: Any, node: Any, x: Any, weight: Any) -> tuple[Any, ...]:
    of_x, of_weight, of_bias = node.edges
    gx = gw = gb = None
    if of_x is not None:
        gx = f.convolution_input(g, weight, sizes=tuple(x.shape[2:]), **node.attrs)
    if of_weight is not None:
        gw = f.convolution_weight(x, g, kernel=tuple(weight.shape[2:]), **node.attrs)
    if of_bias is not None:
        gb = _sum_over_channels(f, g)
    return gx, gw, gb


def _sum_over_channels(f: Any, g: Any) -> Any:
    """The sum over all axes but that of the channels."""
    if g.dtype.itemsize == 2:  # the sum of images would be rounded to 16 bits
        return f.sum(g, axis=(0, *range(2, len(g.shape))), keepdims=False)
    # Images are added first, which array libraries do in long runs.
    return f.sum(f.sum(g, axis=(0,), keepdims=False), axis=tuple(range(1, len(g.shape) - 1)), keepdims=False)


@op("convolution_input", saves=("g", "weight"), title="ConvolutionBackwardBackward0")
def convolution_input(
    xp: Any,
    g: Any,
    weight: Any,
    *,
    sizes: tuple[int, ...],
    stride: tuple[int, ...],
    padding: Pads,
    dilation: tuple[int, ...],
    groups: int,
) -> Any:
    """The gradient of a convolution to its input of these spatial sizes; the transposed convolution of ``g``."""
    shape = (g.shape[0], weight.shape[1] * groups, *sizes)
    plan = _columns(
        xp, shape, weight.shape[2:], g.dtype, True, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    kernels = plan.kernels(xp, weight, True)
    out = xp.zeros(shape, g.dtype)
    for images in plan.blocks():
        plan.scatter(xp, g[images], kernels, out[images])
    return out


@convolution_input.vjp
def _(f: Any, g: Any, node: Any, up: Any, weight: Any) -> tuple[Any, ...]:
    attrs = {k: v for k, v in node.attrs.items() if k != "sizes"}
    of_up, of_weight = node.edges
    gup = f.convolution(g, weight, None, **attrs) if of_up is not None else None
    gw = f.convolution_weight(g, up, kernel=tuple(weight.shape[2:]), **attrs) if of_weight is not None else None
    return gup, gw


@op("convolution_weight", saves=("x", "g"), title="ConvolutionBackwardBackward0")
def _convolution_weight(
    xp: Any,
    x: Any,
    g: Any,
    *,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: Pads,
    dilation: tuple[int, ...],
    groups: int,
) -> Any:
    """The gradient of a convolution to its weight with kernels of this size."""
    plan = _columns(xp, x.shape, kernel, x.dtype, stride=stride, padding=padding, dilation=dilation, groups=groups)
    total = plan.no_kernels(xp, g.shape[1] // groups)
    for images in plan.blocks():
        plan.correlate(xp, x[images], g[images], total)
    return plan.weight(total).astype(x.dtype, copy=False)


@_convolution_weight.vjp
def _(f: Any, v: Any, node: Any, x: Any, g: Any) -> tuple[Any, ...]:
    attrs = {k: a for k, a in node.attrs.items() if k != "kernel"}
    of_x, of_g = node.edges
    gx = f.convolution_input(g, v, sizes=tuple(x.shape[2:]), **attrs) if of_x is not None else None
    return gx, f.convolution(x, v, None, **attrs) if of_g is not None else None


# ---------------------------------------------------------------------------------------------------------------------
# The public functions


def _public_convolution(dims: int, axes: str, formula: str, example: str) -> Any:
    def function(
        input: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: str | int | tuple[int, ...] = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        return _convolve(name, dims, input, weight, bias, stride, padding, dilation, groups)

    function.__name__ = function.__qualname__ = name = f"conv{dims}d"
    function.__doc__ = _ABOUT.format(axes=axes, formula=formula, example=example)
    return public(function, method=False)


_ABOUT = """Slide kernels over ({axes}): {formula}.

    The sum runs over the channels c and the positions of the kernel; s is the stride and d the dilation. With
    ``groups`` the channels of input and output are cut into as many groups; an output depends on its own group only.

    Args:
        stride: the step of the kernel, a number or one for each axis.
        padding: zeros around the input on both sides, a number or one for each axis; ``"valid"`` for none, ``"same"``
            for as many as give the output the size of the input.
        dilation: the distance of the input positions that neighbouring positions of the kernel meet.
        groups: into how many groups the channels are cut.

    Shape: input (N, C, {axes}) or (C, {axes}), weight (O, C / groups, *kernel), bias (O); in the result, O channels and
        each size n has become floor((n + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.

    Raises:
        RuntimeError: sizes or dtypes do not fit together, or an argument is out of range.
        TypeError: an argument has the wrong type.

    Example:
        >>> import nnlite
        >>> x = nnlite.arange({example}
    """

conv1d = _public_convolution(
    1,
    "L",
    "out[n, o, x] = bias[o] + sum weight[o, c, i] input[n, c, x s + i d]",
    """4.0).reshape(1, 1, 4)
        >>> nnlite.nn.functional.conv1d(x, nnlite.ones(1, 1, 2))
        tensor([[[1., 3., 5.]]])""",
)
conv2d = _public_convolution(
    2,
    "H, W",
    "out[n, o, y, x] = bias[o] + sum weight[o, c, i, j] input[n, c, y s + i d, x s + j d]",
    """9.0).reshape(1, 1, 3, 3)
        >>> nnlite.nn.functional.conv2d(x, nnlite.ones(1, 1, 2, 2))
        tensor([[[[ 8., 12.],
                  [20., 24.]]]])""",
)
conv3d = _public_convolution(
    3,
    "D, H, W",
    "out[n, o, z, y, x] = bias[o] + sum weight[o, c, i, j, k] input[n, c, z s + i d, y s + j d, x s + k d]",
    """8.0).reshape(1, 1, 2, 2, 2)
        >>> nnlite.nn.functional.conv3d(x, nnlite.ones(1, 1, 2, 2, 2))
        tensor([[[[[28.]]]]])""",
)


def _convolve(
    name: str, dims: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    check_tensors(name, dims, input, weight, bias)
    steps = as_ints(name, "stride", 4, stride, dims, FOR_CONVOLUTION)
    spread = as_ints(name, "dilation", 6, dilation, dims, FOR_CONVOLUTION)
    if padding.__class__ is not str:
        padding = as_ints(name, "padding", 5, padding, dims, FOR_CONVOLUTION)
    if groups.__class__ is not int:
        groups = _number_of(groups)
    batched = input._a.ndim == dims + 2
    x = input if batched else unsqueeze(input, 0)
    shapes = x._a.shape, weight._a.shape, None if bias is None else bias._a.shape
    pads = _checked(name, *shapes, steps, padding, spread, groups)
    geometry: Any = {"stride": steps, "padding": pads, "dilation": spread, "groups": groups}
    if x._a.dtype.kind == "c":
        out = by_parts(lambda x, w: _convolution(x, w, None, **geometry), x, weight)
        out = out if bias is None else out + reshape(bias, -1, *(1,) * dims)
    else:
        out = _convolution(x, weight, bias, **geometry)
    return out if batched else squeeze(out, 0)


def by_parts(function: Any, x: Any, y: Any) -> Any:
    """A product of complex tensors made of the products of their parts."""
    a, b = real(x), imag(x)
    c, d = real(y), imag(y)
    return to_complex(function(a, c) - function(b, d), function(a, d) + function(b, c))


FOR_CONVOLUTION = (
    "expected {argument} to be a single integer value or a list of {count} values to match the convolution dimensions, "
    "but got {argument}={value}"
)


@functools.lru_cache(maxsize=1024)
def _checked(name: str, x: Any, w: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Pads:
    """Zeros before and behind each axis; an error where the shapes do not fit."""
    pads = _pads(name, padding, w[2:], stride, dilation)
    _check_shapes(x, w, bias, stride, pads, dilation, groups)
    return pads


def _pads(name: str, padding: Any, kernel: Any, stride: Any, dilation: Any) -> Pads:
    """Zeros before and behind each axis."""
    if not isinstance(padding, str):
        return tuple((p, p) for p in padding)
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}' ({name} takes 'valid', 'same' or numbers)")
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple((n // 2, n - n // 2) for n in totals)


def check_tensors(name: str, dims: int, input: Any, weight: Any, bias: Any) -> None:
    try:  # what is usual
        x, w = input._a, weight._a
        b = w if bias is None else bias._a
        if (
            type(x) is type(w) is type(b)
            and x.dtype is w.dtype is b.dtype
            and w.ndim == dims + 2
            and x.ndim in (dims + 1, dims + 2)
            and x.dtype.kind != "b"
            and not tables[type(x)].backend_.has_indices
        ):
            return
    except AttributeError:
        pass  # one of them is no tensor
    for position, value in enumerate((input, weight, bias)):
        if not isinstance(value, TensorBase) and not (position == 2 and value is None):
            raise not_a_tensor(name, position, value)
    x, w, b = input._a, weight._a, None if bias is None else bias._a
    if x.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of size: "
            f"{list(x.shape)}"
        )
    if w.ndim != dims + 2:
        raise RuntimeError(
            f"{name}(): expected a weight of {dims + 2} dimensions (out_channels, in_channels / groups, *kernel_size), "
            f"but got weight of size {list(w.shape)}"
        )
    check_same_device(name, (x, w, b))
    for other, what in ((w, "weight"), (b, "bias")):
        if other is not None and other.dtype != x.dtype:
            raise RuntimeError(
                f"Input type ({_kind(x)}) and {what} type ({_kind(other)}) should be the same ({name}: convert one of "
                "them with .to(dtype))"
            )
    if x.dtype.kind == "b":
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{title_of(x)}' (convert input and weight with .to(dtype))"
        )


def _kind(x: Any) -> str:
    """The dtype as PyTorch's errors about convolution name it."""
    name = str(x.dtype)
    names = {"float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16"}
    return names.get(name, name)


def _number_of(groups: Any) -> int:
    if isinstance(groups, bool) or not hasattr(groups, "__index__"):
        raise TypeError(f"convolution: argument 'groups' must be int, not {type(groups).__name__}")
    return operator.index(groups)


def check_numbers(stride: Any, dilation: Any, padding: Pads, groups: Any) -> None:
    if _number_of(groups) <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if min(stride) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(min(pad) for pad in padding) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(dilation) <= 0:
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")


def _check_shapes(x: Any, w: Any, bias: Any, stride: Any, padding: Pads, dilation: Any, groups: int) -> None:
    check_numbers(stride, dilation, padding, groups)
    if w[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
            f"{list(w)} instead"
        )
    if w[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size [{list(w)}] instead"
        )
    if x[1] != w[1] * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(w)}, expected input{list(x)} to have {w[1] * groups} "
            f"channels, but got {x[1]} channels instead"
        )
    if bias is not None and bias != (w[0],):
        raise RuntimeError(
            f"Given weight of size {list(w)}, expected bias to be 1-dimensional with {w[0]} elements, but got bias of "
            f"size {list(bias)} instead"
        )
    if min(w[2:]) < 1:
        raise RuntimeError(f"kernel size should be greater than zero, but got {_times(w[2:])}")
    if min(out_sizes(x[2:], w[2:], stride, padding, dilation)) < 1:
        sizes = [n + low + high for n, (low, high) in zip(x[2:], padding, strict=True)]
        reach = [d * (k - 1) + 1 for k, d in zip(w[2:], dilation, strict=True)]
        raise RuntimeError(
            f"Calculated padded input size per channel: {_times(sizes)}. Kernel size: {_times(reach)}. Kernel size "
            "can't be greater than actual input size"
        )
    if 0 in x[2:]:
        raise RuntimeError(f"Only zero batch or zero channel inputs are supported, but got input shape: {list(x)}")


def _times(sizes: Any) -> str:
    return "(" + " x ".join(str(n) for n in sizes) + ")"
