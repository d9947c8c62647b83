"""Intel's GPUs: there is no backend for them."""

from __future__ import annotations

from typing import Any

from ._absent import AbsentDevice

_device = AbsentDevice("xpu")

device_count = _device.device_count
empty_cache = _device.nothing
is_available = _device.is_available
is_initialized = _device.is_available
is_bf16_supported = _device.is_available
manual_seed = _device.nothing
manual_seed_all = _device.nothing
seed = _device.nothing
seed_all = _device.nothing
memory_allocated = _device.device_count
memory_reserved = _device.device_count
max_memory_allocated = _device.device_count
max_memory_reserved = _device.device_count
reset_peak_memory_stats = _device.nothing

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


def __getattr__(name: str) -> Any:
    return _device.missing(__name__, name)
