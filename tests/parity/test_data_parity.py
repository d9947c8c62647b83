"""Datasets, samplers and loaders next to PyTorch's: the same batches, lengths and errors; orders are each one's own."""

from __future__ import annotations

import collections
import importlib
import io
import os
import re
import signal
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


# Workers. Forked ones: each library starts its own way into the process otherwise, for seconds.


class Numbered:
    """A map-style dataset of either library, whose samples tell which worker made them."""

    def __init__(self, m, n=9, function=None):
        self.m = m
        self.n = n
        self.function = function

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        if self.function is not None:
            return self.function(index)
        info = self.m.utils.data.get_worker_info()
        return index, -1 if info is None else info.id, 0 if info is None else info.num_workers


def forked(m, dataset, num_workers=2, **options):
    return m.utils.data.DataLoader(dataset, num_workers=num_workers, multiprocessing_context="fork", **options)


@pytest.mark.parametrize("options", [
    {"batch_size": 2}, {"batch_size": None}, {"batch_size": 2, "drop_last": True, "prefetch_factor": 1},
    {"batch_size": 4, "num_workers": 1}, {"batch_size": 2, "persistent_workers": True}, {"sampler": [3, 1, 8]},
    {"batch_sampler": [[3, 1], [], [8]], "collate_fn": list},
])  # fmt: skip
def test_which_worker_makes_which_batch(options):
    def run(m):
        loader = forked(m, Numbered(m), **options)
        return [list(loader), list(loader), len(loader)]

    both(run)


@pytest.mark.parametrize("options", [{"batch_size": 2}, {"batch_size": 2, "drop_last": True}, {"batch_size": None}])
@pytest.mark.parametrize("lengths", [(3, 3), (1, 6), (5, 0), (0, 0)])
def test_parts_of_iterable_datasets(lengths, options):
    def run(m):
        class Parts(m.utils.data.IterableDataset):
            def __iter__(self):
                number = m.utils.data.get_worker_info().id
                return iter(range(10 * number, 10 * number + lengths[number]))

        loader = forked(m, Parts(), **options)
        return [list(loader), list(loader)]

    both(run)


def bad(index):
    if index == 3:
        raise KeyError("sample 3")
    return index


def worse(index):
    raise UnicodeDecodeError("utf-8", b"a", 0, 1, "no text")


@pytest.mark.parametrize("function", [bad, worse])
def test_errors_of_workers(function):
    """The same type, the same first line and the same last line; the epoch goes on."""

    def run(m):
        results = []
        epoch = iter(forked(m, Numbered(m, 5, function), batch_size=None))
        while True:
            try:
                results.append(next(epoch))
            except StopIteration:
                return results
            except Exception as error:
                lines = str(error).strip().split("\n")
                results.append([type(error).__name__, lines[0], lines[1], lines[-1]])

    both(run)


@pytest.mark.parametrize("ends", ["killed", "exits", "late"])
def test_workers_that_end(ends):
    def last(index):
        if ends == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif ends == "exits":
            os._exit(3)
        time.sleep(2)

    texts = []
    for m in BOTH:
        with pytest.raises(RuntimeError) as caught:
            list(forked(m, Numbered(m, 2, last), 1, timeout=0.5 if ends == "late" else 0))
        texts.append(re.sub(r"\d+\)", "N)", str(caught.value)))
    assert texts[1].startswith(texts[0].removesuffix(" seconds"))


def test_seeds_of_workers():
    """base_seed + id; and NumPy's numbers for the same base seed."""
    from nnlite.utils.data._utils.process import numpy_seed

    for base in 0, 5, 2**40 + 3, 2**63 - 1:
        for number in 0, 1, 17:
            expected = torch.utils.data._utils.worker._generate_state(base, number)
            assert numpy_seed(base, number).tolist() == expected

    def run(m):
        seeds = [
            list(forked(m, Numbered(m, 4, lambda i: m.utils.data.get_worker_info().seed), batch_size=None))
            for _ in range(2)
        ]
        return [[s - epoch[0] for s in epoch] for epoch in seeds] + [seeds[0] == seeds[1]]

    assert both(run)[1] == [(list, [0, 1, 0, 1]), (list, [0, 1, 0, 1]), False]


def test_what_workers_know():
    def run(m):
        def tell(index):
            info = m.utils.data.get_worker_info()
            try:
                info.id = 3
            except Exception as error:
                return type(error).__name__, m.get_num_threads(), sorted(a for a in dir(info) if a[0] != "_")

        return list(forked(m, Numbered(m, 2, tell), 1, batch_size=None))

    both(run)


WORKER_ARGUMENTS = [
    {"prefetch_factor": -1}, {"prefetch_factor": 0}, {"multiprocessing_context": "x"}, {"multiprocessing_context": 3},
    {"num_workers": "2"}, {"timeout": "2"}, {"batch_size": 0}, {"sampler": [0], "shuffle": True}, {"timeout": -1},
    {"batch_size": None, "drop_last": True}, {"worker_init_fn": 3}, {"collate_fn": 3},
]  # fmt: skip


@pytest.mark.parametrize("arguments", WORKER_ARGUMENTS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of PyTorch's, on its way out
def test_arguments_with_workers(arguments):
    def run(m):
        options = {"num_workers": 1, "multiprocessing_context": "fork", **arguments}
        loader = m.utils.data.DataLoader(Numbered(m, 3), **options)
        return [list(loader), loader.prefetch_factor]

    both(run)


SHARES = [
    lambda d: d.DistributedSampler(range(5)), lambda d: d.DistributedSampler(range(5), num_replicas=2),
    lambda d: d.DistributedSampler(range(5), 2, 2), lambda d: d.DistributedSampler(range(5), 2, -1),
    *(
        lambda d, n=n, r=r, drop=drop: [
            list(d.DistributedSampler(range(n), r, rank, shuffle=False, drop_last=drop)) for rank in range(r)
        ]
        for n in (1, 2, 5, 6) for r in (1, 2, 3, 7) for drop in (False, True)
    ),
    lambda d: [len(d.DistributedSampler(range(5), 2, 0)), d.DistributedSampler(range(5), 2, 0).total_size],
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(SHARES)))
def test_distributed_samplers(number):
    both(lambda m: SHARES[number](m.utils.data))


def test_shuffled_distributed_samplers():
    def run(m):
        results = []
        for epoch in 0, 1:
            parts = []
            for rank in range(3):
                sampler = m.utils.data.DistributedSampler(range(9), 3, rank, seed=4)
                sampler.set_epoch(epoch)
                assert list(sampler) == list(sampler)
                parts.append(list(sampler))
            results.append(parts)
        assert results[0] != results[1]
        return [sorted(i for part in parts for i in part) for parts in results]

    both(run)


PATHS = {
    "": [
        "BatchSampler", "ChainDataset", "ConcatDataset", "DataLoader", "Dataset", "DistributedSampler",
        "IterableDataset", "RandomSampler", "Sampler", "SequentialSampler", "StackDataset", "Subset",
        "SubsetRandomSampler",
        "TensorDataset", "WeightedRandomSampler", "default_collate", "default_convert", "get_worker_info",
        "random_split", "_DatasetKind", "dataloader", "dataset", "sampler", "distributed", "_utils",
    ],
    ".dataloader": [
        "DataLoader", "default_collate", "get_worker_info", "_DatasetKind", "_BaseDataLoaderIter",
        "_SingleProcessDataLoaderIter", "_MultiProcessingDataLoaderIter", "default_convert",
    ],
    ".dataset": ["Dataset", "IterableDataset", "TensorDataset", "ConcatDataset", "Subset", "random_split"],
    ".sampler": ["Sampler", "RandomSampler", "BatchSampler", "SequentialSampler", "SubsetRandomSampler"],
    ".distributed": ["DistributedSampler"],
    "._utils": ["collate", "worker", "fetch", "pin_memory"],
    "._utils.collate": ["default_collate", "default_convert", "collate", "default_collate_fn_map"],
    "._utils.worker": ["get_worker_info", "WorkerInfo"],
    "._utils.pin_memory": ["pin_memory"],
}  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_names_that_programs_import(path):
    for m in BOTH:
        module = importlib.import_module(f"{m.__name__}.utils.data{path}")
        assert [name for name in PATHS[path] if not hasattr(module, name)] == []


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
