"""The worker processes of a loader, as seen from the process that uses the batches.

Each worker has a pipe of its own for its tasks and a socket of its own for its answers. There is no queue that all of
them share, hence no lock that a killed worker could hold, and the end of a worker is seen as the end of its socket.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import time
import weakref
from collections.abc import Iterator
from multiprocessing import connection, get_context, util
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from .process import GRACE, LABEL, Job, work
from .transfer import Message, pack, receive, send

__all__ = ["WorkerPool"]


class WorkerPool:
    """Started worker processes.

    They stop when the pool is told to, when nothing refers to it any more, and at the end of the program.

    Args:
        job: what they do.
        num_workers: how many there are.
        base_seed: the seed of the first; the others count on from it.
        context: a context of ``multiprocessing``, which says how processes are started. Default: Python's.

    Raises:
        pickle.PicklingError, AttributeError, TypeError: the job cannot be given to processes that are not forked.
    """

    def __init__(self, job: Job, num_workers: int, base_seed: int, context: Any) -> None:
        context = get_context() if context is None else context
        method = context.get_start_method()
        given = None if method == "fork" else _pickled(job, method)
        self.processes: list[Any] = []
        self._tasks: list[Connection] = []
        self._results: list[Connection] = []
        self.stop = weakref.finalize(self, _stop, os.getpid(), self.processes, self._tasks, self._results)
        # A forked process must not keep these ends open: their ends tell workers and loader that the other is gone.
        util.register_after_fork(self, WorkerPool._close)
        try:
            for number in range(num_workers):
                self._start(context, number, (number, num_workers, base_seed, job if given is None else None), given)
        except BaseException:
            self.stop()
            raise

    def _start(self, context: Any, number: int, arguments: tuple[Any, ...], given: Message | None) -> None:
        their_tasks, our_tasks = context.Pipe(duplex=False)
        our_results, their_results = context.Pipe(duplex=True)
        self._tasks.append(our_tasks)
        self._results.append(our_results)
        process = context.Process(target=work, args=(their_tasks, their_results, *arguments), daemon=True)
        with _without_interrupts(context.get_start_method()):
            process.start()
        self.processes.append(process)
        their_tasks.close()
        their_results.close()
        if given is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # told of when its answer is missing
                send(our_results, given)

    @property
    def is_stopped(self) -> bool:
        return not self.stop.alive

    def send(self, worker: int, task: tuple[int, int | None, Any]) -> None:
        """Give a task to a worker. That a worker is gone is told by :meth:`receive`."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._tasks[worker].send(task)

    def receive(self, timeout: float) -> tuple[int, int, int, int, Message]:
        """The next answer: (worker, epoch, task, kind, message).

        Args:
            timeout: how many seconds to wait; 0 for as long as it takes.

        Raises:
            RuntimeError: no answer came in time, or a worker has ended; all workers are then stopped.
        """
        deadline = time.monotonic() + timeout if timeout > 0 else None
        while True:
            left = GRACE if deadline is None else min(GRACE, max(deadline - time.monotonic(), 0))
            ready = connection.wait(self._results, left)
            if ready:
                return self._read(self._results.index(ready[0]))  # type: ignore[arg-type]
            # A worker's end is seen at once, except where a process that it started keeps its socket open.
            for number, process in enumerate(self.processes):
                if process.exitcode is not None:
                    self._fail(number)
            if deadline is not None and time.monotonic() >= deadline:
                raise RuntimeError(
                    f"DataLoader timed out after {timeout:g} seconds: no worker has sent a batch. Give DataLoader a "
                    "larger timeout, or 0 to wait for as long as it takes"
                )

    def _read(self, worker: int) -> tuple[int, int, int, int, Message]:
        source = self._results[worker]
        try:
            epoch, task, kind = LABEL.unpack(source.recv_bytes())
            return worker, epoch, task, kind, receive(source)
        except (EOFError, OSError):
            self._fail(worker)
        except BaseException:  # interrupted between the parts of an answer: what follows could not be read
            self.stop()
            raise

    def _fail(self, worker: int) -> NoReturn:
        process = self.processes[worker]
        process.join(GRACE)
        pid, code = process.pid, process.exitcode
        self.stop()
        raise RuntimeError(f"DataLoader worker (pid(s) {pid}) exited unexpectedly. {_ending(pid, worker, code)}")

    def _close(self) -> None:
        for end in (*self._tasks, *self._results):
            end.close()


def _ending(pid: int, worker: int, code: int | None) -> str:
    """How a worker ended, in words."""
    if code is not None and code < 0:
        hint = {
            signal.SIGKILL: " The system does that when memory runs out: use fewer workers, or prefetch_factor=1.",
            signal.SIGSEGV: " Code in C that the dataset uses did that; num_workers=0 may show where.",
            signal.SIGBUS: " Code in C that the dataset uses did that, or memory ran out.",
        }.get(-code, "")  # type: ignore[call-overload]
        return (
            f"DataLoader worker (pid {pid}) is killed by signal: {signal.strsignal(-code)}. It was worker {worker}, "
            f"and the signal {signal.Signals(-code).name}.{hint}"
        )
    return (
        f"DataLoader worker (pid {pid}) exited unexpectedly with exit code {code}. It was worker {worker}; what it "
        "wrote to stderr stands above. num_workers=0 may give a better traceback; where processes are not forked, the "
        "program has to start under `if __name__ == '__main__':`."
    )


@contextlib.contextmanager
def _without_interrupts(method: str) -> Iterator[None]:
    """A process started here does not see Ctrl-C before it has said that it ignores it.

    Not so for a fork server, which would leave Ctrl-C blocked in whatever it starts later.
    """
    if method == "forkserver" or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _pickled(job: Job, method: str) -> Message:
    """The job for all workers: pickled once, and the memory of its arrays is shared by all."""
    try:
        return pack(job)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        for name in ("dataset", "collate_fn", "worker_init_fn"):
            try:
                pack(getattr(job, name))
            except Exception as found:
                raise type(error)(
                    f"DataLoader: {name} cannot be given to workers that are started by {method!r}, since it cannot be "
                    f"pickled: {found}. Define its class or function at the top level of a module, leave out open "
                    "files and other handles, or use multiprocessing_context='fork' or num_workers=0"
                ) from error
        raise


def _stop(owner: int, processes: list[Any], tasks: list[Connection], results: list[Connection]) -> None:
    """Tell the workers to end, wait a while for them, and then end them."""
    if os.getpid() != owner:
        return  # in a forked process, which has a copy of the pool and no workers
    for end in (*tasks, *results):
        end.close()
    deadline = time.monotonic() + GRACE
    for process in processes:
        process.join(max(deadline - time.monotonic(), 0))
    for end_it in "terminate", "kill":
        for process in processes:
            if process.exitcode is None:
                getattr(process, end_it)()
        for process in processes:
            process.join(1)
    for process in processes:
        if process.exitcode is not None:
            process.close()
    processes.clear()
