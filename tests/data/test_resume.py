"""The state of a loader in the middle of an epoch: exactly the remaining batches come."""

from __future__ import annotations

import copy
import io
import multiprocessing
import random

import numpy as np
import pytest

import nnlite
from nnlite.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    get_worker_info,
)

WORKERS = [0, 2] if "fork" in multiprocessing.get_all_start_methods() else [0]


def generator(seed=0):
    return nnlite.Generator().manual_seed(seed)


def loader_of(dataset, num_workers, **arguments):
    method = {"multiprocessing_context": "fork"} if num_workers else {}
    return DataLoader(dataset, num_workers=num_workers, **method, **arguments)


def values(batches):
    return [b.tolist() if isinstance(b, nnlite.Tensor) else b for b in batches]


def through_a_file(state):
    file = io.BytesIO()
    nnlite.save(state, file)
    file.seek(0)
    return nnlite.load(file)


def interrupted(make, steps, again=None):
    """(the rest and the next epoch) of an epoch after ``steps`` batches, and of another loader with its state.

    The program draws random numbers in between, as training does.
    """
    nnlite.manual_seed(1)
    loader = make()
    list(loader)
    epoch = iter(loader)
    for _ in range(steps):
        next(epoch)
        nnlite.rand(3)
    state, seed = through_a_file(loader.state_dict()), nnlite.get_rng_state()
    rest = values(epoch), values(loader)
    nnlite.manual_seed(99)
    random.seed(99)
    np.random.seed(99)
    other = (again or make)()
    other.load_state_dict(state)
    nnlite.set_rng_state(seed)
    assert through_a_file(other.state_dict())["epoch"] == state["epoch"]
    return rest, (values(other), values(other))


ORDERS = {
    "in order": dict,
    "shuffled": lambda: {"shuffle": True},
    "shuffled by its generator": lambda: {"shuffle": True, "generator": generator(3)},
    "drop_last": lambda: {"shuffle": True, "drop_last": True},
    "with replacement": lambda: {"sampler": RandomSampler(range(23), replacement=True, num_samples=70)},
    "a subset": lambda: {"sampler": SubsetRandomSampler(range(5, 23), generator=generator(5))},
    "weighted": lambda: {"sampler": WeightedRandomSampler(range(1, 24), 30)},
    "batches": lambda: {
        "batch_size": 1, "batch_sampler": BatchSampler(RandomSampler(range(23), generator=generator(8)), 4, False)
    },
    "distributed": lambda: {"sampler": DistributedSampler(range(23), 2, 1)},
}  # fmt: skip


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("name", ORDERS)
def test_the_remaining_batches(name, workers):
    data = nnlite.arange(23)
    for steps in (2,) if workers else (0, 1, 3):

        def make(data=data):
            return loader_of(data, workers, **{"batch_size": 4, **ORDERS[name]()})

        expected, got = interrupted(make, steps)
        assert got == expected
        assert expected[0] != expected[1] or name in ("in order", "distributed")


@pytest.mark.parametrize("workers", WORKERS[1:])
def test_another_number_of_workers(workers):
    data = TensorDataset(nnlite.arange(23))

    def make(workers=workers):
        return loader_of(
            data, workers, batch_size=4, shuffle=True, collate_fn=lambda rows: [row[0].item() for row in rows]
        )

    expected, got = interrupted(make, 2, again=lambda: make(0))
    assert got == expected
    expected, got = interrupted(lambda: make(0), 2, again=make)
    assert got == expected


def test_persistent_workers():
    def make():
        return loader_of(range(23), 2, batch_size=4, shuffle=True, persistent_workers=True)

    if len(WORKERS) > 1:
        expected, got = interrupted(make, 3)
        assert got == expected


class Shuffling:
    """A sampler of the user's, which draws from Python's and NumPy's random numbers."""

    def __len__(self):
        return 12

    def __iter__(self):
        order = list(range(12))
        random.shuffle(order)
        yield from (order[i] for i in np.random.permutation(12).tolist())


@pytest.mark.parametrize("workers", WORKERS)
def test_samplers_with_other_random_numbers(workers):
    random.seed(3)
    np.random.seed(3)
    loader = loader_of(range(12), workers, batch_size=2, sampler=Shuffling())
    epoch = iter(loader)
    next(epoch)
    state = loader.state_dict()
    rest = values(epoch)
    other = loader_of(range(12), workers, batch_size=2, sampler=Shuffling())
    other.load_state_dict(state)
    before = random.getstate()
    assert values(other) == rest
    assert random.getstate() == before


def test_batches_that_came_out_of_order():
    """Batches 0 and 2 are yielded, the state is taken, and 1, 3, 4 are left."""
    if len(WORKERS) == 1:
        return
    may_go = multiprocessing.get_context("fork").Event()

    class Data:
        def __len__(self):
            return 5

        def __getitem__(self, index):
            return may_go.wait(60) and index if index == 1 else index

    loader = loader_of(Data(), 2, batch_size=None, in_order=False, prefetch_factor=1)
    epoch = iter(loader)
    got = [next(epoch), next(epoch)]
    assert got == [0, 2]
    state = loader.state_dict()
    may_go.set()
    assert sorted(epoch) == [1, 3, 4]
    for workers in WORKERS:
        other = loader_of(Data(), workers, batch_size=None)
        other.load_state_dict(state)
        assert list(other) == [1, 3, 4]
        assert list(other) == [0, 1, 2, 3, 4]


class Shards(IterableDataset):
    """Without a state: what was yielded is gone through again."""

    def __iter__(self):
        info = get_worker_info()
        return iter(range(17) if info is None else range(info.id * 2, 17, info.num_workers))


class Stateful(IterableDataset):
    """Knows its place; what lies before it is never asked for again."""

    def __init__(self):
        self.next = None
        self.asked = []

    def __iter__(self):
        info = get_worker_info()
        self.next, first = None, self.next if self.next is not None else (info.id if info else 0)
        for i in range(first, 17, info.num_workers if info else 1):
            self.next = i + (info.num_workers if info else 1)
            yield [i, first]
        self.next = None

    def state_dict(self):
        return {"next": self.next}

    def load_state_dict(self, state):
        self.next = state["next"]


class StatefulIterator(IterableDataset):
    """Its iterator knows its place."""

    class Steps:
        def __init__(self, first, step):
            self.at, self.step = first, step

        def __iter__(self):
            return self

        def __next__(self):
            if self.at >= 17:
                raise StopIteration
            self.at += self.step
            return self.at - self.step

        def state_dict(self):
            return {"at": self.at}

        def load_state_dict(self, state):
            self.at = state["at"]

    def __iter__(self):
        info = get_worker_info()
        return self.Steps(info.id if info else 0, info.num_workers if info else 1)


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("kind", [Shards, StatefulIterator])
@pytest.mark.parametrize("batch_size", [None, 3])
def test_iterable_datasets(kind, batch_size, workers):
    for steps in (5,) if workers else (0, 2, 4):
        expected, got = interrupted(lambda: loader_of(kind(), workers, batch_size=batch_size), steps)
        assert got == expected
        assert len(expected[0]) < len(expected[1]) or steps == 0


@pytest.mark.parametrize("workers", WORKERS)
def test_a_stateful_dataset_is_not_gone_through_again(workers):
    loader = loader_of(Stateful(), workers, batch_size=None)
    epoch = iter(loader)
    before = [next(epoch)[0] for _ in range(5)]
    state = through_a_file(loader.state_dict())
    rest = [i for i, _ in epoch]
    other = loader_of(Stateful(), workers, batch_size=None)
    other.load_state_dict(state)
    resumed = list(other)
    assert [i for i, _ in resumed] == rest
    assert before + rest == list(range(17))
    assert min(first for _, first in resumed) >= 5 - max(workers, 1)


def test_a_finished_epoch():
    """The next one begins, with the generator as it was."""
    loader = DataLoader(range(6), 2, shuffle=True, generator=generator(2))
    list(loader)
    state = loader.state_dict()
    assert state["epoch"] is None
    expected = values(loader)
    other = DataLoader(range(6), 2, shuffle=True, generator=generator(77))
    other.load_state_dict(state)
    assert values(other) == expected


def test_a_state_is_a_value_of_its_own():
    loader = DataLoader(range(6), 1)
    epoch = iter(loader)
    next(epoch)
    state = loader.state_dict()
    kept = copy.deepcopy(state)
    list(epoch)
    assert state == kept
    for _ in range(2):
        other = DataLoader(range(6), 1)
        other.load_state_dict(state)
        assert other.state_dict() == state
        assert len(list(other)) == 5
    assert state == kept
    assert copy.deepcopy(loader).state_dict()["epoch"] is None


def test_states_that_do_not_fit():
    class Endless(IterableDataset):
        def __iter__(self):
            return iter(range(100))

    loader = DataLoader(range(6), 2)
    next(iter(loader))
    state = loader.state_dict()
    for other, problem in [
        (DataLoader(range(6), 3), "batches of 2, this loader has batches of 3"),
        (DataLoader(range(6), 2, generator=generator()), "0 generators"),
        (DataLoader(Endless(), 2), "0 processes"),
        (loader, "version 1"),
        (loader, "expected what"),
    ]:
        wrong = {"version 1": {**state, "version": 2}, "expected what": {"epoch": 3}}.get(problem, state)
        with pytest.raises(ValueError, match=problem):
            other.load_state_dict(wrong)
    stream = DataLoader(Endless(), 2)
    next(iter(stream))
    with pytest.raises(ValueError, match=r"1 processes .* this loader has 2"):
        DataLoader(Endless(), 2, num_workers=2).load_state_dict(stream.state_dict())
