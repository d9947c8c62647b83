"""Datasets, samplers and loaders next to PyTorch's: the same batches, lengths and errors; orders are each one's own."""

from __future__ import annotations

import collections
import io
import time
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import nnlite  # noqa: E402

BOTH = (torch, nnlite)
Point = collections.namedtuple("Point", ["x", "y"])


def plain(value):
    """A batch with tensors as (dtype, shape, values), to be compared."""
    if isinstance(value, torch.Tensor | nnlite.Tensor):
        return str(value.dtype), tuple(value.shape), value.tolist()
    if isinstance(value, dict | types.MappingProxyType):
        return type(value), {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | collections.deque):
        return type(value), [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return "array", value.tolist()
    return value


def both(function):
    """The results of a function of the library, which have to agree; an error counts as its type."""
    results = []
    for module in BOTH:
        try:
            results.append(plain(function(module)))
        except Exception as error:
            results.append((type(error).__name__, "error"))
    assert results[0] == results[1]
    return results[0]


SAMPLES = [
    [1, 2, 3], [1.5, 2.5], [True, False], ["a", "b"], [b"a"], [(1, 2.0), (3, 4.0)], [[1, 2], [3, 4]],
    [{"a": 1, "b": [2.0]}, {"a": 3, "b": [4.0]}], [Point(1, "a"), Point(2, "b")], [np.float32(1), np.float32(2)],
    [np.int8(1), np.int8(2)], [np.bool_(True)], [np.array([1, 2]), np.array([3, 4])], [np.array(1.5), np.array(2.5)],
    [np.zeros((2, 0))], [types.MappingProxyType({"a": 1})], [collections.OrderedDict(a=1)], [range(2), range(2)],
    [collections.defaultdict(int, a=1)], [], [None], [object()], [np.array(["a"])], [[1, 2], [1]], [{"a": 1}, {"b": 1}],
    [np.zeros(2), np.zeros(3)], [(1, (2, [3, "x"]))], [1, 2.5], [1.5, 2], [np.float64(1), 2.0], [1 + 2j],
    [collections.deque([1, 2]), collections.deque([3, 4])], [np.array(["a"], object)], [2**40], [[]], [{}],
]  # fmt: skip


@pytest.mark.parametrize("samples", SAMPLES)
def test_collate(samples):
    both(lambda m: m.utils.data.default_collate(samples))


@pytest.mark.parametrize("samples", SAMPLES)
def test_convert(samples):
    both(lambda m: m.utils.data.default_convert(samples))


def test_collate_tensors():
    both(lambda m: m.utils.data.default_collate([m.ones(2), m.zeros(2)]))
    both(lambda m: m.utils.data.default_collate([(m.ones(2), 1), (m.zeros(2), 2)]))
    both(lambda m: m.utils.data.default_collate([m.ones(2), m.zeros(3)]))
    both(lambda m: m.utils.data.default_collate([m.ones(2, dtype=m.int16), m.zeros(2, dtype=m.int16)]))


def tensors(m, n):
    return m.utils.data.TensorDataset(m.arange(3 * n).reshape(n, 3), m.arange(n) * 1.0)


@given(
    n=st.integers(0, 12),
    batch_size=st.sampled_from([None, 1, 2, 5, 20]),
    drop_last=st.booleans(),
    subset=st.booleans(),
    explicit=st.booleans(),
)
def test_loaders_in_order(n, batch_size, drop_last, subset, explicit):
    def run(m):
        data = tensors(m, n)
        if subset:
            data = m.utils.data.Subset(data, list(range(n))[::-2])
        options = {"sampler": range(len(data))} if explicit else {}
        loader = m.utils.data.DataLoader(data, batch_size=batch_size, drop_last=drop_last, **options)
        return [len(loader), list(loader)]

    both(run)


@given(st.lists(st.lists(st.integers(-6, 6), max_size=4), max_size=4))
def test_any_batches_of_indices(batches):
    both(lambda m: list(m.utils.data.DataLoader(tensors(m, 5), batch_sampler=batches)))


@given(n=st.integers(1, 12), batch_size=st.integers(1, 5), drop_last=st.booleans())
def test_shuffled_loaders_hold_the_same_samples(n, batch_size, drop_last):
    def run(m):
        loader = m.utils.data.DataLoader(tensors(m, n), batch_size, shuffle=True, drop_last=drop_last)
        batches = list(loader)
        rows = sorted((y.item(), x.tolist()) for xs, ys in batches for x, y in zip(xs, ys, strict=True))
        assert all(row == [3 * y, 3 * y + 1, 3 * y + 2] for y, row in rows)
        return [len(loader), [len(ys) for _, ys in batches], len({y for y, _ in rows})]

    both(run)


class Stream:
    """An iterable dataset of either library."""

    def __new__(cls, m, n):
        class Count(m.utils.data.IterableDataset):
            def __iter__(self):
                return iter(range(n))

            def __len__(self):
                return n

        return Count()


@given(n=st.integers(0, 7), batch_size=st.sampled_from([None, 1, 2, 3]), drop_last=st.booleans())
def test_iterable_datasets(n, batch_size, drop_last):
    def run(m):
        loader = m.utils.data.DataLoader(Stream(m, n), batch_size=batch_size, drop_last=drop_last)
        return [len(loader), list(loader)]

    both(run)


ARGUMENTS = [
    {}, {"num_workers": -1}, {"timeout": -1}, {"timeout": 1}, {"prefetch_factor": 2}, {"persistent_workers": True},
    {"multiprocessing_context": "fork"}, {"sampler": [0], "shuffle": True}, {"sampler": [0], "shuffle": False},
    {"batch_sampler": [[0]], "batch_size": 2}, {"batch_sampler": [[0]], "shuffle": True},
    {"batch_sampler": [[0]], "sampler": [0]}, {"batch_sampler": [[0]], "drop_last": True}, {"batch_sampler": [[0]]},
    {"batch_size": None, "drop_last": True}, {"batch_size": None, "sampler": [1]}, {"batch_size": 0},
    {"batch_size": -1}, {"batch_size": 2.5}, {"batch_size": True}, {"drop_last": 1}, {"shuffle": None},
    {"batch_size": 2, "sampler": [5]}, {"batch_size": None, "batch_sampler": [[0]]}, {"collate_fn": len},
    {"worker_init_fn": print}, {"in_order": False}, {"batch_sampler": []}, {"sampler": []}, {"batch_size": "2"},
]  # fmt: skip


@pytest.mark.parametrize("arguments", ARGUMENTS)
@pytest.mark.parametrize("kind", ["map", "stream", "tensors", "empty"])
def test_arguments(arguments, kind):
    def run(m):
        data = {"map": lambda: "abc", "stream": lambda: Stream(m, 3), "tensors": lambda: tensors(m, 3), "empty": str}
        loader = m.utils.data.DataLoader(data[kind](), **arguments)
        return [list(loader), loader.batch_size, loader.drop_last]

    both(run)


@pytest.mark.parametrize("kind", ["map", "stream"])
@pytest.mark.parametrize("shuffle", [True, False, 0, 1])
def test_shuffle_of_each_kind(kind, shuffle):
    def run(m):
        data = "abc" if kind == "map" else Stream(m, 3)
        return len(list(m.utils.data.DataLoader(data, shuffle=shuffle)))

    both(run)


def test_a_loader_is_fixed_once_made():
    for name in "batch_size", "sampler", "batch_sampler", "drop_last", "dataset", "persistent_workers", "num_workers":
        both(lambda m, name=name: setattr(m.utils.data.DataLoader("abc"), name, 1))


CALLS = [
    lambda d: d.RandomSampler("abc", replacement=1),
    lambda d: d.RandomSampler("abc", num_samples=0),
    lambda d: d.RandomSampler("abc", num_samples=2.0),
    lambda d: d.RandomSampler(""),
    lambda d: len(d.RandomSampler("abc", num_samples=5)),
    lambda d: len(list(d.RandomSampler("abc", num_samples=5))),
    lambda d: sorted(d.RandomSampler("abc")),
    lambda d: len(list(d.RandomSampler("abc", replacement=True, num_samples=70))),
    lambda d: sorted(d.RandomSampler("abc", num_samples=6)),
    lambda d: sorted(d.SubsetRandomSampler([7, 5])),
    lambda d: list(d.SequentialSampler("abc")),
    lambda d: list(d.BatchSampler("abcde", 2, True)),
    lambda d: list(d.BatchSampler("abcde", 2, False)),
    lambda d: list(d.BatchSampler("", 2, False)),
    lambda d: d.BatchSampler("abc", 0, False),
    lambda d: d.BatchSampler("abc", True, False),
    lambda d: d.BatchSampler("abc", 2, 1),
    lambda d: list(d.WeightedRandomSampler([0, 1.0, 0], 3)),
    lambda d: sorted(d.WeightedRandomSampler([0, 1.0, 2], 2, replacement=False)),
    lambda d: list(d.WeightedRandomSampler([1.0, 0], 2, replacement=False)),
    lambda d: list(d.WeightedRandomSampler([1.0], 2, replacement=False)),
    lambda d: list(d.WeightedRandomSampler([0.0], 1)),
    lambda d: list(d.WeightedRandomSampler([-1.0, 2], 1)),
    lambda d: list(d.WeightedRandomSampler([float("nan")], 1)),
    lambda d: d.WeightedRandomSampler([[1.0]], 1),
    lambda d: d.WeightedRandomSampler([1.0], 0),
    lambda d: d.WeightedRandomSampler([1.0], 1, replacement=1),
    lambda d: list(d.Sampler()),
    lambda d: d.Dataset()[0],
    lambda d: d.ConcatDataset(["ab", "cd"])[-1],
    lambda d: d.ConcatDataset(["ab", "cd"])[-5],
    lambda d: d.ConcatDataset(["ab", "cd"])[4],
    lambda d: d.ConcatDataset([]),
    lambda d: len(d.ConcatDataset(["ab", "cde"])),
    lambda d: d.ConcatDataset(["ab", "cde"]).cumulative_sizes,
    lambda d: list(d.ChainDataset(["ab"])),
    lambda d: d.StackDataset(),
    lambda d: d.StackDataset("ab", x="ab"),
    lambda d: d.StackDataset("ab", "c"),
    lambda d: d.StackDataset("ab", "cd")[1],
    lambda d: d.StackDataset("ab", "cd").__getitems__([1, 0]),
    lambda d: d.StackDataset(x="ab", y="cd").__getitems__([1, 0]),
    lambda d: len(d.StackDataset(x="ab")),
    lambda d: d.Subset("abc", [2, 0])[0],
    lambda d: d.Subset("abc", [2, 0])[2],
    lambda d: d.Subset("abc", [2, 0]).__getitems__([1, 0]),
    lambda d: d.Subset(np.arange(5), [2, 0])[[0, 1]],
    lambda d: len(d.Subset("abc", [2, 0])),
    lambda d: [len(p) for p in d.random_split("abcdefghijk", [0.5, 0.25, 0.25])],
    lambda d: sorted(x for p in d.random_split("abcdefghijk", [4, 7]) for x in p),
    lambda d: d.random_split("abc", [1, 1]),
    lambda d: d.random_split("abc", [-0.5, 1.5]),
    lambda d: [len(p) for p in d.random_split("abc", [3, 0])],
    lambda d: d.get_worker_info(),
]


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_calls(number):
    both(lambda m: CALLS[number](m.utils.data))


def test_tensor_datasets():
    both(lambda m: list(tensors(m, 3)))
    both(lambda m: len(tensors(m, 3)))
    both(lambda m: tensors(m, 3)[1:])
    both(lambda m: tensors(m, 3)[[0, 2]])
    both(lambda m: tensors(m, 3)[3])
    both(lambda m: m.utils.data.TensorDataset(m.ones(2), m.ones(3)))
    both(lambda m: m.utils.data.TensorDataset(m.tensor(1.0)))


def test_random_order_is_about_uniform():
    """The position of sample 0 in the shuffled order, 2000 times."""
    loader = nnlite.utils.data.DataLoader(range(5), batch_size=None, shuffle=True)
    counts = collections.Counter(list(loader).index(0) for _ in range(2000))
    assert all(abs(counts[position] - 400) < 90 for position in range(5))


def test_datasets_of_a_checkpoint():
    """Data saved by PyTorch goes into a loader of nnlite."""
    file = io.BytesIO()
    torch.save({"x": torch.arange(6).reshape(3, 2), "y": torch.arange(3)}, file)
    data = nnlite.load(io.BytesIO(file.getvalue()))
    loader = nnlite.utils.data.DataLoader(nnlite.utils.data.TensorDataset(data["x"], data["y"]), batch_size=3)
    assert [t.tolist() for t in next(iter(loader))] == [[[0, 1], [2, 3], [4, 5]], [0, 1, 2]]


def epoch(m, x, y):
    """The best of several times of going through shuffled batches."""
    data = m.utils.data.TensorDataset(m.from_numpy(x), m.from_numpy(y))
    loader = m.utils.data.DataLoader(data, batch_size=256, shuffle=True)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in loader:
            pass
        times.append(time.perf_counter() - begin)
    return min(times)


def test_batches_of_tensors_come_quicker():
    """20,000 rows of 64 numbers, where look-ups count and not the memory: 20 times on a quiet machine."""
    x = np.zeros((20_000, 64), np.float32)
    y = np.zeros(20_000, np.int64)
    assert epoch(nnlite, x, y) * 5 < epoch(torch, x, y)
