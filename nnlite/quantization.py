"""Names of quantised models, which are not offered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._unavailable import module_getattr

_NAMES = (
    "DeQuantStub", "FakeQuantize", "HistogramObserver", "MinMaxObserver", "PlaceholderObserver", "QConfig",
    "QConfigMapping", "QuantStub", "QuantWrapper", "convert", "default_dynamic_qconfig", "default_qconfig",
    "float16_dynamic_qconfig", "fuse_modules", "fuse_modules_qat", "get_default_qat_qconfig",
    "get_default_qconfig", "get_default_qconfig_mapping", "per_channel_dynamic_qconfig", "prepare",
    "prepare_qat", "propagate_qconfig_", "quantize", "quantize_dynamic", "quantize_qat", "swap_module",
)  # fmt: skip


def _refusing(module: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module with these names."""
    instead = "float32, float16 and bfloat16 are what there is; nnlite.amp gives mixed precision"
    return module_getattr(module, _NAMES, instead)


__getattr__ = _refusing(__name__)
