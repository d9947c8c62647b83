"""``dim`` arguments as axes."""

from __future__ import annotations

from typing import Any


def axis_of(dim: int, ndim: int) -> int:
    """``dim`` as an axis from 0 on.

    Raises:
        IndexError: there is no such dimension.
    """
    size = max(ndim, 1)
    if not -size <= dim < size:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-size}, {size - 1}], but got {dim})")
    return dim % size


def axes_of(dim: Any, ndim: int) -> tuple[int, ...] | None:
    """``dim`` (an int, several, or None) as axes, None for all."""
    if dim is None:
        return None
    if type(dim) is int and -ndim <= dim < ndim:
        return (dim % ndim,)
    if isinstance(dim, int):
        axis = axis_of(dim, ndim)
        return (axis,) if ndim else None
    axes = tuple(axis_of(d, ndim) for d in dim)
    if len(set(axes)) != len(axes):
        repeated = next(a for a in axes if axes.count(a) > 1)
        raise RuntimeError(f"dim {repeated} appears multiple times in the list of dims")
    return axes if axes and ndim else None


def restore(f: Any, g: Any, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    """The gradient of a reduction with its reduced axes back, of size 1."""
    if keepdims:
        return g
    if axis is None:
        return f.reshape(g, shape=(1,) * len(shape))
    axes = (axis,) if isinstance(axis, int) else axis
    return f.reshape(g, shape=tuple(1 if i in axes else n for i, n in enumerate(shape)))
