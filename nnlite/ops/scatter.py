"""Picking elements along a dimension by an index tensor of the same shape as the result, and writing them there."""

from __future__ import annotations

from typing import Any

from .._core import dtypes
from .._core.op import TensorBase, cast, check_same_device, in_place
from .._core.tensor_base import wrap
from ..backends import backend_of
from ._axes import axis_of
from ._public import public, put
from .elementwise import add
from .index import along, kept, put_along_axis, take_along_axis, values_for, write_index


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
    return take_along_axis(input, index, axis=axis)


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
    backend_of(a).check_index(where, a.shape[axis], name, RuntimeError, low=0)


@public
def scatter_add(input: Any, dim: int, index: Any, src: Any, *, out: Any = None) -> Any:
    """The input with ``src`` added at the positions ``index`` along ``dim``: the reverse of :func:`nnlite.gather`."""
    if out is not None:
        return put(scatter_add(input, dim, index, src), out, index, src, exact=True)
    axis = axis_of(dim, input._a.ndim)
    if not input._a.ndim and index._a.ndim <= 1:
        one = scatter_add(input.reshape(1), 0, index.reshape(-1), src.reshape(-1))
        return one.reshape(())
    index = _empty_as_long(index)
    if not index._a.size:
        return input.clone()
    _check_along("scatter_add", axis, index, input, src)
    part = src if src._a.shape == index._a.shape else src[tuple(slice(n) for n in index._a.shape)]
    return add(input, put_along_axis(part, index, axis=axis, shape=input._a.shape))


@public(only_method=True)
def scatter_add_(input: Any, dim: int, index: Any, src: Any) -> Any:
    """``scatter_add`` in place."""
    return input.copy_(scatter_add(input, dim, index, src))


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
        return input.copy_(scatter_(input.reshape(1).clone(), 0, index.reshape(-1), flat, reduce=reduce).reshape(()))
    if reduce is not None:
        return _scatter_reduced(input, dim, index, src, reduce)
    axis = axis_of(dim, input._a.ndim)
    if not index._a.size:
        return input
    _check_along("scatter", axis, index, input, src if isinstance(src, TensorBase) else None)
    values = values_for(input, src)
    if values._a.ndim and values._a.shape != index._a.shape:
        values = values[tuple(slice(n) for n in index._a.shape)]
    where = along(backend_of(input._a).xp, index._a, axis)
    return in_place(write_index, input, values, index=kept(input, where))


def _scatter_reduced(input: Any, dim: int, index: Any, src: Any, reduce: str) -> Any:
    if not isinstance(src, TensorBase):
        src = values_for(input, src).expand(index._a.shape)
    if reduce == "add":
        return scatter_add_(input, dim, index, src)
    axis = axis_of(dim, input._a.ndim)
    if not index._a.size:
        return input
    _check_along("scatter", axis, index, input, src)
    if input.requires_grad or src.requires_grad:
        raise NotImplementedError('scatter with reduce="multiply" has no derivative; use scatter_reduce with "prod"')
    part = src if src._a.shape == index._a.shape else src[tuple(slice(n) for n in index._a.shape)]
    return input.mul_(wrap(_products(backend_of(input._a).xp, part._a, index._a, axis, input._a.shape)))


def _products(xp: Any, factors: Any, where: Any, axis: int, shape: tuple[int, ...]) -> Any:
    """Ones of ``shape`` times the factors at the positions ``where`` along an axis.

    One slice at a time, in which no position stands twice: CuPy has no multiplication of repeated positions.
    """
    out = xp.ones(shape, factors.dtype)
    for i in range(where.shape[axis]):
        one = (slice(None),) * axis + (slice(i, i + 1),)
        places = along(xp, where[one], axis)
        out[places] = out[places] * factors[one]
    return out
