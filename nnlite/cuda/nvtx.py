"""Marks in the timelines of NVIDIA's profilers. They are CuPy's where CuPy is in use, and nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["mark", "range", "range_pop", "range_push"]


def _nvtx() -> Any:
    cupy = sys.modules.get("cupy")
    return None if cupy is None else getattr(cupy.cuda, "nvtx", None)


def range_push(msg: str) -> None:
    """Begin a range called ``msg``."""
    nvtx = _nvtx()
    if nvtx is not None:
        nvtx.RangePush(msg)


def range_pop() -> None:
    """End the range that was begun last."""
    nvtx = _nvtx()
    if nvtx is not None:
        nvtx.RangePop()


def mark(msg: str) -> None:
    """A mark at this moment."""
    nvtx = _nvtx()
    if nvtx is not None:
        nvtx.Mark(msg)


@contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """A range as a context or a decorator; ``msg`` is formatted with the other arguments.

    Example:
        >>> import nnlite
        >>> with nnlite.cuda.nvtx.range("step {}", 1):
        ...     x = nnlite.zeros(2)
    """
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()
