"""Memory that a thread's kernels use again and again, so that the system need not hand it out anew each time."""

from __future__ import annotations

import math
import threading

import numpy as np

LIMIT = 64 << 20
"""Larger workspace is not kept."""


class _Kept(threading.local):
    """What a thread keeps: for what it does itself (the first part), and for each part that it hands to others."""

    def __init__(self) -> None:
        self.parts: list[dict[str, np.ndarray]] = [{}]
        self.arrays = self.parts[0]


kept = _Kept()
"""``team.py`` says which part this thread records."""


def workspace(name: str, *shape: int) -> np.ndarray:
    """A float32 array with any contents, valid until the same thread asks for the same name again for the same part."""
    size = math.prod(shape)
    if 4 * size > LIMIT:
        return np.empty(shape, np.float32)
    arrays = kept.arrays
    array = arrays.get(name)
    if array is None or len(array) < size:
        array = arrays[name] = np.empty(size, np.float32)
    return array[:size].reshape(shape)


def zeros(name: str, *shape: int) -> np.ndarray:
    """The same, filled with zeros."""
    array = workspace(name, *shape)
    array.fill(0)
    return array
