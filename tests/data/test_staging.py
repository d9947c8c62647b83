"""Batches that are copied to a device by a stream of their own, over a stand-in that copies as late as it may."""

from __future__ import annotations

import collections
import gc
import threading

import fake_cupy
import pytest

import nnlite
from nnlite.utils.data import DataLoader, DevicePrefetcher, TensorDataset
from nnlite.utils.data._utils import staging
from nnlite.utils.data._utils.pin_memory import pin_memory

Pair = collections.namedtuple("Pair", ["x", "y"])


@pytest.fixture
def cuda(monkeypatch):
    backend = fake_cupy.installed(monkeypatch, capacity=1 << 24)
    yield backend
    gc.collect()
    assert [t.name for t in threading.enumerate() if "prefetcher" in t.name] == []


def batches(n=12, size=8):
    for i in range(n):
        yield Pair(nnlite.full((size,), i), [nnlite.arange(3) + 100 * i, "name", i])


def queued_sum(backend, x):
    """What the program's stream reads of a batch when it gets to it, long after the program let go of the batch."""
    read, block, size = [], x._a.data.mem.values, x._a.nbytes
    kind = x._a.dtype
    stream = backend.current_stream(x._a.device.id)
    stream.queue.append(("work", lambda: read.append(int(block[:size].view(kind)[0]))))
    return read


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_values_are_right_however_late_the_copies_run(cuda, depth):
    read = []
    for i, (x, (y, name, number)) in enumerate(DevicePrefetcher(batches(), "cuda", depth)):
        assert (x.device, y.device) == (nnlite.device("cuda:0"),) * 2
        assert (name, number) == ("name", i)
        read.append(queued_sum(cuda, x))
        if i % 3 == 0:
            assert y.cpu().tolist() == [100 * i, 100 * i + 1, 100 * i + 2]
    cuda.synchronize()
    assert read == [[i] for i in range(12)]


def test_the_program_may_keep_batches(cuda):
    kept = [x for x, _ in DevicePrefetcher(batches(), "cuda")]
    assert [x.cpu().tolist() for x in kept] == [[i] * 8 for i in range(12)]


def test_another_stream_of_the_program(cuda):
    read = []
    side = nnlite.cuda.Stream()
    epoch = iter(DevicePrefetcher(batches(), "cuda"))
    with nnlite.cuda.stream(side):
        for x, _ in epoch:
            read.append(queued_sum(cuda, x))
            del x
    side.synchronize()
    assert read == [[i] for i in range(12)]


def test_the_order_of_copies_events_and_waits(cuda):
    log = cuda.module.state.log
    log.clear()
    epoch = iter(DevicePrefetcher([nnlite.ones(4), nnlite.ones(4), nnlite.ones(4)], "cuda", 1))
    assert [next(epoch).shape for _ in range(3)] == [(4,)] * 3
    with pytest.raises(StopIteration):
        next(epoch)
    copying = next(entry[2] for entry in log if entry[0] == "copy")
    made = [entry for entry in log if entry[0] in ("copy", "record", "wait", "wait for event")]
    copies = [i for i, entry in enumerate(made) if entry[0] == "copy"]
    assert [made[i] for i in copies] == [("copy", "pinned", copying)] * 3
    done = []
    for i in copies:
        of_program, waited, of_copies = made[i - 2], made[i - 1], made[i + 1]
        assert of_program[::2] == ("record", 0)  # the program's stream is asked how far it is
        assert waited == ("wait", copying, of_program[1])  # and the copy waits for that
        assert of_copies[::2] == ("record", copying)
        done.append(of_copies[1])
    for event in done:  # the program's stream waits for each batch
        assert ("wait", 0, event) in made
    # There are two slots: the third batch takes the first again, once that was copied.
    assert copies[1] < made.index(("wait for event", done[0])) < copies[2]
    assert [entry for entry in log if entry[0] == "pinned"] == [("pinned", 16)] * 2


class Eager:
    """An event that says too early that all is done."""

    def __init__(self, backend):
        self._backend = backend

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def wait_for(self, event):
        pass


def test_a_slot_that_is_filled_too_early_shows(cuda, monkeypatch):
    """The stand-in finds the fault that the first event is there for."""
    way = staging.Staging(Eager(cuda), 0)
    put = [way.put(nnlite.full((4,), i)) for i in range(4)]
    assert [x.cpu().tolist()[0] for x, event in put if way.take(event) is None] == [2, 3, 2, 3]
    way = staging.Staging(cuda, 0)
    put = [way.put(nnlite.full((4,), i)) for i in range(4)]
    assert [x.cpu().tolist()[0] for x, event in put if way.take(event) is None] == [0, 1, 2, 3]


def test_memory_that_is_used_again_too_early_shows(cuda, monkeypatch):
    """And the one that the third event is there for."""

    def two_batches(way):
        x, event = way.put(nnlite.full((4,), 1))
        way.take(event)
        read = queued_sum(cuda, x)
        del x
        way.put(nnlite.full((4,), 2))
        way._copies.synchronize()
        cuda.synchronize()
        return read

    assert two_batches(staging.Staging(cuda, 0)) == [1]
    with monkeypatch.context() as patch:
        event = staging.Staging._event
        patch.setattr(staging.Staging, "_event", lambda self, stream, later=None: event(self, stream))
        assert two_batches(staging.Staging(cuda, 0)) == [2]


def test_pinned_memory_outlives_its_copies(cuda):
    epoch = iter(DevicePrefetcher(batches(), "cuda", 3))
    x, _ = next(epoch)
    epoch.close()
    copying = {entry[2] for entry in cuda.module.state.log if entry[0] == "copy"}
    assert all(not cuda.module.streams[ptr].queue for ptr in copying)
    assert x.cpu().tolist() == [0] * 8


def test_larger_batches_and_odd_layouts(cuda):
    given = [nnlite.ones(2), nnlite.arange(12).reshape(3, 4).T, nnlite.tensor(5), nnlite.ones(0, 3),
             nnlite.tensor([True]), nnlite.ones(100, dtype=nnlite.float64)[::2]]  # fmt: skip
    got = list(DevicePrefetcher(given, "cuda"))
    for a, b in zip(got, given, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert a.cpu().tolist() == b.tolist()


def test_what_is_no_plain_tensor_moves_itself(cuda):
    packed = nnlite.nn.utils.rnn.pack_sequence([nnlite.ones(3), nnlite.ones(2)])
    weight = nnlite.nn.Parameter(nnlite.ones(3))
    there = nnlite.ones(2).cuda()
    (batch,) = DevicePrefetcher([(packed, weight, there)], "cuda")
    assert batch[0].data.device == batch[1].device == nnlite.device("cuda:0")
    assert batch[2] is there
    assert batch[0].data.cpu().tolist() == [1] * 5


def test_the_second_device(cuda):
    with nnlite.cuda.device(1):
        epoch = iter(DevicePrefetcher(batches(4), "cuda"))
        assert [next(epoch)[0].device.index for _ in range(4)] == [1] * 4
        epoch.close()


def test_a_device_without_memory(monkeypatch):
    fake_cupy.installed(monkeypatch, capacity=4096)
    epoch = iter(DevicePrefetcher([nnlite.ones(10), nnlite.ones(10_000)], "cuda", 1))
    assert next(epoch).shape == (10,)
    with pytest.raises(nnlite.OutOfMemoryError, match="Tried to allocate"):
        next(epoch)
    assert [x.shape for x in DevicePrefetcher([nnlite.ones(10)], "cuda")] == [(10,)]


# pin_memory


def test_pin_memory_of_tensors(cuda):
    x = nnlite.arange(24.0).reshape(2, 3, 4)
    for t in (x, x.permute(2, 0, 1), x[:, 1], nnlite.tensor(1.0), x.to(nnlite.float16)):
        pinned = t.pin_memory()
        assert pinned.is_pinned()
        assert not t.is_pinned()
        assert pinned.pin_memory() is pinned
        assert pinned.tolist() == t.tolist()
        assert (pinned.dtype, pinned.shape) == (t.dtype, t.shape)
    assert x.permute(2, 0, 1).pin_memory().stride() == x.permute(2, 0, 1).stride()
    assert pinned[..., 1:].is_pinned()
    assert x.clone().requires_grad_().pin_memory().requires_grad
    assert not nnlite.ones(2).cuda().is_pinned()
    with pytest.raises(RuntimeError, match="only dense CPU tensors can be pinned"):
        nnlite.ones(2).cuda().pin_memory()


def test_factories_of_pinned_tensors(cuda):
    for x in (nnlite.zeros(3, pin_memory=True), nnlite.tensor([1.0], pin_memory=True, requires_grad=True),
              nnlite.randn(2, 2, pin_memory=True), nnlite.full((2,), 7, pin_memory=True)):  # fmt: skip
        assert x.is_pinned()
    assert x.tolist() == [7, 7]
    assert not nnlite.zeros(3, pin_memory=False).is_pinned()


@pytest.mark.parametrize("move", [lambda x, late: x.to("cuda", non_blocking=late), lambda x, late: x.cuda(None, late),
                                  lambda x, late: x.to("cuda", nnlite.float32, late)])  # fmt: skip
def test_non_blocking(cuda, move):
    x = nnlite.ones(4).pin_memory()
    y = move(x, False)
    x.fill_(2)
    assert y.cpu().tolist() == [1] * 4
    z = move(x, True)
    x.fill_(3)  # what a program must not do shows that the copy had not run yet
    assert z.cpu().tolist() == [3] * 4


def test_loader_with_pinned_batches(cuda):
    loader = DataLoader(TensorDataset(nnlite.arange(6), nnlite.ones(6)), batch_size=2, pin_memory=True)
    got = []
    for x, y in loader:
        assert x.is_pinned()
        assert y.is_pinned()
        got += x.tolist()
    assert got == list(range(6))
    cuda.module.state.log.clear()
    assert [x.cpu().tolist() for x, _ in DevicePrefetcher(loader, "cuda")] == [[0, 1], [2, 3], [4, 5]]
    pinned = [entry for entry in cuda.module.state.log if entry[0] == "pinned"]
    assert len(pinned) == 6  # the loader's: nothing is copied into slots
    assert pin_memory({"a": "text", "b": [nnlite.ones(1)]})["b"][0].is_pinned()


def test_without_cuda(monkeypatch):
    monkeypatch.setattr("nnlite._queries.reader_of_pinned_memory", lambda loaded=False: None)
    with pytest.raises(RuntimeError, match="Cannot access accelerator device when none is available"):
        nnlite.ones(2).pin_memory()
    for make in (nnlite.zeros, nnlite.empty, nnlite.tensor):
        with pytest.raises(RuntimeError):
            make((2, 2), pin_memory=True)
    assert not nnlite.ones(2).is_pinned()
