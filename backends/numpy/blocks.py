"""Work on long arrays in blocks that stay in the processor's cache from one pass to the next, shared out to threads.

NumPy lets go of the interpreter while it works on an array. Two threads that do so take turns with it for a
microsecond each between two calls, and where one waits for the other, being woken takes longer than a call on a small
block: with blocks of 16,384 float32 two threads take longer than one, with blocks of 131,072 half the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .threads import count, share

BLOCK, SHARED_BLOCK = 1 << 16, 1 << 17
"""Elements of a block, for one thread and for several."""

GRAIN = 1 << 15
"""Elements that are worth a thread, of a formula of some ten passes."""


def each_block(size: int, body: Callable[[slice], Any], grain: int = GRAIN) -> None:
    """Call ``body(part)`` for slices that cover ``size`` elements."""

    step = BLOCK if count() == 1 else SHARED_BLOCK

    def run(start: int, stop: int) -> None:
        for at in range(start, stop, step):
            body(slice(at, min(at + step, stop)))

    share(size, run, grain)
