"""One pass over a loader: in this process, or by workers."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from ...._queries import reader_of_pinned_memory
from .._random import seed
from ..sampler import BatchSampler
from .fetch import Fetch, IterableFetcher, WholeBatches, map_fetcher
from .pin_memory import pin_memory
from .progress import Progress, RandomStates

if TYPE_CHECKING:
    from .transfer import Message

__all__ = ["BaseIterator", "MultiProcessIterator", "SingleProcessIterator"]

_SHARDS = (
    "For multiprocessing data-loading, this could be caused by not properly configuring the IterableDataset replica at "
    "each worker: it has to look at get_worker_info()."
)


class BaseIterator(Iterator[Any]):
    """What both kinds share: the order of the samples, the seed of the workers, and how far the epoch has come."""

    def __init__(self, loader: Any, resume: Progress | None) -> None:
        self._dataset = loader.dataset
        self._iterable = loader._iterable
        self._batched = loader.batch_sampler is not None
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        self._fetch: Fetch | None = None
        if not self._iterable:
            self._fetch = map_fetcher(loader.dataset, self._batched, loader.collate_fn)
        self._indices: Iterator[Any]
        self._start(loader, resume)

    def _start(self, loader: Any, resume: Progress | None) -> None:
        """Begin an epoch, or go on with one: its order is made again, and what was done is left out."""
        self._promised = loader._promised
        self._pins = bool(loader.pin_memory) and reader_of_pinned_memory() is not None
        self._num_yielded = 0
        states = RandomStates(loader)
        if resume is None:
            self.progress = Progress(states.get(), max(self._num_workers, 1) if self._iterable else 0)
            self._base_seed = self._order(loader)
        else:
            self.progress = resume
            self._base_seed = self._order_again(loader, states, resume)
        self._task = self.progress.done  # the number of the next task
        self._done_before = set(self.progress.ahead)

    def _order_again(self, loader: Any, states: RandomStates, resume: Progress) -> int:
        """The order of an epoch that was begun before, without what was done of it."""
        set_back = states.keep_global()
        states.set(resume.start)
        try:
            base_seed = self._order(loader)
            if not self._iterable:
                next(itertools.islice(self._indices, resume.done, resume.done), None)
            return base_seed
        finally:
            set_back()

    def _order(self, loader: Any) -> int:
        """Make the iterator of the indices. Returns the seed of the first worker.

        The seed is drawn with and without workers, so that the order of the samples does not depend on them.
        """
        whole = isinstance(self._fetch, WholeBatches) and type(self._index_sampler) is BatchSampler
        self._indices = self._index_sampler._batches() if whole else iter(self._index_sampler)
        return seed(loader.generator)

    def _next_indices(self) -> tuple[int, Any]:
        """The next task: its number and the indices of its samples."""
        while True:
            indices = next(self._indices)
            task, self._task = self._task, self._task + 1
            if task not in self._done_before:
                return task, indices

    def _next(self) -> Any:
        raise NotImplementedError

    def __next__(self) -> Any:
        data = self._next()
        self._num_yielded += 1
        if self._promised is not None and self._num_yielded > self._promised:
            warnings.warn(
                f"Length of IterableDataset {self._dataset} was reported to be {self._promised} (when accessing "
                f"len(dataloader)), but {self._num_yielded} samples have been fetched. "
                + (_SHARDS if self._num_workers else ""),
                stacklevel=2,
            )
        return pin_memory(data) if self._pins else data

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __reduce__(self) -> NoReturn:
        raise NotImplementedError(
            f"{type(self).__name__} cannot be pickled: pickle the DataLoader, or save its state_dict()"
        )


class SingleProcessIterator(BaseIterator):
    """The batches are made by the process that asks for them, when it asks."""

    def __init__(self, loader: Any, resume: Progress | None) -> None:
        if loader.timeout != 0:
            raise AssertionError(
                f"DataLoader: timeout={loader.timeout} waits for workers, and num_workers is 0; leave timeout out"
            )
        super().__init__(loader, resume)
        if self._iterable:
            self._fetch = IterableFetcher.of(loader, _to_resume(self.progress, 0, loader))
            self.progress.ask = self._fetch.state

    def _next(self) -> Any:
        progress = self.progress
        assert self._fetch is not None
        try:
            task, indices = self._next_indices()
            progress.finish(task)
            data = self._fetch(indices)
        except StopIteration:
            progress.finished = True
            raise
        if self._iterable:
            progress.batch_from(0, None)
        return data


def _to_resume(progress: Progress, worker: int, loader: Any) -> tuple[int, Any] | None:
    """Where a worker goes on in an iterable-style dataset; None from the beginning."""
    if not loader._iterable or not progress.yielded[worker]:
        return None
    return progress.yielded[worker] * (loader.batch_size or 1), progress.states[worker]


class MultiProcessIterator(BaseIterator):
    """The batches are made by worker processes, ahead of time.

    Tasks are numbered in the order of the sampler and given to the workers in turn. Each is answered once, and a batch
    is yielded when those before it are.
    """

    def __init__(self, loader: Any, resume: Progress | None) -> None:
        from .pool import WorkerPool
        from .process import Job

        if loader.prefetch_factor <= 0:
            raise AssertionError(
                "prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter, "
                f"got {loader.prefetch_factor}"
            )
        super().__init__(loader, resume)
        job = Job(
            loader.dataset, self._batched, loader.collate_fn, loader.drop_last, loader._iterable, loader.worker_init_fn
        )
        self._timeout = loader.timeout
        self._in_order = loader.in_order
        self._prefetch = loader.prefetch_factor
        self._keep = loader.persistent_workers
        self._epoch = 0
        self._pool = WorkerPool(job, self._num_workers, self._base_seed, loader.multiprocessing_context)
        self._give_out(loader)

    @property
    def is_stopped(self) -> bool:
        """Whether the workers are gone."""
        return self._pool.is_stopped

    def reset(self, loader: Any, resume: Progress | None) -> None:
        """A new epoch with the same workers."""
        self._start(loader, resume)
        self._give_out(loader)

    def _give_out(self, loader: Any) -> None:
        """Tell the workers of the epoch, and give them their first tasks."""
        self._epoch += 1
        self._pending: dict[int, int] = {}  # task -> worker, for tasks given out and not yet yielded
        self._arrived: dict[int, tuple[int, Message]] = {}  # task -> kind and answer
        self._error: Exception | None = None  # of the sampler, for when its turn comes
        self._turn = self.progress.next_worker
        self._live = [w for w in range(self._num_workers) if not (self._iterable and self.progress.ended[w])]
        for worker in range(self._num_workers):
            self._pool.send(worker, (self._epoch, None, _to_resume(self.progress, worker, loader)))
        self._fill()

    def _fill(self) -> None:
        while self._error is None and len(self._pending) < self._prefetch * len(self._live):
            try:
                task, indices = self._next_indices()
            except Exception as error:  # StopIteration too
                self._error = error
                return
            worker = self._next_worker()
            self._pool.send(worker, (self._epoch, task, indices))
            self._pending[task] = worker

    def _next_worker(self) -> int:
        """The workers take turns; where the order of batches is free, the one with the fewest tasks comes first."""
        in_turn = sorted(self._live, key=lambda w: (w - self._turn) % self._num_workers)
        if not self._in_order:
            busy = list(self._pending.values())
            in_turn.sort(key=busy.count)
        self._turn = (in_turn[0] + 1) % self._num_workers
        return in_turn[0]

    def _next(self) -> Any:
        while self._pending:
            if self._pool.is_stopped:
                raise RuntimeError("the workers of this DataLoader's iterator have ended; iterate over the loader anew")
            task = next(iter(self._pending if self._in_order else self._arrived), None)
            if task is None or task not in self._arrived:
                self._wait()
                continue
            worker = self._pending.pop(task)
            kind, message = self._arrived.pop(task)
            if self._is_end(kind, worker):
                self._fill()
                continue
            self.progress.finish(task)
            self._fill()
            return self._opened(kind, worker, message)
        self._finish()

    def _wait(self) -> None:
        _, epoch, task, kind, message = self._pool.receive(self._timeout)
        if epoch == self._epoch:
            self._arrived[task] = kind, message

    def _is_end(self, kind: int, worker: int) -> bool:
        """Whether the answer says that a worker's part of an iterable-style dataset has ended."""
        from .process import END

        if kind != END:
            return False
        if worker in self._live:
            self._live.remove(worker)
            self.progress.ended[worker] = True
        return True

    def _opened(self, kind: int, worker: int, message: Message) -> Any:
        from .process import ERROR

        value = message.value()
        message.close()
        if kind == ERROR:
            value.reraise()
        data, state = value
        if self._iterable:
            self.progress.batch_from(worker, state)
        return data

    def _finish(self) -> NoReturn:
        error, self._error = self._error or StopIteration(), StopIteration()
        self.progress.finished = isinstance(error, StopIteration)
        if not self._keep:
            self._pool.stop()
        try:
            raise error
        finally:
            del error  # whose traceback refers to this frame
