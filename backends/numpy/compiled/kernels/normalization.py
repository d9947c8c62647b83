"""Normalisation by channels (batch norm) and by rows (layer, group, instance and root-mean-square norm).

A channel or a row is read again and again while it is in the cache: for the mean, for the variance around it, for the
result. Sums run in float32 over pieces, and from piece to piece in float64.
"""

from __future__ import annotations

import numpy as np

from .jit import compiled
from .lanes import peek, poke

_0, _1 = np.float32(0), np.float32(1)

PIECE = 4096
"""Numbers, and for columns a 64th of it rows, that are added up in float32."""
_ROWS = PIECE // 64


@compiled
def _sum(x, at, count):
    total = 0.0
    for first in range(at, at + count, PIECE):
        part = _0
        for p in range(first, min(first + PIECE, at + count)):
            part += peek(x, p)
        total += part
    return total


@compiled
def _squares(x, at, count, mean):
    """The sum of (x - mean)^2."""
    total = 0.0
    for first in range(at, at + count, PIECE):
        part = _0
        for p in range(first, min(first + PIECE, at + count)):
            d = peek(x, p) - mean
            part += d * d
        total += part
    return total


@compiled
def _products(g, x, at, count, mean):
    """The sums of g and of g (x - mean)."""
    total, product = 0.0, 0.0
    for first in range(at, at + count, PIECE):
        part, other = _0, _0
        for p in range(first, min(first + PIECE, at + count)):
            part += peek(g, p)
            other += peek(g, p) * (peek(x, p) - mean)
        total += part
        product += other
    return total, product


# ---------------------------------------------------------------------------------------------------------------------
# Channels


@compiled
def channels(images, each, x, weight, bias, eps, fixed, out, mean, var, inverse, start, stop):
    """Batch norm of the channels from ``start`` to ``stop`` of x (N, C, L), flat, with the mean and variance of
    each, or with given mean and inverse (``fixed``)."""
    depth, count = len(weight), images * each
    for c in range(start, stop):
        if not fixed:
            total = 0.0
            for n in range(images):
                total += _sum(x, (n * depth + c) * each, each)
            mean[c] = total / count
            total = 0.0
            for n in range(images):
                total += _squares(x, (n * depth + c) * each, each, mean[c])
            var[c] = total / count
            inverse[c] = 1 / np.sqrt(var[c] + eps)
        centre, scale, shift = mean[c], inverse[c] * weight[c], bias[c]
        for n in range(images):
            at = (n * depth + c) * each
            for p in range(at, at + each):
                poke(out, p, (peek(x, p) - centre) * scale + shift)


@compiled
def channels_gradient(images, each, g, x, weight, mean, inverse, training, wanted, gx, gw, gb, start, stop):
    """The gradients of ``channels``."""
    depth, count = len(weight), images * each
    for c in range(start, stop):
        total, product = 0.0, 0.0
        centre, inv = mean[c], inverse[c]
        for n in range(images):
            one, other = _products(g, x, (n * depth + c) * each, each, centre)
            total += one
            product += other
        gb[c] = total
        gw[c] = product * inv
        if not wanted:
            continue
        scale = inv * weight[c]
        slope, shift = np.float32(product * inv * inv / count), np.float32(total / count)
        for n in range(images):
            at = (n * depth + c) * each
            if training:
                for p in range(at, at + each):
                    poke(gx, p, (peek(g, p) - (peek(x, p) - centre) * slope - shift) * scale)
            else:
                for p in range(at, at + each):
                    poke(gx, p, peek(g, p) * scale)


@compiled
def columns(images, part, scale, x, weight, bias, eps, fixed, out, mean, var, inverse, start, stop):
    """Batch norm of the columns from ``start`` to ``stop`` of x (N, C), flat; ``part`` and ``scale`` are workspace,
    (C)."""
    depth = len(weight)
    if not fixed:
        for c in range(start, stop):
            mean[c] = var[c] = _0
        for first in range(0, images, _ROWS):
            for c in range(start, stop):
                part[c] = _0
            for r in range(first, min(first + _ROWS, images)):
                for c in range(start, stop):
                    poke(part, c, peek(part, c) + peek(x, r * depth + c))
            for c in range(start, stop):
                mean[c] += part[c]
        for c in range(start, stop):
            mean[c] /= images
        for first in range(0, images, _ROWS):
            for c in range(start, stop):
                part[c] = _0
            for r in range(first, min(first + _ROWS, images)):
                for c in range(start, stop):
                    d = peek(x, r * depth + c) - peek(mean, c)
                    poke(part, c, peek(part, c) + d * d)
            for c in range(start, stop):
                var[c] += part[c]
        for c in range(start, stop):
            var[c] /= images
            inverse[c] = 1 / np.sqrt(var[c] + eps)
    for c in range(start, stop):
        scale[c] = inverse[c] * weight[c]
    for r in range(images):
        at = r * depth
        for c in range(start, stop):
            poke(out, at + c, (peek(x, at + c) - peek(mean, c)) * peek(scale, c) + peek(bias, c))


@compiled
def columns_gradient(
    images, part, other, scale, g, x, weight, mean, inverse, training, wanted, gx, gw, gb, start, stop
):
    """The gradients of ``columns``."""
    depth = len(weight)
    for c in range(start, stop):
        gw[c] = gb[c] = _0
    for first in range(0, images, _ROWS):
        for c in range(start, stop):
            part[c] = other[c] = _0
        for r in range(first, min(first + _ROWS, images)):
            at = r * depth
            for c in range(start, stop):
                poke(part, c, peek(part, c) + peek(g, at + c))
                poke(other, c, peek(other, c) + peek(g, at + c) * (peek(x, at + c) - peek(mean, c)))
        for c in range(start, stop):
            gb[c] += part[c]
            gw[c] += other[c]
    for c in range(start, stop):
        gw[c] *= inverse[c]
        scale[c] = inverse[c] * weight[c]
        part[c] = gb[c] / images if training else _0
        other[c] = gw[c] * inverse[c] / images if training else _0
    if not wanted:
        return
    for r in range(images):
        at = r * depth
        if training:
            for c in range(start, stop):
                d = (peek(x, at + c) - peek(mean, c)) * peek(other, c)
                poke(gx, at + c, (peek(g, at + c) - d - peek(part, c)) * peek(scale, c))
        else:
            for c in range(start, stop):
                poke(gx, at + c, peek(g, at + c) * peek(scale, c))


# ---------------------------------------------------------------------------------------------------------------------
# Rows


@compiled
def rows(count, x, weight, bias, spread, eps, centred, out, mean, inverse, start, stop):
    """The rows from ``start`` to ``stop`` of x (R, D), flat, each brought to mean 0 (``centred``) and mean square 1.

    Each number of weight and bias is for ``spread`` neighbours; a row begins where the row before ended, and again at
    the first number after the last one.
    """
    per_row = count // spread
    groups = len(weight) // per_row
    for r in range(start, stop):
        at, base = r * count, r % groups * per_row
        if centred:
            mean[r] = _sum(x, at, count) / count
        centre = mean[r]
        inverse[r] = 1 / np.sqrt(_squares(x, at, count, centre) / count + eps)
        scale = inverse[r]
        if spread == 1:
            for p in range(count):
                poke(out, at + p,
                     (peek(x, at + p) - centre) * scale * peek(weight, base + p) + peek(bias, base + p))  # fmt: skip
            continue
        for c in range(per_row):
            factor, shift, first = scale * weight[base + c], bias[base + c], at + c * spread
            for p in range(first, first + spread):
                poke(out, p, (peek(x, p) - centre) * factor + shift)


@compiled
def rows_gradient(count, g, x, weight, spread, centred, wanted, affine, mean, inverse, gx, gw, gb, start, stop):
    """The gradients of ``rows``: those of the input are written to gx; those of weight and bias, if there are any
    (``affine``), are added to gw and gb."""
    per_row = count // spread
    groups = len(weight) // per_row
    for r in range(start, stop):
        at, base = r * count, r % groups * per_row
        centre, scale = mean[r], inverse[r]
        total, product = 0.0, 0.0
        if spread == 1:
            for first in range(0, count, PIECE):
                part, other = _0, _0
                last = min(first + PIECE, count)
                for p in range(first, last):
                    u = peek(g, at + p) * peek(weight, base + p)
                    part += u
                    other += u * (peek(x, at + p) - centre)
                total += part
                product += other
                if affine:
                    for p in range(first, last):
                        u = peek(g, at + p)
                        poke(gb, base + p, peek(gb, base + p) + u)
                        poke(gw, base + p, peek(gw, base + p) + u * ((peek(x, at + p) - centre) * scale))
        else:
            for c in range(per_row):
                part, other = _products(g, x, at + c * spread, spread, centre)
                gb[base + c] += part
                gw[base + c] += other * scale
                total += part * weight[base + c]
                product += other * weight[base + c]
        if not wanted:
            continue
        slope = np.float32(product * scale * scale / count)
        shift = np.float32(total / count) if centred else _0
        if spread == 1:
            for p in range(count):
                u = peek(g, at + p) * peek(weight, base + p)
                poke(gx, at + p, (u - (peek(x, at + p) - centre) * slope - shift) * scale)
            continue
        for c in range(per_row):
            factor, first = weight[base + c], at + c * spread
            for p in range(first, first + spread):
                poke(gx, p, (peek(g, p) * factor - (peek(x, p) - centre) * slope - shift) * scale)
