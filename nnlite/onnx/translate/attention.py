"""Scaled dot product attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._context import Context
from .._graph import tensor_type
from .._sizes import Dim
from ..errors import OnnxExporterError
from ._table import translates


@translates("attention")
def _(c: Context) -> Any:
    """softmax(scale q k^T + mask) v; a row that sees no key gives 0."""
    if c["dropout"]:
        raise OnnxExporterError("attention with dropout has no counterpart; export in evaluation mode")
    q, k, v = (c.x(i) for i in range(3))
    turned = c.op("Transpose", k, perm=[0, 1, 3, 2])
    scores = c.op("MatMul", c.op("Mul", q, c.const(c["scale"])), turned)
    barred = []
    if c["causal"]:
        scores = c.op("Add", scores, _causal(c))
    if c.args[3] is not None:
        mask = c.x(3)
        if c.dtype(3) == np.bool_:
            mask = c.op("Where", mask, c.const(0), c.const(-math.inf))
        scores = c.op("Add", scores, mask)
        top = c.op("ReduceMax", scores, c.ints([-1]), keepdims=1)
        barred.append(c.op("Equal", top, c.const(-math.inf)))
    weights = c.op("Softmax", scores, axis=-1)
    if barred:
        weights = c.op("Where", barred[0], c.const(0), weights)
    return [c.op("MatMul", weights, v)]


def _causal(c: Context) -> str:
    """-inf where a key comes after the query."""
    queries, keys = c.shape(0)[2], c.shape(1)[2]
    if not isinstance(queries, Dim) and not isinstance(keys, Dim):
        later = np.triu(np.full((queries, keys), -math.inf), 1)
        return c.const(later)
    shape = c.ints([queries, keys])
    full = c.op("ConstantOfShape", shape, value=_minus_infinity(c.kind))
    return str(c.op("Trilu", full, c.graph.constant(np.int64(1)), upper=1))


def _minus_infinity(dtype: Any) -> Any:
    from onnx import helper

    return helper.make_tensor("value", tensor_type(dtype), [1], [-math.inf])
