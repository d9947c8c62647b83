"""Rows of a table by number, added up in bags."""

from __future__ import annotations

from typing import Any

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
    if padding_idx is not None:
        rows = weight.shape[0]
        if not -rows <= padding_idx < rows:
            raise RuntimeError(f"padding_idx must be within the number of embeddings, but got {padding_idx} of {rows}")
        padding_idx %= rows
    if input.dim() == 2:
        bags, length = input.shape
        which = None  # bags of one size, all of whose rows count, need no numbers of bags
        if not length or padding_idx is not None:
            which = _count(bags, input).repeat_interleave(length, output_size=bags * length)
    else:
        which, bags = _bag_of_each(input, offsets, include_last_offset)
    numbers = input.reshape(-1)
    try:
        looked_up = embedding(numbers, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)
    except IndexError:
        raise _no_such_row(numbers._a, weight.shape[0]) from None
    kept = None if padding_idx is None else (numbers != padding_idx).unsqueeze(1)
    equal = input.dim() == 2 and input.shape[1] > 0  # bags of one size need no scattering
    if mode == "max" and equal and kept is None:
        return looked_up.reshape(bags, input.shape[1], -1).max(1).values
    if mode == "max":
        return _largest(looked_up, kept, which, bags)
    kind = weight.dtype
    if kind.itemsize == 2:
        looked_up = looked_up.float()  # 16-bit sums would round at every step
    if per_sample_weights is not None:
        looked_up = looked_up * per_sample_weights.reshape(-1, 1)
    if kept is not None:
        looked_up = looked_up * kept
    if equal:
        total = looked_up.reshape(bags, input.shape[1], -1).sum(1)
    else:
        total = looked_up.new_zeros((bags, weight.shape[1])).index_add(0, which, looked_up)
    if mode == "mean" and equal and kept is None:
        total = total / input.shape[1]
    elif mode == "mean":
        one = looked_up.new_ones((numbers.numel(), 1)) if kept is None else kept.to(looked_up.dtype)
        counts = looked_up.new_zeros((bags, 1)).index_add(0, which, one)
        total = total / counts.clamp(min=1)
    return total.to(kind)


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


def _largest(looked_up: Any, kept: Any, which: Any, bags: int) -> Any:
    """For each bag and feature the largest value, of the first element that has it; 0 for an empty bag."""
    count, features = looked_up.shape
    if not count:
        return looked_up.new_zeros((bags, features)) + looked_up.sum()
    with no_grad():
        values = looked_up.detach()
        if kept is not None:
            values = values.masked_fill(~kept, float("-inf"))
        places = which.unsqueeze(1).expand(count, features)
        top = values.new_full((bags, features), float("-inf")).scatter_reduce(0, places, values, "amax")
        order = _count(count, which).unsqueeze(1)
        is_top = values == top.index_select(0, which)
        if kept is not None:
            is_top = is_top & kept
        candidates = order.where(is_top, count)
        first = candidates.new_full((bags, features), count).scatter_reduce(0, places, candidates, "amin")
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
