"""CUDA graphs through CuPy, over stand-ins for CuPy, its streams and the cuBLAS library."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import inspect
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nnlite.backends import backend_for
from nnlite.backends.capture import CaptureError, capturing, current
from nnlite.backends.cupy import cublas
from nnlite.backends.cupy.capture import CudaCapture, GraphPool, call_of_cublas, handle_of_cublas, in_portions
from nnlite.backends.cupy.gemm import Gemm
from nnlite.backends.strict.emulator.cublas import gemm_strided_batched

strict = backend_for("strict")
NAMES = ("cublasCreate_v2", "cublasDestroy_v2", "cublasSetStream_v2", "cublasSetWorkspace_v2",
         "cublasGemmStridedBatchedEx")  # fmt: skip


class Library:
    """What stands for ``libcublas.so``: functions that note their calls; products are computed."""

    def __init__(self, log):
        self.log, self.status, self.handles = log, 0, 0
        for name in NAMES:
            setattr(self, name, self._function(name))

    def _function(self, name):
        def function(*args):
            kinds = function.argtypes
            assert len(args) == len(kinds), f"{name} takes {len(kinds)} arguments"
            passed = [
                kind(a).value if kind is not kinds[0] or name != NAMES[0] else a
                for kind, a in zip(kinds, args, strict=True)
            ]
            if name == "cublasCreate_v2":
                self.handles += 1
                ctypes.cast(args[0], ctypes.POINTER(ctypes.c_void_p))[0] = 70 + self.handles
                passed = []
            elif name == "cublasGemmStridedBatchedEx" and not self.status:
                gemm_strided_batched(*passed)
                passed = passed[:1]
            self.log.append((name, *passed))
            return self.status

        return function


class CudaError(RuntimeError):
    """As CuPy's CUDARuntimeError."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class DeviceSynchronized(RuntimeError):
    """As ``cupyx.DeviceSynchronized``."""


class Graph:
    graph, graphExec = 7, 8

    def __init__(self, log):
        self.log = log

    def launch(self, stream):
        self.log.append(("launch", stream.ptr))

    def upload(self, stream):
        self.log.append(("upload", stream.ptr))

    def debug_dot_str(self):
        return "digraph {}"


class Stream:
    def __init__(self, ptr, log, failure=None):
        self.ptr, self.log, self.failure = ptr, log, failure

    def begin_capture(self):
        self.log.append(("begin", self.ptr))

    def end_capture(self):
        self.log.append(("end", self.ptr))
        if self.failure is not None:
            raise self.failure
        return Graph(self.log)


class Cuda:
    """The stand-in for ``cupy.cuda`` and the backend, with one current stream and one current allocator."""

    def __init__(self, monkeypatch):
        self.log = []
        self.stream, self.allocator, self.allowed = Stream(5, self.log), "CuPy's pool", True
        self.library = cublas.Cublas(Library(self.log))
        self.pool = GraphPool(SimpleNamespace(malloc=self._malloc))
        cuda = SimpleNamespace(
            get_current_stream=lambda: self.stream,
            using_allocator=lambda malloc: self._for_a_while("allocator", malloc),
            runtime=SimpleNamespace(getDevice=lambda: 0),
        )
        self.cupy = SimpleNamespace(cuda=cuda)
        allow = SimpleNamespace(allow_synchronize=lambda allowed: self._for_a_while("allowed", allowed))
        monkeypatch.setitem(sys.modules, "cupyx", allow)
        self.backend = SimpleNamespace(
            name="cuda", graph_pool=lambda: self.pool, use=lambda index: contextlib.nullcontext(), pending=[],
            current_stream=lambda index: self.stream, xp=strict.xp,
        )  # fmt: skip

    def _malloc(self, size):
        self.log.append(("malloc", size))
        return SimpleNamespace(ptr=4096, size=size)

    @contextlib.contextmanager
    def _for_a_while(self, name, value):
        before = getattr(self, name)
        setattr(self, name, value)
        try:
            yield
        finally:
            setattr(self, name, before)

    def capture(self, pool=None):
        return CudaCapture(self.backend, 0, pool, self.cupy, lambda: self.library)


@pytest.fixture
def cuda(monkeypatch):
    return Cuda(monkeypatch)


def test_a_capture_and_its_replays(cuda):
    capture = cuda.capture()
    assert gc.isenabled()
    with capturing(capture):
        assert cuda.allocator == cuda._malloc
        assert not cuda.allowed
        assert not gc.isenabled()
    assert cuda.allocator == "CuPy's pool"
    assert cuda.allowed
    assert gc.isenabled()
    # What waits or takes memory comes before the capture begins; the stream before the workspace, which it resets.
    assert cuda.log == [
        ("malloc", cublas.WORKSPACE),
        ("cublasCreate_v2",),
        ("cublasSetStream_v2", 71, 5),
        ("cublasSetWorkspace_v2", 71, 4096, cublas.WORKSPACE),
        ("begin", 5),
        ("end", 5),
    ]
    cuda.log.clear()
    cuda.stream = Stream(9, cuda.log)
    capture.upload()
    capture.replay()
    assert cuda.log == [("upload", 9), ("launch", 9)]
    assert capture.picture() == "digraph {}"
    assert capture.handles() == (7, 8)


def test_graphs_that_share_memory_share_the_workspace_and_the_handle(cuda):
    with capturing(cuda.capture()):
        pass
    cuda.log.clear()
    with capturing(cuda.capture(cuda.pool)):
        pass
    assert [entry[0] for entry in cuda.log] == ["cublasSetStream_v2", "cublasSetWorkspace_v2", "begin", "end"]


def test_the_default_stream_is_refused(cuda):
    cuda.stream = Stream(0, cuda.log)
    with pytest.raises(CaptureError, match="must be captured on a non-default stream"):
        cuda.capture().begin()
    assert current.capture is None
    assert cuda.allowed
    assert gc.isenabled()
    assert cuda.log == []


@pytest.mark.parametrize("failure", [None, CudaError(901, "cudaErrorStreamCaptureInvalidated")])
def test_after_an_exception_the_capture_is_ended(cuda, failure):
    cuda.stream.failure = failure
    with pytest.raises(KeyError, match="mine"), capturing(cuda.capture()):
        raise KeyError("mine")
    assert cuda.log[-1] == ("end", 5)
    assert current.capture is None
    assert cuda.allocator == "CuPy's pool"
    assert cuda.allowed
    assert gc.isenabled()
    cuda.stream.failure = None
    with capturing(cuda.capture()):
        pass


@pytest.mark.parametrize(
    "error, words",
    [
        (DeviceSynchronized("Device synchronization was detected while disallowed."), "the host waits for the device"),
        (CudaError(900, "cudaErrorStreamCaptureUnsupported: operation not permitted"), "this cannot be captured"),
        (RuntimeError("the current stream is capturing, so H2D transfers are disallowed"), "H2D transfers"),
        (NotImplementedError("calling cuBLAS API during stream capture is currently unsupported"), "cuBLAS"),
    ],
)
def test_errors_of_cupy_name_the_line(cuda, error, words):
    with pytest.raises(CaptureError, match=words) as caught, capturing(cuda.capture()):
        raise error  # here
    text = Path(__file__).read_text(encoding="utf-8").splitlines()
    line = next(i for i, words in enumerate(text, 1) if words.endswith("# here"))
    assert f"at {__file__}:{line}" in str(caught.value)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [MemoryError("out of memory"), CudaError(700, "an illegal access"), ValueError("x")])
def test_other_errors_stay(cuda, error):
    with pytest.raises(type(error)) as caught, capturing(cuda.capture()):
        raise error
    assert caught.value is error


# Products


def test_products_go_to_the_handle_of_the_capture(cuda):
    called = []
    asked = []
    handle = handle_of_cublas(lambda: asked.append(1) or 42)
    gemm = Gemm(call_of_cublas(lambda *args: called.append(args[0])), handle, strict.xp)
    a, b = (strict.from_host(np.random.default_rng(0).standard_normal(shape)) for shape in ((3, 4), (4, 5)))
    gemm.matmul(a, b)
    assert called == [42]
    with capturing(cuda.capture()):
        result = gemm.matmul(a, b)
    assert called == [42]
    assert asked == [1]  # it would be made in the capture
    assert ("cublasGemmStridedBatchedEx", 71) in cuda.log
    np.testing.assert_allclose(result.get(), a.get() @ b.get())


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("left", [(3, 4), (2, 3, 4), (4, 3)])
def test_arguments_reach_the_library_as_cublas_takes_them(cuda, dtype, left):
    x = np.random.default_rng(0).standard_normal(left).astype(dtype)
    a = strict.from_host(x).T if left == (4, 3) else strict.from_host(x)
    b = strict.from_host(np.random.default_rng(1).standard_normal((4, 5)).astype(dtype))
    call = cuda.library.gemm_strided_batched
    result = Gemm(call, lambda: 71, strict.xp).matmul(a, b)
    np.testing.assert_allclose(result.get(), a.get() @ b.get(), rtol=1e-2 if dtype == "float16" else 1e-5, atol=1e-2)


def test_what_cublas_refuses_is_told_by_name(cuda):
    library = Library([])
    bound = cublas.Cublas(library)
    library.status = 15
    with pytest.raises(cublas.CublasError, match="cublasCreate_v2: CUBLAS_STATUS_NOT_SUPPORTED"):
        bound.handle(0)
    library.status = 99
    with pytest.raises(cublas.CublasError, match="CUBLAS_STATUS_99"):
        bound.handle(0)
    library.status = 0
    assert bound.handle(0) == bound.handle(0) != bound.handle(1)


@pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="CuPy, with which cuBLAS comes, is not installed")
def test_the_library_that_is_installed_has_these_functions():
    assert cublas.Cublas(ctypes.CDLL(cublas.path(13000))).gemm_strided_batched is not None


# Many arrays


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("given", [False, True])
def test_portions_are_the_whole(axis, given):
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal((i % 3 + 1, 2) if axis == 0 else (2, i % 3 + 1)).astype("float32") for i in range(21)]
    expected = np.concatenate(parts, axis)
    calls = []
    xp = SimpleNamespace(
        empty=strict.xp.empty,
        result_type=strict.xp.result_type,
        concatenate=lambda some, axis, **more: calls.append(len(some)) or strict.xp.concatenate(some, axis, **more),
    )
    out = strict.xp.empty(expected.shape, "float32") if given else None
    found = in_portions(xp, [strict.from_host(part) for part in parts], axis, out, {})
    np.testing.assert_array_equal(found.get(), expected)
    assert calls == [8, 8, 5]
    assert found is out or not given


@pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="CuPy is not installed")
def test_cupy_has_what_is_used():
    """Names and arguments; nothing of it runs without a GPU."""
    import cupy
    import cupyx

    for owner, names in {
        cupy.cuda: ("get_current_stream", "using_allocator", "Graph", "MemoryPool"),
        cupy.cuda.Stream: ("begin_capture", "end_capture"),
        cupy.cuda.Graph: ("launch", "upload", "debug_dot_str", "graph", "graphExec"),
        cupy.cuda.runtime: ("getDevice", "runtimeGetVersion"),
        cupyx: ("allow_synchronize", "DeviceSynchronized"),
        cupy: ("concatenate", "stack", "expand_dims", "result_type"),
    }.items():
        for name in names:
            assert hasattr(owner, name), f"{owner} has no {name}"
    for function, arguments in ((cupy.concatenate, ([], 0, None)), (cupy.stack, ([], 0, None))):
        inspect.signature(function).bind(*arguments, dtype=None, casting="same_kind")
    with pytest.warns(Warning, match="allow_synchronize"), cupyx.allow_synchronize(False):
        pass
