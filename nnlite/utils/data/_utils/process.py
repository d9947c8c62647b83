"""What a worker process does: it takes indices, fetches the samples, and sends the batches back."""

from __future__ import annotations

import contextlib
import os
import queue
import random
import signal
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from ...._core.rng import manual_seed
from ...._threads import set_num_threads
from .errors import ExceptionWrapper
from .fetch import Fetch, IterableFetcher, map_fetcher
from .transfer import Message, pack, receive, send
from .worker import WorkerInfo, enter

__all__ = ["BATCH", "END", "ERROR", "GRACE", "LABEL", "Job", "work"]

GRACE = 5.0
"""Seconds that a worker has to finish its sample when it is told to stop; PyTorch's number."""

BATCH, END, ERROR = range(3)
LABEL = struct.Struct("<qqB")
"""Before each answer: the epoch, the number of the task in it, and what the answer is."""


@dataclass
class Job:
    """What all workers of a loader do."""

    dataset: Any
    batched: bool
    collate_fn: Callable[[Any], Any]
    drop_last: bool
    iterable: bool
    worker_init_fn: Callable[[int], Any] | None

    def fetcher(self, resume: Any = None) -> Fetch:
        """How to fetch in a new epoch, or in the rest of one (``resume``, for iterable-style datasets)."""
        if self.iterable:
            return IterableFetcher(self.dataset, self.batched, self.collate_fn, self.drop_last, resume)
        return map_fetcher(self.dataset, self.batched, self.collate_fn)


def work(
    tasks: Connection, results: Connection, number: int, num_workers: int, base_seed: int, job: Job | None
) -> None:
    """The main function of a worker process.

    Args:
        tasks: where the numbers of samples come from; its end is the end of the worker.
        results: where the batches go. Without ``job``, it comes from here first.
        number, num_workers, base_seed: which worker this is, of how many, and the seed of worker 0.
        job: what to do, where the process was forked and has it already.
    """
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the loader is gone
        # Ctrl-C goes to all processes in the terminal; the loader's process decides what it means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        where = f"in DataLoader worker process {number}"
        try:
            if job is None:
                job = receive(results).value(private=True)
            _settle(job, number, num_workers, base_seed)
            failure = None
        except (EOFError, ConnectionResetError):
            raise
        except Exception:
            failure = ExceptionWrapper(where=where)
        _serve(_Inbox(tasks), results, job, failure, where)


def _settle(job: Job, number: int, num_workers: int, base_seed: int) -> None:
    """One thread, random numbers of its own, and the user's preparations."""
    with contextlib.suppress(NotImplementedError):  # a BLAS that cannot be told
        set_num_threads(1)
    seed = base_seed + number
    random.seed(seed)
    manual_seed(seed)
    np.random.seed(numpy_seed(base_seed, number))
    enter(WorkerInfo(number, num_workers, seed, job.dataset))
    if job.worker_init_fn is not None:
        job.worker_init_fn(number)


def numpy_seed(base_seed: int, number: int) -> np.ndarray:
    """The seed of ``numpy.random`` in a worker: the same that PyTorch gives it for this base seed."""
    return np.random.SeedSequence([number, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]).generate_state(4)


class _Inbox:
    """The tasks, which a thread takes out of the pipe as they come, so that their sender never waits for this process.

    At the end comes None. If the process has not ended a while after, it is stuck in a sample and is ended.
    """

    def __init__(self, tasks: Connection) -> None:
        self._tasks = tasks
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.newest = 0  # the newest epoch that has arrived
        self.get = self._waiting.get
        threading.Thread(target=self._read, name="nnlite-loader-tasks", daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                task = self._tasks.recv()
                self.newest = task[0]
                self._waiting.put(task)
        self._waiting.put(None)
        time.sleep(2 * GRACE)
        os._exit(1)


def _serve(inbox: _Inbox, results: Connection, job: Job | None, failure: ExceptionWrapper | None, where: str) -> None:
    """Answer tasks until they end. A task is (epoch, number, indices), or (epoch, None, resume) when an epoch begins.

    Tasks of an epoch that is over by now are dropped.
    """
    fetch: Fetch | None = None
    error = failure
    while (task := inbox.get()) is not None:
        epoch, number, what = task
        if epoch != inbox.newest:
            continue
        if number is None:
            if failure is None and job is not None:
                fetch, error = _begin(job, what, where)
            continue
        kind, message = _answer(fetch, what, error, where)
        results.send_bytes(LABEL.pack(epoch, number, kind))
        send(results, message)
        del message


def _begin(job: Job, resume: Any, where: str) -> tuple[Fetch | None, ExceptionWrapper | None]:
    try:
        return job.fetcher(resume), None
    except Exception:
        return None, ExceptionWrapper(where=where)


def _answer(fetch: Fetch | None, indices: Any, error: ExceptionWrapper | None, where: str) -> tuple[int, Message]:
    """The batch at ``indices`` with the state of the dataset after it, or the error in its place."""
    if fetch is None:
        return ERROR, pack(error)
    try:
        data = fetch(indices)
        state = fetch.state() if isinstance(fetch, IterableFetcher) else None
        return BATCH, pack((data, state))
    except Exception as caught:
        if isinstance(caught, StopIteration) and isinstance(fetch, IterableFetcher):
            return END, pack(None)
        return ERROR, pack(ExceptionWrapper(where=where))
