"""Batches in pinned memory, from which a device copies on its own."""

from __future__ import annotations

from typing import Any

from .structure import mapped

__all__ = ["pin_memory"]


def pin_memory(data: Any, device: Any = None) -> Any:
    """A batch whose tensors lie in pinned memory; so does whatever has a method ``pin_memory``.

    Raises:
        RuntimeError: there is a tensor, and no device that could read such memory.

    Example:
        >>> from nnlite.utils.data._utils.pin_memory import pin_memory
        >>> pin_memory([1, "a"])
        [1, 'a']
    """
    return mapped(data, "pin_memory", lambda value: value.pin_memory())
