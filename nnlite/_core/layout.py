"""Memory formats and layouts: the names by which PyTorch's functions say how elements lie in memory."""

from __future__ import annotations

from typing import Any


class memory_format:
    """How the elements of a tensor lie in memory: in order, with the channels last, or as in another tensor."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"torch.{self._name}"

    def __reduce__(self) -> str:
        return self._name


class layout(memory_format):
    """Whether all elements are stored, which ``strided`` says; the others are there to be compared with."""


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")
strided = layout("strided")
sparse_coo = layout("sparse_coo")
sparse_csr = layout("sparse_csr")
sparse_csc = layout("sparse_csc")
sparse_bsr = layout("sparse_bsr")
sparse_bsc = layout("sparse_bsc")

_DIMENSIONS = {channels_last: 4, channels_last_3d: 5}


def axes_of_format(wanted: Any, ndim: int) -> tuple[int, ...] | None:
    """The order of axes in memory that a format asks for, None for that of the axes themselves.

    Raises:
        RuntimeError: the format is for another number of dimensions.
    """
    if wanted not in _DIMENSIONS:
        return None
    if ndim != _DIMENSIONS[wanted]:
        raise RuntimeError(f"required rank {_DIMENSIONS[wanted]} tensor to use {str(wanted)[6:]} format")
    return (0, *range(2, ndim), 1)


def in_format(array: Any, wanted: Any) -> bool:
    """Whether the elements of a raw array lie as a format asks."""
    axes = axes_of_format(wanted, array.ndim)
    return bool((array if axes is None else array.transpose(axes)).flags.c_contiguous)


def copied_to_format(xp: Any, array: Any, wanted: Any) -> Any:
    """A copy of a raw array whose elements lie as a format asks; ``preserve_format`` and None keep their order."""
    if wanted is None or wanted is preserve_format:
        return xp.array(array, order="K")
    axes = axes_of_format(wanted, array.ndim)
    if axes is None:
        return xp.array(array, order="C")
    inverse = sorted(range(array.ndim), key=axes.__getitem__)
    return xp.array(array.transpose(axes), order="C").transpose(inverse)
