"""``DataLoader``: batches of a dataset, epoch by epoch."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Generic, NoReturn, TypeVar

from ._collate import default_collate, default_convert
from ._fetch import Fetch, WholeBatches, iterable_fetcher, map_fetcher
from ._random import seed
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "get_worker_info"]

T_co = TypeVar("T_co", covariant=True)

_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


def get_worker_info() -> None:
    """None: what PyTorch returns in the main process, where all data is loaded.

    Example:
        >>> from nnlite.utils.data import get_worker_info
        >>> get_worker_info() is None
        True
    """
    return None


class _Endless(Sampler[None]):
    """Nothing, again and again: an iterable-style dataset says itself when it ends."""

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
        num_workers: 0, the only number there is so far: data is loaded by the process that asks for it.
        collate_fn: makes a batch of a list of samples. Default: :func:`default_collate`
        pin_memory: accepted; it has no effect.
        drop_last: leave out the last batch where it is smaller.
        timeout: PyTorch's argument for workers; it has to be 0.
        worker_init_fn: PyTorch's argument for workers; without workers it is not called.
        generator: the source of random numbers.
        prefetch_factor, persistent_workers, multiprocessing_context: PyTorch's arguments for workers.
        pin_memory_device, in_order: accepted; they have no effect.

    Raises:
        ValueError: arguments that exclude each other, or a number out of range.
        NotImplementedError: ``num_workers`` is greater than 0.

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
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
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
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = persistent_workers
        self.pin_memory_device = pin_memory_device
        self.in_order = in_order
        self._promised: int | None = None
        self.__initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__initialized and name in _FIXED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        return _Epoch(self)

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


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool, context: Any
) -> None:
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers > 0:
        raise NotImplementedError(
            f"DataLoader: got num_workers={num_workers}, and loading in worker processes is not there yet; use "
            "num_workers=0. A TensorDataset takes whole batches at once and gains nothing by workers."
        )
    if prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing. Let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if persistent_workers:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if context is not None:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
            "num_workers=0"
        )


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


class _Epoch(Iterator[Any]):
    """One pass over a loader."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        if loader.timeout != 0:
            raise AssertionError(
                f"DataLoader: timeout={loader.timeout} waits for workers, and num_workers is 0; leave timeout out"
            )
        self._loader = loader
        self._index_sampler = loader._index_sampler
        batched = loader.batch_sampler is not None
        self._fetch: Fetch
        if loader._iterable:
            self._fetch = iterable_fetcher(loader.dataset, batched, loader.collate_fn, loader.drop_last)
        else:
            self._fetch = map_fetcher(loader.dataset, batched, loader.collate_fn)
        as_arrays = isinstance(self._fetch, WholeBatches) and type(self._index_sampler) is BatchSampler
        self._indices = self._index_sampler._batches() if as_arrays else iter(self._index_sampler)
        # Workers will be seeded with it; it is drawn in any case, so that the order of samples will not depend on them.
        self._base_seed = seed(loader.generator)
        self._promised = loader._promised
        self._yielded = 0

    def __next__(self) -> Any:
        data = self._fetch(next(self._indices))
        self._yielded += 1
        if self._promised is not None and self._yielded > self._promised:
            warnings.warn(
                f"Length of IterableDataset {self._loader.dataset} was reported to be {self._promised} (when accessing "
                f"len(dataloader)), but {self._yielded} samples have been fetched. ",
                stacklevel=2,
            )
        return data

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __reduce__(self) -> NoReturn:
        raise NotImplementedError("the iterator of a DataLoader cannot be pickled; pickle the DataLoader")
