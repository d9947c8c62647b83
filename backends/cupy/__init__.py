"""CUDA through CuPy. CuPy is imported when a cuda device is first asked for, never before."""

from __future__ import annotations

import functools
import importlib
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NoReturn

import numpy as np

from ..base import DeviceUnavailableError
from ..capture import refuse_upload
from ..deferred import DeferringBackend
from ..errors import two_devices
from ..registry import register_backend
from ..release import on_low_memory
from .capture import CudaCapture, GraphPool
from .errors import closed, explain, fatal, missing_package, translated
from .launch import on_cupy
from .memory import PoolMemory, PrivatePool
from .overrides import equip

_NO_GPU, _NO_MEMORY, _NOT_READY = 100, 2, 600
"""cudaErrorNoDevice, cudaErrorMemoryAllocation and cudaErrorNotReady."""

_OF_CUDA = ("CUDARuntimeError", "CUDADriverError")


class CupyBackend(DeferringBackend):
    """NVIDIA GPUs.

    Args:
        cupy: the CuPy module. The rest of it (the driver, a GPU) may be missing; operations then raise
            DeviceUnavailableError.
    """

    name = "cuda"
    has_indices = True
    has_streams = True
    adds_products = True
    draws_again = True

    def __init__(self, cupy: Any) -> None:
        super().__init__()
        self._cupy = cupy
        self._runtime = cupy.cuda.runtime
        self._errors = RuntimeError, OSError  # of CUDA's, and of libraries that are not there
        self._side = _SideStreams()
        self._count: int | None = None
        self._lost: str | None = None
        self.memory = PoolMemory(cupy)
        self.array_type = cupy.ndarray
        self.xp = importlib.import_module(f"{__package__}.namespace").xp

    def unavailable_reason(self) -> str | None:
        if self._count is not None or self._lost is not None:
            return self._lost
        runtime = self._runtime
        try:
            count = runtime.getDeviceCount()
        except runtime.CUDARuntimeError as error:
            return explain(error.status, str(error), runtime.driverGetVersion(), runtime.runtimeGetVersion())
        if not count:
            return explain(_NO_GPU, "", 0, 0)
        self._count, self.several = count, count > 1
        self.memory.install()
        return None

    def explained(self, error: Exception) -> Exception | None:
        """The error to raise in place of one that CuPy raised: what has happened and what to do; None for that one.

        After an error that CUDA does not survive (an illegal address), every further use raises
        DeviceUnavailableError; the rest of the program can go on.
        """
        better = translated(error, self._runtime.runtimeGetVersion())
        if better is None and getattr(error, "status", 0) == _NO_MEMORY and type(error).__name__ in _OF_CUDA:
            return self.memory.error(0, self._runtime.getDevice())
        if fatal(error):
            self.pending.clear()
            self._count, self._lost = None, closed(error)
        return better

    def _check(self) -> None:
        if self._count is None:
            reason = self.unavailable_reason()
            if reason is not None:
                raise DeviceUnavailableError(reason)

    def device_count(self) -> int:
        return 0 if self.unavailable_reason() else self._count or 0

    def index_of(self, array: Any) -> int:
        return array.device.id

    def current_index(self) -> int:
        self._check()
        return self._runtime.getDevice()

    def set_current(self, index: int) -> None:
        """Make ``index`` the device that a bare ``cuda`` means in this thread."""
        self._check()
        self._cupy.cuda.Device(index).use()

    def use(self, index: int | None) -> AbstractContextManager[Any]:
        self._check()
        return nullcontext() if index is None else self._cupy.cuda.Device(index)

    def _fail(self, error: Exception) -> NoReturn:
        """Raise what is to be raised in place of CuPy's error."""
        better = self.explained(error)
        if better is None:
            raise error
        raise better from error

    def follow(self, arrays: Any) -> None:
        for array in arrays if type(arrays) is list else (arrays,):
            if array is not None:
                self._cupy.cuda.Device(array.data.device_id).use()
                return

    def placed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        if not self.several:
            return function
        kind: Any = self.array_type
        current, device = self._runtime.getDevice, self._cupy.cuda.Device

        @functools.wraps(function, assigned=())
        def there(*args: Any, **attributes: Any) -> Any:
            index = None
            for array in (*args, *attributes.values()):
                if type(array) is kind and array.data.device_id != index:
                    if index is not None:
                        raise two_devices(name, f"cuda:{index}", f"cuda:{array.data.device_id}")
                    index = array.data.device_id
            if index is None or index == current():
                return function(*args, **attributes)
            with device(index):
                return function(*args, **attributes)

        return there

    # Copies

    def from_host(self, array: np.ndarray, index: int | None = None) -> Any:
        return self._copied(array, index, wait=True)

    def from_host_async(self, array: np.ndarray, index: int | None = None) -> Any:
        return self._copied(array, index, wait=False)

    def _copied(self, array: np.ndarray, index: int | None, wait: bool) -> Any:
        if array.ndim:  # a number is not copied but filled in
            refuse_upload("a copy of a tensor of the CPU")
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        try:
            with self.use(index):
                # CuPy copies ordinary memory into pinned memory of its own before it returns; pinned memory is read
                # after that (and kept until then), so the program must not have changed it.
                return self._cupy.array(native, blocking=wait and self.is_pinned(native))
        except self._errors as error:
            self._fail(error)

    def fetch(self, array: Any) -> np.ndarray:
        try:
            return array.get(order="A")
        except self._errors as error:
            self._fail(error)

    def to_index(self, array: Any, index: int | None) -> Any:
        source = array.device.id
        if index is None or index == source:
            return array
        with self.use(source):
            whole = self._cupy.ascontiguousarray(array)
        here, there = self.current_stream(source), self.current_stream(index)
        self._follow(there, here, source)
        with self.use(index):
            out = whole.copy()
        self._follow(here, there, index)  # what is freed here is not used again before it was read
        return out

    def _follow(self, later: Any, earlier: Any, index: int) -> None:
        """Let what one stream gets from now on wait for what another, on device ``index``, has now."""
        event = self.make_event(index, False, False)
        event.record(earlier)
        later.wait_event(event)

    def wait(self, index: int | None) -> None:
        with self.use(index):
            try:
                self._runtime.deviceSynchronize()
            except self._errors as error:
                self._fail(error)
            self.memory.lent.settle()

    # Memory of the host that a device can read on its own

    def pinned_empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """A NumPy array in pinned memory, with whatever values."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if not size:
            return np.empty(shape, dtype)
        self._check()
        try:
            return np.ndarray(shape, dtype, buffer=self._cupy.cuda.alloc_pinned_memory(size))
        except self._errors as error:
            self._fail(error)

    def pinned(self, array: np.ndarray) -> np.ndarray:
        """A copy in pinned memory, whose elements lie in the same order."""
        order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
        out = self.pinned_empty(tuple(array.shape[axis] for axis in order), array.dtype)
        out = out.transpose(np.argsort(order)) if order else out
        np.copyto(out, array)
        return out

    def is_pinned(self, array: np.ndarray) -> bool:
        return bool(array.size) and bool(self._cupy.cuda.pinned_memory.is_memory_pinned(array.ctypes.data))

    # What a device is

    def device_properties(self, index: int | None = None) -> dict[str, Any]:
        """What the CUDA runtime tells about a device, by its field names."""
        self._check()
        return self._runtime.getDeviceProperties(self.current_index() if index is None else index)

    def device_name(self, index: int | None = None) -> str:
        return self.device_properties(index)["name"].decode()

    def can_access_peer(self, index: int, other: int) -> bool:
        """Whether device ``index`` can read the memory of ``other``."""
        self._check()
        return index != other and bool(self._runtime.deviceCanAccessPeer(index, other))

    # Memory of devices

    def memory_allocated(self, index: int | None = None) -> int:
        with self.use(index):
            return self.memory.used()

    def memory_reserved(self, index: int | None = None) -> int:
        with self.use(index):
            return self.memory.reserved()

    def memory_info(self, index: int | None = None) -> tuple[int, int]:
        with self.use(index):
            free, total = self._runtime.memGetInfo()
        return free, total

    def memory_stats(self, index: int | None = None) -> dict[str, int]:
        with self.use(index):
            return self.memory.stats()

    def reset_peak_memory(self, index: int | None = None) -> None:
        with self.use(index):
            self.memory.reset_peak()

    def reset_counted_memory(self, index: int | None = None) -> None:
        with self.use(index):
            self.memory.reset_counts()

    def empty_cache(self) -> None:
        self._check()
        self.memory.free_cache()

    def limit_memory(self, fraction: float, index: int | None = None) -> None:
        with self.use(index):
            self.memory.set_fraction(fraction)

    def memory_limit(self, index: int | None = None) -> float:
        with self.use(index):
            return self.memory.fraction()

    def private_pool(self) -> PrivatePool:
        """A memory pool of its own, whose memory counts as allocated as long as the result lives."""
        self._check()
        return self.memory.private_pool()

    def record_stream(self, array: Any, stream: Any) -> None:
        """Keep the memory of ``array`` from being used again before ``stream`` has done what it has to do by then."""
        self.memory.lent.record(array, stream, array.device.id)

    # Streams and events, as CuPy has them

    def make_stream(self, index: int, priority: int) -> Any:
        """A new stream, which does not wait for the default stream."""
        more = {"priority": priority} if priority else {}
        with self.use(index):
            return self._cupy.cuda.Stream(non_blocking=True, **more)

    def external_stream(self, handle: int, index: int) -> Any:
        """The stream of a handle that another library made."""
        with self.use(index):
            return self._cupy.cuda.Stream.from_external(_Foreign(handle))

    def current_stream(self, index: int) -> Any:
        """The stream that takes the work for a device."""
        with self.use(index):
            return self._cupy.cuda.get_current_stream()

    def default_stream(self) -> Any:
        """The stream that takes the work where none was chosen."""
        return self._cupy.cuda.Stream.null

    @contextmanager
    def use_stream(self, stream: Any, index: int) -> Iterator[None]:
        """A context in which ``stream`` takes the work, on its device."""
        with self.use(index), stream:
            yield

    def set_stream(self, stream: Any, index: int) -> None:
        """Let ``stream`` take the work from now on, on its device."""
        self.set_current(index)
        stream.use()

    def make_event(self, index: int, timing: bool, blocking: bool) -> Any:
        """A new event."""
        with self.use(index):
            return self._cupy.cuda.Event(block=blocking, disable_timing=not timing)

    def is_done(self, event_or_stream: Any) -> bool:
        """Whether all work before an event, or in a stream, is done."""
        raw = event_or_stream
        ask = self._runtime.streamQuery if hasattr(raw, "wait_event") else self._runtime.eventQuery
        status = ask(raw.ptr)
        if status not in (0, _NOT_READY):
            self._fail(self._runtime.CUDARuntimeError(status))
        return status == 0

    def wait_for(self, event_or_stream: Any) -> None:
        """Wait until all work before an event, or in a stream, is done."""
        try:
            event_or_stream.synchronize()
        except self._errors as error:
            self._fail(error)

    def blas_handle(self, index: int) -> int:
        """The handle of cuBLAS for a device in this thread."""
        with self.use(index):
            return self._cupy.cuda.Device(index).cublas_handle

    def solver_handle(self, index: int) -> int:
        """The handle of cuSOLVER for a device in this thread."""
        with self.use(index):
            return self._cupy.cuda.Device(index).cusolver_handle

    def elapsed_time(self, start: Any, end: Any) -> float:
        """Milliseconds between two events."""
        return self._cupy.cuda.get_elapsed_time(start, end)

    # Graphs

    def make_capture(self, index: int | None = None, pool: Any = None) -> CudaCapture:
        return CudaCapture(self, self.current_index() if index is None else index, pool, self._cupy)

    def graph_pool(self) -> GraphPool:
        return GraphPool(self.private_pool())

    def on_side_stream(self, index: int | None = None) -> AbstractContextManager[Any]:
        index = self.current_index() if index is None else index
        streams = self._side.by_index
        if index not in streams:
            streams[index] = self.make_stream(index, 0)
        return self.use_stream(streams[index], index)

    def write(self, array: Any, values: np.ndarray) -> None:
        array.set(values)


class _SideStreams(threading.local):
    """A thread's streams for captures, which are no default streams."""

    def __init__(self) -> None:
        self.by_index: dict[int, Any] = {}


class _Foreign:
    """What tells a stream's handle, as CUDA's stream protocol has it."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self._handle


def register() -> None:
    """Add CUDA to the registry.

    Raises:
        DeviceUnavailableError: CuPy is not installed.
    """
    reason = missing_package()
    if reason is not None:
        raise DeviceUnavailableError(reason)
    cupy = importlib.import_module("cupy")
    backend = CupyBackend(cupy)
    on_low_memory(lambda: cupy.fft.config.get_plan_cache().clear())  # plans of cuFFT hold memory to work in
    register_backend(backend, equip(backend, on_cupy(cupy, backend.xp)))
