"""DataLoader and collation."""

from __future__ import annotations

import collections
import pickle
import time
import types
import warnings

import numpy as np
import pytest

import nnlite
from nnlite.backends.strict import forbid_synchronize
from nnlite.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    default_collate,
    default_convert,
    get_worker_info,
    random_split,
)
from nnlite.utils.data._utils import collate

Point = collections.namedtuple("Point", ["x", "y"])


class Squares(Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        if not 0 <= index < self.n:
            raise IndexError(index)
        return index, float(index) ** 2


class Stream(IterableDataset):
    def __init__(self, n, length=None):
        self.n = n
        self.length = length

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        if self.length is None:
            raise TypeError("no length")
        return self.length


def rows(n, device="cpu"):
    return TensorDataset(nnlite.arange(2 * n, device=device).reshape(n, 2), nnlite.arange(n, device=device))


def lists(batch):
    return [t.tolist() for t in batch]


def generator(seed=0):
    return nnlite.Generator().manual_seed(seed)


# Batches


def test_batches_in_order(device):
    loader = DataLoader(rows(5, device), batch_size=2)
    assert len(loader) == 3
    batches = list(loader)
    assert [type(b) for b in batches] == [list] * 3
    assert lists(batches[0]) == [[[0, 1], [2, 3]], [0, 1]]
    assert lists(batches[2]) == [[[8, 9]], [4]]
    assert all(t.device.type == device.partition(":")[0] for b in batches for t in b)


def test_drop_last(device):
    loader = DataLoader(rows(5, device), batch_size=2, drop_last=True)
    assert len(loader) == len(list(loader)) == 2


def test_default_batch_size_is_one():
    assert [lists(b) for b in DataLoader(rows(2))] == [[[[0, 1]], [0]], [[[2, 3]], [1]]]


def test_shuffled_epochs_hold_every_sample_once(device):
    loader = DataLoader(rows(50, device), batch_size=8, shuffle=True)
    orders = []
    for _ in range(2):
        order = []
        for x, y in loader:
            assert x.tolist() == [[2 * i, 2 * i + 1] for i in y.tolist()]
            order += y.tolist()
        assert sorted(order) == list(range(50))
        orders.append(order)
    assert orders[0] != orders[1]
    assert orders[0] != list(range(50))


def labels(loader):
    return [y.tolist() for _, y in loader]


def test_the_generator_decides_the_order(device):
    data = rows(30, device)
    a, b, c = (DataLoader(data, batch_size=4, shuffle=True, generator=generator(seed)) for seed in (1, 1, 2))
    first = labels(a)
    assert labels(b) == first
    assert labels(c) != first
    assert labels(a) == labels(b) != first


def test_the_global_seed_decides_the_order():
    loader = DataLoader(rows(30), batch_size=4, shuffle=True)
    nnlite.manual_seed(5)
    first = labels(loader)
    nnlite.manual_seed(5)
    assert labels(loader) == first


def test_order_does_not_depend_on_what_the_loop_draws():
    """One seed is drawn when the epoch begins, and the order comes of it."""
    loader = DataLoader(rows(30), batch_size=4, shuffle=True)
    nnlite.manual_seed(5)
    first = labels(loader)
    nnlite.manual_seed(5)
    again = []
    for _, y in loader:
        nnlite.rand(7)
        again.append(y.tolist())
    assert again == first


def test_an_epoch_can_be_resumed_from_the_state_of_the_generator():
    loader = DataLoader(rows(30), batch_size=4, shuffle=True)
    labels(loader)
    state = nnlite.get_rng_state()
    second = labels(loader)
    nnlite.set_rng_state(state)
    assert labels(DataLoader(rows(30), batch_size=4, shuffle=True)) == second


def test_one_seed_an_epoch_also_without_shuffle():
    loader = DataLoader(rows(3))
    nnlite.manual_seed(0)
    before = nnlite.get_rng_state().tolist()
    list(loader)
    assert nnlite.get_rng_state().tolist() != before
    own = generator(3)
    loader = DataLoader(rows(3), generator=own)
    state = own.get_state().tolist()
    kept = nnlite.get_rng_state().tolist()
    list(loader)
    assert own.get_state().tolist() != state
    assert nnlite.get_rng_state().tolist() == kept


def test_samplers():
    data = Squares(10)
    assert [i.tolist() for i, _ in DataLoader(data, batch_size=2, sampler=[5, 3, 1])] == [[5, 3], [1]]
    batches = BatchSampler([7, 2, 4, 4], 3, False)
    assert [i.tolist() for i, _ in DataLoader(data, batch_sampler=batches)] == [[7, 2, 4], [4]]
    assert [i.tolist() for i, _ in DataLoader(rows(10), batch_sampler=[[3], [9, 0]])] == [[[6, 7]], [[18, 19], [0, 1]]]
    assert len(DataLoader(data, batch_sampler=batches)) == 2


def test_without_batches():
    samples = list(DataLoader(Squares(3), batch_size=None))
    assert samples == [[0, 0.0], [1, 1.0], [2, 4.0]]
    x, y = next(iter(DataLoader(rows(3), batch_size=None)))
    assert (x.tolist(), y.item()) == ([0, 1], 0)
    assert len(DataLoader(Squares(3), batch_size=None)) == 3


def test_collate_fn():
    assert list(DataLoader(Squares(3), batch_size=2, collate_fn=lambda batch: batch)) == [
        [(0, 0.0), (1, 1.0)],
        [(2, 4.0)],
    ]
    seen = []
    list(DataLoader(rows(3), batch_size=2, collate_fn=lambda batch: seen.append(len(batch))))
    assert seen == [2, 1]


def test_iterable_datasets():
    assert [b.tolist() for b in DataLoader(Stream(5), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert [b.tolist() for b in DataLoader(Stream(5), batch_size=2, drop_last=True)] == [[0, 1], [2, 3]]
    assert [b.tolist() for b in DataLoader(Stream(4), batch_size=2)] == [[0, 1], [2, 3]]
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]
    assert list(DataLoader(Stream(0), batch_size=2)) == []
    loader = DataLoader(Stream(4), batch_size=2)
    assert [len(list(loader)) for _ in range(2)] == [2, 2]


def test_length_of_iterable_datasets():
    assert len(DataLoader(Stream(5, 5), batch_size=2)) == 3
    assert len(DataLoader(Stream(5, 5), batch_size=2, drop_last=True)) == 2
    assert len(DataLoader(Stream(5, 5), batch_size=None)) == 5
    with pytest.raises(TypeError, match="no length"):
        len(DataLoader(Stream(5)))
    loader = DataLoader(Stream(4, 3), batch_size=None)
    assert len(loader) == 3
    with pytest.warns(UserWarning, match="was reported to be 3.*but 4 samples have been fetched"):
        list(loader)


def test_several_iterators_at_once():
    loader = DataLoader(rows(4), batch_size=2, shuffle=True)
    a, b = iter(loader), iter(loader)
    assert a is not b
    assert len(a) == 2
    for epoch in a, b:
        assert sorted(i for _, y in epoch for i in y.tolist()) == [0, 1, 2, 3]
    with pytest.raises(StopIteration):
        next(a)


def test_datasets_without_iter_end_with_an_index_error():
    assert [tuple(t.tolist() for t in b) for b in DataLoader(Squares(2))] == [([0], [0.0]), ([1], [1.0])]


def test_error_of_a_dataset_comes_through():
    with pytest.raises(IndexError):
        list(DataLoader(Squares(2), sampler=[5]))
    with pytest.raises(IndexError):
        list(DataLoader(rows(2), sampler=[5]))
    with pytest.raises(IndexError):
        list(DataLoader(rows(4), batch_sampler=[[3, 4]]))
    with pytest.raises(IndexError):
        list(DataLoader(rows(4), batch_sampler=[[]]))


# Whole batches of tensors


def slowly(loader):
    """The batches of a loader, one sample at a time."""
    batches = list(loader.batch_sampler)
    return list(DataLoader(loader.dataset, batch_sampler=batches, collate_fn=lambda batch: default_collate(batch)))


def test_whole_batches_are_what_collation_gives(device):
    tensors = (
        nnlite.randn(20, 3, 2, device=device),
        nnlite.randn(4, 20, device=device).t(),
        nnlite.arange(20, device=device),
        nnlite.randn(20, 0, device=device),
        nnlite.arange(20, device=device) > 7,
    )
    data = TensorDataset(*tensors)
    for dataset in data, Subset(data, range(3, 17)), random_split(Subset(data, list(range(19, -1, -1))), [15, 5])[0]:
        for loader in (
            DataLoader(dataset, batch_size=6),
            DataLoader(dataset, batch_sampler=[[3, 1, 1], [-1, 0], [2], [1, 2, 3], [3, 2, 1]]),
        ):
            for fast, slow in zip(loader, slowly(loader), strict=True):
                assert type(fast) is list
                for a, b in zip(fast, slow, strict=True):
                    assert (a.dtype, a.shape, a.device) == (b.dtype, b.shape, b.device)
                    np.testing.assert_array_equal(a.cpu().numpy(), b.cpu().numpy())


def test_tensors_of_another_class_keep_their_own_indexing():
    calls = []

    class Counting(nnlite.Tensor):
        def __getitem__(self, index):
            calls.append(index)
            return super().__getitem__(index)

    data = TensorDataset(nnlite.Tensor._make_subclass(Counting, nnlite.arange(10)))
    batches = list(DataLoader(data, batch_size=5))
    assert calls == list(range(10))
    assert [b.tolist() for (b,) in batches] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_writing_to_a_batch_does_not_change_the_dataset(device):
    data = rows(6, device)
    for shuffle in False, True:
        for x, _ in DataLoader(data, batch_size=3, shuffle=shuffle):
            x.zero_()
    assert data.tensors[0].tolist() == [[2 * i, 2 * i + 1] for i in range(6)]


def test_batches_need_not_wait_for_the_device():
    data = rows(20, "strict")
    with forbid_synchronize():
        for dataset in data, Subset(data, list(range(3, 15))):
            for shuffle in False, True:
                assert sum(len(y) for _, y in DataLoader(dataset, batch_size=6, shuffle=shuffle)) == len(dataset)


def test_gradients_flow_through_whole_batches(device):
    w = nnlite.ones(4, 2, device=device, requires_grad=True)
    for sampler in [[3, 0, 0]], [[0, 1, 2]]:
        w.grad = None
        (batch,) = next(iter(DataLoader(TensorDataset(w), batch_sampler=sampler)))
        batch.sum().backward()
        expected = [[float(sampler[0].count(i))] * 2 for i in range(4)]
        assert w.grad.tolist() == expected


def test_subclasses_are_asked_for_each_sample():
    class Scaled(TensorDataset):
        def __getitem__(self, index):
            return tuple(t * 10 for t in super().__getitem__(index))

    class Part(Subset):
        def __getitem__(self, index):
            return self.__getitems__([index])[0]

        def __getitems__(self, indices):
            return [tuple(-t for t in self.dataset[self.indices[i]]) for i in indices]

    class Fetching(TensorDataset):
        def __getitems__(self, indices):
            return [(nnlite.tensor(7),) for _ in indices]

    base = rows(3)
    assert lists(next(iter(DataLoader(Scaled(*base.tensors), batch_size=2)))) == [[[0, 10], [20, 30]], [0, 10]]
    assert lists(next(iter(DataLoader(Subset(Scaled(*base.tensors), [1]), batch_size=2)))) == [[[20, 30]], [10]]
    assert lists(next(iter(DataLoader(Part(base, [2, 1]), batch_size=2)))) == [[[-4, -5], [-2, -3]], [-2, -1]]
    assert lists(next(iter(DataLoader(Fetching(*base.tensors), batch_size=2)))) == [[7, 7]]


def test_a_changed_collation_of_tensors_is_used(monkeypatch):
    def count(batch, *, collate_fn_map=None):
        return len(batch)

    monkeypatch.setitem(collate.default_collate_fn_map, nnlite.Tensor, count)
    assert list(DataLoader(rows(3), batch_size=2)) == [[2, 2], [1, 1]]


def test_indices_that_are_not_ints():
    data = rows(4)
    assert labels(DataLoader(data, batch_sampler=[[np.int64(2), np.int64(0)]])) == [[2, 0]]
    assert labels(DataLoader(data, batch_sampler=[[nnlite.tensor(2), nnlite.tensor(0)]])) == [[2, 0]]
    assert labels(DataLoader(data, batch_sampler=[(2, 0)])) == [[2, 0]]


def test_other_datasets_of_tensors():
    data = rows(3)
    joined = ConcatDataset([data, data])
    assert labels(DataLoader(joined, batch_size=4)) == [[0, 1, 2, 0], [1, 2]]
    stacked = StackDataset(a=data, b=data)
    batch = next(iter(DataLoader(stacked, batch_size=2)))
    assert batch["b"][1].tolist() == [0, 1]


def test_whole_batches_are_quick():
    """The measure against PyTorch is in tests/parity; here: far from one look-up a sample."""
    data = TensorDataset(nnlite.zeros(5000, 10), nnlite.zeros(5000))
    times = []
    list(DataLoader(data, batch_size=256, shuffle=True))  # what loads at first use is not counted
    for function in None, lambda batch: default_collate(batch):
        begin = time.perf_counter()
        list(DataLoader(data, batch_size=256, shuffle=True, collate_fn=function))
        times.append(time.perf_counter() - begin)
    assert times[0] * 5 < times[1]


# Arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor option could only be specified in multiprocessing"),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
        ({"multiprocessing_context": "fork"}, "multiprocessing_context can only be used with"),
        ({"sampler": [0], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "shuffle": True}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "sampler": [0]}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "drop_last": True}, "batch_sampler option is mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching"),
        ({"batch_size": 0}, "batch_size should be a positive integer"),
        ({"batch_size": 2.5}, "batch_size should be a positive integer"),
        ({"drop_last": 1}, "drop_last should be a boolean"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(Squares(3), **arguments)


@pytest.mark.parametrize("arguments", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}])
def test_iterable_datasets_have_no_order(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"expected unspecified {name} option"):
        DataLoader(Stream(3), **arguments)


def test_a_timeout_needs_workers():
    with pytest.raises(AssertionError, match="timeout"):
        iter(DataLoader(Squares(3), timeout=1))
    assert get_worker_info() is None


def test_empty_datasets():
    assert list(DataLoader(Squares(0))) == []
    with pytest.raises(ValueError, match="num_samples=0"):
        DataLoader(Squares(0), shuffle=True)


def test_accepted_arguments_have_no_effect():
    loader = DataLoader(Squares(2), pin_memory=True, worker_init_fn=print, in_order=False, pin_memory_device="cuda")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(loader)) == 2


def test_attributes():
    loader = DataLoader(Squares(4), batch_size=2, shuffle=True)
    assert (loader.batch_size, loader.drop_last, loader.num_workers) == (2, False, 0)
    assert isinstance(loader.sampler, nnlite.utils.data.RandomSampler)
    assert isinstance(loader.batch_sampler, BatchSampler)
    assert loader.collate_fn is default_collate
    assert DataLoader(Squares(4), batch_size=None).collate_fn is default_convert
    for name in "batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers":
        with pytest.raises(ValueError, match=f"{name} attribute should not be set after DataLoader is initialized"):
            setattr(loader, name, 1)
    loader.collate_fn = list
    assert next(iter(loader))[0][0] in range(4)


def test_pickle():
    loader = DataLoader(rows(4), batch_size=2)
    again = pickle.loads(pickle.dumps(loader))
    assert [lists(b) for b in again] == [lists(b) for b in loader]
    with pytest.raises(NotImplementedError, match="pickle"):
        pickle.dumps(iter(loader))


# Collation


def test_collate_numbers_and_arrays():
    for batch, expected in [
        ([1, 2], nnlite.tensor([1, 2])),
        ([1.5, 2.5], nnlite.tensor([1.5, 2.5], dtype=nnlite.float64)),
        ([True, False], nnlite.tensor([True, False])),
        ([np.float32(1), np.float32(2)], nnlite.tensor([1.0, 2.0])),
        ([np.int16(1), np.int16(2)], nnlite.tensor([1, 2], dtype=nnlite.int16)),
        ([np.array([1, 2]), np.array([3, 4])], nnlite.tensor([[1, 2], [3, 4]])),
        ([np.array(1.5), np.array(2.5)], nnlite.tensor([1.5, 2.5], dtype=nnlite.float64)),
    ]:
        result = default_collate(batch)
        assert result.dtype == expected.dtype
        assert result.tolist() == expected.tolist()


def test_collate_tensors_stay_on_their_device(device):
    result = default_collate([nnlite.ones(2, device=device), nnlite.zeros(2, device=device)])
    assert result.tolist() == [[1, 1], [0, 0]]
    assert result.device.type == device.partition(":")[0]


def test_collate_containers():
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert default_collate([b"a"]) == [b"a"]
    assert lists(default_collate([(1, 2), (3, 4)])) == [[1, 3], [2, 4]]
    assert lists(default_collate([[1, 2], [3, 4]])) == [[1, 3], [2, 4]]
    point = default_collate([Point(1, "a"), Point(2, "b")])
    assert type(point) is Point
    assert (point.x.tolist(), point.y) == ([1, 2], ("a", "b"))
    nested = default_collate([{"a": {"b": [1]}}, {"a": {"b": [2]}}])
    assert nested["a"]["b"][0].tolist() == [1, 2]
    assert type(default_collate([collections.OrderedDict(a=1)])) is collections.OrderedDict
    factory = collections.defaultdict(int, a=1)
    assert default_collate([factory]).default_factory is int
    frozen = default_collate([types.MappingProxyType({"a": 1})])
    assert frozen["a"].tolist() == [1]
    assert lists(default_collate([range(2), range(2)])) == [[0, 0], [1, 1]]


def test_collate_errors():
    with pytest.raises(TypeError, match="default_collate: batch must contain tensors, numpy arrays, numbers, dicts or"):
        default_collate([object()])
    with pytest.raises(TypeError, match="default_collate: batch must contain"):
        default_collate([np.array(["a"])])
    with pytest.raises(TypeError, match="found <class 'NoneType'>"):
        default_collate([None])
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal size"):
        default_collate([[1, 2], [1]])
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        default_collate([nnlite.ones(2), nnlite.ones(3)])


def test_convert():
    assert default_convert(1) == 1
    assert default_convert("text") == "text"
    array = np.array([1, 2])
    assert default_convert(array).tolist() == [1, 2]
    assert default_convert(np.float32(2)).item() == 2
    assert default_convert(np.array(["a"])).tolist() == ["a"]
    assert type(default_convert((1, array))) is list
    point = default_convert(Point(array, 0))
    assert (type(point), point.x.tolist(), point.y) == (Point, [1, 2], 0)
    assert default_convert({"a": [array]})["a"][0].tolist() == [1, 2]
    t = nnlite.ones(1)
    assert default_convert(t) is t
    assert default_convert(range(2)) == [0, 1]
