"""The calls of ``vmap`` that are running, and what they say about random numbers."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator
from typing import Any

from ..node import next_seq

_ids = itertools.count(1).__next__


class Level:
    """One call of ``vmap``.

    Attributes:
        id: falls from inner to outer calls; an array of a higher level holds arrays of lower ones.
        size: the number of examples.
        start: nodes with a smaller creation number were made outside, where there is one value for all examples.
        randomness: ``"error"``, ``"same"`` or ``"different"``.
        active: whether the call is still running.
    """

    __slots__ = ("active", "id", "randomness", "size", "start")

    def __init__(self, size: int, randomness: str = "error") -> None:
        self.id = _ids()
        self.size = size
        self.start = next_seq()
        self.randomness = randomness
        self.active = False

    def __enter__(self) -> Level:
        self.active = True
        running.stack.append(self)
        return self

    def __exit__(self, *exc: Any) -> None:
        self.active = False
        running.stack.remove(self)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Outside this level for a while, for code that sees the whole batch."""
        place = running.stack.index(self)
        del running.stack[place]
        try:
            yield
        finally:
            running.stack.insert(place, self)


class _Running(threading.local):
    def __init__(self) -> None:
        self.stack: list[Level] = []
        # The levels of the operands of the operation whose body is running; new buffers in it belong to them.
        self.buffers: tuple[Level, ...] = ()
        self.drawing = False  # inside a random function, which may call others


running = _Running()


class VmapError(RuntimeError):
    """A thing that cannot be done to all examples at once."""


def refuse_item(*args: Any, **kwargs: Any) -> Any:
    """Raise for a value that Python would have to see."""
    raise VmapError(
        "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a "
        "Tensor, please try to rewrite what you're doing with other operations (nnlite.where, masks)."
    )


def refuse_branch(*args: Any) -> Any:
    """Raise for a condition that differs between examples."""
    raise VmapError(
        "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support "
        "that yet; write it with nnlite.where."
    )


class HostArray(VmapError, TypeError):
    """NumPy would have to see the values of an example."""


class DynamicShape(VmapError):
    """The shape of a result depends on values, so that the examples cannot stand in one array."""


def dynamic(name: str) -> DynamicShape:
    """The error for a result whose shape depends on values."""
    return DynamicShape(
        "vmap: We do not support batching operators that can output dynamic shape. "
        f"Attempted to vmap over {name}; use nnlite.where, or masks multiplied in."
    )


RANDOM = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
    "randomness flags on vmap or perform the randomness operation out of vmap"
)


def levels_that_draw() -> list[Level]:
    """The running levels whose examples get different random numbers, outermost first.

    Raises:
        VmapError: one of them forbids random numbers.
    """
    if any(level.randomness == "error" for level in running.stack):
        raise VmapError(RANDOM)
    return [level for level in running.stack if level.randomness == "different"]
