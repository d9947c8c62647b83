"""Memory that is not there: on the host, and on a device with a limit. Programs can go on."""

from __future__ import annotations

import gc

import pytest

import nnlite
from nnlite.backends import backend_for, release
from nnlite.backends.strict.memory import memory

HUGE = 10**15

CALLS = {
    "zeros": lambda: nnlite.zeros(HUGE),
    "randn": lambda: nnlite.randn(HUGE),
    "clone": lambda: nnlite.zeros(1).expand(HUGE).clone(),
    "exp": lambda: nnlite.zeros(1).expand(HUGE).exp(),
    "add": lambda: nnlite.zeros(1).expand(HUGE) + 1,
    "matmul": lambda: nnlite.ones(10**8, 1) @ nnlite.ones(1, 10**8),
    "cat": lambda: nnlite.cat([nnlite.zeros(1).expand(HUGE)] * 2),
    "cumsum": lambda: nnlite.zeros(1).expand(HUGE).cumsum(0),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_out_of_memory_on_the_cpu(call):
    with pytest.raises(nnlite.OutOfMemoryError, match=r"DefaultCPUAllocator: can't allocate memory: .* PiB") as caught:
        call()
    assert isinstance(caught.value, RuntimeError)
    assert isinstance(caught.value, MemoryError)
    assert nnlite.ones(3).sum().item() == 3


def test_one_error_under_all_its_names():
    assert nnlite.OutOfMemoryError is nnlite.cuda.OutOfMemoryError
    assert nnlite.AcceleratorError is nnlite.cuda.AcceleratorError
    assert issubclass(nnlite.AcceleratorError, RuntimeError)


@pytest.fixture
def limited():
    """The strict device with room for 100 kB more."""
    gc.collect()
    memory.free_cache()
    memory.reset_peak()
    memory.reset_counts()
    memory.limit = memory.live + 100_000
    yield backend_for("strict")
    memory.limit = 0


def test_limit_of_a_device(limited):
    kept = nnlite.ones(20_000, device="strict")
    with pytest.raises(
        nnlite.OutOfMemoryError, match=r"Tried to allocate 78\.12 KiB\. The device has a total"
    ) as caught:
        kept + 1
    text = str(caught.value)
    for words in (r"of which 19.53 KiB is free", "is allocated by tensors", "smaller batches", "utils.checkpoint"):
        assert words in text
    stats = limited.memory_stats()
    assert (stats["num_ooms"], stats["num_alloc_retries"]) == (1, 1)
    assert kept.sum().item() == 20_000  # what there is stays as it is
    del kept, caught  # whose traceback holds what the failed call held
    assert nnlite.ones(20_000, device="strict").sum().item() == 20_000


def test_caches_are_emptied_before_an_allocation_is_given_up(limited, monkeypatch):
    monkeypatch.setattr(release, "_functions", [])
    plans = [nnlite.ones(20_000, device="strict")]

    @release.on_low_memory
    def empty() -> None:
        plans.clear()
        raise KeyError("errors in a cache do not hide what is going on")

    x = nnlite.ones(20_000, device="strict")
    assert (plans, x.sum().item()) == ([], 20_000)
    assert (limited.memory_stats()["num_ooms"], limited.memory_stats()["num_alloc_retries"]) == (0, 1)


def test_cycles_are_collected_before_an_allocation_is_given_up(limited):
    gc.disable()
    try:
        cycle = [nnlite.ones(20_000, device="strict")]
        cycle.append(cycle)
        del cycle
        assert nnlite.ones(20_000, device="strict").sum().item() == 20_000
    finally:
        gc.enable()
    assert limited.memory_stats()["num_ooms"] == 0


def test_training_goes_on_after_an_error(limited):
    model = nnlite.nn.Linear(50, 50).to("strict")
    optimizer = nnlite.optim.SGD(model.parameters(), lr=0.1)
    sizes = []
    batch = 4096
    while len(sizes) < 3:
        try:
            loss = model(nnlite.ones(batch, 50, device="strict")).square().mean()
            loss.backward()
        except nnlite.cuda.OutOfMemoryError:
            batch //= 4
            optimizer.zero_grad()
            continue
        optimizer.step()
        optimizer.zero_grad()
        sizes.append(batch)
    assert sizes == [64] * 3


def test_figures_of_the_strict_device():
    backend = backend_for("strict")
    gc.collect()
    backend.empty_cache()
    backend.reset_peak_memory()
    backend.reset_counted_memory()
    start = backend.memory_allocated()
    x = nnlite.zeros(1000, device="strict")
    y = x + 1
    del y
    stats = backend.memory_stats()
    assert stats["allocated_bytes.all.current"] - start == 4000
    assert stats["allocated_bytes.all.peak"] - start == 8000
    assert (stats["allocated_bytes.all.allocated"], stats["allocated_bytes.all.freed"]) == (8000, 4000)
    assert (stats["allocation.all.allocated"], stats["allocation.all.freed"]) == (2, 1)
    assert backend.memory_reserved() - start == 8000
    backend.empty_cache()
    assert backend.memory_reserved() - start == 4000
    backend.reset_peak_memory()
    assert backend.memory_stats()["allocated_bytes.all.peak"] - start == 4000
    assert backend.memory_limit() == 1
    backend.limit_memory(0.5)
    assert backend.memory_limit() == pytest.approx(0.5)
    backend.limit_memory(1.0)
    assert memory.limit == 0
    assert x.sum().item() == 0
