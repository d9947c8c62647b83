"""Convolution with 3x3 kernels at step 1 by fewer multiplications: Winograd's minimal filtering F(4x4, 3x3).

Four by four outputs are made from a tile of six by six inputs d and a kernel w as

    y = A' ((G w G') * (B' d B)) A

with the product * of each of the 36 numbers for all tiles, channels and outputs at once: 36 products of matrices with
one row a tile, in place of one with 9 x 16 rows, a quarter of the multiplications. The interpolation points 0, 1, -1,
1/2, -2 and infinity give a rounding error of about 7 times that of the sum as it stands.

Sources: A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks" (2016); B. Barabasz et al., "Error
analysis and improving the accuracy of Winograd convolution for deep neural networks" (2020), for the points.

Inside, channels are last, so that every loop runs over neighbouring channels whatever the size of the image. The arrays
``surrounded`` (an image among zeros), ``product`` (its outputs), ``tiles`` and ``sums`` are workspace. Kernels, and the
sums in ``correlate``, lie in panels of up to 64 columns, (36, panel, row, column), as ``blocks.multiply`` takes them.

``sizes`` are (inputs, outputs, tiles down, across, images at a time, zeros above, left).
"""

from __future__ import annotations

import numpy as np

from .blocks import multiply, turn, turn_and_shift
from .jit import alone, compiled
from .lanes import LANES, in_line, transform

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


@compiled
def _panel(outputs, panel):
    """The vectors of a panel."""
    return (min(64, outputs - 64 * panel) + 15) // 16


@compiled
def _whole(channels):
    return (channels + 15) // 16 * 16


@compiled
def _plane(numbers):
    """From one of the 36 parts to the next: not a power of two, whose multiples share few places of the cache."""
    return numbers + 16


@compiled
def _count(sizes):
    """Tiles at a time, an even number."""
    return (sizes[2] * sizes[3] * sizes[4] + 1) // 2 * 2


@compiled
def _surround(x, image, sizes, inside, surrounded):
    """An image (C, H, W) with the channels last; what lies around it stays as it is: zero."""
    _, channels, height, width = x.shape
    to = (sizes[5] * (4 * sizes[3] + 2) + sizes[6]) * _whole(channels)
    positions = height * width
    turn(in_line(x), image * channels * positions, positions, channels, positions, surrounded, to, inside, 0)


@alone
def _tiles_of(surrounded, down, across, first, tiles, count, depth):
    """The tiles of one image, (36, count, depth) from tile ``first`` on."""
    row, plane = (4 * across + 2) * depth, _plane(count * depth)
    for y in range(down):
        for x in range(across):
            at, to = 4 * y * row + 4 * x * depth, (first + y * across + x) * depth
            for c in range(0, depth, LANES):
                _to_tiles(surrounded, at + c, row, depth, tiles, to + c, 6 * plane, plane)


@alone
def _product_of(sums, count, wide, down, across, first, product):
    """The outputs of one image from sums (36, count, wide)."""
    row, plane = 4 * across * wide, _plane(count * wide)
    for y in range(down):
        for x in range(across):
            at, to = (first + y * across + x) * wide, 4 * y * row + 4 * x * wide
            for o in range(0, wide, LANES):
                _from_sums(sums, at + o, 6 * plane, plane, product, to + o, row, wide)


@alone
def _sums_of(product, down, across, first, sums, count, outputs):
    """The gradient of one image's outputs as that of its sums, (36, panel, count, column) from tile ``first`` on."""
    wide = _whole(outputs)
    row, plane = 4 * across * wide, _plane(count * wide)
    for y in range(down):
        for x in range(across):
            at, tile = 4 * y * row + 4 * x * wide, first + y * across + x
            for o in range(0, wide, LANES):
                panel = o // 64
                to = 64 * panel * count + tile * _panel(outputs, panel) * 16 + o - 64 * panel
                _to_sums(product, at + o, row, wide, sums, to, 6 * plane, plane)


@alone
def _kernels_of(weight, inputs, outputs, turned, block, table, staged, out, to, pitch, plane):
    """Transform the kernels of 16 columns: those of row r go to ``to + r pitch``."""
    columns = min(16, outputs - 16 * block)
    if not turned:
        turn(weight, 16 * block * inputs * 9, inputs * 9, columns, inputs * 9, staged, 0, table, 0)
        for c in range(inputs):
            _to_kernels(staged, 144 * c, 48, 16, out, to + c * pitch, 6 * plane, plane)
        return
    for r in range(inputs):
        at = (r * outputs + 16 * block) * 9
        # Squares reach past the nine numbers of a kernel, into what is next; that is not used.
        inside = at + (columns - 1) * 9 + 16 <= len(weight)
        turn(weight, at, 9, columns, 16 if inside else 9, staged, 0, table, 0)
        _to_kernels(staged, 0, 48, 16, out, to + r * pitch, 6 * plane, plane)


@compiled
def transform_kernels(weight, inputs, outputs, turned, table, out, start, stop, staged):
    """The kernels (O, C, 3, 3) for ``convolve``: out (36, panel, C, column), the blocks of 16 columns from ``start`` to
    ``stop``. ``turned`` gives those that take gradients of the outputs to the inputs; ``table`` says where the numbers
    of a kernel go."""
    plane = _plane(inputs * _whole(outputs))
    for block in range(start, stop):
        panel = block // 4
        pitch = _panel(outputs, panel) * 16
        to = 64 * panel * inputs + 16 * block - 64 * panel
        _kernels_of(weight, inputs, outputs, turned, block, table, staged, out, to, pitch, plane)


@compiled
def lay_out(x, sizes, inside, depth, start, stop, surrounded, tiles):
    """The tiles of the images from ``start`` to ``stop`` of all, (36, images tiles, depth)."""
    down, across = sizes[2:4]
    for i in range(start, stop):
        _surround(x, i, sizes, inside, surrounded)
        _tiles_of(surrounded, down, across, i * down * across, tiles, _count(sizes), depth)


@compiled
def _write(product, shape, wide, columns, row, out, image, channel, planes, bias):
    """Some channels of an image from (rows, row, wide), with the bias."""
    _, outputs, height, width = shape
    to = (image * outputs + channel) * height * width
    if row == width:
        turn_and_shift(product, 0, wide, height * width, columns, out, to, planes, 0, bias, channel)
        return
    for y in range(height):
        turn_and_shift(product, y * row * wide, wide, width, columns, out, to + y * width, planes, 0, bias, channel)


@compiled
def convolve(x, kernels, bias, sizes, inside, places, targets, steps, planes, out, start, stop, surrounded, product,
             tiles, sums):  # fmt: skip
    """The convolution of the images from ``start`` to ``stop``.

    Shapes: x (N, C, H, W), kernels (36, panel, C, column), bias (O), out (N, O, H', W'); workspace: surrounded
    (4 down + 2, 4 across + 2, C) of zeros, product (4 down, 4 across, O), tiles (36, count, C), sums (36, count, O),
    where count holds the tiles of some images, and C and O are rounded up to whole vectors.
    """
    inputs, outputs, down, across, images = sizes[:5]
    depth, wide, each, count = _whole(inputs), _whole(outputs), down * across, _count(sizes)
    for first in range(start, stop, images):
        some = min(images, stop - first)
        for i in range(some):
            _surround(x, first + i, sizes, inside, surrounded)
            _tiles_of(surrounded, down, across, i * each, tiles, count, depth)
        rows = (each * some + 1) // 2 * 2
        for e in range(36):
            for panel in range((outputs + 63) // 64):
                multiply(tiles, e * _plane(count * depth), places, 0, rows, steps, 0, inputs, kernels,
                         e * _plane(inputs * wide) + 64 * panel * inputs, _panel(outputs, panel), sums,
                         e * _plane(count * wide) + 64 * panel, targets, False)  # fmt: skip
        for i in range(some):
            _product_of(sums, count, wide, down, across, i * each, product)
            _write(product, out.shape, wide, outputs, 4 * across, in_line(out), first + i, 0, planes, bias)


@compiled
def convolve_blocks(tiles, weight, turned, bias, sizes, table, places, targets, steps, planes, out, start, stop,
                    kernels, staged, product, sums):  # fmt: skip
    """The blocks of 32 channels from ``start`` to ``stop`` for all images, whose kernels are transformed in between."""
    inputs, outputs, down, across, images = sizes[:5]
    depth, each, count = _whole(inputs), down * across, _count(sizes)
    for block in range(start, stop):
        wide = min(32, _whole(outputs - 32 * block))
        for half in range(wide // 16):
            _kernels_of(weight, inputs, outputs, turned, 2 * block + half, table, staged, kernels, 16 * half, wide,
                        _plane(inputs * wide))  # fmt: skip
        for e in range(36):
            multiply(tiles, e * _plane(count * depth), places, 0, count, steps, 0, inputs, kernels,
                     e * _plane(inputs * wide), wide // 16, sums, e * _plane(count * 32), targets, False)  # fmt: skip
        for i in range(images):
            _product_of(sums, count, 32, down, across, i * each, product)
            _write(product, out.shape, 32, min(32, outputs - 32 * block), 4 * across, in_line(out), i, 32 * block,
                   planes, bias)  # fmt: skip


@compiled
def _lay_out_outputs(g, image, sizes, inside, product, first, sums):
    """The gradient of one image's outputs as rows of panels; ``product`` holds zeros beyond the image."""
    _, outputs, height, width = g.shape
    down, across = sizes[2:4]
    positions = height * width
    turn(in_line(g), image * outputs * positions, positions, outputs, positions, product, 0, inside, 0)
    _sums_of(product, down, across, first, sums, _count(sizes), outputs)


@compiled
def lay_out_outputs(g, sizes, inside, start, stop, product, sums):
    """The gradients of the outputs from ``start`` to ``stop`` of all, (36, panel, images tiles, column)."""
    for i in range(start, stop):
        _lay_out_outputs(g, i, sizes, inside, product, i * sizes[2] * sizes[3], sums)


@compiled
def correlate(x, g, sizes, inside, inside_out, channels, steps, full, last, total, start, stop, surrounded, product,
              tiles, sums):  # fmt: skip
    """Add the gradient of the kernels for the images from ``start`` to ``stop`` to ``total`` (36, panel, C, column).

    Shapes as for ``convolve``, with g for out; ``product`` holds zeros.
    """
    inputs, outputs, down, across, images = sizes[:5]
    depth, wide, each, even, count = _whole(inputs), _whole(outputs), down * across, len(channels), _count(sizes)
    for first in range(start, stop, images):
        some = min(images, stop - first)
        for i in range(some):
            _surround(x, first + i, sizes, inside, surrounded)
            _tiles_of(surrounded, down, across, i * each, tiles, count, depth)
            _lay_out_outputs(g, first + i, sizes, inside_out, product, i * each, sums)
        for e in range(36):
            for panel in range((outputs + 63) // 64):
                vectors = _panel(outputs, panel)
                multiply(tiles, e * _plane(count * depth), channels, 0, even, steps, 0, each * some, sums,
                         e * _plane(count * wide) + 64 * panel * count, vectors, total,
                         e * _plane(even * wide) + 64 * panel * even,
                         full if vectors == 4 else last, True)  # fmt: skip


@alone
def _gradient(total, rows, at, plane, columns, staged, out, to, planes):
    """The gradient of the kernels of so many inputs and 16 outputs, from what is at ``total`` on."""
    for c in range(rows):
        _from_total(total, at + c * plane[1], 6 * plane[0], plane[0], staged, 144 * c, 48, 16)
    turn(staged, 0, 16, 9 * rows, columns, out, to, planes, 0)


@compiled
def kernels_of(total, inputs, outputs, even, planes, out, start, stop, staged):
    """The gradient of the kernels, out (O, C, 3, 3), from what ``correlate`` adds up, for blocks of 16 outputs."""
    plane = _plane(even * _whole(outputs))
    for block in range(start, stop):
        panel = block // 4
        at = 64 * panel * even + 16 * block - 64 * panel
        _gradient(total, inputs, at, (plane, 16 * _panel(outputs, panel)), min(16, outputs - 16 * block), staged, out,
                  16 * block * inputs * 9, planes)  # fmt: skip


@compiled
def correlate_blocks(tiles, sums, sizes, channels, steps, full, last, planes, out, start, stop, total, staged):
    """The gradient of the kernels for all images, an item being 64 inputs of a panel of outputs."""
    inputs, outputs, down, across, images = sizes[:5]
    depth, wide, count, parts = _whole(inputs), _whole(outputs), _count(sizes), (inputs + 63) // 64
    for item in range(start, stop):
        panel, first = item // parts, item % parts * 64
        vectors, rows = _panel(outputs, panel), min(64, inputs - first)
        pitch = vectors * 16
        for e in range(36):
            multiply(tiles, e * _plane(count * depth), channels, first, (rows + 1) // 2 * 2, steps, 0,
                     down * across * images, sums, e * _plane(count * wide) + 64 * panel * count, vectors, total,
                     e * _plane(64 * pitch) - first * pitch, full if vectors == 4 else last, False)  # fmt: skip
        for block in range(vectors):
            o = 64 * panel + 16 * block
            _gradient(total, rows, 16 * block, (_plane(64 * pitch), pitch), min(16, outputs - o), staged, out,
                      (o * inputs + first) * 9, planes)  # fmt: skip
