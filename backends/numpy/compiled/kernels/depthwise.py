"""Convolution of each channel on its own: sums of moved rows, without a product of matrices.

``geometry`` is (groups, kernel height, width, step down, across, padding above, left, dilation down, across); with
groups = C each channel has O / C outputs.
"""

from __future__ import annotations

import numpy as np

from .jit import compiled
from .lanes import in_line, peek, poke


@compiled
def _ends(offset, step, size, outputs):
    """The first and the last but one output position whose input, at ``offset + step i``, is inside."""
    first = max(0, -(offset // step)) if offset < 0 else 0
    last = (size - 1 - offset) // step + 1 if size > offset else 0
    return min(first, outputs), max(min(last, outputs), min(first, outputs))


@compiled
def convolve(x, weight, bias, geometry, out, start, stop):
    """The planes from ``start`` to ``stop`` of the N O of out (N, O, H', W'); x (N, C, H, W), weight (O, h, w)."""
    _, kh, kw, sy, sx, py, px, dy, dx = geometry
    (channels, height, width), (outputs, down, across) = x.shape[1:], out.shape[1:]
    source, target = in_line(x), in_line(out)
    for plane in range(start, stop):
        n, o = plane // outputs, plane % outputs
        image, result = (n * channels + o // (outputs // channels)) * height * width, plane * down * across
        for p in range(result, result + down * across):
            poke(target, p, bias[o])
        for j in range(kw):
            offset = j * dx - px
            first, last = _ends(offset, sx, width, across)
            for i in range(kh):
                factor = weight[o, i, j]
                for y in range(down):
                    row = y * sy - py + i * dy
                    if row < 0 or row >= height:
                        continue
                    at, to = image + row * width + offset, result + y * across
                    if sx == 1:
                        for z in range(first, last):
                            poke(target, to + z, peek(target, to + z) + factor * peek(source, at + z))
                    else:
                        for z in range(first, last):
                            poke(target, to + z, peek(target, to + z) + factor * peek(source, at + z * sx))


@compiled
def scatter(g, weight, geometry, out, start, stop):
    """Add the gradient of the input to its planes from ``start`` to ``stop`` of N C. Shapes as in ``convolve``."""
    _, kh, kw, sy, sx, py, px, dy, dx = geometry
    (channels, height, width), (outputs, down, across) = out.shape[1:], g.shape[1:]
    source, target, each = in_line(g), in_line(out), outputs // channels
    for plane in range(start, stop):
        n, c, image = plane // channels, plane % channels, plane * height * width
        for o in range(c * each, (c + 1) * each):
            gradient = (n * outputs + o) * down * across
            for j in range(kw):
                offset = j * dx - px
                first, last = _ends(offset, sx, width, across)
                for i in range(kh):
                    factor = weight[o, i, j]
                    for y in range(down):
                        row = y * sy - py + i * dy
                        if row < 0 or row >= height:
                            continue
                        at, to = gradient + y * across, image + row * width + offset
                        if sx == 1:
                            for z in range(first, last):
                                poke(target, to + z, peek(target, to + z) + factor * peek(source, at + z))
                        else:
                            for z in range(first, last):
                                poke(target, to + z * sx, peek(target, to + z * sx) + factor * peek(source, at + z))


@compiled
def correlate(x, g, geometry, total, start, stop):
    """The gradient of the kernels, (O, h, w), of the outputs from ``start`` to ``stop``."""
    _, kh, kw, sy, sx, py, px, dy, dx = geometry
    (channels, height, width), (outputs, down, across) = x.shape[1:], g.shape[1:]
    inputs, gradients = in_line(x), in_line(g)
    for o in range(start, stop):
        for j in range(kw):
            offset = j * dx - px
            first, last = _ends(offset, sx, width, across)
            for i in range(kh):
                whole = np.float32(0)
                for n in range(x.shape[0]):
                    image = (n * channels + o // (outputs // channels)) * height * width
                    part = np.float32(0)
                    for y in range(down):
                        row = y * sy - py + i * dy
                        if row < 0 or row >= height:
                            continue
                        at, to = image + row * width + offset, ((n * outputs + o) * down + y) * across
                        if sx == 1:
                            for z in range(first, last):
                                part += peek(gradients, to + z) * peek(inputs, at + z)
                        else:
                            for z in range(first, last):
                                part += peek(gradients, to + z) * peek(inputs, at + z * sx)
                    whole += part
                total[o, i, j] = whole
