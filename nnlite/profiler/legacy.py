"""``torch.autograd.profiler``: the older names of the profiler."""

from __future__ import annotations

from typing import Any

from ._record import record_function
from ._table import EventList, FunctionEventAvg
from .profiler import ProfilerActivity
from .profiler import profile as _profile

__all__ = ["EventList", "FunctionEventAvg", "emit_itt", "emit_nvtx", "profile", "record_function"]


class profile(_profile):
    """The profiler with the arguments of ``torch.autograd.profiler.profile``.

    Example:
        >>> import nnlite
        >>> with nnlite.autograd.profiler.profile() as p:
        ...     y = nnlite.ones(3) + 1
        >>> "aten::add" in [row.key for row in p.key_averages()]
        True
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cpu: bool = True,
        use_device: str | None = None,
        use_cuda: bool = False,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        **options: Any,
    ) -> None:
        device = use_cuda or use_device is not None
        super().__init__(
            activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device else [])],
            record_shapes=record_shapes,
            profile_memory=profile_memory,
            with_stack=with_stack,
        )
        self.enabled = enabled

    def __enter__(self) -> Any:
        return super().__enter__() if self.enabled else self

    def __exit__(self, *exc: Any) -> None:
        if self.enabled:
            super().__exit__(*exc)

    def table(self, **options: Any) -> str:
        """The table of ``key_averages()``."""
        return self.key_averages().table(**options)

    def total_average(self) -> FunctionEventAvg:
        """All events as one."""
        return self.key_averages().total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """The time in all operations, in microseconds."""
        return self.key_averages().self_cpu_time_total


class emit_nvtx:
    """Not offered: CuPy marks its own ranges."""

    def __init__(self, *args: Any, **options: Any) -> None:
        raise NotImplementedError("emit_nvtx() is not implemented; use cupyx.profiler.time_range around the code, or "
                                  "nnlite.profiler.profile")  # fmt: skip


emit_itt = emit_nvtx
