"""Scaled dot-product attention of one head after the other, in tiles of scores that stay in the processor's cache.

Forward goes along the keys with a running maximum and sum of each row, as FlashAttention does (Dao et al., 2022,
https://arxiv.org/abs/2205.14135); backward computes the weights again from the logarithms of the sums. Tiles above the
diagonal of a causal mask are not computed.

Arrays are given by address and by their distances of batches, heads and rows, so that heads need not be contiguous;
the numbers of a row are. ``sizes`` is (heads, queries, keys, size, size of values).
"""

from __future__ import annotations

import numpy as np
from numba import types

from .blas import NORMAL, TRANSPOSED, sgemm
from .elementary import bits_of_float, exp, float_of_bits
from .jit import compiled
from .lanes import numbers_at, peek, poke

_0, _1, _INF = np.float32(0), np.float32(1), np.float32(np.inf)
_SIGN, _REST = np.int32(31), np.int32(0x7FFFFFFF)
ADDED, SHOWN = 1, 2
"""Kinds of masks: numbers that are added to the scores, and bytes that are 1 where a query sees a key."""


_floats, _bytes = numbers_at(types.float32), numbers_at(types.uint8)


@compiled
def _ordered(x):
    """The whole number that is as much larger or smaller as a float32: LLVM finds the largest of these by vectors. It
    is its own inverse on the bits."""
    bits = bits_of_float(x)
    return bits ^ ((bits >> _SIGN) & _REST)


@compiled
def _float(ordered):
    return float_of_bits(ordered ^ ((ordered >> _SIGN) & _REST))


@compiled
def _mask(scores, at, count, scale, kind, added, shown, place, step):
    """A row of scores times ``scale``, with its mask."""
    if kind == ADDED:
        if step == 1:
            for j in range(count):
                poke(scores, at + j, peek(scores, at + j) * scale + peek(added, place + j))
        else:
            for j in range(count):
                poke(scores, at + j, peek(scores, at + j) * scale + peek(added, place + j * step))
    elif kind == SHOWN:
        for j in range(count):
            s = peek(scores, at + j) * scale
            poke(scores, at + j, s if peek(shown, place + j * step) != 0 else -_INF)
    else:
        for j in range(count):
            poke(scores, at + j, peek(scores, at + j) * scale)


@compiled
def _largest(scores, at, count):
    top = _ordered(-_INF)
    for j in range(count):
        top = max(top, _ordered(peek(scores, at + j)))
    return _float(top)


@compiled
def _exponentials(scores, at, count, top):
    """exp of a row less ``top``, in place, and their sum."""
    total = _0
    for j in range(count):
        e = exp(peek(scores, at + j) - top)
        poke(scores, at + j, e)
        total += e
    return total


@compiled
def _seen(causal, row, first, count):
    """How many of ``count`` keys from ``first`` on a row sees."""
    return max(0, min(count, row + 1 - first)) if causal else count


@compiled
def forward(blas, sizes, scale, causal, tile, q_at, k_at, v_at, mask_at, out_at, sums, start, stop, scores, state):
    """The heads from ``start`` to ``stop`` of all batches.

    ``q_at`` and so on are (address, distances of batches, heads, rows); ``mask_at`` also has the distance of keys and
    the kind. Workspace: scores (rows, keys) of a tile, state (2, rows).
    """
    heads, queries, keys, size, values = sizes
    rows, across = tile
    q, k, v = _floats(q_at[0]), _floats(k_at[0]), _floats(v_at[0])
    out, added, shown = _floats(out_at[0]), _floats(mask_at[0]), _bytes(mask_at[0])
    for item in range(start, stop):
        b, h = item // heads, item % heads
        q_head, k_head = b * q_at[1] + h * q_at[2], b * k_at[1] + h * k_at[2]
        v_head, out_head = b * v_at[1] + h * v_at[2], b * out_at[1] + h * out_at[2]
        for first in range(0, queries, rows):
            height = min(rows, queries - first)
            last = min(keys, first + height) if causal else keys
            target = out_head + first * out_at[3]
            for i in range(height):
                poke(state, i, -_INF)
                poke(state, rows + i, _0)
            for low in range(0, last, across):
                width = min(across, last - low)
                sgemm(blas, NORMAL, TRANSPOSED, height, width, size, q, q_head + first * q_at[3], q_at[3],
                      k, k_head + low * k_at[3], k_at[3], _0, scores, 0, width)  # fmt: skip
                for i in range(height):
                    at, count = i * width, _seen(causal, first + i, low, width)
                    place = b * mask_at[1] + h * mask_at[2] + (first + i) * mask_at[3] + low * mask_at[4]
                    _mask(scores, at, count, scale, mask_at[5], added, shown, place, mask_at[4])
                    before = peek(state, i)
                    top = max(before, _largest(scores, at, count))
                    base = _0 if top == -_INF else top
                    total = _exponentials(scores, at, count, base)
                    for j in range(count, width):
                        poke(scores, at + j, _0)
                    if low:
                        factor = exp(before - base)
                        total += factor * peek(state, rows + i)
                        line = target + i * out_at[3]
                        for j in range(values):
                            poke(out, line + j, peek(out, line + j) * factor)
                    poke(state, i, top)
                    poke(state, rows + i, total)
                sgemm(blas, NORMAL, NORMAL, height, values, width, scores, 0, width, v, v_head + low * v_at[3],
                      v_at[3], _1 if low else _0, out, target, out_at[3])  # fmt: skip
            for i in range(height):
                top, total = peek(state, i), peek(state, rows + i)
                seen = total > _0
                factor = _1 / total if seen else _1
                line = target + i * out_at[3]
                for j in range(values):
                    poke(out, line + j, peek(out, line + j) * factor)
                poke(sums, item * queries + first + i, top + np.float32(np.log(total)) if seen else _INF)


@compiled
def _weights(scores, down, at, count, total, common, scale):
    """A row of weights in place of masked scores, and of the scores' gradients in place of the weights'."""
    for j in range(count):
        weight = exp(peek(scores, at + j) - total)
        poke(scores, at + j, weight)
        poke(down, at + j, (peek(down, at + j) - common) * weight * scale)


@compiled
def _clear(x, at, step, rows, count):
    for i in range(rows):
        for j in range(count):
            poke(x, at + i * step + j, _0)


@compiled
def backward(blas, sizes, scale, causal, tile, q_at, k_at, v_at, mask_at, out_at, g_at,
             gq_at, gk_at, gv_at, sums, start, stop, scores, down):  # fmt: skip
    """The gradients of the heads from ``start`` to ``stop``. Workspace: scores and down, (rows, keys) of a tile."""
    heads, queries, keys, size, values = sizes
    rows, across = tile
    q, k, v = _floats(q_at[0]), _floats(k_at[0]), _floats(v_at[0])
    gq, gk, gv = _floats(gq_at[0]), _floats(gk_at[0]), _floats(gv_at[0])
    out, g = _floats(out_at[0]), _floats(g_at[0])
    added, shown = _floats(mask_at[0]), _bytes(mask_at[0])
    for item in range(start, stop):
        b, h = item // heads, item % heads
        q_head, k_head, v_head = b * q_at[1] + h * q_at[2], b * k_at[1] + h * k_at[2], b * v_at[1] + h * v_at[2]
        gq_head, gk_head = b * gq_at[1] + h * gq_at[2], b * gk_at[1] + h * gk_at[2]
        gv_head = b * gv_at[1] + h * gv_at[2]
        _clear(gk, gk_head, gk_at[3], keys, size)
        _clear(gv, gv_head, gv_at[3], keys, values)
        for first in range(0, queries, rows):
            height = min(rows, queries - first)
            last = min(keys, first + height) if causal else keys
            from_out, from_g = b * out_at[1] + h * out_at[2], b * g_at[1] + h * g_at[2] + first * g_at[3]
            from_q = q_head + first * q_at[3]
            for low in range(0, last, across):
                width = min(across, last - low)
                from_k, from_v = k_head + low * k_at[3], v_head + low * v_at[3]
                sgemm(blas, NORMAL, TRANSPOSED, height, width, size, q, from_q, q_at[3], k, from_k, k_at[3],
                      _0, scores, 0, width)  # fmt: skip
                sgemm(blas, NORMAL, TRANSPOSED, height, width, values, g, from_g, g_at[3], v, from_v, v_at[3],
                      _0, down, 0, width)  # fmt: skip
                for i in range(height):
                    at, count = i * width, _seen(causal, first + i, low, width)
                    place = b * mask_at[1] + h * mask_at[2] + (first + i) * mask_at[3] + low * mask_at[4]
                    _mask(scores, at, count, scale, mask_at[5], added, shown, place, mask_at[4])
                    common, line, other = _0, from_out + (first + i) * out_at[3], from_g + i * g_at[3]
                    for j in range(values):
                        common += peek(out, line + j) * peek(g, other + j)
                    _weights(scores, down, at, count, peek(sums, item * queries + first + i), common, scale)
                    for j in range(count, width):
                        poke(scores, at + j, _0)
                        poke(down, at + j, _0)
                sgemm(blas, TRANSPOSED, NORMAL, width, values, height, scores, 0, width, g, from_g, g_at[3],
                      _1, gv, gv_head + low * gv_at[3], gv_at[3])  # fmt: skip
                sgemm(blas, NORMAL, NORMAL, height, size, width, down, 0, width, k, from_k, k_at[3],
                      _1 if low else _0, gq, gq_head + first * gq_at[3], gq_at[3])  # fmt: skip
                sgemm(blas, TRANSPOSED, NORMAL, width, size, height, down, 0, width, q, from_q, q_at[3],
                      _1, gk, gk_head + low * gk_at[3], gk_at[3])  # fmt: skip
