"""LSTM and GRU over sequences: a step is one product and one launch, which has all that lies between the products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..kernels import kernel
from .geometry import FLOATS
from .launch import THREADS, blocks_for
from .overrides import OVERRIDES
from .reductions import sum as total

Sizes = tuple[int, ...]
Span = tuple[int, int]


def _fit(x: Any, *others: Any) -> bool:
    """Arrays of one dtype that there are kernels for, or None."""
    return x.dtype.name in FLOATS and x.size > 0 and all(a is None or a.dtype == x.dtype for a in others)


def _wide(x: Any) -> Any:
    """The dtype of gates and of states that are carried on."""
    return np.float64 if x.dtype.name == "float64" else np.float32


def _steps(sizes: Sizes, reverse: bool) -> list[tuple[Span, Span]]:
    """The rows of each step and of the one before it, (0, 0) for none, in the order in which they are computed."""
    ends = np.cumsum(sizes).tolist()
    spans = [(end - size, end) for size, end in zip(sizes, ends, strict=True) if size]
    if reverse:
        spans.reverse()
    return list(zip(spans, [(0, 0), *spans[:-1]], strict=True))


class _Scan:
    """What the steps of one layer share.

    Args:
        h: the states of all sequences at first.
        gates: how many each unit has.
    """

    def __init__(self, gpu: Any, x: Any, h: Any, gates: int) -> None:
        self.gpu, self.xp, self.kind, self.wide = gpu, gpu.xp, x.dtype, _wide(x)
        self.rows, (self.sequences, self.units) = x.shape[0], h.shape
        self.gates = gates

    def made(self, width: int, dtype: Any = None) -> Any:
        """An array for all steps, of so many numbers a unit."""
        return self.xp.empty((self.rows, width * self.units), self.kind if dtype is None else dtype)

    def straight(self, a: Any) -> Any:
        """An array without gaps; None stays."""
        return None if a is None else self.xp.ascontiguousarray(a)

    def copy(self, a: Any, dtype: Any = None) -> Any:
        """A new array, without gaps, to be written."""
        out = self.xp.empty(a.shape, a.dtype if dtype is None else dtype)
        out[...] = a
        return out

    def start(self, function: str, rows: int, *arguments: Any) -> None:
        """One launch for so many rows."""
        blocks = blocks_for(rows * self.units)
        self.gpu.launch("recurrent", function, blocks, THREADS, *arguments, rows, self.units, T=self.kind)

    def forward(self, sizes: Sizes, reverse: bool, h: Any, weight: Any) -> Iterator[tuple[int, int, int, Any]]:
        """For each step its rows (begin, end, count) and h W_hh^T of the sequences that have it."""
        room = self.xp.empty((self.sequences, self.gates * self.units), self.kind)
        for (begin, end), _ in _steps(sizes, reverse):
            count = end - begin
            yield begin, end, count, self.xp.matmul(h[:count], weight.T, out=room[:count])

    def sums(self, g: Any, a: Any, bias: Any) -> tuple[Any, Any]:
        """The gradients of a weight, whose products with ``a`` all steps have, and of its bias."""
        of_bias = None if bias is None else total(self.gpu, g, axis=0, keepdims=False)
        return self.xp.matmul(g.T, a), of_bias


def _takes_lstm(
    x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, *, sizes: Sizes, reverse: bool
) -> bool:
    return w_hr is None and _fit(x, h, c, w_ih, w_hh, b_ih, b_hh) and h.size > 0


@kernel("lstm_scan", table=OVERRIDES, when=_takes_lstm)
def lstm_scan(
    gpu: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, *, sizes: Sizes,
    reverse: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """c is carried on in float32."""
    scan = _Scan(gpu, x, h, 4)
    inputs = gpu.xp.matmul(x, w_ih.T)
    gates, cells, out = scan.made(4, scan.wide), scan.made(1, scan.wide), scan.made(1)
    h, state = scan.copy(h), scan.copy(c, scan.wide)
    biases = scan.straight(b_ih), scan.straight(b_hh)
    for begin, end, count, product in scan.forward(sizes, reverse, h, w_hh):
        made = gates[begin:end], cells[begin:end], out[begin:end]
        scan.start("lstm_step", count, inputs[begin:end], product, *biases, h, state, *made)
    return out, h, state.astype(c.dtype, copy=False), gates, cells


def _takes_lstm_gradient(
    g_out: Any, g_h: Any, g_c: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any,
    out: Any, gates: Any, cells: Any, *, sizes: Sizes, reverse: bool, wanted: bool,
) -> bool:  # fmt: skip
    kept = gates.dtype == cells.dtype == _wide(x)
    return kept and w_hr is None and _fit(x, h, c, w_ih, w_hh, b_ih, b_hh, out, g_out, g_h, g_c) and h.size > 0


@kernel("lstm_scan_gradient", table=OVERRIDES, when=_takes_lstm_gradient)
def lstm_scan_gradient(
    gpu: Any, g_out: Any, g_h: Any, g_c: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any,
    w_hr: Any, out: Any, gates: Any, cells: Any, *, sizes: Sizes, reverse: bool, wanted: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """As many launches and products as forward, and the products of all steps at once."""
    xp, scan = gpu.xp, _Scan(gpu, x, h, 4)
    g_gates, h_before = scan.made(4), scan.made(1)
    h, c, g_out, g_h, out, gates, cells = map(scan.straight, (h, c, g_out, g_h, out, gates, cells))
    down_h = xp.empty(h.shape, h.dtype)
    down_c = xp.zeros(h.shape, scan.wide) if g_c is None else scan.copy(g_c, scan.wide)
    later = 0
    for (begin, end), (first, last) in reversed(_steps(sizes, reverse)):
        count, before = end - begin, last - first
        states = cells[first:last] if before else None, c, out[first:last] if before else None, h, before
        above = down_h, g_h, None if g_out is None else g_out[begin:end], later
        made = down_c, g_gates[begin:end], h_before[begin:end]
        scan.start("lstm_step_gradient", count, gates[begin:end], cells[begin:end], *states, *above, *made)
        xp.matmul(g_gates[begin:end], w_hh, out=down_h[:count])
        later = count
    gw, gb = scan.sums(g_gates, x, b_ih)
    gu, gc = scan.sums(g_gates, h_before, None)[0], None if b_hh is None else xp.array(gb)
    gx = xp.matmul(g_gates, w_ih) if wanted else None
    return gx, down_h, down_c.astype(c.dtype, copy=False), gw, gu, gb, gc, None


def _takes_gru(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, sizes: Sizes, reverse: bool) -> bool:
    return _fit(x, h, w_ih, w_hh, b_ih, b_hh) and h.size > 0


@kernel("gru_scan", table=OVERRIDES, when=_takes_gru)
def gru_scan(
    gpu: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, sizes: Sizes, reverse: bool
) -> tuple[Any, ...]:
    """h is carried on in float32."""
    scan = _Scan(gpu, x, h, 3)
    inputs = gpu.xp.matmul(x, w_ih.T)
    gates, inner, out = scan.made(3, scan.wide), scan.made(1, scan.wide), scan.made(1)
    h = scan.copy(h)
    state = h if h.dtype == scan.wide else scan.copy(h, scan.wide)
    biases = scan.straight(b_ih), scan.straight(b_hh)
    for begin, end, count, product in scan.forward(sizes, reverse, h, w_hh):
        made = gates[begin:end], inner[begin:end], out[begin:end]
        scan.start("gru_step", count, inputs[begin:end], product, *biases, state, h, *made)
    return out, h, gates, inner


def _takes_gru_gradient(
    g_out: Any, g_h: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, out: Any, gates: Any, inner: Any,
    *, sizes: Sizes, reverse: bool, wanted: bool,
) -> bool:  # fmt: skip
    kept = gates.dtype == inner.dtype == _wide(x)
    return kept and _fit(x, h, w_ih, w_hh, b_ih, b_hh, out, g_out, g_h) and h.size > 0


@kernel("gru_scan_gradient", table=OVERRIDES, when=_takes_gru_gradient)
def gru_scan_gradient(
    gpu: Any, g_out: Any, g_h: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, out: Any, gates: Any,
    inner: Any, *, sizes: Sizes, reverse: bool, wanted: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """As many launches and products as forward, and the products of all steps at once."""
    xp, scan = gpu.xp, _Scan(gpu, x, h, 3)
    g_hidden, g_inputs, h_before = scan.made(3), scan.made(3), scan.made(1)
    h, g_out, g_h, out, gates, inner = map(scan.straight, (h, g_out, g_h, out, gates, inner))
    product, direct = xp.empty(h.shape, h.dtype), xp.empty(h.shape, scan.wide)
    later = 0
    for (begin, end), (first, last) in reversed(_steps(sizes, reverse)):
        count, before = end - begin, last - first
        states = out[first:last] if before else None, h, before
        above = product, g_h, None if g_out is None else g_out[begin:end], later
        made = direct, g_hidden[begin:end], g_inputs[begin:end], h_before[begin:end]
        scan.start("gru_step_gradient", count, gates[begin:end], inner[begin:end], *states, *above, *made)
        xp.matmul(g_hidden[begin:end], w_hh, out=product[:count])
        later = count
    gw, gb = scan.sums(g_inputs, x, b_ih)
    gu, gc = scan.sums(g_hidden, h_before, b_hh)
    gx = xp.matmul(g_inputs, w_ih) if wanted else None
    return gx, (product + direct).astype(h.dtype, copy=False), gw, gu, gb, gc
