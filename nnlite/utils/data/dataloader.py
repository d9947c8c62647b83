"""``DataLoader``: batches of a dataset, epoch by epoch."""

from __future__ import annotations

import itertools
import math
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from ._utils.collate import default_collate, default_convert
from ._utils.iterators import BaseIterator, MultiProcessIterator, SingleProcessIterator
from ._utils.progress import Progress, RandomStates
from ._utils.worker import get_worker_info
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

# PyTorch's names, which programs import from here.
_BaseDataLoaderIter = BaseIterator
_SingleProcessDataLoaderIter = SingleProcessIterator
_MultiProcessingDataLoaderIter = MultiProcessIterator

T_co = TypeVar("T_co", covariant=True)

_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class _DatasetKind:
    """The two kinds of datasets, as PyTorch numbers them."""

    Map = 0
    Iterable = 1


class _Endless(Sampler[None]):
    """Nothing, again and again: an iterable-style dataset says itself when it ends."""

    _endless = True

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


class DataLoader(Generic[T_co]):
    """The batches of a dataset.

    Iterating over a loader is one epoch. With ``shuffle`` the order is drawn from ``generator``, or from the global one
    (:func:`nnlite.manual_seed`), so the same state gives the same epochs. Batches are on the device of the samples. A
    :class:`TensorDataset` (or a :class:`Subset` of one) with the default collation takes each batch out of its tensors
    at once.

    Args:
        dataset: map-style (``__getitem__`` and ``__len__``) or an :class:`IterableDataset`.
        batch_size: samples in a batch; None yields single samples. Default: 1
        shuffle: take the samples in a new random order in every epoch.
        sampler: the order, as an iterable of indices with a length; instead of ``shuffle``.
        batch_sampler: the batches, as an iterable of lists of indices; instead of ``batch_size``, ``shuffle``,
            ``sampler`` and ``drop_last``.
        num_workers: how many processes load batches ahead of time. 0: the process that asks for a batch makes it.
        collate_fn: makes a batch of a list of samples. Default: :func:`default_collate`
        pin_memory: batches lie in pinned memory, from which ``to("cuda", non_blocking=True)`` copies while the program
            goes on. No effect without CUDA. :class:`DevicePrefetcher` does both ahead of time.
        drop_last: leave out the last batch where it is smaller.
        timeout: how many seconds to wait for a batch of the workers; 0 for as long as it takes.
        worker_init_fn: called in each worker with its number, after it is seeded and before it loads anything.
        multiprocessing_context: how workers are started: "fork", "spawn", "forkserver", or a context of
            :mod:`multiprocessing`. Default: Python's own, as in PyTorch.
        generator: the source of random numbers.
        prefetch_factor: how many batches each worker makes ahead of time. Default: 2
        persistent_workers: keep the workers, and their copies of the dataset, for the next epoch.
        pin_memory_device: accepted; it has no effect.
        in_order: False yields batches of workers as they come.

    Workers have the random numbers of a seed of their own (:class:`WorkerInfo.seed`; ``random`` and ``numpy.random``
    too), and use one thread for products of matrices. An error in a worker is raised here, with the same type and with
    the worker's traceback in its text.

    Raises:
        ValueError: arguments that exclude each other, or a number out of range.
        TypeError: ``multiprocessing_context`` is neither a name nor a context.
        RuntimeError: while iterating: a worker has ended, or no batch came within ``timeout``.

    Example:
        >>> import nnlite
        >>> from nnlite.utils.data import DataLoader, TensorDataset
        >>> data = TensorDataset(nnlite.arange(5), nnlite.arange(5) * 10)
        >>> for x, y in DataLoader(data, batch_size=2):
        ...     print(x, y)
        tensor([0, 1]) tensor([ 0, 10])
        tensor([2, 3]) tensor([20, 30])
        tensor([4]) tensor([40])
    """

    __initialized = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            _check_iterable(shuffle, sampler, batch_sampler)
        _check_sampling(batch_size, bool(shuffle), sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
        if sampler is None:
            if self._iterable:
                sampler = _Endless()
            else:
                sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = _context(multiprocessing_context, num_workers)
        self.generator = generator
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.pin_memory_device = pin_memory_device
        self.in_order = in_order
        self._promised: int | None = None
        self._iterator: MultiProcessIterator | None = None  # the one that is used again, with persistent workers
        self._progress: Progress | None = None  # of the newest epoch
        self._resume: Progress | None = None  # where the next epoch begins
        self.__initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__initialized and name in _FIXED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        """Without the epoch that is under way."""
        return {**self.__dict__, "_iterator": None, "_progress": None}

    def __iter__(self) -> Iterator[Any]:
        resume, self._resume = self._resume, None
        if self.num_workers == 0:
            made: BaseIterator = SingleProcessIterator(self, resume)
        elif self._iterator is not None and not self._iterator.is_stopped:
            made = self._iterator
            self._iterator.reset(self, resume)
        else:
            made = MultiProcessIterator(self, resume)
            if self.persistent_workers:
                self._iterator = made
        self._progress = made.progress
        return made

    def state_dict(self) -> dict[str, Any]:
        """How far the newest epoch has come, as plain values that :func:`nnlite.save` takes.

        A loader that is made with the same arguments and loads it yields the rest of the epoch first: exactly the
        batches that this one has not yielded yet, whatever workers have made ahead of time. For a map-style dataset
        nothing is loaded to get there, and the number of workers may be another one. The order is made again from the
        random numbers that it came of. An :class:`IterableDataset` is asked for its state, or its iterator is, if it
        has ``state_dict()`` and ``load_state_dict(state)``; other ones are gone through up to that place.

        The state holds that of ``generator`` and of the samplers' generators; nnlite's global one
        (:func:`nnlite.get_rng_state`), which the next epochs may depend on, is for the program to save.

        Example:
            >>> import nnlite
            >>> from nnlite.utils.data import DataLoader, TensorDataset
            >>> loader = DataLoader(TensorDataset(nnlite.arange(6)), batch_size=2, shuffle=True)
            >>> epoch = iter(loader)
            >>> first = next(epoch)
            >>> again = DataLoader(TensorDataset(nnlite.arange(6)), batch_size=2, shuffle=True)
            >>> again.load_state_dict(loader.state_dict())
            >>> [x.tolist() for (x,) in again] == [x.tolist() for (x,) in epoch]
            True
        """
        progress = self._progress if self._resume is None else self._resume
        under_way = progress is not None and not progress.finished
        return {
            "version": 1,
            "batch_size": self.batch_size,
            "random": RandomStates(self).get(),
            "epoch": progress.state_dict() if progress is not None and under_way else None,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on in the next epoch where a loader was when its :meth:`state_dict` was called.

        Raises:
            ValueError: the state does not fit: another batch size, other generators, or, for an iterable-style dataset,
                another number of workers.
        """
        states = RandomStates(self)
        epoch = _checked_state(state_dict, self, len(states.get()["generators"]))
        self._progress = None
        self._resume = None
        if epoch is None:
            states.set_own(state_dict["random"])
        else:
            self._resume = Progress.restored(epoch)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _dataset_kind(self) -> int:
        return _DatasetKind.Iterable if self._iterable else _DatasetKind.Map

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __len__(self) -> int:
        if not self._iterable:
            return len(self._index_sampler)
        length = self._promised = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else math.ceil(length / self.batch_size)


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool) -> None:
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if prefetch_factor is not None and num_workers == 0:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing. Let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if num_workers > cores:
        warnings.warn(
            f"This DataLoader will create {num_workers} worker processes in total. Our suggested max number of worker "
            f"in current system is {cores}, which is the number of its cores: more of them may make loading slower.",
            stacklevel=3,
        )


def _context(given: Any, num_workers: int) -> Any:
    """The context of multiprocessing, made of its name where it is one."""
    if given is None:
        return None
    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
            "num_workers=0"
        )
    import multiprocessing
    from multiprocessing.context import BaseContext

    if isinstance(given, str):
        methods = multiprocessing.get_all_start_methods()
        if given not in methods:
            raise ValueError(
                f"multiprocessing_context option should specify a valid start method in {methods!r}, but got "
                f"multiprocessing_context={given!r}"
            )
        return multiprocessing.get_context(given)
    if not isinstance(given, BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the start method, "
            f"but got multiprocessing_context={given}"
        )
    return given


def _checked_state(state: Any, loader: DataLoader[Any], generators: int) -> Any:
    """The part of a saved state that tells of an epoch under way, or None; errors where it does not fit the loader."""
    if not isinstance(state, dict) or not {"version", "batch_size", "random", "epoch"} <= state.keys():
        raise ValueError("DataLoader.load_state_dict(): expected what DataLoader.state_dict() returned")
    if state["version"] != 1:
        raise ValueError(f"DataLoader.load_state_dict(): version 1 can be read, this state has {state['version']}")
    if state["batch_size"] != loader.batch_size:
        raise ValueError(
            f"DataLoader.load_state_dict(): the state is of batches of {state['batch_size']}, this loader has batches "
            f"of {loader.batch_size}; make the loader with the same batch_size"
        )
    if len(state["random"]["generators"]) != generators:
        raise ValueError(
            f"DataLoader.load_state_dict(): the state has {len(state['random']['generators'])} generators, this loader "
            f"and its samplers have {generators}; make the loader with generators in the same places"
        )
    epoch = state["epoch"]
    parts = 0 if epoch is None else len(epoch["yielded"])
    expected = max(loader.num_workers, 1) if loader._iterable else 0
    if epoch is not None and parts != expected:
        raise ValueError(
            f"DataLoader.load_state_dict(): the state tells of {parts} processes that go through an iterable-style "
            f"dataset, this loader has {expected}; make the loader for the same kind of dataset, with the same "
            "num_workers"
        )
    return epoch


def _check_iterable(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    for name, value in ("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler):
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
            )


def _check_sampling(batch_size: Any, shuffle: bool, sampler: Any, batch_sampler: Any, drop_last: bool) -> None:
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
