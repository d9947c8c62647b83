"""Sequences of unequal lengths: padded to one length, or packed without padding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ...creation import as_tensor, empty_like, from_numpy, full
from ...ops.shape.views import cat, reshape
from ...tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _Fields(NamedTuple):
    data: Any
    batch_sizes: Any
    sorted_indices: Any
    unsorted_indices: Any


class PackedSequence(_Fields):
    """Sequences of unequal lengths without padding, which all recurrent modules take.

    ``data`` holds what all sequences have at the first step, then what those that have a second step have there, and so
    on, the longest sequence first; ``batch_sizes`` says how many that are at each step. Made by
    `pack_padded_sequence` and `pack_sequence`.

    Attributes:
        data: of shape (rows, *), on any device.
        batch_sizes: int64 on the CPU, one number for each step.
        sorted_indices: which sequence of the batch is the i-th longest; None where they came sorted.
        unsorted_indices: the inverse of ``sorted_indices``.

    Example:
        >>> import nnlite
        >>> from nnlite.nn.utils.rnn import pack_sequence
        >>> pack_sequence([nnlite.tensor([1, 2, 3]), nnlite.tensor([4])]).batch_sizes
        tensor([2, 1, 1])
    """

    __slots__ = ()

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None
    ) -> PackedSequence:
        if batch_sizes is None:
            data, batch_sizes = data
        if batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually; "
                "pack_sequence and pack_padded_sequence make them"
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data: Any) -> PackedSequence:
        if data is self.data:
            return self
        order, back = (None if i is None else i.to(data.device) for i in (self.sorted_indices, self.unsorted_indices))
        return type(self)(data, self.batch_sizes, order, back)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same on another device or in another dtype; see `Tensor.to`."""
        return self._with(self.data.to(*args, **kwargs))

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same on a GPU."""
        return self._with(self.data.cuda(*args, **kwargs))

    def cpu(self) -> PackedSequence:
        """The same on the CPU."""
        return self._with(self.data.cpu())

    def pin_memory(self) -> PackedSequence:
        """The same with the data in pinned memory."""
        return self._with(self.data.pin_memory())

    def double(self) -> PackedSequence:
        """The same in float64."""
        return self._with(self.data.double())

    def float(self) -> PackedSequence:
        """The same in float32."""
        return self._with(self.data.float())

    def half(self) -> PackedSequence:
        """The same in float16."""
        return self._with(self.data.half())

    def long(self) -> PackedSequence:
        """The same in int64."""
        return self._with(self.data.long())

    def int(self) -> PackedSequence:
        """The same in int32."""
        return self._with(self.data.int())

    def short(self) -> PackedSequence:
        """The same in int16."""
        return self._with(self.data.short())

    def char(self) -> PackedSequence:
        """The same in int8."""
        return self._with(self.data.char())

    def byte(self) -> PackedSequence:
        """The same in uint8."""
        return self._with(self.data.byte())

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a GPU."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the data is in pinned memory."""
        return self.data.is_pinned()


def invert_permutation(permutation: Any) -> Any:
    """The inverse of a permutation: ``inverse[permutation[i]] = i``. None for None.

    Example:
        >>> import nnlite
        >>> nnlite.nn.utils.rnn.invert_permutation(nnlite.tensor([2, 0, 1]))
        tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    inverse = empty_like(permutation)
    inverse[permutation] = from_numpy(np.arange(len(permutation))).to(permutation.device)
    return inverse


def _rows(lengths: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The step and the sequence of each row of packed data, for lengths in descending order."""
    steps = np.repeat(np.arange(len(sizes)), sizes)
    starts = np.cumsum(sizes) - sizes
    return steps, np.arange(len(steps)) - starts[steps]


def _on(index: np.ndarray, like: Any) -> Any:
    return from_numpy(np.ascontiguousarray(index, dtype=np.int64)).to(like.device)


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Leave out the padding of sequences that were padded to one length.

    Args:
        input: (time, batch, *), or (batch, time, *) with ``batch_first``.
        lengths: the length of each sequence: a list, or a tensor on the CPU.
        enforce_sorted: the sequences have to come longest first; without it they are put into that order.

    Raises:
        RuntimeError: a length is not in 1..time, there are not as many lengths as sequences, the sequences are not
            sorted although ``enforce_sorted``, or ``lengths`` is on another device.

    Example:
        >>> import nnlite
        >>> padded = nnlite.tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6]])
        >>> nnlite.nn.utils.rnn.pack_padded_sequence(padded, [2, 1, 3], batch_first=True, enforce_sorted=False).data
        tensor([4, 1, 3, 5, 2, 6])
    """
    if isinstance(lengths, Tensor) and lengths.device.type != "cpu":
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got 1D {lengths.device} {lengths.dtype} tensor"
        )
    size = np.asarray(as_tensor(lengths).numpy(), np.int64)
    batch_axis = 0 if batch_first else 1
    batch, time = input.shape[batch_axis], input.shape[1 - batch_axis]
    if size.shape != (batch,):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {size.size} (batch_size={batch})"
        )
    order = None
    if not enforce_sorted:
        order = np.argsort(-size, kind="stable")
        size = size[order]
    _check_lengths(size, time)
    sizes = (size[None, :] > np.arange(size[0])[:, None]).sum(1)
    steps, sequences = _rows(size, sizes)
    if order is not None:
        sequences = order[sequences]
    place = sequences * time + steps if batch_first else steps * batch + sequences
    data = reshape(input, -1, *input.shape[2:]).index_select(0, _on(place, input))
    return PackedSequence(data, from_numpy(sizes), None if order is None else _on(order, input))


def _check_lengths(size: np.ndarray, time: int) -> None:
    if not len(size) or size[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if (np.diff(size) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement"
        )
    if size[0] > time:
        raise RuntimeError(f"Expected `lengths` of at most {time} steps, but got {size[0]}")


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Any, Any]:
    """The inverse of `pack_padded_sequence`: ``(padded sequences, lengths)`` in the batch's order.

    Args:
        padding_value: what stands after the end of a sequence.
        total_length: the number of steps of the result, at least those of the longest sequence.

    Raises:
        ValueError: ``total_length`` is less than the longest sequence.

    Example:
        >>> import nnlite
        >>> from nnlite.nn.utils.rnn import pack_sequence, pad_packed_sequence
        >>> pad_packed_sequence(pack_sequence([nnlite.tensor([1, 2]), nnlite.tensor([3])]), batch_first=True)
        (tensor([[1, 2],
                [3, 0]]), tensor([2, 1]))
    """
    data = sequence.data
    sizes = sequence.batch_sizes.numpy()
    time = len(sizes)
    if total_length is not None:
        if total_length < time:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {time}"
            )
        time = total_length
    lengths = (np.arange(sizes[0])[:, None] < sizes[None, :]).sum(1)
    steps, rows = _rows(lengths, sizes)
    place = np.full((sizes[0], time), len(steps))
    place[rows, steps] = np.arange(len(steps))
    if sequence.unsorted_indices is not None:
        back = sequence.unsorted_indices.cpu().numpy()
        place, lengths = place[back], lengths[back]
    if not batch_first:
        place = place.T
    padding = full((1, *data.shape[1:]), padding_value, dtype=data.dtype, device=data.device)
    out = cat([data, padding]).index_select(0, _on(place.reshape(-1), data))
    return reshape(out, *place.shape, *data.shape[1:]), from_numpy(lengths)


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Any:
    """Stack sequences of unequal lengths, with padding.

    Args:
        sequences: tensors of shape (length, *).
        padding_side: ``"right"`` or ``"left"`` of each sequence.

    Shape: the result is (time, batch, *), or (batch, time, *) with ``batch_first``.

    Raises:
        RuntimeError: not a list of tensors, none, another ``padding_side``, or unequal sizes after the first.

    Example:
        >>> import nnlite
        >>> nnlite.nn.utils.rnn.pad_sequence([nnlite.tensor([1, 2]), nnlite.tensor([3])], batch_first=True)
        tensor([[1, 2],
                [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    given = tuple(sequences)
    if not given:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    rest, first = given[0].shape[1:], given[0]
    for each in given:
        if each.shape[1:] != rest:
            raise RuntimeError(
                f"The size of tensor a {tuple(rest)} must match the size of tensor b {tuple(each.shape[1:])}: "
                "sequences may differ in their first dimension only"
            )
    lengths = np.array([len(each) for each in given])
    time, total = int(lengths.max()), int(lengths.sum())
    steps = np.arange(time) - (time - lengths[:, None] if padding_side == "left" else 0)
    place = np.where((steps >= 0) & (steps < lengths[:, None]), (np.cumsum(lengths) - lengths)[:, None] + steps, total)
    if not batch_first:
        place = place.T
    padding = full((1, *rest), padding_value, dtype=first.dtype, device=first.device)
    out = cat([*given, padding]).index_select(0, _on(place.reshape(-1), first))
    return reshape(out, *place.shape, *rest)


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """The sequences of a padded batch, as a list.

    Example:
        >>> import nnlite
        >>> nnlite.nn.utils.rnn.unpad_sequence(nnlite.tensor([[1, 2], [3, 0]]), nnlite.tensor([2, 1]), batch_first=True)
        [tensor([1, 2]), tensor([3])]
    """
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [each[:length] for each, length in zip(padded_sequences, as_tensor(lengths).tolist(), strict=True)]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences of unequal lengths; see `pack_padded_sequence`.

    Example:
        >>> import nnlite
        >>> a, b = nnlite.tensor([1, 2, 3]), nnlite.tensor([4, 5])
        >>> nnlite.nn.utils.rnn.pack_sequence([a, b])
        PackedSequence(data=tensor([1, 4, 2, 5, 3]), batch_sizes=tensor([2, 2, 1]), sorted_indices=None, \
unsorted_indices=None)
    """
    lengths = [len(each) for each in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Any]:
    """The inverse of `pack_sequence`: a list of sequences in the batch's order.

    Example:
        >>> import nnlite
        >>> from nnlite.nn.utils.rnn import pack_sequence, unpack_sequence
        >>> unpack_sequence(pack_sequence([nnlite.tensor([1, 2]), nnlite.tensor([3])]))
        [tensor([1, 2]), tensor([3])]
    """
    return unpad_sequence(*pad_packed_sequence(packed_sequences, batch_first=True), batch_first=True)
