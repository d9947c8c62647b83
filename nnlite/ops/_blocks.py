"""Work on large arrays in blocks that stay in the processor's cache from one pass to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def blocks(xp: Any, count: int, nbytes: int) -> Iterator[slice]:
    """Slices of ``count`` things of ``nbytes`` each: as many as fit the cache at a time, or all on other devices."""
    cache = getattr(xp, "cache_bytes", None)
    size = count if cache is None else max(1, cache // max(nbytes, 1))
    return (slice(at, min(at + size, count)) for at in range(0, count, max(size, 1)))


def each_block(xp: Any, count: int, nbytes: int, body: Callable[[slice], Any]) -> None:
    """Call ``body(part)`` for each of ``blocks``, in several threads where a device works with threads.

    The parts have to be independent of one another, and expensive: ten passes or so over each.
    """
    share = getattr(type(xp), "each_block", None)  # of the namespace itself: what wraps it may keep state in a thread
    if share is not None:
        share(count, body)
        return
    for part in blocks(xp, count, nbytes):
        body(part)
