"""Names of PyTorch's exported programs, which are not offered."""

from __future__ import annotations

from ._unavailable import module_getattr

__getattr__ = module_getattr(
    __name__,
    ("Dim", "ExportedProgram", "ModuleCallSignature", "ShapesCollection", "default_decompositions",
     "draft_export", "export", "export_for_training", "load", "register_dataclass", "save", "unflatten"),
    "save a state_dict with nnlite.save, or export the model with nnlite.onnx.export",
)  # fmt: skip
