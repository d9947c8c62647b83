"""Threads that share the parts of a compiled kernel without the interpreter.

To hand a part to a thread of Python's (``threads.py``) takes 60 to 100 us: it sleeps, has to be woken, and then waits
for the interpreter's lock. Here a helper waits in machine code, actively for a while after each part and asleep after
that. The caller's thread calls the body for each part; the calls of kernels in it are recorded (``kernels/entry.py``):
their arguments, taken out of Python's objects, are written down in place of the call, and the helper runs what was
written down. A part that no helper has begun when the caller is done with its own is run by the caller. To hand over a
part and to wait for it takes 3 us.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import threading
from collections.abc import Callable
from typing import Any

from ..threads import count
from ..threads import share as share_calls
from .native import NO_ARGUMENTS, builtin, layouts_fit, machine
from .team_code import BEGIN, DONE, END, FUNCTIONS, LIMIT, SLOT, WAKE, code
from .workspace import kept

_ROOM = 1 << 16
"""Bytes for what one part records."""


@functools.cache
def _functions() -> list[int]:
    """Where the functions of ``team_code.py`` are."""
    return machine().compile(code(), FUNCTIONS)


class _Helper:
    """A thread and the place where its work is put."""

    def __init__(self, number: int) -> None:
        self.memory = ctypes.create_string_buffer(2 * SLOT + _ROOM)
        self.slot = -(-ctypes.addressof(self.memory) // SLOT) * SLOT
        new, take = ctypes.pythonapi.PyThread_allocate_lock, ctypes.pythonapi.PyThread_acquire_lock
        new.restype, take.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int)
        for place in (WAKE, DONE):
            lock = new()
            take(lock, 1)
            self._put(place, lock)
        for place in (BEGIN, END):
            self._put(place, self.slot + SLOT)
        self._put(LIMIT, self.slot + SLOT + _ROOM)
        serve, *others = _functions()
        self.record, self.post, self.finish, self.end = (
            builtin(name, address, NO_ARGUMENTS, self.slot) for name, address in zip(FUNCTIONS[1:], others, strict=True)
        )
        run = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(serve)
        self.thread = threading.Thread(target=run, args=(self.slot,), daemon=True, name=f"nnlite helper {number}")
        self.thread.start()

    def _put(self, place: int, value: int) -> None:
        ctypes.c_uint64.from_address(self.slot + place).value = value


class _Team:
    """The helpers, which work for one thread at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.helpers: list[_Helper] = []

    def helped(self, items: int, body: Callable[[int, int], Any], parts: int) -> None:
        """Call the body for each part, the first of them in this thread; by who has the lock."""
        helpers, places = self.helpers, kept.parts
        while len(helpers) < parts - 1:
            helpers.append(_Helper(len(helpers) + 1))
        while len(places) < parts:
            places.append({})
        failed, part, stop = 0, parts, items
        try:
            while part > 1:
                part -= 1
                helper, start = helpers[part - 1], items * part // parts
                kept.arrays = places[part]
                helper.record()
                body(start, stop)
                helper.post()
                stop = start
            kept.arrays = places[0]
            body(0, stop)
        finally:
            kept.arrays = places[0]
            for helper in helpers[: parts - 1]:
                failed |= helper.finish()
        if failed:
            raise RuntimeError("a compiled kernel failed in a thread that helped")

    def end(self) -> None:
        """Stop the threads, before what they run is taken away."""
        with self.lock:
            for helper in self.helpers:
                helper.end()
            for helper in self.helpers:
                helper.thread.join()
            self.helpers.clear()


_team = _Team()


def _after_fork() -> None:
    """The child has none of the threads."""
    global _team
    _team = _Team()


atexit.register(lambda: _team.end())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _share(items: int, body: Callable[[int, int], Any], grain: int = 1) -> None:
    """Call ``body(start, stop)`` for ranges that cover ``items``, and have a thread of its own run each.

    The body is called in this thread, and calls kernels, which then run in one thread or another: it looks at nothing
    that they compute, and what they write is memory from outside or of :func:`workspace`.

    Args:
        grain: fewer items than this are not worth a thread.
    """
    team = _team
    if items > grain and (threads := count()) > 1 and team.lock.acquire(False):
        try:
            team.helped(items, body, min(threads, -(-items // grain)))
        finally:
            team.lock.release()
    elif items > 0:
        body(0, items)


share = _share if layouts_fit() else share_calls
