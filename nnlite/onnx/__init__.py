"""Export of models to the ONNX format, through the package ``onnx`` (``pip install "nnlite-framework[onnx]"``)."""

from __future__ import annotations

from . import errors
from ._export import OperatorExportTypes, TrainingMode, export, is_in_onnx_export
from ._program import ONNXProgram
from .errors import DynamicSizeError, OnnxExporterError, TracerWarning, UnsupportedOperatorError

__all__ = [
    "DynamicSizeError",
    "ONNXProgram",
    "OnnxExporterError",
    "OperatorExportTypes",
    "TracerWarning",
    "TrainingMode",
    "UnsupportedOperatorError",
    "errors",
    "export",
    "is_in_onnx_export",
]
