"""What can be checked of the CUDA backend on a machine without a GPU."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import fake_cupy
import numpy as np
import pytest

import nnlite.backends.cupy as cuda_backend
from nnlite.backends import DeviceUnavailableError, backend_for
from nnlite.backends.registry import _backends
from nnlite.backends.strict import cupy_api, list_cupy_api

HAS_CUPY = importlib.util.find_spec("cupy") is not None
KERNELS = Path(cuda_backend.__file__).parent / "kernels"

# Messages


def test_without_cupy_the_error_says_what_to_install(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "cupy" else real(name, *a))
    with pytest.raises(DeviceUnavailableError, match=r'CuPy is not installed.*pip install "nnlite-framework\[cuda\]"'):
        cuda_backend.register()


def test_a_broken_cupy_is_told_apart(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: object())
    monkeypatch.setitem(sys.modules, "cupy", None)  # importing it raises ImportError
    reason = cuda_backend.missing_package()
    assert reason is not None
    assert "installed but cannot be imported" in reason


@pytest.mark.parametrize(
    "status, driver, words",
    [
        (35, 0, "no NVIDIA driver.*CUDA 13 or newer.*nvidia-smi"),
        (35, 12040, r"driver is for CUDA 12\.4, CuPy needs one for CUDA 13"),
        (100, 13000, "no GPU is visible.*CUDA_VISIBLE_DEVICES"),
        (46, 13000, "cudaErrorDevicesUnavailable"),
    ],
)
def test_driver_and_gpu_are_told_apart(status, driver, words):
    text = cuda_backend.explain(status, "cudaErrorDevicesUnavailable: busy", driver, 13020)
    assert text.startswith("cuda is not available: ")
    assert re.search(words, text)


def test_importing_nnlite_imports_no_cupy():
    program = "import sys, nnlite.backends; nnlite.backends.backend_for('cpu'); print('cupy' in sys.modules)"
    root = Path(cuda_backend.__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "False"


# The backend over a stand-in for the CuPy module


@pytest.fixture
def backend_over(monkeypatch):
    def make(module):
        fake_cupy.in_place_of_cupy(monkeypatch, module)
        return cuda_backend.CupyBackend(module)

    return make


@pytest.mark.parametrize("case", [{"status": 35, "driver": 0}, {"status": 100}, {"devices": 0}])
def test_every_operation_raises_the_reason(backend_over, case):
    backend = backend_over(fake_cupy.Module(**case))
    reason = backend.unavailable_reason()
    assert reason is not None
    assert backend.device_count() == 0
    for operation in (
        lambda: backend.from_host(np.ones(3)),
        lambda: backend.use(0),
        lambda: backend.synchronize(),
        lambda: backend.current_index(),
        lambda: backend.set_current(0),
        lambda: backend.device_name(0),
        lambda: backend.memory_allocated(),
        lambda: backend.memory_info(),
        lambda: backend.empty_cache(),
    ):
        with pytest.raises(DeviceUnavailableError, match=re.escape(reason)):
            operation()


def test_devices_and_figures(backend_over):
    module = fake_cupy.Module(devices=2)
    backend = backend_over(module)
    assert backend.unavailable_reason() is None
    assert (backend.device_count(), backend.current_index()) == (2, 0)
    with backend.use(1):
        assert backend.current_index() == 1
    x = backend.from_host(np.array([1, 2], ">f4"), 1)
    assert (backend.index_of(x), x.dtype.isnative, backend.fetch(x).tolist()) == (1, True, [1, 2])
    assert backend.device_name(1) == "GPU 1"
    assert (backend.memory_allocated(1), backend.memory_reserved(1), backend.memory_allocated(0)) == (512, 512, 0)
    assert backend.memory_info(1) == (2**20 - 512, 2**20)
    backend.synchronize(1)
    assert module.state.log[-1] == "waited for 1"
    backend.empty_cache()
    assert module.state.log[-2:] == ["freed", "pinned freed"]
    backend.set_current(1)
    assert backend.current_index() == 1


def test_a_copy_between_devices_waits_for_both(backend_over):
    module = fake_cupy.Module(devices=2)
    backend = backend_over(module)
    x = backend.from_host(np.arange(5.0), 1)
    assert backend.to_index(x, 1) is x
    assert backend.to_index(x, None) is x
    here, there = backend.make_stream(1, 0), backend.make_stream(0, 0)
    with backend.use_stream(here, 1):
        x = backend.from_host(np.arange(5.0) + 1, 1)
        with backend.use_stream(there, 0):
            y = backend.to_index(x, 0)
            assert (backend.index_of(y), backend.fetch(y).tolist()) == (0, [1, 2, 3, 4, 5])
        ready, done = [entry[1] for entry in module.state.log if entry[0] == "record"]
    assert module.state.log[-5:] == [("record", ready, here.ptr), ("wait", there.ptr, ready),
                                     ("copy between devices", there.ptr),
                                     ("record", done, there.ptr), ("wait", here.ptr, done)]  # fmt: skip


class CupyOverStrict:
    """The strict device's functions in the place of CuPy's, with CuPy's gaps in them."""

    def __init__(self):
        self.xp = backend_for("strict").xp

    def __getattr__(self, name):
        return getattr(self.xp, name)

    def where(self, condition, *values):
        for value in values:
            assert getattr(value, "dtype", np.dtype(int)).name != "bfloat16", "CuPy has no such loop"
        return self.xp.where(condition, *values)

    def sum(self, a, axis=None, dtype=None, out=None, keepdims=False):
        assert a.itemsize > 2 or np.dtype(dtype).itemsize > 2, "CuPy may sum in half precision"
        return self.xp.sum(a, axis=axis, dtype=dtype, out=out, keepdims=keepdims)


@pytest.fixture
def xp(monkeypatch):
    """Our namespace for CUDA, over the strict device."""
    fake_cupy.in_place_of_cupy(monkeypatch, CupyOverStrict())
    return importlib.import_module("nnlite.backends.cupy.namespace").xp


FLOATS = ["float16", "bfloat16", "float32", "float64"]


def dtype_of(name):
    return np.dtype(pytest.importorskip("ml_dtypes").bfloat16 if name == "bfloat16" else name)


@pytest.mark.parametrize("name", FLOATS)
def test_own_functions_agree_with_numpy(xp, name):
    dtype = dtype_of(name)
    host = np.arange(-6, 6).reshape(3, 4).astype(dtype)
    x = backend_for("strict").from_host(host)
    for ours, theirs in [
        (xp.sum(x, axis=1), np.sum(host, axis=1)),
        (xp.mean(x, axis=0, keepdims=True), np.mean(host.astype(float), axis=0, keepdims=True).astype(dtype)),
        (xp.where(x > 0, x, 1.0), np.where(host > 0, host, dtype.type(1))),
        (xp.where(x > 0, 2, x), np.where(host > 0, dtype.type(2), host)),
        (xp.tril(x, -1), np.tril(host, -1)),
        (xp.triu(x, 1), np.triu(host, 1)),
        (xp.exp(x), np.exp(host)),
    ]:
        assert ours.dtype == dtype
        np.testing.assert_array_equal(ours.get(), theirs)
    assert [p.tolist() for p in xp.where(x > 4)] == [[2], [3]]
    assert xp.sum(x, dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize("name", [*FLOATS, "bool", "int8", "uint8", "int16", "int32", "int64", "complex64"])
def test_own_scatter_add(xp, name):
    dtype = dtype_of(name)
    target = backend_for("strict").from_host(np.ones(3, dtype))
    index = backend_for("strict").from_host(np.array([0, 0, 2]))
    added = np.array([1, 2, 3]).astype(dtype)
    xp.scatter_add(target, index, backend_for("strict").from_host(added))
    expected = np.ones(3, dtype)
    np.add.at(expected, [0, 0, 2], added)
    assert target.dtype == dtype
    np.testing.assert_array_equal(target.get(), expected)


def test_half_is_added_up_in_float32(xp):
    ones = backend_for("strict").from_host(np.ones(4096, "float16"))
    assert xp.sum(ones).item() == 4096
    target = xp.zeros(1, "float16")
    xp.scatter_add(target, xp.zeros(4096, "int64"), ones)
    assert target.item() == 4096


@pytest.mark.skipif(not HAS_CUPY, reason="CuPy is not installed")
def test_with_cupy_installed_the_backend_registers_and_tells_its_state():
    backend = backend_for("cuda")
    reason = backend.unavailable_reason()
    assert (backend.device_count() > 0) == (reason is None)
    for name in ("matmul", "where", "sum", "mean", "as_strided", "scatter_add", "erf", "random_bits", "exp", "linalg"):
        assert hasattr(backend.xp, name)


@pytest.mark.skipif(HAS_CUPY, reason="CuPy is installed")
def test_without_cupy_nothing_is_registered():
    with pytest.raises(DeviceUnavailableError):
        backend_for("cuda")
    assert "cuda" not in _backends


@pytest.mark.skipif(not HAS_CUPY, reason="CuPy is not installed")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_as_strided_is_a_view(dtype):
    import cupy

    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    # Memory that nobody reads: views are made without a GPU.
    memory = cupy.cuda.MemoryPointer(cupy.cuda.UnownedMemory(1 << 28, 1 << 20, None, device_id=0), 0)
    x = cupy.ndarray((4, 6), dtype, memptr=memory)
    step = x.itemsize
    windows = backend_for("cuda").xp.as_strided(x[1:], (3, 2, 2), (6 * step, step, step))
    assert (windows.shape, windows.strides) == ((3, 2, 2), (6 * step, step, step))
    assert windows.data.ptr == x.data.ptr + 6 * step
    assert windows.base is not None
    assert not windows.flags.c_contiguous


# What CuPy offers


@pytest.mark.skipif(not HAS_CUPY, reason="CuPy is not installed")
def test_the_list_of_cupys_functions_is_that_of_the_installed_cupy():
    import cupy

    if cupy.__version__ != cupy_api.VERSION:
        pytest.skip(f"the list is of CuPy {cupy_api.VERSION}, installed is {cupy.__version__}")
    found = list_cupy_api.collect(cupy)
    for table in ("FUNCTIONS", "LINALG", "FFT", "UFUNCS"):
        assert getattr(cupy_api, table) == found[table]
    assert set(found["CONSTANTS"]) == cupy_api.CONSTANTS
