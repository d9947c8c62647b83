"""Picking elements along a dimension by an index tensor of the same shape as the result, and writing them there."""

from __future__ import annotations

from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, cast, check_same_device, in_place, not_a_tensor
from ...backends import backend_of
from .._axes import axis_of
from .._public import public, put
from ..shape.stacking import broadcast_shapes
from .indexing import kept, take_along_axis, values_for, write_index
from .writes import add_index, reduced


@public
def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False, out: Any = None) -> Any:
    """out[i][j] = input[index[i][j]][j] for ``dim`` 0, and so on for other dimensions.

    Gradients are dense whatever ``sparse_grad`` says.
    """
    if out is not None:
        return put(gather(input, dim, index), out, input, index, exact=True)
    axis = axis_of(dim, input._a.ndim)
    if not index._a.size:
        return input.reshape(-1)[:0].reshape(index._a.shape)
    if not input._a.ndim and index._a.ndim <= 1:
        return gather(input.reshape(1), 0, index.reshape(-1)).reshape(index._a.shape)
    _check_along("gather", axis, index, input)
    return take_along_axis(input, index, axis=axis, function="gather")


def _empty_as_long(index: Any) -> Any:
    """An index without elements may be of any dtype."""
    return index if index._a.size or index._a.dtype.name in ("int32", "int64") else cast(index, dtypes.int64.np)


def _check_along(name: str, axis: int, index: Any, input: Any, src: Any = None) -> None:
    """Raise for an index that does not fit the tensor it picks from and the tensor it places."""
    a, where = input._a, index._a
    check_same_device(name, (a, where))
    if where.ndim != a.ndim:
        raise RuntimeError(f"{name}(): Index tensor must have the same number of dimensions as input tensor")
    if where.dtype.name not in ("int32", "int64"):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    for i, n in enumerate(where.shape):
        if i != axis and n > a.shape[i]:
            raise RuntimeError(
                f"Size does not match at dimension {i} expected index {list(where.shape)} to be no larger than self "
                f"{list(a.shape)} apart from dimension {axis}"
            )
    if src is not None:
        if src._a.dtype != a.dtype:
            raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
        if src._a.ndim != where.ndim or any(n > m for n, m in zip(where.shape, src._a.shape, strict=True)):
            raise RuntimeError(
                f"Expected index {list(where.shape)} to be no larger than src {list(src._a.shape)} ({name}())"
            )


def _check_operands(name: str, input: Any, dim: int, index: Any, src: Any) -> tuple[int, Any]:
    """The axis, and the index (of no elements in any dtype), after all checks."""
    for position, value in ((0, input), (2, index), (3, src)):
        if not isinstance(value, TensorBase):
            raise not_a_tensor(name, position, value)
    axis = axis_of(dim, input._a.ndim)
    index = _empty_as_long(index)
    if index._a.size:
        _check_along(name, axis, _as_vector(index), _as_vector(input), _as_vector(src))
    return axis, index


def _as_vector(x: Any) -> Any:
    """A 0-d tensor as a vector of one element."""
    return x if x._a.ndim else x.reshape(1)


def _places(name: str, input: Any, index: Any, axis: int) -> tuple[Any, ...]:
    """The index of the positions to write to; they are checked, or will be by what writes there."""
    a = input._a
    return backend_of(a).along(index._a, axis, a.shape[axis], name)


def _part_of(src: Any, index: Any) -> Any:
    """What of ``src`` the index places."""
    return src if src._a.shape == index._a.shape else src[tuple(slice(n) for n in index._a.shape)]


@public
def scatter_add(input: Any, dim: int, index: Any, src: Any, *, out: Any = None) -> Any:
    """The input with ``src`` added at the positions ``index`` along ``dim``: the reverse of :func:`nnlite.gather`.

    Raises:
        RuntimeError: the sizes or dtypes do not fit, or a position is out of range.

    Example:
        >>> import nnlite
        >>> nnlite.scatter_add(nnlite.zeros(2), 0, nnlite.tensor([1, 1]), nnlite.tensor([2.0, 3.0]))
        tensor([0., 5.])
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor("scatter_add", 0, input)
    result = scatter_add_(input.clone(), dim, index, src)
    return result if out is None else put(result, out, index, src, exact=True)


@public(only_method=True)
def scatter_add_(input: Any, dim: int, index: Any, src: Any) -> Any:
    """``scatter_add`` in place; see :func:`nnlite.scatter_add`."""
    axis, index = _check_operands("scatter_add", input, dim, index, src)
    if not index._a.size:
        return input
    window, index, src = _as_vector(input), _as_vector(index), _as_vector(src)
    part = _part_of(src, index)
    at = kept(_places("scatter_add", window, index, axis), part)
    in_place(add_index, window, part, index=at, title="ScatterAddBackward0")
    return input


@public
def scatter_reduce(
    input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True, out: Any = None
) -> Any:
    """The input with ``src`` reduced into it at the positions ``index`` along ``dim``.

    Args:
        reduce: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: whether the input's own elements are among what is reduced.

    Raises:
        RuntimeError: ``reduce`` is another word, the sizes or dtypes do not fit, or a position is out of range.

    Example:
        >>> import nnlite
        >>> src = nnlite.tensor([2.0, 3.0])
        >>> nnlite.scatter_reduce(nnlite.ones(2), 0, nnlite.tensor([1, 1]), src, "mean", include_self=False)
        tensor([1.0000, 2.5000])
    """
    result = _reduced(input, dim, index, src, reduce, include_self)
    return result if out is None else put(result, out, index, src, exact=True)


@public(only_method=True)
def scatter_reduce_(input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Any:
    """``scatter_reduce`` in place; see :func:`nnlite.scatter_reduce`."""
    _reduced(input, dim, index, src, reduce, include_self, in_place)
    return input


def _reduced(input: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool, write: Any = None) -> Any:
    """A reduction, to the input itself where ``write`` is ``in_place``."""
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    axis, index = _check_operands("scatter_reduce", input, dim, index, src)
    if not index._a.size:
        return input.clone() if write is None else input
    window, where = _as_vector(input), _as_vector(index)
    part, at = _part_of(_as_vector(src), where), _places("scatter_reduce", window, where, axis)
    result = reduced(window, part, at, reduce, include_self, "ScatterReduceBackward0", write)
    return result if window is input else result.reshape(())


@public
def take_along_dim(input: Any, indices: Any, dim: int | None = None, *, out: Any = None) -> Any:
    """The elements at the positions ``indices`` along ``dim``; the other dimensions are broadcast. Without ``dim``
    positions in the flattened input.

    Raises:
        RuntimeError: ``indices`` is not int64, has another number of dimensions, or a position is out of range.

    Example:
        >>> import nnlite
        >>> x = nnlite.tensor([[3, 1], [4, 2]])
        >>> nnlite.take_along_dim(x, x.argmax(1, keepdim=True), 1)
        tensor([[3],
                [4]])
    """
    for position, value in enumerate((input, indices)):
        if not isinstance(value, TensorBase):
            raise not_a_tensor("take_along_dim", position, value)
    if indices._a.dtype.name != "int64":
        raise RuntimeError(f"torch.take_along_dim(): dtype of indices should be Long but got {indices.dtype}")
    if dim is None:
        result = gather(input.reshape(-1), 0, indices.reshape(-1))
    else:
        if indices._a.ndim != input._a.ndim:
            raise RuntimeError(
                f"torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
                f"{input._a.ndim} dimensions for input, and {indices._a.ndim} dimensions for indices"
            )
        axis = axis_of(dim, input._a.ndim)
        check_same_device("take_along_dim", (input._a, indices._a))
        rest = [(*t._a.shape[:axis], 1, *t._a.shape[axis + 1 :]) for t in (input, indices)]
        shape = broadcast_shapes(*rest)
        sizes = [(*shape[:axis], t._a.shape[axis], *shape[axis + 1 :]) for t in (input, indices)]
        if not input._a.ndim:
            sizes = [(), ()]
        size = input._a.shape[axis] if input._a.ndim else 1
        backend_of(input._a).check_index(indices._a, size, "take_along_dim", RuntimeError)
        where = indices % size if size else indices
        result = gather(input.expand(sizes[0]), axis, where.expand(sizes[1]))
    return result if out is None else put(result, out, input, indices, exact=True)


_REDUCTIONS = ("add", "multiply")


@public
def scatter(
    input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None, out: Any = None
) -> Any:
    """The input with ``src`` (a tensor or a number) at the positions ``index`` along ``dim``.

    ``reduce="add"`` adds to what is there, ``reduce="multiply"`` multiplies.

    Raises:
        RuntimeError: ``reduce`` is another word, or the index fits neither the input nor ``src``.

    Example:
        >>> import nnlite
        >>> nnlite.scatter(nnlite.zeros(3), 0, nnlite.tensor([1]), 5.0)
        tensor([0., 5., 0.])
    """
    if reduce == "add" and isinstance(src, TensorBase):
        return scatter_add(input, dim, index, src, out=out)
    result = scatter_(input.clone(), dim, index, src, value=value, reduce=reduce)
    return (
        result if out is None else put(result, out, index, *([src] if isinstance(src, TensorBase) else ()), exact=True)
    )


@public(only_method=True)
def scatter_(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Any:
    """``scatter`` in place."""
    src = value if src is None else src
    index = _empty_as_long(index)
    if reduce not in (None, *_REDUCTIONS):
        raise RuntimeError("reduce argument must be either add or multiply.")
    if not input._a.ndim and index._a.ndim <= 1:
        flat = src.reshape(-1) if isinstance(src, TensorBase) else src
        scatter_(input.reshape(1), 0, index.reshape(-1), flat, reduce=reduce)
        return input
    if reduce is not None:
        return _scatter_reduced(input, dim, index, src, reduce)
    axis = axis_of(dim, input._a.ndim)
    if not index._a.size:
        return input
    _check_along("scatter", axis, index, input, src if isinstance(src, TensorBase) else None)
    values = values_for(input, src)
    if values._a.ndim and values._a.shape != index._a.shape:
        values = values[tuple(slice(n) for n in index._a.shape)]
    at = kept(_places("scatter", input, index, axis), input, values)
    return in_place(write_index, input, values, index=at, title="ScatterBackward0")


def _scatter_reduced(input: Any, dim: int, index: Any, src: Any, reduce: str) -> Any:
    if not isinstance(src, TensorBase):
        src = values_for(input, src).expand(index._a.shape)
    if reduce == "add":
        return scatter_add_(input, dim, index, src)
    if input.requires_grad or src.requires_grad:
        raise NotImplementedError('scatter with reduce="multiply" has no derivative; use scatter_reduce with "prod"')
    return scatter_reduce_(input, dim, index, src, "prod")
