"""CUDA devices: what there is, which one is in use, its memory.

Everything here works on a machine without CUDA. Questions (`is_available`, `device_count`, `memory_allocated`) answer
no or 0 there, and whatever needs a device raises an error that says what is missing and what to install.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from .._core import rng
from .._core.device import device as _Device
from .._unavailable import Unavailable
from ..backends import DeviceUnavailableError, backend_for
from ..backends.base import Backend
from ..backends.errors import AcceleratorError, OutOfMemoryError
from ..backends.registry import loaded_backends
from .streams import (
    Event,
    ExternalStream,
    Stream,
    StreamContext,
    current_blas_handle,
    current_solver_handle,
    current_stream,
    default_stream,
    get_stream_from_external,
    set_stream,
    stream,
)

__all__ = [
    "AcceleratorError",
    "CUDAGraph",
    "CompiledStep",
    "Event",
    "ExternalStream",
    "OutOfMemoryError",
    "Stream",
    "StreamContext",
    "can_device_access_peer",
    "compile_step",
    "current_blas_handle",
    "current_solver_handle",
    "current_stream",
    "default_stream",
    "device_of",
    "get_arch_list",
    "get_stream_from_external",
    "get_gencode_flags",
    "get_per_process_memory_fraction",
    "graph",
    "graph_pool_handle",
    "init",
    "ipc_collect",
    "is_current_stream_capturing",
    "is_tf32_supported",
    "make_graphed_callables",
    "max_memory_cached",
    "max_memory_reserved",
    "memory_cached",
    "memory_snapshot",
    "memory_stats",
    "memory_stats_as_nested_dict",
    "memory_summary",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_memory_stats",
    "set_per_process_memory_fraction",
    "set_stream",
    "stream",
    "current_device",
    "device",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_rng_state",
    "get_rng_state_all",
    "initial_seed",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "seed",
    "seed_all",
    "set_device",
    "set_rng_state",
    "set_rng_state_all",
    "synchronize",
]


def is_available() -> bool:
    """Whether tensors can be moved to ``cuda``. Never raises, and imports nothing where CuPy is not installed.

    Example:
        >>> import nnlite
        >>> device = "cuda" if nnlite.cuda.is_available() else "cpu"
    """
    return _found() is not None


def device_count() -> int:
    """How many GPUs there are (0 without CUDA).

    Example:
        >>> import nnlite
        >>> nnlite.cuda.device_count() >= 0
        True
    """
    backend = _found()
    return 0 if backend is None else backend.device_count()


def is_initialized() -> bool:
    """Whether a cuda device has been asked for and found.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.is_initialized() <= nnlite.cuda.is_available()
        True
    """
    return any(b.name == "cuda" and b.unavailable_reason() is None for b in loaded_backends())


def is_bf16_supported() -> bool:
    """Whether the current GPU calculates with bfloat16 (compute capability 8.0 and newer).

    Example:
        >>> import nnlite
        >>> nnlite.cuda.is_bf16_supported() <= nnlite.cuda.is_available()
        True
    """
    return is_available() and get_device_capability()[0] >= 8


def current_device() -> int:
    """The index of the device that a bare ``"cuda"`` means.

    Raises:
        DeviceUnavailableError: there is no CUDA device.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.current_device() if nnlite.cuda.is_available() else 0
        0
    """
    return _index(_required(), None)


def set_device(device: Any) -> None:
    """Make ``device`` the one that a bare ``"cuda"`` means; a negative index changes nothing.

    Raises:
        ValueError: ``device`` is not a cuda device.
        DeviceUnavailableError: there is no such device.

    Example:
        >>> import nnlite
        >>> if nnlite.cuda.is_available():
        ...     nnlite.cuda.set_device(0)
    """
    number = _number(device)
    if number is None or number >= 0:
        backend: Any = _required()
        backend.set_current(_index(backend, number))


class device:
    """A context in which a bare ``"cuda"`` means the given device; None or a negative index changes nothing.

    Raises:
        ValueError: it is not a cuda device.
        DeviceUnavailableError: there is no such device (when the context is entered).

    Example:
        >>> import nnlite
        >>> if nnlite.cuda.device_count() > 1:
        ...     with nnlite.cuda.device(1):
        ...         x = nnlite.zeros(2, device="cuda")      # on cuda:1
    """

    def __init__(self, device: Any) -> None:
        self.idx = _number(device)
        self._inner: AbstractContextManager[Any] | None = None

    def __enter__(self) -> None:
        if self.idx is not None and self.idx >= 0:
            backend = _required()
            self._inner = backend.use(_index(backend, self.idx))
            self._inner.__enter__()

    def __exit__(self, *exc: Any) -> None:
        if self._inner is not None:
            inner, self._inner = self._inner, None
            inner.__exit__(*exc)


def synchronize(device: Any = None) -> None:
    """Wait until the device has done all work it was given.

    Raises:
        DeviceUnavailableError: there is no such device.

    Example:
        >>> import nnlite
        >>> if nnlite.cuda.is_available():
        ...     nnlite.cuda.synchronize()
    """
    number = _number(device)
    backend = _required()
    backend.synchronize(_index(backend, number))


def get_device_name(device: Any = None) -> str:
    """The name of the GPU, such as ``NVIDIA H100 80GB HBM3``.

    Raises:
        DeviceUnavailableError: there is no such device.

    Example:
        >>> import nnlite
        >>> name = nnlite.cuda.get_device_name() if nnlite.cuda.is_available() else "no GPU"
    """
    return get_device_properties(device).name


class DeviceProperties(NamedTuple):
    """What the driver tells about a GPU."""

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int
    max_threads_per_multi_processor: int
    warp_size: int
    L2_cache_size: int

    def __repr__(self) -> str:
        return (
            f"_CudaDeviceProperties(name='{self.name}', major={self.major}, minor={self.minor}, "
            f"total_memory={self.total_memory // 1024**2}MB, multi_processor_count={self.multi_processor_count}, "
            f"L2_cache_size={self.L2_cache_size // 1024**2}MB)"
        )


def get_device_properties(device: Any = None) -> DeviceProperties:
    """Name, compute capability (``major``, ``minor``), memory in bytes and further sizes of a GPU.

    Raises:
        DeviceUnavailableError: there is no such device.

    Example:
        >>> import nnlite
        >>> if nnlite.cuda.is_available():
        ...     gigabytes = nnlite.cuda.get_device_properties(0).total_memory / 1e9
    """
    number = _number(device)
    backend: Any = _required()
    told = backend.device_properties(_index(backend, number))
    return DeviceProperties(
        name=told["name"].decode(),
        major=told["major"],
        minor=told["minor"],
        total_memory=told["totalGlobalMem"],
        multi_processor_count=told["multiProcessorCount"],
        max_threads_per_multi_processor=told["maxThreadsPerMultiProcessor"],
        warp_size=told["warpSize"],
        L2_cache_size=told["l2CacheSize"],
    )


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability of a GPU: ``(9, 0)`` for an H100.

    Raises:
        DeviceUnavailableError: there is no such device.

    Example:
        >>> import nnlite
        >>> major, minor = nnlite.cuda.get_device_capability() if nnlite.cuda.is_available() else (0, 0)
    """
    properties = get_device_properties(device)
    return properties.major, properties.minor


def manual_seed(seed: int) -> None:
    """Seed the random numbers of the current device; nothing happens without CUDA.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.manual_seed(0)
    """
    if _found() is not None:
        _generator(None).manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """Seed the random numbers of all cuda devices; nothing happens without CUDA.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.manual_seed_all(0)
    """
    for index in range(device_count()):
        _generator(index).manual_seed(seed)


def seed() -> None:
    """Seed the random numbers of the current device from the system's source of randomness.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.seed()
    """
    if _found() is not None:
        _generator(None).seed()


def seed_all() -> None:
    """Seed the random numbers of all cuda devices, all alike, from the system's source of randomness.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.seed_all()
    """
    if _found() is not None:
        manual_seed_all(rng.fresh_seed())


def initial_seed() -> int:
    """The seed of the current device's random numbers.

    Raises:
        DeviceUnavailableError: there is no CUDA device.

    Example:
        >>> import nnlite
        >>> seed = nnlite.cuda.initial_seed() if nnlite.cuda.is_available() else 0
    """
    return _generator(None).initial_seed()


def get_rng_state(device: Any = "cuda") -> Any:
    """The state of a device's random numbers, as a tensor of bytes on the CPU.

    Raises:
        DeviceUnavailableError: there is no such device.

    Example:
        >>> import nnlite
        >>> if nnlite.cuda.is_available():
        ...     nnlite.cuda.set_rng_state(nnlite.cuda.get_rng_state())
    """
    return _generator(_number(device)).get_state()


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Set the state of a device's random numbers to one that `get_rng_state` gave.

    Raises:
        DeviceUnavailableError: there is no such device.

    Example:
        >>> import nnlite
        >>> if nnlite.cuda.is_available():
        ...     nnlite.cuda.set_rng_state(nnlite.cuda.get_rng_state())
    """
    _generator(_number(device)).set_state(new_state)


def get_rng_state_all() -> list[Any]:
    """The states of the random numbers of all cuda devices.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.set_rng_state_all(nnlite.cuda.get_rng_state_all())
    """
    return [get_rng_state(index) for index in range(device_count())]


def set_rng_state_all(new_states: Iterable[Any]) -> None:
    """Set the states of the random numbers of all cuda devices to those that `get_rng_state_all` gave.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.set_rng_state_all(nnlite.cuda.get_rng_state_all())
    """
    for index, state in enumerate(new_states):
        set_rng_state(state, index)


def _generator(number: int | None) -> rng.Generator:
    backend = _required()
    return rng.default_generator(backend, _index(backend, number))


def _found() -> Backend | None:
    """The backend where it can be used, else None."""
    if importlib.util.find_spec("cupy") is None:
        return None
    try:
        backend = backend_for("cuda")
    except DeviceUnavailableError:
        return None
    return backend if backend.unavailable_reason() is None else None


def _required() -> Backend:
    """The backend.

    Raises:
        DeviceUnavailableError: it cannot be used; the message says why.
    """
    backend = backend_for("cuda")
    reason = backend.unavailable_reason()
    if reason is not None:
        raise DeviceUnavailableError(reason)
    return backend


def _number(where: Any) -> int | None:
    """The index in an int, a string or a device; None for the current device."""
    if where is None or (isinstance(where, int) and not isinstance(where, bool)):
        return where
    named = where if isinstance(where, _Device) else _Device(where)
    if named.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {named}")
    return named.index


def _index(backend: Backend, number: int | None) -> int:
    """The index of a device that exists."""
    if number is None or number < 0:
        return backend.current_index() or 0
    count = backend.device_count()
    if number >= count:
        raise DeviceUnavailableError(
            f"device 'cuda:{number}' does not exist: this machine has {count} cuda device{'s' if count != 1 else ''}"
        )
    return number


from .graphs import (  # noqa: E402
    CompiledStep,
    CUDAGraph,
    compile_step,
    graph,
    graph_pool_handle,
    is_current_stream_capturing,
    make_graphed_callables,
)
from .memory import (  # noqa: E402 - needs what stands above
    empty_cache,
    get_per_process_memory_fraction,
    ipc_collect,
    max_memory_allocated,
    max_memory_cached,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_cached,
    memory_reserved,
    memory_snapshot,
    memory_stats,
    memory_stats_as_nested_dict,
    memory_summary,
    reset_accumulated_memory_stats,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_memory_stats,
    set_per_process_memory_fraction,
)
from .more import (  # noqa: E402
    can_device_access_peer,
    device_of,
    get_arch_list,
    get_gencode_flags,
    init,
    is_tf32_supported,
)

has_half = has_magma = True
_SUBMODULES = ("amp", "nvtx", "random")
_TYPED = {"BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short"}
"""What begins the names of typed constructors."""


_REFUSED = {
    **dict.fromkeys(("clock_rate", "device_memory_used", "list_gpu_processes", "memory_usage", "power_draw",
                     "temperature", "utilization"), "nvidia-smi tells it"),
    **dict.fromkeys(("CUDAPluggableAllocator", "MemPool", "caching_allocator_alloc", "caching_allocator_delete",
                     "change_current_allocator", "use_mem_pool"), "the memory pool is CuPy's"),
    **dict.fromkeys(("cudart", "jiterator", "nccl", "tunable"),
                    "use CuPy's own functions"),
    **dict.fromkeys(("get_sync_debug_mode", "set_sync_debug_mode"), "the device `strict` counts and forbids waiting"),
}  # fmt: skip
"""Names that are refused -> what to use instead."""


def __getattr__(name: str) -> Any:
    if name in _REFUSED:
        made = globals()[name] = Unavailable(f"torch.cuda.{name}", _REFUSED[name])
        return made
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name.removesuffix("Tensor") in _TYPED and name not in _TYPED:
        return importlib.import_module("nnlite.typed").of_cuda(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
