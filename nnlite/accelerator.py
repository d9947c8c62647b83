"""The accelerator of this machine, whatever it is: CUDA, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import cuda
from ._core.device import device as _Device

__all__ = [
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "empty_host_cache",
    "get_device_capability",
    "get_memory_info",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_accumulated_memory_stats",
    "reset_peak_memory_stats",
    "set_device_idx",
    "set_device_index",
    "set_stream",
    "synchronize",
]


def is_available() -> bool:
    """Whether there is one.

    Example:
        >>> import nnlite
        >>> device = nnlite.accelerator.current_accelerator() if nnlite.accelerator.is_available() else "cpu"
    """
    return cuda.is_available()


def device_count() -> int:
    """How many there are.

    Example:
        >>> import nnlite
        >>> nnlite.accelerator.device_count() == nnlite.cuda.device_count()
        True
    """
    return cuda.device_count()


def current_accelerator(check_available: bool = False) -> _Device | None:
    """The accelerator as a device without an index; None where there is none."""
    return _Device("cuda") if cuda.is_available() else None


def _number(device: Any) -> int | None:
    """The index in what names a device of the accelerator.

    Raises:
        RuntimeError: there is no accelerator. ValueError: the device is of another type.
    """
    if not cuda.is_available():
        raise RuntimeError("Cannot access accelerator device when none is available. "
                           "Ask nnlite.accelerator.is_available() first.")  # fmt: skip
    if device is None or isinstance(device, int):
        return device
    named = device if isinstance(device, _Device) else _Device(device)
    if named.type != "cuda":
        raise ValueError(f"{named.type} doesn't match the current accelerator cuda.")
    return named.index


def current_device_index() -> int:
    """The index of the current device.

    Raises:
        RuntimeError: there is no accelerator.
    """
    _number(None)
    return cuda.current_device()


def set_device_index(device: Any, /) -> None:
    """Make a device the current one.

    Raises:
        RuntimeError: there is no accelerator. ValueError: the device is of another type.
    """
    number = _number(device)
    if number is not None:
        cuda.set_device(number)


current_device_idx = current_device_index
set_device_idx = set_device_index


class device_index(cuda.device):
    """A context in which another device is the current one; None changes nothing."""

    def __init__(self, device: int | None, /) -> None:
        super().__init__(device)


def synchronize(device: Any = None, /) -> None:
    """Wait until the device has done all work it was given.

    Raises:
        RuntimeError: there is no accelerator.
    """
    cuda.synchronize(_number(device))


def current_stream(device: Any = None, /) -> Any:
    """The current stream.

    Raises:
        RuntimeError: there is no accelerator.
    """
    return cuda.current_stream(_number(device))


def set_stream(stream: Any) -> None:
    """Make a stream the current one.

    Raises:
        RuntimeError: there is no accelerator.
    """
    _number(None)
    cuda.set_stream(stream)


def empty_cache() -> None:
    """Give unused memory back to the device; nothing happens without one."""
    cuda.empty_cache()


def _figure(ask: Callable[[Any], Any], name: str, doc: str) -> Callable[..., Any]:
    def figure(device_index: Any = None, /) -> Any:
        return ask(_number(device_index))

    figure.__name__ = figure.__qualname__ = name
    figure.__doc__ = f"{doc}\n\n    Raises:\n        RuntimeError: there is no accelerator.\n"
    return figure


get_memory_info = _figure(cuda.mem_get_info, "get_memory_info", "Free and total bytes of the device.")
memory_allocated = _figure(cuda.memory_allocated, "memory_allocated", "Bytes that tensors hold.")
memory_reserved = _figure(cuda.memory_reserved, "memory_reserved", "Bytes that the memory pool holds.")
memory_stats = _figure(cuda.memory_stats, "memory_stats", "Figures of the memory pool by name.")
max_memory_allocated = _figure(cuda.max_memory_allocated, "max_memory_allocated", "See ``nnlite.cuda``.")
max_memory_reserved = _figure(cuda.max_memory_reserved, "max_memory_reserved", "See ``nnlite.cuda``.")
reset_peak_memory_stats = _figure(cuda.reset_peak_memory_stats, "reset_peak_memory_stats", "See ``nnlite.cuda``.")
get_device_capability = _figure(cuda.get_device_capability, "get_device_capability", "See ``nnlite.cuda``.")
reset_accumulated_memory_stats = _figure(
    cuda.reset_accumulated_memory_stats, "reset_accumulated_memory_stats", "See ``nnlite.cuda``."
)


def empty_host_cache() -> None:
    """Nothing: no memory of the host is kept."""
