"""The differentiable operations, by family. Importing this package defines them all."""

from __future__ import annotations

from . import (
    activation,
    arithmetic,
    complex,
    cross_entropy,
    dropout,
    elementwise,
    embedding,
    formulas,
    index,
    linalg,
    loss,
    parts,
    products,
    recurrent,
    reduce,
    reshaped,
    scatter,
    shape,
    stacking,
    transfer,
)
from ._public import FUNCTIONS, METHODS

__all__ = [
    "FUNCTIONS",
    "METHODS",
    "activation",
    "arithmetic",
    "complex",
    "cross_entropy",
    "dropout",
    "elementwise",
    "embedding",
    "formulas",
    "index",
    "linalg",
    "loss",
    "parts",
    "products",
    "recurrent",
    "reduce",
    "reshaped",
    "scatter",
    "shape",
    "stacking",
    "transfer",
]
