"""Softmax and its logarithm, forward and backward, each in one kernel."""

from __future__ import annotations

from math import prod
from typing import Any

from ..kernels import kernel
from .geometry import FLOATS, lines
from .overrides import OVERRIDES


def _takes(x: Any, *, axis: int | None) -> bool:
    return axis is not None and x.size > 0 and x.ndim > 0 and x.dtype.name in FLOATS


def _takes_gradient(g: Any, out: Any, *, axis: int | None) -> bool:
    return g.shape == out.shape and g.dtype == out.dtype and _takes(out, axis=axis)


def _run(gpu: Any, function: str, logarithm: int, axis: int, *arrays: Any) -> Any:
    arrays = tuple(gpu.xp.ascontiguousarray(a) for a in arrays)
    shape, kind = arrays[0].shape, arrays[0].dtype
    axis %= len(shape)
    out = gpu.xp.empty(shape, kind)
    which, blocks, threads, sizes = lines(prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :]))
    gpu.launch("softmax", f"{function}_{which}", blocks, threads, *arrays, out, *sizes, T=kind, LOGARITHM=logarithm)
    return out


@kernel("softmax", table=OVERRIDES, when=_takes)
def softmax(gpu: Any, x: Any, *, axis: int | None) -> Any:
    """One launch in place of five; rows of up to 8,192 numbers are read once and written once."""
    return _run(gpu, "forward", 0, axis or 0, x)


@kernel("log_softmax", table=OVERRIDES, when=_takes)
def log_softmax(gpu: Any, x: Any, *, axis: int | None) -> Any:
    """As ``softmax``."""
    return _run(gpu, "forward", 1, axis or 0, x)


@kernel("softmax_backward", table=OVERRIDES, when=_takes_gradient)
def softmax_backward(gpu: Any, g: Any, out: Any, *, axis: int | None) -> Any:
    """One launch in place of four; both arrays are read once where a row fits the registers."""
    return _run(gpu, "backward", 0, axis or 0, g, out)


@kernel("log_softmax_backward", table=OVERRIDES, when=_takes_gradient)
def log_softmax_backward(gpu: Any, g: Any, out: Any, *, axis: int | None) -> Any:
    """As ``softmax_backward``."""
    return _run(gpu, "backward", 1, axis or 0, g, out)
