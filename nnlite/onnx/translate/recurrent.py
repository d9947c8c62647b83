"""Recurrent layers: one node for each layer and direction."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._context import Context
from .._sizes import merged_ints
from ..errors import OnnxExporterError
from ._table import translates

LSTM_GATES = (0, 3, 1, 2)
"""i, f, g, o in the order of ONNX: i, o, f, g."""

GRU_GATES = (1, 0, 2)
"""r, z, n in the order of ONNX: z, r, n."""


@translates("lstm_scan")
def _(c: Context) -> Any:
    if c.args[7] is not None:
        raise OnnxExporterError("an LSTM with a projection (proj_size) has no counterpart")
    return _layer(c, "LSTM", LSTM_GATES, states=2)


@translates("gru_scan")
def _(c: Context) -> Any:
    return _layer(c, "GRU", GRU_GATES, states=1, linear_before_reset=1)


@translates("rnn_scan")
def _(c: Context) -> Any:
    return _layer(c, "RNN", (0,), states=1, activations=["Relu" if c["relu"] else "Tanh"])


def _layer(c: Context, node: str, gates: tuple[int, ...], states: int, **attributes: Any) -> list[str]:
    """The input lies step by step: time and batch are one axis."""
    time, batch = _steps(c)
    features, hidden = c.shape(0)[-1], int(c.shape(1)[-1])
    x = c.op("Reshape", c.x(0), c.ints([time, batch, features] if isinstance(batch, int) else [time, -1, features]))
    weights = [_ordered(c, 1 + states + i, gates, hidden) for i in range(2)]
    front = c.ints([0])
    biases = ""
    if c.args[3 + states] is not None:
        both = [_ordered(c, 3 + states + i, gates, hidden) for i in range(2)]
        biases = c.op("Unsqueeze", c.op("Concat", *both, axis=0), front)
    starts = [c.op("Unsqueeze", c.x(1 + i), front) for i in range(states)]
    made = c.op(
        node, x, *(c.op("Unsqueeze", w, front) for w in weights), biases, "", *starts, outputs=1 + states,
        hidden_size=hidden, direction="reverse" if c["reverse"] else "forward", **attributes,
    )  # fmt: skip
    out = c.op("Reshape", c.op("Squeeze", made[0], c.ints([1])), c.ints([-1, hidden]))
    return [out, *(c.op("Squeeze", last, front) for last in made[1:])]


def _steps(c: Context) -> tuple[Any, Any]:
    """The number of steps and of sequences."""
    found = c.each("sizes")
    if any(n != sizes[0] for sizes in found for n in sizes):
        raise OnnxExporterError(
            "sequences of unequal lengths (a PackedSequence) have no counterpart; pass the padded batch to the layer"
        )
    return merged_ints([len(sizes) for sizes in found]), merged_ints([sizes[0] for sizes in found])


def _ordered(c: Context, position: int, gates: tuple[int, ...], hidden: int) -> str:
    """The rows of a weight or bias in the order of ONNX."""
    name = c.x(position)
    if gates == tuple(range(len(gates))):
        return name
    rows = np.concatenate([np.arange(gate * hidden, (gate + 1) * hidden) for gate in gates])
    return str(c.op("Gather", name, c.graph.constant(rows), axis=0))
