"""Names of quantised layers, which are not offered."""

from __future__ import annotations

from .._unavailable import module_getattr

__getattr__ = module_getattr(
    __name__,
    ("intrinsic", "qat", "quantizable", "quantized", "sparse"),
    "float32, float16 and bfloat16 are what there is; nnlite.amp gives mixed precision",
)  # fmt: skip
