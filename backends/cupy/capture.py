"""CUDA graphs: capture through CuPy's streams, with memory of its own and products through our own handle of cuBLAS."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from ..capture import Capture, CaptureError, current, line_of
from .cublas import WORKSPACE, loaded

_CAPTURE_STATUS = range(900, 909)
"""cudaErrorStreamCaptureUnsupported to cudaErrorStreamCaptureWrongThread."""

_DEFAULT_STREAMS = (0, 1)


class GraphPool:
    """The memory of graphs that are not replayed at the same time: their arrays, and what cuBLAS works in.

    Args:
        memory: a pool with ``malloc``.
    """

    def __init__(self, memory: Any) -> None:
        self.memory = memory
        self.workspace: Any = None

    def working_memory(self) -> Any:
        """Memory for cuBLAS, taken when it is first asked for."""
        if self.workspace is None:
            self.workspace = self.memory.malloc(WORKSPACE)
        return self.workspace


class CudaCapture(Capture):
    """One CUDA graph.

    Args:
        cupy: the CuPy module.
        cublas: gives the `Cublas` to use, where it is not the library on this machine.
    """

    def __init__(
        self, backend: Any, index: int | None, pool: Any, cupy: Any, cublas: Callable[[], Any] | None = None
    ) -> None:
        super().__init__(backend, index, pool)
        self._cupy = cupy
        self._cublas = cublas or (lambda: loaded(cupy.cuda.runtime.runtimeGetVersion()))
        self._inside = ExitStack()
        self._graph: Any = None

    def _begin(self) -> None:
        cuda = self._cupy.cuda
        with ExitStack() as stack:
            stack.enter_context(self.backend.use(self.index))
            self._stream = cuda.get_current_stream()
            if self._stream.ptr in _DEFAULT_STREAMS:
                raise CaptureError(
                    "CUDA graphs must be captured on a non-default stream. (However, after capture, it's ok to replay "
                    "them on the default stream.) Use `with nnlite.cuda.graph(g):`, or `nnlite.cuda.stream(...)`"
                )
            # Before the capture: this takes memory, and may wait.
            library = self._cublas()
            workspace = self.pool.working_memory()
            self._gemm = library.gemm_strided_batched
            self._handle = library.prepare(cuda.runtime.getDevice(), self._stream.ptr, workspace.ptr, WORKSPACE)
            stack.enter_context(_without_garbage_collection())
            stack.enter_context(cuda.using_allocator(self.pool.memory.malloc))
            stack.enter_context(_without_waiting())
            self._stream.begin_capture()
            self._inside = stack.pop_all()

    def _end(self) -> None:
        with self._inside:
            self._graph = self._stream.end_capture()

    def _abandon(self) -> None:
        with self._inside, suppress(Exception):  # what is broken says so once more when it ends
            self._stream.end_capture()

    def _launch(self) -> None:
        self._graph.launch(self.backend.current_stream(self.index))

    def upload(self) -> None:
        """Bring the graph to the device beforehand, so that the first replay need not."""
        self._graph.upload(self.backend.current_stream(self.index))

    def reset(self) -> None:
        super().reset()
        self._graph = None

    def picture(self) -> str:
        return str(self._graph.debug_dot_str())

    def handles(self) -> tuple[int, int]:
        return self._graph.graph, self._graph.graphExec

    def multiply(self, *args: Any) -> None:
        """A product of matrices by cuBLAS, on the stream that is captured."""
        self._gemm(self._handle, *args)

    def explain(self, error: BaseException) -> CaptureError | None:
        if isinstance(error, CaptureError):
            return error
        waited = type(error).__name__ == "DeviceSynchronized"
        refused = isinstance(error, RuntimeError) and "captur" in str(error)
        if not (waited or refused or getattr(error, "status", None) in _CAPTURE_STATUS):
            return None
        what = "the host waits for the device" if waited else f"this cannot be captured ({error})"
        return CaptureError(
            f"{what}, at {line_of(error.__traceback__)}; keep values on the device, make tensors beforehand, or move "
            "this line out of what is captured"
        )


@contextmanager
def _without_garbage_collection() -> Any:
    # A finaliser could free memory of the device, or destroy an event, which would end the capture.
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def _without_waiting() -> Any:
    """CuPy raises where the host would wait, before it asks the device, which would spoil the capture."""
    import cupyx

    with ExitStack() as stack:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it does not find every way to wait
            stack.enter_context(cupyx.allow_synchronize(False))
        yield


def call_of_cublas(eager: Callable[..., None]) -> Callable[..., None]:
    """CuPy's ``gemmStridedBatchedEx``, or ours while a graph is captured."""

    def call(handle: int, *args: Any) -> None:
        capture = current.capture
        if isinstance(capture, CudaCapture):
            capture.multiply(*args)
        else:
            eager(handle, *args)

    return call


def handle_of_cublas(eager: Callable[[], int]) -> Callable[[], int]:
    """CuPy's handle, which is made when it is first asked for; in a capture it is not asked for."""
    return lambda: 0 if isinstance(current.capture, CudaCapture) else eager()


def in_portions(xp: Any, arrays: list[Any], axis: int, out: Any, more: dict[str, Any], most: int = 8) -> Any:
    """``xp.concatenate`` by calls for at most ``most`` arrays each."""
    axis %= arrays[0].ndim
    if out is None:
        shape = list(arrays[0].shape)
        shape[axis] = sum(a.shape[axis] for a in arrays)
        dtype = more.pop("dtype", None) or xp.result_type(*arrays)
        out = xp.empty(tuple(shape), dtype)
    start = 0
    for i in range(0, len(arrays), most):
        portion = arrays[i : i + most]
        size = sum(a.shape[axis] for a in portion)
        where = (slice(None),) * axis + (slice(start, start + size),)
        xp.concatenate(portion, axis, out=out[where], **more)
        start += size
    return out
