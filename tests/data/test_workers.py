"""Batches from worker processes: the same ones as without, whatever goes wrong in between, and nothing left behind."""

from __future__ import annotations

import collections
import gc
import multiprocessing
import os
import pickle
import random
import signal
import time

import numpy as np
import pytest

import nnlite
from nnlite.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    get_worker_info,
)
from nnlite.utils.data._utils import pool, process, transfer
from nnlite.utils.data._utils.process import numpy_seed

FORK = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="processes cannot be forked here"
)
pytestmark = FORK

Pair = collections.namedtuple("Pair", ["first", "second"])


class Calls(Dataset):
    """Sample i is what a function returns for i; with ``fork`` it may be any function."""

    def __init__(self, function, n=8):
        self.function = function
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return self.function(index)


class Images(Dataset):
    """Samples that are large enough to be shared, and small things beside them."""

    def __len__(self):
        return 9

    def __getitem__(self, index):
        return {"image": np.full((70, 70), index, np.float32), "pair": Pair(index, f"name {index}")}


class Shards(IterableDataset):
    """Each worker takes every num_workers-th number."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        return iter(range(self.n) if info is None else range(info.id, self.n, info.num_workers))


def loader_of(dataset, num_workers=2, **arguments):
    """With forked workers: other ways to start them take seconds."""
    return DataLoader(dataset, num_workers=num_workers, multiprocessing_context="fork", **arguments)


def generator(seed=0):
    return nnlite.Generator().manual_seed(seed)


@pytest.fixture(autouse=True)
def nothing_is_left():
    """No process, no descriptor."""
    before = set(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else None
    yield
    if multiprocessing.active_children():
        gc.collect()  # an error that a test has caught holds the frames that it came through
    assert multiprocessing.active_children() == []
    if before is not None:
        left = {os.path.realpath(f"/proc/self/fd/{fd}") for fd in set(os.listdir("/proc/self/fd")) - before}
        assert not [name for name in left if "socket:" in name or "nnlite" in name]


# The same batches


@pytest.mark.parametrize("num_workers", [0, 1, 2])
def test_the_order_does_not_depend_on_the_number_of_workers(num_workers):
    expected = [b.tolist() for b in DataLoader(range(20), 3, shuffle=True, generator=generator(4))]
    options = {"multiprocessing_context": "fork"} if num_workers else {}
    loader = DataLoader(range(20), 3, shuffle=True, num_workers=num_workers, generator=generator(4), **options)
    assert len(loader) == 7
    assert [b.tolist() for b in loader] == expected
    second = DataLoader(range(20), 3, shuffle=True, generator=generator(4))
    list(second)
    assert [b.tolist() for b in loader] == [b.tolist() for b in second] != expected


def test_the_global_seed_decides_with_workers_too():
    epochs = []
    for workers in 0, 2, 2:
        nnlite.manual_seed(7)
        options = {"multiprocessing_context": "fork", "persistent_workers": len(epochs) == 2} if workers else {}
        loader = DataLoader(range(12), 4, shuffle=True, num_workers=workers, **options)
        epochs.append([[b.tolist() for b in loader] for _ in range(2)])
        after = nnlite.rand(1).item()
        epochs[-1].append(after)
    assert epochs[0] == epochs[1] == epochs[2]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_ways_to_start_workers(method):
    loader = DataLoader(
        TensorDataset(nnlite.arange(40_000).reshape(4, 10_000)), 2, num_workers=1, multiprocessing_context=method
    )
    assert loader.multiprocessing_context.get_start_method() == method
    first, second = (x for (x,) in loader)
    assert first.shape == second.shape == (2, 10_000)
    assert nnlite.cat([first, second]).flatten().tolist() == list(range(40_000))


def test_whole_batches_in_workers(device):
    x = nnlite.randn(50, 300, device=device)
    data = TensorDataset(x, nnlite.arange(50, device=device))
    for dataset in data, Subset(data, range(30)):
        seen = []
        for rows, numbers in loader_of(dataset, batch_size=8, shuffle=True):
            assert rows.device == x.device
            np.testing.assert_array_equal(rows.cpu().numpy(), x.cpu().numpy()[numbers.cpu().numpy()])
            seen += numbers.tolist()
        assert sorted(seen) == list(range(len(dataset)))


def test_nested_batches():
    batches = list(loader_of(Images(), batch_size=4))
    assert [b["pair"].second for b in batches] == [
        tuple(f"name {i}" for i in part) for part in (range(4), range(4, 8), [8])
    ]
    for batch, part in zip(batches, ([0, 1, 2, 3], [4, 5, 6, 7], [8]), strict=True):
        assert type(batch["pair"]) is Pair
        assert batch["pair"].first.tolist() == part
        assert batch["image"].shape == (len(part), 70, 70)
        assert batch["image"][:, 3, 3].tolist() == part
        batch["image"] += 1  # one's own memory
        assert batch["image"][:, 3, 3].tolist() == [i + 1 for i in part]


VALUES = [
    np.arange(5000.0), np.arange(12).reshape(3, 4).T, np.asfortranarray(np.arange(40_000.0).reshape(200, 200)),
    np.array(3), np.zeros((0, 5)), np.arange(30_000)[::2], np.array(["a", "bc"]), np.array([True, False]), "text",
    b"x" * 100_000, None, np.zeros(50_000, np.complex64), bytearray(20_000), [1, {"a": np.ones(9000)}],
    np.zeros(3, [("a", "i4"), ("b", "f8")]),
]  # fmt: skip


@pytest.mark.parametrize("shared", [True, False])
def test_values_of_every_kind_arrive(shared, monkeypatch):
    """Without shared memory they go through the pipe."""
    monkeypatch.setattr(transfer, "SHARES_MEMORY", shared)
    loader = loader_of(VALUES, batch_size=None, collate_fn=lambda value: value)
    for expected, value in zip(VALUES, loader, strict=True):
        assert type(value) is type(expected)
        if isinstance(expected, np.ndarray):
            assert (value.dtype, value.shape) == (expected.dtype, expected.shape)
            np.testing.assert_array_equal(value, expected)
            assert value.flags.writeable
        else:
            assert repr(value) == repr(expected)


def test_tensors_of_every_dtype_arrive():
    dtypes = [nnlite.float16, nnlite.bfloat16, nnlite.float64, nnlite.int8, nnlite.bool, nnlite.complex128]
    tensors = [nnlite.ones(40_000, dtype=dtype) for dtype in dtypes] + [nnlite.ones(2, requires_grad=True)]
    loader = loader_of(tensors, batch_size=None, collate_fn=lambda t: t)
    for expected, t in zip(tensors, loader, strict=True):
        assert (t.dtype, t.requires_grad) == (expected.dtype, expected.requires_grad)
        assert nnlite.equal(t, expected)


def test_any_number_of_batches_can_be_kept(monkeypatch):
    """A mapped batch has a descriptor open, of which a process has few: beyond a number batches are copied."""
    monkeypatch.setattr(transfer, "MOST_MAPPED", 5)
    kept = list(loader_of(Calls(lambda i: np.full(5000, i), 40), batch_size=2))
    assert len(transfer._mapped) == 5
    assert [b[:, 17].tolist() for b in kept] == [[i, i + 1] for i in range(0, 40, 2)]
    kept[19][0, 0] = -1
    del kept
    assert len(transfer._mapped) == 0


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="there are no files in memory without a name here")
def test_shared_memory_goes_with_the_last_batch_in_it():
    def blocks():
        with open("/proc/self/maps") as file:
            return sum("memfd:nnlite-batch" in line for line in file)

    before = set(os.listdir("/dev/shm"))
    kept = list(loader_of(Images(), batch_size=4))
    assert blocks() == 3
    image = kept[0]["image"]
    del kept
    gc.collect()
    assert blocks() == 1
    assert image[2, 5, 5] == 2
    del image
    assert blocks() == 0
    assert not [name for name in set(os.listdir("/dev/shm")) - before if "nnlite" in name or str(os.getpid()) in name]


# What a worker knows


def test_worker_info():
    assert get_worker_info() is None
    data = Calls(lambda i: get_worker_info())
    infos = list(
        loader_of(data, batch_size=None, collate_fn=lambda i: (i.id, i.num_workers, i.seed, type(i.dataset).__name__))
    )
    assert [i[0] for i in infos] == [0, 1] * 4
    assert {i[1] for i in infos} == {2}
    assert {i[2] - i[0] for i in infos} == {infos[0][2]}
    assert {i[3] for i in infos} == {"Calls"}
    assert get_worker_info() is None


def draws(_):
    return get_worker_info().seed, random.random(), np.random.rand(), nnlite.rand(1).item()


def test_every_worker_has_random_numbers_of_its_own():
    epochs = []
    for _ in range(2):
        nnlite.manual_seed(3)
        loader = loader_of(Calls(draws, 4), batch_size=None, collate_fn=tuple)
        epochs.append([list(loader), list(loader)])
    assert epochs[0] == epochs[1]
    numbers = [sample for epoch in epochs[0] for sample in epoch]
    assert len({s[1:] for s in numbers}) == 8
    for number, (seed, ours, numpys, ours_too) in enumerate(numbers[:2]):
        assert ours == random.Random(seed).random()
        assert numpys == np.random.RandomState(numpy_seed(seed - number, number)).rand()
        assert ours_too == nnlite.rand(1, generator=generator(seed)).item()


def test_worker_init_fn_and_threads():
    def prepare(number):
        nnlite.prepared = (number, get_worker_info().id, nnlite.get_num_threads())

    samples = list(
        loader_of(Calls(lambda i: nnlite.prepared), batch_size=None, worker_init_fn=prepare, collate_fn=tuple)
    )
    assert samples == [(0, 0, 1), (1, 1, 1)] * 4
    assert not hasattr(nnlite, "prepared")


def test_products_in_forked_workers():
    """Also when the parent's BLAS has run with threads before."""
    threads = nnlite.get_num_threads()
    nnlite.set_num_threads(2)
    try:
        a = nnlite.ones(300, 300)
        expected = (a @ a).sum().item()
        results = list(loader_of(Calls(lambda i: (a @ a).sum().item(), 4), batch_size=None))
    finally:
        nnlite.set_num_threads(threads)
    assert results == [expected] * 4


# Iterable-style datasets


@pytest.mark.parametrize(
    ("n", "options", "expected"),
    [
        (7, {"batch_size": 2}, [[0, 2], [1, 3], [4, 6], [5]]),
        (7, {"batch_size": 2, "drop_last": True}, [[0, 2], [1, 3], [4, 6]]),
        (1, {"batch_size": 2}, [[0]]),
        (0, {"batch_size": 2}, []),
        (5, {"batch_size": None}, [0, 1, 2, 3, 4]),
    ],
)
def test_iterable_datasets_in_shards(n, options, expected):
    loader = loader_of(Shards(n), **options)
    for _ in range(2):
        assert [b.tolist() if options["batch_size"] else b for b in loader] == expected


def test_workers_that_end_early():
    class Uneven(IterableDataset):
        def __iter__(self):
            number = get_worker_info().id
            return iter([f"{number}{i}" for i in range((1, 6)[number])])

    for factor in 1, 3:
        loader = loader_of(Uneven(), batch_size=None, prefetch_factor=factor)
        assert list(loader) == ["00", "10", "11", "12", "13", "14", "15"]


def test_without_shards_every_worker_goes_through_all():
    class Whole(IterableDataset):
        def __iter__(self):
            return iter(range(3))

        def __len__(self):
            return 3

    loader = loader_of(Whole(), batch_size=None)
    assert list(loader) == [0, 0, 1, 1, 2, 2]
    assert len(loader) == 3
    with pytest.warns(UserWarning, match=r"was reported to be 3.*but [456] samples.*get_worker_info"):
        list(loader)


# Errors in workers


def fails_at_3(index):
    if index == 3:
        raise ValueError("sample 3 is bad")
    return index


def test_an_error_is_raised_in_its_turn_and_the_epoch_goes_on():
    got = []
    epoch = iter(loader_of(Calls(fails_at_3), batch_size=None))
    with pytest.raises(ValueError) as caught:
        for sample in epoch:
            got.append(sample)
    lines = str(caught.value).split("\n")
    assert lines[0] == "Caught ValueError in DataLoader worker process 1."
    assert lines[1] == "Original Traceback (most recent call last):"
    assert "in fails_at_3" in str(caught.value)
    assert lines[-2] == "ValueError: sample 3 is bad"
    assert (got, list(epoch)) == ([0, 1, 2], [4, 5, 6, 7])


class Demanding(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


def raises(error):
    def function(_):
        raise error

    return function


def test_types_of_errors():
    class Local(LookupError):
        pass

    for error, expected, name in [
        (KeyError("the key"), KeyError, "KeyError"),
        (Demanding(1, 2), RuntimeError, "Demanding"),
        (Local("here"), LookupError, "Local"),
    ]:
        with pytest.raises(expected, match=f"Caught {name} in DataLoader worker process 0") as caught:
            list(loader_of(Calls(raises(error)), 1))
        assert "\nOriginal Traceback" in str(caught.value)


def test_batches_that_cannot_be_pickled():
    with pytest.raises((AttributeError, pickle.PicklingError), match=r"Caught .* in DataLoader worker process 0"):
        list(loader_of(Calls(lambda i: lambda: i), 1, batch_size=None))


def test_errors_before_the_first_batch():
    with pytest.raises(ZeroDivisionError, match="in DataLoader worker process 0"):
        list(loader_of(Calls(int), worker_init_fn=lambda number: 1 // 0))

    class Broken(IterableDataset):
        def __iter__(self):
            raise OSError("no such file")

    with pytest.raises(OSError, match="Caught OSError in DataLoader worker process 0"):
        list(loader_of(Broken()))


def test_an_error_of_the_sampler_comes_after_the_batches_before_it():
    def order():
        yield from [[0], [1], [2]]
        raise ValueError("no more")

    for workers in 0, 2:
        options = {"multiprocessing_context": "fork"} if workers else {}
        epoch = iter(DataLoader(range(5), batch_sampler=order(), num_workers=workers, **options))
        assert [next(epoch).item() for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="no more"):
            next(epoch)
        with pytest.raises(StopIteration):
            next(epoch)


# Workers that end


def test_a_killed_worker():
    may_die = multiprocessing.get_context("fork").Event()

    def sample(index):
        if index == 3:
            may_die.wait(60)
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    epoch = iter(loader_of(Calls(sample), batch_size=None))
    pids = [next(epoch), next(epoch)]
    may_die.set()
    with pytest.raises(RuntimeError) as caught:
        list(epoch)
    assert f"DataLoader worker (pid(s) {pids[1]}) exited unexpectedly" in str(caught.value)
    assert f"DataLoader worker (pid {pids[1]}) is killed by signal: Killed." in str(caught.value)
    assert "SIGKILL" in str(caught.value)
    assert multiprocessing.active_children() == []
    with pytest.raises(RuntimeError, match="have ended"):
        next(epoch)


def test_a_worker_killed_from_outside_and_a_new_epoch():
    loader = loader_of(Calls(lambda i: os.getpid(), 50), batch_size=None, persistent_workers=True)
    epoch = iter(loader)
    os.kill(next(epoch), signal.SIGTERM)
    with pytest.raises(RuntimeError, match="SIGTERM"):
        list(epoch)
    assert len(set(loader)) == 2
    loader._iterator._pool.stop()


def test_a_worker_that_exits():
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid \d+\) exited unexpectedly with exit code 3"):
        list(loader_of(Calls(lambda i: os._exit(3)), 1))


def test_a_worker_that_is_stuck(monkeypatch):
    """The timeout is told of, and the worker does not go on for ever."""
    for module in pool, process:
        monkeypatch.setattr(module, "GRACE", 0.05)
    epoch = iter(loader_of(Calls(lambda i: time.sleep(1000)), 1, timeout=0.05))
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0.05 seconds"):
        next(epoch)


def test_leaving_an_epoch_early():
    for options in {}, {"persistent_workers": True}, {"prefetch_factor": 4}:
        loader = loader_of(Images(), batch_size=1, **options)
        for _ in loader:
            assert len(multiprocessing.active_children()) == 2
            break
        else:
            raise AssertionError("no batch came")
        del loader, _
        gc.collect()
        assert multiprocessing.active_children() == []


def test_workers_end_with_the_epoch():
    epoch = iter(loader_of(range(4)))
    assert len(list(epoch)) == 4
    assert multiprocessing.active_children() == []


def test_a_copy_of_an_iterator_in_a_forked_process_leaves_the_workers_alone():
    epoch = iter(loader_of(range(6)))
    child = multiprocessing.get_context("fork").Process(target=lambda: epoch._pool.stop())
    child.start()
    child.join()
    assert child.exitcode == 0
    assert [b.item() for b in epoch] == list(range(6))


# Options


def test_persistent_workers():
    loader = loader_of(Calls(lambda i: (i, os.getpid()), 6), batch_size=None, collate_fn=tuple, persistent_workers=True)
    epochs = [list(loader) for _ in range(3)]
    assert len({pid for epoch in epochs for _, pid in epoch}) == 2
    assert all([i for i, _ in epoch] == list(range(6)) for epoch in epochs)
    assert iter(loader) is loader._iterator
    next(loader._iterator)
    assert [i for i, _ in loader] == list(range(6))  # what was under way is forgotten
    stream = loader_of(Shards(5), batch_size=None, persistent_workers=True)
    assert [list(stream) for _ in range(2)] == [[0, 1, 2, 3, 4]] * 2


def test_batches_as_they_come():
    """Sample 0 is not ready before sample 5 was yielded."""
    may_go = multiprocessing.get_context("fork").Event()
    loader = loader_of(Calls(lambda i: i if i else may_go.wait(60) and 0, 6), batch_size=None, in_order=False)
    got = []
    for sample in loader:
        got.append(sample)
        if sample == 5:
            may_go.set()
    assert sorted(got) == list(range(6))
    assert got.index(5) < got.index(0)


def test_prefetch_factor():
    """So many batches are given out at the beginning, and no more before one is taken."""
    given = []

    class Order:
        def __iter__(self):
            for i in range(20):
                given.append(i)
                yield i

        def __len__(self):
            return 20

    epoch = iter(loader_of(range(20), batch_size=None, sampler=Order(), prefetch_factor=3))
    assert given == list(range(6))
    next(epoch)
    assert given == list(range(7))
    assert loader_of(range(3)).prefetch_factor == 2


@pytest.mark.parametrize("name", ["dataset", "collate_fn", "worker_init_fn"])
def test_what_cannot_be_pickled_is_named(name):
    arguments = {"dataset": range(3), "collate_fn": None, "worker_init_fn": None, name: lambda x: x}
    for method in "spawn", "forkserver":
        loader = DataLoader(**arguments, num_workers=1, multiprocessing_context=method, sampler=[0])
        with pytest.raises((AttributeError, pickle.PicklingError), match=f"DataLoader: {name} cannot be given to"):
            iter(loader)


def test_wrong_options():
    with pytest.raises(ValueError, match="prefetch_factor option should be non-negative"):
        loader_of(range(3), prefetch_factor=-1)
    with pytest.raises(AssertionError, match="prefetch_factor must be greater than 0"):
        iter(loader_of(range(3), prefetch_factor=0))
    with pytest.raises(ValueError, match=r"should specify a valid start method in .* got multiprocessing_context='x'"):
        DataLoader(range(3), num_workers=1, multiprocessing_context="x")
    with pytest.raises(TypeError, match="should be a valid context object"):
        DataLoader(range(3), num_workers=1, multiprocessing_context=3)
    with pytest.warns(UserWarning, match="This DataLoader will create 1000 worker processes in total"):
        DataLoader(range(3), num_workers=1000)
    context = multiprocessing.get_context("fork")
    assert DataLoader(range(3), num_workers=1, multiprocessing_context=context).multiprocessing_context is context


def test_iterators_cannot_be_pickled_and_loaders_can():
    loader = loader_of(range(4), persistent_workers=True, generator=generator(1))
    epoch = iter(loader)
    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        pickle.dumps(epoch)
    loader.multiprocessing_context = None
    again = pickle.loads(pickle.dumps(loader))
    assert (again.num_workers, again._iterator) == (2, None)
    loader._iterator._pool.stop()
