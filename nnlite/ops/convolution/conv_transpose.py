"""Transposed convolution: the gradient of a convolution to its input, as an operation of its own."""

from __future__ import annotations

from typing import Any

from ..._core.dtypes import float32
from ..._core.op import cast
from .._public import public
from .._windows import as_ints
from ..image.pad import pad
from ..shape.views import reshape, squeeze, unsqueeze
from .conv import FOR_CONVOLUTION, by_parts, check_numbers, check_tensors, convolution_input

Ints = tuple[int, ...]


def _transposed(
    name: str,
    dims: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Any:
    check_tensors(name, dims, input, weight, bias)
    steps = as_ints(name, "stride", 4, stride, dims, FOR_CONVOLUTION)
    pads = as_ints(name, "padding", 5, padding, dims, FOR_CONVOLUTION)
    more = as_ints(name, "output_padding", 6, output_padding, dims, FOR_CONVOLUTION)
    spread = as_ints(name, "dilation", 8, dilation, dims, FOR_CONVOLUTION)
    both = tuple((p, p) for p in pads)
    check_numbers(steps, spread, both, groups)
    batched = input._a.ndim == dims + 2
    x = input if batched else unsqueeze(input, 0)
    kernel = tuple(weight._a.shape[2:])
    _check_shapes(x._a.shape, weight._a.shape, bias, steps, more, spread, groups)
    sizes = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + m + 1
        for n, s, p, d, k, m in zip(x._a.shape[2:], steps, pads, spread, kernel, more, strict=True)
    )
    if min(sizes) < 1:
        raise RuntimeError(
            f"Given input size per channel: {list(x._a.shape[2:])}. Calculated output size per channel: {list(sizes)}. "
            "Output size is too small"
        )
    # More output cuts off less at the end; beyond what no kernel reaches there is nothing but the bias.
    ends = tuple((p, max(p - m, 0)) for p, m in zip(pads, more, strict=True))
    beyond = [max(m - p, 0) for p, m in zip(pads, more, strict=True)]
    met = tuple(n - b for n, b in zip(sizes, beyond, strict=True))
    geometry: Any = {"sizes": met, "stride": steps, "padding": ends, "dilation": spread, "groups": int(groups)}
    kind = x._a.dtype
    if kind.itemsize == 2 and kind.kind != "i":  # rounded once, after the bias
        x, weight, bias = (None if t is None else cast(t, float32.np) for t in (x, weight, bias))
    if kind.kind == "c":
        out = by_parts(lambda x, w: convolution_input(x, w, **geometry), x, weight)
    else:
        out = convolution_input(x, weight, **geometry)
    if any(beyond):
        out = pad(out, [n for b in reversed(beyond) for n in (0, b)])
    if bias is not None:
        out = out + reshape(bias, -1, *(1,) * dims)
    out = out if out._a.dtype == kind else cast(out, kind)
    return out if batched else squeeze(out, 0)


def _check_shapes(x: Any, w: Any, bias: Any, stride: Ints, more: Ints, dilation: Ints, groups: int) -> None:
    if x[1] != w[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(w)}, expected input{list(x)} to have {w[0]} channels, but got "
            f"{x[1]} channels instead"
        )
    if w[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size [{list(w)}] instead"
        )
    if bias is not None and bias._a.shape != (w[1] * groups,):
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(w)}, expected bias to be 1-dimensional with {w[1] * groups} "
            f"elements, but got bias of size {list(bias._a.shape)} instead"
        )
    for m, s, d in zip(more, stride, dilation, strict=True):
        if m < 0:
            raise RuntimeError("negative output_padding is not supported")
        if m >= s and m >= d:
            raise RuntimeError(
                f"output padding must be smaller than either stride or dilation, but got output_padding={list(more)}, "
                f"stride={list(stride)}, dilation={list(dilation)}"
            )
    if min(w[2:]) < 1:
        raise RuntimeError(f"kernel size should be greater than zero, but got {list(w[2:])}")
    if 0 in x[2:]:
        raise RuntimeError(f"Only zero batch or zero channel inputs are supported, but got input shape: {list(x)}")


_ABOUT = """The transpose of ``conv{dims}d``: each number of the input times the kernels is added to the output.

    Args:
        stride: the step of the kernels over the output, a number or one for each axis.
        padding: so much of the output is cut off on both sides.
        output_padding: so much larger is the output at the end of each axis; less than stride or dilation.
        groups: into how many groups the channels are cut.
        dilation: the distance of the output positions that neighbouring positions of the kernel meet.

    Shape: input (N, C, {axes}) or (C, {axes}), weight (C, O / groups, *kernel), bias (O); in the result, O channels and
        each size n has become (n - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1.

    Raises:
        RuntimeError: sizes or dtypes do not fit together, or an argument is out of range.
        TypeError: an argument has the wrong type.

    Example:
        >>> import nnlite
        >>> x = nnlite.ones(1, 1, {shape})
        >>> nnlite.nn.functional.conv_transpose{dims}d(x, nnlite.ones(1, 1, {shape}), stride=2).shape
        torch.Size({shown})
    """


def _make(dims: int) -> Any:
    def function(
        input: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Any:
        return _transposed(name, dims, input, weight, bias, stride, padding, output_padding, groups, dilation)

    function.__name__ = function.__qualname__ = name = f"conv_transpose{dims}d"
    axes = {1: "L", 2: "H, W", 3: "D, H, W"}[dims]
    function.__doc__ = _ABOUT.format(dims=dims, axes=axes, shape=", ".join(["2"] * dims), shown=[1, 1] + [4] * dims)
    return public(function, method=False)


conv_transpose1d = _make(1)
conv_transpose2d = _make(2)
conv_transpose3d = _make(3)
