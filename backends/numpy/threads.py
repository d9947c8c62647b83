"""How many threads work on the CPU, and the few threads of ours that share the parts of an operation.

BLAS has threads too, which wait actively for work after each product. Two pools that do so take the processors from one
another (up to 80 times slower, measured with OpenBLAS and OpenMP on two cores), so while parts are shared out here BLAS
uses one thread, and the threads of this file sleep when there is nothing to do. Those that help with compiled kernels
(``compiled/team.py``) wait actively, for 2 ms at most; this file does what is not kernels alone.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
import itertools
import os
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

_PREFIXES = ("", "scipy_")
_SUFFIXES = ("", "64_", "_64")


def openblas() -> Iterator[str]:
    """OpenBLAS as NumPy's wheels bring it, on Linux, Windows and macOS."""
    package = os.path.dirname(np.__file__)
    for folder in (
        os.path.join(package, os.pardir, "numpy.libs"),
        *(os.path.join(package, n) for n in (".libs", ".dylibs")),
    ):
        if os.path.isdir(folder):
            yield from sorted(os.path.join(folder, name) for name in os.listdir(folder) if "openblas" in name)


@functools.cache
def sgemm_address() -> int:
    """Where BLAS's ``cblas_sgemm`` with integers of 64 bits begins, for compiled code; 0 where NumPy's has none."""
    for path in openblas():
        library = ctypes.PyDLL(path)
        for name in ("scipy_cblas_sgemm64_", "cblas_sgemm64_"):
            function = getattr(library, name, None)
            if function is not None:
                return ctypes.cast(function, ctypes.c_void_p).value or 0
    return 0


Control = tuple[Callable[[], int], Callable[[int], Any]]


@functools.cache
def blas_control() -> Control | None:
    """How to ask and set the number of BLAS's threads; None where that is not known."""
    for path in openblas():
        try:
            library = ctypes.PyDLL(path)  # NumPy has loaded it: this is the same one
        except OSError:
            continue
        for prefix in _PREFIXES:
            for suffix in _SUFFIXES:
                ask = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
                tell = getattr(library, f"{prefix}openblas_set_num_threads{suffix}", None)
                if ask is not None and tell is not None:
                    return ask, tell
    return _by_threadpoolctl()


def _by_threadpoolctl() -> Control | None:
    """The same for any BLAS, by the package threadpoolctl where it is installed."""
    if importlib.util.find_spec("threadpoolctl") is None:
        return None
    threadpoolctl: Any = importlib.import_module("threadpoolctl")

    def ask() -> int:
        found = [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
        return max(found, default=1)

    return ask, lambda n: threadpoolctl.threadpool_limits(n, user_api="blas")


class _Pool:
    """Threads that wait for parts of an operation. They are started at the first use, and anew after a fork."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.started = 0

    def ensure(self, count: int) -> None:
        with self.lock:
            while self.started < count:
                threading.Thread(target=self._work, daemon=True, name="nnlite kernel").start()
                self.started += 1

    def _work(self) -> None:
        _inside.on = True
        while True:
            body, start, stop, done = self.tasks.get()
            try:
                body(start, stop)
                done.put(None)
            except BaseException as error:  # raised again in the thread that waits
                done.put(error)


_pool = _Pool()
_inside = threading.local()
"""``on`` in a thread that does a part: nothing is shared out further there."""

_regions = 0
_regions_lock = threading.Lock()
_blas_before = 1
_wanted: int | None = None


def _after_fork() -> None:
    global _pool, _regions, _regions_lock
    _pool, _regions, _regions_lock = _Pool(), 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def count() -> int:
    """How many threads operations may use: as many as BLAS at the start."""
    global _wanted
    if _wanted is None:
        control = blas_control()
        _wanted = control[0]() if control is not None else os.cpu_count() or 1
    return _wanted


def set_count(threads: int) -> bool:
    """Set how many threads operations use; False where NumPy's BLAS cannot be told."""
    global _wanted
    control = blas_control()
    if control is None:
        return False
    control[1](threads)
    _wanted = threads
    return True


class alone:
    """A context in which BLAS uses one thread; as long as any thread is in one."""

    __slots__ = ()

    def __enter__(self) -> None:
        global _regions, _blas_before
        control = blas_control()
        with _regions_lock:
            _regions += 1
            if _regions == 1 and control is not None:
                _blas_before = control[0]()
                if _blas_before != 1:
                    control[1](1)

    def __exit__(self, *error: object) -> None:
        global _regions
        control = blas_control()
        with _regions_lock:
            _regions -= 1
            if not _regions and control is not None and _blas_before != 1:
                control[1](_blas_before)


def share(items: int, body: Callable[[int, int], Any], grain: int = 1) -> None:
    """Call ``body(start, stop)`` for ranges that cover ``items``, each in a thread of its own.

    The body has to release the interpreter (compiled functions, NumPy on large arrays) for the threads to run at once.

    Args:
        grain: fewer items than this are not worth a thread.
    """
    parts = min(count(), -(-items // grain)) if not getattr(_inside, "on", False) else 1
    if parts <= 1:
        if items > 0:
            _alone(items, body)
        return
    _pool.ensure(parts - 1)
    done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    edges = [items * i // parts for i in range(parts + 1)]
    failed = None
    with alone():
        for start, stop in itertools.pairwise(edges[1:]):
            _pool.tasks.put((body, start, stop, done))
        try:
            _inside.on = True
            body(0, edges[1])
        except BaseException as error:
            failed = error
        finally:
            _inside.on = False
        for _ in range(parts - 1):
            failed = done.get() or failed
    if failed is not None:
        raise failed


def _alone(items: int, body: Callable[[int, int], Any]) -> None:
    if count() == 1 or getattr(_inside, "on", False):
        body(0, items)
        return
    with alone():
        body(0, items)
