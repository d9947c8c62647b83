"""Datasets, random_split and samplers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import nnlite
from nnlite.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)


class Stream(IterableDataset):
    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return iter(self.items)

    def __len__(self):
        return len(self.items)


def generator(seed=0):
    return nnlite.Generator().manual_seed(seed)


# Datasets


def test_abstract_classes():
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="__iter__"):
        list(Sampler())
    with pytest.raises(TypeError):
        len(Dataset())


def test_tensor_dataset(device):
    x = nnlite.arange(6, device=device).reshape(3, 2)
    y = nnlite.tensor([10, 11, 12], device=device)
    data = TensorDataset(x, y)
    assert len(data) == 3
    row, label = data[1]
    assert row.tolist() == [2, 3]
    assert label.item() == 11
    assert row.device == x.device
    rows, labels = data[[2, 0]]
    assert rows.tolist() == [[4, 5], [0, 1]]
    assert labels.tolist() == [12, 10]
    with pytest.raises(IndexError):
        data[3]
    with pytest.raises(AssertionError, match=r"Size mismatch between tensors.*\[3, 2\]"):
        TensorDataset(x, y[:2])


def test_stack_dataset():
    pair = StackDataset("abc", [1, 2, 3])
    assert (len(pair), pair[2]) == (3, ("c", 3))
    assert pair.__getitems__([2, 0]) == [("c", 3), ("a", 1)]
    named = StackDataset(x="abc", y=[1, 2, 3])
    assert named[0] == {"x": "a", "y": 1}
    assert named.__getitems__([1]) == [{"x": "b", "y": 2}]
    for args, kwargs, message in [
        ((), {}, "At least one"),
        (("ab", "c"), {}, "Size mismatch"),
        ((), {"x": "ab", "y": "c"}, "Size mismatch"),
        (("ab",), {"y": "ab"}, "both types are given"),
    ]:
        with pytest.raises(ValueError, match=message):
            StackDataset(*args, **kwargs)


class Batched(Dataset):
    """Counts how its samples are asked for."""

    def __init__(self, n):
        self.n = n
        self.calls = []

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        self.calls.append(index)
        return index * 10

    def __getitems__(self, indices):
        self.calls.append(list(indices))
        return [index * 10 for index in indices]


def test_batches_are_passed_on_to_inner_datasets():
    inner = Batched(5)
    assert Subset(inner, [4, 2, 0]).__getitems__([2, 0]) == [0, 40]
    assert StackDataset(inner, "abcde").__getitems__([1, 3]) == [(10, "b"), (30, "d")]
    assert inner.calls == [[0, 4], [1, 3]]
    inner.__getitems__ = lambda indices: [1]
    with pytest.raises(ValueError, match="Expected 2, got 1"):
        StackDataset(inner, "abcde").__getitems__([1, 3])


def test_concat_dataset():
    both = ConcatDataset(["ab", "", "cde"])
    assert both.cumulative_sizes == [2, 2, 5]
    assert [both[i] for i in range(-5, 5)] == list("abcdeabcde")
    with pytest.raises(IndexError):
        both[5]
    with pytest.raises(ValueError, match="absolute value"):
        both[-6]
    with pytest.raises(AssertionError, match="empty iterable"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        ConcatDataset([Stream("ab")])
    assert len(Batched(2) + Batched(3)) == 5


def test_chain_dataset():
    chain = ChainDataset([Stream("ab"), Stream("c")])
    assert list(chain) == ["a", "b", "c"]
    assert len(chain) == 3
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(ChainDataset(["ab"]))


def test_subset():
    part = Subset("abcdef", [5, 0, 5])
    assert (len(part), list(part)) == (3, ["f", "a", "f"])
    array = Subset(np.arange(6) * 2, [5, 1])
    assert array[[0, 1]].tolist() == [10, 2]

    class Wrong(Subset):
        def __getitem__(self, index):
            return None

    with pytest.raises(NotImplementedError, match="Wrong overrides __getitem__ but not __getitems__"):
        Wrong("ab", [0])


def test_random_split():
    parts = random_split(range(10), [3, 7], generator=generator())
    assert [len(p) for p in parts] == [3, 7]
    assert sorted(i for p in parts for i in p) == list(range(10))
    again = random_split(range(10), [3, 7], generator=generator())
    other = random_split(range(10), [3, 7], generator=generator(1))
    assert [list(p) for p in parts] == [list(p) for p in again]
    assert [list(p) for p in parts] != [list(p) for p in other]
    assert [len(p) for p in random_split(range(11), [0.5, 0.25, 0.25])] == [6, 3, 2]


def test_random_split_uses_the_global_generator():
    nnlite.manual_seed(3)
    first = [p.indices for p in random_split(range(20), [10, 10])]
    nnlite.manual_seed(3)
    assert [p.indices for p in random_split(range(20), [10, 10])] == first
    assert [p.indices for p in random_split(range(20), [10, 10])] != first


def test_random_split_errors():
    with pytest.raises(ValueError, match="does not equal the length of the input dataset"):
        random_split(range(10), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        random_split(range(10), [-0.5, 1.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split(range(1), [0.9, 0.1])


# Samplers


def test_sequential_sampler():
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    assert len(SequentialSampler("abc")) == 3


def test_random_sampler():
    sampler = RandomSampler(range(50))
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert len(sampler) == 50
    a, b = (list(RandomSampler(range(50), generator=generator(4))) for _ in range(2))
    assert a == b


def test_random_sampler_draws_one_number_of_the_global_generator():
    nnlite.manual_seed(0)
    list(RandomSampler(range(1000)))
    after = nnlite.get_rng_state().tolist()
    nnlite.manual_seed(0)
    list(RandomSampler(range(5)))
    assert nnlite.get_rng_state().tolist() == after


def test_random_sampler_num_samples():
    many = list(RandomSampler(range(4), num_samples=11))
    assert len(many) == 11
    assert [sorted(many[i : i + 4]) for i in (0, 4)] == [[0, 1, 2, 3]] * 2
    assert len(set(many[8:])) == 3
    drawn = list(RandomSampler(range(4), replacement=True, num_samples=1000))
    assert len(drawn) == 1000
    assert all(200 < n < 300 for n in Counter(drawn).values())
    assert set(drawn) == {0, 1, 2, 3}


def test_random_sampler_errors():
    with pytest.raises(TypeError, match="replacement should be a boolean"):
        RandomSampler(range(3), replacement=1)
    for n in 0, -1, 2.5:
        with pytest.raises(ValueError, match="num_samples should be a positive integer"):
            RandomSampler(range(3), num_samples=n)
    with pytest.raises(ValueError, match="num_samples=0"):
        RandomSampler([])


def test_subset_random_sampler():
    sampler = SubsetRandomSampler([3, 1, 4, 15, 9, 2, 6], generator=generator())
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == [1, 2, 3, 4, 6, 9, 15]
    assert first != second
    assert len(sampler) == 7


def test_weighted_random_sampler_with_replacement():
    drawn = Counter(WeightedRandomSampler([0.0, 1.0, 3.0, 0.0], 8000, generator=generator()))
    assert set(drawn) == {1, 2}
    assert abs(drawn[2] / 8000 - 0.75) < 0.02


def test_weighted_random_sampler_without_replacement():
    first = Counter()
    for seed in range(3000):
        drawn = list(WeightedRandomSampler([1.0, 3.0, 0.0, 4.0], 3, replacement=False, generator=generator(seed)))
        assert sorted(drawn) == [0, 1, 3]
        first[drawn[0]] += 1
    assert list(WeightedRandomSampler([0.0, 2.0, 0.0], 3, replacement=False)) == [1, 0, 2]
    assert abs(first[0] / 3000 - 1 / 8) < 0.03
    assert abs(first[1] / 3000 - 3 / 8) < 0.03


def test_weighted_random_sampler_errors():
    for n in 0, True, 2.0:
        with pytest.raises(ValueError, match="num_samples should be a positive integer"):
            WeightedRandomSampler([1.0], n)
    with pytest.raises(ValueError, match="replacement should be a boolean"):
        WeightedRandomSampler([1.0], 1, replacement=None)
    with pytest.raises(ValueError, match=r"weights should be a 1d sequence.*\(1, 2\)"):
        WeightedRandomSampler([[1.0, 2.0]], 1)
    for weights, n, replacement, message in [
        ([-1.0, 2.0], 1, True, "element < 0"),
        ([float("nan")], 1, True, "`nan`"),
        ([float("inf")], 1, True, "`inf`"),
        ([0.0, 0.0], 1, True, "sum of probabilities <= 0"),
        ([1.0, 1.0], 3, False, "cannot sample n_sample"),
    ]:
        with pytest.raises(RuntimeError, match=message):
            list(WeightedRandomSampler(weights, n, replacement))


def test_weights_on_a_device(device):
    weights = nnlite.tensor([0.0, 1.0], device=device)
    assert list(WeightedRandomSampler(weights, 3)) == [1, 1, 1]


@pytest.mark.parametrize("n", range(9))
@pytest.mark.parametrize("drop_last", [False, True])
def test_batch_sampler(n, drop_last):
    sampler = BatchSampler(SequentialSampler(range(n)), 4, drop_last)
    batches = list(sampler)
    expected = [list(range(n))[i : i + 4] for i in range(0, n, 4)]
    if drop_last:
        expected = [b for b in expected if len(b) == 4]
    assert batches == expected
    assert len(sampler) == len(expected)


@pytest.mark.parametrize(
    "options",
    [{}, {"num_samples": 7}, {"num_samples": 25}, {"replacement": True}, {"replacement": True, "num_samples": 70}],
)
def test_batches_of_random_samplers_are_its_indices_in_order(options):
    one = RandomSampler(range(10), generator=generator(), **options)
    other = RandomSampler(range(10), generator=generator(), **options)
    batches = list(BatchSampler(one, 4, drop_last=False))
    assert [len(b) for b in batches[:-1]] == [4] * (len(batches) - 1)
    assert [i for batch in batches for i in batch] == list(other)


def test_batch_sampler_errors():
    for size in 0, -1, True, 2.0, None:
        with pytest.raises(ValueError, match="batch_size should be a positive integer"):
            BatchSampler(range(3), size, False)
    with pytest.raises(ValueError, match="drop_last should be a boolean"):
        BatchSampler(range(3), 2, 0)
