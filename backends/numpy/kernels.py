"""Kernels that beat the generic bodies on the CPU. Each says by how much, and on what."""

from __future__ import annotations

import numpy as np

from ..kernels import Override, kernel

OVERRIDES: dict[str, Override] = {}

_ZERO = {np.dtype(kind): np.zeros((), kind) for kind in (np.float32, np.float64)}


def _usual_float(x: np.ndarray) -> bool:
    return x.dtype in _ZERO


@kernel("relu", table=OVERRIDES, when=_usual_float)
def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0). A kept 0-d zero in place of Python's 0: NumPy converts a number anew at each call (0.4 us of 0.8)."""
    return np.maximum(x, _ZERO[x.dtype])
