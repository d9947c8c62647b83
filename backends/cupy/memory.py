"""The memory of CUDA devices: what is in use, the peaks, and what happens when there is none left.

CuPy's pool tells what it holds and what is in use now; it keeps no peak and counts nothing. Peaks can only change when
memory is taken, so the pool's ``malloc`` is called through a function of ours that looks at two figures afterwards. It
is the function that CuPy calls for each array anyway (``cupy.cuda.set_allocator``), which costs one Python call less
than a ``MemoryHook`` would, whose methods run before and after each call for taking and for giving back.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..capture import current
from ..errors import OutOfMemoryError, no_memory
from ..release import release


class _Figures:
    """What is counted for one device: bytes and blocks taken so far, the bytes in use when counting began, peaks."""

    __slots__ = ("before", "count", "ooms", "peak", "reserved_peak", "retries", "taken")

    def __init__(self, before: int) -> None:
        self.before = self.peak = before
        self.taken = self.count = self.reserved_peak = self.ooms = self.retries = 0


class PrivatePool:
    """A pool of its own, for memory that must not be given to others (of a captured graph); it counts in the figures.

    Attributes:
        pool: CuPy's pool. malloc: the allocator for ``cupy.cuda.using_allocator``.
    """

    def __init__(self, pool: Any, malloc: Callable[[int], Any]) -> None:
        self.pool = pool
        self.malloc = malloc


class PoolMemory:
    """The figures of CuPy's memory pool, and its allocator.

    Args:
        cupy: the CuPy module.
    """

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self._figures: dict[int, _Figures] = {}
        self._private: list[weakref.ref[PrivatePool]] = []
        self._limits: dict[int, tuple[float, int]] = {}
        self._malloc: Callable[[int], Any] | None = None
        self._error: type[OutOfMemoryError] | None = None
        self.lent = LentMemory(cupy)

    # The allocator

    def install(self) -> None:
        """Have CuPy take memory through us, unless the program has given it an allocator of its own."""
        if self._malloc is not None:
            return
        pool, cuda = self._cupy.get_default_memory_pool(), self._cupy.cuda
        if cuda.get_allocator() == pool.malloc:
            allocator = self._metered(pool)
            with suppress(ValueError):  # inside `using_allocator`: the next question for figures tries again
                cuda.set_allocator(allocator)
                self._malloc = allocator

    def _metered(self, pool: Any) -> Callable[[int], Any]:
        """``pool.malloc``, with the figures brought up to date and errors that say what to do."""
        take, used, total = pool.malloc, self._used, self._total
        default = self._cupy.get_default_memory_pool()
        default_used, default_total = default.used_bytes, default.total_bytes
        figures, first, private = self._figures, self._first, self._private
        leaving, waiting = self.lent.leaving, self.lent.waiting
        no_memory_left = self._cupy.cuda.memory.OutOfMemoryError

        def malloc(size: int) -> Any:
            # No lock: nothing between a comparison and its assignment lets another thread run. A peak that lasts less
            # than the step from one thread to the next may go unseen.
            if (leaving or waiting) and current.capture is None:  # a graph would take the events in
                self.lent.settle()
            try:
                pointer = take(size)
            except no_memory_left:
                pointer = self._again(take, size)
            f = figures.get(pointer.device_id) or first(pointer)
            f.taken += pointer.mem.size
            f.count += 1
            now = used() if private else default_used()
            if now > f.peak:
                f.peak = now
            now = total() if private else default_total()
            if now > f.reserved_peak:
                f.reserved_peak = now
            return pointer

        return malloc

    def _first(self, pointer: Any) -> _Figures:
        """The figures of a device where the first memory was just taken."""
        return self._of(pointer.device_id, self._used() - pointer.mem.size)

    def _of(self, index: int, used: int) -> _Figures:
        return self._figures.setdefault(index, _Figures(used))

    def _pools(self) -> list[Any]:
        owners = [reference() for reference in self._private]
        return [self._cupy.get_default_memory_pool(), *(owner.pool for owner in owners if owner is not None)]

    def _used(self) -> int:
        return sum(pool.used_bytes() for pool in self._pools())

    def _total(self) -> int:
        return sum(pool.total_bytes() for pool in self._pools())

    def _again(self, take: Callable[[int], Any], size: int) -> Any:
        """Memory after what can be freed was freed.

        CuPy's pool has given its free blocks back by now, and has collected garbage.
        """
        index = self._cupy.cuda.runtime.getDevice()
        f = self._of(index, self._used())
        f.retries += 1
        release()
        self.lent.settle(wait=True)
        self._cupy.get_default_memory_pool().free_all_blocks()
        try:
            return take(size)
        except self._cupy.cuda.memory.OutOfMemoryError:
            f.ooms += 1
        raise self.error(size, index)

    def error(self, size: int, index: int) -> OutOfMemoryError:
        """The error for memory that is not there, which is CuPy's own as well."""
        if self._error is None:
            self._error = _error_class(self._cupy.cuda.memory.OutOfMemoryError)
        free = total = None
        with suppress(self._cupy.cuda.runtime.CUDARuntimeError):  # no context can be made where nothing is free
            free, total = self._cupy.cuda.runtime.memGetInfo()
        limit = self._cupy.get_default_memory_pool().get_limit()
        text = no_memory("CUDA", size, f"GPU {index}", total, free, limit, self._used(), self._total())
        return self._error(text)

    def private_pool(self) -> PrivatePool:
        """A pool besides CuPy's own; it is part of the figures as long as the result lives."""
        pool = self._cupy.cuda.MemoryPool()
        made = PrivatePool(pool, self._metered(pool))
        self._private.append(weakref.ref(made, self._private.remove))
        return made

    # Figures, of the current device

    def used(self) -> int:
        """Bytes that arrays hold."""
        return self._used()

    def reserved(self) -> int:
        """Bytes that the pools have taken from the device."""
        return self._total()

    def _current(self) -> tuple[_Figures, int, int]:
        """The figures of the current device, with the bytes in use and reserved now, which peaks include."""
        self.install()
        used, reserved = self._used(), self._total()
        f = self._of(self._cupy.cuda.runtime.getDevice(), used)
        f.peak, f.reserved_peak = max(f.peak, used), max(f.reserved_peak, reserved)
        return f, used, reserved

    def stats(self) -> dict[str, int]:
        """PyTorch's figures that CuPy's pool lets us know."""
        f, used, reserved = self._current()
        stats = {"allocation.all.allocated": f.count}
        for name in ("active_bytes", "allocated_bytes"):
            stats[f"{name}.all.allocated"] = f.taken
            stats[f"{name}.all.current"] = used
            stats[f"{name}.all.freed"] = f.taken + f.before - used
            stats[f"{name}.all.peak"] = f.peak
        return stats | {
            "num_alloc_retries": f.retries,
            "num_ooms": f.ooms,
            "reserved_bytes.all.current": reserved,
            "reserved_bytes.all.peak": f.reserved_peak,
        }

    def reset_peak(self) -> None:
        """Let peaks begin anew, at what is in use now."""
        f, used, reserved = self._current()
        f.peak, f.reserved_peak = used, reserved

    def reset_counts(self) -> None:
        """Let what is counted begin anew."""
        f, used, _ = self._current()
        f.before = used
        f.taken = f.count = f.ooms = f.retries = 0

    def free_cache(self) -> None:
        """Give what no array uses back to the device, and pinned memory to the host."""
        self._current()
        self.lent.settle()
        self._cupy.get_default_memory_pool().free_all_blocks()
        self._cupy.get_default_pinned_memory_pool().free_all_blocks()

    def set_fraction(self, fraction: float) -> None:
        """Let the pool take no more than this part of the device's memory."""
        # 0 would be no limit at all for CuPy.
        limit = max(1, int(fraction * self._cupy.cuda.runtime.memGetInfo()[1]))
        self._cupy.get_default_memory_pool().set_limit(size=limit)
        self._limits[self._cupy.cuda.runtime.getDevice()] = fraction, limit

    def fraction(self) -> float:
        """The part of the device's memory that the pool may take."""
        limit = self._cupy.get_default_memory_pool().get_limit()
        fraction, ours = self._limits.get(self._cupy.cuda.runtime.getDevice(), (1.0, 0))
        if limit == ours or not limit:
            return fraction if limit else 1.0
        return limit / self._cupy.cuda.runtime.memGetInfo()[1]


def _error_class(theirs: type[MemoryError]) -> type[OutOfMemoryError]:
    class CudaOutOfMemoryError(OutOfMemoryError, theirs):  # type: ignore[misc, valid-type]
        """PyTorch's error and CuPy's in one."""

        def __init__(self, text: str) -> None:
            Exception.__init__(self, text)

        def __reduce__(self) -> tuple[Any, ...]:
            return OutOfMemoryError, self.args

    CudaOutOfMemoryError.__name__ = CudaOutOfMemoryError.__qualname__ = "OutOfMemoryError"
    CudaOutOfMemoryError.__module__ = OutOfMemoryError.__module__
    return CudaOutOfMemoryError


# Memory that streams use which did not allocate it


class _Loan(weakref.ref):
    """A reference to an array whose memory other streams use."""

    __slots__ = ("index", "key", "memory", "streams")

    key: int
    memory: Any
    streams: dict[int, Any]
    index: int


class LentMemory:
    """Memory that streams use besides the one that allocated it (``Tensor.record_stream``).

    CuPy's pool gives a freed block to the next allocation on the same stream at once, since what is queued there runs
    later than the last use. That is wrong for a block that another stream still reads. So such a block is kept when its
    array dies, an event is put into each stream that used it, and it goes back to the pool when all have passed.

    No Python code runs when the array dies, only ``deque.append``; events are recorded at the next allocation, which is
    the first that could be given the block.
    """

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self._loans: dict[int, _Loan] = {}
        self.leaving: deque[_Loan] = deque()
        self.waiting: list[tuple[list[Any], Any]] = []

    def record(self, array: Any, stream: Any, index: int) -> None:
        """Keep the memory of ``array`` until what ``stream`` has to do when the array dies is done."""
        owner = array if array.base is None else array.base
        loan = self._loans.get(id(owner))
        if loan is None or loan() is not owner:
            loan = _Loan(owner, self.leaving.append)
            loan.key, loan.memory, loan.streams, loan.index = id(owner), owner.data, {}, index
            self._loans[loan.key] = loan
        loan.streams[stream.ptr] = stream

    def settle(self, wait: bool = False) -> None:
        """Record events for arrays that have died, and give back what all streams are done with; ``wait`` for it."""
        while self.leaving:
            loan = self.leaving.popleft()
            if self._loans.get(loan.key) is loan:  # else an array in the same place is on loan already
                del self._loans[loan.key]
            with self._cupy.cuda.Device(loan.index):
                events = [self._cupy.cuda.Event(disable_timing=True) for _ in loan.streams]
            for event, stream in zip(events, loan.streams.values(), strict=True):
                event.record(stream)
            self.waiting.append((events, loan.memory))
        if wait:
            for events, _ in self.waiting:
                for event in events:
                    event.synchronize()
        self.waiting[:] = [(events, memory) for events, memory in self.waiting if not all(e.done for e in events)]
