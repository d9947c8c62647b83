"""nnlite.cuda with no CUDA, and over a stand-in for a machine with two GPUs."""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager

import numpy as np
import pytest

import nnlite
from nnlite._core import rng
from nnlite.backends import Backend, DeviceUnavailableError, registry

NEEDS_A_DEVICE = {
    "current_device": lambda: nnlite.cuda.current_device(),
    "set_device": lambda: nnlite.cuda.set_device(0),
    "synchronize": lambda: nnlite.cuda.synchronize(),
    "get_device_name": lambda: nnlite.cuda.get_device_name(0),
    "get_device_properties": lambda: nnlite.cuda.get_device_properties(),
    "get_device_capability": lambda: nnlite.cuda.get_device_capability(),
    "mem_get_info": lambda: nnlite.cuda.mem_get_info(),
    "initial_seed": lambda: nnlite.cuda.initial_seed(),
    "get_rng_state": lambda: nnlite.cuda.get_rng_state(),
    "device": lambda: nnlite.cuda.device(0).__enter__(),
    "zeros": lambda: nnlite.zeros(2, device="cuda"),
    "to": lambda: nnlite.zeros(2).to("cuda"),
    "Tensor.cuda": lambda: nnlite.zeros(2).cuda(),
}


class FakeCuda(Backend):
    """Two devices of 1000 bytes, or a reason why there are none."""

    name = "cuda"
    has_indices = True
    array_type = type("FakeArray", (), {})

    def __init__(self, reason=None):
        self.reason = reason
        self.current = 0
        self.log = []

    def unavailable_reason(self):
        return self.reason

    def device_count(self):
        return 0 if self.reason else 2

    def current_index(self):
        return self.current

    def set_current(self, index):
        self.current = index

    @contextmanager
    def use(self, index):
        outer, self.current = self.current, index
        try:
            yield
        finally:
            self.current = outer

    def synchronize(self, index=None):
        self.log.append(("wait", index))

    def device_properties(self, index=None):
        return {
            "name": f"GPU {index}".encode(),
            "major": 9,
            "minor": 0,
            "totalGlobalMem": 80 * 1024**3,
            "multiProcessorCount": 132,
            "maxThreadsPerMultiProcessor": 2048,
            "warpSize": 32,
            "l2CacheSize": 50 * 1024**2,
        }

    def memory_allocated(self, index=None):
        return 100 + index

    def memory_reserved(self, index=None):
        return 200 + index

    def memory_stats(self, index=None):
        return {"num_ooms": 0, "allocated_bytes.all.peak": 150 + index, "allocated_bytes.all.current": 100 + index,
                "reserved_bytes.all.peak": 250 + index}  # fmt: skip

    def reset_peak_memory(self, index=None):
        self.log.append(("peaks", index))

    def reset_counted_memory(self, index=None):
        self.log.append(("counts", index))

    def limit_memory(self, fraction, index=None):
        self.log.append(("limit", fraction, index))

    def memory_info(self, index=None):
        return 700 - index, 1000

    def empty_cache(self):
        self.log.append("emptied")


@pytest.fixture
def no_cupy(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "cupy" else real(name, *a))
    monkeypatch.delitem(registry._backends, "cuda", raising=False)


def installed(monkeypatch, backend):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: True if name == "cupy" else real(name, *a))
    monkeypatch.setitem(registry._backends, "cuda", backend)
    monkeypatch.setattr(rng, "_generators", dict(rng._generators))
    return backend


@pytest.fixture
def two_gpus(monkeypatch):
    return installed(monkeypatch, FakeCuda())


@pytest.fixture
def no_gpu(monkeypatch):
    return installed(monkeypatch, FakeCuda("cuda is not available: no GPU is visible"))


@pytest.mark.parametrize("machine", ["no_cupy", "no_gpu"])
def test_questions_answer_no_without_cuda(machine, request):
    request.getfixturevalue(machine)
    cuda = nnlite.cuda
    assert not cuda.is_available()
    assert not cuda.is_initialized()
    assert not cuda.is_bf16_supported()
    assert not cuda.is_tf32_supported()
    assert (cuda.device_count(), cuda.memory_allocated(), cuda.memory_reserved()) == (0, 0, 0)
    cuda.empty_cache()
    cuda.set_device(-1)
    with cuda.device(-1), cuda.device(None):
        pass


@pytest.mark.parametrize("machine", ["no_cupy", "no_gpu"])
def test_seeding_without_cuda_leaves_the_cpu_alone(machine, request):
    request.getfixturevalue(machine)
    expected = nnlite.rand(3).numpy()
    nnlite.manual_seed(0)
    nnlite.cuda.manual_seed(5)
    nnlite.cuda.manual_seed_all(5)
    np.testing.assert_array_equal(nnlite.rand(3).numpy(), expected)


@pytest.mark.parametrize("call", NEEDS_A_DEVICE.values(), ids=NEEDS_A_DEVICE.keys())
def test_without_cupy_the_error_says_what_to_install(no_cupy, call):
    with pytest.raises(DeviceUnavailableError, match=r"CuPy is not installed.*pip install"):
        call()


@pytest.mark.parametrize("call", NEEDS_A_DEVICE.values(), ids=NEEDS_A_DEVICE.keys())
def test_without_a_gpu_the_error_says_so(no_gpu, call):
    with pytest.raises(RuntimeError, match="no GPU is visible"):
        call()


def test_error_is_a_runtime_error():
    assert issubclass(DeviceUnavailableError, RuntimeError)


@pytest.mark.parametrize("where", ["cpu", "strict", nnlite.device("cpu")])
@pytest.mark.parametrize("call", ["synchronize", "set_device", "get_device_name", "memory_allocated", "device"])
def test_other_device_types_are_refused(where, call):
    with pytest.raises(ValueError, match=f"Expected a cuda device, but got: {where}"):
        getattr(nnlite.cuda, call)(where)


def test_devices(two_gpus):
    cuda = nnlite.cuda
    assert cuda.is_available()
    assert cuda.is_initialized()
    assert cuda.is_bf16_supported()
    assert cuda.is_tf32_supported()
    assert (cuda.device_count(), cuda.current_device()) == (2, 0)
    with cuda.device(1):
        assert cuda.current_device() == 1
        with cuda.device("cuda:0"):
            assert cuda.current_device() == 0
        assert cuda.current_device() == 1
    assert cuda.current_device() == 0
    cuda.set_device(nnlite.device("cuda", 1))
    assert cuda.current_device() == 1
    cuda.synchronize()
    cuda.synchronize("cuda:0")
    assert two_gpus.log == [("wait", 1), ("wait", 0)]


def test_device_context_ends_after_an_error(two_gpus):
    with pytest.raises(KeyError), nnlite.cuda.device(1):
        raise KeyError
    assert nnlite.cuda.current_device() == 0


def test_figures(two_gpus):
    cuda = nnlite.cuda
    assert cuda.get_device_name() == "GPU 0"
    assert cuda.get_device_name(1) == "GPU 1"
    assert cuda.get_device_capability() == (9, 0)
    properties = cuda.get_device_properties("cuda:1")
    assert (properties.total_memory, properties.multi_processor_count) == (80 * 1024**3, 132)
    assert "name='GPU 1', major=9, minor=0, total_memory=81920MB" in repr(properties)
    assert (cuda.memory_allocated(1), cuda.memory_reserved("cuda:1"), cuda.mem_get_info(1)) == (101, 201, (699, 1000))
    cuda.empty_cache()
    assert two_gpus.log == ["emptied"]


def test_peaks_and_limits(two_gpus):
    cuda = nnlite.cuda
    assert (cuda.max_memory_allocated(1), cuda.max_memory_reserved("cuda:1")) == (151, 251)
    assert (cuda.max_memory_cached(), cuda.memory_cached()) == (250, 200)
    assert list(cuda.memory_stats()) == sorted(two_gpus.memory_stats(0))
    assert cuda.memory_stats_as_nested_dict(1)["allocated_bytes"] == {"all": {"peak": 151, "current": 101}}
    cuda.reset_peak_memory_stats(1)
    cuda.reset_max_memory_allocated()
    cuda.reset_accumulated_memory_stats("cuda:1")
    cuda.set_per_process_memory_fraction(0.5, 1)
    assert two_gpus.log == [("peaks", 1), ("peaks", 0), ("counts", 1), ("limit", 0.5, 1)]
    assert cuda.get_per_process_memory_fraction() == 1
    with pytest.raises(TypeError, match="must be `float`"):
        cuda.set_per_process_memory_fraction(1)
    with pytest.raises(ValueError, match="Allowed range"):
        cuda.set_per_process_memory_fraction(1.5)


def test_summary_is_a_table(two_gpus):
    lines = nnlite.cuda.memory_summary(1).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "device ID 1" in lines[1]
    assert [c.strip() for c in lines[7].split("|")] == ["", "Allocated memory", "101 bytes", "151 bytes", "", "", ""]


def test_device_that_does_not_exist(two_gpus):
    for call in (nnlite.cuda.set_device, nnlite.cuda.get_device_name, nnlite.cuda.memory_allocated):
        with pytest.raises(DeviceUnavailableError, match="'cuda:2' does not exist: this machine has 2 cuda devices"):
            call(2)


def test_seeds_are_of_the_device(two_gpus):
    cuda = nnlite.cuda
    cuda.manual_seed(7)
    assert cuda.initial_seed() == 7
    with cuda.device(1):
        assert cuda.initial_seed() == 0  # the seed that the whole program started from
    cuda.manual_seed_all(8)
    with cuda.device(1):
        assert cuda.initial_seed() == 8
    state = cuda.get_rng_state(1)
    cuda.manual_seed_all(9)
    cuda.set_rng_state(state, "cuda:1")
    assert rng.default_generator(two_gpus, 1).initial_seed() == 8
    assert nnlite.initial_seed() == 0
