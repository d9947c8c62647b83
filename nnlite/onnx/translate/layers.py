"""Products of matrices, convolution, normalisation, resampling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._context import Context
from .._sizes import Dim
from .._traced import Value
from ..errors import DynamicSizeError, OnnxExporterError
from ._table import translates
from .reductions import reduced


@translates("matmul", "dot")
def _(c: Context) -> Any:
    return c.op("MatMul", c.x(0), c.x(1))


@translates("linear")
def _(c: Context) -> Any:
    if len(c.shape()) == 2 and len(c.shape(1)) == 2 and c.kind.kind == "f":
        return c.op("Gemm", c.x(0), c.x(1), c.x(2), transB=1)
    weight = c.op("Transpose", c.x(1), perm=[1, 0]) if len(c.shape(1)) == 2 else c.x(1)
    product = c.op("MatMul", c.x(0), weight)
    return product if c.args[2] is None else c.op("Add", product, c.x(2))


# ---------------------------------------------------------------------------------------------------------------------
# Convolution


def _geometry(c: Context) -> dict[str, Any]:
    pads = c.fixed("padding")
    if any(n < 0 for pair in pads for n in pair):
        raise OnnxExporterError("a negative padding has no counterpart; cut off with a slice")
    return {
        "strides": list(c.fixed("stride")),
        "pads": [low for low, _ in pads] + [high for _, high in pads],
        "dilations": list(c.fixed("dilation")),
        "group": c["groups"],
        "kernel_shape": [int(n) for n in c.shape(1)[2:]],
    }


@translates("convolution")
def _(c: Context) -> Any:
    return c.op("Conv", c.x(0), c.x(1), c.x(2), **_geometry(c))


@translates("convolution_input")
def _(c: Context) -> Any:
    """The transposed convolution; what the sizes have more than it gives is its output padding."""
    geometry = _geometry(c)
    extra = []
    for size, n, step, (low, high), spread, kernel in zip(
        c["sizes"], c.shape()[2:], c["stride"], c["padding"], c["dilation"], geometry["kernel_shape"], strict=True
    ):
        extra.append(size - ((n - 1) * step - low - high + spread * (kernel - 1) + 1))
    if any(isinstance(n, Dim) for n in extra):
        raise DynamicSizeError("the size of a transposed convolution's result does not follow that of its input")
    return c.op("ConvTranspose", c.x(0), c.x(1), output_padding=extra if any(extra) else None, **geometry)


@translates("im2col")
def _(c: Context) -> Any:
    """A convolution of each channel with kernels that have a single 1."""
    channels, kernel = int(c.shape()[1]), c.fixed("kernel")
    count = math.prod(kernel)
    weight = np.tile(np.eye(count, dtype=c.kind).reshape(count, 1, *kernel), (channels, 1, *(1,) * len(kernel)))
    pads = c.fixed("padding")
    columns = c.op(
        "Conv", c.x(), c.graph.constant(weight), kernel_shape=list(kernel), strides=list(c.fixed("stride")),
        pads=[*pads, *pads], dilations=list(c.fixed("dilation")), group=channels,
    )  # fmt: skip
    return c.op("Reshape", columns, c.ints([0, channels * count, -1]))


@translates("col2im")
def _(c: Context) -> Any:
    pads = c.fixed("padding")
    return c.op(
        "Col2Im", c.x(), c.ints(c["sizes"]), c.ints(c.fixed("kernel")), strides=list(c.fixed("stride")),
        pads=[*pads, *pads], dilations=list(c.fixed("dilation")),
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# Normalisation


def _channels(c: Context, position: int, default: float) -> str:
    """A vector for all channels."""
    if c.args[position] is not None:
        return c.x(position)
    return c.graph.constant(np.full(int(c.shape()[1]), default, c.kind))


@translates("batch_norm_fixed")
def _(c: Context) -> Any:
    var, eps = _variance(c, c.args[4])
    if var is None:  # 1 / sqrt(variance) was computed in another way
        square = c.op("Mul", c.x(4), c.x(4))
        var, eps = c.op("Reciprocal", square), 0.0
    weight, bias = _channels(c, 1, 1), _channels(c, 2, 0)
    return c.op("BatchNormalization", c.x(0), weight, bias, c.x(3), var, epsilon=eps)


def _variance(c: Context, inverse: Any) -> tuple[str | None, float]:
    """The variance and epsilon of which ``inverse`` is 1 / sqrt(variance + epsilon)."""
    found = inverse
    for name, place in (("div", 1), ("sqrt", 0), ("add", 0)):
        made = c.makers.get(found.key) if isinstance(found, Value) else None
        if made is None or made.name != name:
            return None, 0.0
        if name == "add":
            eps = made.args[1]
            return (c.name_of(made.args[0]), eps) if isinstance(eps, float) else (None, 0.0)
        found = made.args[place]
    return None, 0.0


@translates("row_norm")
def _(c: Context) -> Any:
    shape, affine, eps, centred = c.shape(), c["affine"], float(c["eps"]), c["centred"]
    axis = _first_axis(c, shape)
    has_affine = c.args[1] is not None or c.args[2] is not None
    trailing = axis is not None and not any(isinstance(n, Dim) for n in shape[axis:])
    if axis is not None and trailing and centred and (not has_affine or tuple(affine) == tuple(shape[axis:])):
        weight = c.x(1) or c.graph.constant(np.ones(shape[axis:], c.kind))
        return [c.op("LayerNormalization", c.x(0), weight, c.x(2), axis=axis, epsilon=eps)]
    if axis is not None:
        out, axes = c.x(0), tuple(range(axis, len(shape)))
    else:
        rows = c["rows"]
        out, axes = c.op("Reshape", c.x(0), c.ints([rows, -1])), (1,)
    if centred:
        out = c.op("Sub", out, reduced(c, "ReduceMean", out, axes, True))
    square = reduced(c, "ReduceMean", c.op("Mul", out, out), axes, True)
    out = c.op("Div", out, c.op("Sqrt", c.op("Add", square, c.const(eps))))
    if axis is None:
        out = c.op("Reshape", out, c.ints(shape))
    for position, node in ((1, "Mul"), (2, "Add")):
        if c.args[position] is not None:
            out = c.op(node, out, c.reshape(c.x(position), c.shape(position), tuple(affine)))
    return [out]


def _first_axis(c: Context, shape: tuple[Any, ...]) -> int | None:
    """The axis from which on a row is normalised; None where a row is not all of some last axes."""
    rows: Any = 1
    for axis in range(len(shape)):
        if rows == c["rows"]:
            return axis
        rows = rows * shape[axis]
    return None


# ---------------------------------------------------------------------------------------------------------------------
# Resampling


@translates("resample")
def _(c: Context) -> Any:
    """A weighted sum of few numbers along an axis. Rows that are picked and added: exact for every mode."""
    axis, plans = c["axis"], c.each("taps")
    taps = plans[0]
    for other in plans[1:]:
        if other.places.shape != taps.places.shape or not np.array_equal(other.places, taps.places):
            raise DynamicSizeError("the size of the axis that is interpolated has to be fixed")
    places = np.asarray(taps.places, np.int64)
    x = c.x()
    if taps.gaps:
        shape = [*c.shape()[:axis], 1, *c.shape()[axis + 1 :]]
        x = c.op("Concat", x, c.op("Expand", c.const(0), c.ints(shape)), axis=axis)
    if taps.weights is None:
        return c.op("Gather", x, c.graph.constant(places[:, 0].copy()), axis=axis)
    after = (1,) * (len(c.shape()) - axis - 1)
    weights = np.asarray(taps.weights, c.kind)
    if places.shape[1] > 4:
        block = c.op("Gather", x, c.graph.constant(places), axis=axis)
        block = c.op("Mul", block, c.graph.constant(weights.reshape(*weights.shape, *after)))
        return reduced(c, "ReduceSum", block, axis + 1, False)
    out = ""
    for t in range(places.shape[1]):
        picked = c.op("Gather", x, c.graph.constant(places[:, t].copy()), axis=axis)
        picked = c.op("Mul", picked, c.graph.constant(weights[:, t].reshape(-1, *after)))
        out = picked if not out else c.op("Add", out, picked)
    return out


@translates("grid_sampler")
def _(c: Context) -> Any:
    if len(c.shape()) != 4 and c.opset < 20:
        raise OnnxExporterError("grid_sample of volumes needs opset_version=20")
    modes = {"bilinear": "linear", "bicubic": "cubic"} if c.opset >= 20 else {}
    mode = modes.get(c["mode"], c["mode"])
    return c.op("GridSample", c.x(0), c.x(1), mode=mode, padding_mode=c["padding"], align_corners=int(c["aligned"]))
