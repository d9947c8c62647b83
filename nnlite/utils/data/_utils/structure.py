"""The tensors in a batch, whatever the batch is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["mapped"]


def mapped(value: Any, method: str, change: Callable[[Any], Any]) -> Any:
    """A batch with everything that has a method of this name changed; lists, tuples and dictionaries keep their class.

    Example:
        >>> from nnlite.utils.data._utils.structure import mapped
        >>> mapped({"a": ["x", 1], "b": ("y",)}, "upper", str.upper)
        {'a': ['X', 1], 'b': ('Y',)}
    """
    if hasattr(value, method) and not isinstance(value, type):
        return change(value)
    if isinstance(value, Mapping):
        items = {key: mapped(item, method, change) for key, item in value.items()}
        return items if type(value) is dict else _like(value, items)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(item, method, change) for item in value))
    if isinstance(value, list | tuple):
        return _like(value, [mapped(item, method, change) for item in value])
    return value


def _like(container: Any, items: Any) -> Any:
    """A container of the same class; one whose class cannot be made of its items gives way to a plain one."""
    try:
        return type(container)(items)
    except TypeError:
        return items
