"""Fetching the samples of a batch from a dataset."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...._core.op import OPS
from ....backends import backend_for
from ....tensor import Tensor
from ..dataset import Subset, TensorDataset
from .collate import collate_tensors, default_collate, default_collate_fn_map

Fetch = Callable[[Any], Any]
"""Takes what the sampler yields, and returns what the loader yields."""

_INTEGERS = {int, np.int64, np.int32}


def map_fetcher(dataset: Any, batched: bool, collate_fn: Callable[[Any], Any]) -> Fetch:
    """How to fetch from a map-style dataset."""
    if not batched:
        return lambda index: collate_fn(dataset[index])

    def one_by_one(indices: Any) -> Any:
        if getattr(dataset, "__getitems__", None):
            return collate_fn(dataset.__getitems__(indices))
        return collate_fn([dataset[index] for index in indices])

    rows = rows_of(dataset) if collate_fn is default_collate else None
    if rows is None or default_collate_fn_map.get(Tensor) is not collate_tensors:
        return one_by_one
    return WholeBatches(rows, one_by_one)


class WholeBatches:
    """For samples that are rows of tensors, to be stacked again: the same batch comes of one look-up in each tensor.

    It takes indices as a list or as an array. What is no list of ints is left to ``other``.
    """

    def __init__(self, rows: Callable[[np.ndarray], list[Tensor]], other: Fetch) -> None:
        self._rows = rows
        self._other = other

    def __call__(self, indices: Any) -> Any:
        if isinstance(indices, np.ndarray):
            return self._rows(indices)
        if isinstance(indices, list) and indices and set(map(type, indices)) <= _INTEGERS:
            return self._rows(np.array(indices, np.int64))
        return self._other(indices)


def rows_of(dataset: Any) -> Callable[[np.ndarray], list[Tensor]] | None:
    """A function that takes several rows of a TensorDataset, or of a subset of one, at once; None for other datasets.

    A subclass with a ``__getitem__`` or ``__getitems__`` of its own is asked for each sample.
    """
    kind = type(dataset)
    if isinstance(dataset, TensorDataset):
        own = kind.__getitem__ is not TensorDataset.__getitem__ or hasattr(dataset, "__getitems__")
        if own or not dataset.tensors or any(type(t) is not Tensor for t in dataset.tensors):
            return None
        tensors = dataset.tensors
        return lambda indices: take_rows(tensors, indices)
    if not isinstance(dataset, Subset):
        return None
    if kind.__getitem__ is not Subset.__getitem__ or kind.__getitems__ is not Subset.__getitems__:
        return None
    inner = rows_of(dataset.dataset)
    if inner is None or not set(map(type, dataset.indices)) <= _INTEGERS:
        return None
    numbers = np.array(dataset.indices, np.int64)
    return lambda indices: inner(numbers[indices])


def take_rows(tensors: tuple[Tensor, ...], indices: np.ndarray) -> list[Tensor]:
    """The rows of each tensor at ``indices``.

    Neighbouring rows are copied as one block. They are copied, not a view: whoever writes to a batch in place must not
    write to the dataset. The indices are checked here, on the host, so that no device has to be waited for.
    """
    first, end, size = int(indices[0]), int(indices[-1]) + 1, min(t.shape[0] for t in tensors)
    if end - first == len(indices) and first >= 0 and end <= size and (np.diff(indices) == 1).all():
        return [t[first:end].clone() for t in tensors]
    if indices.min() < -size or indices.max() >= size:
        bad = next(i for i in indices.tolist() if not -size <= i < size)
        raise IndexError(f"index {bad} is out of bounds for dimension 0 with size {size}")
    return [_take(t, index=(_beside(t, indices),)) for t in tensors]


_take = OPS["index"].call
"""``t[index]`` without a look at the index."""


def _beside(t: Tensor, rows: np.ndarray) -> Any:
    """Index numbers as an array on the device of a tensor."""
    device = t.device
    return backend_for(device.type).from_host(rows, device.index)


class IterableFetcher:
    """How to fetch from an iterable-style dataset; raises StopIteration at its end.

    Args:
        dataset, batched, collate_fn, drop_last: as for the loader.
        resume: where to begin: the number of samples to leave out, and what :meth:`state` returned, which is used
            instead where the dataset or its iterator has ``load_state_dict``.
    """

    def __init__(
        self,
        dataset: Any,
        batched: bool,
        collate_fn: Callable[[Any], Any],
        drop_last: bool,
        resume: tuple[int, Any] | None = None,
    ) -> None:
        skip, state = resume or (0, None)
        if state is not None and "dataset" in state:
            dataset.load_state_dict(state["dataset"])
        samples = iter(dataset)
        if state is not None and "iterator" in state:
            samples.load_state_dict(state["iterator"])
        if state is None:
            collections.deque(itertools.islice(samples, skip), maxlen=0)
        self._dataset = dataset
        self._samples = samples
        self._ended = False
        self._batched = batched
        self._collate_fn = collate_fn
        self._drop_last = drop_last

    @classmethod
    def of(cls, loader: Any, resume: tuple[int, Any] | None) -> IterableFetcher:
        """How the process that has a loader fetches for it."""
        return cls(loader.dataset, loader.batch_sampler is not None, loader.collate_fn, loader.drop_last, resume)

    def __call__(self, indices: Any) -> Any:
        if self._ended:  # an iterator that has ended is not asked again
            raise StopIteration
        if not self._batched:
            return self._collate_fn(next(self._samples))
        batch = list(itertools.islice(self._samples, len(indices)))
        self._ended = len(batch) < len(indices)
        if not batch or (self._drop_last and self._ended):
            raise StopIteration
        return self._collate_fn(batch)

    def state(self) -> dict[str, Any] | None:
        """What the iterator, or else the dataset, says of its place with ``state_dict``; None if it has none."""
        for name, stateful in ("iterator", self._samples), ("dataset", self._dataset):
            if hasattr(stateful, "state_dict") and hasattr(stateful, "load_state_dict"):
                return {name: stateful.state_dict()}
        return None
