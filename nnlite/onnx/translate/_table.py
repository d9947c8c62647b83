"""The table of translations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Translation = Callable[[Any], Any]

TRANSLATIONS: dict[str, Translation] = {}
"""Operation -> ``function(context) -> name``, or a list of names where it has several results."""


def translates(*names: str) -> Callable[[Translation], Translation]:
    """Enter a function for these operations."""

    def enter(function: Translation) -> Translation:
        for name in names:
            if name in TRANSLATIONS:
                raise ValueError(f"operation {name!r} is translated twice")
            TRANSLATIONS[name] = function
        return function

    return enter
