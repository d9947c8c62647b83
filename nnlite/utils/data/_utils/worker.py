"""In which worker process a dataset finds itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["WorkerInfo", "enter", "get_worker_info"]


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """The worker process that a dataset finds itself in; see :func:`get_worker_info`.

    Args:
        id: the worker's number, from 0.
        num_workers: how many workers there are.
        seed: the seed of this worker: that of the epoch plus ``id``.
        dataset: the worker's own copy of the dataset.
        rng, worker_method: attributes that PyTorch has, with the values that they have there.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str = "multiprocessing"


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker process of a :class:`DataLoader` what it is; None in every other process.

    An :class:`IterableDataset` has to look at it, since each worker goes through its own copy of the dataset.

    Example:
        >>> from nnlite.utils.data import DataLoader, IterableDataset, get_worker_info
        >>> class Count(IterableDataset):
        ...     def __iter__(self):
        ...         worker = get_worker_info()
        ...         return iter(range(6)[worker.id :: worker.num_workers] if worker else range(6))
        >>> list(DataLoader(Count(), batch_size=3))
        [tensor([0, 1, 2]), tensor([3, 4, 5])]
        >>> list(DataLoader(Count(), batch_size=3, num_workers=2))
        [tensor([0, 2, 4]), tensor([1, 3, 5])]
    """
    return _info


def enter(info: WorkerInfo) -> None:
    """From now on, this process is that worker."""
    global _info
    _info = info
