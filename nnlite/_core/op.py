"""How an operation is defined: a generic body, its vector-Jacobian product, and the call that records it.

``unary`` and ``binary`` make elementwise operations of a formula and its derivatives, ``op`` makes any other of a
function, ``in_place`` writes the result of one into its first input. This file gathers what ``nnlite/ops`` needs.
"""

from __future__ import annotations

from .elementwise import binary, unary, unbroadcast
from .in_place import in_place
from .operands import as_array, check_same_device, not_a_tensor, promote
from .operation import OPS, OUT, Op, cast, op, recorded
from .tensor_base import TensorBase

__all__ = [
    "OPS",
    "OUT",
    "Op",
    "TensorBase",
    "as_array",
    "binary",
    "cast",
    "check_same_device",
    "in_place",
    "not_a_tensor",
    "op",
    "promote",
    "recorded",
    "unary",
    "unbroadcast",
]
