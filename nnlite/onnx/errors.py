"""What the export raises and warns of."""

from __future__ import annotations

__all__ = ["DynamicSizeError", "OnnxExporterError", "TracerWarning", "UnsupportedOperatorError"]


class OnnxExporterError(RuntimeError):
    """The model cannot be written as it is."""


class UnsupportedOperatorError(OnnxExporterError, NotImplementedError):
    """The forward pass uses an operation that has no counterpart in the file's opset."""


class DynamicSizeError(OnnxExporterError):
    """A dimension was asked to be dynamic, and the forward pass does not follow it."""


class TracerWarning(UserWarning):
    """A value of this one forward pass becomes a constant of the file."""
