"""What the export raises and warns of."""

from __future__ import annotations

__all__ = ["DynamicSizeError", "OnnxExporterError", "TracerWarning", "UnsupportedOperatorError", "UntracedArrayError"]


class OnnxExporterError(RuntimeError):
    """The model cannot be written as it is."""


class UnsupportedOperatorError(OnnxExporterError, NotImplementedError):
    """The forward pass uses an operation that has no counterpart in the file's opset."""


class DynamicSizeError(OnnxExporterError):
    """A dimension was asked to be dynamic, and the forward pass does not follow it."""


class UntracedArrayError(OnnxExporterError, TypeError):
    """A result of the forward pass meets an array of which the export knows nothing."""


class TracerWarning(UserWarning):
    """A value of this one forward pass becomes a constant of the file."""
