"""Rows of a table by number, added up in bags."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..._core.grad_mode import no_grad
from ..._core.tensor_base import wrap
from ...backends import backend_of
from ..order.counting import searchsorted
from .table import embedding

MODES = ("sum", "mean", "max")


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """The sum, mean or maximum of rows of ``weight``, for each bag of numbers.

    Args:
        input: numbers of rows, int64 or int32: a matrix with a bag in each row, or a vector.
        weight: the table.
        offsets: for a vector, where each bag begins; the last one ends where the vector does.
        max_norm: rows that are looked up and have a larger norm are scaled down to it first, in ``weight`` itself.
        norm_type: the p of the p-norm for ``max_norm``.
        scale_grad_by_freq: the gradient of a row is divided by how often ``input`` has its number.
        mode: ``"sum"``, ``"mean"`` or ``"max"``.
        sparse: accepted; there are no sparse tensors here, so the gradient is dense all the same.
        per_sample_weights: factors of the rows, of the shape of ``input``; for ``"sum"`` only.
        include_last_offset: ``offsets`` has one more element, the end of the last bag.
        padding_idx: this row is passed over, also in the count of a mean.

    Shape: input (B, N), or (N) with offsets (B); weight (rows, features); the result is (B, features), with zeros for
    empty bags.

    Raises:
        ValueError: an argument has the wrong shape, or two do not go together.
        RuntimeError: there is no such row, or the offsets do not begin with 0 or go beyond the input.
        NotImplementedError: ``per_sample_weights`` in another mode than ``"sum"``.

    Example:
        >>> import nnlite
        >>> table = nnlite.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        >>> numbers, offsets = nnlite.tensor([0, 1, 2, 2]), nnlite.tensor([0, 3])
        >>> nnlite.nn.functional.embedding_bag(numbers, table, offsets, mode="sum")
        tensor([[ 9., 12.],
                [ 5.,  6.]])
    """
    _check_arguments(input, weight, offsets, mode, scale_grad_by_freq, sparse, per_sample_weights)
    padding_idx = _padding(padding_idx, weight.shape[0])
    numbers = input.reshape(-1)
    bags = _bags(input, offsets, include_last_offset, padding_idx is not None)
    try:
        rows = embedding(numbers, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)
    except IndexError:
        raise _no_such_row(numbers._a, weight.shape[0]) from None
    kept = None if padding_idx is None else (numbers != padding_idx).unsqueeze(1)
    if mode == "max":
        return _largest(rows, kept, bags)
    if rows.dtype.itemsize == 2:
        rows = rows.float()  # 16-bit sums would round at every step
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    total = _sums(rows if kept is None else rows * kept, bags)
    if mode == "mean":
        total = total / _sizes(rows, kept, bags)
    return total.to(weight.dtype)


def _padding(number: int | None, rows: int) -> int | None:
    """The number of the row that is passed over, from 0 on."""
    if number is None:
        return None
    if not -rows <= number < rows:
        raise RuntimeError(f"padding_idx must be within the number of embeddings, but got {number} of {rows}")
    return number % rows


class _Bags(NamedTuple):
    """Which elements are in which bag."""

    total: int
    length: int
    """Of each bag, where all have one length and are not empty; else 0."""
    which: Any
    """The number of the bag of each element; None where the length says it."""


def _bags(input: Any, offsets: Any, include_last_offset: bool, padded: bool) -> _Bags:
    if input.dim() != 2:
        which, count = _bag_of_each(input, offsets, include_last_offset)
        return _Bags(count, 0, which)
    count, length = input.shape
    if length and not padded:  # all rows count: the numbers of the bags are not needed
        return _Bags(count, length, None)
    return _Bags(count, length, _count(count, input).repeat_interleave(length, output_size=count * length))


def _sums(rows: Any, bags: _Bags) -> Any:
    if bags.length:
        return rows.reshape(bags.total, bags.length, -1).sum(1)
    return rows.new_zeros((bags.total, rows.shape[1])).index_add(0, bags.which, rows)


def _sizes(rows: Any, kept: Any, bags: _Bags) -> Any:
    """How many rows count in each bag, at least 1."""
    if bags.length and kept is None:
        return bags.length
    one = rows.new_ones((rows.shape[0], 1)) if kept is None else kept.to(rows.dtype)
    return rows.new_zeros((bags.total, 1)).index_add(0, bags.which, one).clamp(min=1)


def _bag_of_each(input: Any, offsets: Any, include_last_offset: bool) -> tuple[Any, int]:
    """The number of the bag of each element, and how many bags there are."""
    count = input.shape[0]
    if include_last_offset and offsets.shape[0] < 1:
        raise RuntimeError("embedding_bag: include_last_offset: number of offsets should be at least 1")
    if backend_of(offsets._a).checks_indices and offsets.numel():
        first, last = int(offsets[0]), int(offsets[-1])
        if first != 0:
            raise RuntimeError(
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
                f"However, got {first}"
            )
        if last > count:
            raise RuntimeError(
                f"offsets[-1] can not be greater than input's length({count}) but got offsets[-1] of {last}"
            )
    starts = offsets[:-1] if include_last_offset else offsets
    return searchsorted(starts, _count(count, input), right=True) - 1, starts.shape[0]


def _no_such_row(numbers: Any, rows: int) -> RuntimeError:
    place = int(((numbers < 0) | (numbers >= rows)).argmax())
    return RuntimeError(
        f"Index {place} of input takes value {numbers[place]} which is not in the valid range [0, {rows})"
    )


def _count(n: int, like: Any) -> Any:
    """0 to n - 1, int64, on the device of ``like``."""
    return wrap(backend_of(like._a).xp.arange(n, dtype="int64"))


def _largest(looked_up: Any, kept: Any, bags: _Bags) -> Any:
    """For each bag and feature the largest value, of the first element that has it; 0 for an empty bag."""
    count, features = looked_up.shape
    if bags.length and kept is None:
        return looked_up.reshape(bags.total, bags.length, -1).max(1).values
    if not count:
        return looked_up.new_zeros((bags.total, features)) + looked_up.sum()
    which, shape = bags.which, (bags.total, features)
    with no_grad():
        values = looked_up.detach()
        if kept is not None:
            values = values.masked_fill(~kept, float("-inf"))
        places = which.unsqueeze(1).expand(count, features)
        top = values.new_full(shape, float("-inf")).scatter_reduce(0, places, values, "amax")
        order = _count(count, which).unsqueeze(1)
        is_top = values == top.index_select(0, which)
        if kept is not None:
            is_top = is_top & kept
        candidates = order.where(is_top, count)
        first = candidates.new_full(shape, count).scatter_reduce(0, places, candidates, "amin")
        empty = first == count
    return looked_up.gather(0, first.clamp(max=count - 1)).masked_fill(empty, 0)


def _check_arguments(
    input: Any, weight: Any, offsets: Any, mode: str, by_frequency: bool, sparse: bool, factors: Any
) -> None:
    if factors is not None and input.shape != factors.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({factors.shape}) is not None, then it must have the same shape as "
            f"the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of type {type(offsets)}"
            )
    elif input.dim() != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    elif offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    elif offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if mode not in MODES:
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and by_frequency:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if factors is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None, but per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}'); multiply the rows of nn.functional.embedding yourself"
        )
