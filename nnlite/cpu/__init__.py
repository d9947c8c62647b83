"""The CPU through the interface that ``nnlite.cuda`` has, for programs that name their device module by a variable."""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager, nullcontext
from typing import Any

__all__ = [
    "Event",
    "Stream",
    "current_device",
    "current_stream",
    "device_count",
    "is_available",
    "is_initialized",
    "set_device",
    "stream",
    "synchronize",
]


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def device_count() -> int:
    """1."""
    return 1


def current_device() -> str:
    """``"cpu"``.

    Example:
        >>> import nnlite
        >>> nnlite.cpu.current_device()
        'cpu'
    """
    return "cpu"


def set_device(device: Any) -> None:
    """Nothing: there is one."""


def synchronize(device: Any = None) -> None:
    """Nothing: an operation on the CPU is done when it returns."""


class Stream:
    """A stream on a device that has no streams: everything is done in order."""

    def __init__(self, priority: int = -1) -> None:
        self.priority = priority

    def wait_stream(self, stream: Any) -> None:
        """Nothing: all work is done."""

    def record_event(self, event: Any = None) -> Any:
        """An event, which has happened."""
        return Event() if event is None else event

    def wait_event(self, event: Any) -> None:
        """Nothing: all work is done."""


class Event:
    """An event on a device that has no streams: it has happened when it is recorded."""

    def query(self) -> bool:
        """True."""
        return True

    def record(self, stream: Any = None) -> None:
        """Nothing: all work is done."""

    def synchronize(self) -> None:
        """Nothing: all work is done."""

    def wait(self, stream: Any = None) -> None:
        """Nothing: all work is done."""


_stream = Stream()


def current_stream(device: Any = None) -> Stream:
    """The only stream."""
    return _stream


def stream(stream: Any) -> AbstractContextManager[Any]:
    """A context in which nothing is different."""
    return nullcontext()


def __getattr__(name: str) -> Any:
    if name == "amp":
        return importlib.import_module("nnlite.cpu.amp")
    raise AttributeError(f"module 'nnlite.cpu' has no attribute {name!r}")
