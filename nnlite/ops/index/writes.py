"""Writing at positions that an index names: ``index_add``, ``index_copy``, ``index_fill``, ``put`` and others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core.op import TensorBase, cast, check_same_device, in_place, not_a_tensor, op, unbroadcast
from ..._core.tensor_base import wrap
from ...backends import backend_of
from .._axes import axis_of
from .._public import public
from .._public import put as put_out
from ..shape.views import reshape, viewable
from .indexing import assign, kept, masked_positions, take_at, values_for, write_index


@op("add_index", title=lambda node: node.attrs.get("title", "IndexPutBackward0"))
def add_index(xp: Any, x: Any, values: Any, *, index: Any, title: str = "IndexPutBackward0") -> Any:
    """``x`` with the values added at the positions of an index with arrays; repeated positions add up."""
    out = x.copy()
    xp.scatter_add(out, index, values)
    return out


def _add_in_place(xp: Any, x: Any, values: Any, *, index: Any, title: str = "IndexPutBackward0") -> None:
    xp.scatter_add(x, index, values)


add_index.op.write = _add_in_place


@add_index.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    gv = None
    if node.edges[1] is not None:
        gv = unbroadcast(f, f.index(g, index=node.attrs["index"]), node.shapes[1])
    return g, gv


@op("reduce_index", saves=("x", "values", "out"), title=lambda node: node.attrs["title"])
def reduce_index(xp: Any, x: Any, values: Any, *, index: Any, kind: str, title: str) -> Any:
    """``x`` with the values multiplied in (``kind`` is "multiply"), or compared with ("maximum", "minimum"), at the
    positions of an index with arrays.

    The positions are sorted; a scan by doubling combines neighbours of one position in log2(n) steps, after which the
    last of each holds them all (W. D. Hillis, G. L. Steele, "Data parallel algorithms", CACM 29 (1986), 1170-1183).
    """
    places = xp.broadcast_to(xp.arange(x.size).reshape(x.shape)[index], values.shape).reshape(-1)
    out = x.copy().reshape(-1)
    if not places.size:
        return out.reshape(x.shape)
    order = xp.argsort(places)
    places, found = places[order], values.reshape(-1)[order]
    combine, step = getattr(xp, kind), 1
    while step < places.size:
        same = places[step:] == places[:-step]
        found = xp.concatenate([found[:step], xp.where(same, combine(found[step:], found[:-step]), found[step:])])
        step *= 2
    ends = xp.searchsorted(places, places, side="right") - 1  # for each the last of its position
    out[places] = combine(out[places], found[ends])
    return out.reshape(x.shape)


def _reduce_in_place(xp: Any, x: Any, values: Any, *, index: Any, kind: str, title: str) -> None:
    if not backend_of(x).reduce_at(kind, x, index, values):
        x[...] = reduce_index.op.impl[type(x)](x, values, index=index, kind=kind, title=title)


reduce_index.op.write = _reduce_in_place


@reduce_index.vjp
def _(f: Any, g: Any, node: Any, x: Any, values: Any, out: Any) -> tuple[Any, ...]:
    index, kind = node.attrs["index"], node.attrs["kind"]
    if kind != "multiply":
        mine, theirs = x == out, values == f.index(out, index=index)
        share = g / f.add_index(_numbers(mine, g), _numbers(theirs, g), index=index)
        return share * _numbers(mine, g), f.index(share, index=index) * _numbers(theirs, g)
    # The product of the others: that of all factors but the zeros, unless a zero is among the others.
    zero_x, zero_v = x == 0, values == 0
    zeros = f.add_index(_numbers(zero_x, g), _numbers(zero_v, g), index=index)
    full_x, full_v = x + _numbers(zero_x, g), values + _numbers(zero_v, g)
    product = f.reduce_index(full_x, full_v, index=index, kind="multiply", title=node.attrs["title"])
    gp = g * product
    gx = gp / full_x * _numbers(zeros == _numbers(zero_x, g), g)
    gv = f.index(gp, index=index) / full_v * _numbers(f.index(zeros, index=index) == _numbers(zero_v, g), g)
    return gx, gv


def _numbers(mask: Any, like: Any) -> Any:
    """A mask as zeros and ones in the dtype of ``like``."""
    return cast(mask, like._a.dtype) if isinstance(mask, TensorBase) else mask.astype(like.dtype)


@public
def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """A copy of the input with ``x[indices] = values``; with ``accumulate`` values at one position add up.

    Raises:
        IndexError: there is no such position. RuntimeError: the shapes or dtypes do not fit.
    """
    return index_put_(_copy_of("index_put", input), indices, values, accumulate)


@public
def index_put_(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """``index_put`` in place; see :func:`nnlite.index_put`."""
    if not isinstance(indices, tuple | list):
        raise TypeError(
            f"index_put_(): argument 'indices' (position 1) must be tuple of Tensors, not {type(indices).__name__}"
        )
    indices = tuple(slice(None) if part is None else part for part in indices)
    assign(input, indices, values, add_index if accumulate else write_index)
    return input


# ---------------------------------------------------------------------------------------------------------------------
# Slices along a dimension


def _vector(name: str, input: Any, dim: int, index: Any, kinds: tuple[str, ...] = ("int32", "int64")) -> Any:
    """The axis, and the index that names whole slices along it."""
    for position, value in ((0, input), (2, index)):
        if not isinstance(value, TensorBase):
            raise not_a_tensor(name, position, value)
    a, where = input._a, index._a
    axis = axis_of(dim, a.ndim)
    if where.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, but got dim: {where.ndim}")
    if where.dtype.name not in kinds:
        wanted = "/".join(kinds)
        raise _type_error(name, f"{name}(): Expected dtype {wanted} for index but got: {index.dtype}")
    check_same_device(name, (a, where))
    backend_of(a).check_index(where, a.shape[axis] if a.ndim else 1, name, low=0 if name != "index_fill_" else None)
    return axis, where.reshape(-1)


def _type_error(name: str, text: str) -> Exception:
    return IndexError(text) if name.startswith(("index_fill", "index_copy")) else RuntimeError(text)


def _check_source(name: str, input: Any, axis: int, where: Any, source: Any) -> None:
    """Raise unless ``source`` has a slice for each index."""
    if not isinstance(source, TensorBase):
        raise not_a_tensor(name, 3, source)
    a, s = input._a, source._a
    if s.dtype != a.dtype:
        raise RuntimeError(
            f"{name}(): self and source expected to have the same dtype, but got (self) {input.dtype} and (source) "
            f"{source.dtype}"
        )
    count = s.shape[axis] if s.ndim and axis < s.ndim else 1
    if count != where.size:
        text = (
            f"{name}(): Number of indices ({where.size}) should be equal to source.size(dim) ({count}), for dim: {axis}"
        )
        raise IndexError(text) if name == "index_copy_" else RuntimeError(text)
    mine = (*a.shape[:axis], *a.shape[axis + 1 :])
    theirs = (*s.shape[:axis], *s.shape[axis + 1 :])
    if mine != theirs and (s.ndim or a.size != 1):
        text = (
            f"{name}(): source tensor shape must match self tensor shape, excluding the specified dimension. Got "
            f"self.shape = {list(a.shape)} source.shape = {list(s.shape)}"
        )
        raise IndexError(text) if name == "index_copy_" and a.ndim != s.ndim else RuntimeError(text)
    check_same_device(name, (a, s))


def _window(input: Any, axis: int, where: Any) -> tuple[Any, Any]:
    """The tensor to write to and the index into it; a 0-d tensor counts as one of a single element."""
    if not input._a.ndim:
        return reshape(input, 1), (where,)
    return input, (slice(None),) * axis + (where,)


def _like_window(window: Any, source: Any) -> Any:
    """``source`` with as many dimensions as what it is written to."""
    return (
        source
        if source._a.ndim == window._a.ndim
        else reshape(source, (1,) * (window._a.ndim - source._a.ndim) + source._a.shape)
    )


@public(only_method=True)
def index_add_(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    """``index_add`` in place; see :func:`nnlite.index_add`."""
    axis, where = _vector("index_add_", input, dim, index)
    _check_source("index_add_", input, axis, where, source)
    window, at = _window(input, axis, where)
    values = _like_window(window, source)
    values = values if alpha == 1 else values * alpha
    in_place(add_index, window, values, index=kept(at, values), title="IndexAddBackward0")
    return input


@public(only_method=True)
def index_copy_(input: Any, dim: int, index: Any, source: Any) -> Any:
    """``index_copy`` in place; see :func:`nnlite.index_copy`."""
    axis, where = _vector("index_copy_", input, dim, index, ("int64",))
    _check_source("index_copy_", input, axis, where, source)
    window, at = _window(input, axis, where)
    values = _like_window(window, source)
    in_place(write_index, window, values, index=kept(at, window, values), title="IndexCopyBackward0")
    return input


@public(only_method=True)
def index_fill_(input: Any, dim: int, index: Any, value: Any) -> Any:
    """``index_fill`` in place; see :func:`nnlite.index_fill`."""
    axis, where = _vector("index_fill_", input, dim, index, ("int64",))
    if isinstance(value, TensorBase):
        if value._a.ndim:
            raise RuntimeError(
                f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._a.ndim} "
                "dimension(s)."
            )
    elif isinstance(value, complex) and not input.is_complex():
        raise RuntimeError("index_fill_(): Converting complex Scalar to non-complex type is not supported")
    window, at = _window(input, axis, where)
    values = values_for(window, value)
    if values.requires_grad:  # its gradient counts a slice once, however often the index names it
        xp = backend_of(where).xp
        hit = xp.zeros(window._a.shape[axis], bool)
        hit[where] = True
        mask = wrap(hit.reshape((-1,) + (1,) * (window._a.ndim - axis - 1)))
        window.copy_(values.where(mask, window))
    else:
        in_place(write_index, window, values, index=kept(at, window), title="IndexFillBackward0")
    return input


_REDUCTIONS = {"prod": "multiply", "amax": "maximum", "amin": "minimum"}


def reduced(input: Any, values: Any, at: Any, reduce: str, include_self: bool, title: str, write: Any = None) -> Any:
    """``input`` with the values reduced into it at an index with arrays: ``reduce`` is "sum", "mean", "prod", "amax" or
    "amin". Without ``include_self`` what stands there counts as nothing. ``write`` is ``in_place`` to write to the
    input itself."""
    if reduce in ("amax", "amin") and input._a.dtype.kind == "c":
        raise NotImplementedError(f"\"{reduce}\" not implemented for '{input.dtype}': complex numbers have no order")
    at = kept(at, input, values)
    do = write if write is not None else _call
    if not include_self:
        start = values_for(input, _nothing(input._a.dtype, reduce))
        input = do(write_index, input, start, index=at, title=title)
    if reduce in _REDUCTIONS:
        return do(reduce_index, input, values, index=at, kind=_REDUCTIONS[reduce], title=title)
    total = do(add_index, input, values, index=at, title=title)
    if reduce == "sum":
        return total
    counts = wrap(_counts(input._a, at, values._a.shape, include_self))
    rounding = None if input._a.dtype.kind in "fcV" else "floor"
    return (total.div if write is None else total.div_)(counts, rounding_mode=rounding)


def _call(operation: Any, *args: Any, **attrs: Any) -> Any:
    return operation(*args, **attrs)


def _counts(a: Any, at: Any, shape: tuple[int, ...], include_self: bool) -> Any:
    """How many numbers make each mean, at least 1, in the dtype of ``a``; one for each slice where whole slices are
    indexed."""
    xp, size = backend_of(a).xp, a.shape
    if at[-1].ndim == 1 and all(isinstance(part, slice) for part in at[:-1]):
        shape, size = at[-1].shape, (a.shape[len(at) - 1],) + (1,) * (a.ndim - len(at))
        at = (at[-1],)
    exact = a.dtype.name == "float64" or (a.dtype.name == "float32" and math.prod(shape) < 1 << 24)
    kind = a.dtype if exact else "int64"
    counts = (xp.ones if include_self else xp.zeros)(size[:1] if len(at) == 1 else size, kind)
    xp.scatter_add(counts, at, xp.broadcast_to(xp.ones((), kind), shape))
    return xp.maximum(counts, 1).astype(a.dtype, copy=False).reshape(size)


def _nothing(kind: Any, reduce: str) -> Any:
    """The number that changes nothing in a reduction."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if kind.kind == "b":
        return reduce == "amin"
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return limits.min if reduce == "amax" else limits.max
    return -math.inf if reduce == "amax" else math.inf


@public(only_method=True)
def index_reduce_(input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Any:
    """``index_reduce`` in place; see :func:`nnlite.index_reduce`."""
    window, values, at = _reduction_of_slices(input, dim, index, source, reduce)
    reduced(window, values, at, reduce, include_self, "IndexReduceBackward0", in_place)
    return input


@public
def index_reduce(
    input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True, out: Any = None
) -> Any:
    """The input with the slices of ``source`` reduced into its slices ``index`` along ``dim``.

    Args:
        reduce: ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: whether the input's own slices are among what is reduced.

    Raises:
        RuntimeError: ``reduce`` is another word, or the sizes do not fit. IndexError: there is no such slice.

    Example:
        >>> import nnlite
        >>> x = nnlite.ones(3)
        >>> nnlite.index_reduce(x, 0, nnlite.tensor([0, 0]), nnlite.tensor([2.0, 3.0]), "prod")
        tensor([6., 1., 1.])
    """
    window, values, at = _reduction_of_slices(input, dim, index, source, reduce)
    result = reduced(window, values, at, reduce, include_self, "IndexReduceBackward0")
    result = result if window is input else reshape(result, ())
    return result if out is None else put_out(result, out, index, source, exact=True)


def _reduction_of_slices(input: Any, dim: int, index: Any, source: Any, reduce: str) -> tuple[Any, Any, Any]:
    """What to write to, the values and the index, after all checks."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    axis, where = _vector("index_reduce", input, dim, index)
    _check_source("index_reduce", input, axis, where, source)
    window, at = _window(input, axis, where)
    return window, _like_window(window, source), at


@public
def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """The input with ``alpha`` times the slices of ``source`` added to its slices ``index`` along ``dim``.

    Shape: ``index`` (n), ``source`` as the input but with n slices along ``dim``.

    Raises:
        IndexError: there is no such slice. RuntimeError: the sizes or dtypes do not fit.

    Example:
        >>> import nnlite
        >>> nnlite.index_add(nnlite.zeros(3), 0, nnlite.tensor([2, 2]), nnlite.tensor([1.0, 4.0]))
        tensor([0., 0., 5.])
    """
    result = index_add_(_copy_of("index_add", input), dim, index, source, alpha=alpha)
    return result if out is None else put_out(result, out, index, source, exact=True)


@public
def index_copy(input: Any, dim: int, index: Any, source: Any, *, out: Any = None) -> Any:
    """The input with the slices of ``source`` in place of its slices ``index`` along ``dim``.

    Raises:
        IndexError: there is no such slice, or the sizes do not fit. RuntimeError: the dtypes differ.
    """
    result = index_copy_(_copy_of("index_copy", input), dim, index, source)
    return result if out is None else put_out(result, out, index, source, exact=True)


@public
def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """The input with a number, or the element of a 0-d tensor, in its slices ``index`` along ``dim``.

    Raises:
        IndexError: there is no such slice. RuntimeError: ``value`` has dimensions.
    """
    return index_fill_(_copy_of("index_fill", input), dim, index, value)


def _copy_of(name: str, input: Any) -> Any:
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    return input.clone()


# ---------------------------------------------------------------------------------------------------------------------
# Positions in the flattened tensor


def _check_flat(name: str, input: Any, index: Any) -> None:
    for position, value in enumerate((input, index)):
        if not isinstance(value, TensorBase):
            raise not_a_tensor(name, position, value)
    if index._a.dtype.name != "int64":
        raise RuntimeError(f"{name}(): Expected a long tensor for index, but got {index.dtype}")
    check_same_device(name, (input._a, index._a))
    if not input._a.size and index._a.size:
        raise IndexError(f"{name}(): tried to take from an empty tensor")
    backend_of(input._a).check_index(index._a, input._a.size, name)


@public
def take(input: Any, index: Any, *, out: Any = None) -> Any:
    """The elements at the positions ``index`` of the flattened input, in the shape of ``index``.

    Raises:
        IndexError: there is no such position. RuntimeError: ``index`` is not int64.

    Example:
        >>> import nnlite
        >>> nnlite.take(nnlite.tensor([[4, 3], [2, 1]]), nnlite.tensor([0, 3]))
        tensor([4, 1])
    """
    _check_flat("take", input, index)
    flat = reshape(input, -1)
    result = take_at(flat, index=kept((index._a,), flat), title="TakeBackward0")
    return result if out is None else put_out(result, out, input, index, exact=True)


@public
def put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """The input with ``source`` at the positions ``index`` of the flattened input; with ``accumulate`` added there.

    Raises:
        IndexError: there is no such position. RuntimeError: the numbers of elements or the dtypes differ.
    """
    return put_(_copy_of("put", input), index, source, accumulate)


@public(only_method=True)
def put_(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """``put`` in place; see :func:`nnlite.put`."""
    _check_flat("put_", input, index)
    if not isinstance(source, TensorBase):
        raise not_a_tensor("put_", 2, source)
    if source._a.dtype != input._a.dtype:
        raise RuntimeError(
            f"put_(): Expected self and source to have the same dtype, but got {input.dtype} and {source.dtype}"
        )
    if source._a.size != index._a.size:
        raise RuntimeError(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source._a.size}, index.numel() = {index._a.size}"
        )
    check_same_device("put_", (input._a, source._a))
    xp, shape = backend_of(input._a).xp, input._a.shape
    where = index._a.reshape(-1)
    at: tuple[Any, ...] = (where,)
    window = input
    if len(shape) != 1:
        if viewable(input._a, (input._a.size,)):
            window = input.view(-1)
        else:
            at = xp.unravel_index(where % max(input._a.size, 1), shape) if where.size else (where,) * len(shape)
    values = reshape(source, -1)
    write = add_index if accumulate else write_index
    in_place(write, window, values, index=kept(at, window, values), title="PutBackward0")
    return input


# ---------------------------------------------------------------------------------------------------------------------
# Masks


@public
def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """The input, broadcast with ``mask``, with the elements of ``source``, in order, where the mask is true.

    Raises:
        RuntimeError: ``mask`` is not bool, the dtypes differ, or ``source`` has too few elements.

    Example:
        >>> import nnlite
        >>> nnlite.masked_scatter(nnlite.zeros(3), nnlite.tensor([True, False, True]), nnlite.tensor([1.0, 2.0]))
        tensor([1., 0., 2.])
    """
    for position, value in enumerate((input, mask, source)):
        if not isinstance(value, TensorBase):
            raise not_a_tensor("masked_scatter", position, value)
    if mask._a.dtype.kind != "b":
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype}")
    if source._a.dtype != input._a.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {input.dtype} and {source.dtype}"
        )
    check_same_device("masked_scatter", (input._a, mask._a, source._a))
    shape = np.broadcast_shapes(input._a.shape, mask._a.shape)
    input, mask = input.expand(shape), mask.expand(shape)
    if not mask._a.size:
        return input.clone()
    backend = backend_of(input._a)
    places = masked_positions(backend.xp, mask._a)
    last = places.reshape(-1)[-1:]  # the largest
    backend.check_index(last, max(source._a.size, 1), "masked_scatter", RuntimeError, low=-1)
    if not source._a.size:
        return input.clone()
    # Before the first true one stands -1, the last element, which the mask leaves out.
    return take_at(reshape(source, -1), index=(places,), title="MaskedScatterBackward0").where(mask, input)


@public(only_method=True)
def masked_scatter_(input: Any, mask: Any, source: Any) -> Any:
    """``masked_scatter`` in place; see :func:`nnlite.masked_scatter`."""
    return input.copy_(masked_scatter(input, mask, source))
