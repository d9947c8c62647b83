"""Pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._context import Context
from .._sizes import Dim
from ..errors import DynamicSizeError
from ._table import translates
from .reductions import reduced


def _end_pads(c: Context) -> tuple[list[int], bool]:
    """Padding behind the input that gives the sizes of the result, and whether windows may be cut off at the end."""
    found = []
    cut = False
    spatial = c.shape()[-len(c["kernel"]) :]
    for out, n, k, s, p, d in zip(
        c["out"], spatial, c["kernel"], c["stride"], c["padding"], c["dilation"], strict=True
    ):
        if _count(n, k, s, p, p, d) == out:
            found.append(p)
            continue
        behind = (out - 1) * s + d * (k - 1) + 1 - n - p
        if isinstance(behind, Dim):
            cut = True
            behind = p
        found.append(behind)
    return found, cut


def _count(n: Any, k: int, s: int, p: int, q: int, d: int) -> Any:
    return (n + p + q - d * (k - 1) - 1) // s + 1


def _max_pool(c: Context, outputs: int) -> Any:
    pads, cut = _end_pads(c)
    if cut and pads != list(c["padding"]):
        raise DynamicSizeError("windows that are cut off at the end do not follow a dynamic size")
    kernel = list(c["kernel"])
    lead = len(c.shape()) - len(kernel)
    x = c.x() if lead == 2 else c.op("Unsqueeze", c.x(), c.ints([0]))
    made = c.op(
        "MaxPool", x, outputs=outputs, kernel_shape=kernel, strides=list(c["stride"]),
        pads=[*c["padding"], *pads], dilations=list(c["dilation"]), ceil_mode=int(cut),
    )  # fmt: skip
    names = [made] if outputs == 1 else made
    return names if lead == 2 else [c.op("Squeeze", name, c.ints([0])) for name in names]


@translates("max_pool", "max_pool_values")
def _(c: Context) -> Any:
    return _max_pool(c, 1)


@translates("max_pool_indices")
def _(c: Context) -> Any:
    """ONNX counts positions from the beginning of the whole tensor, PyTorch from that of the channel."""
    values, where = _max_pool(c, 2)
    size: Any = 1
    for n in c.shape()[-len(c["kernel"]) :]:
        size = size * n
    return [values, c.op("Mod", where, c.graph.scalar(size, c.near))]


@translates("window_sum")
def _(c: Context) -> Any:
    axis = c["axis"]
    n = c.shape()[axis]
    sizes = n.values if isinstance(n, Dim) else (n,) * len(c.each("starts"))
    plans = list(zip(c.each("starts"), c.each("counts"), sizes, strict=True))
    if all(len(starts) == 1 and starts[0] == 0 and counts[0] == n for starts, counts, n in plans):
        return reduced(c, "ReduceSum", c.x(), axis, True)
    regular = {_regular(*plan) for plan in plans}
    if len(regular) == 1 and None not in regular and axis >= 2 and 3 <= len(c.shape()) <= 5:
        return _slid(c, axis, *regular.pop())  # type: ignore[misc]
    if len({(starts, counts) for starts, counts, _ in plans}) > 1:
        raise DynamicSizeError("the windows of this pooling do not follow a dynamic size")
    return _multiplied(c, axis, *plans[0])


def _regular(starts: tuple[int, ...], counts: tuple[int, ...], size: int) -> tuple[int, int, int, int] | None:
    """(kernel, stride, padding before, padding behind) of windows that slide evenly; None for others."""
    kernel = max(counts)
    ends = [start + count for start, count in zip(starts, counts, strict=True)]
    first = ends[0] - kernel if ends[0] < size or len(ends) > 1 else starts[0]
    step = ends[1] - ends[0] if len(ends) > 1 and ends[1] < size else starts[-1] - starts[-2] if len(ends) > 1 else 1
    if step <= 0 or first > 0:
        return None
    behind = 0
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        low = first + i * step
        behind = max(behind, low + kernel - size)
        if max(low, 0) != start or min(low + kernel, size) != end:
            return None
    if -first >= kernel or behind >= kernel:
        return None
    return kernel, step, -first, behind


def _slid(c: Context, axis: int, kernel: int, step: int, before: int, behind: int) -> str:
    """Average pooling along one axis, times the number of places."""
    spatial = len(c.shape()) - 2
    along = [1 if i + 2 != axis else kernel for i in range(spatial)]
    strides = [1 if i + 2 != axis else step for i in range(spatial)]
    low = [0 if i + 2 != axis else before for i in range(spatial)]
    high = [0 if i + 2 != axis else behind for i in range(spatial)]
    mean = c.op("AveragePool", c.x(), kernel_shape=along, strides=strides, pads=low + high, count_include_pad=1)
    return str(c.op("Mul", mean, c.const(kernel)))


def _multiplied(c: Context, axis: int, starts: tuple[int, ...], counts: tuple[int, ...], size: int) -> str:
    """A product with a matrix of zeros and ones."""
    matrix = np.zeros((size, len(starts)), c.kind)
    for i, (start, count) in enumerate(zip(starts, counts, strict=True)):
        matrix[start : start + count, i] = 1
    ndim = len(c.shape())
    order = [*(i for i in range(ndim) if i != axis), axis]
    turned = c.x() if axis == ndim - 1 else c.op("Transpose", c.x(), perm=order)
    out = c.op("MatMul", turned, c.graph.constant(matrix))
    return str(out if axis == ndim - 1 else c.op("Transpose", out, perm=[order.index(i) for i in range(ndim)]))
