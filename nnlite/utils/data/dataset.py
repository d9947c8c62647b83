"""Datasets: what can be indexed (map-style) or iterated over (iterable-style) for samples."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from ...tensor import Tensor
from ._random import permutation

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Samples by number.

    A subclass defines ``__getitem__(index)``, and ``__len__`` for samplers that need the number of samples. It may
    define ``__getitems__(indices)``, which returns the list of the samples of a batch, where that is faster.

    Example:
        >>> from nnlite.utils.data import Dataset
        >>> class Squares(Dataset):
        ...     def __len__(self):
        ...         return 5
        ...
        ...     def __getitem__(self, index):
        ...         return index * index
        >>> Squares()[3]
        9
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """Samples one after another; a subclass defines ``__iter__``.

    Example:
        >>> from nnlite.utils.data import DataLoader, IterableDataset
        >>> class Count(IterableDataset):
        ...     def __iter__(self):
        ...         return iter(range(5))
        >>> list(DataLoader(Count(), batch_size=2))
        [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    """


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Rows of tensors: sample ``i`` is ``(tensors[0][i], tensors[1][i], ...)``.

    A :class:`DataLoader` with the default collation takes whole batches out of the tensors at once.

    Args:
        tensors: tensors with the same size in the first dimension.

    Raises:
        AssertionError: the sizes differ.

    Example:
        >>> import nnlite
        >>> from nnlite.utils.data import TensorDataset
        >>> data = TensorDataset(nnlite.arange(6).reshape(3, 2), nnlite.tensor([0, 1, 0]))
        >>> data[1]
        (tensor([2, 3]), tensor(1))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        sizes = [t.size(0) for t in tensors]
        if any(size != sizes[0] for size in sizes):
            raise AssertionError(f"Size mismatch between tensors: the first dimensions are {sizes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].size(0)


class StackDataset(Dataset[Any]):
    """Samples of several datasets of the same length, side by side.

    Args:
        args: datasets; a sample is the tuple of their samples.
        kwargs: datasets by name; a sample is the dict of their samples.

    Raises:
        ValueError: positional and named datasets, none at all, or lengths that differ.

    Example:
        >>> from nnlite.utils.data import StackDataset
        >>> StackDataset(image=["a", "b"], label=[0, 1])[1]
        {'image': 'b', 'label': 1}
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or ``dict``- (via ``kwargs``) like input/output, but both "
                "types are given."
            )
        datasets = list(args or kwargs.values())
        if not datasets:
            raise ValueError("At least one dataset should be passed")
        lengths = [len(dataset) for dataset in datasets]
        if any(length != lengths[0] for length in lengths):
            raise ValueError(f"Size mismatch between datasets: the lengths are {lengths}")
        self._length = lengths[0]
        self.datasets = args or kwargs

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __getitems__(self, indices: list[Any]) -> list[Any]:
        if isinstance(self.datasets, dict):
            columns = [_samples(dataset, indices) for dataset in self.datasets.values()]
            return [dict(zip(self.datasets, row, strict=True)) for row in zip(*columns, strict=True)]
        return list(zip(*(_samples(dataset, indices) for dataset in self.datasets), strict=True))

    def __len__(self) -> int:
        return self._length


def _samples(dataset: Any, indices: list[Any]) -> list[Any]:
    """The samples at ``indices``, all at once where the dataset can."""
    if not callable(getattr(dataset, "__getitems__", None)):
        return [dataset[index] for index in indices]
    items = dataset.__getitems__(indices)
    if len(items) != len(indices):
        raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(items)}")
    return items


class ConcatDataset(Dataset[T_co]):
    """The samples of several map-style datasets, one dataset after another.

    Args:
        datasets: the datasets.

    Raises:
        AssertionError: there is none, or one is an :class:`IterableDataset`.

    Example:
        >>> from nnlite.utils.data import ConcatDataset
        >>> both = ConcatDataset(["ab", "cde"])
        >>> len(both), both[3], both[-1]
        (5, 'd', 'e')
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset; use ChainDataset")
        self.cumulative_sizes = list(itertools.accumulate(len(dataset) for dataset in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: int) -> Any:
        if idx < 0:
            if -idx > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            idx += len(self)
        which = bisect.bisect_right(self.cumulative_sizes, idx)
        return self.datasets[which][idx - (self.cumulative_sizes[which - 1] if which else 0)]


class ChainDataset(IterableDataset[Any]):
    """The samples of several iterable-style datasets, one dataset after another.

    Args:
        datasets: the datasets; each is asked for its samples when its turn comes.

    Example:
        >>> from nnlite.utils.data import ChainDataset, IterableDataset
        >>> class Letters(IterableDataset):
        ...     def __init__(self, text):
        ...         self.text = text
        ...
        ...     def __iter__(self):
        ...         return iter(self.text)
        >>> "".join(ChainDataset([Letters("ab"), Letters("c")]))
        'abc'
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def _checked(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield dataset

    def __iter__(self) -> Iterator[Any]:
        for dataset in self._checked():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._checked())


class Subset(Dataset[T_co]):
    """Some samples of a dataset.

    Args:
        dataset: the dataset.
        indices: the number in ``dataset`` of each sample of the subset.

    Raises:
        NotImplementedError: a subclass overrides ``__getitem__`` and not ``__getitems__``, which would go past it.

    Example:
        >>> from nnlite.utils.data import Subset
        >>> list(Subset("abcdef", [4, 0]))
        ['e', 'a']
    """

    dataset: Any
    indices: Sequence[int]

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} overrides __getitem__ but not __getitems__, with which DataLoader would go past it. "
                "Add: def __getitems__(self, indices): return [self[i] for i in indices]"
            )

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        return _samples(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[int | float], generator: Any = None) -> list[Subset[Any]]:
    """Split a dataset at random into subsets that share no sample.

    Args:
        dataset: the dataset.
        lengths: the number of samples of each subset, or fractions that sum up to 1; what rounding down leaves over
            goes to the first subsets, one sample to each.
        generator: the source of random numbers. Default: the global generator.

    Raises:
        ValueError: the lengths do not sum up to the length of the dataset, or a fraction is not between 0 and 1.

    Example:
        >>> import nnlite
        >>> from nnlite.utils.data import random_split
        >>> first, second = random_split(range(10), [0.75, 0.25], nnlite.Generator().manual_seed(1))
        >>> len(first), len(second), sorted([*first, *second]) == list(range(10))
        (8, 2, True)
    """
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _parts(len(dataset), lengths)
    if sum(lengths) != len(dataset):
        raise ValueError(
            "Sum of input lengths does not equal the length of the input dataset! "
            f"random_split: the lengths sum up to {sum(lengths)}, the dataset has {len(dataset)} samples."
        )
    counts = [int(n) for n in lengths]
    order = permutation(sum(counts), generator).tolist()
    ends = itertools.accumulate(counts)
    return [Subset(dataset, order[end - n : end]) for end, n in zip(ends, counts, strict=True)]


def _parts(total: int, fractions: Sequence[float]) -> list[int]:
    """Whole numbers in the proportions of ``fractions`` that sum up to ``total``."""
    for position, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"Fraction at index {position} is not between 0 and 1")
    counts = [math.floor(total * fraction) for fraction in fractions]
    for position in range(total - sum(counts)):
        counts[position % len(counts)] += 1
    for position, count in enumerate(counts):
        if count == 0:
            warnings.warn(
                f"Length of split at index {position} is 0. This might result in an empty dataset.", stacklevel=3
            )
    return counts
