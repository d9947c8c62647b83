"""The older names of :mod:`nnlite.amp` for CUDA."""

from __future__ import annotations

import functools
from typing import Any

from .. import amp as _amp
from .._core.dtypes import dtype as _Dtype
from .._core.dtypes import float16
from .._core.warn import warn

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


def _deprecated(name: str) -> None:
    warn(
        f"`torch.cuda.amp.{name}(args...)` is deprecated. Please use `torch.amp.{name}('cuda', args...)` instead.",
        FutureWarning,
    )


class autocast(_amp.autocast):
    """The older form of ``nnlite.autocast("cuda")``."""

    def __init__(self, enabled: bool = True, dtype: _Dtype = float16, cache_enabled: bool = True) -> None:
        _deprecated("autocast")
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(_amp.GradScaler):
    """The older form of ``nnlite.amp.GradScaler("cuda")``."""

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _deprecated("GradScaler")
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


def custom_fwd(fwd: Any = None, *, cast_inputs: _Dtype | None = None) -> Any:
    """The older form of ``nnlite.amp.custom_fwd(device_type="cuda")``."""
    _deprecated("custom_fwd")
    return functools.partial(_amp.custom_fwd, device_type="cuda")(fwd, cast_inputs=cast_inputs)


def custom_bwd(bwd: Any) -> Any:
    """The older form of ``nnlite.amp.custom_bwd(device_type="cuda")``."""
    _deprecated("custom_bwd")
    return _amp.custom_bwd(bwd, device_type="cuda")
