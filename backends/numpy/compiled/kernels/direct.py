"""Convolution of any geometry as products of matrices, the left one being the image itself.

A piece is some rows of the output of one image, or several small images whole. Its part of the input is laid out with
the channels last among the zeros around it; tables (``compiled/geometry.py``) say where each output position begins
there, and how far from it the numbers are that the position meets. The right matrix lies in panels of up to 64 columns,
(panel, row, column).

``sizes`` are (groups, input channels of a group, output channels of a group, images of a piece, rows of a piece, rows
and columns of what is laid out, from one position there to the next, step down, first row).
"""

from __future__ import annotations

import numpy as np

from .blocks import multiply, turn, turn_and_shift
from .jit import compiled
from .lanes import in_line, poke
from .sizes import ROWS

_0 = np.float32(0)


@compiled
def _panel(outputs, panel):
    """The columns of a panel, and the vectors that they take."""
    columns = min(64, outputs - 64 * panel)
    return columns, (columns + 15) // 16


@compiled
def _lay_out(image, at, shape, sizes, top, inside, onto, to):
    """The rows from ``top`` on of an image (C, H, W) with the channels last; what is outside the image is zero."""
    _, channels, height, width = shape
    rows, across, pixel = sizes[5:8]
    low = min(max(0, -top), rows)
    high = max(min(rows, height - top), low)
    pitch = across * pixel
    for p in range(to, to + low * pitch):
        poke(onto, p, _0)
    for p in range(to + high * pitch, to + rows * pitch):
        poke(onto, p, _0)
    start = at * channels * height * width + (top + low) * width
    turn(image, start, height * width, channels, (high - low) * width, onto, to + low * pitch, inside, 0)


@compiled
def lay_out(x, sizes, inside, start, stop, laid):
    """The images from ``start`` to ``stop``, whole."""
    each = sizes[5] * sizes[6] * sizes[7]
    for i in range(start, stop):
        _lay_out(in_line(x), i, x.shape, sizes, sizes[9], inside, laid, i * each)


@compiled
def _pieces(piece, images, rows, count, height):
    """The first image of a piece, its images, its first row, its rows."""
    strips = -(-height // rows)
    first, top = piece // strips * images, piece % strips * rows
    return first, min(images, count - first), top, min(rows, height - top)


@compiled
def pack(weight, met, outputs, full, last, packed, start, stop):
    """Kernels (O, met) as panels of (met, O), the panels from ``start`` to ``stop``."""
    panels = (outputs + 63) // 64
    wide = (outputs + 15) // 16 * 16
    for index in range(start, stop):
        group, panel = index // panels, index % panels
        columns, vectors = _panel(outputs, panel)
        turn(weight, (group * outputs + 64 * panel) * met, met, columns, met, packed, (group * wide + 64 * panel) * met,
             full if vectors == 4 else last, 0)  # fmt: skip


@compiled
def convolve(x, packed, bias, sizes, inside, places, steps, met, targets, planes, out, start, stop, laid, product):
    """The convolution of the pieces from ``start`` to ``stop``: x (N, C, H, W), out (N, O, H', W')."""
    groups, depth, outputs, images, rows, high, across_in, pixel, step, first_row = sizes
    count, (_, _, down, across) = x.shape[0], out.shape
    flat, result = in_line(x), in_line(out)
    each, wide, panels = high * across_in * pixel, (outputs + 15) // 16 * 16, (outputs + 63) // 64
    for piece in range(start, stop):
        first, some, top, lines = _pieces(piece, images, rows, count, down)
        for i in range(some):
            _lay_out(flat, first + i, x.shape, sizes, top * step + first_row, inside, laid, i * each)
        positions = lines * across
        even = (positions * some + 1) // 2 * 2
        for group in range(groups):
            for panel in range(panels):
                at, vectors = group * wide + 64 * panel, _panel(outputs, panel)[1]
                multiply(laid, group * depth, places, 0, even, steps, 0, met, packed, at * met, vectors,
                         product, at, targets, False)  # fmt: skip
        for i in range(some):
            for group in range(groups):
                channel = group * outputs
                turn_and_shift(
                    product, (i * positions * groups + group) * wide, groups * wide, positions, outputs, result,
                    ((first + i) * groups * outputs + channel) * down * across + top * across, planes, 0, bias, channel,
                )  # fmt: skip


@compiled
def convolve_panels(laid, weight, bias, sizes, places, steps, met, full, last, targets, planes, out, start, stop,
                    packed, product):  # fmt: skip
    """The channels of the panels from ``start`` to ``stop`` for all images, whose kernels are packed in between."""
    groups, depth, outputs, images = sizes[:4]
    wide, panels, positions = (outputs + 15) // 16 * 16, (outputs + 63) // 64, out.shape[2] * out.shape[3]
    for index in range(start, stop):
        group, panel = index // panels, index % panels
        columns, vectors = _panel(outputs, panel)
        at, channel, rows = group * wide + 64 * panel, group * outputs + 64 * panel, full if vectors == 4 else last
        for k in range(0, met, ROWS):
            some = min(ROWS, met - k)
            turn(weight, channel * met + k, met, columns, some, packed, -k * vectors * 16, rows, k)
            multiply(laid, group * depth, places, 0, (images * positions + 1) // 2 * 2, steps, k, some, packed, 0,
                     vectors, product, at, targets, k > 0)  # fmt: skip
        for i in range(images):
            turn_and_shift(product, i * positions * groups * wide + at, groups * wide, positions, columns,
                           in_line(out), (i * groups * outputs + channel) * positions, planes, 0, bias,
                           channel)  # fmt: skip


@compiled
def pack_turned(weight, shape, full, last, packed, origin, start, stop):
    """Kernels (O, C, taps) as panels of (tap, O) rows and C columns, the first of which is panel ``origin``; the tables
    say where the rows of a tap begin."""
    _, outputs, depth, taps = shape
    panels, wide = (depth + 63) // 64, (depth + 15) // 16 * 16
    across, begin = (taps + 15) // 16 * 16, origin // panels * wide + origin % panels * 64
    for index in range(start, stop):
        group, panel = index // panels, index % panels
        columns, vectors = _panel(depth, panel)
        table = full if vectors == 4 else last
        to = (group * wide + 64 * panel - begin) * (taps + 1) * outputs
        for o in range(outputs):
            at = ((group * outputs + o) * depth + 64 * panel) * taps
            # Squares reach past the last tap, into what is next; that goes to rows of its own.
            inside = at + (columns - 1) * taps + across <= len(weight)
            turn(weight, at, taps, columns, across if inside else taps, packed, to + o * vectors * 16, table, 0)


@compiled
def _scatter(laid, packed, b_at, group, panel, some, lines, sizes, classes, places, steps, targets, product):
    """A panel of the product for some images and lines of them."""
    depth, outputs = sizes[1:3]
    at, vectors = group * ((outputs + 15) // 16 * 16) + 64 * panel, _panel(outputs, panel)[1]
    for c in range(len(classes)):
        entry, row, distance, length, step, met = classes[c]
        if met > 0:
            here = some * max(0, -(-(lines - row) // distance)) * length
            multiply(laid, group * depth, places, entry, (here + 1) // 2 * 2, steps, step, met, packed,
                     b_at + step * vectors * 16, vectors, product, at, targets, False)  # fmt: skip


@compiled
def scatter(g, packed, sizes, inside, classes, places, steps, targets, planes, out, start, stop, laid, product):
    """The gradient of the input, for pieces of it: g (N, O, H', W'), out (N, C, H, W).

    The positions of a class (step down times step across of them) meet the same places of the kernel: ``classes`` has
    for each its first entry in the tables of positions, first row, rows' distance, positions in a row, first entry of
    steps, and steps.
    """
    groups, depth, outputs, images, rows, high, across_in, pixel, step, first_row = sizes
    count, (_, _, down, across) = g.shape[0], out.shape
    flat, result = in_line(g), in_line(out)
    each, wide, panels = high * across_in * pixel, (outputs + 15) // 16 * 16, (outputs + 63) // 64
    for piece in range(start, stop):
        first, some, top, lines = _pieces(piece, images, rows, count, down)
        for i in range(some):
            _lay_out(flat, first + i, g.shape, sizes, top // step + first_row, inside, laid, i * each)
        for group in range(groups):
            for panel in range(panels):
                b_at = (group * wide + 64 * panel) * (len(steps) + depth)
                _scatter(laid, packed, b_at, group, panel, some, lines, sizes, classes, places, steps, targets, product)
        positions = lines * across
        for i in range(some):
            for group in range(groups):
                turn(product, (i * positions * groups + group) * wide, groups * wide, positions, outputs, result,
                     ((first + i) * groups * outputs + group * outputs) * down * across + top * across, planes,
                     0)  # fmt: skip


@compiled
def scatter_panels(laid, weight, shape, sizes, full, last, classes, places, steps, targets, planes, out, start, stop,
                   packed, product):  # fmt: skip
    """The channels of the panels from ``start`` to ``stop`` for all images, whose kernels are packed in between."""
    groups, _, outputs, images = sizes[:4]
    wide, panels, down = (outputs + 15) // 16 * 16, (outputs + 63) // 64, out.shape[2]
    positions = down * out.shape[3]
    for index in range(start, stop):
        group, panel = index // panels, index % panels
        pack_turned(weight, shape, full, last, packed, index, index, index + 1)
        _scatter(laid, packed, 0, group, panel, images, down, sizes, classes, places, steps, targets, product)
        at, channel = group * wide + 64 * panel, group * outputs + 64 * panel
        for i in range(images):
            turn(product, i * positions * groups * wide + at, groups * wide, positions, _panel(outputs, panel)[0],
                 in_line(out), (i * groups * outputs + channel) * positions, planes, 0)  # fmt: skip


@compiled
def lay_out_right(g, outputs, full, last, start, stop, right):
    """The gradients of the outputs of images as rows of panels."""
    count, channels, down, across = g.shape
    positions = down * across
    for i in range(start, stop):
        _lay_out_right(in_line(g), i, 0, positions, positions, channels // outputs, outputs, full, last, right,
                       i * positions, count * positions)  # fmt: skip


@compiled
def _lay_out_right(g, image, begin, some, positions, groups, outputs, full, last, right, row, capacity):
    """Some positions of an image's gradient as rows of the panels of the right matrix."""
    panels, wide = (outputs + 63) // 64, (outputs + 15) // 16 * 16
    for group in range(groups):
        for panel in range(panels):
            columns, vectors = _panel(outputs, panel)
            at = (image * groups + group) * outputs + 64 * panel
            turn(g, at * positions + begin, positions, columns, some, right,
                 (group * wide + 64 * panel) * capacity + row * vectors * 16, full if vectors == 4 else last,
                 0)  # fmt: skip


@compiled
def correlate(laid, right, sizes, met, places, steps, count, full, last, planes, total, out, start, stop):
    """The gradient of the kernels, out (O, met), of ``count`` positions; an item is ``ROWS`` rows of a panel."""
    depth, outputs = sizes[1:3]
    panels, wide, pieces = (outputs + 63) // 64, (outputs + 15) // 16 * 16, (met + ROWS - 1) // ROWS
    for item in range(start, stop):
        index, first = item // pieces, item % pieces * ROWS
        group, panel = index // panels, index % panels
        columns, vectors = _panel(outputs, panel)
        rows = min(ROWS, met - first)
        targets = full if vectors == 4 else last
        multiply(laid, group * depth, places, first, (rows + 1) // 2 * 2, steps, 0, count, right,
                 (group * wide + 64 * panel) * count, vectors, total, -first * vectors * 16, targets,
                 False)  # fmt: skip
        turn(total, 0, vectors * 16, rows, columns, out, (group * outputs + 64 * panel) * met + first, planes, 0)


@compiled
def correlate_pieces(x, g, sizes, inside, places, steps, full, last, start, stop, laid, right, total):
    """Add the gradient of the kernels for the pieces from ``start`` to ``stop`` to ``total``."""
    groups, depth, outputs, images, rows, high, across_in, pixel, step, first_row = sizes
    count, (_, _, down, across) = x.shape[0], g.shape
    each, capacity = high * across_in * pixel, images * rows * across
    panels, wide, even = (outputs + 63) // 64, (outputs + 15) // 16 * 16, len(places)
    for piece in range(start, stop):
        first, some, top, lines = _pieces(piece, images, rows, count, down)
        positions = lines * across
        for i in range(some):
            _lay_out(in_line(x), first + i, x.shape, sizes, top * step + first_row, inside, laid, i * each)
            _lay_out_right(in_line(g), first + i, top * across, positions, down * across, groups, outputs, full,
                           last, right, i * positions, capacity)  # fmt: skip
        for index in range(groups * panels):
            group, panel = index // panels, index % panels
            vectors, at = _panel(outputs, panel)[1], group * wide + 64 * panel
            multiply(laid, group * depth, places, 0, even, steps, 0, positions * some, right, at * capacity, vectors,
                     total, at * even, full if vectors == 4 else last, True)  # fmt: skip


@compiled
def unpack(total, met, outputs, planes, out, start, stop):
    """Kernels (O, met) from panels of (met, O), whose rows are an even number."""
    panels, wide, even = (outputs + 63) // 64, (outputs + 15) // 16 * 16, (met + 1) // 2 * 2
    for index in range(start, stop):
        group, panel = index // panels, index % panels
        columns, vectors = _panel(outputs, panel)
        turn(total, (group * wide + 64 * panel) * even, vectors * 16, met, columns, out,
             (group * outputs + 64 * panel) * met, planes, 0)  # fmt: skip
