"""Names of PyTorch's preparation of models for phones, which are not offered."""

from __future__ import annotations

from .._unavailable import module_getattr

__getattr__ = module_getattr(
    __name__,
    ("LintCode", "MobileOptimizerType", "generate_mobile_module_lints", "optimize_for_mobile"),
    "export the model with nnlite.onnx.export",
)
