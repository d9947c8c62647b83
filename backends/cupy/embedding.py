"""Rows of a table by number, and their gradient."""

from __future__ import annotations

from typing import Any

from .. import deterministic
from ..kernels import kernel
from .geometry import FLOATS
from .indexing import HALF, KINDS, add_at_once, add_in_order, gather
from .overrides import OVERRIDES
from .positions import places_of


def _takes(weight: Any, indices: Any, *, padding: int | None, by_frequency: bool) -> bool:
    return weight.flags.c_contiguous and weight.size > 0 and indices.dtype.kind in "iu"


@kernel("embedding", table=OVERRIDES, when=_takes)
def embedding(gpu: Any, weight: Any, indices: Any, *, padding: int | None, by_frequency: bool) -> Any:
    """One launch, eight bytes a thread."""
    return gather(gpu, weight, places_of(gpu, weight, indices))


def _takes_gradient(g: Any, indices: Any, *, rows: int, padding: int | None, by_frequency: bool) -> bool:
    return g.dtype.name in FLOATS and g.size > 0 and rows > 0 and indices.dtype.kind in "iu"


@kernel("embedding_gradient", table=OVERRIDES, when=_takes_gradient)
def embedding_gradient(gpu: Any, g: Any, indices: Any, *, rows: int, padding: int | None, by_frequency: bool) -> Any:
    """Zeros, and each row of ``g`` added where it came from: float32 and float64 by atomic additions in one launch; in
    order, where the same bits are asked for in every run, for 16-bit numbers, which are added up in float32 without a
    copy of the table in it, and where sums are shared by how often a row was looked up."""
    xp = gpu.xp
    g = xp.ascontiguousarray(g)
    out = xp.zeros((rows, g.shape[-1]), g.dtype)
    ordered = by_frequency or deterministic.mode.on or g.dtype.name in HALF
    where = places_of(gpu, out, indices, made=ordered)
    skip = -1 if padding is None else padding
    if ordered:
        add_in_order(gpu, out, where, g, False, skip, by_frequency)
    else:
        add_at_once(gpu, out, where, g, False, KINDS["add"], skip)
    return out
