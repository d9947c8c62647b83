"""Samplers: in which order the samples of a dataset are taken."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from ..._core.dtypes import float64
from ...creation import as_tensor
from ...tensor import Tensor
from ._random import generator_from, integers, permutation, seed, uniform

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

T_co = TypeVar("T_co", covariant=True)

_AT_ONCE = 32
"""How many indices are drawn at a time with replacement."""


class Sampler(Generic[T_co]):
    """An order of samples: a subclass defines ``__iter__``, which yields indices, and usually ``__len__``.

    Example:
        >>> from nnlite.utils.data import Sampler
        >>> class Backwards(Sampler):
        ...     def __init__(self, data):
        ...         self.data = data
        ...
        ...     def __iter__(self):
        ...         return iter(range(len(self.data) - 1, -1, -1))
        ...
        ...     def __len__(self):
        ...         return len(self.data)
        >>> list(Backwards("abc"))
        [2, 1, 0]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__, which yields indices of samples")


class SequentialSampler(Sampler[int]):
    """All samples in order.

    Args:
        data_source: the dataset.

    Example:
        >>> from nnlite.utils.data import SequentialSampler
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    data_source: Sized

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Samples in random order, or drawn at random.

    Args:
        data_source: the dataset.
        replacement: True draws every sample anew from all; False goes through the samples in a random order.
        num_samples: how many samples to draw. Default: the length of the dataset.
        generator: the source of random numbers. Default: in each epoch a new one, with a seed from the global one.

    Raises:
        TypeError: ``replacement`` is not a bool.
        ValueError: ``num_samples`` is not a positive int (also for an empty dataset).

    Example:
        >>> import nnlite
        >>> from nnlite.utils.data import RandomSampler
        >>> sorted(RandomSampler("abcd", generator=nnlite.Generator().manual_seed(1)))
        [0, 1, 2, 3]
    """

    data_source: Sized
    replacement: bool

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None, generator: Any = None
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={self.num_samples}")

    @property
    def num_samples(self) -> int:
        """How many samples an epoch has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        for run in self._runs():
            yield from run.tolist()

    def _runs(self) -> Iterator[np.ndarray]:
        n, left = len(self.data_source), self.num_samples
        generator = generator_from(seed()) if self.generator is None else self.generator
        while left > 0:
            indices = integers(n, min(left, _AT_ONCE), generator) if self.replacement else permutation(n, generator)
            yield indices[:left]
            left -= len(indices)

    def _is_one_permutation(self) -> bool:
        """Whether an epoch is one array of ``_runs``; a subclass may have another order."""
        return type(self) is RandomSampler and not self.replacement and self.num_samples <= len(self.data_source)

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order.

    Args:
        indices: a sequence of indices.
        generator: the source of random numbers. Default: the global generator.

    Example:
        >>> from nnlite.utils.data import SubsetRandomSampler
        >>> sorted(SubsetRandomSampler([2, 5, 7]))
        [2, 5, 7]
    """

    indices: Sequence[int]

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in permutation(len(self.indices), self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Samples drawn with given probabilities.

    Without replacement the next sample is drawn from those left, with probabilities in proportion to their weights
    (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006: the samples with the smallest
    exponential waiting times). Samples of weight zero come after all others, as in PyTorch.

    Args:
        weights: the weight of each sample; they need not sum up to one.
        num_samples: how many samples to draw.
        replacement: whether a sample can be drawn more than once.
        generator: the source of random numbers. Default: the global generator.

    Raises:
        ValueError: ``num_samples`` is not a positive int, ``replacement`` not a bool, ``weights`` not one-dimensional.
        RuntimeError: when samples are drawn: a weight is negative, infinite or NaN; all are zero; or there are fewer
            weights than samples to draw without replacement.

    Example:
        >>> from nnlite.utils.data import WeightedRandomSampler
        >>> list(WeightedRandomSampler([0.0, 3.0, 0.0], 4))
        [1, 1, 1, 1]
    """

    weights: Tensor
    num_samples: int
    replacement: bool

    def __init__(
        self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Any = None
    ) -> None:
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = as_tensor(weights, dtype=float64)
        if self.weights.ndim != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        weights = self.weights.detach().cpu().numpy()
        _check_weights(weights, self.num_samples, self.replacement)
        if self.replacement:
            edges = np.cumsum(weights)
            points = uniform(self.num_samples, self.generator) * edges[-1]
            # Rounding can put a point on the last edge; samples of weight zero have no width and are never found.
            drawn = np.minimum(np.searchsorted(edges, points, side="right"), np.flatnonzero(weights)[-1])
        else:
            with np.errstate(divide="ignore"):
                waiting = -np.log1p(-uniform(len(weights), self.generator)) / weights
            drawn = np.argsort(np.where(weights > 0, waiting, np.inf), kind="stable")[: self.num_samples]
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


def _check_weights(weights: np.ndarray, num_samples: int, replacement: bool) -> None:
    """The errors of ``multinomial``."""
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not weights.sum() > 0:
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if not replacement and num_samples > len(weights):
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement: WeightedRandomSampler has "
            f"{len(weights)} weights for num_samples={num_samples}"
        )


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler in lists of ``batch_size``.

    Args:
        sampler: a sampler, or any iterable of indices.
        batch_size: how many indices a batch has.
        drop_last: leave out the last batch where it is smaller.

    Raises:
        ValueError: ``batch_size`` is not a positive int, or ``drop_last`` not a bool.

    Example:
        >>> from nnlite.utils.data import BatchSampler
        >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self._batches():
            yield batch if isinstance(batch, list) else batch.tolist()

    def _batches(self) -> Iterator[list[int] | np.ndarray]:
        """The batches, as arrays where the sampler has its order as an array.

        Going through it index by index took a third of the time of an epoch of a TensorDataset.
        """
        sampler, size = self.sampler, self.batch_size
        if isinstance(sampler, RandomSampler) and sampler._is_one_permutation():
            (order,) = sampler._runs()
            end = len(order) - len(order) % size if self.drop_last else len(order)
            for start in range(0, end, size):
                yield order[start : start + size]
            return
        indices = iter(sampler)
        while batch := list(itertools.islice(indices, size)):
            if len(batch) == size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
