"""Max pooling and sums over windows: one launch each, gradients by looking at the windows over each place."""

from __future__ import annotations

import functools
from math import prod
from typing import Any

import numpy as np

from ..kernels import kernel
from .geometry import FLOATS
from .launch import THREADS, blocks_for
from .overrides import OVERRIDES
from .windows import Ints, Table, counter, fits, windows

NUMBERS = FLOATS | {"uint8", "int8", "int16", "int32", "int64"}


# ---------------------------------------------------------------------------------------------------------------------
# Max pooling


def _takes(x: Any, *, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> bool:
    return (
        x.dtype.name in NUMBERS
        and x.size > 0
        and len(out) <= 3
        and fits(x.shape[-len(out) :], out, kernel, stride, dilation)
    )


def _largest(gpu: Any, x: Any, positions: Any, places: bool, geometry: dict[str, Ints]) -> tuple[Any, Any]:
    out, kernel = geometry["out"], geometry["kernel"]
    x = gpu.xp.ascontiguousarray(x)
    shape = (*x.shape[: -len(out)], *out)
    values = gpu.xp.empty(shape, x.dtype)
    narrow = prod(kernel) <= 256
    where = gpu.xp.empty(shape, "uint8" if narrow else "int32") if places else None
    gpu.launch(
        "pooling",
        "max_pool",
        blocks_for(values.size),
        THREADS,
        x,
        values,
        where,
        np.int32(narrow),
        positions,
        values.size,
        *windows(x.shape[-len(out) :], **geometry),
        T=x.dtype,
        I=counter(x.size, values.size),
    )
    return values, where


@kernel("max_pool", table=OVERRIDES, when=_takes)
def max_pool(
    gpu: Any, x: Any, *, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[Any, Any]:
    """One launch: x is read once (overlapping windows from the cache), values and places are written once. The generic
    body takes about five launches for each place of the window."""
    geometry = {"out": out, "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    return _largest(gpu, x, None, True, geometry)


@kernel("max_pool_values", table=OVERRIDES, when=_takes)
def max_pool_values(gpu: Any, x: Any, *, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Any:
    """As ``max_pool``, without the places."""
    geometry = {"out": out, "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    return _largest(gpu, x, None, False, geometry)[0]


@kernel("max_pool_indices", table=OVERRIDES, when=_takes)
def max_pool_indices(
    gpu: Any, x: Any, *, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[Any, Any, Any]:
    """As ``max_pool``; the positions are written by the same kernel."""
    geometry = {"out": out, "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    positions = gpu.xp.empty((*x.shape[: -len(out)], *out), "int64")
    values, where = _largest(gpu, x, positions, True, geometry)
    return values, positions, where


def _takes_scatter(
    g: Any, where: Any, *, sizes: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> bool:
    return g.dtype.name in FLOATS and g.size > 0 and len(out) <= 3 and fits(sizes, out, kernel, stride, dilation)


@kernel("max_pool_scatter", table=OVERRIDES, when=_takes_scatter)
def max_pool_scatter(
    gpu: Any,
    g: Any,
    where: Any,
    *,
    sizes: Ints,
    out: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
) -> Any:
    """One launch: each place of the input adds up the windows over it, so there are neither zeros to be written before
    nor atomic additions."""
    result = gpu.xp.empty((*g.shape[: -len(out)], *sizes), g.dtype)
    geometry = windows(tuple(sizes), out, kernel, stride, padding, dilation)
    _move(gpu, "max_pool_scatter", g, where, result, geometry)
    return result


def _takes_gather(x: Any, where: Any, *, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> bool:
    return _takes(x, out=out, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


@kernel("max_pool_gather", table=OVERRIDES, when=_takes_gather)
def max_pool_gather(
    gpu: Any, x: Any, where: Any, *, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Any:
    """One launch."""
    result = gpu.xp.empty(where.shape, x.dtype)
    geometry = windows(x.shape[-len(out) :], out, kernel, stride, padding, dilation)
    _move(gpu, "max_pool_gather", x, where, result, geometry)
    return result


def _move(gpu: Any, function: str, source: Any, where: Any, result: Any, geometry: tuple[Any, ...]) -> None:
    if not result.size:
        return
    source, where = gpu.xp.ascontiguousarray(source), gpu.xp.ascontiguousarray(where)
    gpu.launch(
        "pooling",
        function,
        blocks_for(result.size),
        THREADS,
        source,
        where,
        np.int32(where.dtype.itemsize == 1),
        result,
        result.size,
        *geometry,
        T=source.dtype,
        I=counter(source.size, result.size),
    )


# ---------------------------------------------------------------------------------------------------------------------
# Sums over windows along one axis


def sum_runs(
    gpu: Any,
    x: Any,
    axis: int,
    start: Table,
    stop: Table,
    place: Table | None = None,
    weight: Table | None = None,
) -> Any:
    """out[.., i, ..] = sum over j from start[i] to stop[i] of weight[j] x[.., place[j], ..] along an axis.

    Args:
        start, stop, place: tables of int32; without ``place`` j is the position itself.
        weight: in the type of the sums, or None.
    """
    x = gpu.xp.ascontiguousarray(x)
    shape = (*x.shape[:axis], len(start), *x.shape[axis + 1 :])
    out = gpu.xp.empty(shape, x.dtype)
    if not out.size:
        return out
    source, target = (x.view("uint8"), out.view("uint8")) if x.dtype.kind == "b" else (x, out)
    gpu.launch(
        "runs",
        "sum_runs",
        blocks_for(out.size),
        THREADS,
        source,
        target,
        *(None if table is None else table.on(gpu, x) for table in (start, stop, place, weight)),
        out.size,
        x.shape[axis],
        shape[axis],
        prod(shape[axis + 1 :]),
        T=source.dtype,
        I=counter(x.size, out.size),
    )
    return out


@functools.lru_cache(256)
def _ends(starts: Ints, counts: Ints) -> tuple[Table, Table]:
    return Table(starts), Table(np.array(starts) + counts)


@functools.lru_cache(256)
def _windows_over(starts: Ints, counts: Ints, size: int) -> tuple[Table, Table]:
    """For each position the first window over it and the end of those; starts and ends of windows rise."""
    start, stop = (table.host for table in _ends(starts, counts))
    at = np.arange(size)
    return Table(np.searchsorted(stop, at, "right")), Table(np.searchsorted(start, at, "right"))


def _takes_sum(x: Any, *, axis: int, starts: Ints, counts: Ints) -> bool:
    return x.dtype.name in NUMBERS


@kernel("window_sum", table=OVERRIDES, when=_takes_sum)
def window_sum(gpu: Any, x: Any, *, axis: int, starts: Ints, counts: Ints) -> Any:
    """One launch, for any windows; the generic body takes two for each place of a window."""
    return sum_runs(gpu, x, axis, *_ends(starts, counts))


def _takes_spread(g: Any, *, axis: int, starts: Ints, counts: Ints, size: int) -> bool:
    return g.dtype.name in NUMBERS


@kernel("window_spread", table=OVERRIDES, when=_takes_spread)
def window_spread(gpu: Any, g: Any, *, axis: int, starts: Ints, counts: Ints, size: int) -> Any:
    """The same with the windows over each position."""
    return sum_runs(gpu, g, axis, *_windows_over(starts, counts, size))
