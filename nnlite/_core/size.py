"""``Size``: the shape of a tensor, a tuple of ints that stays a ``Size`` when it is sliced, joined or repeated."""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import index
from typing import Any, SupportsIndex, overload


class Size(tuple[int, ...]):
    """The shape of a tensor.

    Equal to, and hashed as, the tuple of the same numbers. Code that has a tuple of ints already (the ``shape`` of an
    array) makes a Size of it with ``tuple.__new__(Size, shape)``, which skips the check of the items.

    Args:
        sizes: the sizes of the dimensions, each an int or something that can be used as an index (``np.int64``, an
            integer tensor of one element).

    Raises:
        TypeError: an item is not an integer.

    Example:
        >>> import nnlite
        >>> size = nnlite.Size([2, 3])
        >>> size, size.numel(), size[:1], (1,) + size
        (torch.Size([2, 3]), 6, torch.Size([2]), torch.Size([1, 2, 3]))
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[SupportsIndex] = (), /) -> Size:
        sizes = tuple(sizes)
        try:
            return tuple.__new__(cls, map(index, sizes))
        except (TypeError, ValueError):
            raise _not_an_int(sizes) from None

    def numel(self) -> int:
        """The number of elements of a tensor of this shape: the product of the sizes, 1 for an empty Size.

        Example:
            >>> import nnlite
            >>> nnlite.Size([2, 3, 4]).numel()
            24
        """
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: slice, /) -> Size: ...
    def __getitem__(self, key: SupportsIndex | slice, /) -> int | Size:
        if type(key) is slice:
            return tuple.__new__(Size, tuple.__getitem__(self, key))
        return tuple.__getitem__(self, key)

    def __add__(self, other: Any) -> Size:
        if not isinstance(other, tuple):
            raise TypeError(f"can only concatenate tuple (not {type(other).__name__}) to torch.Size")
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: Any) -> Size:
        # Python asks here first: tuple + Size, where the right operand's class is a subclass of the left one's.
        if not isinstance(other, tuple):
            return NotImplemented
        return Size(tuple.__add__(other, self))

    def __mul__(self, times: SupportsIndex) -> Size:
        return tuple.__new__(Size, tuple(self) * times)

    __rmul__ = __mul__

    def __reduce__(self) -> tuple[Any, ...]:
        return Size, (tuple(self),)


def _not_an_int(sizes: tuple[Any, ...]) -> TypeError:
    for position, item in enumerate(sizes):
        try:
            index(item)
        except (TypeError, ValueError):
            kind = type(item).__name__
            return TypeError(f"torch.Size() takes an iterable of 'int' (item {position} is '{kind}')")
    return TypeError("torch.Size() takes an iterable of 'int'")
