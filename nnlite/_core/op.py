"""How an operation is defined: a generic body, its vector-Jacobian product, and the call that records it.

``unary`` and ``binary`` make elementwise operations of a formula and its derivatives, ``op`` makes any other of a
function, ``in_place`` writes the result of one into its first input. This file gathers what ``nnlite/ops`` needs.
"""

from __future__ import annotations

from typing import Any

from . import operands
from .elementwise import binary, conjugate, unary, unbroadcast
from .in_place import in_place
from .operands import as_array, check_same_device, not_a_tensor
from .operation import OPS, OUT, Op, cast, op, recorded
from .tensor_base import TensorBase


def promote(name: str, x: Any, y: Any, to_float: bool = False) -> Any:
    """Both operands of a binary operation in their common dtype, numbers as they are; see ``operands.promote``."""
    return operands.promote(name, x, y, to_float, cast)


__all__ = [
    "OPS",
    "OUT",
    "Op",
    "TensorBase",
    "as_array",
    "binary",
    "cast",
    "check_same_device",
    "conjugate",
    "in_place",
    "not_a_tensor",
    "op",
    "promote",
    "recorded",
    "unary",
    "unbroadcast",
]
