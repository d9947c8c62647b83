"""Counts the times the host has to wait for the device, and can forbid them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..capture import refuse_wait


class DeviceSynchronizedError(RuntimeError):
    """The host asked for a value of the device where ``forbid_synchronize`` forbids it."""


class SyncCounter:
    """How often the host waited for the device since the last ``reset``, and for what it waited last."""

    def __init__(self) -> None:
        self.count = 0
        self.last: str | None = None

    def reset(self) -> None:
        """Start again at zero."""
        self.count = 0
        self.last = None

    def __repr__(self) -> str:
        return f"SyncCounter(count={self.count}, last={self.last!r})"


sync_count = SyncCounter()
"""The counter of this process."""


class _Forbidden(threading.local):
    depth = 0


_forbidden = _Forbidden()


def declare_synchronize(what: str) -> None:
    """Say that the host waits for the device, as every operation must that brings values to the host."""
    refuse_wait(what)
    if _forbidden.depth:
        raise DeviceSynchronizedError(
            f"{what} makes the host wait for the device, which forbid_synchronize() forbids here; keep the value on "
            "the device, or move this line out of the block"
        )
    sync_count.count += 1
    sync_count.last = what


@contextmanager
def forbid_synchronize() -> Iterator[None]:
    """A block in which any host synchronisation of the strict device raises DeviceSynchronizedError.

    It stands for ``cupyx.allow_synchronize(False)``::

        with forbid_synchronize():
            loss = model(x)      # passes
            loss.item()          # raises
    """
    _forbidden.depth += 1
    try:
        yield
    finally:
        _forbidden.depth -= 1
