"""Memory that a thread's kernels use again and again, so that the system need not hand it out anew each time."""

from __future__ import annotations

import math
import threading

import numpy as np

_kept = threading.local()
LIMIT = 64 << 20
"""Larger workspace is not kept."""


def workspace(name: str, *shape: int) -> np.ndarray:
    """A float32 array with any contents, valid until the same thread asks for the same name again."""
    size = math.prod(shape)
    if 4 * size > LIMIT:
        return np.empty(shape, np.float32)
    arrays: dict[str, np.ndarray] = _kept.__dict__
    array = arrays.get(name)
    if array is None or len(array) < size:
        array = arrays[name] = np.empty(size, np.float32)
    return array[:size].reshape(shape)


def zeros(name: str, *shape: int) -> np.ndarray:
    """The same, filled with zeros."""
    array = workspace(name, *shape)
    array.fill(0)
    return array
