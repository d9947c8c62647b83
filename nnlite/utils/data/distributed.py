"""``DistributedSampler``: each of several processes takes its own part of the samples."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from typing import Any

from ._random import generator_from, permutation
from .sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """The samples of one of several processes: every ``num_replicas``-th one of an order that all of them share.

    With ``shuffle`` the order comes of ``seed`` and the epoch. Call :meth:`set_epoch` before each epoch, or every epoch
    has the same order.

    Args:
        dataset: the dataset, which has a length.
        num_replicas: how many processes there are. Default: that of the process group.
        rank: which of them this is. Default: that in the process group.
        shuffle: whether the order is random.
        seed: all processes have to give the same.
        drop_last: leave out samples so that all processes have equally many; False repeats samples instead.

    Raises:
        ValueError: ``rank`` is not below ``num_replicas``, or one of them is left out and there is no process group.

    Example:
        >>> from nnlite.utils.data import DistributedSampler
        >>> [list(DistributedSampler(range(5), num_replicas=2, rank=rank, shuffle=False)) for rank in (0, 1)]
        [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None:
            num_replicas = _group().get_world_size()
        if rank is None:
            rank = _group().get_rank()
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        size = len(dataset)
        self.num_samples = (
            math.ceil((size - num_replicas) / num_replicas)
            if drop_last and size % num_replicas
            else math.ceil(size / num_replicas)
        )
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)
        order = list(range(size))
        if self.shuffle:
            order = permutation(size, generator_from(self.seed + self.epoch)).tolist()
        if not self.drop_last and order:
            order = (order * math.ceil(self.total_size / size))[: self.total_size]
        order = order[: self.total_size]
        if len(order) != self.total_size:
            raise AssertionError(f"Number of indices ({len(order)}) does not match total_size ({self.total_size})")
        return iter(order[self.rank :: self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch; with the same number it is the same again."""
        self.epoch = epoch


def _group() -> Any:
    """The module that knows of the process group.

    Raises:
        ValueError: there is none.
    """
    try:
        group = importlib.import_module("nnlite.distributed")
    except ImportError:
        group = None
    if group is None or not group.is_initialized():
        raise ValueError(
            "Default process group has not been initialized, please make sure to call init_process_group. Or give "
            "DistributedSampler num_replicas and rank."
        )
    return group
