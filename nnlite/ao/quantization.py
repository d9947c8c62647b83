"""Names of quantised models, which are not offered."""

from __future__ import annotations

from .._unavailable import module_getattr

__getattr__ = module_getattr(
    __name__,
    ("DeQuantStub", "FakeQuantize", "HistogramObserver", "MinMaxObserver", "PlaceholderObserver", "QConfig",
     "QConfigMapping", "QuantStub", "QuantWrapper", "convert", "default_dynamic_qconfig", "default_qconfig",
     "float16_dynamic_qconfig", "fuse_modules", "fuse_modules_qat", "get_default_qat_qconfig",
     "get_default_qconfig", "get_default_qconfig_mapping", "per_channel_dynamic_qconfig", "prepare",
     "prepare_qat", "propagate_qconfig_", "quantize", "quantize_dynamic", "quantize_qat", "swap_module"),
    "float32, float16 and bfloat16 are what there is; nnlite.amp gives mixed precision",
)  # fmt: skip
