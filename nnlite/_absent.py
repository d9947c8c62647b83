"""Device types of PyTorch that there is no backend for, through the interface of ``nnlite.cuda``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._unavailable import module_getattr

__all__ = [
    "device_count",
    "empty_cache",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
]

_NEED_A_DEVICE = {
    "Event", "Stream", "StreamContext", "compile_shader", "current_allocated_memory", "current_device",
    "current_stream", "device", "device_of", "driver_allocated_memory", "get_device_capability", "get_device_name",
    "get_device_properties", "get_rng_state", "get_rng_state_all", "init", "initial_seed", "mem_get_info",
    "memory_stats", "profiler", "recommended_max_memory", "set_device", "set_per_process_memory_fraction",
    "set_rng_state", "set_rng_state_all", "set_stream", "stream", "synchronize",
}  # fmt: skip


def is_available(*args: Any) -> bool:
    """False: there are no such devices."""
    return False


def device_count(*args: Any) -> int:
    """0: there are no such devices, and nothing is on them."""
    return 0


def empty_cache(*args: Any) -> None:
    """Nothing: there are no such devices."""


is_initialized = is_bf16_supported = is_available
memory_allocated = memory_reserved = max_memory_allocated = max_memory_reserved = device_count
manual_seed = manual_seed_all = seed = seed_all = reset_peak_memory_stats = empty_cache


def missing(module: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of such a module: functions that need a device raise NotImplementedError when called."""
    kind = module.rpartition(".")[2]
    return module_getattr(module, _NEED_A_DEVICE, f"there is no {kind} device; nnlite has cpu and cuda")
