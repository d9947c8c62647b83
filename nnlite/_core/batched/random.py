"""Random numbers inside ``vmap``: none, the same for all examples, or different ones."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import rng
from .array import BatchedArray, make, namespace_of
from .levels import levels_that_draw, running


def _for_examples(draw: Callable[..., Any], place: int) -> Callable[..., Any]:
    """A function that draws numbers of the shape at ``place`` of its arguments, with numbers for each example."""

    @functools.wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> Any:
        if not running.stack or running.drawing:
            return draw(*args, **kwargs)
        levels = levels_that_draw()
        args = tuple(_unbatched(a) for a in args)
        shape = (*(level.size for level in reversed(levels)), *args[place])
        running.drawing = True
        try:
            a = draw(*args[:place], shape, *args[place + 1 :], **kwargs)
        finally:
            running.drawing = False
        for level in levels:
            a = make(level, a)
        return a

    return drawn


def _unbatched(value: Any) -> Any:
    """An array that tells where to draw, without its batch."""
    while isinstance(value, BatchedArray):
        value = value.raw
    return value


def _permutations(draw: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(draw)
    def drawn(n: int, where: Any, generator: Any = None) -> Any:
        if not running.stack:
            return draw(n, where, generator)

        def rows(levels: list[Any]) -> Any:
            if not levels:
                return draw(n, where, generator)
            parts = [rows(levels[:-1]) for _ in range(levels[-1].size)]
            return make(levels[-1], namespace_of(*parts).stack(parts))

        return rows(levels_that_draw())

    return drawn


for _name, _place in (("uniform", 0), ("normal", 0), ("exponential", 0), ("mask", 0), ("below", 0), ("integers", 2)):
    setattr(rng, _name, _for_examples(getattr(rng, _name), _place))
rng.permutation = _permutations(rng.permutation)
