"""Many tensors as one argument of a kernel: the structs of ``kernels/tensors.cuh``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .launch import Struct

MOST = 64
"""Tensors of a launch."""

COLUMNS = 5

_LAYOUT = np.dtype([
    ("count", "i8"), ("chunk", "i8"), ("size", "i8", MOST), ("first", "i8", MOST), ("at", "u8", (COLUMNS, MOST)),
])  # fmt: skip

Row = Sequence[Any]


class Tensors(Struct):
    """Up to `MOST` rows of arrays of one size each, without gaps, cut into chunks; None in all rows or in none.

    Attributes:
        blocks: of a launch, one a chunk.
    """

    def __init__(self, rows: Sequence[Row], chunk: int) -> None:
        self._rows = rows
        self._chunk = chunk
        self.arrays = [a for row in rows for a in row if a is not None]
        sizes = np.array([row[0].size for row in rows], np.int64)
        ends = np.cumsum(-(-sizes // chunk))
        self._sizes, self._first = sizes, ends - -(-sizes // chunk)
        self.blocks = int(ends[-1])

    def packed(self, address: Any) -> np.ndarray:
        made = np.zeros(1, _LAYOUT)
        whole = made[0]
        count = whole["count"] = len(self._rows)
        whole["chunk"] = self._chunk
        whole["size"][:count] = self._sizes
        whole["first"][:count] = self._first
        at = whole["at"]
        for number, column in enumerate(zip(*self._rows, strict=True)):
            if column[0] is not None:
                at[number, :count] = [address(a) for a in column]
        return made


def launches(rows: Sequence[Row]) -> Iterator[Tensors]:
    """The rows as arguments of as few launches as it takes; rows without elements are left out."""
    rows = [row for row in rows if row[0].size]
    total = sum(row[0].size for row in rows)
    # Below 16 M elements small chunks, so that all multiprocessors have some; above, large ones, of which the eight
    # that fit on one of them at a time keep its loads going.
    chunk = 1 << 12 if total < 1 << 24 else 1 << 14
    for start in range(0, len(rows), MOST):
        yield Tensors(rows[start : start + MOST], chunk)


class Numbers(Struct):
    """Up to 12 numbers, each a Python number or a float64 array without dimensions."""

    _LAYOUT = np.dtype([("value", "f8", 12), ("at", "u8", 12)])

    def __init__(self, numbers: Sequence[Any]) -> None:
        self._numbers = [n.astype("float64", copy=False) if hasattr(n, "astype") else float(n) for n in numbers]
        self.arrays = [n for n in self._numbers if type(n) is not float]

    def packed(self, address: Any) -> np.ndarray:
        made = np.zeros(1, self._LAYOUT)
        whole = made[0]
        for i, number in enumerate(self._numbers):
            if type(number) is float:
                whole["value"][i] = number
            else:
                whole["at"][i] = address(number)
        return made


def in_one_order(arrays: Sequence[Any]) -> Sequence[Any] | None:
    """The arrays with their axes in the order in which the first one lies in memory; None if it lies with gaps."""
    first = arrays[0]
    if not first.flags.c_contiguous:
        strides = first.strides
        order = sorted(range(first.ndim), key=lambda i: -strides[i])
        arrays = [None if a is None else a.transpose(order) for a in arrays]
        if not arrays[0].flags.c_contiguous:
            return None
    return arrays
