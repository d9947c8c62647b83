"""Shapes: views, joins, copies."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...backends.registry import tables
from .._context import Context
from .._graph import INT64_MAX
from .._recording import Constant
from .._sizes import Dim
from ..errors import DynamicSizeError, OnnxExporterError
from . import indexing
from ._table import translates

RESHAPES = ("reshape", "view", "alias", "squeeze", "squeeze_dim", "unsqueeze", "unsafe_view")


@translates(*RESHAPES)
def _(c: Context) -> Any:
    return c.reshape(c.x(), c.shape(), c.out_shape)


@translates("clone", "constant")
def _(c: Context) -> Any:
    return c.x()


@translates("broadcast_to", "spread")
def _(c: Context) -> Any:
    return expanded(c, c.x(), c.shape(), c.out_shape)


def expanded(c: Context, name: str, before: tuple[Any, ...], after: tuple[Any, ...]) -> str:
    """``name``, of shape ``before``, repeated to a larger shape."""
    if before == after:
        return name
    lead = len(after) - len(before)
    target = [1 if i >= lead and before[i - lead] == n else n for i, n in enumerate(after)]
    return str(c.op("Expand", name, c.ints(target)))


@translates("copy")
def _(c: Context) -> Any:
    return expanded(c, c.x(1), c.shape(1), c.shape(0))


@translates("transpose")
def _(c: Context) -> Any:
    return c.op("Transpose", c.x(), perm=list(c["axes"]))


@translates("concatenate")
def _(c: Context) -> Any:
    names = [c.x(i) for i in range(len(c.args))]
    return names[0] if len(names) == 1 else c.op("Concat", *names, axis=c["axis"])


@translates("flip")
def _(c: Context) -> Any:
    axes = c["axis"]
    if not axes:
        return c.x()
    n = len(axes)
    return c.op("Slice", c.x(), c.ints([-1] * n), c.ints([-INT64_MAX] * n), c.ints(axes), c.ints([-1] * n))


@translates("triangle")
def _(c: Context) -> Any:
    return c.op("Trilu", c.x(), c.graph.constant(np.int64(c["diagonal"])), upper=int(c["upper"]))


@translates("regroup")
def _(c: Context) -> Any:
    parts = c.op("Reshape", c.x(), _one_open(c, c["split"]))
    return c.reshape(c.op("Transpose", parts, perm=list(c["order"])), (), c.out_shape)


def _one_open(c: Context, sizes: Any) -> str:
    """Sizes for Reshape; a dynamic one is what is left."""
    dims = [i for i, n in enumerate(sizes) if isinstance(n, Dim)]
    target = list(sizes)
    if dims:
        target[dims[0]] = -1
    return c.ints(target)


PAD_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@translates("pad")
def _(c: Context) -> Any:
    mode, pads = c["mode"], c.fixed("pads")
    if mode == "circular" and c.opset < 19:
        raise OnnxExporterError("circular padding needs opset_version=19 or later")
    lead = len(c.shape()) - len(pads)
    low, high = ([0] * lead + [pair[i] for pair in pads] for i in (0, 1))
    value = c.const(c["value"] or 0) if mode == "constant" else ""
    return c.op("Pad", c.x(), c.ints(low + high), value, mode=PAD_MODES[mode])


@translates("split", "split_with_sizes", "unbind", "unsafe_split", "unsafe_split_with_sizes")
def _(c: Context) -> Any:
    where = c["where"]
    axis = len(where[0]) - 1 if where else 0
    if c.merged.name != "unbind" and len(where) > 1 and all(isinstance(w[-1], slice) for w in where):
        sizes = [shape[axis] for shape in c.merged.shapes]
        if not any(isinstance(n, Dim) for n in sizes):
            return c.op("Split", c.x(), c.ints(sizes), outputs=len(sizes), axis=axis)
    return [indexing.part(c, c.x(), c.shape(), index) for index in where]


@translates("unfold")
def _(c: Context) -> Any:
    """All windows of an axis; the numbers of a window are the last axis."""
    axis, size, step = c["axis"], c["size"], c["step"]
    n = c.shape()[axis]
    if isinstance(n, Dim):
        raise DynamicSizeError("the size of the axis that windows slide along has to be fixed")
    places = np.arange(0, n - size + 1, step)[:, None] + np.arange(size)
    found = c.op("Gather", c.x(), c.graph.constant(places), axis=axis)
    ndim = len(c.shape())
    order = [*range(axis + 1), *range(axis + 2, ndim + 1), axis + 1]
    return found if axis == ndim - 1 else c.op("Transpose", found, perm=order)


@translates("diagonal", "as_strided", "strided_part", "real")
def _(c: Context) -> Any:
    """Views that are a choice of positions."""
    if c.merged.name == "real":
        return c.x()
    shape, out = c.shape(), c.out_shape
    if any(isinstance(n, Dim) for n in (*shape, *out)):
        raise DynamicSizeError("it is written as a choice of positions, which is made for one size")
    places = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    places = np.array(getattr(tables[np.ndarray], c.merged.name)(places, **_attrs(c)))
    return c.op("Gather", c.op("Reshape", c.x(), c.ints([-1])), c.graph.constant(places), axis=0)


def _attrs(c: Context) -> dict[str, Any]:
    return {name: c.fixed(name) for name in c.merged.attrs}


@translates("write_view")
def _(c: Context) -> Any:
    """A tensor of which a view was written to: ``places`` are the view's positions in it."""
    view = c["view"]
    if view in RESHAPES:
        return c.reshape(c.x(1), c.shape(1), c.shape(0))
    if view == "transpose":
        axes = c["axes"]
        return c.op("Transpose", c.x(1), perm=[axes.index(i) for i in range(len(axes))])
    if view == "getitem":
        parts = indexing.parts_of(c["index"], len(c.shape()))
        if all(p is None or isinstance(p, int | Dim) or (isinstance(p, slice) and p.step in (None, 1)) for p in parts):
            return _part_replaced(c, parts)
    places = c["places"]
    if not isinstance(places, Constant):
        raise DynamicSizeError("a part of a tensor is written to, whose positions depend on a dynamic dimension")
    flat = c.op("Reshape", c.x(0), c.ints([-1]))
    at = c.ints(places.array.reshape(-1).tolist())
    flat = c.op("ScatterElements", flat, at, c.op("Reshape", c.x(1), c.ints([-1])), axis=0)
    return c.op("Reshape", flat, c.ints(c.shape(0)))


def _part_replaced(c: Context, parts: list[Any]) -> str:
    """What is before the part, the part, and what is behind it, put together along one axis after the other."""
    value = c.x(1)
    kept = [p for p in parts if not isinstance(p, int | Dim)]
    new = [i for i, p in enumerate(kept) if p is None]
    if new:
        value = c.op("Squeeze", value, c.ints(new))
    own = [p for p in parts if p is not None]
    single = [i for i, p in enumerate(own) if isinstance(p, int | Dim)]
    if single:
        value = c.op("Unsqueeze", value, c.ints(single))
    chosen = [(axis, p) for axis, p in enumerate(own) if p != slice(None)]
    return _with_part(c, c.x(0), chosen, value)


def _with_part(c: Context, name: str, chosen: list[tuple[int, Any]], value: str) -> str:
    if not chosen:
        return value
    (axis, p), *rest = chosen
    if isinstance(p, slice):
        start, stop = p.start, p.stop
    else:
        start, stop = p, (None if isinstance(p, int) and p == -1 else p + 1)
    pieces = []
    if start is not None and not (isinstance(start, int) and start == 0):
        pieces.append(indexing.sliced(c, name, [(axis, slice(None, start))]))
    if rest:
        value = _with_part(c, indexing.sliced(c, name, [(axis, slice(start, stop))]), rest, value)
    pieces.append(value)
    if stop is not None:
        pieces.append(indexing.sliced(c, name, [(axis, slice(stop, None))]))
    return pieces[0] if len(pieces) == 1 else str(c.op("Concat", *pieces, axis=axis))
