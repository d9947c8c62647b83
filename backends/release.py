"""What gives memory back when a device has none left: caches put a function here that empties them.

A cache of plans or workspaces is memory that can be had again for some time. Before an allocation is given up, each
function is called once, garbage is collected, the pool gives back what it holds, and the allocation is tried again.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

__all__ = ["on_low_memory", "release"]

_F = TypeVar("_F", bound=Callable[[], object])
_functions: list[Callable[[], object]] = []


def on_low_memory(function: _F) -> _F:
    """Have ``function()`` called when a device has no memory left; it frees what can be made again. A decorator."""
    _functions.append(function)
    return function


def release() -> None:
    """Call all functions, and collect garbage. An error in one of them does not hide that memory is out."""
    for function in tuple(_functions):
        with suppress(Exception):
            function()
    gc.collect()
