"""Reading, writing and adding up at positions."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .. import deterministic
from ..capture import current
from ..kernels import kernel
from ..registry import tables
from .launch import THREADS, blocks_for
from .overrides import OVERRIDES
from .positions import Along, Places, fits_along, in_order, line, places_of, takes, whole
from .windows import counter

ATOMIC = frozenset({"float32", "float64", "int32", "int64"})
"""What the device adds atomically, fast and as exactly as it adds otherwise."""

HALF = frozenset({"float16", "bfloat16"})
KINDS = {"add": 0, "multiply": 1, "maximum": 2, "minimum": 3}

CHUNK = 16
"""The sorted positions that one thread adds up (``CHUNK`` in segments.cu)."""

_KEPT = 1 << 16
"""Arrays of so many rising numbers are kept, once made, for indices along an axis."""


# ---------------------------------------------------------------------------------------------------------------------
# Moving


def _pieces(row: int, *arrays: Any) -> tuple[str, int]:
    """The largest pieces that rows of so many elements are made of, and their number."""
    nbytes = row * arrays[0].itemsize
    for size in (8, 4, 2):
        if nbytes % size == 0 and all(a.data.ptr % size == 0 for a in arrays):
            return f"uint{8 * size}", nbytes // size
    return "uint8", nbytes


def _move(gpu: Any, function: str, x: Any, where: Places, values: Any) -> None:
    """Start ``gather`` (to ``values``) or ``put`` (from there)."""
    kind, row = _pieces(where.row, x, values)
    total = where.lead * where.total * row
    if not total:
        return
    x, values = (a.reshape(-1).view(kind) for a in (x, values))
    arguments = (x, where.places, values, total, where.size, where.total, row)
    gpu.launch("indexing", function, blocks_for(total), THREADS, *arguments, U=kind, I=counter(x.size, total))


def gather(gpu: Any, x: Any, where: Places) -> Any:
    """The rows of ``x`` (without gaps) at positions."""
    out = gpu.xp.empty(where.shape, x.dtype)
    _move(gpu, "gather", x, where, out)
    return out


def _move_along(gpu: Any, function: str, x: Any, where: Any, axis: int, values: Any, *more: Any) -> None:
    if not where.size:
        return
    size, inner = line(x, axis)
    kind = f"uint{8 * x.itemsize}"
    arguments = (x.view(kind), whole(gpu, where, where.shape), values.view(kind), where.size, where.shape[axis])
    big = counter(x.size, where.size)
    gpu.launch("indexing", function, blocks_for(where.size), THREADS, *arguments, size, inner, *more, U=kind, I=big)


class _Space:
    """The array class of a device, to look at indices before there is a ``gpu``."""

    def __init__(self, like: Any) -> None:
        self.ndarray = type(like)


def _takes_index(x: Any, *, index: Any, title: str = "IndexBackward0") -> bool:
    return takes(_Space(x), x, index)


@kernel("index", table=OVERRIDES, when=_takes_index)
def at_index(gpu: Any, x: Any, *, index: Any, title: str = "IndexBackward0") -> Any:
    """One launch for one index array, two for several; in brackets CuPy takes one to three for each array."""
    return gather(gpu, x, places_of(gpu, x, index))


def _takes_along(x: Any, where: Any, *, axis: int, function: str = "") -> bool:
    return x.itemsize <= 8 and x.size > 0 and fits_along(x, where, axis)


@kernel("take_along_axis", table=OVERRIDES, when=_takes_along)
def take_along_axis(gpu: Any, x: Any, where: Any, *, axis: int, function: str = "") -> Any:
    """One launch, which looks at the positions on its way; no arrays of the other axes' positions are made."""
    looks: tuple[Any, int] = None, 0
    if function:
        backend: Any = tables[type(x)].backend_
        if backend.record is not None and backend.record.ready(where):
            looks = backend.record.for_kernel(where, function, RuntimeError)
        else:
            backend.check_index(where, x.shape[axis], function, RuntimeError, low=0)
    x = gpu.xp.ascontiguousarray(x)
    out = gpu.xp.empty(where.shape, x.dtype)
    _move_along(gpu, "gather_along", x, where, axis % x.ndim, out, *looks)
    return out


def _takes_pick(x: Any, where: Any, *, axis: int, title: str, keepdims: bool = True, unique: bool = True) -> bool:
    return _takes_along(x, where, axis=axis)


@kernel("pick", table=OVERRIDES, when=_takes_pick)
def pick(gpu: Any, x: Any, where: Any, *, axis: int, title: str, keepdims: bool = True, unique: bool = True) -> Any:
    """As ``take_along_axis``."""
    values = take_along_axis(gpu, x, where, axis=axis)
    return values if keepdims else values.squeeze(axis)


def _takes_place(g: Any, where: Any, *, axis: int, size: int) -> bool:
    return g.itemsize <= 8 and g.shape == where.shape and g.ndim > 0


@kernel("place", table=OVERRIDES, when=_takes_place)
def place(gpu: Any, g: Any, where: Any, *, axis: int, size: int) -> Any:
    """Zeros and one launch."""
    axis %= g.ndim
    out = gpu.xp.zeros((*g.shape[:axis], size, *g.shape[axis + 1 :]), g.dtype)
    if out.size:
        _move_along(gpu, "put_along", out, where, axis, gpu.xp.ascontiguousarray(g))
    return out


def _takes_put_along(g: Any, where: Any, *, axis: int, shape: tuple[int, ...]) -> bool:
    return (
        g.dtype.name in ATOMIC | HALF
        and g.shape == where.shape
        and prod(shape) > 0
        and len(shape) == where.ndim > 0
        and all(i == axis % where.ndim or n == m for i, (n, m) in enumerate(zip(shape, where.shape, strict=True)))
    )


@kernel("put_along_axis", table=OVERRIDES, when=_takes_put_along)
def put_along_axis(gpu: Any, g: Any, where: Any, *, axis: int, shape: tuple[int, ...]) -> Any:
    """Zeros, the positions, and the sums there."""
    out = gpu.xp.zeros(shape, g.dtype)
    combine(gpu, out, Along.make(where, axis % where.ndim, (None,) * where.ndim), g, "add")
    return out


# ---------------------------------------------------------------------------------------------------------------------
# Combining


def combine(gpu: Any, x: Any, index: Any, values: Any, kind: str) -> None:
    """Combine values with what stands in ``x`` at an index that `positions.takes` is true for, in place."""
    ordered = kind == "add" and (x.dtype.name in HALF or (deterministic.mode.on and x.dtype.kind == "f"))
    where = places_of(gpu, x, index, made=ordered)
    if not where.total:
        return
    values, one = _values(gpu, values, where.shape, x.dtype)
    if ordered:
        add_in_order(gpu, x, where, values, one)
    else:
        add_at_once(gpu, x, where, values, one, KINDS[kind])


def _values(gpu: Any, values: Any, shape: tuple[int, ...], dtype: Any) -> tuple[Any, bool]:
    """Values in a dtype without gaps, and whether they are one for all positions."""
    xp = gpu.xp
    if not isinstance(values, xp.ndarray):
        return xp.full((1,), values, dtype), True
    if values.size == 1:
        return values.astype(dtype, copy=False).reshape(1), True
    values = values if values.shape == shape else xp.broadcast_to(values, shape)
    return xp.ascontiguousarray(values.astype(dtype, copy=False)), False


def add_at_once(gpu: Any, x: Any, where: Places, values: Any, one: bool, kind: int, skip: int = -1) -> None:
    """One launch of atomic operations."""
    total = where.lead * where.total * where.row
    if total:
        arguments = (x, where.places, values, np.int32(one), np.int32(kind), total, where.size, where.total, where.row)
        big = counter(x.size, total)
        gpu.launch("scatter", "scatter", blocks_for(total), THREADS, *arguments, skip, T=x.dtype, I=big)


def add_in_order(gpu: Any, x: Any, where: Places, values: Any, one: bool, skip: int = -1, share: bool = False) -> None:
    """Sums in the order in which the values stand, in float32 for 16-bit numbers: the positions are sorted, and each
    run of equal ones is added up and written once. ``share`` divides each sum by the length of its run.

    Reads each value once; the sums of runs that go over several chunks take an eighth of the values' memory.
    """
    lead, size, count, row = where.lead, where.size, where.total, where.row
    keys, order = in_order(gpu, where.places.reshape(-1), size)
    chunks = -(-count // CHUNK)
    total = lead * chunks * row
    if not total:
        return
    partial = gpu.xp.empty(2 * total, "float64" if x.dtype.name == "float64" else "float32")
    big = counter(x.size, lead * count * row, partial.size)
    sizes = (lead, size, count, row, skip, np.int32(share))
    blocks, kind = blocks_for(total), {"T": x.dtype, "I": big}
    gpu.launch("segments", "add_runs", blocks, THREADS, x, keys, order, values, np.int32(one), partial, *sizes, **kind)
    if chunks > 1:
        gpu.launch("segments", "add_long_runs", blocks, THREADS, x, keys, partial, *sizes, **kind)


def _takes_reduction(x: Any, values: Any, *, index: Any, kind: str, title: str) -> bool:
    known = x.dtype.name in ATOMIC | HALF and values.dtype == x.dtype and takes(_Space(x), x, index)
    return known and not (kind == "multiply" and deterministic.mode.on and x.dtype.kind in "fV")


@kernel("reduce_index", table=OVERRIDES, when=_takes_reduction)
def reduce_index(gpu: Any, x: Any, values: Any, *, index: Any, kind: str, title: str) -> Any:
    """A copy and one launch in place of a sort and a scan. The largest and the smallest number do not depend on the
    order; products do, so the generic body takes them where the same bits are asked for in every run."""
    out = x.copy()
    combine(gpu, out, index, values, kind)
    return out


class Scatter:
    """What the device's namespace does at indices in place, by kernels where they take it.

    Args:
        add: ``xp.scatter_add`` for all else.
    """

    def __init__(self, gpu: Any, add: Any) -> None:
        self._gpu, self._add = gpu, add
        self._ranges: dict[Any, Any] = {}

    def scatter_add(self, x: Any, index: Any, values: Any) -> None:
        """``x[index] += values`` in place; repeated positions add up, 16-bit numbers in float32."""
        if x.dtype.name in ATOMIC | HALF and takes(self._gpu.xp, x, index):
            combine(self._gpu, x, index, values, "add")
        else:
            self._add(x, tuple(index) if type(index) is Along else index, values)

    def set_at(self, x: Any, index: Any, values: Any) -> None:
        """``x[index] = values`` in place; of several values for one position any may stay."""
        xp = self._gpu.xp
        if not takes(xp, x, index):
            x[tuple(index) if type(index) is Along else index] = values
            return
        where = places_of(self._gpu, x, index)
        values = xp.asarray(values, x.dtype) if not isinstance(values, xp.ndarray) else values
        values = xp.ascontiguousarray(xp.broadcast_to(values, where.shape).astype(x.dtype, copy=False))
        _move(self._gpu, "put", x, where, values)

    def reduce_at(self, kind: str, x: Any, index: Any, values: Any) -> bool:
        """``reduce_index`` in place; False where there is no kernel for it."""
        if not isinstance(values, self._gpu.xp.ndarray) or not _takes_reduction(
            x, values, index=index, kind=kind, title=""
        ):
            return False
        combine(self._gpu, x, index, values, kind)
        return True

    def along(self, where: Any, axis: int) -> Along:
        """The index that picks ``where`` along an axis."""
        return Along.make(
            where,
            axis,
            tuple(None if i == axis else self._rising(where, i, n) for i, n in enumerate(where.shape)),
        )

    def _rising(self, like: Any, axis: int, n: int) -> Any:
        """0 to n - 1 along an axis. Kernels do not need them, so they are made once; a graph makes its own."""
        key = like.device.id if hasattr(like, "device") else None, axis, like.ndim, n
        found = self._ranges.get(key)
        if found is None:
            found = self._gpu.xp.arange(n).reshape((1,) * axis + (n,) + (1,) * (like.ndim - axis - 1))
            if n <= _KEPT and current.capture is None:
                self._ranges[key] = found
        return found
