"""Dropout in one launch, with marks that are drawn in it or given."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import kernel
from .geometry import FLOATS
from .launch import THREADS, blocks_for
from .overrides import OVERRIDES
from .random import place_of


def _takes(x: Any, *, scale: float, limit: int, seed: int, counter: int) -> bool:
    return x.size > 0 and x.dtype.name in FLOATS


@kernel("drawn_dropout", table=OVERRIDES, when=_takes)
def drawn_dropout(gpu: Any, x: Any, *, scale: float, limit: int, seed: int, counter: int) -> Any:
    """A thread for eight neighbours; the marks are never stored."""
    out, x = gpu.xp.empty(x.shape, x.dtype), gpu.xp.ascontiguousarray(x)
    given = np.float64(scale), np.uint64(limit), *place_of(seed, counter)
    gpu.launch("random", "dropout", blocks_for(-(-x.size // 8)), THREADS, x, out, x.size, *given, T=x.dtype)
    return out


def _takes_marks(x: Any, keep: Any, *, scale: float) -> bool:
    """Marks for each element, or for all that lies behind the first dimensions."""
    if not x.size or x.dtype.name not in FLOATS or keep.dtype.name != "bool" or keep.ndim != x.ndim:
        return False
    same = next((i for i, (n, m) in enumerate(zip(x.shape, keep.shape, strict=True)) if n != m), x.ndim)
    return all(m == 1 for m in keep.shape[same:])


@kernel("dropout", table=OVERRIDES, when=_takes_marks)
def dropout(gpu: Any, x: Any, keep: Any, *, scale: float) -> Any:
    """A thread for each element."""
    out, x, keep = gpu.xp.empty(x.shape, x.dtype), gpu.xp.ascontiguousarray(x), gpu.xp.ascontiguousarray(keep)
    given = x.size, x.size // keep.size, np.float64(scale)
    gpu.launch("random", "dropout_marked", blocks_for(x.size), THREADS, x, keep, out, *given, T=x.dtype)
    return out
