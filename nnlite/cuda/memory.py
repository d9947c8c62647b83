"""Memory of CUDA devices: what tensors hold, what the memory pool holds, and the peaks of both.

All figures are bytes of CuPy's pool, which gives memory in steps of 512 bytes, as PyTorch's does. Peaks are exact: they
are taken at each allocation (``backends/cupy/memory.py``). Without CUDA they are 0.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ..backends.base import Backend
from ..backends.errors import amount

__all__ = [
    "empty_cache",
    "get_per_process_memory_fraction",
    "ipc_collect",
    "max_memory_allocated",
    "max_memory_cached",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_cached",
    "memory_reserved",
    "memory_snapshot",
    "memory_stats",
    "memory_stats_as_nested_dict",
    "memory_summary",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_memory_stats",
    "set_per_process_memory_fraction",
]


def _there(device: Any) -> tuple[Backend, int] | None:
    """The backend and the index of a device; None without CUDA."""
    from . import _found, _index, _number

    number, backend = _number(device), _found()
    return None if backend is None else (backend, _index(backend, number))


def _required(device: Any) -> tuple[Backend, int]:
    """The backend and the index of a device.

    Raises:
        DeviceUnavailableError: there is no such device.
    """
    from . import _index, _number, _required

    number = _number(device)
    backend = _required()
    return backend, _index(backend, number)


def memory_allocated(device: Any = None) -> int:
    """Bytes that tensors hold on the device (0 without CUDA).

    Example:
        >>> import nnlite
        >>> nnlite.cuda.memory_allocated() >= 0
        True
    """
    there = _there(device)
    return 0 if there is None else there[0].memory_allocated(there[1])


def memory_reserved(device: Any = None) -> int:
    """Bytes that the memory pool has taken from the device, in use or not (0 without CUDA).

    Example:
        >>> import nnlite
        >>> nnlite.cuda.memory_reserved() >= nnlite.cuda.memory_allocated()
        True
    """
    there = _there(device)
    return 0 if there is None else there[0].memory_reserved(there[1])


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that tensors held at one time since the program began, or since ``reset_peak_memory_stats``.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.reset_peak_memory_stats()
        >>> nnlite.cuda.max_memory_allocated() == nnlite.cuda.memory_allocated()
        True
    """
    return memory_stats(device).get("allocated_bytes.all.peak", 0)


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that the pool held since the program began, or since ``reset_peak_memory_stats``.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.max_memory_reserved() >= nnlite.cuda.memory_reserved()
        True
    """
    return memory_stats(device).get("reserved_bytes.all.peak", 0)


def memory_cached(device: Any = None) -> int:
    """The older name of ``memory_reserved``."""
    return memory_reserved(device)


def max_memory_cached(device: Any = None) -> int:
    """The older name of ``max_memory_reserved``."""
    return max_memory_reserved(device)


def memory_stats(device: Any = None) -> OrderedDict[str, int]:
    """The figures of the memory, by PyTorch's names, in alphabetical order; none without CUDA.

    There are ``allocated_bytes.all`` and ``active_bytes.all`` (``current``, ``peak``, ``allocated`` and ``freed`` in
    all), ``reserved_bytes.all`` (``current``, ``peak``), ``allocation.all.allocated`` (how many there were),
    ``num_alloc_retries`` (how often caches were emptied for an allocation) and ``num_ooms`` (how often that was not
    enough). CuPy's pool does not tell the rest: PyTorch's figures of its small and its large pool, and how many
    blocks are in use.

    Example:
        >>> import nnlite
        >>> len(nnlite.cuda.memory_stats()) > 0 if nnlite.cuda.is_available() else True
        True
    """
    there = _there(device)
    return OrderedDict() if there is None else OrderedDict(sorted(there[0].memory_stats(there[1]).items()))


def memory_stats_as_nested_dict(device: Any = None) -> dict[str, Any]:
    """``memory_stats`` with a dictionary for each part of a name.

    Example:
        >>> import nnlite
        >>> figures = nnlite.cuda.memory_stats_as_nested_dict()
        >>> peak = figures["allocated_bytes"]["all"]["peak"] if nnlite.cuda.is_available() else 0
    """
    nested: dict[str, Any] = {}
    for name, value in memory_stats(device).items():
        *path, last = name.split(".")
        inner = nested
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return nested


_ROWS = (("Allocated memory", "allocated_bytes"), ("Active memory", "active_bytes"),
         ("GPU reserved memory", "reserved_bytes"), ("Allocations", "allocation"))  # fmt: skip
_COLUMNS = (("Cur Usage", "current"), ("Peak Usage", "peak"), ("Tot Alloc", "allocated"), ("Tot Freed", "freed"))


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The figures of ``memory_stats`` as a table; what is not known is left empty.

    Args:
        device: the device, the current one unless given.
        abbreviated: accepted; there is one form.

    Example:
        >>> import nnlite
        >>> "Peak Usage" in nnlite.cuda.memory_summary()
        True
    """
    there = _there(device)
    stats = {} if there is None else there[0].memory_stats(there[1])
    place = "no device" if there is None else f"device ID {there[1]}"
    return table(stats, f"CUDA memory summary, {place}")


def table(stats: dict[str, int], title: str) -> str:
    """A table of the figures of ``memory_stats``.

    Example:
        >>> from nnlite.cuda.memory import table
        >>> print(table({"allocated_bytes.all.peak": 2048, "num_ooms": 1}, "Memory").splitlines()[7])
        | Allocated memory    |             |    2.00 KiB |             |             |
    """
    width = 79
    rule, double = "|" + "-" * (width - 2) + "|", "|" + "=" * (width - 2) + "|"
    counts = f"OOMs: {stats.get('num_ooms', 0):<10}| retried allocations: {stats.get('num_alloc_retries', 0)}"
    lines = [double, f"|{title:^{width - 2}}|", rule, f"|{counts:^{width - 2}}|", double,
             _row("Metric", [name for name, _ in _COLUMNS]), rule]  # fmt: skip
    for label, key in _ROWS:
        known = [stats.get(f"{key}.all.{column}") for _, column in _COLUMNS]
        lines.append(_row(label, ["" if v is None else f"{v}" if key == "allocation" else amount(v) for v in known]))
    return "\n".join([*lines, double]) + "\n"


def _row(label: str, cells: list[str]) -> str:
    return f"| {label:<20}|" + "|".join(f"{cell:>12} " for cell in cells) + "|"


def memory_snapshot(*args: Any, **kwargs: Any) -> list[Any]:
    """The segments of PyTorch's allocator: none, since the pool is CuPy's."""
    return []


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total bytes of the device, whoever uses it.

    Raises:
        DeviceUnavailableError: there is no such device.

    Example:
        >>> import nnlite
        >>> free, total = nnlite.cuda.mem_get_info() if nnlite.cuda.is_available() else (0, 0)
    """
    backend, index = _required(device)
    return backend.memory_info(index)


def empty_cache() -> None:
    """Give memory that the pool holds and no tensor uses back to the device; nothing happens without CUDA.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.empty_cache()
    """
    there = _there(None)
    if there is not None:
        there[0].empty_cache()


def reset_peak_memory_stats(device: Any = None) -> None:
    """Let the peaks begin anew, at what is in use now; nothing happens without CUDA.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.reset_peak_memory_stats()
    """
    there = _there(device)
    if there is not None:
        there[0].reset_peak_memory(there[1])


def reset_max_memory_allocated(device: Any = None) -> None:
    """The older name of ``reset_peak_memory_stats``."""
    reset_peak_memory_stats(device)


def reset_max_memory_cached(device: Any = None) -> None:
    """The older name of ``reset_peak_memory_stats``."""
    reset_peak_memory_stats(device)


def reset_accumulated_memory_stats(device: Any = None) -> None:
    """Let what ``memory_stats`` adds up (allocations, bytes, failures) begin anew; nothing happens without CUDA.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.reset_accumulated_memory_stats()
    """
    there = _there(device)
    if there is not None:
        there[0].reset_counted_memory(there[1])


def ipc_collect() -> None:
    """Nothing: memory of devices is not shared between processes."""


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Let tensors take no more than this part of the device's memory; more raises OutOfMemoryError.

    Raises:
        ValueError: ``fraction`` is not between 0 and 1. TypeError: it is no float.
        DeviceUnavailableError: there is no such device.

    Example:
        >>> import nnlite
        >>> if nnlite.cuda.is_available():
        ...     nnlite.cuda.set_per_process_memory_fraction(1.0)
    """
    if not isinstance(fraction, float):
        raise TypeError("Invalid type for fraction argument, must be `float`")
    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    backend, index = _required(device)
    backend.limit_memory(fraction, index)


def get_per_process_memory_fraction(device: Any = None) -> float:
    """The part of the device's memory that tensors may take; 1 unless it was set.

    Raises:
        DeviceUnavailableError: there is no such device.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.get_per_process_memory_fraction() if nnlite.cuda.is_available() else 1.0
        1.0
    """
    backend, index = _required(device)
    return backend.memory_limit(index)
