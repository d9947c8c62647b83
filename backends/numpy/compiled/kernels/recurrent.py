"""All steps of an LSTM or GRU for some of the sequences of a batch.

Step s of the computation has the rows from ``begins[s]`` on, which belong to the first ``counts[s]`` sequences; a
thread takes the sequences from ``start`` to ``stop``. Formulas are those of the generic bodies; arrays are flat and
contiguous. The loops over one row are many and short: of few arrays each, LLVM makes vectors of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .few_rows import lay_out as lay_out
from .few_rows import times
from .jit import compiled, inlined
from .lanes import peek, poke

_f = np.float32
_1, _HALF = _f(1), _f(0.5)
# tanh(x) = x p(x^2) / q(x^2) for |x| < 9, fitted (relative error 1e-9); beyond that float32 has 1.
_END = _f(9.01)
_P1, _P2, _P3, _P4 = map(_f, (0.137858465, 0.00400912433, 3.1602475e-05, 5.0809525e-08))
_Q1, _Q2, _Q3, _Q4, _Q5 = map(_f, (0.471191789, 0.0277397357, 0.000420852121, 1.61852705e-06, 7.38397808e-10))
_FIRST = np.int64(0)
"""A plain 0 is a type of its own, for which functions would be compiled once more."""


@inlined
def tanh(x: Any) -> Any:
    """A rational function, half the time of one with exp; a relative error of at most 3.4e-7."""
    y = min(max(x, -_END), _END)
    z = y * y
    p = y * (_1 + z * (_P1 + z * (_P2 + z * (_P3 + z * _P4))))
    q = _1 + z * (_Q1 + z * (_Q2 + z * (_Q3 + z * (_Q4 + z * _Q5))))
    return x if x != x else min(max(p / q, -_1), _1)


@inlined
def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x) = tanh(x / 2) / 2 + 1 / 2, as in the generic bodies."""
    return _HALF + _HALF * tanh(_HALF * x)


@compiled
def _sigmoids(gates, at, products, place, shift, first, last):
    for j in range(first, last):
        poke(gates, at + j, sigmoid(peek(gates, at + j) + peek(products, place + j) + peek(shift, j)))


@compiled
def _tanhs(gates, at, products, place, shift, first, last):
    for j in range(first, last):
        poke(gates, at + j, tanh(peek(gates, at + j) + peek(products, place + j) + peek(shift, j)))


@compiled
def _copy(source, at, target, to, count):
    for j in range(count):
        poke(target, to + j, peek(source, at + j))


@compiled
def _add(target, to, source, at, count):
    for j in range(count):
        poke(target, to + j, peek(target, to + j) + peek(source, at + j))


@compiled
def lstm(begins, counts, size, panels, shift, gates, cells, out, h, c, start, stop, pitch, products):
    """Forward: ``gates`` hold the products of the inputs and get the gates; ``h`` and ``c`` become the last states.
    Workspace: products (sequences, pitch)."""
    for s in range(len(begins)):
        rows = min(stop, counts[s]) - start
        if rows <= 0:
            continue
        times(h, start * size, size, rows, panels, size, 4 * size, products, pitch)
        for i in range(rows):
            row, state = begins[s] + start + i, (start + i) * size
            gate, to = row * 4 * size, row * size
            _sigmoids(gates, gate, products, i * pitch, shift, _FIRST, 2 * size)
            _tanhs(gates, gate, products, i * pitch, shift, 2 * size, 3 * size)
            _sigmoids(gates, gate, products, i * pitch, shift, 3 * size, 4 * size)
            for j in range(size):
                kept = peek(gates, gate + size + j) * peek(c, state + j)
                poke(c, state + j, kept + peek(gates, gate + j) * peek(gates, gate + 2 * size + j))
            _copy(c, state, cells, to, size)
            for j in range(size):
                poke(h, state + j, peek(gates, gate + 3 * size + j) * tanh(peek(c, state + j)))
            _copy(h, state, out, to, size)


@compiled
def lstm_gradient(begins, counts, size, panels, gates, cells, out, first_h, first_c, has_g, g_out, down_h, down_c,
                  g_gates, h_before, start, stop, pitch, products):  # fmt: skip
    """Backward: the gradients of the gates before their functions, and the states before each row. ``down_h`` and
    ``down_c`` are the gradients of the last states and become those of the first. Workspace: products (sequences,
    pitch) and one row more."""
    spare = (stop - start) * pitch
    for s in range(len(begins) - 1, -1, -1):
        rows = min(stop, counts[s]) - start
        if rows <= 0:
            continue
        for i in range(rows):
            sequence = start + i
            row, state = begins[s] + sequence, sequence * size
            gate, at = row * 4 * size, row * size
            goes_on = s > 0 and sequence < counts[s - 1]
            before = (begins[s - 1] + sequence) * size if goes_on else state
            if has_g:
                _add(down_h, state, g_out, at, size)
            for j in range(size):
                poke(products, spare + j, tanh(peek(cells, at + j)))
            for j in range(size):
                t = peek(products, spare + j)
                slope = peek(gates, gate + 3 * size + j) * (_1 - t * t)
                poke(down_c, state + j, peek(down_c, state + j) + peek(down_h, state + j) * slope)
            for j in range(size):
                o = peek(gates, gate + 3 * size + j)
                slope = peek(products, spare + j) * o * (_1 - o)
                poke(g_gates, gate + 3 * size + j, peek(down_h, state + j) * slope)
            for j in range(size):
                k, g = peek(gates, gate + j), peek(gates, gate + 2 * size + j)
                poke(g_gates, gate + j, peek(down_c, state + j) * g * k * (_1 - k))
            for j in range(size):
                k, g = peek(gates, gate + j), peek(gates, gate + 2 * size + j)
                poke(g_gates, gate + 2 * size + j, peek(down_c, state + j) * k * (_1 - g * g))
            _copy(cells if goes_on else first_c, before, products, spare, size)
            for j in range(size):
                f = peek(gates, gate + size + j)
                slope = peek(products, spare + j) * f * (_1 - f)
                poke(g_gates, gate + size + j, peek(down_c, state + j) * slope)
            for j in range(size):
                poke(down_c, state + j, peek(down_c, state + j) * peek(gates, gate + size + j))
            _copy(out if goes_on else first_h, before, h_before, at, size)
        times(g_gates, (begins[s] + start) * 4 * size, 4 * size, rows, panels, 4 * size, size, products, pitch)
        for i in range(rows):
            _copy(products, i * pitch, down_h, (start + i) * size, size)


@compiled
def gru(begins, counts, size, panels, shift, inner_shift, gates, inner, out, h, start, stop, pitch, products):
    """Forward, as for ``lstm``; ``inner`` gets W_hn h + b_hn. Workspace: products (sequences, pitch)."""
    for s in range(len(begins)):
        rows = min(stop, counts[s]) - start
        if rows <= 0:
            continue
        times(h, start * size, size, rows, panels, size, 3 * size, products, pitch)
        for i in range(rows):
            row, state = begins[s] + start + i, (start + i) * size
            gate, to, new = row * 3 * size, row * size, i * pitch + 2 * size
            _sigmoids(gates, gate, products, i * pitch, shift, _FIRST, 2 * size)
            _add(products, new, inner_shift, _FIRST, size)
            _copy(products, new, inner, to, size)
            for j in range(size):
                poke(products, new + j, peek(products, new + j) * peek(gates, gate + j))
            _tanhs(gates, gate, products, i * pitch, shift, 2 * size, 3 * size)
            for j in range(size):
                n = peek(gates, gate + 2 * size + j)
                poke(h, state + j, n + peek(gates, gate + size + j) * (peek(h, state + j) - n))
            _copy(h, state, out, to, size)


@compiled
def gru_gradient(begins, counts, size, panels, gates, inner, out, first_h, has_g, g_out, down, g_hidden, to_n,
                 h_before, start, stop, pitch, products):  # fmt: skip
    """Backward: the gradients of W_hh h + b_hh in ``g_hidden``, and in ``to_n`` that of the input's part of n.
    Workspace as for ``lstm_gradient``."""
    for s in range(len(begins) - 1, -1, -1):
        rows = min(stop, counts[s]) - start
        if rows <= 0:
            continue
        for i in range(rows):
            sequence = start + i
            row, state = begins[s] + sequence, sequence * size
            gate, at = row * 3 * size, row * size
            goes_on = s > 0 and sequence < counts[s - 1]
            _copy(out if goes_on else first_h, (begins[s - 1] + sequence) * size if goes_on else state, h_before, at,
                  size)  # fmt: skip
            if has_g:
                _add(down, state, g_out, at, size)
            for j in range(size):
                z, n = peek(gates, gate + size + j), peek(gates, gate + 2 * size + j)
                poke(to_n, at + j, peek(down, state + j) * (_1 - z) * (_1 - n * n))
            for j in range(size):
                r = peek(gates, gate + j)
                poke(g_hidden, gate + j, peek(to_n, at + j) * peek(inner, at + j) * r * (_1 - r))
            for j in range(size):
                poke(g_hidden, gate + 2 * size + j, peek(to_n, at + j) * peek(gates, gate + j))
            _copy(h_before, at, g_hidden, gate + size, size)
            for j in range(size):
                z, n = peek(gates, gate + size + j), peek(gates, gate + 2 * size + j)
                slope = (peek(g_hidden, gate + size + j) - n) * z * (_1 - z)
                poke(g_hidden, gate + size + j, peek(down, state + j) * slope)
            for j in range(size):
                poke(down, state + j, peek(down, state + j) * peek(gates, gate + size + j))
        times(g_hidden, (begins[s] + start) * 3 * size, 3 * size, rows, panels, 3 * size, size, products, pitch)
        for i in range(rows):
            _add(down, (start + i) * size, products, i * pitch, size)
