"""Diagonals: as views, as matrices made of them, and written to."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._core import dtypes
from ..._core.op import TensorBase, check_same_device, not_a_tensor, op
from ..._core.tensor_base import wrap as tensor_of
from ...backends import backend_of
from ...backends.registry import tables
from .._axes import axis_of
from .._public import public, put
from ..index.indexing import fill_
from .parts import _put_parts, replaced
from .views import _common, reshape


def diagonal_of(xp: Any, x: Any, offset: int, axis1: int, axis2: int) -> Any:
    """A view of the elements of a raw array at equal places along two axes, which become the last axis."""
    down, right = max(-offset, 0), max(offset, 0)
    n = max(min(x.shape[axis1] - down, x.shape[axis2] - right), 0)
    start = [slice(None)] * x.ndim
    start[axis1], start[axis2] = slice(min(down, x.shape[axis1]), None), slice(min(right, x.shape[axis2]), None)
    rest = [axis for axis in range(x.ndim) if axis not in (axis1, axis2)]
    shape = (*(x.shape[axis] for axis in rest), n)
    step = x.strides[axis1] + x.strides[axis2]
    return xp.as_strided(x[tuple(start)], shape, (*(x.strides[axis] for axis in rest), step))


@op(view=True)
def _diagonal(xp: Any, x: Any, *, offset: int, axis1: int, axis2: int) -> Any:
    return diagonal_of(xp, x, offset, axis1, axis2)


@_diagonal.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.diag_embed(g, shape=node.shapes[0], **node.attrs),)


@op()
def _diag_embed(xp: Any, x: Any, *, shape: tuple[int, ...], offset: int, axis1: int, axis2: int) -> Any:
    """Zeros of ``shape`` with ``x`` on a diagonal."""
    out = xp.zeros(shape, x.dtype)
    diagonal_of(xp, out, offset, axis1, axis2)[...] = x
    return out


@_diag_embed.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    attrs = node.attrs
    return (f.diagonal(g, offset=attrs["offset"], axis1=attrs["axis1"], axis2=attrs["axis2"]),)


def _two_axes(name: str, ndim: int, dim1: int, dim2: int) -> tuple[int, int]:
    if ndim < 2:
        axis_of(dim1, ndim), axis_of(dim2, ndim)
    axes = axis_of(dim1, ndim), axis_of(dim2, ndim)
    if axes[0] == axes[1]:
        raise RuntimeError(f"{name} dimensions cannot be identical {dim1}, {dim2}")
    return axes


@public
def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The elements at equal places along two dimensions, as the last dimension. A view.

    Args:
        offset: how far above (positive) or below the main diagonal.

    Shape: ``input`` without ``dim1`` and ``dim2``, and the length of the diagonal behind.

    Raises:
        IndexError: there is no such dimension. RuntimeError: the two are the same.

    Example:
        >>> import nnlite
        >>> nnlite.diagonal(nnlite.arange(6).reshape(2, 3), 1)
        tensor([1, 5])
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor("diagonal", 0, input)
    axis1, axis2 = _two_axes("diagonal", input._a.ndim, dim1, dim2)
    return _diagonal(input, offset=int(offset), axis1=axis1, axis2=axis2)


@public
def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Matrices, along two new dimensions, with the last dimension of the input on a diagonal and zeros elsewhere.

    Shape: (*, n) gives (*, n + abs(offset), n + abs(offset)) for the last two dimensions.

    Raises:
        IndexError: there is no such dimension. RuntimeError: the two are the same.

    Example:
        >>> import nnlite
        >>> nnlite.diag_embed(nnlite.tensor([1, 2]), 1)
        tensor([[0, 1, 0],
                [0, 0, 2],
                [0, 0, 0]])
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor("diag_embed", 0, input)
    ndim = input._a.ndim + 1
    axis1, axis2 = _two_axes("diagonal", ndim, dim1, dim2)
    size = input._a.shape[-1] + abs(offset)
    shape = list(input._a.shape[:-1])
    for axis in sorted((axis1, axis2)):
        shape.insert(axis, size)
    return _diag_embed(input, shape=tuple(shape), offset=int(offset), axis1=axis1, axis2=axis2)


@public
def diag(input: Any, diagonal: int = 0, *, out: Any = None) -> Any:
    """Of a vector the matrix with it on a diagonal, of a matrix its diagonal (a copy).

    Raises:
        RuntimeError: the input has neither one nor two dimensions.
    """
    if input._a.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input._a.ndim}D")
    if input._a.ndim == 1:
        result = diag_embed(input, diagonal)
    else:
        result = _diagonal(input, offset=int(diagonal), axis1=0, axis2=1).clone()
    return result if out is None else put(result, out)


@public
def diagflat(input: Any, offset: int = 0) -> Any:
    """The matrix with all elements of the input on a diagonal.

    Example:
        >>> import nnlite
        >>> nnlite.diagflat(nnlite.tensor([[1], [2]]))
        tensor([[1, 0],
                [0, 2]])
    """
    return diag_embed(reshape(input, -1), offset)


@public
def diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """A copy of the input with ``src`` in place of :func:`nnlite.diagonal`.

    Raises:
        RuntimeError: ``src`` has not the shape of the diagonal.
    """
    return replaced(input, src, lambda x: diagonal(x, offset, dim1, dim2))


@public(only_method=True)
def fill_diagonal_(input: Any, fill_value: Any, wrap: bool = False) -> Any:
    """Write a number to the elements whose indices are all equal; in a matrix with ``wrap`` also to the further
    diagonals of the rows below the first square.

    Raises:
        RuntimeError: there is one dimension or none, or more than two of different sizes.
    """
    shape = input._a.shape
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    if wrap and len(shape) == 2 and shape[0] > shape[1] > 0:
        places = backend_of(input._a).xp.arange(0, shape[0] * shape[1], shape[1] + 1)
        input[tensor_of(places // shape[1]), tensor_of(places % shape[1])] = fill_value
        return input
    part = input
    while part._a.ndim > 1:
        part = diagonal(part, 0, 0, part._a.ndim - 1)
    fill_(part, fill_value)
    return input


@public(method=False)
def block_diag(*tensors: Any) -> Any:
    """The matrix with the tensors, as matrices, one behind the other along its diagonal, and zeros elsewhere.

    Vectors count as rows and numbers as matrices of one element.

    Raises:
        RuntimeError: a tensor has more than two dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.block_diag(nnlite.tensor([[1, 2]]), nnlite.tensor([[3], [4]]))
        tensor([[1, 2, 0],
                [0, 0, 3],
                [0, 0, 4]])
    """
    if not tensors:
        return tensor_of(tables[np.ndarray].backend_.xp.zeros((1, 0), dtypes.default.float.np))
    for i, x in enumerate(tensors):
        if not isinstance(x, TensorBase):
            raise TypeError(f"block_diag(): argument 'tensors' must be tuple of Tensors, not {type(x).__name__} at {i}")
        if x._a.ndim > 2:
            raise RuntimeError(
                f"block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {x._a.ndim} dimensions"
            )
    check_same_device("block_diag", [x._a for x in tensors])
    parts = [reshape(x, (1,) * (2 - x._a.ndim) + x._a.shape) for x in _common("block_diag", list(tensors))]
    where, row, column = [], 0, 0
    for x in parts:
        rows, columns = x._a.shape
        where.append((slice(row, row + rows), slice(column, column + columns)))
        row, column = row + rows, column + columns
    return _put_parts(*parts, where=tuple(where), shape=(row, column))
