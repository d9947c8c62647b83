"""Softmax and its logarithm, forward and backward, each in one kernel."""

from __future__ import annotations

from math import prod
from typing import Any

from ..kernels import kernel
from .overrides import OVERRIDES

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})


def _takes(x: Any, *, axis: int | None) -> bool:
    return axis is not None and x.size > 0 and x.ndim > 0 and x.dtype.name in FLOATS


def _takes_gradient(g: Any, out: Any, *, axis: int | None) -> bool:
    return g.shape == out.shape and g.dtype == out.dtype and _takes(out, axis=axis)


def _run(gpu: Any, function: str, axis: int, *arrays: Any) -> Any:
    arrays = tuple(gpu.xp.ascontiguousarray(a) for a in arrays)
    shape = arrays[0].shape
    axis %= len(shape)
    out = gpu.xp.empty(shape, arrays[0].dtype)
    n, inner = shape[axis], prod(shape[axis + 1 :])
    rows = out.size // n
    threads = min(1024, max(32, -(-n // 128) * 32))  # four numbers a thread and more
    gpu.launch("softmax", function, min(rows, 1 << 20), threads, *arrays, out, rows, n, inner, T=out.dtype)
    return out


@kernel("softmax", table=OVERRIDES, when=_takes)
def softmax(gpu: Any, x: Any, *, axis: int) -> Any:
    """One block for a row; three passes over it, the second and third from the cache."""
    return _run(gpu, "softmax", axis, x)


@kernel("log_softmax", table=OVERRIDES, when=_takes)
def log_softmax(gpu: Any, x: Any, *, axis: int) -> Any:
    """As ``softmax``."""
    return _run(gpu, "log_softmax", axis, x)


@kernel("softmax_backward", table=OVERRIDES, when=_takes_gradient)
def softmax_backward(gpu: Any, g: Any, out: Any, *, axis: int) -> Any:
    """One block for a row, two passes."""
    return _run(gpu, "softmax_backward", axis, g, out)


@kernel("log_softmax_backward", table=OVERRIDES, when=_takes_gradient)
def log_softmax_backward(gpu: Any, g: Any, out: Any, *, axis: int) -> Any:
    """One block for a row, two passes."""
    return _run(gpu, "log_softmax_backward", axis, g, out)
