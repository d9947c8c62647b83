"""Checks that do not wait: a device that works on its own is asked later whether its indices were in range.

CuPy wraps an index array's values that are out of range without a word, and looking at them at once would make the host
wait for the device at every look-up. So the smallest and the largest value are worked out on the device and kept; when
the host next waits for the device anyway (``item``, ``cpu``, ``synchronize``, printing), they are looked at, and the
error is raised there, with the name of the function that was given the index.
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

    def __init__(self) -> None:
        self.pending: list[tuple[Any, Any, int, int, str, type[Exception]]] = []

    def fetch(self, array: Any) -> np.ndarray:
        """The values of ``array`` as a NumPy array."""
        raise NotImplementedError

    def wait(self, index: int | None) -> None:
        """Wait until all work given to the device is done."""

    def check_index(
        self, index: Any, size: int, function: str, error: type[Exception] = IndexError, low: int | None = None
    ) -> None:
        while hasattr(index, "raw"):  # all examples of a batched array
            index = index.raw
        if index.size:
            low = -size if low is None else low
            if current.capture is not None:
                return current.capture.check(index, low, size, function, error)
            self.pending.append((index.min(), index.max(), low, size, function, error))
            if len(self.pending) >= _MOST:
                self.raise_pending()

    def raise_pending(self) -> None:
        """Look at the checks that are due; raise for the first that failed and forget the others."""
        if not self.pending:
            return
        pending, self.pending = self.pending, []
        for least, most, low, size, function, error in pending:
            smallest, largest = int(self.fetch(least)), int(self.fetch(most))
            if smallest < low or largest >= size:
                raise error(index_message(function, largest if largest >= size else smallest, low, size))

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
        self.raise_pending()
