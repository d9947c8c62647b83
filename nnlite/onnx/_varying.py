"""Constants whose shape follows a dynamic dimension: masks, positions, zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._graph import Graph, tensor_type
from ._sizes import Dim, merge
from .errors import DynamicSizeError


def varying_constant(graph: Graph, arrays: list[np.ndarray]) -> str:
    """Nodes that compute the constant for any size.

    Raises:
        DynamicSizeError: the arrays are neither repeated, nor evenly spaced along one axis, nor a triangle.
    """
    for rule in (_repeated, _number, _spaced, _triangle):
        name = rule(graph, arrays)
        if name is not None:
            return name
    raise DynamicSizeError(
        f"it uses a constant tensor of shape {list(arrays[0].shape)} that follows a dynamic dimension and is neither "
        "repeated along it, nor a range, nor a triangular mask; compute it from the input, or register the largest one "
        "as a buffer and take a slice of it"
    )


def _repeated(graph: Graph, arrays: list[np.ndarray]) -> str | None:
    """The same along all axes of which the size varies."""
    shape = merge([a.shape for a in arrays])
    if any(not a.size for a in arrays):
        return None
    once = tuple(slice(0, 1) if isinstance(n, Dim) else slice(None) for n in shape)
    first = arrays[0][once]
    if any(a[once].tobytes() != first.tobytes() or (a != a[once])[a == a].any() for a in arrays):
        return None
    if first.size > 1 and (first == first.reshape(-1)[0]).all():
        first = first.reshape(-1)[:1].reshape(())
    name: str = graph.node("Expand", graph.constant(first.copy()), graph.ints(shape))
    return name


def _number(graph: Graph, arrays: list[np.ndarray]) -> str | None:
    """One whole number that follows from sizes."""
    if arrays[0].size != 1 or any(a.size != 1 or not float(a.reshape(())).is_integer() for a in arrays):
        return None
    size = graph.size(Dim([int(a.reshape(())) for a in arrays]))
    name = graph.node("Cast", size, to=tensor_type(arrays[0].dtype))
    return str(graph.node("Reshape", name, graph.ints(arrays[0].shape)))


def _spaced(graph: Graph, arrays: list[np.ndarray]) -> str | None:
    """start + step i along one axis, the same along the others."""
    first = arrays[0]
    if first.dtype.kind not in "iuf" or not first.ndim:
        return None
    for axis in range(first.ndim):
        lines = [np.moveaxis(a, axis, -1) for a in arrays]
        if any(line.shape[-1] < 2 for line in lines):
            continue
        row = lines[0].reshape(-1, lines[0].shape[-1])[0]
        start, step = row[0], row[1] - row[0]
        if not step:
            continue
        if all(np.array_equal(line, np.broadcast_to(_range(start, step, line), line.shape)) for line in lines):
            return _write_range(graph, arrays, axis, start, step)
    return None


def _range(start: Any, step: Any, line: np.ndarray) -> np.ndarray:
    return (start + step * np.arange(line.shape[-1])).astype(line.dtype)


def _write_range(graph: Graph, arrays: list[np.ndarray], axis: int, start: Any, step: Any) -> str:
    shape = merge([a.shape for a in arrays])
    count = graph.scalar(shape[axis])
    kind = arrays[0].dtype
    name = graph.node("Range", graph.constant(np.int64(0)), count, graph.constant(np.int64(1)))
    if kind != np.int64:
        name = graph.node("Cast", name, to=tensor_type(kind))
    if step != 1:
        name = graph.node("Mul", name, graph.constant(step, kind))
    if start:
        name = graph.node("Add", name, graph.constant(start, kind))
    after = arrays[0].ndim - axis - 1
    if after:
        name = graph.node("Unsqueeze", name, graph.constant(np.arange(1, after + 1)))
    if any(n != 1 for i, n in enumerate(shape) if i != axis) or axis:
        name = graph.node("Expand", name, graph.ints(shape))
    return str(name)


def _triangle(graph: Graph, arrays: list[np.ndarray]) -> str | None:
    """One value on and below a diagonal, another above it, in the last two axes."""
    if arrays[0].ndim < 2 or any(a.shape[-1] < 2 or a.shape[-2] < 2 for a in arrays):
        return None
    low, high = arrays[0][(0,) * (arrays[0].ndim - 2)][[-1, 0], [0, -1]]
    for diagonal in (0, -1, 1):
        made = [np.asarray(np.where(np.tri(a.shape[-2], a.shape[-1], diagonal, bool), low, high)) for a in arrays]
        if all(np.array_equal(np.broadcast_to(m, a.shape), a) for m, a in zip(made, arrays, strict=True)):
            shape = merge([a.shape for a in arrays])
            ones = graph.node("Expand", graph.constant(np.float32(1)), graph.ints(shape))
            lower = graph.node("Trilu", ones, graph.constant(np.int64(diagonal)), upper=0)
            inside = graph.node("Cast", lower, to=tensor_type(np.bool_))
            if low.dtype == np.bool_:
                return str(inside if low else graph.node("Not", inside))
            return str(graph.node("Where", inside, graph.constant(low), graph.constant(high)))
    return None
