"""The functions of the package: everything registered with ``@public``. ``_functions.pyi`` lists them for tools."""

from __future__ import annotations

from typing import Any

from .ops import FUNCTIONS

__all__ = sorted(FUNCTIONS.places)


def __getattr__(name: str) -> Any:
    if name not in FUNCTIONS.places:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .ops._arguments import guard

    found = globals()[name] = guard(name, FUNCTIONS.find(name), "nnlite")
    return found
