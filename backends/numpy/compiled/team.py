"""Threads that share the parts of a compiled kernel without the interpreter.

To hand a part to a thread of Python's (``threads.py``) takes 60 to 100 us: it sleeps, has to be woken, and then waits
for the interpreter's lock. Here a helper waits in machine code, actively for a while after each part and asleep after
that. The caller's thread calls the body for each part; the calls of kernels in it are recorded (``kernels/entry.py``):
their arguments, taken out of Python's objects, are written down in place of the call, and the helper runs what was
written down. A part that no helper has begun when the caller is done with its own is run by the caller. To hand over a
part and to wait for it takes 3 us.

What Python runs in between by itself, the handler of a signal or a finalizer, is recorded too if it calls kernels.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from ..threads import count
from ..threads import share as share_calls
from .native import NO_ARGUMENTS, builtin, forget_recording, layouts_fit, machine
from .team_code import BEGIN, DONE, END, FUNCTIONS, LIMIT, NEXT, SLOT, WAKE, code
from .workspace import kept

_ROOM = 1 << 16
"""Bytes for what one part records."""


_python: Any = ctypes.PyDLL(None, handle=ctypes.pythonapi._handle)
_python.PyThread_allocate_lock.restype = ctypes.c_void_p
_python.PyThread_acquire_lock.argtypes = (ctypes.c_void_p, ctypes.c_int)
_python.PyThread_start_new_thread.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_python.PyThread_start_new_thread.restype = ctypes.c_ulong
_NO_THREAD = ctypes.c_ulong(-1).value


@functools.cache
def _functions() -> list[int]:
    """Where the functions of ``team_code.py`` are."""
    return machine().compile(code(), FUNCTIONS)


_memory: list[Any] = []
"""What helpers look at as long as they live."""


class _Helper:
    """A thread and the place where its work is put. The thread is none of Python's, which may not be started at the
    interpreter's end, and which other packages replace."""

    def __init__(self) -> None:
        memory = ctypes.create_string_buffer(2 * SLOT + _ROOM)
        _memory.append(memory)
        self.slot = -(-ctypes.addressof(memory) // SLOT) * SLOT
        for place in (WAKE, DONE):
            lock = _python.PyThread_allocate_lock()
            _python.PyThread_acquire_lock(lock, 1)
            self._put(place, lock)
        for place in (BEGIN, END):
            self._put(place, self.slot + SLOT)
        self._put(LIMIT, self.slot + SLOT + _ROOM)
        serve, *others = _functions()
        self.record, self.post, self.finish, self.end = (
            builtin(name, address, NO_ARGUMENTS, self.slot) for name, address in zip(FUNCTIONS[1:], others, strict=True)
        )
        self.runs = _python.PyThread_start_new_thread(serve, self.slot) != _NO_THREAD

    def followed_by(self, helper: _Helper) -> None:
        """`finish` sees to that one too."""
        self._put(NEXT, helper.slot)

    def wait_for_end(self) -> None:
        _python.PyThread_acquire_lock(ctypes.c_void_p.from_address(self.slot + DONE), 1)

    def _put(self, place: int, value: int) -> None:
        ctypes.c_uint64.from_address(self.slot + place).value = value


class _Team:
    """The helpers, which work for one thread at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.helpers: list[_Helper] = []
        self.most = 1 << 30
        """Helpers that there may be."""
        self.busy = False

    def parts(self, wanted: int) -> int:
        """How many parts there are threads for."""
        if wanted - 1 <= len(self.helpers):
            return wanted
        with self.lock:
            helpers = self.helpers
            while len(helpers) < min(wanted - 1, self.most):
                helper = _Helper()
                if not helper.runs:  # the system has no more threads
                    self.most = len(helpers)
                    break
                if helpers:
                    helpers[-1].followed_by(helper)
                helpers.append(helper)
            return min(wanted, len(helpers) + 1)

    def work(self, items: int, body: Callable[[int, int], Any], parts: int) -> None:
        """Call the body for each part, the first of them in this thread."""
        helpers, places, part, stop = self.helpers, kept.parts, parts, items
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

    def end(self) -> None:
        """Stop the threads, before what they run is taken away. From here on there is no help."""
        self.most, patience = 0, 1000
        while self.busy and patience:  # a thread that the interpreter does not wait for
            time.sleep(1e-3)
            patience -= 1
        if self.busy:
            return
        self.busy = True
        for helper in self.helpers:
            helper.end()
        for helper in self.helpers:
            helper.wait_for_end()


_team = _Team()


def _after_fork() -> None:
    """The child has none of the threads."""
    global _team
    _team = _Team()
    forget_recording()


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
    team, parts = _team, 1
    if items > grain and (threads := count()) > 1:
        parts = team.parts(min(threads, -(-items // grain)))
    if parts == 1:
        if items > 0:
            body(0, items)
        return
    places, failed = kept.parts, 0
    while len(places) < parts:
        places.append({})
    finish = team.helpers[0].finish
    # Python looks for signals, and hands over to other threads, when functions are entered and have returned and when
    # loops begin anew: nothing comes between here and ``try``, nor between ``finally`` and `finish`.
    if team.busy:
        body(0, items)
        return
    team.busy = True
    try:
        try:
            team.work(items, body, parts)
        finally:
            kept.arrays = places[0]
            failed = finish()
    finally:
        team.busy = False
    if failed:
        raise RuntimeError("a compiled kernel failed in a thread that helped")


share = _share if layouts_fit() else share_calls
