"""CUDA's memory over a stand-in for CuPy: figures, peaks, what is tried before an error, memory of other streams."""

from __future__ import annotations

import gc
import importlib.util
import inspect
import pickle

import fake_cupy
import numpy as np
import pytest

import nnlite
import nnlite.backends.cupy as cuda_backend
from nnlite.backends import release
from nnlite.backends.cupy import errors
from nnlite.backends.cupy.memory import _error_class


@pytest.fixture
def cuda(monkeypatch):
    """A backend over two devices of 1 MiB; ``backend.module`` is the stand-in."""
    return fake_cupy.installed(monkeypatch)


def empty(backend, size, index=0):
    with backend.use(index):
        return backend.module.empty((size,), np.uint8)


def test_peaks_are_exact(cuda):
    a = empty(cuda, 1000)
    b = empty(cuda, 3000)
    del b
    c = empty(cuda, 100)
    stats = cuda.memory_stats()
    assert (stats["allocated_bytes.all.current"], stats["allocated_bytes.all.peak"]) == (1536, 1024 + 3072)
    assert (stats["allocated_bytes.all.allocated"], stats["allocated_bytes.all.freed"]) == (4608, 3072)
    assert (stats["reserved_bytes.all.current"], stats["reserved_bytes.all.peak"]) == (4608, 4608)
    assert stats["allocation.all.allocated"] == 3
    assert stats["active_bytes.all.current"] == 1536
    assert (cuda.memory_allocated(), cuda.memory_reserved()) == (1536, 4608)
    cuda.empty_cache()
    stats = cuda.memory_stats()
    assert (stats["reserved_bytes.all.current"], stats["reserved_bytes.all.peak"]) == (1536, 4608)
    cuda.reset_peak_memory()
    cuda.reset_counted_memory()
    del a
    stats = cuda.memory_stats()
    assert (stats["allocated_bytes.all.current"], stats["allocated_bytes.all.peak"]) == (512, 1536)
    assert (stats["allocated_bytes.all.allocated"], stats["allocated_bytes.all.freed"]) == (0, 1024)
    assert stats["allocation.all.allocated"] == 0
    assert c.nbytes == 100


def test_each_device_has_figures_of_its_own(cuda):
    x, y = empty(cuda, 512, 0), empty(cuda, 2048, 1)
    assert [cuda.memory_stats(i)["allocated_bytes.all.peak"] for i in (0, 1)] == [512, 2048]
    cuda.reset_peak_memory(1)
    del x, y
    assert [cuda.memory_stats(i)["allocated_bytes.all.peak"] for i in (0, 1)] == [512, 2048]
    cuda.reset_peak_memory(1)
    assert [cuda.memory_stats(i)["allocated_bytes.all.peak"] for i in (0, 1)] == [512, 0]


def test_what_was_there_before_counts_as_in_use(monkeypatch):
    module = fake_cupy.Module(devices=1)
    before = module.pool.malloc(4096)
    fake_cupy.in_place_of_cupy(monkeypatch, module)
    backend = cuda_backend.CupyBackend(module)
    assert backend.unavailable_reason() is None
    taken = module.empty((512,), np.uint8)
    stats = backend.memory_stats()
    assert (stats["allocated_bytes.all.current"], stats["allocated_bytes.all.peak"]) == (4608, 4608)
    assert (stats["allocated_bytes.all.allocated"], stats["allocated_bytes.all.freed"]) == (512, 0)
    del before
    assert backend.memory_stats()["allocated_bytes.all.freed"] == 4096
    assert taken.nbytes == 512


def test_an_allocator_of_the_program_stays(monkeypatch):
    module = fake_cupy.Module(devices=1)

    def own(size):
        return module.pool.malloc(size)

    module.cuda.set_allocator(own)
    fake_cupy.in_place_of_cupy(monkeypatch, module)
    backend = cuda_backend.CupyBackend(module)
    assert backend.unavailable_reason() is None
    assert module.cuda.get_allocator() is own
    x = module.empty((512,), np.uint8)
    assert backend.memory_allocated() == 512
    assert backend.memory_stats()["allocated_bytes.all.peak"] == 512
    del x


def test_private_pools_are_part_of_the_figures(cuda):
    private = cuda.private_pool()
    x = empty(cuda, 512)
    block = private.malloc(1024)
    assert (cuda.memory_allocated(), cuda.memory_reserved()) == (1536, 1536)
    del block
    assert cuda.memory_stats()["allocated_bytes.all.peak"] == 1536
    cuda.empty_cache()
    assert cuda.memory_reserved() == 1536  # a graph may use what is free in its pool
    del private
    gc.collect()
    assert cuda.memory_reserved() == 512
    assert x.nbytes == 512


# No memory


def test_the_error_is_pytorchs_and_cupys(cuda):
    kept = empty(cuda, 900_000)
    with pytest.raises(nnlite.OutOfMemoryError) as caught:
        empty(cuda, 200_000)
    error = caught.value
    assert isinstance(error, RuntimeError)
    assert isinstance(error, MemoryError)
    assert isinstance(error, fake_cupy.OutOfMemoryError)
    assert type(error).__name__ == "OutOfMemoryError"
    text = str(error)
    assert text.startswith("CUDA out of memory. Tried to allocate 195.31 KiB. GPU 0 has a total capacity of 1.00 MiB "
                           "of which 145.00 KiB is free. Of the allocated memory 879.00 KiB is allocated by tensors, "
                           "and 0 bytes is reserved by the memory pool but unallocated.")  # fmt: skip
    assert "smaller batches" in text
    assert "other processes" not in text
    assert str(pickle.loads(pickle.dumps(error))) == text
    stats = cuda.memory_stats()
    assert (stats["num_ooms"], stats["num_alloc_retries"]) == (1, 1)
    del kept
    assert empty(cuda, 200_000).nbytes == 200_000  # the program goes on


def test_memory_of_other_processes_is_told(cuda):
    cuda.module.state.taken[0] += 1_000_000
    with pytest.raises(nnlite.OutOfMemoryError, match=r"976\.56 KiB are not this program's.*other processes"):
        empty(cuda, 200_000)


def test_a_limit_is_told(cuda):
    cuda.limit_memory(0.25, 1)
    assert (cuda.memory_limit(0), cuda.memory_limit(1)) == (1.0, 0.25)
    empty(cuda, 400_000, 0)
    with pytest.raises(
        nnlite.OutOfMemoryError, match=r"GPU 1 .* 256\.00 KiB allowed\..*set_per_process_memory_fraction"
    ):
        empty(cuda, 400_000, 1)
    cuda.limit_memory(0.0, 1)
    with pytest.raises(nnlite.OutOfMemoryError):
        empty(cuda, 1, 1)
    cuda.limit_memory(1.0, 1)
    assert empty(cuda, 400_000, 1).nbytes == 400_000
    cuda.module.pool.set_limit(size=0)
    assert cuda.memory_limit(0) == 1.0


def test_caches_are_emptied_first(cuda, monkeypatch):
    monkeypatch.setattr(release, "_functions", [])
    workspaces = {"a plan": empty(cuda, 700_000)}
    release.on_low_memory(workspaces.clear)
    assert empty(cuda, 600_000).nbytes == 600_000
    assert workspaces == {}
    stats = cuda.memory_stats()
    assert (stats["num_ooms"], stats["num_alloc_retries"]) == (0, 1)


# Memory that another stream uses


def filled(backend, value, size=512):
    return backend.from_host(np.full(size, value, np.uint8))


def reading(module, x, stream):
    """What a kernel on ``stream`` reads of an array, when it runs."""
    read, block, size = [], x.data.mem.values, x.nbytes
    stream.queue.append(("work", lambda: read.extend(block[:size].tolist())))
    return read


def test_a_block_is_used_again_at_once_without_record_stream(cuda):
    """What `record_stream` is there for: the stand-in shows the fault."""
    x = filled(cuda, 1)
    cuda.synchronize()
    side = cuda.make_stream(0, 0)
    read = reading(cuda.module, x, side)
    del x
    y = filled(cuda, 2)
    cuda.fetch(y)
    cuda.wait_for(side)
    assert read == [2] * 512


@pytest.mark.parametrize("views", [0, 1])
def test_record_stream(cuda, views):
    x = filled(cuda, 1)
    cuda.synchronize()
    side, other = cuda.make_stream(0, 0), cuda.make_stream(0, 0)
    used = x[...] if views else x
    cuda.record_stream(used, side)
    cuda.record_stream(used, other)
    if views:
        cuda.record_stream(x, side)
    read, also = reading(cuda.module, x, side), reading(cuda.module, x, other)
    del x
    if views:
        y = filled(cuda, 3)  # the view still holds the memory
        cuda.fetch(y)
    del used
    y = filled(cuda, 2)
    cuda.fetch(y)
    cuda.wait_for(side)
    z = filled(cuda, 4)  # one stream is done, the other is not
    cuda.fetch(z)
    cuda.wait_for(other)
    assert read == also == [1] * 512
    before = cuda.memory_reserved()
    again = filled(cuda, 5)
    assert cuda.memory_reserved() == before  # now the block is used again
    assert cuda.memory.lent.waiting == []
    del again


def test_memory_of_other_streams_is_waited_for_before_an_allocation_is_given_up(cuda):
    side = cuda.make_stream(0, 0)
    x = empty(cuda, 900_000)
    cuda.record_stream(x, side)
    side.queue.append(("work", lambda: None))
    del x
    assert empty(cuda, 800_000).nbytes == 800_000


# Pinned memory


def test_pinned_memory_is_known(cuda):
    x = cuda.pinned_empty((3, 4), np.dtype(np.float32))
    assert (x.shape, x.dtype) == ((3, 4), np.float32)
    assert cuda.is_pinned(x)
    assert cuda.is_pinned(x[1:, ::2])
    assert not cuda.is_pinned(x.copy())
    assert not cuda.is_pinned(cuda.pinned_empty((0, 4), np.float32))


def test_a_copy_waits_for_pinned_memory_unless_told_not_to(cuda):
    x = cuda.pinned_empty((4,), np.uint8)
    x[:] = 1
    y = cuda.from_host(x)
    x[:] = 2  # the program may change it after the return
    assert cuda.fetch(y).tolist() == [1] * 4
    z = cuda.from_host_async(x)
    x[:] = 3  # and must not here
    assert cuda.fetch(z).tolist() == [3] * 4
    ordinary = np.ones(4, np.uint8)
    y = cuda.from_host_async(ordinary)
    ordinary[:] = 9
    assert cuda.fetch(y).tolist() == [1] * 4


@pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="CuPy is not installed")
def test_the_stand_in_has_nothing_that_cupy_lacks():
    import cupy

    module = fake_cupy.Module(devices=1)
    own = {"memory", "runtime"}
    for name, value in vars(module.cuda).items():
        assert hasattr(cupy.cuda, name), name
        if name in own:
            for part in vars(value):
                assert hasattr(getattr(cupy.cuda, name), part), f"{name}.{part}"
    for kind in (module.cuda.Event, module.cuda.Stream, module.cuda.MemoryPool, module.ndarray):
        theirs = getattr(cupy.cuda, kind.__name__, None) or cupy.ndarray
        names = {name for name in vars(kind) if name[0] != "_"} - {"values", "queue", "run"}
        assert {name for name in names if not hasattr(theirs, name)} == set()
    for name in ("base", "data", "device", "dtype", "nbytes", "ndim", "shape", "size"):
        assert hasattr(cupy.ndarray, name)
    for name in ("get_default_memory_pool", "get_default_pinned_memory_pool", "array", "ascontiguousarray", "empty"):
        assert hasattr(cupy, name)
    assert "blocking" in inspect.signature(cupy.array).parameters
    assert list(inspect.signature(cupy.cuda.Event).parameters) == ["block", "disable_timing", "interprocess"]
    assert {"non_blocking", "priority"} <= set(inspect.signature(cupy.cuda.Stream).parameters)
    assert issubclass(cupy.cuda.memory.OutOfMemoryError, MemoryError)
    assert cupy.cuda.get_allocator() == cupy.get_default_memory_pool().malloc
    for name in ("cublas_handle", "cusolver_handle", "id", "use"):
        assert hasattr(cupy.cuda.Device, name)
    for error in (cupy.cuda.runtime.CUDARuntimeError, cupy.cuda.driver.CUDADriverError):
        assert error.__name__ in ("CUDARuntimeError", "CUDADriverError")
    illegal = cupy.cuda.runtime.CUDARuntimeError(700)
    assert str(illegal).startswith("cudaErrorIllegalAddress: an illegal memory access")
    assert errors.fatal(illegal)
    assert not errors.fatal(cupy.cuda.runtime.CUDARuntimeError(2))


@pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="CuPy is not installed")
def test_the_error_is_one_of_the_real_cupys():
    import cupy

    kind = _error_class(cupy.cuda.memory.OutOfMemoryError)
    error = kind("text")
    assert isinstance(error, cupy.cuda.memory.OutOfMemoryError)
    assert isinstance(error, nnlite.OutOfMemoryError)
    assert str(error) == str(pickle.loads(pickle.dumps(error))) == "text"
