"""Specs of the recurrent layers: one direction of one layer, with equal lengths and packed."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from nnlite.ops.recurrent import SCANS
from nnlite.ops.recurrent.layers import _stack_one

from .base import FLOATS, OpSpec, Sample, normal, of

SIZES = ((2, 2), (3, 1), (1,))


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def samples(kind: str, rng: np.random.Generator) -> list[Sample]:
    """Equal lengths, packed, one step; both directions; with and without biases; with a projection."""
    found = []
    gates = {"lstm": 4, "gru": 3}.get(kind, 1)
    for number, sizes in enumerate(SIZES):
        batch, hidden = sizes[0], 2
        projection = 1 if kind == "lstm" and number == 1 else 0
        states = [normal(rng, batch, projection or hidden)]
        if kind == "lstm":
            states.append(normal(rng, batch, hidden))
        weights = [normal(rng, gates * hidden, 2) / 2, normal(rng, gates * hidden, projection or hidden) / 2]
        biases = [normal(rng, gates * hidden), normal(rng, gates * hidden)] if number != 2 else [None, None]
        last = normal(rng, projection, hidden) if projection else None
        arrays = [normal(rng, sum(sizes), 2), *states, *weights, *biases, last]
        found.append(of(*arrays, sizes=sizes, reverse=number % 2 == 1))
    return found


def call(kind: str, *arrays: Any, sizes: tuple[int, ...], reverse: bool) -> Any:
    return SCANS[kind](*arrays[:-5], weights=arrays[-5:], sizes=sizes, reverse=reverse)


def reference(kind: str, x: Any, *arrays: Any, sizes: tuple[int, ...], reverse: bool) -> Any:
    """One sequence after the other."""
    *states, w_ih, w_hh, b_ih, b_hh, w_hr = arrays
    starts = np.cumsum((0, *sizes))
    out = np.zeros((len(x), states[0].shape[1]))
    lasts = [state.copy() for state in states]
    for k in range(sizes[0]):
        rows = [starts[t] + k for t in range(len(sizes)) if sizes[t] > k]
        for row in rows[::-1] if reverse else rows:
            given = w_ih @ x[row] + (0 if b_ih is None else b_ih)
            inner = w_hh @ lasts[0][k] + (0 if b_hh is None else b_hh)
            new = CELLS[kind](given, inner, *(last[k] for last in lasts))
            if w_hr is not None:
                new = (w_hr @ new[0], new[1])
            for last, value in zip(lasts, new, strict=True):
                last[k] = value
            out[row] = new[0]
    return out, *lasts


def lstm_cell(x: Any, inner: Any, h: Any, c: Any) -> Any:
    i, f, g, o = np.split(x + inner, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_cell(x: Any, inner: Any, h: Any) -> Any:
    (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(x, 3), np.split(inner, 3)
    z = sigmoid(x_z + h_z)
    return ((1 - z) * np.tanh(x_n + sigmoid(x_r + h_r) * h_n) + z * h,)


CELLS: dict[str, Any] = {
    "lstm": lstm_cell,
    "gru": gru_cell,
    "rnn_tanh": lambda x, inner, h: (np.tanh(x + inner),),
    "rnn_relu": lambda x, inner, h: (np.maximum(x + inner, 0),),
}

SPECS = [
    OpSpec(
        f"{kind.split('_')[0]}_scan",
        functools.partial(call, kind),
        functools.partial(samples, kind),
        functools.partial(reference, kind),
        title=kind,
        covers=(f"{kind.split('_')[0]}_scan_gradient",),
        dtypes=FLOATS,
        loose=10,
        layouts=False,
    )
    for kind in CELLS
]
SPECS.append(
    OpSpec(
        "stack_one",
        _stack_one,
        lambda rng: [of(normal(rng, 3, 2)), of(normal(rng, 1, 4))],
        lambda x: x[None],
        dtypes=FLOATS,
    )
)
