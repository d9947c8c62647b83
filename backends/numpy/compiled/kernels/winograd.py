"""Convolution with 3x3 kernels at step 1 by fewer multiplications: Winograd's minimal filtering F(4x4, 3x3).

Four by four outputs are made from a tile of six by six inputs d and a kernel w as

    y = A' ((G w G') * (B' d B)) A

with the product * of each of the 36 numbers for all tiles, channels and outputs at once: 36 products of matrices with
one row a tile, in place of one with 9 x 16 rows, a quarter of the multiplications. The interpolation points 0, 1, -1,
1/2, -2 and infinity give a rounding error of about 7 times that of the sum as it stands.

Sources: A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks" (2016); B. Barabasz et al., "Error
analysis and improving the accuracy of Winograd convolution for deep neural networks" (2020), for the points.

Inside, channels are last, so that every loop runs over neighbouring channels whatever the size of the image. The arrays
``surrounded`` (an image among zeros), ``tiles`` and ``sums`` are workspace.
"""

from __future__ import annotations

import numpy as np

from .blas import NORMAL, TRANSPOSED, sgemm
from .jit import compiled
from .lanes import LANES, peek, poke, transform

KERNEL_TRANSFORM = np.array(
    [[2, 0, 0], [5 / 6, 5 / 6, 5 / 6], [5 / 6, -5 / 6, 5 / 6], [32 / 15, 16 / 15, 8 / 15], [1 / 15, -2 / 15, 4 / 15],
     [0, 0, 2]], np.float64,
)  # fmt: skip
"""G."""

INPUT_TRANSFORM = np.array(
    [[1 / 2, -3 / 4, -1, 3 / 4, 1 / 2, 0], [0, -2 / 5, 1 / 5, 1, 2 / 5, 0], [0, -2 / 5, 1, -1 / 5, -2 / 5, 0],
     [0, 1, 1 / 2, -1, -1 / 2, 0], [0, 1 / 2, -1, -1 / 2, 1, 0], [0, 1 / 2, -3 / 4, -1, 3 / 4, 1 / 2]],
)  # fmt: skip
"""B'."""

OUTPUT_TRANSFORM = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 1 / 2, -2, 0], [0, 1, 1, 1 / 4, 4, 0], [0, 1, -1, 1 / 8, -8, 1]]
)
"""A'."""

_to_kernels = transform(KERNEL_TRANSFORM)
_from_total = transform(KERNEL_TRANSFORM.T)
_to_tiles = transform(INPUT_TRANSFORM)
_from_sums = transform(OUTPUT_TRANSFORM)
_to_sums = transform(OUTPUT_TRANSFORM.T)
_0, _1 = np.float32(0), np.float32(1)


@compiled
def _surround(image, top, left, surrounded):
    """An image (C, H, W) as (rows, columns, C) at an offset; what lies outside stays as it is: zero."""
    channels, height, width = image.shape
    rows, columns, _ = surrounded.shape
    source, target = image.reshape(-1), surrounded.reshape(-1)
    depth = surrounded.shape[2]
    for y in range(max(0, -top), min(height, rows - top)):
        for x in range(max(0, -left), min(width, columns - left)):
            at, to = y * width + x, ((y + top) * columns + x + left) * depth
            for c in range(channels):
                poke(target, to + c, peek(source, at + c * height * width))


@compiled
def _tiles_of(surrounded, down, across, first, tiles, count, depth):
    """The tiles of one image, (36, count, depth) from tile ``first`` on."""
    source, row, plane = surrounded.reshape(-1), surrounded.shape[1] * depth, count * depth
    for y in range(down):
        for x in range(across):
            at, to = 4 * y * row + 4 * x * depth, (first + y * across + x) * depth
            for c in range(0, depth, LANES):
                _to_tiles(source, at + c, row, depth, tiles, to + c, 6 * plane, plane)


@compiled
def _product_of(sums, count, wide, down, across, first, product):
    """The outputs of one image from sums (36, count, wide)."""
    result, row, plane = product.reshape(-1), product.shape[1] * wide, count * wide
    for y in range(down):
        for x in range(across):
            at, to = (first + y * across + x) * wide, 4 * y * row + 4 * x * wide
            for o in range(0, wide, LANES):
                _from_sums(sums, at + o, 6 * plane, plane, result, to + o, row, wide)


@compiled
def _sums_of(product, down, across, first, sums, count, wide):
    """The gradient of one image's outputs as that of its sums, (36, count, wide) from tile ``first`` on."""
    source, row, plane = product.reshape(-1), product.shape[1] * wide, count * wide
    for y in range(down):
        for x in range(across):
            at, to = 4 * y * row + 4 * x * wide, (first + y * across + x) * wide
            for o in range(0, wide, LANES):
                _to_sums(source, at + o, row, wide, sums, to + o, 6 * plane, plane)


@compiled
def _write(product, bias, image):
    """An image (O, H, W) from (rows, columns, O), with the bias."""
    outputs, height, width = image.shape
    source, target, wide = product.reshape(-1), image.reshape(-1), product.shape[2]
    for o in range(outputs):
        for y in range(height):
            at, to = y * product.shape[1] * wide + o, (o * height + y) * width
            for x in range(width):
                poke(target, to + x, peek(source, at + x * wide) + bias[o])


@compiled
def transform_kernels(weight, turned, out, row):
    """The kernels (O, C, 3, 3) for ``convolve``: out (36, C, O); ``turned`` gives those that take gradients of the
    outputs to the inputs, (36, O, C). ``row`` is workspace: 45 times
    the last size in whole vectors."""
    _, inputs, outputs = out.shape
    flat, wide = weight.reshape(-1), len(row) // 45
    staged, result = row, out.reshape(-1)
    per_input, per_output = (9 * outputs, 9) if turned else (9, 9 * inputs)
    for c in range(inputs):
        for o in range(outputs):
            at = c * per_input + o * per_output
            for k in range(9):
                poke(staged, (8 - k if turned else k) * wide + o, peek(flat, at + k))
        for o in range(0, wide, LANES):
            _to_kernels(staged, o, 3 * wide, wide, staged, 9 * wide + o, 6 * wide, wide)
        for e in range(36):
            to, at = (e * inputs + c) * outputs, (9 + e) * wide
            for o in range(outputs):
                poke(result, to + o, peek(staged, at + o))


@compiled
def kernels_of(total, out, row):
    """The gradient of the kernels, out (O, C, 3, 3), from what ``correlate`` adds up, (36, C, O)."""
    _, inputs, outputs = total.shape
    flat, wide = total.reshape(-1), len(row) // 45
    staged, result = row, out.reshape(-1)
    for c in range(inputs):
        for e in range(36):
            at, to = (e * inputs + c) * outputs, (9 + e) * wide
            for o in range(outputs):
                poke(staged, to + o, peek(flat, at + o))
        for o in range(0, wide, LANES):
            _from_total(staged, 9 * wide + o, 6 * wide, wide, staged, o, 3 * wide, wide)
        for o in range(outputs):
            for k in range(9):
                poke(result, (o * inputs + c) * 9 + k, peek(staged, k * wide + o))


@compiled
def convolve(address, x, kernels, bias, top, left, out, start, stop, surrounded, product, tiles, sums):
    """The convolution of the images from ``start`` to ``stop``.

    Shapes: x (N, C, H, W), kernels (36, C, O), bias (O), out (N, O, H', W'); workspace: surrounded (4 down + 2,
    4 across + 2, C) of zeros, product (4 down, 4 across, O), tiles (36, count, C), sums (36, count, O), where count
    holds the tiles of one image or of several, and C and O are rounded up to whole vectors.
    """
    channels, (outputs, height, width) = x.shape[1], out.shape[1:]
    down, across = (height + 3) // 4, (width + 3) // 4
    each, count, depth, wide = down * across, tiles.shape[1], tiles.shape[2], sums.shape[2]
    flat_tiles, flat_sums, flat_kernels = tiles.reshape(-1), sums.reshape(-1), kernels.reshape(-1)
    for first in range(start, stop, count // each):
        images = min(count // each, stop - first)
        for i in range(images):
            _surround(x[first + i], top, left, surrounded)
            _tiles_of(surrounded, down, across, i * each, flat_tiles, count, depth)
        for e in range(36):
            sgemm(address, NORMAL, NORMAL, images * each, outputs, channels, flat_tiles, e * count * depth, depth,
                  flat_kernels, e * channels * outputs, outputs, _0, flat_sums, e * count * wide, wide)  # fmt: skip
        for i in range(images):
            _product_of(flat_sums, count, wide, down, across, i * each, product)
            _write(product, bias, out[first + i])


@compiled
def correlate(address, x, g, top, left, total, start, stop, surrounded, product, tiles, sums):
    """Add the gradient of the kernels for the images from ``start`` to ``stop`` to ``total`` (36, C, O).

    Shapes as for ``convolve``, with g for out; ``product`` holds zeros.
    """
    channels, (outputs, height, width) = x.shape[1], g.shape[1:]
    down, across = (height + 3) // 4, (width + 3) // 4
    each, count, depth, wide = down * across, tiles.shape[1], tiles.shape[2], sums.shape[2]
    flat_tiles, flat_sums, flat_total = tiles.reshape(-1), sums.reshape(-1), total.reshape(-1)
    for first in range(start, stop, count // each):
        images = min(count // each, stop - first)
        for i in range(images):
            _surround(x[first + i], top, left, surrounded)
            _tiles_of(surrounded, down, across, i * each, flat_tiles, count, depth)
            _surround(g[first + i], 0, 0, product)
            _sums_of(product, down, across, i * each, flat_sums, count, wide)
        for e in range(36):
            sgemm(address, TRANSPOSED, NORMAL, channels, outputs, images * each, flat_tiles, e * count * depth, depth,
                  flat_sums, e * count * wide, wide, _1, flat_total, e * channels * outputs, outputs)  # fmt: skip
