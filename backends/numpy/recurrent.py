"""LSTM over a sequence on NumPy alone: what a step needs stays in the cache.

A step is a product of a few rows. BLAS lays out its operands at each call, which takes as long as the product, except
for matrices so small that it multiplies them as they lie. So W_hh is kept in panels of ``WIDTH`` columns, one product
each: 20x256 times 256x1024 takes 95 us in place of 150. The steps are done by one thread: a step has twenty calls, and
two threads would wait for the interpreter at each.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels import kernel
from .kernels import OVERRIDES
from .products import matmul
from .threads import alone, share

WIDTH = 32
"""Columns of a panel."""

LEAST = 1 << 20
"""Multiplications of a step from which on this is faster than the generic bodies."""

LARGEST = 1_000_000
"""Multiplications up to which OpenBLAS takes matrices as they lie."""

PRODUCT = 1 << 21
"""Multiplications of all steps that are worth a thread."""

SMALL = 9216
"""Multiplications up to which BLAS uses one thread, whatever the shapes."""

Sizes = tuple[int, ...]


def gradients(
    g: np.ndarray, factors: tuple[np.ndarray, ...], weight: np.ndarray | None, bias: Any
) -> tuple[np.ndarray | None, list[np.ndarray], np.ndarray | None]:
    """Of ``g``, the gradient of all steps' gates: its products with ``weight``, unless that is None, and its transpose
    with the factors of weights, and its sums, unless ``bias`` is None.

    Each thread computes a part of all: in regions of their own they would wait for the slower thread each time."""
    steps, gates = g.shape
    work = max(steps * max(factor.shape[1] for factor in factors), 1)
    if gates * work < SMALL:  # BLAS would not use threads of its own
        return (
            None if weight is None else g.dot(weight),
            [g.T.dot(factor) for factor in factors],
            None if bias is None else np.add.reduce(g, 0),
        )
    gx = None if weight is None else np.empty((steps, weight.shape[1]), g.dtype)
    gws = [np.empty((gates, factor.shape[1]), g.dtype) for factor in factors]
    gb = None if bias is None else np.empty(gates, g.dtype)

    def body(start: int, stop: int) -> None:
        part = g[:, start:stop]
        if gx is not None and weight is not None:
            first, last = steps * start // gates, steps * stop // gates
            matmul(g[first:last], weight, gx[first:last])
        for factor, gw in zip(factors, gws, strict=True):
            matmul(part.T, factor, gw[start:stop])
        if gb is not None:
            np.matmul(_ones(steps, g.dtype), part, gb[start:stop])

    share(gates, body, max(16, -(-PRODUCT // work)))
    return gx, gws, gb


@functools.lru_cache(8)
def _ones(count: int, dtype: Any) -> np.ndarray:
    return np.ones(count, dtype)


@functools.lru_cache(128)
def _steps(sizes: Sizes, reverse: bool) -> list[tuple[int, int]]:
    """The first row of each step and its number of rows, in the order in which the steps are computed."""
    begins = [0]
    for count in sizes:
        begins.append(begins[-1] + count)
    found = list(zip(begins, sizes, strict=False))
    return found[::-1] if reverse else found


def _times(matrix: np.ndarray, most: int) -> Callable[[np.ndarray, np.ndarray, bool], None]:
    """``f(rows, out, add)``: at most ``most`` rows times a matrix, into ``out`` or added to it."""
    depth, columns = matrix.shape
    if columns % WIDTH or most * depth * WIDTH > LARGEST:
        whole = np.ascontiguousarray(matrix)

        def multiply(rows: np.ndarray, out: np.ndarray, add: bool) -> None:
            if add:
                out += rows.dot(whole)
            else:
                np.matmul(rows, whole, out)

        return multiply
    panels = np.ascontiguousarray(matrix.reshape(depth, columns // WIDTH, WIDTH).transpose(1, 0, 2))
    made = np.empty((len(panels), most, WIDTH), matrix.dtype)

    def multiply_panels(rows: np.ndarray, out: np.ndarray, add: bool) -> None:
        products = np.matmul(rows, panels, made[:, : len(rows)]).transpose(1, 0, 2)
        target = out.reshape(products.shape)
        if add:
            target += products
        else:
            target[...] = products

    return multiply_panels


def _fits(w_hr: Any, h: np.ndarray, *arrays: Any) -> bool:
    return (
        h.size * h.shape[1] * 4 >= LEAST
        and w_hr is None
        and h.dtype.char in "fd"
        and all(a is None or a.dtype is h.dtype for a in arrays)
    )


def _takes(
    x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, *, sizes: Sizes, reverse: bool
) -> bool:
    return _fits(w_hr, h, x, c, w_ih, w_hh, b_ih, b_hh)


def _takes_gradient(
    g_out: Any, g_h: Any, g_c: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any,
    out: Any, gates: Any, cells: Any, *, sizes: Sizes, reverse: bool, wanted: bool,
) -> bool:  # fmt: skip
    return _fits(w_hr, h, g_out, g_h, g_c, x, c, w_ih, w_hh, out, gates, cells) and gates.flags.c_contiguous


@kernel("lstm_scan", table=OVERRIDES, when=_takes)
def lstm_scan(
    x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, *, sizes: Sizes, reverse: bool
) -> tuple[Any, ...]:
    """35 steps of 20 sequences, 256 numbers: 11 ms on one thread in place of 14."""
    size = h.shape[1]
    # sigmoid(z) = tanh(z / 2) / 2 + 1 / 2, so that all four gates are one tanh.
    scale = np.full(4 * size, 0.5, x.dtype)
    scale[2 * size : 3 * size] = 1
    shift = 1 - scale
    bias = None if b_ih is None else (b_ih + b_hh) * scale
    gates = matmul(x, (w_ih * scale[:, None]).T)
    times = _times(w_hh.T * scale, len(h))
    cells, out = np.empty((len(x), size), x.dtype), np.empty((len(x), size), x.dtype)
    h, c = np.array(h, order="C"), np.array(c, order="C")
    spare = np.empty(h.shape, x.dtype)
    with alone():
        for begin, rows in _steps(sizes, reverse):
            place = slice(begin, begin + rows)
            gate, new, cell, state = gates[place], spare[:rows], c[:rows], h[:rows]
            times(state, gate, True)
            if bias is not None:
                gate += bias
            np.tanh(gate, gate)
            gate *= scale
            gate += shift
            cell *= gate[:, size : 2 * size]
            cell += np.multiply(gate[:, :size], gate[:, 2 * size : 3 * size], new)
            cells[place] = cell
            np.tanh(cell, new)
            np.multiply(new, gate[:, 3 * size :], state)
            out[place] = state
    return out, h, c, gates, cells


@kernel("lstm_scan_gradient", table=OVERRIDES, when=_takes_gradient)
def lstm_scan_gradient(
    g_out: Any, g_h: Any, g_c: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any,
    out: Any, gates: Any, cells: Any, *, sizes: Sizes, reverse: bool, wanted: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """35 steps of 20 sequences, 256 numbers: 20 ms on one thread in place of 23."""
    size = h.shape[1]
    times = _times(w_hh, len(h))
    g_gates, h_before = np.empty(gates.shape, x.dtype), np.empty(out.shape, x.dtype)
    down_h, down_c = (np.zeros(h.shape, x.dtype) if g is None else np.array(g, x.dtype, order="C") for g in (g_h, g_c))
    spare = np.empty((3, *h.shape), x.dtype)
    order = _steps(sizes, reverse)
    with alone():
        for step in range(len(order) - 1, -1, -1):
            begin, rows = order[step]
            place = slice(begin, begin + rows)
            up, down, (t, u, before) = down_h[:rows], down_c[:rows], spare[:, :rows]
            gate, g = gates[place], g_gates[place]
            i, f, n, o = (gate[:, k * size : (k + 1) * size] for k in range(4))
            g_i, g_f, g_n, g_o = (g[:, k * size : (k + 1) * size] for k in range(4))
            earlier = order[step - 1] if step else (0, 0)
            _before(before, cells, c, earlier)
            _before(h_before[place], out, h, earlier)
            if g_out is not None:
                up += g_out[place]
            np.tanh(cells[place], t)
            np.multiply(t, t, u)  # d h' / d c' = o (1 - tanh(c')^2)
            np.subtract(1, u, u)
            u *= o
            u *= up
            down += u
            np.subtract(1, gate, g)  # a sigmoid's slope is s (1 - s)
            g *= gate
            g_i *= np.multiply(n, down, u)
            g_f *= np.multiply(before, down, u)
            g_o *= np.multiply(t, up, u)
            np.multiply(n, n, u)
            np.subtract(1, u, u)
            u *= i
            np.multiply(u, down, g_n)
            down *= f
            times(g, up, False)
    gx, (gw, gu), gb = gradients(g_gates, (x, h_before), w_ih if wanted else None, b_ih)
    return gx, down_h, down_c, gw, gu, gb, None if gb is None else gb.copy(), None


def _before(target: np.ndarray, after: np.ndarray, first: np.ndarray, earlier: tuple[int, int]) -> None:
    """The states before a step, of those after each and the first: what the earlier step (its first row and number of
    rows) left, and the first states of sequences that it had not."""
    begin, known = earlier[0], min(earlier[1], len(target))
    target[:known] = after[begin : begin + known]
    if known < len(target):
        target[known:] = first[known : len(target)]
