"""Sorting along a dimension."""

from __future__ import annotations

import builtins
from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, not_a_tensor, op
from ..._core.tensor_base import wrap
from ...backends.registry import tables
from .._axes import axis_of, restore
from .._public import public, put
from .._results import Named, named, put_all
from ..index.indexing import along

return_sort = named(__name__, "sort", "values", "indices")


def in_order(xp: Any, x: Any, axis: int, descending: bool = False) -> Any:
    """The raw positions in sorted order. Equal elements keep their order; NaN is larger than any number."""
    if x.dtype.kind == "V":
        x = x.astype("float32")
    if not descending:
        return xp.argsort(x, axis=axis, kind="stable")
    # Backwards before and after: equal elements keep their order.
    where = xp.argsort(xp.flip(x, axis), axis=axis, kind="stable")
    return x.shape[axis] - 1 - xp.flip(where, axis)


@op()
def _argsort(xp: Any, x: Any, *, axis: int, descending: bool) -> Any:
    return in_order(xp, x, axis, descending)


@op(saves=("where",), title=lambda node: node.attrs["title"])
def pick(xp: Any, x: Any, where: Any, *, axis: int, title: str, keepdims: bool = True, unique: bool = True) -> Any:
    """The elements at ``where`` along an axis; ``unique`` says that none of them is there twice.

    Without ``keepdims`` the axis, which has size 1 then, is left out.
    """
    values = x[along(xp, where, axis)]
    return values if keepdims else values.squeeze(axis)


@pick.vjp
def _(f: Any, g: Any, node: Any, where: Any) -> tuple[Any, ...]:
    axis, shape = node.attrs["axis"], node.shapes[0]
    g = restore(f, g, shape, axis, node.attrs.get("keepdims", True))
    if not node.attrs.get("unique", True):
        return f.put_along_axis(g, where, axis=axis, shape=shape), None
    return f.place(g, where, axis=axis, size=shape[axis]), None


@op(saves=("where",))
def _place(xp: Any, g: Any, where: Any, *, axis: int, size: int) -> Any:
    """Zeros with ``g`` at the positions ``where`` along an axis, none of them twice."""
    out = xp.zeros((*g.shape[:axis], size, *g.shape[axis + 1 :]), g.dtype)
    out[along(xp, where, axis)] = g
    return out


@_place.vjp
def _(f: Any, g: Any, node: Any, where: Any) -> tuple[Any, ...]:
    return f.pick(g, where, axis=node.attrs["axis"], title="PickBackward0"), None


# ---------------------------------------------------------------------------------------------------------------------
# What the functions that choose along one dimension share


def checked(
    name: str, input: Any, refused: str = "", text: str = "\"{name}_cpu\" not implemented for '{title}'"
) -> Any:
    """The input, if it is a tensor and its kind of numbers is not among ``refused``.

    Raises:
        TypeError: it is no tensor.
        NotImplementedError: the function does not take its dtype.
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    if input._a.dtype.kind in refused:
        title = dtypes.TITLES[input.dtype.name]
        raise NotImplementedError(text.format(name=name, title=title) + " (convert the tensor with .to(dtype))")
    return input


def with_dimension(input: Any, dim: int) -> tuple[Any, int]:
    """The input with at least one dimension, and ``dim`` as an axis."""
    axis = axis_of(dim, input._a.ndim)
    return (input, axis) if input._a.ndim else (input.reshape(1), 0)


def chosen(
    kind: type[Named], input: Any, x: Any, where: Any, axis: int, keepdim: bool = True, version: int = 0
) -> Named:
    """The pair (values, indices) for the raw positions ``where`` along an axis of ``x``.

    ``x`` is the input, with a dimension if the input has none; ``where`` has all of its axes. ``version`` is the number
    in PyTorch's name of the derivative.
    """
    indices = wrap(where)
    title = f"{kind.__name__[7:].capitalize()}Backward{version}"
    keepdim = keepdim and bool(input._a.ndim)
    values = pick(x, indices, axis=axis, title=title, keepdims=keepdim)
    return kind((values, indices if keepdim else indices.squeeze(axis)))


def order_of(x: Any, axis: int, descending: bool = False) -> Any:
    """The raw positions in sorted order."""
    a = x._a
    return tables[type(a)].argsort(a, axis=axis, descending=builtins.bool(descending))


@public(numpy_names=True)
def sort(input: Any, dim: int = -1, descending: bool = False, *, stable: bool | None = None, out: Any = None) -> Any:
    """The elements in order along ``dim``, and where they were: a pair (values, indices), each of the input's shape.

    Equal elements always keep their order, whatever ``stable`` says; NaN is larger than any number. The gradient of a
    value goes to the element that it was.

    Raises:
        IndexError: there is no such dimension.
        RuntimeError: the numbers are complex, which have no order.

    Example:
        >>> import nnlite
        >>> nnlite.sort(nnlite.tensor([3.0, 1.0, 2.0]), descending=True)
        torch.return_types.sort(
        values=tensor([3., 2., 1.]),
        indices=tensor([0, 2, 1]))
    """
    x, axis = with_dimension(_ordered("Sort", input), dim)
    result = chosen(return_sort, input, x, order_of(x, axis, descending), axis, version=int(stable is not None))
    return result if out is None else put_all("sort", result, out, input)


def _ordered(name: str, input: Any) -> Any:
    checked(name.lower(), input)
    if input._a.dtype.kind == "c":
        raise RuntimeError(f" {name} does not support complex dtypes on CPU (sort .real, .imag or .abs())")
    return input


@public(numpy_names=True)
def argsort(input: Any, dim: int = -1, descending: bool = False, *, stable: bool = False, out: Any = None) -> Any:
    """The positions of the elements in order along ``dim``: the indices of :func:`nnlite.sort`.

    Example:
        >>> import nnlite
        >>> nnlite.argsort(nnlite.tensor([[3, 1, 2]]), dim=1)
        tensor([[1, 2, 0]])
    """
    x, axis = with_dimension(_ordered("Sort", input), dim)
    where = wrap(order_of(x, axis, descending))
    result = where if input._a.ndim else where.reshape(())
    return result if out is None else put(result, out, input, exact=True)


@public
def msort(input: Any, *, out: Any = None) -> Any:
    """The elements in ascending order along the first dimension.

    Example:
        >>> import nnlite
        >>> nnlite.msort(nnlite.tensor([[3, 1], [2, 5]]))
        tensor([[2, 1],
                [3, 5]])
    """
    values = sort(input, 0)[0]
    return values if out is None else put(values, out, input, exact=True)
