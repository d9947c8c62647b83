"""Views by strides: ``as_strided`` and the windows of ``unfold``; tensors made with given strides; ``resize_``."""

from __future__ import annotations

import math
from typing import Any

from ..._core.op import TensorBase, not_a_tensor, op
from ..._core.views import base_of, node_of
from ...backends import backend_of
from .._axes import axis_of
from .._public import public
from .parts import replaced
from .views import sizes_of

Sizes = tuple[int, ...]


def extent(shape: Sizes, strides: Sizes) -> int:
    """How many elements of memory lie between the first and the last element, both included."""
    return 0 if 0 in shape else 1 + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))


def _elements(a: Any) -> Sizes:
    """The strides of a raw array in elements."""
    return tuple(step // a.itemsize for step in a.strides)


def _laid_out(xp: Any, flat: Any, shape: Sizes, strides: Sizes, offset: int = 0) -> Any:
    """A view of an array of one dimension with these sizes and strides (in elements), from ``offset`` on."""
    if 0 in shape:
        return flat[:0].reshape(shape)
    return xp.as_strided(flat[offset:], shape, tuple(step * flat.itemsize for step in strides))


def _memory(xp: Any, x: Any) -> Any:
    """The memory from the first element of ``x`` to its last, in one dimension. A view."""
    if not x.size:
        return x.reshape(-1)
    return xp.as_strided(x, (extent(x.shape, _elements(x)),), (x.itemsize,))


def _once(shape: Sizes, strides: Sizes) -> bool:
    """Whether no element of memory stands at two places."""
    reach = 0
    for step, n in sorted((step, n) for n, step in zip(shape, strides, strict=True) if n > 1):
        if step <= reach:
            return False
        reach += (n - 1) * step
    return True


@op(view=True)
def _as_strided(xp: Any, x: Any, *, shape: Sizes, strides: Sizes, offset: int, source: Sizes) -> Any:
    """``source`` are the strides of ``x``, which the derivatives have to know."""
    if _elements(x) != source and x.size > 1:
        raise NotImplementedError("as_strided() of a tensor with gaps cannot be written to: write to a clone() of it")
    return _laid_out(xp, _memory(xp, x), shape, strides, offset)


@_as_strided.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.put_strided(g, **_reverse(node)),)


@op()
def _put_strided(xp: Any, g: Any, *, shape: Sizes, strides: Sizes, offset: int, target: Sizes, source: Sizes) -> Any:
    """Zeros of the shape ``target`` and strides ``source`` with ``g`` added where ``as_strided`` took it from."""
    flat = xp.zeros(extent(target, source), g.dtype)
    if _once(shape, strides):
        _laid_out(xp, flat, shape, strides, offset)[...] = g
    else:
        places = offset
        for axis, (n, step) in enumerate(zip(shape, strides, strict=True)):
            places = places + (xp.arange(n) * step).reshape((n,) + (1,) * (len(shape) - axis - 1))
        xp.scatter_add(flat, xp.broadcast_to(places, shape).reshape(-1), g.reshape(-1))
    return _laid_out(xp, flat, target, source)


@_put_strided.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    attrs = node.attrs
    kept = {name: attrs[name] for name in ("shape", "strides", "offset", "source")}
    return (f.strided_part(g, **kept),)


@op()
def _strided_part(xp: Any, x: Any, *, shape: Sizes, strides: Sizes, offset: int, source: Sizes) -> Any:
    """What ``as_strided`` gives for an array with the values of ``x`` and the strides ``source``. A copy."""
    flat = xp.zeros(extent(x.shape, source), x.dtype)
    _laid_out(xp, flat, x.shape, source)[...] = x
    return xp.array(_laid_out(xp, flat, shape, strides, offset))


@_strided_part.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.put_strided(g, **_reverse(node)),)


def _reverse(node: Any) -> dict[str, Any]:
    return {**node.attrs, "target": node.shapes[0]}


def _check_strided(name: str, size: Any, stride: Any) -> tuple[Sizes, Sizes]:
    shape, strides = sizes_of((size,)), sizes_of((stride,))
    if len(shape) != len(strides):
        raise RuntimeError(f"mismatch in length of strides and shape ({name}: {list(strides)} for {list(shape)})")
    if min(strides, default=0) < 0:
        raise RuntimeError(f"{name}: Negative strides are not supported at the moment, got strides: {list(strides)}")
    if min(shape, default=0) < 0:
        raise RuntimeError(f"{name}: sizes must not be negative, got {list(shape)}")
    return shape, strides


@public
def as_strided(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """A view of the input's storage: element (i, j) is number ``storage_offset + i * stride[0] + j * stride[1]`` of it.

    Args:
        storage_offset: the first element, counted from the start of the storage; that of the input unless given.

    Raises:
        RuntimeError: it would reach beyond the storage, or a stride is negative.

    Example:
        >>> import nnlite
        >>> nnlite.as_strided(nnlite.arange(5), (2, 3), (2, 1))
        tensor([[0, 1, 2],
                [2, 3, 4]])
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor("as_strided", 0, input)
    shape, strides = _check_strided("as_strided", size, stride)
    own = input.storage_offset()
    offset = own if storage_offset is None else int(storage_offset)
    needed = extent(shape, strides)
    a = input._a
    # Of the input itself where it has all of the elements, else of what it is a view of.
    if input._view is not None and not (
        offset >= own
        and offset - own + needed <= a.size == extent(a.shape, _elements(a))
        and _once(a.shape, _elements(a))
    ):
        node_of(input)
        input = base_of(input._view)
        a, own = input._a, 0
    held = extent(a.shape, _elements(a))
    if offset < own or (needed and offset - own + needed > held):
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(strides)}, storage offset {offset}, and itemsize "
            f"{a.itemsize} requiring a storage size of {(offset + needed) * a.itemsize} are out of bounds for storage "
            f"of size {held * a.itemsize}"
        )
    return _as_strided(input, shape=shape, strides=strides, offset=offset - own, source=_elements(a))


@public
def as_strided_scatter(input: Any, src: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """A copy of the input with ``src`` in place of :func:`nnlite.as_strided`.

    Raises:
        RuntimeError: ``src`` has another size, or the view would reach beyond the storage.
    """
    return replaced(input, src, lambda x: as_strided(x, size, stride, storage_offset))


# ---------------------------------------------------------------------------------------------------------------------
# Windows


@op(view=True)
def _unfold(xp: Any, x: Any, *, axis: int, size: int, step: int) -> Any:
    if not x.ndim:
        return xp.as_strided(x, (size,), (x.itemsize,))
    n = (x.shape[axis] - size) // step + 1
    shape = (*x.shape[:axis], n, *x.shape[axis + 1 :], size)
    strides = (*x.strides[:axis], x.strides[axis] * step, *x.strides[axis + 1 :], x.strides[axis])
    return xp.as_strided(x, shape, strides)


@_unfold.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.fold_windows(g, shape=node.shapes[0], axis=node.attrs["axis"], step=node.attrs["step"]),)


@op()
def _fold_windows(xp: Any, g: Any, *, shape: Sizes, axis: int, step: int) -> Any:
    """The transpose of ``unfold``: what several windows share is added up."""
    out = xp.zeros(shape, g.dtype)
    if not shape:
        return g.reshape(shape) if g.size else out
    windows, size = g.shape[axis], g.shape[-1]
    lead = (slice(None),) * axis
    g = xp.moveaxis(g, -1, axis + 1)
    if size <= windows:  # the fewer steps
        for i in range(size):
            out[(*lead, slice(i, i + (windows - 1) * step + 1, step))] += g[(*lead, slice(None), i)]
    else:
        for i in range(windows):
            out[(*lead, slice(i * step, i * step + size))] += g[(*lead, i)]
    return out


@_fold_windows.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.unfold(g, axis=node.attrs["axis"], size=node.shapes[0][-1], step=node.attrs["step"]),)


def added_windows(windows: Any, size: int, step: int) -> Any:
    """The windows (..., m, k), each ``step`` behind the one before, added up to (..., size)."""
    shape = (*windows._a.shape[:-2], size)
    return _fold_windows(windows, shape=shape, axis=len(shape) - 1, step=step)


@public(only_method=True)
def unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    """All windows of ``size`` elements along a dimension, each ``step`` behind the one before. A view.

    Shape: (..., n, ...) gives (..., (n - size) // step + 1, ..., size).

    Raises:
        RuntimeError: ``size`` is larger than the dimension or negative, or ``step`` is not positive.

    Example:
        >>> import nnlite
        >>> nnlite.arange(5).unfold(0, 3, 1)
        tensor([[0, 1, 2],
                [1, 2, 3],
                [2, 3, 4]])
    """
    axis = axis_of(dimension, input._a.ndim)
    n = input._a.shape[axis] if input._a.ndim else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {axis} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return _unfold(input, axis=axis, size=int(size), step=int(step))


# ---------------------------------------------------------------------------------------------------------------------
# Other sizes of old tensors


@public(only_method=True)
def resize_(input: Any, *sizes: Any, memory_format: Any = None) -> Any:
    """Give the tensor itself another size. Its elements stay as they lie in memory; new ones are undefined.

    Raises:
        RuntimeError: the tensor requires grad, or a size is negative.
    """
    shape = sizes_of(sizes)
    if node_of(input) is not None:
        raise RuntimeError("cannot resize variables that require grad")
    if min(shape, default=0) < 0:
        raise RuntimeError(f"resize_: sizes must not be negative, got {list(shape)}")
    a = input._a
    if a.shape == shape:
        return input
    xp, count = backend_of(a).xp, math.prod(shape)
    memory = _memory(xp, a)
    if input._view is not None and count > memory.size:
        base = base_of(input._view)
        memory = _memory(xp, base._a)[input.storage_offset() :]
    if count > memory.size:
        grown = xp.zeros(count, a.dtype)
        grown[: memory.size] = memory
        input._a, input._view = grown.reshape(shape), None
    elif input._view is None:
        input._a = memory[:count].reshape(shape)
    else:
        made = as_strided(input, shape, _in_order(shape))
        input._a, input._view = made._a, made._view
    input._vc[0] += 1
    return input


def _in_order(shape: Sizes) -> Sizes:
    """The strides of a tensor whose elements lie in order."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


@public
def resize_as_(input: Any, the_template: Any, *, memory_format: Any = None) -> Any:
    """``resize_`` to the size of another tensor."""
    return resize_(input, the_template.shape)


@public
def as_strided_(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """The tensor itself becomes its ``as_strided``; see :func:`nnlite.as_strided`."""
    from .reshaped import _in_place

    return _in_place(as_strided, input, size, stride, storage_offset)
