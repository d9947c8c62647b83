"""The differentiable operations, by family. Importing this package defines them all."""

from __future__ import annotations

from . import arithmetic, elementwise, index, linalg, reduce, shape, transfer
from ._public import FUNCTIONS, METHODS

__all__ = ["FUNCTIONS", "METHODS", "arithmetic", "elementwise", "index", "linalg", "reduce", "shape", "transfer"]
