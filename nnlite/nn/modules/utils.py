"""Helpers for the arguments of layers, and for states of wrapped models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import Any

__all__ = ["consume_prefix_in_state_dict_if_present"]


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    """A function that makes ``n`` values of one, and a tuple of what is several already."""

    def parse(x: Any) -> tuple[Any, ...]:
        return tuple(x) if isinstance(x, Iterable) else tuple(repeat(x, n))

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: tuple[Any, ...], n: int) -> tuple[Any, ...]:
    """The elements from the last to the first, each ``n`` times."""
    return tuple(x for x in reversed(t) for _ in range(n))


def _list_with_default(out_size: Any, defaults: list[int]) -> Any:
    """The sizes, with those that are None taken from the end of ``defaults``."""
    if isinstance(out_size, int):
        return out_size
    if len(defaults) <= len(out_size):
        raise ValueError(f"Input dimension should be at least {len(out_size) + 1}")
    return [v if v is not None else d for v, d in zip(out_size, defaults[-len(out_size) :], strict=True)]


def _pairs_of(title: str, pairs: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """The pairs that ``update`` of a dictionary is given, each looked at when it is its turn.

    Raises:
        TypeError: one cannot be gone through. ValueError: one has another length than 2.
    """
    for position, pair in enumerate(pairs):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{title} update sequence element #{position} should be Iterable; is {type(pair).__name__}")
        entry: list[Any] = list(pair)
        if len(entry) != 2:
            raise ValueError(f"{title} update sequence element #{position} has length {len(entry)}; 2 is required")
        yield entry[0], entry[1]


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Take a prefix off the names of a state, in place: ``"module."``, say, which wrappers put there.

    Example:
        >>> import nnlite
        >>> state = {"module.weight": nnlite.ones(1)}
        >>> nnlite.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
        >>> list(state)
        ['weight']
    """
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    for key in list(metadata or ()):
        if key == prefix.replace(".", "") or key.startswith(prefix):
            # The metadata of the wrapped module stands under the prefix without its dot, that of the wrapper under "".
            metadata[key[len(prefix) :]] = metadata.pop(key)  # type: ignore[index, union-attr]
