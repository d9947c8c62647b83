"""Whether the same bits are asked for in every run, and additions that give them where a device adds in any order."""

from __future__ import annotations

from typing import Any

import numpy as np


class _Mode:
    on = False


mode = _Mode()
"""``mode.on``: ``nnlite.use_deterministic_algorithms`` was told so. Kernels that add in any order look at it."""


def add_in_order(xp: Any, x: Any, index: Any, values: Any) -> None:
    """``x[index] += values`` in place; what meets at one position is added up in the order in which it stands.

    The positions are sorted. Then values over equal positions are added over distances 1, 2, 4 and so on, after which
    the last one of each position holds the sum: log2(n) rounds over all n values. Waits for the device once.
    """
    places = xp.arange(x.size).reshape(x.shape)[index]
    wide = np.dtype(np.float32) if x.dtype.kind in "fV" and x.dtype.itemsize == 2 else x.dtype
    sums = xp.broadcast_to(xp.asarray(values), places.shape).reshape(-1).astype(wide)
    places = places.reshape(-1)
    count = places.size
    if not count:
        return
    order = xp.argsort(places, kind="stable")
    places, sums = places[order], sums[order]
    distance = 1
    while distance < count:
        same = places[distance:] == places[:-distance]
        sums[distance:] = sums[distance:] + xp.where(same, sums[:-distance], xp.zeros((), wide))
        distance *= 2
    last = xp.ones(count, dtype=bool)
    last[:-1] = places[1:] != places[:-1]
    (ends,) = xp.nonzero(last)
    total = x.astype(wide).reshape(-1)
    at = places[ends]
    total[at] = total[at] + sums[ends]
    x[...] = total.reshape(x.shape).astype(x.dtype)
