"""Norms and limits of all gradients at once, and the division by a loss scale: one launch for up to 64 of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..kernels import kernel
from .geometry import FLOATS
from .launch import THREADS
from .overrides import OVERRIDES
from .tensors import Row, in_one_order, launches

_ORDERS = {1.0: 1, 2.0: 2, math.inf: 0}
"""Norms that there are kernels for, as they take them."""


def _rows(arrays: Sequence[Any]) -> list[Row] | None:
    """The arrays as kernels take them; None if they cannot."""
    kind = arrays[0].dtype
    if kind.name not in FLOATS or any(a.dtype != kind for a in arrays):
        return None
    rows = [in_one_order((a,)) for a in arrays]
    return None if any(row is None for row in rows) else [row for row in rows if row is not None]


def _written(arrays: Sequence[Any]) -> list[Row] | None:
    """As `_rows`, for arrays that change; None also where one stands there twice."""
    places = [a.data.ptr for a in arrays if a.size]
    return _rows(arrays) if len(set(places)) == len(places) else None


@kernel("multi_norm", table=OVERRIDES)
def multi_norm(gpu: Any, arrays: Sequence[Any], *, order: float) -> Any:
    """Two launches for 64 tensors: a part for each chunk, and the sum of the parts in a fixed order."""
    rows = _rows(arrays)
    if rows is None or order not in _ORDERS or (order == math.inf and not all(a.size for a in arrays)):
        return None
    given = list(launches(rows))
    kind, blocks = arrays[0].dtype, sum(some.blocks for some in given)
    wide = np.float64 if kind.name == "float64" else np.float32
    parts, total = gpu.xp.empty(blocks, wide), gpu.xp.empty((), kind)
    start = 0
    for some in given:
        mine = parts[start : start + some.blocks]
        gpu.launch("gradients", "norm_parts", some.blocks, THREADS, some, mine, _ORDERS[order], T=kind)
        start += some.blocks
    gpu.launch("gradients", "norm_total", 1, 1024, parts, total, blocks, _ORDERS[order], T=kind)
    return total


@kernel("multi_limit_norm", table=OVERRIDES)
def multi_limit_norm(gpu: Any, arrays: Sequence[Any], norm: Any, *, most: float) -> bool:
    """One launch for 64 tensors, which reads and writes nothing where the norm is within its limit."""
    rows = _written(arrays)
    if rows is None:
        return False
    kind = arrays[0].dtype
    norm = norm.astype(np.float64) if kind.name == "float64" else norm.astype(np.float32, copy=False)
    for some in launches(rows):
        gpu.launch("gradients", "limit_norm", some.blocks, THREADS, some, norm, np.float64(most), T=kind)
    return True


@kernel("multi_limit_values", table=OVERRIDES)
def multi_limit_values(gpu: Any, arrays: Sequence[Any], *, limit: float) -> bool:
    """One launch for 64 tensors."""
    rows = _written(arrays)
    if rows is None:
        return False
    for some in launches(rows):
        gpu.launch("gradients", "limit_values", some.blocks, THREADS, some, np.float64(limit), T=arrays[0].dtype)
    return True


@kernel("multi_unscale", table=OVERRIDES)
def multi_unscale(gpu: Any, arrays: Sequence[Any], inverse: Any) -> Any:
    """One launch for 64 tensors, which writes nothing where the factor is 1."""
    rows = _written(arrays)
    if rows is None:
        return None
    found, inverse = gpu.xp.zeros((), np.float32), inverse.astype(np.float32, copy=False)
    for some in launches(rows):
        gpu.launch("gradients", "unscale", some.blocks, THREADS, some, inverse, found, T=arrays[0].dtype)
    return found
