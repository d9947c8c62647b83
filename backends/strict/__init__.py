"""The strict device: NumPy behind CuPy's interface and restrictions, so that device bugs show without a GPU.

A tensor on ``strict`` computes on the CPU, but its array refuses what a CuPy array refuses (NumPy arrays, implicit
conversion, functions that CuPy lacks), and every time the host waits for the device is counted::

    from nnlite.backends.strict import forbid_synchronize, sync_count

    with forbid_synchronize():
        train_step(model.to("strict"))      # raises where a training step would stall a GPU
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..capture import refuse_upload
from ..deferred import DeferringBackend
from ..kernels import Override
from ..registry import register_backend
from .array import StrictArray, from_host
from .memory import memory
from .namespace import xp
from .recording import Tape, scalar_from_host
from .sync import DeviceSynchronizedError, SyncCounter, forbid_synchronize, sync_count

__all__ = [
    "DeviceSynchronizedError",
    "StrictArray",
    "StrictBackend",
    "SyncCounter",
    "forbid_synchronize",
    "sync_count",
    "xp",
]


class StrictBackend(DeferringBackend):
    """The stand-in for a CUDA device."""

    name = "strict"
    array_type = StrictArray
    draws_again = True
    xp = xp

    def from_host(self, array: np.ndarray, index: int | None = None) -> StrictArray:
        if not array.ndim:
            return scalar_from_host(array)
        refuse_upload("a copy of a tensor of the CPU")
        return from_host(array)

    def write(self, array: StrictArray, values: np.ndarray) -> None:
        array.set(values)

    def make_capture(self, index: int | None = None, pool: Any = None) -> Tape:
        return Tape(self, index, pool)

    def fetch(self, array: StrictArray) -> np.ndarray:
        return array.get(order="A")

    def device_name(self, index: int | None = None) -> str:
        return "strict (NumPy behind CuPy's interface)"

    def memory_allocated(self, index: int | None = None) -> int:
        return memory.live

    def memory_reserved(self, index: int | None = None) -> int:
        return memory.reserved

    def memory_stats(self, index: int | None = None) -> dict[str, int]:
        return memory.stats()

    def reset_peak_memory(self, index: int | None = None) -> None:
        memory.reset_peak()

    def reset_counted_memory(self, index: int | None = None) -> None:
        memory.reset_counts()

    def empty_cache(self) -> None:
        memory.free_cache()

    def limit_memory(self, fraction: float, index: int | None = None) -> None:
        memory.limit = 0 if fraction == 1 else max(1, int(fraction * self.memory_info()[1]))

    def memory_limit(self, index: int | None = None) -> float:
        return memory.limit / self.memory_info()[1] if memory.limit else 1.0

    def memory_info(self, index: int | None = None) -> tuple[int, int]:
        page = os.sysconf("SC_PAGE_SIZE")
        return os.sysconf("SC_AVPHYS_PAGES") * page, os.sysconf("SC_PHYS_PAGES") * page


def register() -> None:
    """Add the strict device to the registry."""
    backend = StrictBackend()
    kernels = _kernels(backend)
    backend.adds_products = bool(kernels)
    register_backend(backend, kernels)


def _kernels(backend: StrictBackend) -> dict[str, Override]:
    """None of its own: the generic bodies are what this device is there to check. ``NNLITE_EMULATE_CUDA=1`` gives it
    those of CUDA, run on the CPU."""
    if os.environ.get("NNLITE_EMULATE_CUDA", "") in ("", "0"):
        return {}
    from .emulator import overrides

    return overrides(backend)
