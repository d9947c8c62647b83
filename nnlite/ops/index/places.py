"""Positions as tensors: of what is not zero, of triangles, of flat indices; elements repeated; and parts replaced."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ..._core import dtypes
from ..._core.device import available
from ..._core.op import TensorBase, check_same_device, not_a_tensor
from ..._core.tensor_base import wrap
from ...backends import backend_of
from .._axes import axis_of
from .._public import public, put
from ..image.pad import pad as _pad
from ..shape.parts import replaced
from ..shape.views import expand, reshape, sizes_of, unsqueeze
from .indexing import nonzero, select


@public
def argwhere(input: Any) -> Any:
    """The indices of the elements that are not zero, a row for each.

    Shape: (count, dimensions of the input).

    Example:
        >>> import nnlite
        >>> nnlite.argwhere(nnlite.tensor([[1, 0], [0, 1]]))
        tensor([[0, 0],
                [1, 1]])
    """
    return nonzero(input)


@public
def nonzero_static(input: Any, *, size: int, fill_value: int = -1, out: Any = None) -> Any:
    """``nonzero`` with ``size`` rows: the first ones, or with rows of ``fill_value`` behind.

    The size of the result does not depend on the values, so that the device need not be waited for.

    Raises:
        RuntimeError: ``size`` is negative.
    """
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer, got {size}")
    a = input._a
    xp = backend_of(a).xp
    flat = (a != 0).reshape(-1)
    rows = xp.full((size + 1, a.ndim), fill_value, "int64")  # one more, for what is too much and what is zero
    if a.size and a.ndim:
        number = xp.cumsum(flat, axis=0, dtype="int64") - 1
        number = xp.where(flat, xp.clip(number, 0, size), size)
        rows[number] = xp.stack(xp.unravel_index(xp.arange(a.size), a.shape), axis=1)
    result = wrap(rows[:size].copy())
    return result if out is None else put(result, out)


@public(method=False)
def unravel_index(indices: Any, shape: Any) -> tuple[Any, ...]:
    """For positions in a flattened tensor of a shape the indices along each of its dimensions.

    Raises:
        TypeError: ``indices`` is no tensor. ValueError: it is not of integers, or a size or an index is not in range.

    Example:
        >>> import nnlite
        >>> nnlite.unravel_index(nnlite.tensor([4, 5]), (2, 3))
        (tensor([1, 1]), tensor([1, 2]))
    """
    if not isinstance(indices, TensorBase):
        raise not_a_tensor("unravel_index", 0, indices)
    if indices._a.dtype.kind not in "iu":
        raise ValueError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    if isinstance(shape, bool) or not isinstance(shape, int | tuple | list):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape).__name__}")
    try:
        sizes = sizes_of((shape,))
    except TypeError:
        kinds = sorted({type(n).__name__ for n in shape}) if isinstance(shape, tuple | list) else []
        raise TypeError(f"expected 'shape' sequence to only contain ints, but got {', '.join(kinds)}") from None
    if min(sizes, default=0) < 0:
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    rest: Any = indices
    parts = []
    for n in reversed(sizes):
        parts.append(rest % n)
        rest = rest.div(n, rounding_mode="floor")
    return tuple(reversed(parts))


def _triangle(name: str, upper: bool) -> None:
    def function(
        row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None,
        pin_memory: bool = False,
    ) -> Any:  # fmt: skip
        for what, value in (("row", row), ("col", col)):
            if value < 0:
                raise RuntimeError(f"{what} must be non-negative, got {value}")
        kind = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype, name)
        if kind.name not in ("int32", "int64"):
            raise RuntimeError(f"\"{name}\" not implemented for '{kind}': use int32 or int64")
        backend, index = available(device)
        with backend.use(index):
            xp = backend.xp
            rows, columns = xp.arange(row)[:, None], xp.arange(col)[None, :]
            mask = columns - rows >= offset if upper else columns - rows <= offset
            return wrap(xp.stack(xp.nonzero(mask), axis=0).astype(kind.np))

    side = "on and above" if upper else "on and below"
    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"The row numbers and column numbers, as two rows, of the elements {side} a diagonal of a (row, col) matrix."
    )
    public(function, method=False)


_triangle("tril_indices", False)
_triangle("triu_indices", True)


@public(method=False)
def constant_pad_nd(input: Any, pad: Any, value: Any = 0) -> Any:
    """The input with numbers ``value`` before and behind its last dimensions; see :func:`nnlite.nn.functional.pad`."""
    return _pad(input, pad, "constant", value)


# ---------------------------------------------------------------------------------------------------------------------
# Repeated and marked


@public
def repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Any:
    """Each slice along ``dim`` (each element of the flattened input without it) ``repeats`` times in succession.

    With one argument, a vector of counts: the positions 0, 1, ..., each as often as its count says.

    Args:
        repeats: an integer, or a vector of one for each slice.
        output_size: the sum of the counts, which otherwise has to be read from the device.

    Raises:
        RuntimeError: a count is negative, or there are not as many as slices.

    Example:
        >>> import nnlite
        >>> nnlite.repeat_interleave(nnlite.tensor([7, 8]), nnlite.tensor([1, 2]))
        tensor([7, 8, 8])
    """
    if repeats is None:
        return wrap(_times(input, output_size))
    if not isinstance(input, TensorBase):
        raise not_a_tensor("repeat_interleave", 0, input)
    if dim is None:
        input, dim = reshape(input, -1), 0
    axis = axis_of(dim, input._a.ndim)
    if not input._a.ndim:
        return reshape(repeat_interleave(reshape(input, 1), repeats, 0, output_size=output_size), -1)
    if isinstance(repeats, TensorBase) and repeats._a.size == 1 and repeats._a.ndim <= 1 and output_size is None:
        repeats = int(repeats.item())
    if isinstance(repeats, TensorBase):
        check_same_device("repeat_interleave", (input._a, repeats._a))
        counts = expand(reshape(repeats, -1), input._a.shape[axis]) if repeats._a.size == 1 else repeats
        if counts._a.ndim > 1:
            raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
        if counts._a.size != input._a.shape[axis]:
            raise RuntimeError("repeats must have the same size as input along dim")
        return input.index_select(axis, wrap(_times(counts, output_size)))
    count = operator.index(repeats)
    if count < 0:
        raise RuntimeError(f"Repeats must be non-negative, got {count}")
    shape = input._a.shape
    if output_size is not None and output_size != shape[axis] * count:
        raise RuntimeError(
            f"repeat_interleave: Invalid output_size, expected {shape[axis] * count} but got {output_size}"
        )
    spread = expand(unsqueeze(input, axis + 1), (*shape[: axis + 1], count, *shape[axis + 1 :]))
    return reshape(spread.clone(), (*shape[:axis], shape[axis] * count, *shape[axis + 1 :]))


def _times(repeats: Any, output_size: int | None) -> Any:
    """The positions 0, 1, ..., each as often as ``repeats`` says, as a raw array."""
    counts = repeats._a
    if counts.ndim != 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    if counts.dtype.name not in ("int32", "int64"):
        raise RuntimeError("repeats has to be Long or Int tensor")
    backend = backend_of(counts)
    xp, n = backend.xp, counts.shape[0]
    if n:
        backend.check_index(counts, 1 << 62, "repeat_interleave", RuntimeError, low=0)
    if output_size is None:
        backend.to_scalar(counts.sum())  # the size of the result has to be known: so a wrong count is reported here
        return xp.repeat(xp.arange(n, dtype=counts.dtype), counts)
    places = xp.searchsorted(xp.cumsum(counts, axis=0), xp.arange(output_size), side="right")
    return places.astype(counts.dtype)


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """Integers as rows of zeros with a 1 at their number.

    Args:
        num_classes: the length of the rows; one more than the largest number unless given, which has to be read from
            the device.

    Shape: (*) gives (*, num_classes), int64.

    Raises:
        RuntimeError: a number is negative or not less than ``num_classes``, or ``tensor`` is not int64.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.one_hot(nnlite.tensor([2, 0]))
        tensor([[0, 0, 1],
                [1, 0, 0]])
    """
    if not isinstance(tensor, TensorBase):
        raise not_a_tensor("one_hot", 0, tensor)
    a = tensor._a
    if a.dtype.name != "int64":
        raise RuntimeError(f"one_hot is only applicable to index tensor of type LongTensor, got {tensor.dtype}")
    if not a.size and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if num_classes == 0 or num_classes < -1:
        raise RuntimeError(f"num_classes should be positive, got {num_classes}")
    backend = backend_of(a)
    classes = int(backend.to_scalar(a.max())) + 1 if num_classes == -1 else num_classes
    backend.check_index(a, max(classes, 1), "one_hot", RuntimeError, low=0)
    return wrap((a[..., None] == backend.xp.arange(classes)).astype("int64"))


# ---------------------------------------------------------------------------------------------------------------------
# Parts replaced


def _replaced(name: str, input: Any, src: Any, part: Callable[[Any], Any]) -> Any:
    if not isinstance(src, TensorBase):
        raise not_a_tensor(name, 1, src)
    return replaced(input, src, part)


@public
def select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """A copy of the input with ``src`` in place of its slice ``index`` along ``dim``.

    Raises:
        IndexError: there is no such slice. RuntimeError: ``src`` has not its shape.

    Example:
        >>> import nnlite
        >>> nnlite.select_scatter(nnlite.zeros(2, 2), nnlite.ones(2), 0, 1)
        tensor([[0., 0.],
                [1., 1.]])
    """
    return _replaced("select_scatter", input, src, lambda x: select(x, dim, index))


@public
def slice_scatter(
    input: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    """A copy of the input with ``src`` in place of its slices ``start`` to ``end`` by ``step`` along ``dim``.

    Raises:
        RuntimeError: ``src`` has not the shape of the slices, or ``step`` is not positive.
    """
    return _replaced("slice_scatter", input, src, lambda x: _slices(x, dim, start, end, step))


def _slices(input: Any, dim: int, start: int | None, end: int | None, step: int) -> Any:
    if not input._a.ndim:
        raise RuntimeError("slice() cannot be applied to a 0-dim tensor.")
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    return input[(slice(None),) * axis_of(dim, input._a.ndim) + (slice(start, end, step),)]


@public(method=False)
def slice_copy(input: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Any:
    """A copy of the slices ``start`` to ``end`` by ``step`` along ``dim``."""
    return _slices(input, dim, start, end, step).clone()


@public
def slice_inverse(
    input: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    """The part of ``src`` that lies over ``input``: what ``slice`` of ``src`` gives if ``input`` is a slice of it."""
    return _slices(src, dim, start, end, step)
