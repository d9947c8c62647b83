"""Indexing: reading and writing parts of a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._core import dtypes
from ..._core.engine import added_up
from ..._core.grad_mode import mode
from ..._core.op import TensorBase, cast, check_same_device, in_place, op, unbroadcast
from ..._core.tensor_base import wrap
from ..._core.views import node_of
from ...backends import backend_of
from .._axes import axis_of
from .._public import public, put

Basic = int | slice | type(None) | type(Ellipsis)


@op(view=True, title=lambda node: _slice_title(node.attrs["index"]))
def _getitem(xp: Any, x: Any, *, index: Any) -> Any:
    part = x[index]
    if type(part) is type(x):
        return part
    return x[(*index, ...) if type(index) is tuple else (index, ...)]  # NumPy gives a scalar, not a view, without it


@_getitem.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    index = node.attrs["index"]
    total = added_up(node, g)
    if total is None:
        return (f.put_slice(g, index=index, shape=node.shapes[0]),)
    total[index] += g  # one part after another: zeros of the whole for each would take time in the square of the parts
    return (None,)


def _slice_title(index: Any) -> str:
    last = index[-1] if type(index) is tuple and index else index
    if isinstance(last, int):
        return "SelectBackward0"
    return "UnsqueezeBackward0" if last is None else "SliceBackward0"


@op()
def _put_slice(xp: Any, g: Any, *, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of ``shape`` with ``g`` at a basic index."""
    out = xp.zeros(shape, g.dtype)
    out[index] = g
    return out


@_put_slice.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.getitem(g, index=node.attrs["index"]),)


@op("index", title=lambda node: node.attrs.get("title", "IndexBackward0"))
def take_at(xp: Any, x: Any, *, index: Any, title: str = "IndexBackward0") -> Any:
    return x[index]


@take_at.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    index = node.attrs["index"]
    total = added_up(node, g)
    if total is None:
        return (f.put_index(g, index=index, shape=node.shapes[0]),)
    if _is_mask(index):
        total[index] += g
    else:
        f.backend_.xp.scatter_add(total, index, g)
    return (None,)


@op()
def _put_index(xp: Any, g: Any, *, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of ``shape`` with ``g`` added at an index with arrays."""
    out = xp.zeros(shape, g.dtype)
    if _is_mask(index):
        out[index] = g
    else:
        xp.scatter_add(out, index, g)
    return out


def _is_mask(index: Any) -> bool:
    """Whether no position can come twice."""
    return type(index) is tuple and len(index) == 1 and getattr(index[0], "dtype", None) == np.bool_


@_put_index.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (unbroadcast(f, f.index(g, index=node.attrs["index"]), node.shapes[0]),)


@op(saves=("where",), title="GatherBackward0")
def take_along_axis(xp: Any, x: Any, where: Any, *, axis: int, function: str = "") -> Any:
    """The elements at the positions ``where`` along an axis. With the name of a function, RuntimeError on its behalf
    for a position outside [0, size)."""
    if function:
        backend_of(x).check_index(where, x.shape[axis], function, RuntimeError, low=0)
    return x[along(xp, where, axis)]


@take_along_axis.vjp
def _(f: Any, g: Any, node: Any, where: Any) -> tuple[Any, ...]:
    axis = node.attrs["axis"]
    return f.put_along_axis(g, where, axis=axis, shape=node.shapes[0]), None


@op(saves=("where",))
def put_along_axis(xp: Any, g: Any, where: Any, *, axis: int, shape: tuple[int, ...]) -> Any:
    """Zeros of ``shape`` with ``g`` added at the positions ``where`` along an axis."""
    out = xp.zeros(shape, g.dtype)
    xp.scatter_add(out, along(xp, where, axis), g)
    return out


@put_along_axis.vjp
def _(f: Any, g: Any, node: Any, where: Any) -> tuple[Any, ...]:
    return f.take_along_axis(g, where, axis=node.attrs["axis"]), None


def along(xp: Any, where: Any, axis: int) -> tuple[Any, ...]:
    """The index that picks ``where`` along one axis and runs along the others."""
    shape = where.shape
    return tuple(
        where if i == axis else xp.arange(n).reshape((1,) * i + (n,) + (1,) * (len(shape) - i - 1))
        for i, n in enumerate(shape)
    )


# ---------------------------------------------------------------------------------------------------------------------
# What a user writes in brackets


_PLAIN = (int, type(None))
_ALL = slice(None)


def _is_basic(part: Any) -> bool:
    if isinstance(part, bool):
        return False
    return part is None or part is Ellipsis or isinstance(part, int | np.integer | slice)


def _parts(index: Any) -> tuple[Any, ...]:
    """The index as a tuple. A list with lists, slices, tensors, None or Ellipsis in it means a tuple, as in PyTorch."""
    if isinstance(index, tuple):
        return index
    if isinstance(index, list) and any(
        part is None or part is Ellipsis or isinstance(part, TensorBase | list | tuple | slice) for part in index
    ):
        return tuple(index)
    return (index,)


def _normalise(x: Any, index: Any) -> tuple[Any, Any]:
    """An index as two that follow on each other: a basic one, which makes a view, and one with arrays.

    Each is None where there is nothing to do. NumPy would treat an integer beside arrays as one more array, and put the
    dimension that the arrays make first when a slice stands between.
    """
    parts = _parts(index)
    if all(_is_basic(part) for part in parts):
        return tuple(_basic(part) for part in parts), None
    a = x._a
    out: list[Any] = []
    for part in parts:
        if _is_basic(part):
            out.append(_basic(part))
        else:
            out.append(bool(part) if isinstance(part, bool | np.bool_) else _index_array(part, a))
    _check_bounds(backend_of(a), a, out)
    if all(_is_basic(part) for part in out):
        return tuple(out), None
    out = _without_ellipsis(out, a.ndim)
    if all(hasattr(part, "dtype") or part == _ALL for part in out):
        return None, tuple(out)
    basic: list[Any] = []
    advanced: list[Any] = []
    for part in out:
        if isinstance(part, bool):
            # A new dimension, of size 1 for True and 0 for False.
            basic.append(None)
            advanced.append(backend_of(a).xp.zeros(int(part), "int64"))
        elif hasattr(part, "dtype"):
            basic.extend([slice(None)] * (part.ndim if _mask(part) else 1))
            advanced.append(part)
        else:
            basic.append(part)
            if not isinstance(part, int):
                advanced.append(_ALL)
    return tuple(basic), tuple(advanced)


def _without_ellipsis(parts: list[Any], ndim: int) -> list[Any]:
    """The parts with whole slices for the Ellipsis. It may stand for no dimension at all, yet NumPy would take arrays
    on both sides of it as apart from each other."""
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), None)
    if at is None:
        return parts
    used = sum(_taken(part) for part in parts)
    return [*parts[:at], *[_ALL] * (ndim - used), *[part for part in parts[at + 1 :] if part is not Ellipsis]]


def _taken(part: Any) -> int:
    """How many dimensions a part of an index is for."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    return part.ndim if _mask(part) else 1


def _index_array(part: Any, a: Any) -> Any:
    """A list, an array or a tensor as it is used to index the array ``a``; an int for an integer of 0 dimensions."""
    backend = backend_of(a)
    if isinstance(part, np.ndarray) and not part.ndim and part.dtype.kind in "iu":
        return int(part)
    if not isinstance(part, TensorBase):
        raw = backend.from_host(_listed(part), backend.index_of(a))
    else:
        raw = part._a
        if raw.dtype.kind not in "iub" or raw.dtype.name in ("int8", "int16"):
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        if raw.ndim == 0 and raw.dtype.kind == "i" and not hasattr(raw, "level"):  # a batched one stays an array
            return int(part)
        if type(raw) is not type(a):
            raw = _follow(raw, a)
    return raw.astype("bool") if raw.dtype == np.uint8 else raw


def _basic(part: Any) -> Any:
    if isinstance(part, slice):
        if part.step is not None and int(part.step) <= 0:
            raise ValueError("step must be greater than zero")
        if any(isinstance(v, TensorBase) for v in (part.start, part.stop, part.step)):
            return slice(*(v if v is None else int(v) for v in (part.start, part.stop, part.step)))
        return part
    return int(part) if isinstance(part, np.integer) else part


def _listed(part: Any) -> np.ndarray:
    """A list, bool or NumPy array as an index array."""
    if isinstance(part, list | tuple):
        part = [int(v) if isinstance(v, TensorBase) else v for v in part]
    array = np.asarray(part)
    if array.size == 0 and array.dtype.kind == "f":
        array = array.astype(np.int64)
    if array.dtype.kind in "US":
        raise TypeError(f"invalid data type 'str': an index is made of numbers, not of text (got {part!r})")
    if array.dtype.kind not in "iub":
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
            f"(got {type(part).__name__})"
        )
    return array


def _follow(raw: Any, a: Any) -> Any:
    """Index arrays may lie on the CPU; they go where the tensor is."""
    source, target = backend_of(raw), backend_of(a)
    if source.name == target.name:  # one of the two is batched
        return raw
    if source.name != "cpu":
        check_same_device("index", (a, raw))
    return target.from_host(source.to_host(raw), target.index_of(a))


def _check_bounds(backend: Any, a: Any, parts: list[Any]) -> None:
    """Raise IndexError for what the array library would let pass or report in other words."""
    parts = [part for part in parts if part is not None and not isinstance(part, bool)]
    used = sum(map(_taken, parts))
    if used > a.ndim:
        raise IndexError(f"too many indices for tensor of dimension {a.ndim}")
    axis = 0
    for part in parts:
        if part is Ellipsis:
            axis += a.ndim - used
            continue
        if _mask(part):
            for d in range(part.ndim):
                if part.shape[d] != a.shape[axis + d]:
                    raise IndexError(
                        f"The shape of the mask {list(part.shape)} at index {d} does not match the shape of the "
                        f"indexed tensor {list(a.shape)} at index {axis + d}"
                    )
            axis += part.ndim
            continue
        if hasattr(part, "dtype"):
            backend_of(part).check_index(part, a.shape[axis], "index")
        axis += 1


def masked_positions(xp: Any, mask: Any) -> Any:
    """For each element of a raw mask the number of true ones up to it, less 1: which of them it is, from 0 on."""
    return xp.cumsum(mask.reshape(-1), axis=0, dtype="int64").reshape(mask.shape) - 1


def _mask(part: Any) -> bool:
    return getattr(part, "dtype", None) == np.bool_


def _explain(x: Any, index: Any, error: IndexError) -> IndexError:
    """PyTorch's text for an index that NumPy refused."""
    shape = x._a.shape
    parts = index if isinstance(index, tuple) else (index,)
    if not shape:
        return IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
            "0-dim tensor to a number"
        )
    axis = 0
    for part in parts:
        if part is None or part is Ellipsis:
            if part is Ellipsis:
                break
            continue
        if axis >= len(shape):
            return IndexError(f"too many indices for tensor of dimension {len(shape)}")
        if isinstance(part, int) and not -shape[axis] <= part < shape[axis]:
            return IndexError(f"index {part} is out of bounds for dimension {axis} with size {shape[axis]}")
        axis += 1
    return error


@public(only_method=True)
def __getitem__(input: Any, index: Any) -> Any:
    """``x[index]``: a view for ints, slices, None and Ellipsis; a copy for masks and index tensors."""
    if type(index) is int:
        try:
            return _getitem(input, index=index)
        except IndexError as error:
            raise _explain(input, index, error) from None
    if type(index) is slice and index.step is None and type(index.start) in _PLAIN and type(index.stop) in _PLAIN:
        return _getitem(input, index=index)
    basic, advanced = _normalise(input, index)
    if basic is not None:
        input = _window(input, basic)
    return input if advanced is None else take_at(input, index=kept(advanced, input), title="IndexBackward0")


def _window(input: Any, index: Any) -> Any:
    try:
        return _getitem(input, index=index)
    except IndexError as error:
        raise _explain(input, index, error) from None


def kept(index: tuple[Any, ...], *tensors: Any) -> tuple[Any, ...]:
    """The index arrays; copies where the derivative of one of the tensors will use them again, since the user may write
    to them meanwhile."""
    if not mode.grad or all(node_of(t) is None for t in tensors):
        return index
    if hasattr(index, "copy"):  # a backend's own kind of index
        return index.copy()
    return tuple(part.copy() if hasattr(part, "dtype") else part for part in index)


@op("put_", title=lambda node: node.attrs.get("title", "IndexPutBackward0"))
def write_index(xp: Any, x: Any, values: Any, *, index: Any, title: str = "IndexPutBackward0") -> Any:
    out = x.copy()
    write_index_in_place(xp, out, values, index=index)
    return out


def write_index_in_place(xp: Any, x: Any, values: Any, *, index: Any, title: str = "IndexPutBackward0") -> None:
    set_at = getattr(xp, "set_at", None)
    if set_at is None:
        x[index] = values
    else:
        set_at(x, index, values)


@write_index.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    index = node.attrs["index"]
    gx = f.zero_index(g, index=index) if node.edges[0] is not None else None
    gv = None
    if node.edges[1] is not None:
        gv = unbroadcast(f, f.index(g, index=index), node.shapes[1])
    return gx, gv


write_index.op.write = write_index_in_place


@op()
def _zero_index(xp: Any, x: Any, *, index: Any) -> Any:
    out = x.copy()
    out[index] = 0
    return out


@_zero_index.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.zero_index(g, index=node.attrs["index"]),)


@op("copy")
def _copy(xp: Any, x: Any, values: Any) -> Any:
    return xp.broadcast_to(values, x.shape)


def _copy_in_place(xp: Any, x: Any, values: Any) -> None:
    x[...] = values


@_copy.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    gx = f.zeros_like(g) if node.edges[0] is not None else None
    return gx, unbroadcast(f, g, node.shapes[1]) if node.edges[1] is not None else None


_copy.op.write = _copy_in_place
_copy.op.title = "CopyBackwards"


@public(only_method=True)
def copy_(input: Any, src: Any, non_blocking: bool = False) -> Any:
    """Write the values of ``src`` (any dtype and device; broadcast to the input's shape) into the input."""
    if not isinstance(src, TensorBase | np.ndarray | int | float | complex | np.generic):
        raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}")
    values = values_for(input, src)
    if values._a.ndim > input._a.ndim:  # NumPy would drop leading dimensions of size 1
        raise RuntimeError(
            f"output with shape {list(input._a.shape)} doesn't match the shape {list(values._a.shape)} of what is "
            "copied"
        )
    return in_place(_copy, input, values)


def values_for(input: Any, value: Any) -> Any:
    """``value`` as a tensor of the input's dtype and device."""
    a = input._a
    if not isinstance(value, TensorBase):
        backend = backend_of(a)
        if isinstance(value, np.ndarray):
            return wrap(backend.from_host(value.astype(a.dtype), backend.index_of(a)))
        kind = dtypes.from_numpy[a.dtype]
        if not isinstance(value, int | float | complex | np.generic):
            raise TypeError(f"can't assign a {type(value).__name__} to a torch.{dtypes.TITLES[kind.name]}Tensor")
        return wrap(backend.xp.asarray(dtypes.number(value, kind), dtype=a.dtype))
    if type(value._a) is not type(a) or backend_of(a).index_of(a) != backend_of(a).index_of(value._a):
        value = value.to(input.device)
    return value if value._a.dtype == a.dtype else cast(value, a.dtype)


@public(only_method=True)
def __setitem__(input: Any, index: Any, value: Any) -> None:
    """``x[index] = value``, in place; ``value`` is broadcast and takes the tensor's dtype.

    Raises:
        IndexError: there is no such index.
        RuntimeError: the value's shape or device does not fit; or, with index tensors, its dtype is another.
    """
    assign(input, index, value, write_index)


def assign(input: Any, index: Any, value: Any, write: Any) -> None:
    """``input[index] = value``, by an operation of index arrays that may do something else than to replace."""
    basic, advanced = _normalise(input, index)
    if isinstance(value, list | tuple):
        value = np.asarray(value)
    if isinstance(value, TensorBase) and type(value._a) is not type(input._a) and value._a.ndim:
        check_same_device("__setitem__", (input._a, value._a))
    window = input if basic is None else _window(input, basic)
    if advanced is not None:
        _put(window, advanced, value, write)
        return
    values = values_for(window, value)
    shape, given = window._a.shape, values._a.shape
    if len(given) > len(shape):
        values = _without_leading_ones(values)
    in_place(_copy, window, values)


def _without_leading_ones(values: Any) -> Any:
    """PyTorch drops leading dimensions of size 1 of what is assigned."""
    shape = values._a.shape
    first = next((i for i, n in enumerate(shape) if n != 1), len(shape))
    return values.reshape(shape[first:]) if first else values


def _put(input: Any, index: tuple[Any, ...], value: Any, write: Any) -> None:
    """``input[index] = value`` for an index with arrays, or what else the operation ``write`` does there."""
    if isinstance(value, TensorBase) and value._a.dtype != input._a.dtype and (value._a.ndim or not _mask(index[0])):
        mine, other = (dtypes.TITLES[dtypes.from_numpy[t._a.dtype].name] for t in (input, value))
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {mine} for the destination and {other} "
            "for the source. (Convert the value with .to(dtype).)"
        )
    values = _without_leading_ones(values_for(input, value))
    try:
        in_place(write, input, values, index=kept(index, input, values), title="IndexPutBackward0")
    except (RuntimeError, ValueError, TypeError) as error:
        target = input._a[index].shape
        try:
            fits = np.broadcast_shapes(values._a.shape, target) == target
        except ValueError:
            fits = False
        if fits:
            raise
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(values._a.shape)} cannot be broadcast to indexing result of "
            f"shape {list(target)}"
        ) from error


@public
def index_select(input: Any, dim: int, index: Any, *, out: Any = None) -> Any:
    """The slices at the positions ``index`` (a vector of integers) along ``dim``. A copy."""
    if out is not None:
        return put(index_select(input, dim, index), out, input, index, exact=True)
    axis = axis_of(dim, input._a.ndim)
    if index._a.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if index._a.dtype.name not in ("int32", "int64"):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    check_same_device("index_select", (input._a, index._a))
    if not input._a.ndim:
        return index_select(input.reshape(1), 0, index)[0]
    backend_of(input._a).check_index(index._a, input._a.shape[axis], "index_select", low=0)
    at = kept((slice(None),) * axis + (index._a.reshape(-1),), input)
    return take_at(input, index=at, title="IndexSelectBackward0")


@public
def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero: a matrix with a row for each, or one vector for each dimension."""
    a = input._a
    xp = backend_of(a).xp
    found = xp.nonzero(a if a.ndim else a.reshape(1))
    if as_tuple:
        return tuple(wrap(part) for part in found)
    return wrap(xp.stack(found, axis=1) if a.ndim else xp.zeros((found[0].shape[0], 0), "int64"))


@public
def masked_select(input: Any, mask: Any, *, out: Any = None) -> Any:
    """The elements where ``mask`` (broadcast with the input) is true, in one dimension."""
    if out is not None:
        return put(masked_select(input, mask), out, input, mask, exact=True)
    if mask._a.dtype.kind != "b":
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {mask.dtype} (compare: mask != 0)")
    check_same_device("masked_select", (input._a, mask._a))
    shape = np.broadcast_shapes(input._a.shape, mask._a.shape)
    window = input.expand(shape)
    return take_at(window, index=kept((mask.expand(shape)._a,), window), title="MaskedSelectBackward0")


@public
def select(input: Any, dim: int, index: int) -> Any:
    """The slice at ``index`` along ``dim``, without that dimension. A view."""
    if not input._a.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis = axis_of(dim, input._a.ndim)
    size = input._a.shape[axis]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input._a.shape)} at dimension {axis}"
        )
    return _getitem(input, index=(slice(None),) * axis + (index,))


@public
def narrow(input: Any, dim: int, start: Any, length: int) -> Any:
    """``length`` elements from ``start`` on along ``dim``. A view."""
    if not input._a.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    axis = axis_of(dim, input._a.ndim)
    if isinstance(start, TensorBase) and (start._a.ndim or start._a.dtype.kind not in "iu"):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    size, start = input._a.shape[axis], int(start)
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    begin = start + size if start < 0 else start
    if begin > size - length:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return _getitem(input, index=(slice(None),) * axis + (slice(begin, begin + length),))


@public
def fill_(input: Any, value: Any) -> Any:
    """Write one number, or the element of a 0-d tensor, to all elements."""
    if isinstance(value, TensorBase):
        if value._a.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value._a.ndim} dimensions."
            )
    elif not isinstance(value, int | float | complex | np.generic):
        raise TypeError(f"fill_(): argument 'value' must be a number or a 0-d Tensor, not {type(value).__name__}")
    return in_place(_copy, input, values_for(input, value))


@public
def fill(input: Any, value: Any) -> Any:
    """A copy of the input with one number, or the element of a 0-d tensor, in place of all elements."""
    return fill_(input.clone(), value)


@public
def zero_(input: Any) -> Any:
    """Write 0 to all elements."""
    return in_place(_copy, input, values_for(input, 0))
