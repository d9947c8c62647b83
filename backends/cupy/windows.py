"""Arguments that the kernels over windows share (``kernels/windows.cuh``)."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

Ints = tuple[int, ...]

NARROW = 1 << 30
"""Below so many elements kernels count in 32 bits; a step of the whole grid then cannot overflow."""


@functools.lru_cache(1024)
def windows(sizes: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> tuple[Any, ...]:
    """The eighteen numbers ``WINDOWS``: sizes of input and output, taps, step, padding in front, dilation by axis."""
    missing = 3 - len(sizes)
    axes = [(1, 1, 1, 1, 0, 1)] * missing + list(zip(sizes, out, kernel, stride, padding, dilation, strict=True))
    return tuple(np.int32(value) for axis in axes for value in axis)


@functools.lru_cache(1024)
def fits(sizes: Ints, out: Ints, kernel: Ints, stride: Ints, dilation: Ints) -> bool:
    """Whether every product of these numbers stays within 32 bits along each axis."""
    return all(
        n < NARROW and o * s < NARROW and k * d < NARROW
        for n, o, k, s, d in zip(sizes, out, kernel, stride, dilation, strict=True)
    )


def counter(*sizes: int) -> str:
    """The type of a kernel's element numbers, ``I``."""
    return "int32" if max(sizes) < NARROW else "int64"


class Table:
    """Numbers made on the host that kernels read; copied to each device that asks for them, and kept."""

    def __init__(self, numbers: Any, dtype: Any = np.int32) -> None:
        self.host = np.ascontiguousarray(numbers, dtype)
        self._copies: dict[Any, Any] = {}

    def __len__(self) -> int:
        return len(self.host)

    def on(self, gpu: Any, like: Any) -> Any:
        """The numbers on the device of ``like``."""
        key = gpu, like.device.id if hasattr(like, "device") else None
        found = self._copies.get(key)
        if found is None:
            found = self._copies[key] = gpu.xp.asarray(self.host)
        return found
