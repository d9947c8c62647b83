"""The CPU: NumPy arrays."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._lazy import Late
from ..base import Backend
from ..kernels import Override
from ..registry import backend_for, register_backend

if TYPE_CHECKING:
    from . import first_use as _first_use
    from . import memory as _memory
    from . import positions as _positions
else:
    for _name in ("first_use", "memory", "positions"):
        globals()[f"_{_name}"] = Late(globals(), f"_{_name}", f"{__name__}.{_name}")

_LEAST = 1 << 14
"""From so many positions on compiled code looks at them on its way."""


class NumpyBackend(Backend):
    """NumPy on the CPU."""

    name = "cpu"
    array_type = np.ndarray

    def __getattr__(self, name: str) -> Any:
        if name != "xp":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        from .namespace import xp

        _memory.keep()
        self.xp = xp
        return xp

    def from_host(self, array: np.ndarray, index: int | None = None) -> np.ndarray:
        return np.array(array)

    def to_host(self, array: np.ndarray) -> np.ndarray:
        return array

    def to_scalar(self, array: np.ndarray) -> Any:
        return array.item()

    def positions(self, mask: np.ndarray) -> np.ndarray:
        return np.flatnonzero(mask)

    def are_indices(self, index: Any, size: int) -> bool:
        """In one pass: seen as unsigned, negative numbers are larger than any size."""
        if type(index) is not np.ndarray:
            return super().are_indices(index, size)
        return bool(index.view(f"u{index.itemsize}").max() < size)

    def check_index(
        self,
        index: np.ndarray,
        size: int,
        function: str,
        error: type[Exception] = IndexError,
        low: int | None = None,
        passed: int | None = None,
    ) -> None:
        if low == 0 and index.dtype == np.int64 and index.size and self.are_indices(index, size):
            return
        super().check_index(index, size, function, error, low, passed)

    def along(self, where: np.ndarray, axis: int, size: int, function: str) -> tuple[Any, ...]:
        if not _positions.offered_along or type(where) is not np.ndarray or not _first_use.worth(where.size, _LEAST):
            return super().along(where, axis, size, function)
        return _positions.Along.make(where, axis, lambda: self.check_index(where, size, function, RuntimeError, low=0))

    def reduce_at(self, kind: str, x: np.ndarray, index: Any, values: Any) -> bool:
        if type(values) is not np.ndarray:
            return False
        _positions.scatter(getattr(np, kind), x, index, values)
        return True

    def device_name(self, index: int | None = None) -> str:
        return platform.processor() or platform.machine()

    def memory_allocated(self, index: int | None = None) -> int:
        """Bytes that malloc has given out in the whole process; 0 where it cannot be asked."""
        return (_memory.statistics() or {"allocated": 0})["allocated"]

    def memory_reserved(self, index: int | None = None) -> int:
        """Bytes that malloc holds."""
        return (_memory.statistics() or {"reserved": 0})["reserved"]

    def empty_cache(self) -> None:
        _memory.give_back()

    def memory_info(self, index: int | None = None) -> tuple[int, int]:
        page = os.sysconf("SC_PAGE_SIZE")
        return os.sysconf("SC_AVPHYS_PAGES") * page, os.sysconf("SC_PHYS_PAGES") * page


def _overrides() -> dict[str, Override]:
    """NumPy's kernels, those of ``compiled/`` above them where numba is installed."""
    from . import plain as plain
    from .kernels import OVERRIDES

    if _first_use.available():
        from . import compiled as compiled
    return OVERRIDES


def register() -> None:
    """Add the CPU to the registry. What it computes with loads at the first operation."""
    register_backend(NumpyBackend(), _overrides)


def __getattr__(name: str) -> Any:
    if name != "xp":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return backend_for("cpu").xp
