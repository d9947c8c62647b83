"""Device types of PyTorch that there is no backend for, through the interface of ``nnlite.cuda``."""

from __future__ import annotations

import sys
from typing import Any

from ._unavailable import Unavailable

_NEED_A_DEVICE = {
    "Event", "Stream", "StreamContext", "compile_shader", "current_allocated_memory", "current_device",
    "current_stream", "device", "device_of", "driver_allocated_memory", "get_device_capability", "get_device_name",
    "get_device_properties", "get_rng_state", "get_rng_state_all", "init", "initial_seed", "mem_get_info",
    "memory_stats", "profiler", "recommended_max_memory", "set_device", "set_per_process_memory_fraction",
    "set_rng_state", "set_rng_state_all", "set_stream", "stream", "synchronize",
}  # fmt: skip


class AbsentDevice:
    """The answers about a device type that there is none of: no, none, and errors for what needs one."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def is_available(self, *args: Any) -> bool:
        """False: there are no such devices."""
        return False

    def device_count(self, *args: Any) -> int:
        """0: there are no such devices, and nothing is on them."""
        return 0

    def nothing(self, *args: Any) -> None:
        """Nothing: there are no such devices."""

    def missing(self, module: str, name: str) -> Any:
        """What stands for a function that needs a device: an object that raises NotImplementedError when called."""
        if name not in _NEED_A_DEVICE:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        made = Unavailable(f"torch.{self.kind}.{name}", f"there is no {self.kind} device; nnlite has cpu and cuda")
        setattr(sys.modules[module], name, made)
        return made
