"""Indexing, embedding, writing at positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._context import Context
from .._graph import INT64_MAX
from .._recording import Constant
from .._sizes import Dim, Varying
from .._traced import Value
from ..errors import OnnxExporterError
from ._table import translates

ARRAYS = (Value, Constant, Varying)


def parts_of(index: Any, ndim: int) -> list[Any]:
    """The parts of an index, whole slices in place of the Ellipsis."""
    parts = list(index) if isinstance(index, tuple) else [index]
    used = sum(p is not None and p is not Ellipsis for p in parts)
    at = next((i for i, p in enumerate(parts) if p is Ellipsis), None)
    if at is not None:
        parts[at : at + 1] = [slice(None)] * (ndim - used)
    return parts


def part(c: Context, name: str, shape: tuple[Any, ...], index: Any) -> str:
    """``name[index]`` for integers, slices, None and Ellipsis."""
    parts = parts_of(index, len(shape))
    axis = 0
    slices, picks, new = [], [], []
    place = 0
    for p in parts:
        if p is None:
            new.append(place)
            place += 1
        elif isinstance(p, slice):
            if p != slice(None):
                slices.append((axis, p))
            axis += 1
            place += 1
        else:
            picks.append((axis, p))
            axis += 1
    name = sliced(c, name, slices)
    for axis, p in reversed(picks):
        name = c.op("Gather", name, c.graph.scalar(p, c.near), axis=axis)
    return c.op("Unsqueeze", name, c.ints(new)) if new else name


def sliced(c: Context, name: str, slices: list[tuple[int, slice]]) -> str:
    """``name`` with slices along axes."""
    if not slices:
        return name
    starts = [0 if s.start is None else s.start for _, s in slices]
    stops = [INT64_MAX if s.stop is None else s.stop for _, s in slices]
    steps = [1 if s.step is None else s.step for _, s in slices]
    return str(c.op("Slice", name, c.ints(starts), c.ints(stops), c.ints([a for a, _ in slices]), c.ints(steps)))


@translates("getitem")
def _(c: Context) -> Any:
    return part(c, c.x(), c.shape(), c["index"])


@translates("embedding")
def _(c: Context) -> Any:
    return c.op("Gather", c.x(0), c.x(1), axis=0)


def _kind(operand: Any) -> Any:
    if isinstance(operand, Value):
        return operand.dtype
    return operand.array.dtype if isinstance(operand, Constant) else operand.arrays[0].dtype


def _arrays_of(c: Context) -> tuple[list[Any], list[int]]:
    """The index arrays and the axes that they are for.

    Raises:
        OnnxExporterError: a mask, or slices that leave something out.
    """
    index = c["index"]
    arrays, axes = [], []
    for axis, p in enumerate(index if isinstance(index, tuple) else (index,)):
        if isinstance(p, ARRAYS):
            if _kind(p) == np.bool_:
                raise OnnxExporterError(
                    "indexing with a mask gives as many elements as the mask has true ones, which sizes behind it "
                    "cannot follow; use nnlite.where(mask, x, other), or x.masked_fill(mask, value)"
                )
            arrays.append(p)
            axes.append(axis)
        elif p != slice(None):
            raise OnnxExporterError("an index of this kind has no counterpart; index one dimension after the other")
    return arrays, axes


def _positions(c: Context, arrays: list[Any]) -> tuple[str, int]:
    """The arrays broadcast and put together along a last axis, and how many axes they have."""
    ndim = max(len(c.shape_of(a)) for a in arrays)
    names = [c.cast(c.name_of(a), np.int64) if _kind(a) != np.int64 else c.name_of(a) for a in arrays]
    if len(names) > 1:
        whole = names[0]
        for name in names[1:]:
            whole = c.op("Add", whole, name)
        shape = c.op("Shape", whole)
        names = [c.op("Expand", name, shape) for name in names]
    last = c.ints([-1])
    columns = [c.op("Unsqueeze", name, last) for name in names]
    return (columns[0] if len(columns) == 1 else c.op("Concat", *columns, axis=-1)), ndim


def _to_front(c: Context, name: str, axes: list[int]) -> str:
    order = [*axes, *(i for i in range(len(c.shape())) if i not in axes)]
    return name if order == sorted(order) else str(c.op("Transpose", name, perm=order))


@translates("index")
def _(c: Context) -> Any:
    arrays, axes = _arrays_of(c)
    if len(arrays) == 1:
        return c.op("Gather", c.x(), c.name_of(arrays[0]), axis=axes[0])
    where, ndim = _positions(c, arrays)
    found = c.op("GatherND", _to_front(c, c.x(), axes), where)
    lead = axes[0] if axes == list(range(axes[0], axes[-1] + 1)) else 0
    if not lead:
        return found
    total = ndim + len(c.shape()) - len(axes)
    order = [*range(ndim, ndim + lead), *range(ndim), *range(ndim + lead, total)]
    return c.op("Transpose", found, perm=order)


@translates("put_", "add_index")
def _(c: Context) -> Any:
    index = c["index"]
    index = index if isinstance(index, tuple) else (index,)
    adds = c.merged.name == "add_index"
    if len(index) == 1 and isinstance(index[0], ARRAYS) and _kind(index[0]) == np.bool_ and not adds:
        return _masked(c, index[0])
    arrays, axes = _arrays_of(c)
    where, ndim = _positions(c, arrays)
    x = _to_front(c, c.x(0), axes)
    rest = [i for i in range(len(c.shape())) if i not in axes]
    lead = axes[0] if axes == list(range(axes[0], axes[-1] + 1)) else 0
    values = c.x(1)
    window = _window_shape(c, arrays, rest, lead)
    values = c.op("Expand", values, c.ints(window)) if c.shape(1) != window else values
    if lead:
        order = [*range(lead, lead + ndim), *range(lead), *range(lead + ndim, len(window))]
        values = c.op("Transpose", values, perm=order)
    x = c.op("ScatterND", x, where, values, reduction="add" if adds else "none")
    order = [*axes, *rest]
    return x if order == sorted(order) else c.op("Transpose", x, perm=[order.index(i) for i in range(len(order))])


def _window_shape(c: Context, arrays: list[Any], rest: list[int], lead: int) -> tuple[Any, ...]:
    """The shape of ``x[index]``."""
    ndim = max(len(c.shape_of(a)) for a in arrays)
    picked: list[Any] = [1] * ndim
    for a in arrays:
        shape = c.shape_of(a)
        for i, n in enumerate(shape, ndim - len(shape)):
            if not (isinstance(n, int) and n == 1):
                picked[i] = n
    sizes = [c.shape()[i] for i in rest]
    return (*sizes[:lead], *picked, *sizes[lead:])


def _masked(c: Context, mask: Any) -> Any:
    """x with one value where a mask is true."""
    if any(isinstance(n, Dim) or n != 1 for n in c.shape(1)):
        raise OnnxExporterError("x[mask] = values takes as many values as the mask has true ones; use nnlite.where")
    name = c.name_of(mask)
    behind = len(c.shape()) - len(c.shape_of(mask))
    if behind:
        name = c.op("Unsqueeze", name, c.ints(range(-behind, 0)))
    value = c.reshape(c.x(1), c.shape(1), ())
    return c.op("Where", name, value, c.x(0))


@translates("zero_index")
def _(c: Context) -> Any:
    raise OnnxExporterError("this derivative has no counterpart")


@translates("put_along_axis")
def _(c: Context) -> Any:
    zeros = c.op("Expand", c.const(0), c.ints(c["shape"]))
    return c.op("ScatterElements", zeros, c.x(1), c.x(0), axis=c["axis"], reduction="add")
