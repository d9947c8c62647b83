"""The older names of :mod:`nnlite.amp` for the CPU."""

from __future__ import annotations

from .. import amp as _amp
from .._core.dtypes import bfloat16
from .._core.dtypes import dtype as _Dtype
from .._core.warn import warn

__all__ = ["GradScaler", "autocast"]


def _deprecated(name: str) -> None:
    warn(
        f"`torch.cpu.amp.{name}(args...)` is deprecated. Please use `torch.amp.{name}('cpu', args...)` instead.",
        FutureWarning,
    )


class autocast(_amp.autocast):
    """The older form of ``nnlite.autocast("cpu")``."""

    def __init__(self, enabled: bool = True, dtype: _Dtype = bfloat16, cache_enabled: bool = True) -> None:
        _deprecated("autocast")
        super().__init__("cpu", dtype, enabled, cache_enabled)


class GradScaler(_amp.GradScaler):
    """The older form of ``nnlite.amp.GradScaler("cpu")``."""

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _deprecated("GradScaler")
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
