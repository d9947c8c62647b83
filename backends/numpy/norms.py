"""Norms of rows on the CPU."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..kernels import kernel
from .kernels import OVERRIDES

_LEAST = 1 << 12
"""From so many elements on the product of rows is faster."""

_LONGEST = 1 << 12
"""BLAS adds a row up in a few dozen sums side by side, NumPy by halves: in longer rows that would be more exact."""


def _takes(x: np.ndarray, *, axis: Any, keepdims: bool) -> bool:
    if x.size < _LEAST or x.dtype.char not in "fd" or not x.flags.c_contiguous or axis is None:
        return False
    first = x.ndim - len(axis)
    return set(axis) == set(range(first, x.ndim)) and 16 <= math.prod(x.shape[first:]) <= _LONGEST


@kernel("norm2", table=OVERRIDES, when=_takes, above=True)
def norm2(x: np.ndarray, *, axis: Any, keepdims: bool) -> np.ndarray:
    """The root of the product of each row with itself: a thousand rows of a thousand float32 in 0.3 ms, not 1.5."""
    lead = x.shape[: x.ndim - len(axis)]
    rows = x.reshape(*lead, math.prod(x.shape[len(lead) :]))
    out = np.sqrt(np.vecdot(rows, rows))
    return out.reshape(lead + (1,) * len(axis)) if keepdims else np.asarray(out)
