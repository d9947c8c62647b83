"""The simple recurrent layer (Elman, 1990): h' = act(W_ih x + b_ih + W_hh h + b_hh)."""

from __future__ import annotations

from typing import Any

from ..._core.op import op
from ..linalg.matmul import linear
from ..pointwise import elementwise
from ._products import gradients, narrow, products, start, wide
from ._steps import Sizes, before, steps, unrolled

ARRAYS = ("x", "h", "w_ih", "w_hh", "b_ih", "b_hh")


@op(saves=(*ARRAYS, "out"), outputs=2, title="RnnBackward0")
def _rnn_scan(
    xp: Any,
    x: Any,
    h: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    *,
    sizes: Sizes,
    reverse: bool,
    relu: bool,
) -> tuple[Any, ...]:
    """The states after each step and after the last, of inputs that lie step by step."""
    kinds = (x, h)
    x, h, w_ih, w_hh, b_ih, b_hh = wide(x, h, w_ih, w_hh, b_ih, b_hh)
    out = products(xp, x, w_ih, b_ih, b_hh)
    turned = xp.ascontiguousarray(w_hh.T)  # products with it take two thirds of the time
    state = h.copy()
    for begin, end, rows in steps(sizes, reverse):
        new = out[begin:end]
        new += xp.matmul(state[:rows], turned)
        if relu:
            xp.maximum(new, 0, out=new)
        else:
            xp.tanh(new, out=new)
        state[:rows] = new
    return narrow((out, state), kinds)


@_rnn_scan.vjp
def _(f: Any, g: Any, node: Any, *saved: Any) -> tuple[Any, ...]:
    return f.rnn_scan_gradient(*g, *saved, **node.attrs, wanted=node.edges[0] is not None)


@op(outputs=6)
def _rnn_scan_gradient(
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
    *,
    sizes: Sizes,
    reverse: bool,
    relu: bool,
    wanted: bool,
) -> tuple[Any, ...]:
    """The gradients of all array inputs of ``rnn_scan``; that of ``x`` only if ``wanted``."""
    kinds = (x, h, w_ih, w_hh, b_ih, b_hh)
    x, h, w_ih, w_hh, out, g_out = wide(x, h, w_ih, w_hh, out, g_out)
    slope = (out > 0).astype(out.dtype) if relu else 1 - out * out
    down = start(xp, g_h, h)
    for begin, end, rows in reversed(steps(sizes, reverse)):
        up = down[:rows]
        if g_out is not None:
            up += g_out[begin:end]
        g = slope[begin:end]
        g *= up
        down[:rows] = xp.matmul(g, w_hh)
    gx, gw, gb = gradients(xp, slope, x, w_ih, b_ih, wanted)
    _, gu, gc = gradients(xp, slope, before(xp, h, out, sizes, reverse), w_hh, b_hh, False)
    return narrow((gx, down, gw, gu, gb, gc), kinds)


@_rnn_scan.composite
def _(
    x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, sizes: Sizes, reverse: bool, relu: bool
) -> tuple[Any, ...]:
    act = elementwise.relu if relu else elementwise.tanh

    def cell(x: Any, h: Any) -> tuple[Any, ...]:
        return (act(x + linear(h, w_hh, b_hh)),)

    return unrolled(cell, linear(x, w_ih, b_ih), (h,), sizes=sizes, reverse=reverse)


def rnn_scan(x: Any, h: Any, *, weights: tuple[Any, ...], sizes: Sizes, reverse: bool, relu: bool) -> tuple[Any, ...]:
    """``(outputs, last h)`` of one direction of one layer."""
    w_ih, w_hh, b_ih, b_hh, _ = weights
    return _rnn_scan(x, h, w_ih, w_hh, b_ih, b_hh, sizes=sizes, reverse=reverse, relu=relu)
