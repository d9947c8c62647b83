"""Batches that a thread brings to a device ahead of time."""

from __future__ import annotations

import collections
import gc
import threading

import pytest

import nnlite
from nnlite.utils.data import DataLoader, DevicePrefetcher, IterableDataset, TensorDataset
from nnlite.utils.data.prefetch import moved

Pair = collections.namedtuple("Pair", ["x", "y"])


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    gc.collect()
    assert [t.name for t in threading.enumerate() if "prefetcher" in t.name] == []


def data(n=10):
    return TensorDataset(nnlite.arange(2 * n).reshape(n, 2), nnlite.arange(n))


@pytest.mark.parametrize("depth", [1, 2, 50])
@pytest.mark.parametrize("workers", [0, 2])
def test_the_same_batches_on_a_device(device, workers, depth):
    nnlite.manual_seed(2)
    expected = [[t.tolist() for t in batch] for batch in DataLoader(data(), 3, shuffle=True)]
    nnlite.manual_seed(2)
    prefetcher = DevicePrefetcher(DataLoader(data(), 3, shuffle=True, num_workers=workers), device, depth)
    assert len(prefetcher) == 4
    got = []
    for batch in prefetcher:
        assert all(t.device.type == nnlite.device(device).type for t in batch)
        got.append([t.tolist() for t in batch])
        nnlite.rand(5)  # the order does not depend on what the program draws meanwhile
    assert got == expected
    assert len(list(prefetcher)) == 4


def test_structures(device):
    t = nnlite.ones(1)
    batch = {"a": [t, "text"], "b": Pair(t, 3), "c": (t, None), "d": collections.OrderedDict(e=t), "f": nnlite.Tensor}
    result = moved(batch, device)
    kind = nnlite.device(device).type
    found = [result["a"][0], result["b"].x, result["c"][0], result["d"]["e"]]
    assert {f.device.type for f in found} == {kind}
    assert (type(result["b"]), type(result["c"]), type(result["d"])) == (Pair, tuple, collections.OrderedDict)
    assert (result["a"][1], result["b"].y, result["c"][1], result["f"]) == ("text", 3, None, nnlite.Tensor)


def test_it_runs_ahead_and_not_too_far():
    """Five batches are made when two are taken and three are ready, and not a sixth."""
    made = []
    reached = threading.Semaphore(0)

    def batches():
        for i in range(20):
            made.append(i)
            reached.release()
            yield nnlite.tensor(i)

    epoch = iter(DevicePrefetcher(batches(), "cpu", depth=3))
    assert [next(epoch).item(), next(epoch).item()] == [0, 1]
    for _ in range(5):
        assert reached.acquire(timeout=60)
    assert not reached.acquire(timeout=0.05)
    assert made == list(range(5))
    assert [t.item() for t in epoch] == list(range(2, 20))


class Fails(IterableDataset):
    def __init__(self, at):
        self.at = at

    def __iter__(self):
        for i in range(5):
            if i == self.at:
                raise ValueError("bad sample")
            yield i


@pytest.mark.parametrize("at", [0, 3])
def test_errors_come_in_their_turn(at):
    got = []
    with pytest.raises(ValueError, match="bad sample"):
        for i in DevicePrefetcher(DataLoader(Fails(at), batch_size=None), "cpu"):
            got.append(i)
    assert got == list(range(at))


def test_an_error_while_moving():
    class Stuck:
        def to(self, device):
            raise RuntimeError(f"cannot go to {device}")

    epoch = iter(DevicePrefetcher([Stuck()], "strict"))
    with pytest.raises(RuntimeError, match="cannot go to strict"):
        next(epoch)
    with pytest.raises(StopIteration):
        next(epoch)


@pytest.mark.parametrize("workers", [0, 1])
def test_leaving_early(workers):
    for _ in DevicePrefetcher(DataLoader(data(100), 1, num_workers=workers), "cpu"):
        break
    epoch = iter(DevicePrefetcher(DataLoader(data(100), 1), "cpu"))
    next(epoch)
    epoch.close()
    with pytest.raises(StopIteration):
        next(epoch)


@pytest.mark.parametrize("workers", [0, 2])
def test_its_state_is_that_of_the_batches_yielded(workers):
    prefetcher = DevicePrefetcher(DataLoader(data(), 2, shuffle=True, num_workers=workers), "strict", depth=3)
    epoch = iter(prefetcher)
    for _ in range(2):
        next(epoch)
    state = prefetcher.state_dict()
    assert state["epoch"]["done"] == 2
    rest = [y.tolist() for _, y in epoch]
    assert len(rest) == 3
    assert prefetcher.state_dict()["epoch"] is None
    other = DevicePrefetcher(DataLoader(data(), 2, shuffle=True), "cpu")
    other.load_state_dict(state)
    assert [y.tolist() for _, y in other] == rest


def test_wrong_arguments():
    for depth in 0, -1, 1.5, True:
        with pytest.raises(ValueError, match="expected a positive int as depth"):
            DevicePrefetcher([], "cpu", depth)
    with pytest.raises(RuntimeError):
        DevicePrefetcher([], "nonsense")
