"""Checks that do not wait: a device that works on its own is asked later whether its indices were in range.

CuPy wraps an index array's values that are out of range without a word, and looking at them at once would make the host
wait for the device at every look-up. So the device looks at them and keeps what it found; when the host next waits for
the device anyway (``item``, ``cpu``, ``synchronize``, printing), it reads that, and the error is raised there, with the
name of the function that was given the index.

Where the device has kernels, one of them notes the first index that is out of range (`record`); elsewhere the smallest
and the largest value of each index are kept (`pending`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Backend, index_message
from .capture import current, refuse_wait

_MOST = 1024
"""So many checks are kept before the host waits for them."""


class DeferringBackend(Backend):
    """A backend whose device works on its own. It defines ``fetch`` and ``wait`` in place of ``to_host`` and others."""

    checks_indices = False

    record: Any = None
    """What looks at indices by a kernel (``cupy.checks.Record``), where there is one."""

    scatter: Any = None
    """What reduces at indices by kernels (``cupy.indexing.Scatter``), where there are some."""

    def __init__(self) -> None:
        self.pending: list[tuple[Any, Any, int, int, str, type[Exception]]] = []

    def fetch(self, array: Any) -> np.ndarray:
        """The values of ``array`` as a NumPy array."""
        raise NotImplementedError

    def wait(self, index: int | None) -> None:
        """Wait until all work given to the device is done."""

    def check_index(
        self,
        index: Any,
        size: int,
        function: str,
        error: type[Exception] = IndexError,
        low: int | None = None,
        passed: int | None = None,
    ) -> None:
        while hasattr(index, "raw"):  # all examples of a batched array
            index = index.raw
        if not index.size:
            return
        low = -size if low is None else low
        if self.record is not None and self.record.ready(index):
            return self.record.look(index, low, size, function, error, passed)
        if passed is not None:
            index = index * (index != passed)
        if current.capture is not None:
            return current.capture.check(index, low, size, function, error)
        self.pending.append((index.min(), index.max(), low, size, function, error))
        if len(self.pending) >= _MOST:
            self.raise_pending()

    def along(self, where: Any, axis: int, size: int, function: str) -> tuple[Any, ...]:
        if self.scatter is None or not isinstance(where, self.array_type):
            return super().along(where, axis, size, function)
        self.check_index(where, size, function, RuntimeError, low=0)
        index: tuple[Any, ...] = self.scatter.along(where, axis)
        return index

    def reduce_at(self, kind: str, x: Any, index: Any, values: Any) -> bool:
        return self.scatter is not None and self.scatter.reduce_at(kind, x, index, values)

    def raise_pending(self, certain: bool = False) -> None:
        """Look at the checks that are due (all that there are, if ``certain``); raise for the first that failed and
        forget the others."""
        failure = None if self.record is None else self.record.failure(certain)
        if self.pending:
            pending, self.pending = self.pending, []
            failure = failure or self._failure_among(pending)
        if failure is not None:
            raise failure

    def _failure_among(self, pending: list[tuple[Any, Any, int, int, str, type[Exception]]]) -> Exception | None:
        for least, most, low, size, function, error in pending:
            smallest, largest = int(self.fetch(least)), int(self.fetch(most))
            if smallest < low or largest >= size:
                return error(index_message(function, largest if largest >= size else smallest, low, size))
        return None

    def to_host(self, array: Any) -> np.ndarray:
        refuse_wait("a copy to the CPU")
        self.raise_pending()
        return self.fetch(array)

    def to_scalar(self, array: Any) -> Any:
        refuse_wait("item()")
        self.raise_pending()
        return self.fetch(array).item()

    def synchronize(self, index: int | None = None) -> None:
        refuse_wait("synchronize()")
        self.wait(index)
        self.raise_pending(certain=True)
