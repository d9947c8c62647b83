"""The classes of results with names, under the names that they print: ``return_types.max`` and its like."""

from __future__ import annotations

from typing import Any

from .ops._results import Named

_classes = {kind.__name__.removeprefix("return_"): kind for kind in Named.__subclasses__()}
all_return_types = list(_classes.values())
__all__ = sorted(_classes)


def __getattr__(name: str) -> Any:
    """Example:
    >>> import nnlite
    >>> isinstance(nnlite.ones(2, 2).max(dim=0), nnlite.return_types.max)
    True
    """
    if name not in _classes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _classes[name]
