"""Figures of the memory of CUDA devices. CuPy's pool tells what it holds and what is in use, and keeps no history."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

__all__ = [
    "get_per_process_memory_fraction",
    "ipc_collect",
    "max_memory_cached",
    "max_memory_reserved",
    "memory_cached",
    "memory_snapshot",
    "memory_stats",
    "memory_summary",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_memory_stats",
    "set_per_process_memory_fraction",
]


def _allocated(device: Any) -> int:
    from . import memory_allocated

    return memory_allocated(device)


def _reserved(device: Any) -> int:
    from . import memory_reserved

    return memory_reserved(device)


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that the pool held since the last ``empty_cache``: what it holds now, for it only grows.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.max_memory_reserved() == nnlite.cuda.memory_reserved()
        True
    """
    return _reserved(device)


def memory_cached(device: Any = None) -> int:
    """The older name of ``memory_reserved``."""
    return _reserved(device)


def max_memory_cached(device: Any = None) -> int:
    """The older name of ``max_memory_reserved``."""
    return _reserved(device)


def memory_stats(device: Any = None) -> OrderedDict[str, int]:
    """The figures that there are, under PyTorch's names; none without CUDA.

    Example:
        >>> import nnlite
        >>> len(nnlite.cuda.memory_stats()) > 0 if nnlite.cuda.is_available() else True
        True
    """
    from . import is_available

    if not is_available():
        return OrderedDict()
    return OrderedDict({
        "allocated_bytes.all.current": _allocated(device),
        "reserved_bytes.all.current": _reserved(device),
        "reserved_bytes.all.peak": _reserved(device),
    })  # fmt: skip


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The figures as text."""
    return (f"CUDA memory: {_allocated(device) / 1024**2:.1f} MiB in tensors, "
            f"{_reserved(device) / 1024**2:.1f} MiB in the pool\n")  # fmt: skip


def memory_snapshot(*args: Any, **kwargs: Any) -> list[Any]:
    """The segments of PyTorch's allocator: none."""
    return []


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing: no peak is kept. ``empty_cache`` is what starts ``max_memory_reserved`` anew."""


def reset_max_memory_allocated(device: Any = None) -> None:
    """Nothing, as ``reset_peak_memory_stats``."""


def reset_max_memory_cached(device: Any = None) -> None:
    """Nothing, as ``reset_peak_memory_stats``."""


def reset_accumulated_memory_stats(device: Any = None) -> None:
    """Nothing: nothing is counted."""


def ipc_collect() -> None:
    """Nothing: memory of devices is not shared between processes."""


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Let the pool take no more than this part of the device's memory.

    Raises:
        ValueError: ``fraction`` is not between 0 and 1. TypeError: it is no float.
        DeviceUnavailableError: there is no such device.
    """
    if not isinstance(fraction, float):
        raise TypeError("Invalid type for fraction argument, must be `float`")
    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    from . import _index, _number, _required

    number = _number(device)
    backend: Any = _required()
    backend.limit_memory(fraction, _index(backend, number))


def get_per_process_memory_fraction(device: Any = None) -> float:
    """The part of the device's memory that the pool may take; 1 unless it was set.

    Raises:
        DeviceUnavailableError: there is no such device.
    """
    from . import _index, _number, _required

    number = _number(device)
    backend: Any = _required()
    return backend.memory_limit(_index(backend, number))
