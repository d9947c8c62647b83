"""What keeps CUDA from working, each with one clear error after which the program goes on; over a stand-in for CuPy."""

from __future__ import annotations

import importlib.util
import re
import sys
import typing
from importlib import metadata

import fake_cupy
import numpy as np
import pytest

import nnlite
from nnlite.backends import DeviceUnavailableError
from nnlite.backends.cupy import errors


@pytest.fixture
def cuda(monkeypatch):
    return fake_cupy.installed(monkeypatch)


def packages(monkeypatch, *names):
    """Have these packages of CuPy, and no others, installed."""

    def distribution(name):
        if name not in names:
            raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(errors.metadata, "distribution", distribution)


# Which CuPy


@pytest.mark.parametrize("names", [(), ("cupy-cuda13x",)])
def test_one_build_needs_no_advice(monkeypatch, names):
    packages(monkeypatch, *names)
    assert errors.builds() == list(names)
    assert errors.several_builds() == ""


def test_two_builds_are_named_with_the_way_out(monkeypatch):
    packages(monkeypatch, "cupy-cuda12x", "cupy-cuda13x")
    words = "Several builds of CuPy are installed .cupy-cuda12x, cupy-cuda13x.*pip uninstall cupy-cuda12x cupy-cuda13x"
    assert re.search(words, errors.explain(100, "", 13000, 13020))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: object())
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert re.search(words, errors.missing_package() or "")


@pytest.mark.parametrize(
    "driver, runtime, words",
    [
        (12040, 13020, r"driver is for CUDA 12\.4, CuPy needs one for CUDA 13; install a newer driver, or CuPy for "
                       r'CUDA 12: pip uninstall cupy-cuda13x, then pip install "cupy-cuda12x\[ctk\]"'),
        (11080, 13020, r"driver is for CUDA 11\.8, CuPy needs one for CUDA 13; install a newer driver$"),
        (11080, 12090, r"driver is for CUDA 11\.8, CuPy needs one for CUDA 12; install a newer driver$"),
    ],
)  # fmt: skip
def test_a_driver_that_is_too_old(monkeypatch, driver, runtime, words):
    packages(monkeypatch, "cupy-cuda13x")
    assert re.search(words, errors.explain(35, "", driver, runtime))


@pytest.mark.parametrize("status, words", [(2, "no GPU memory is free.*nvidia-smi"), (46, "in use by a process"),
                                           (803, "different versions"), (999, "dmesg")])  # fmt: skip
def test_errors_of_the_driver(status, words):
    assert re.search(words, errors.explain(status, "cudaErrorSomething: text", 13000, 13020))


class DynamicLibNotFoundError(RuntimeError):
    """As that of cuda.pathfinder."""


class CompileException(Exception):
    """As that of CuPy."""


class CUBLASError(RuntimeError):
    """As that of CuPy."""


LOST = [
    DynamicLibNotFoundError('Failure finding "libnvrtc.so.12": No such file: libnvrtc.so.12\n  listdir("/x")'),
    ImportError("libcublas.so.12: cannot open shared object file: No such file or directory"),
    RuntimeError("CuPy failed to load libcusolver.so.12: OSError: no"),
]


@pytest.mark.parametrize("error", LOST, ids=["nvrtc", "cublas", "cusolver"])
def test_libraries_of_another_cuda(error):
    better = errors.translated(error, 12090)
    assert isinstance(better, DeviceUnavailableError)
    assert re.search(r"lib\w+\.so\.12 cannot be loaded, which CuPy for CUDA 12 needs: .*pip install "
                     r'"cupy-cuda12x\[ctk\]", or CuPy for the CUDA that is installed', str(better))  # fmt: skip


def test_a_gpu_that_is_newer_than_cupy():
    better = errors.translated(CompileException("nvrtc: error: invalid value for --gpu-architecture (-arch)"), 12000)
    assert re.search(r"newer than the compiler of CUDA 12\.0", str(better))


def test_cublas_without_memory():
    assert "empty_cache" in str(errors.translated(CUBLASError("CUBLAS_STATUS_NOT_INITIALIZED"), 13020))


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("libcublas.so.12 is fine"), KeyError("status")])
def test_other_errors_are_left_alone(error):
    assert errors.translated(error, 13020) is None


def test_missing_libraries_show_in_the_operation_that_needed_them(cuda, monkeypatch):
    def failing(*args, **kwargs):
        raise LOST[0]

    monkeypatch.setattr(cuda.module, "array", failing)
    with pytest.raises(DeviceUnavailableError, match=r"libnvrtc\.so\.12 cannot be loaded"):
        nnlite.ones(2).cuda()


# Errors of a device


def test_an_illegal_access_ends_cuda_and_not_the_program(cuda):
    x = nnlite.ones(3).cuda()
    cuda.module.state.sick = 700
    with pytest.raises(nnlite.AcceleratorError) as caught:
        x.cpu()
    assert caught.value.error_code == 700
    for words in ("CUDA error: an illegal memory access was encountered", "cudaErrorIllegalAddress", "start it again",
                  "CUDA_LAUNCH_BLOCKING=1", "compute-sanitizer"):  # fmt: skip
        assert words in str(caught.value)
    assert isinstance(caught.value.__cause__, fake_cupy.CUDARuntimeError)
    for use in (lambda: nnlite.ones(3).cuda(), nnlite.cuda.synchronize, nnlite.cuda.current_device):
        with pytest.raises(DeviceUnavailableError, match=r"lost it by an earlier error; start it again \(cudaErrorIll"):
            use()
    assert not nnlite.cuda.is_available()
    assert nnlite.cuda.device_count() == 0
    assert nnlite.cuda.memory_allocated() == 0
    device = "cuda" if nnlite.cuda.is_available() else "cpu"
    assert nnlite.ones(3, device=device).sum().item() == 3


@pytest.mark.parametrize("use", [lambda: nnlite.cuda.synchronize(), lambda: nnlite.ones(70).cuda()])
def test_wherever_it_shows(cuda, use):
    cuda.module.state.sick = 719
    with pytest.raises(nnlite.AcceleratorError, match="This process cannot use CUDA any more"):
        use()


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: x + x,
        lambda x: x + 1,
        lambda x: x.exp(),
        lambda x: x.add_(x),
        lambda x: x.cumsum(0),
        lambda x: nnlite.nn.functional.linear(x, x),
        lambda x: nnlite.cat([x, x]),
    ],
)
def test_in_the_operation_after_the_one_that_failed(cuda, monkeypatch, operation):
    def launch(*args, **kwargs):
        raise fake_cupy.CUDARuntimeError(700)

    x = nnlite.ones(2, 2).cuda()
    for name in ("add", "exp", "cumsum", "concatenate"):
        monkeypatch.setattr(cuda.module, name, launch, raising=False)
    monkeypatch.setattr(cuda.module.ndarray, "__matmul__", launch, raising=False)
    monkeypatch.setattr(cuda.module.ndarray, "T", property(launch), raising=False)
    with pytest.raises(nnlite.AcceleratorError, match="This process cannot use CUDA any more"):
        operation(x)
    assert not nnlite.cuda.is_available()


def test_an_error_that_passes_leaves_cuda_usable(cuda, monkeypatch):
    x = nnlite.ones(3).cuda()
    cuda.module.state.sick = 1
    with pytest.raises(fake_cupy.CUDARuntimeError):
        x.cpu()
    cuda.module.state.sick = None
    assert x.cpu().tolist() == [1] * 3


def test_no_free_memory_for_a_context(cuda, monkeypatch):
    """Another process holds all of it: even the first question to the device fails."""

    def failing(*args, **kwargs):
        raise fake_cupy.CUDARuntimeError(2)

    monkeypatch.setattr(cuda.module, "array", failing)
    monkeypatch.setattr(cuda.module.cuda.runtime, "memGetInfo", failing)
    with pytest.raises(nnlite.OutOfMemoryError, match=r"CUDA out of memory\. .*nvidia-smi"):
        nnlite.ones(3).cuda()
    assert nnlite.cuda.is_available()


# Which device


def test_a_device_that_is_not_there(cuda):
    message = r"'cuda:7' does not exist: this machine has 2 cuda devices \(cuda:0 to cuda:1\)"
    for use in (lambda: nnlite.ones(2).to("cuda:7"), lambda: nnlite.zeros(2, device="cuda:7"),
                lambda: nnlite.ones(2).cuda(7), lambda: nnlite.nn.Linear(1, 1).to("cuda:7")):  # fmt: skip
        with pytest.raises(DeviceUnavailableError, match=message):
            use()
    for use in (lambda: nnlite.cuda.set_device(7), lambda: nnlite.cuda.Stream(7), lambda: nnlite.cuda.synchronize(7)):
        with pytest.raises(DeviceUnavailableError, match="'cuda:7' does not exist"):
            use()
    assert nnlite.ones(2).to("cuda:1").device.index == 1


TWO = r"Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cuda:1!"


@pytest.mark.parametrize(
    "operation",
    [
        lambda a, b: a + b,
        lambda a, b: a * b,
        lambda a, b: nnlite.maximum(a, b),
        lambda a, b: a @ b,
        lambda a, b: nnlite.cat([a, b]),
        lambda a, b: a.add_(b),
        lambda a, b: a.copy_(a + b),
        lambda a, b: nnlite.nn.functional.linear(a, b),
        lambda a, b: nnlite.nn.functional.layer_norm(a, (3, 3), b),
    ],
)
def test_tensors_on_two_devices(cuda, operation):
    a, b = nnlite.ones(3, 3).to("cuda:0"), nnlite.ones(3, 3).to("cuda:1")
    with pytest.raises(RuntimeError, match=TWO):
        operation(a, b)
    assert b.cpu().sum().item() == 9


def test_work_goes_to_the_device_of_its_tensors(cuda):
    """Whatever the current device is: CuPy would give the work, and the result, to the current one."""
    seen = []

    def kernel(x, y=None, *, out=None):
        seen.append(cuda.module.device)

    there = cuda.placed("kernel", kernel)
    a, b = cuda.from_host(np.ones(3), 0), cuda.from_host(np.ones(3), 1)
    there(a)
    there(b)
    there(b, None)
    there(3.0, out=b)
    assert (seen, cuda.module.device) == ([0, 1, 1, 1], 0)
    with nnlite.cuda.device(1):
        there(a, a)
        assert cuda.module.device == 1
    assert seen[-1] == 0
    for mixed in (lambda: there(a, b), lambda: there(b, out=a)):
        with pytest.raises(RuntimeError, match="found at least two devices"):
            mixed()


class OnTheDeviceOfItsGradient(nnlite.autograd.Function):
    """The identity, whose derivative notes the current device."""

    seen: typing.ClassVar[list[int]] = []

    @staticmethod
    def forward(ctx, x):
        return x.detach()

    @staticmethod
    def backward(ctx, g):
        OnTheDeviceOfItsGradient.seen.append(nnlite.cuda.current_device())
        return g


def test_backward_follows_the_devices(cuda, monkeypatch):
    monkeypatch.setattr(OnTheDeviceOfItsGradient, "seen", seen := [])
    x = nnlite.ones(2).to("cuda:1").requires_grad_()
    y = OnTheDeviceOfItsGradient.apply(OnTheDeviceOfItsGradient.apply(x).to("cuda:0"))
    (g,) = nnlite.autograd.grad(y, x, nnlite.ones(2).to("cuda:0"))
    assert (seen, g.device.index, nnlite.cuda.current_device()) == ([0, 1], 1, 0)


def test_one_device_costs_nothing(monkeypatch):
    backend = fake_cupy.installed(monkeypatch, devices=1)
    assert backend.placed("sum", np.sum) is np.sum
