"""Sums, extremes, order."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._context import Context, as_bool
from ._table import translates

REDUCTIONS = {
    "sum": "ReduceSum", "mean": "ReduceMean", "prod": "ReduceProd", "amax": "ReduceMax", "amin": "ReduceMin",
    "norm2": "ReduceL2",
}  # fmt: skip


def reduced(c: Context, node: str, name: str, axis: Any, keepdims: bool) -> str:
    """A reduction over axes; over none of them where ``axis`` is ()."""
    if axis is None:
        return str(c.op(node, name, keepdims=int(keepdims)))
    axes = c.ints((axis,) if isinstance(axis, int) else axis)
    return str(c.op(node, name, axes, keepdims=int(keepdims), noop_with_empty_axes=1))


def _reduction(name: str, node: str) -> None:
    translates(name)(lambda c: reduced(c, node, c.x(), c["axis"], c["keepdims"]))


for _name, _node in REDUCTIONS.items():
    _reduction(_name, _node)


@translates("any", "all")
def _(c: Context) -> Any:
    node = "ReduceMax" if c.merged.name == "any" else "ReduceMin"
    found = reduced(c, node, c.cast(as_bool(c, 0), np.int32), c["axis"], c["keepdims"])
    return c.cast(found, np.bool_)


@translates("var", "std")
def _(c: Context) -> Any:
    """The number of elements is that of the input over that of the means: it may follow the input's sizes."""
    axis = c["axis"]
    mean = reduced(c, "ReduceMean", c.x(), axis, True)
    total = reduced(c, "ReduceSumSquare", c.op("Sub", c.x(), mean), axis, c["keepdims"])
    count = c.cast(c.op("Div", c.op("Size", c.x()), c.op("Size", mean)), c.dtype())
    freedom = c.op("Max", c.op("Sub", count, c.const(float(c["correction"]))), c.const(0.0))
    found = c.op("Div", total, freedom)
    return c.op("Sqrt", found) if c.merged.name == "std" else found


@translates("norm_p")
def _(c: Context) -> Any:
    p, axis, keepdims = float(c["p"]), c["axis"], c["keepdims"]
    if p == 1:
        return reduced(c, "ReduceL1", c.x(), axis, keepdims)
    total = reduced(c, "ReduceSum", c.op("Pow", c.op("Abs", c.x()), c.const(p)), axis, keepdims)
    return c.op("Pow", total, c.const(1 / p))


@translates("index_of_extreme")
def _(c: Context) -> Any:
    node = "ArgMax" if c["largest"] else "ArgMin"
    axis, keepdims = c["axis"], c["keepdims"]
    if axis is not None:
        return c.op(node, c.x(), axis=axis, keepdims=int(keepdims))
    found = c.op(node, c.op("Reshape", c.x(), c.ints([-1])), axis=0, keepdims=int(keepdims))
    return c.op("Reshape", found, c.ints([1] * len(c.shape()))) if keepdims else found


@translates("extreme_at")
def _(c: Context) -> Any:
    axis, keepdims = c["axis"], c["keepdims"]
    largest = c["largest"]
    values = reduced(c, "ReduceMax" if largest else "ReduceMin", c.x(), axis, keepdims)
    return [values, c.op("ArgMax" if largest else "ArgMin", c.x(), axis=axis, keepdims=int(keepdims))]


@translates("cumsum")
def _(c: Context) -> Any:
    return c.op("CumSum", c.x(), c.graph.constant(np.int64(c["axis"])))


# ---------------------------------------------------------------------------------------------------------------------
# Order


def _top(c: Context, count: Any, largest: bool) -> str:
    """The positions of the largest or smallest along an axis, in order."""
    return str(c.op("TopK", c.x(), c.ints([count]), outputs=2, axis=c["axis"], largest=int(largest), sorted=1)[1])


@translates("topk_at")
def _(c: Context) -> Any:
    return _top(c, c["k"], c["largest"])


@translates("argsort")
def _(c: Context) -> Any:
    return _top(c, c.shape()[c["axis"]], c["descending"])


@translates("kth_at")
def _(c: Context) -> Any:
    found = _top(c, c["k"] + 1, False)
    return c.op("Slice", found, c.ints([c["k"]]), c.ints([c["k"] + 1]), c.ints([c["axis"]]))


@translates("pick")
def _(c: Context) -> Any:
    axis = c["axis"]
    found = c.op("GatherElements", c.x(0), c.x(1), axis=axis)
    return found if c.merged.attrs.get("keepdims", True) else c.op("Squeeze", found, c.ints([axis]))


@translates("take_along_axis")
def _(c: Context) -> Any:
    return c.op("GatherElements", c.x(0), c.x(1), axis=c["axis"])
