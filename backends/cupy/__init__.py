"""CUDA through CuPy. CuPy is imported when a cuda device is first asked for, never before."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from ..base import DeviceUnavailableError
from ..deferred import DeferringBackend
from ..registry import register_backend
from .launch import on_cupy
from .overrides import bound

_INSTALL = 'install it with: pip install "nnlite-framework[cuda]"'
_NO_DRIVER, _NO_GPU = 35, 100
"""cudaErrorInsufficientDriver and cudaErrorNoDevice."""


def missing_package() -> str | None:
    """Why CuPy cannot be imported, and what to install; None where it can. Does not import it when it is absent."""
    if importlib.util.find_spec("cupy") is None:
        return f"cuda is not available: CuPy is not installed; {_INSTALL}"
    try:
        importlib.import_module("cupy")
    except Exception as error:
        return f"cuda is not available: CuPy is installed but cannot be imported ({error}); {_INSTALL}"
    return None


def explain(status: int, text: str, driver: int, runtime: int) -> str:
    """What is missing, from a CUDA error and the versions (13020 is 13.2) of driver and runtime."""
    if status == _NO_DRIVER and not driver:
        return (
            "cuda is not available: CuPy is installed, but this machine has no NVIDIA driver; install the driver "
            f"(for CUDA {runtime // 1000} or newer) and check it with nvidia-smi"
        )
    if status == _NO_DRIVER:
        return (
            f"cuda is not available: the NVIDIA driver is for CUDA {driver // 1000}.{driver % 1000 // 10}, CuPy needs "
            f"one for CUDA {runtime // 1000}; install a newer driver"
        )
    if status == _NO_GPU:
        return (
            "cuda is not available: CuPy and the NVIDIA driver are installed, but no GPU is visible; check nvidia-smi "
            "and the environment variable CUDA_VISIBLE_DEVICES"
        )
    return f"cuda is not available: {text}"


class CupyBackend(DeferringBackend):
    """NVIDIA GPUs.

    Args:
        cupy: the CuPy module. The rest of it (the driver, a GPU) may be missing; operations then raise
            DeviceUnavailableError.
    """

    name = "cuda"
    has_indices = True

    def __init__(self, cupy: Any) -> None:
        super().__init__()
        self._cupy = cupy
        self._runtime = cupy.cuda.runtime
        self._count: int | None = None
        self.array_type = cupy.ndarray
        self.xp = importlib.import_module(f"{__package__}.namespace").xp

    def unavailable_reason(self) -> str | None:
        if self._count is not None:
            return None
        runtime = self._runtime
        try:
            count = runtime.getDeviceCount()
        except runtime.CUDARuntimeError as error:
            return explain(error.status, str(error), runtime.driverGetVersion(), runtime.runtimeGetVersion())
        if not count:
            return explain(_NO_GPU, "", 0, 0)
        self._count = count
        return None

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

    def from_host(self, array: np.ndarray, index: int | None = None) -> Any:
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        with self.use(index):
            return self._cupy.array(native)

    def fetch(self, array: Any) -> np.ndarray:
        return array.get(order="A")

    def to_index(self, array: Any, index: int | None) -> Any:
        if index is None or index == array.device.id:
            return array
        with self.use(index):
            return array.copy()

    def wait(self, index: int | None) -> None:
        with self.use(index):
            self._runtime.deviceSynchronize()

    def device_properties(self, index: int | None = None) -> dict[str, Any]:
        """What the CUDA runtime tells about a device, by its field names."""
        self._check()
        return self._runtime.getDeviceProperties(self.current_index() if index is None else index)

    def device_name(self, index: int | None = None) -> str:
        return self.device_properties(index)["name"].decode()

    def memory_allocated(self, index: int | None = None) -> int:
        with self.use(index):
            return self._cupy.get_default_memory_pool().used_bytes()

    def memory_reserved(self, index: int | None = None) -> int:
        with self.use(index):
            return self._cupy.get_default_memory_pool().total_bytes()

    def memory_info(self, index: int | None = None) -> tuple[int, int]:
        with self.use(index):
            free, total = self._runtime.memGetInfo()
        return free, total

    def empty_cache(self) -> None:
        self._check()
        self._cupy.get_default_memory_pool().free_all_blocks()
        self._cupy.get_default_pinned_memory_pool().free_all_blocks()

    def limit_memory(self, fraction: float, index: int) -> None:
        """Let the pool take no more than this part of the device's memory."""
        with self.use(index):
            self._cupy.get_default_memory_pool().set_limit(fraction=fraction)

    def memory_limit(self, index: int) -> float:
        """The part of the device's memory that the pool may take."""
        with self.use(index):
            limit = self._cupy.get_default_memory_pool().get_limit()
            return limit / self._runtime.memGetInfo()[1] if limit else 1.0

    def can_access_peer(self, index: int, other: int) -> bool:
        """Whether device ``index`` can read the memory of ``other``."""
        self._check()
        return index != other and bool(self._runtime.deviceCanAccessPeer(index, other))

    # Streams and events, as CuPy has them

    def make_stream(self, index: int, priority: int) -> Any:
        """A new stream, which does not wait for the default stream."""
        more = {"priority": priority} if priority else {}
        with self.use(index):
            return self._cupy.cuda.Stream(non_blocking=True, **more)

    def external_stream(self, handle: int, index: int) -> Any:
        """The stream of a handle that another library made."""
        return self._cupy.cuda.ExternalStream(handle, index)

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

    def elapsed_time(self, start: Any, end: Any) -> float:
        """Milliseconds between two events."""
        return self._cupy.cuda.get_elapsed_time(start, end)


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
    register_backend(backend, bound(on_cupy(cupy, backend.xp)))
