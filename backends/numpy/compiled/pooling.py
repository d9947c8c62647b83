"""Max pooling of float32 images."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from ...kernels import kernel
from ..first_use import load, worth
from ..kernels import OVERRIDES
from .team import share
from .workspace import workspace

_FLOAT32 = np.dtype(np.float32)
_NOTHING = np.empty(0, np.float32)

LEAST = 256
"""Numbers from which on compiled kernels are taken; they pay from the first number on, but not to load numba for."""

GRAIN = 1 << 15
"""Numbers that are worth a thread."""

Ints = tuple[int, ...]


class _Tables(NamedTuple):
    """Where windows are: on the input, and on the input with what is put around it, so that all places are inside."""

    starts: np.ndarray
    offsets: np.ndarray
    around: Ints  # its sizes; empty where nothing is put around
    around_starts: np.ndarray
    around_offsets: np.ndarray
    first: np.ndarray  # for each window its first place on the input


def _combined(along: list[np.ndarray], factor: int, kind: Any = np.int32) -> np.ndarray:
    """Numbers for rows times a factor, plus those for columns."""
    down, across = along
    return (down[:, None] * factor + across).reshape(-1).astype(kind)


@functools.lru_cache(256)
def _tables(sizes: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> _Tables:
    begins = [np.arange(o) * s for o, s in zip(out, stride, strict=True)]
    places = [np.arange(k) * d for k, d in zip(kernel, dilation, strict=True)]
    ends = [int(b[-1] + p[-1]) + 1 for b, p in zip(begins, places, strict=True)]
    around = tuple(max(e, p + n) for e, p, n in zip(ends, padding, sizes, strict=True))
    missing = [np.maximum(0, -((b - p) // d)) for b, p, d in zip(begins, padding, dilation, strict=True)]
    inside = [b - p for b, p in zip(begins, padding, strict=True)]
    return _Tables(
        _combined(inside, sizes[1]),
        _combined(places, sizes[1]),
        () if around == sizes else around,
        _combined(begins, around[1]),
        _combined(places, around[1]),
        _combined(missing, kernel[1], np.uint8),
    )


def _planes(x: Any) -> int:
    return math.prod(x.shape[:-2])


def _grain(size: int) -> int:
    return -(-GRAIN // max(size, 1))


def _largest(x: Any, tables: _Tables, padding: Ints, values: np.ndarray, where: np.ndarray) -> None:
    run, flat, (height, width) = load("pooling").largest, np.ascontiguousarray(x).reshape(-1), x.shape[-2:]
    pitch = tables.around[1] if tables.around else 0
    known = (tables.around_starts, tables.around_offsets, tables.first, values.reshape(-1), where.reshape(-1))

    def body(start: int, stop: int) -> None:
        around = _NOTHING
        if tables.around:
            around = workspace("around", math.prod(tables.around))
            around.fill(-math.inf)
        run(flat, height, width, around, pitch, *padding, *known, start, stop)

    share(_planes(x), body, _grain(height * width))


def _takes(x: Any, *, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> bool:
    return (
        worth(x.size, LEAST) and x.size > 0 and len(out) == 2 and x.dtype is _FLOAT32 and kernel[0] * kernel[1] <= 256
    )


@kernel("max_pool", table=OVERRIDES, when=_takes, above=True)
def max_pool(
    x: Any, *, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[np.ndarray, np.ndarray]:
    """64 images of 32 channels of 24x24, 2x2: 0.65 ms on one thread in place of 2.8; PyTorch takes 12."""
    tables = _tables(x.shape[-2:], out, kernel, stride, padding, dilation)
    values = np.empty((*x.shape[:-2], *out), np.float32)
    where = np.empty(values.shape, np.uint8)
    _largest(x, tables, padding, values, where)
    return values, where


@kernel("max_pool_values", table=OVERRIDES, when=_takes, above=True)
def max_pool_values(x: Any, *, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> np.ndarray:
    """The same without a use for the places: 0.9 ms in place of 1.5."""
    return max_pool(x, out=out, kernel=kernel, stride=stride, padding=padding, dilation=dilation)[0]


@kernel("max_pool_indices", table=OVERRIDES, when=_takes, above=True)
def max_pool_indices(
    x: Any, *, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """0.9 ms for the images of :func:`max_pool`, in place of 15; PyTorch takes 12."""
    values, where = max_pool(x, out=out, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    tables = _tables(x.shape[-2:], out, kernel, stride, padding, dilation)
    positions = np.empty(values.shape, np.int64)
    run, flat, target = load("pooling").positions_of, where.reshape(-1), positions.reshape(-1)
    share(_planes(x), lambda a, b: run(flat, tables.starts, tables.offsets, target, a, b), _grain(math.prod(out)))
    return values, positions, where


def _takes_scatter(
    g: Any, where: Any, *, sizes: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> bool:
    return (
        worth(g.size, LEAST // 4) and g.size > 0 and len(out) == 2 and g.dtype is _FLOAT32 and where.dtype.itemsize == 1
    )


@kernel("max_pool_scatter", table=OVERRIDES, when=_takes_scatter, above=True)
def max_pool_scatter(
    g: Any, where: Any, *, sizes: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> np.ndarray:
    """64 images of 32 channels of 24x24, 2x2: 0.45 ms on one thread in place of 4; 3x3 at step 2, a 25th."""
    tables = _tables(tuple(sizes), out, kernel, stride, padding, dilation)
    result, size = np.empty((*g.shape[:-2], *sizes), np.float32), math.prod(sizes)
    run, target = load("pooling").scatter, result.reshape(-1)
    flat, places = np.ascontiguousarray(g).reshape(-1), np.ascontiguousarray(where).reshape(-1)
    share(_planes(g), lambda a, b: run(flat, places, tables.starts, tables.offsets, size, target, a, b), _grain(size))
    return result


def warm_up() -> None:
    """Compile the kernels of this file."""
    x = np.zeros((2, 8, 8), np.float32)
    geometry: Any = {"out": (4, 4), "kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1)}
    values, _, where = max_pool_indices(x, **geometry)
    max_pool_scatter(values, where, sizes=(8, 8), **geometry)
