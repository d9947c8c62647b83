"""Gated recurrent units (Cho et al., 2014), with the reset gate after the product, as in cuDNN:

    r, z = sigmoid(W_ih x + b_ih + W_hh h + b_hh)
    n = tanh(W_in x + b_in + r (W_hn h + b_hn)),  h' = (1 - z) n + z h

The rows of the weights are those of r, z and n.
"""

from __future__ import annotations

from typing import Any

from ..._core.op import op
from ..linalg.matmul import linear
from ..pointwise.elementwise import sigmoid, tanh
from ..shape.views import chunk
from ._products import gradients, narrow, products, start, wide
from ._steps import Sizes, before, steps, unrolled

ARRAYS = ("x", "h", "w_ih", "w_hh", "b_ih", "b_hh")


@op(saves=(*ARRAYS, "out", "gates", "inner"), outputs=2, residuals=("gates", "inner"), title="GruBackward0")
def _gru_scan(
    xp: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, sizes: Sizes, reverse: bool
) -> tuple[Any, ...]:
    """The h after each step and after the last, of inputs that lie step by step."""
    kinds = (x, h)
    x, h, w_ih, w_hh, b_ih, b_hh = wide(x, h, w_ih, w_hh, b_ih, b_hh)
    size = h.shape[1]
    gates = products(xp, x, w_ih, b_ih)
    turned = xp.ascontiguousarray(w_hh.T)  # products with it take two thirds of the time
    inner = xp.empty((x.shape[0], size), x.dtype)
    out = xp.empty((x.shape[0], size), x.dtype)
    h = h.copy()
    for begin, end, rows in steps(sizes, reverse):
        gate, state = gates[begin:end], h[:rows]
        part = xp.matmul(state, turned)
        if b_hh is not None:
            part += b_hh
        both = gate[:, : 2 * size]  # sigmoid(z) = tanh(z / 2) / 2 + 1 / 2
        both += part[:, : 2 * size]
        both *= 0.5
        xp.tanh(both, out=both)
        both *= 0.5
        both += 0.5
        inner[begin:end] = part[:, 2 * size :]
        new = gate[:, 2 * size :]
        new += inner[begin:end] * gate[:, :size]
        xp.tanh(new, out=new)
        state -= new
        state *= gate[:, size : 2 * size]
        state += new
        out[begin:end] = state
    return *narrow((out, h), kinds), gates, inner


@_gru_scan.vjp
def _(f: Any, g: Any, node: Any, *saved: Any) -> tuple[Any, ...]:
    return f.gru_scan_gradient(*g, *saved, **node.attrs, wanted=node.edges[0] is not None)


@op(outputs=6)
def _gru_scan_gradient(
    xp: Any,
    g_out: Any,
    g_h: Any,
    x: Any,
    h: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    out: Any,
    gates: Any,
    inner: Any,
    *,
    sizes: Sizes,
    reverse: bool,
    wanted: bool,
) -> tuple[Any, ...]:
    """The gradients of all array inputs of ``gru_scan``; that of ``x`` only if ``wanted``."""
    kinds = (x, h, w_ih, w_hh, b_ih, b_hh)
    x, h, w_ih, w_hh, out, g_out = wide(x, h, w_ih, w_hh, out, g_out)
    h_before = before(xp, h, out, sizes, reverse)
    gates = gates.reshape(gates.shape[0], 3, -1)
    r, z, n = (gates[:, k] for k in range(3))
    g_hidden = gates * (1 - gates)  # becomes the gradient of W_hh h + b_hh
    g_hidden[:, 0] *= inner
    g_hidden[:, 1] *= h_before - n
    g_hidden[:, 2] = r
    to_n = (1 - z) * (1 - n * n)
    flat = g_hidden.reshape(g_hidden.shape[0], -1)
    down = start(xp, g_h, h)
    for begin, end, rows in reversed(steps(sizes, reverse)):
        up = down[:rows]
        if g_out is not None:
            up += g_out[begin:end]
        part, g_n = g_hidden[begin:end], to_n[begin:end]
        g_n *= up
        part[:, 1] *= up
        part[:, ::2] *= g_n[:, None]
        up *= z[begin:end]
        up += xp.matmul(flat[begin:end], w_hh)
    _, gu, gc = gradients(xp, flat, h_before, w_hh, b_hh, False)
    g_hidden[:, 2] = to_n  # and now that of W_ih x + b_ih
    gx, gw, gb = gradients(xp, flat, x, w_ih, b_ih, wanted)
    return narrow((gx, down, gw, gu, gb, gc), kinds)


@_gru_scan.composite
def _(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, sizes: Sizes, reverse: bool) -> tuple[Any, ...]:
    def cell(x: Any, h: Any) -> tuple[Any, ...]:
        x_r, x_z, x_n = chunk(x, 3, 1)
        h_r, h_z, h_n = chunk(linear(h, w_hh, b_hh), 3, 1)
        z = sigmoid(x_z + h_z)
        n = tanh(x_n + sigmoid(x_r + h_r) * h_n)
        return (n + z * (h - n),)

    return unrolled(cell, linear(x, w_ih, b_ih), (h,), sizes=sizes, reverse=reverse)


def gru_scan(x: Any, h: Any, *, weights: tuple[Any, ...], sizes: Sizes, reverse: bool) -> tuple[Any, ...]:
    """``(outputs, last h)`` of one direction of one layer."""
    w_ih, w_hh, b_ih, b_hh, _ = weights
    return _gru_scan(x, h, w_ih, w_hh, b_ih, b_hh, sizes=sizes, reverse=reverse)
