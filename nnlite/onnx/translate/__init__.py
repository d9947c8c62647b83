"""One function for each operation: which nodes stand for it.

``TRANSLATIONS[name](c)`` writes the nodes of one call and returns the names of its results; ``c`` is a
:class:`~nnlite.onnx._context.Context`. An operation that is not here is taken apart into those that its own body is
made of, where that works (``_recording.py``).
"""

from __future__ import annotations

from . import attention, elementwise, indexing, layers, pooling, recurrent, reductions, shapes
from ._table import TRANSLATIONS

__all__ = [
    "TRANSLATIONS",
    "attention",
    "elementwise",
    "indexing",
    "layers",
    "pooling",
    "recurrent",
    "reductions",
    "shapes",
]
