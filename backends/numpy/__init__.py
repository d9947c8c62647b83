"""The CPU: NumPy arrays."""

from __future__ import annotations

import importlib
import os
import platform
from typing import Any

import numpy as np

from ..base import Backend
from ..registry import register_backend
from ..release import on_low_memory
from . import activations as activations  # registers its kernels
from . import attention as attention
from . import convolution as convolution
from . import indexing as indexing
from . import memory
from . import normalization as normalization
from . import norms as norms
from . import order as order
from . import recurrent as recurrent
from .first_use import available, worth
from .kernels import OVERRIDES
from .namespace import xp
from .positions import Along, offered_along, scatter

on_low_memory(memory.give_back)

_LEAST = 1 << 14
"""From so many positions on compiled code looks at them on its way."""


class NumpyBackend(Backend):
    """NumPy on the CPU."""

    name = "cpu"
    array_type = np.ndarray
    xp = xp

    def from_host(self, array: np.ndarray, index: int | None = None) -> np.ndarray:
        return np.array(array)

    def to_host(self, array: np.ndarray) -> np.ndarray:
        return array

    def to_scalar(self, array: np.ndarray) -> Any:
        return array.item()

    def positions(self, mask: np.ndarray) -> np.ndarray:
        return np.flatnonzero(mask)

    def check_index(
        self,
        index: np.ndarray,
        size: int,
        function: str,
        error: type[Exception] = IndexError,
        low: int | None = None,
        passed: int | None = None,
    ) -> None:
        # As unsigned numbers the negative ones are the largest: one pass in place of two.
        if low == 0 and index.dtype == np.int64 and index.size and index.view(np.uint64).max() < size:
            return
        super().check_index(index, size, function, error, low, passed)

    def along(self, where: np.ndarray, axis: int, size: int, function: str) -> tuple[Any, ...]:
        if not offered_along or type(where) is not np.ndarray or not worth(where.size, _LEAST):
            return super().along(where, axis, size, function)
        return Along.make(where, axis, lambda: self.check_index(where, size, function, RuntimeError, low=0))

    def reduce_at(self, kind: str, x: np.ndarray, index: Any, values: Any) -> bool:
        if type(values) is not np.ndarray:
            return False
        scatter(getattr(np, kind), x, index, values)
        return True

    def device_name(self, index: int | None = None) -> str:
        return platform.processor() or platform.machine()

    def memory_allocated(self, index: int | None = None) -> int:
        """Bytes that malloc has given out in the whole process; 0 where it cannot be asked."""
        return (memory.statistics() or {"allocated": 0})["allocated"]

    def memory_reserved(self, index: int | None = None) -> int:
        """Bytes that malloc holds."""
        return (memory.statistics() or {"reserved": 0})["reserved"]

    def empty_cache(self) -> None:
        memory.give_back()

    def memory_info(self, index: int | None = None) -> tuple[int, int]:
        page = os.sysconf("SC_PAGE_SIZE")
        return os.sysconf("SC_AVPHYS_PAGES") * page, os.sysconf("SC_PHYS_PAGES") * page


def register() -> None:
    """Add the CPU to the registry, with the compiled kernels where numba is installed."""
    if available():
        importlib.import_module(f"{__package__}.compiled")
    memory.keep()
    register_backend(NumpyBackend(), OVERRIDES)
