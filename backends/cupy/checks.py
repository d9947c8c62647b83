"""Checks of indices on the device: one launch looks at them, and notes the first that is out of range."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import index_message
from ..capture import current
from .launch import THREADS, blocks_for

_LIMITS = np.iinfo(np.int64)
_NOTHING = np.array([0, _LIMITS.min, _LIMITS.max, 0, 0])
"""What a record says where no check has failed: its number, the largest and the smallest index, low, size."""


class Record:
    """What failed on each device, in a small array there, and the functions that its numbers stand for.

    A function has one number, so that nothing grows however many checks are made, the host never has to wait for
    them, and a graph that was captured can make them again at each replay.

    Attributes:
        due: whether a check may have been made that the host has not looked at.
    """

    def __init__(self, gpu: Any, backend: Any) -> None:
        self.due = False
        self._gpu, self._backend = gpu, backend
        self._arrays: dict[int | None, Any] = {}
        self._numbers: dict[tuple[str, type[Exception]], int] = {}
        self._known: list[tuple[str, type[Exception]]] = []

    def ready(self, index: Any) -> bool:
        """Whether it can look at ``index`` now: a graph that is captured cannot make the array on its device."""
        return current.capture is None or self._backend.index_of(index) in self._arrays

    def look(
        self, index: Any, low: int, size: int, function: str, error: type[Exception], passed: int | None = None
    ) -> None:
        """Note an index outside [low, size) that is not ``passed``. Does not wait for the device."""
        array, number = self.for_kernel(index, function, error)
        if index.dtype.name not in ("int32", "int64"):
            index = index.astype("int64")
        range_of = (low, size, np.int32(passed is not None), passed or 0)
        with self._backend.use(self._backend.index_of(index)):
            index = self._gpu.xp.ascontiguousarray(index)
            arguments = (index, index.size, *range_of, array, number)
            self._gpu.launch("checks", "check_index", blocks_for(index.size), THREADS, *arguments, K=index.dtype)

    def for_kernel(self, index: Any, function: str, error: type[Exception]) -> tuple[Any, int]:
        """What a kernel that looks at ``index`` on its way takes for ``note_bad``: the array and the check's number."""
        device = self._backend.index_of(index)
        array = self._arrays.get(device)
        if array is None:
            array = self._arrays[device] = self._backend.from_host(_NOTHING, device)
        self.due = True
        if current.capture is not None:
            current.capture.looks = True
        return array, self._number(function, error)

    def _number(self, function: str, error: type[Exception]) -> int:
        number = self._numbers.get((function, error))
        if number is None:
            self._known.append((function, error))
            number = self._numbers[function, error] = len(self._known)
        return number

    def failure(self, certain: bool = False) -> Exception | None:
        """The error of the first check that failed since the last call. Waits for the device if there were any.

        Args:
            certain: look even if no check is due: another stream may have made one after the last look.
        """
        if not (self.due or certain):
            return None
        self.due = False
        found: Exception | None = None
        for device, array in self._arrays.items():
            number, largest, smallest, low, size = (int(value) for value in self._backend.fetch(array))
            if not number:
                continue
            with self._backend.use(device):
                self._backend.write(array, _NOTHING)  # graphs hold this very array
            if found is None:
                function, error = self._known[number - 1]
                found = error(index_message(function, largest if largest >= size else smallest, low, size))
        return found
