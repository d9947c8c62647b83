"""Long short-term memory (Hochreiter and Schmidhuber, 1997; projection: Sak et al., 2014).

    i, f, o = sigmoid(W_ih x + b_ih + W_hh h + b_hh),  g = tanh(...)
    c' = f c + i g,  h' = o tanh(c'), or W_hr (o tanh(c')) with a projection

The rows of the weights are those of i, f, g and o.
"""

from __future__ import annotations

from typing import Any

from ..._core.op import op
from ..linalg.matmul import linear
from ..pointwise.elementwise import sigmoid, tanh
from ..shape.views import chunk
from ._products import gradients, narrow, products, start, wide
from ._steps import Sizes, before, steps, unrolled

ARRAYS = ("x", "h", "c", "w_ih", "w_hh", "b_ih", "b_hh", "w_hr")


@op(saves=(*ARRAYS, "out", "gates", "cells"), outputs=3, residuals=("gates", "cells"), title="LstmBackward0")
def _lstm_scan(
    xp: Any,
    x: Any,
    h: Any,
    c: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    w_hr: Any,
    *,
    sizes: Sizes,
    reverse: bool,
) -> tuple[Any, ...]:
    """The h after each step, and h and c after the last, of inputs that lie step by step."""
    kinds = (x, h, c)
    x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr = wide(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr)
    size = c.shape[1]
    # sigmoid(z) = tanh(z / 2) / 2 + 1 / 2, so that all four gates are one tanh.
    scale = xp.full(4 * size, 0.5, x.dtype)
    scale[2 * size : 3 * size] = 1
    shift = 1 - scale
    gates = products(xp, x, w_ih, b_ih, b_hh)
    gates *= scale
    turned = xp.ascontiguousarray(w_hh.T * scale)  # products with it take two thirds of the time
    cells = xp.empty((x.shape[0], size), x.dtype)
    out = xp.empty((x.shape[0], h.shape[1]), x.dtype)
    h, c = h.copy(), c.copy()
    for begin, end, rows in steps(sizes, reverse):
        gate = gates[begin:end]
        gate += xp.matmul(h[:rows], turned)
        xp.tanh(gate, out=gate)
        gate *= scale
        gate += shift
        cell = c[:rows]
        cell *= gate[:, size : 2 * size]
        cell += gate[:, :size] * gate[:, 2 * size : 3 * size]
        cells[begin:end] = cell
        new = xp.tanh(cell)
        new *= gate[:, 3 * size :]
        if w_hr is not None:
            new = xp.matmul(new, w_hr.T)
        out[begin:end] = new
        h[:rows] = new
    return *narrow((out, h, c), kinds), gates, cells


@_lstm_scan.vjp
def _(f: Any, g: Any, node: Any, *saved: Any) -> tuple[Any, ...]:
    return f.lstm_scan_gradient(*g, *saved, **node.attrs, wanted=node.edges[0] is not None)


@op(outputs=8)
def _lstm_scan_gradient(
    xp: Any,
    g_out: Any,
    g_h: Any,
    g_c: Any,
    x: Any,
    h: Any,
    c: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    w_hr: Any,
    out: Any,
    gates: Any,
    cells: Any,
    *,
    sizes: Sizes,
    reverse: bool,
    wanted: bool,
) -> tuple[Any, ...]:
    """The gradients of all array inputs of ``lstm_scan``; that of ``x`` only if ``wanted``."""
    kinds = (x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr)
    x, h, c, w_ih, w_hh, w_hr, out, g_out = wide(x, h, c, w_ih, w_hh, w_hr, out, g_out)
    gates = gates.reshape(gates.shape[0], 4, -1)
    tanh_c = xp.tanh(cells)
    slope, from_h = _slopes(xp, gates, tanh_c, before(xp, c, cells, sizes, reverse))
    forget = gates[:, 1]
    g_gates = slope.reshape(slope.shape[0], -1)
    tops = xp.empty(out.shape, out.dtype)
    down_h, down_c = start(xp, g_h, h), start(xp, g_c, c)
    for begin, end, rows in reversed(steps(sizes, reverse)):
        up, cell = down_h[:rows], down_c[:rows]
        if g_out is not None:
            up += g_out[begin:end]
        if w_hr is not None:
            tops[begin:end] = up
            up = xp.matmul(up, w_hr)
        cell += up * from_h[begin:end]
        slope[begin:end, :3] *= cell[:, None]
        slope[begin:end, 3] *= up
        cell *= forget[begin:end]
        down_h[:rows] = xp.matmul(g_gates[begin:end], w_hh)
    gx, gw, gb = gradients(xp, g_gates, x, w_ih, b_ih, wanted)
    _, gu, gc = gradients(xp, g_gates, before(xp, h, out, sizes, reverse), w_hh, b_hh, False)
    gr = None if w_hr is None else xp.matmul(tops.T, gates[:, 3] * tanh_c)
    return narrow((gx, down_h, down_c, gw, gu, gb, gc, gr), kinds)


def _slopes(xp: Any, gates: Any, tanh_c: Any, c_before: Any) -> tuple[Any, Any]:
    """For all steps: d c'/d z of the first three gates and d h'/d z of the last (rows, 4, size); d h'/d c'."""
    i, _, g, o = (gates[:, k] for k in range(4))
    slope = gates * (1 - gates)
    slope[:, 0] *= g
    slope[:, 1] *= c_before
    slope[:, 2] = i * (1 - g * g)
    slope[:, 3] *= tanh_c
    return slope, o * (1 - tanh_c * tanh_c)


@_lstm_scan.composite
def _(
    x: Any,
    h: Any,
    c: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    w_hr: Any,
    *,
    sizes: Sizes,
    reverse: bool,
) -> tuple[Any, ...]:
    def cell(x: Any, h: Any, c: Any) -> tuple[Any, ...]:
        i, f, g, o = chunk(x + linear(h, w_hh, b_hh), 4, 1)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        return h if w_hr is None else linear(h, w_hr), c

    return unrolled(cell, linear(x, w_ih, b_ih), (h, c), sizes=sizes, reverse=reverse)


def lstm_scan(x: Any, h: Any, c: Any, *, weights: tuple[Any, ...], sizes: Sizes, reverse: bool) -> tuple[Any, ...]:
    """``(outputs, last h, last c)`` of one direction of one layer."""
    return _lstm_scan(x, h, c, *weights, sizes=sizes, reverse=reverse)
