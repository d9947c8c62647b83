"""Refused names, streams over a stand-in for CUDA, assert_close, make_tensor, utils, functions of layers."""

from __future__ import annotations

import typing

import numpy as np
import pytest
import test_cuda_api
from test_cuda_api import FakeCuda

import nnlite
from nnlite import _index, _seldom
from nnlite._lazy import parsed
from nnlite.testing import assert_close, make_tensor
from nnlite.utils.benchmark import Compare, Timer

REFUSED = [
    "fx.symbolic_trace", "fx.GraphModule", "export.export", "library.custom_op", "quantization.quantize_dynamic",
    "ao.quantization.QConfig", "package.PackageExporter", "sparse.mm", "nested.nested_tensor", "masked.MaskedTensor",
    "monitor.log_event", "mps.synchronize", "xpu.Stream", "mtia.set_device", "cuda.utilization",
    "utils.cpp_extension.load", "nn.parallel.replicate", "distributed.rendezvous", "jit.CompilationUnit",
    "overrides.TorchFunctionMode", "float8_e4m3fn", "SymInt", "FloatStorage", "quantize_per_tensor", "symeig",
]  # fmt: skip


def at(path):
    found = nnlite
    for part in path.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("path", REFUSED)
def test_refused_names(path):
    found = at(path)
    assert at(path) is found
    with pytest.raises(NotImplementedError, match=rf"torch\.{path} is not available in nnlite: \w+"):
        found()
    with pytest.raises(NotImplementedError):
        type("Derived", typing.cast(typing.Any, found).__mro_entries__(()), {})
    assert not isinstance(3, found)
    assert not isinstance(3, (str, found))
    assert typing.get_args(found | None)[0] is found
    assert typing.get_args(list[found]) == (found,)
    with pytest.raises(AttributeError, match="is not available in nnlite"):
        _ = found.anything


@pytest.mark.parametrize("name", [*parsed(_index.NAMES["nnlite"]), *sorted(_seldom.REFUSED)])
def test_late_names(name):
    assert getattr(nnlite, name) is getattr(nnlite, name)
    assert hasattr(nnlite, name)


@pytest.mark.parametrize(
    "path",
    [f"{m}.nothing" for m in ("fx", "cuda", "xpu", "distributed", "utils", "nn", "multiprocessing", "jit")]
    + ["nothing", "_hidden"],
)
def test_unknown_names(path):
    with pytest.raises(AttributeError, match=rf"no attribute '{path.split('.')[-1]}'"):
        at(path)


def test_absent_devices():
    for name in ("mps", "xpu", "mtia"):
        module = getattr(nnlite, name)
        assert (module.is_available(), module.device_count()) == (False, 0)
        module.manual_seed(0)
        module.empty_cache()
    for move in (nnlite.ones(1).xpu, nnlite.nn.Linear(1, 1).mtia):
        with pytest.raises(RuntimeError, match="there is no"):
            move()


class Raw:
    """A stand-in for CuPy's streams and events."""

    def __init__(self, ptr=0):
        self.ptr, self.done, self.log = ptr, True, []

    def __getattr__(self, name):
        return lambda *args: self.log.append((name, *args))


class WithStreams(FakeCuda):
    def __init__(self):
        super().__init__()
        self.streams = {0: Raw(), 1: Raw()}

    def make_stream(self, index, priority):
        return Raw(100 + index)

    def make_event(self, index, timing, blocking):
        return Raw()

    def current_stream(self, index):
        return self.streams[index]

    def default_stream(self):
        return Raw()

    def use_stream(self, stream, index):
        backend = self

        class Inside:
            def __enter__(self):
                self.before, backend.streams[index] = backend.streams[index], stream

            def __exit__(self, *exc):
                backend.streams[index] = self.before

        return Inside()

    def set_stream(self, stream, index):
        self.streams[index] = stream

    def elapsed_time(self, start, end):
        return 2.5

    def is_done(self, event_or_stream):
        return True


def test_streams(monkeypatch):
    backend = test_cuda_api.installed(monkeypatch, WithStreams())
    cuda = nnlite.cuda
    side = cuda.Stream("cuda:1")
    assert (side.device, side.cuda_stream, side.query()) == (nnlite.device("cuda:1"), 101, True)
    with cuda.stream(side):
        assert cuda.current_stream(1) == side
        assert cuda.current_stream(0) != side
    assert cuda.current_stream(1) != side
    with side:
        assert cuda.current_stream("cuda:1") == side
    event = side.record_event()
    assert event._raw.log == [("record", side._raw)]
    other = cuda.Stream()
    other.wait_stream(side)
    assert other._raw.log[0][0] == "wait_event"
    start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    with pytest.raises(ValueError, match="must be recorded"):
        start.elapsed_time(end)
    start.record()
    end.record()
    assert start.elapsed_time(end) == 2.5
    with pytest.raises(ValueError, match="enable_timing=True"):
        start.elapsed_time(cuda.Event())
    with pytest.raises(NotImplementedError, match="other processes"):
        cuda.Event(interprocess=True)
    cuda.set_stream(side)
    assert backend.streams[1] is side._raw
    assert nnlite.accelerator.current_stream(1) == side
    assert nnlite.accelerator.current_accelerator() == nnlite.device("cuda")
    assert nnlite.accelerator.memory_reserved(1) == 201
    assert cuda.memory_stats(0)["allocated_bytes.all.current"] == 100
    with pytest.raises(ValueError, match="doesn't match the current accelerator"):
        nnlite.accelerator.synchronize("cpu")


def test_without_an_accelerator(monkeypatch):
    test_cuda_api.installed(monkeypatch, FakeCuda("cuda is not available: no GPU is visible"))
    cuda, accelerator = nnlite.cuda, nnlite.accelerator
    assert (cuda.max_memory_allocated(), cuda.max_memory_reserved(), dict(cuda.memory_stats())) == (0, 0, {})
    cuda.reset_peak_memory_stats()
    for call in (cuda.Stream, cuda.current_stream, cuda.init, lambda: cuda.Event().record()):
        with pytest.raises(RuntimeError, match="no GPU is visible"):
            call()
    assert accelerator.current_accelerator() is None
    accelerator.empty_cache()
    for call in (accelerator.synchronize, accelerator.current_device_index, accelerator.memory_allocated):
        with pytest.raises(RuntimeError, match="Cannot access accelerator device when none is available"):
            call()
    with pytest.raises(ValueError, match="Allowed range"):
        cuda.set_per_process_memory_fraction(1.5)


def test_assert_close(device):
    x = nnlite.randn(3, 4, device=device)
    assert_close(x, x + 1e-7)
    assert_close([x, {"a": (1.0, x)}], [x.clone(), {"a": (1.0, x)}])
    assert_close(x, x.double(), check_dtype=False)
    assert_close(nnlite.tensor(float("nan"), device=device), nnlite.tensor(float("nan"), device=device), equal_nan=True)
    y = x.clone()
    y[1, 2] += 1
    with pytest.raises(AssertionError, match=r"Mismatched elements: 1 / 12 \(8\.3%\)\n.* at index \(1, 2\)"):
        assert_close(x, y)
    with pytest.raises(AssertionError, match="the text"):
        assert_close(x, y, msg="the text")
    with pytest.raises(AssertionError, match="'dtype' do not match"):
        assert_close(x, x.double())
    with pytest.raises(AssertionError, match=r"item \[1\]\['a'\]"):
        assert_close([x, {"a": 1.0}], [x, {"a": 1.1}])
    if device != "cpu":
        with pytest.raises(AssertionError, match="'device' do not match"):
            assert_close(x, x.cpu())
        assert_close(x, x.cpu(), check_device=False)


@pytest.mark.parametrize("name", ["float32", "float16", "int8", "uint8", "bool", "complex64", "int64", "float64"])
def test_make_tensor(name, device):
    dtype = getattr(nnlite, name)
    x = make_tensor((4, 6), dtype=dtype, device=device, noncontiguous=True, exclude_zero=True)
    assert (x.dtype, x.shape, x.device.type, x.is_contiguous()) == (dtype, (4, 6), device, False)
    assert bool((x != 0).all())
    low = make_tensor(50, dtype=dtype, device=device, low=0, high=2).cpu().numpy()
    assert np.abs(low).max() < 3
    assert len(np.unique(low)) > 1


def test_make_tensor_checks():
    for more in ({"low": 2, "high": 2}, {"low": float("nan")}, {"requires_grad": True}):
        with pytest.raises(ValueError):
            make_tensor(2, dtype=nnlite.int64, device="cpu", **more)


def test_benchmark():
    m = Timer("x + x", globals={"x": nnlite.ones(4)}, label="add", sub_label="n=4").blocked_autorange(min_run_time=0.01)
    assert sum(m.raw_times) >= 0.01
    assert m.median > 0
    assert "add: n=4" in repr(m)
    assert "n=4" in str(Compare([m]))
    counted = []
    Timer("f()", globals={"f": lambda: counted.append(0)}).timeit(10)
    assert len(counted) == 12
    with pytest.raises(NotImplementedError, match="Python"):
        Timer("x", language="c++")


def test_functions_of_layers(device):
    F = nnlite.nn.functional
    x, w, b = (nnlite.randn(*s, device=device) for s in ((4, 3, 8), (3,), (3,)))
    mean, var = nnlite.zeros(3, device=device), nnlite.ones(3, device=device)
    ours = nnlite.batch_norm(x, w, b, mean.clone(), var.clone(), True, 0.1, 1e-5, False)
    assert_close(ours, F.batch_norm(x, mean.clone(), var.clone(), w, b, True, 0.1, 1e-5))
    assert_close(nnlite.instance_norm(x, w, b, None, None, True, 0.1, 1e-5), F.instance_norm(x, weight=w, bias=b))
    assert_close(nnlite.layer_norm(x, (8,)), F.layer_norm(x, (8,)))
    assert_close(nnlite.max_pool1d(x, 2), F.max_pool1d_with_indices(x, 2)[0])
    values, positions = nnlite.adaptive_max_pool1d(x, 2)
    assert_close(x.gather(-1, positions), values)
    out, _, bag, _ = (
        t.tolist()
        for t in nnlite.embedding_bag(
            nnlite.eye(3, device=device), nnlite.tensor([0, 2, 2], device=device), nnlite.tensor([0, 1], device=device)
        )
    )
    assert (out, bag) == ([[1, 0, 0], [0, 0, 2]], [1, 2])


def test_swap_tensors(device):
    a, b = nnlite.nn.Parameter(nnlite.ones(2, device=device)), nnlite.nn.Parameter(nnlite.zeros(3), requires_grad=False)
    a.sum().backward()
    nnlite.utils.swap_tensors(a, b)
    assert (a.shape, a.requires_grad, b.requires_grad, a.grad, b.grad.tolist()) == ((3,), False, True, None, [1, 1])
    with pytest.raises(RuntimeError, match="one class"):
        nnlite.utils.swap_tensors(a, nnlite.ones(1))
