"""What the arrays of the strict device hold, counted exactly; a limit stands for the memory of a GPU."""

from __future__ import annotations

import collections
import threading
import weakref
from typing import Any

from ..errors import OutOfMemoryError, no_memory
from ..release import release


class _Owner(weakref.ref):
    """A reference to an array that owns memory, with the number of its bytes."""

    __slots__ = ("nbytes",)

    nbytes: int


class Memory:
    """Bytes that live arrays own, as CuPy's pool would hold them: it keeps what was freed until ``free_cache``.

    No Python code runs when an array dies, only ``deque.append``: Python drops an exception raised in a finaliser, and
    a Ctrl-C that arrived there would be lost.

    Attributes:
        limit: the most bytes that arrays may hold; 0 for no limit. An array beyond it raises OutOfMemoryError.
    """

    def __init__(self) -> None:
        self.limit = 0
        self._live = self._peak = self._reserved = self._reserved_peak = 0
        self._most = self._taken = self._before = self._count = self._count_before = 0
        self._ooms = self._retries = 0
        self._owners: dict[int, _Owner] = {}
        self._dead: collections.deque[_Owner] = collections.deque()
        self._lock = threading.RLock()

    def add(self, array: Any, nbytes: int) -> None:
        """Count a new array.

        Raises:
            OutOfMemoryError: the limit allows no more.
        """
        owner = _Owner(array, self._dead.append)
        owner.nbytes = nbytes
        with self._lock:
            self._forget_dead()
            if self.limit and self._live + nbytes > self.limit:
                self._make_room(nbytes)
            self._owners[id(owner)] = owner
            self._live += nbytes
            self._taken += nbytes
            self._count += 1
            if self._live > self._peak:
                self._peak = self._live
            if len(self._owners) > self._most:
                self._most = len(self._owners)
            if self._live > self._reserved:
                self._reserved = self._live
                self._reserved_peak = max(self._reserved_peak, self._live)

    def _forget_dead(self) -> None:
        while self._dead:
            owner = self._dead.popleft()
            del self._owners[id(owner)]
            self._live -= owner.nbytes

    def _make_room(self, nbytes: int) -> None:
        self._retries += 1
        release()
        self.free_cache()
        if self._live + nbytes > self.limit:
            self._ooms += 1
            free = max(0, self.limit - self._live)
            text = no_memory("strict", nbytes, "The device", self.limit, free, self.limit, self._live, self._reserved)
            raise OutOfMemoryError(text)

    @property
    def live(self) -> int:
        """Bytes that arrays own now."""
        with self._lock:
            self._forget_dead()
            return self._live

    @property
    def reserved(self) -> int:
        """Bytes that a pool would hold now."""
        return self._reserved

    def free_cache(self) -> None:
        """Keep nothing but what arrays own."""
        self._reserved = self.live

    def stats(self) -> dict[str, int]:
        """PyTorch's figures."""
        with self._lock:
            self._forget_dead()
            stats = {
                "allocation.all.allocated": self._count,
                "allocation.all.current": len(self._owners),
                "allocation.all.freed": self._count + self._count_before - len(self._owners),
                "allocation.all.peak": self._most,
            }
            for name in ("active_bytes", "allocated_bytes"):
                stats[f"{name}.all.allocated"] = self._taken
                stats[f"{name}.all.current"] = self._live
                stats[f"{name}.all.freed"] = self._taken + self._before - self._live
                stats[f"{name}.all.peak"] = self._peak
            return stats | {
                "num_alloc_retries": self._retries,
                "num_ooms": self._ooms,
                "reserved_bytes.all.current": self._reserved,
                "reserved_bytes.all.peak": self._reserved_peak,
            }

    def reset_peak(self) -> None:
        """Let peaks begin anew, at what is in use now."""
        with self._lock:
            self._peak, self._reserved_peak, self._most = self.live, self._reserved, len(self._owners)

    def reset_counts(self) -> None:
        """Let what is counted begin anew."""
        with self._lock:
            self._before, self._count_before = self.live, len(self._owners)
            self._taken = self._count = self._ooms = self._retries = 0


memory = Memory()
"""Of this process."""
