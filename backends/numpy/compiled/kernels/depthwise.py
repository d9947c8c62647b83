"""Convolution of each channel on its own: sums of moved rows, without a product of matrices.

``geometry`` is (groups, kernel height, width, step down, across, padding above, left, dilation down, across); with
groups = C each channel has O / C outputs.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .columns import _ends

_OPTIONS = {"nogil": True, "cache": True, "fastmath": {"reassoc", "contract", "nsz", "arcp"}}


@njit(**_OPTIONS)
def convolve(x, weight, bias, geometry, out, start, stop):  # type: ignore[no-untyped-def]
    """The planes from ``start`` to ``stop`` of the N O of out (N, O, H', W'); x (N, C, H, W), weight (O, h, w)."""
    _, kh, kw, sy, sx, py, px, dy, dx = geometry
    outputs, each = out.shape[1], out.shape[1] // x.shape[1]
    height, width = x.shape[2:]
    for plane in range(start, stop):
        n, o = plane // outputs, plane % outputs
        source, target = x[n, o // each], out[n, o]
        for y in range(target.shape[0]):
            line = target[y]
            line[:] = bias[o]
            for i in range(kh):
                row = y * sy - py + i * dy
                if row < 0 or row >= height:
                    continue
                inputs = source[row]
                for j in range(kw):
                    offset, factor = j * dx - px, weight[o, i, j]
                    first, last = _ends(offset, sx, width, len(line))
                    if sx == 1:
                        for z in range(first, last):
                            line[z] += factor * inputs[z + offset]
                    else:
                        for z in range(first, last):
                            line[z] += factor * inputs[z * sx + offset]


@njit(**_OPTIONS)
def scatter(g, weight, geometry, out, start, stop):  # type: ignore[no-untyped-def]
    """Add the gradient of the input to its planes from ``start`` to ``stop`` of N C. Shapes as in ``convolve``."""
    _, kh, kw, sy, sx, py, px, dy, dx = geometry
    channels, each = out.shape[1], g.shape[1] // out.shape[1]
    height, width = out.shape[2:]
    for plane in range(start, stop):
        n, c = plane // channels, plane % channels
        target = out[n, c]
        for o in range(c * each, (c + 1) * each):
            source = g[n, o]
            for y in range(source.shape[0]):
                line = source[y]
                for i in range(kh):
                    row = y * sy - py + i * dy
                    if row < 0 or row >= height:
                        continue
                    results = target[row]
                    for j in range(kw):
                        offset, factor = j * dx - px, weight[o, i, j]
                        first, last = _ends(offset, sx, width, len(line))
                        if sx == 1:
                            for z in range(first, last):
                                results[z + offset] += factor * line[z]
                        else:
                            for z in range(first, last):
                                results[z * sx + offset] += factor * line[z]


@njit(**_OPTIONS)
def correlate(x, g, geometry, total, start, stop):  # type: ignore[no-untyped-def]
    """The gradient of the kernels, (O, h, w), of the outputs from ``start`` to ``stop``."""
    _, kh, kw, sy, sx, py, px, dy, dx = geometry
    each = g.shape[1] // x.shape[1]
    height, width = x.shape[2:]
    for o in range(start, stop):
        for i in range(kh):
            for j in range(kw):
                offset = j * dx - px
                first, last = _ends(offset, sx, width, g.shape[3])
                sum_of_all = np.float32(0)
                for n in range(x.shape[0]):
                    source = x[n, o // each]
                    for y in range(g.shape[2]):
                        row = y * sy - py + i * dy
                        if row < 0 or row >= height:
                            continue
                        line, inputs, part = g[n, o, y], source[row], np.float32(0)
                        for z in range(first, last):
                            part += line[z] * inputs[z * sx + offset]
                        sum_of_all += part
                total[o, i, j] = sum_of_all
