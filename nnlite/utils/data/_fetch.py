"""Fetching the samples of a batch from a dataset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...creation import as_tensor
from ...tensor import Tensor
from ._collate import collate_tensors, default_collate, default_collate_fn_map
from .dataset import Subset, TensorDataset

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

    # Samples that are rows of tensors, to be stacked again: the same batch comes of one look-up in each tensor.
    whole = rows_of(dataset) if collate_fn is default_collate else None
    if whole is None or default_collate_fn_map.get(Tensor) is not collate_tensors:
        return one_by_one
    return lambda indices: whole(indices) if _plain(indices) else one_by_one(indices)


def _plain(indices: Any) -> bool:
    return isinstance(indices, list) and len(indices) > 0 and set(map(type, indices)) <= _INTEGERS


def rows_of(dataset: Any) -> Callable[[list[int]], list[Tensor]] | None:
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
    if inner is None:
        return None
    numbers = dataset.indices

    def take(indices: list[int]) -> list[Tensor]:
        chosen = [numbers[i] for i in indices]
        return inner(chosen) if _plain(chosen) else default_collate([dataset.dataset[i] for i in chosen])

    return take


def take_rows(tensors: tuple[Tensor, ...], indices: list[int]) -> list[Tensor]:
    """The rows of each tensor at ``indices``.

    Neighbouring rows are copied as one block. They are copied, not a view: whoever writes to a batch in place must not
    write to the dataset.
    """
    first, count = indices[0], len(indices)
    neighbours = indices[-1] - first == count - 1 and indices == list(range(first, first + count))
    if neighbours and first >= 0 and first + count <= min(t.shape[0] for t in tensors):
        return [t[first : first + count].clone() for t in tensors]
    rows = as_tensor(np.array(indices, np.int64))
    return [t[rows] for t in tensors]


def iterable_fetcher(dataset: Any, batched: bool, collate_fn: Callable[[Any], Any], drop_last: bool) -> Fetch:
    """How to fetch from an iterable-style dataset; raises StopIteration at its end."""
    samples = iter(dataset)
    if not batched:
        return lambda index: collate_fn(next(samples))

    def fetch(indices: Any) -> Any:
        nonlocal samples
        batch = [sample for _, sample in zip(indices, samples, strict=False)]
        if len(batch) < len(indices):
            samples = iter(())  # an iterator that has ended is not asked again
        if not batch or (drop_last and len(batch) < len(indices)):
            raise StopIteration
        return collate_fn(batch)

    return fetch
