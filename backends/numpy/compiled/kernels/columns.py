"""Convolution of any geometry as products with columns, image by image in the processor's cache.

A piece is some rows of the output of one image, or several small images whole. Its columns, (rows, positions) with a
row for each number that an output position meets, are written once and multiplied at once.

``geometry`` is (groups, kernel height, width, step down, across, padding above, left, dilation down, across).
"""

from __future__ import annotations

import numpy as np

from .blas import NORMAL, TRANSPOSED, sgemm
from .jit import compiled
from .lanes import peek, poke

_0, _1 = np.float32(0), np.float32(1)


@compiled
def _ends(offset, step, size, outputs):
    """The first and the last but one output position whose input, at ``offset + step i``, is inside."""
    first = max(0, -(offset // step)) if offset < 0 else 0
    last = (size - 1 - offset) // step + 1 if size > offset else 0
    return min(first, outputs), max(min(last, outputs), min(first, outputs))


@compiled
def _gather(image, geometry, channel, depth, top, bottom, across, columns, at, pitch):
    """The columns of ``depth`` channels of an image for the output rows from ``top`` to ``bottom``; row r of them
    begins at ``at + r pitch``."""
    _, kh, kw, sy, sx, py, px, dy, dx = geometry
    _, height, width = image.shape
    flat, row = image.reshape(-1), at
    for c in range(channel, channel + depth):
        for i in range(kh):
            for j in range(kw):
                offset = j * dx - px
                first, last = _ends(offset, sx, width, across)
                for y in range(top, bottom):
                    to = row + (y - top) * across
                    source = y * sy - py + i * dy
                    if source < 0 or source >= height or first == last:
                        for x in range(across):
                            poke(columns, to + x, _0)
                        continue
                    for x in range(first):
                        poke(columns, to + x, _0)
                    for x in range(last, across):
                        poke(columns, to + x, _0)
                    start = (c * height + source) * width + offset
                    if sx == 1:
                        for x in range(first, last):
                            poke(columns, to + x, peek(flat, start + x))
                    elif sx == 2:
                        for x in range(first, last):
                            poke(columns, to + x, peek(flat, start + x * 2))
                    else:
                        for x in range(first, last):
                            poke(columns, to + x, peek(flat, start + x * sx))
                row += pitch


@compiled
def _scatter(columns, at, pitch, geometry, channel, depth, top, bottom, across, image):
    """Add columns to the image they were gathered from."""
    _, kh, kw, sy, sx, py, px, dy, dx = geometry
    _, height, width = image.shape
    flat, row = image.reshape(-1), at
    for c in range(channel, channel + depth):
        for i in range(kh):
            for j in range(kw):
                offset = j * dx - px
                first, last = _ends(offset, sx, width, across)
                for y in range(top, bottom):
                    place = row + (y - top) * across
                    target = y * sy - py + i * dy
                    if target < 0 or target >= height:
                        continue
                    start = (c * height + target) * width + offset
                    if sx == 1:
                        for x in range(first, last):
                            poke(flat, start + x, peek(flat, start + x) + peek(columns, place + x))
                    else:
                        for x in range(first, last):
                            poke(flat, start + x * sx, peek(flat, start + x * sx) + peek(columns, place + x))
                row += pitch


@compiled
def convolve(address, x, weight, bias, geometry, out, start, stop, rows, images, columns, product):
    """The convolution of the images from ``start`` to ``stop``, in pieces of so many rows of one image or so many
    whole images.

    Shapes: x (N, C, H, W), weight (groups, O / groups, R), bias (O), out (N, O, H', W'); workspace: columns and product
    flat, R and O times the positions of a piece.
    """
    groups, per_group, met = weight.shape
    depth, (outputs, height, across) = x.shape[1] // groups, out.shape[1:]
    flat, kernels, positions = out.reshape(-1), weight.reshape(-1), height * across
    for plane in range(start * outputs, stop * outputs):
        for p in range(positions):
            poke(flat, plane * positions + p, bias[plane % outputs])
    for first in range(start, stop, images):
        count = min(images, stop - first)
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            piece = (bottom - top) * across
            pitch = piece * count
            for group in range(groups):
                for i in range(count):
                    _gather(
                        x[first + i], geometry, group * depth, depth, top, bottom, across, columns, i * piece, pitch
                    )
                if count == 1:
                    target = (first * outputs + group * per_group) * positions + top * across
                    sgemm(address, NORMAL, NORMAL, per_group, piece, met, kernels, group * per_group * met, met,
                          columns, 0, pitch, _1, flat, target, positions)  # fmt: skip
                    continue
                sgemm(address, NORMAL, NORMAL, per_group, pitch, met, kernels, group * per_group * met, met,
                      columns, 0, pitch, _0, product, 0, pitch)  # fmt: skip
                for i in range(count):
                    for o in range(per_group):
                        to = ((first + i) * outputs + group * per_group + o) * positions
                        at = o * pitch + i * piece
                        for p in range(piece):
                            poke(flat, to + p, peek(flat, to + p) + peek(product, at + p))


@compiled
def _outputs_of(g, first, count, channel, per_group, product):
    """The outputs of several images side by side: (per_group, count positions)."""
    positions = g.shape[2] * g.shape[3]
    flat, outputs, pitch = g.reshape(-1), g.shape[1], count * positions
    for i in range(count):
        for o in range(per_group):
            at = ((first + i) * outputs + channel + o) * positions
            to = o * pitch + i * positions
            for p in range(positions):
                poke(product, to + p, peek(flat, at + p))


@compiled
def scatter(address, g, weight, geometry, out, start, stop, rows, images, columns, product):
    """Add the gradient of the input for the images from ``start`` to ``stop`` to ``out``. Shapes as in ``convolve``."""
    groups, per_group, met = weight.shape
    depth, (outputs, height, across) = out.shape[1] // groups, g.shape[1:]
    flat, kernels, positions = g.reshape(-1), weight.reshape(-1), height * across
    for first in range(start, stop, images):
        count = min(images, stop - first)
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            piece = (bottom - top) * across
            pitch = piece * count
            for group in range(groups):
                if count == 1:
                    at = (first * outputs + group * per_group) * positions + top * across
                    sgemm(address, TRANSPOSED, NORMAL, met, piece, per_group, kernels, group * per_group * met, met,
                          flat, at, positions, _0, columns, 0, pitch)  # fmt: skip
                else:
                    _outputs_of(g, first, count, group * per_group, per_group, product)
                    sgemm(address, TRANSPOSED, NORMAL, met, pitch, per_group, kernels, group * per_group * met, met,
                          product, 0, pitch, _0, columns, 0, pitch)  # fmt: skip
                for i in range(count):
                    _scatter(
                        columns, i * piece, pitch, geometry, group * depth, depth, top, bottom, across, out[first + i]
                    )


@compiled
def correlate(address, x, g, geometry, total, start, stop, rows, images, columns, product):
    """Add the gradient of the weight for the images from ``start`` to ``stop`` to ``total`` (groups, O / groups, R)."""
    groups, per_group, met = total.shape
    depth, (outputs, height, across) = x.shape[1] // groups, g.shape[1:]
    flat, sums, positions = g.reshape(-1), total.reshape(-1), height * across
    for first in range(start, stop, images):
        count = min(images, stop - first)
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            piece = (bottom - top) * across
            pitch = piece * count
            for group in range(groups):
                for i in range(count):
                    _gather(
                        x[first + i], geometry, group * depth, depth, top, bottom, across, columns, i * piece, pitch
                    )
                if count == 1:
                    at = (first * outputs + group * per_group) * positions + top * across
                    sgemm(address, NORMAL, TRANSPOSED, per_group, met, piece, flat, at, positions,
                          columns, 0, pitch, _1, sums, group * per_group * met, met)  # fmt: skip
                else:
                    _outputs_of(g, first, count, group * per_group, per_group, product)
                    sgemm(address, NORMAL, TRANSPOSED, per_group, met, pitch, product, 0, pitch,
                          columns, 0, pitch, _1, sums, group * per_group * met, met)  # fmt: skip
