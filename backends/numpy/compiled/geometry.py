"""Where a convolution finds its numbers: tables of places for ``kernels/direct.py``, worked out once for each shape."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

Ints = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]

PIECE = 3 << 16
"""Numbers of a piece: 768 kB, which stay in the second level cache with a panel of kernels."""

TILES = 64
"""Tiles that go into one product; with those of few images they fill the second level cache."""

MANY = 64
"""Positions that a product should have: where an image has fewer, some images are one piece."""


def out_sizes(sizes: Any, kernel: Any, stride: Any, padding: Pads, dilation: Any) -> Ints:
    """The spatial sizes of a convolution's output."""
    return tuple(
        (n + low + high - d * (k - 1) - 1) // s + 1
        for n, k, s, (low, high), d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )


def _pixel(channels: int) -> int:
    """From one position to the next where channels are last: not a power of two, whose multiples share few places of
    the cache."""
    return channels + 16 if channels % 64 == 0 else channels


def whole(channels: int) -> int:
    """Channels rounded up to whole vectors."""
    return -(-channels // 16) * 16


class Shape(NamedTuple):
    """Shapes of a convolution: the key of its tables."""

    x: Ints
    weight: Ints
    stride: Ints
    padding: Pads
    dilation: Ints
    groups: int

    def out(self) -> Ints:
        return out_sizes(self.x[2:], self.weight[2:], self.stride, self.padding, self.dilation)


def _numbers(*parts: Any) -> np.ndarray:
    """The sums of one number of each part, in order, as a flat table."""
    total = np.zeros((), np.int64)
    for part in parts:
        total = total[..., None] + np.asarray(part, np.int64)
    return total.reshape(-1)


def _even(table: np.ndarray, other: int | None = None) -> np.ndarray:
    """The table with an even number of entries: blocks have as many rows. What the last one gives is not used."""
    return np.append(table, table[0] if other is None else other) if len(table) % 2 else table


def _pieces(images: int, height: int, row: int, image: int, parts: int) -> tuple[int, int]:
    """Images and rows of a piece: where a row takes so many numbers and an image has so many positions."""
    rows = max(1, min(height, PIECE // max(row, 1)))
    if images < parts:  # threads share an image's rows
        rows = min(rows, -(-height // -(-parts // images)))
    if rows < height:
        return 1, rows
    return max(1, min(images // parts, -(-MANY // image), PIECE // max(row * height, 1))), rows


class Rows(NamedTuple):
    """Rows of the panels of a matrix of so many columns in each group."""

    full: np.ndarray
    last: np.ndarray
    panels: int  # in a group
    wide: int  # columns of a group


def _rows(rows: np.ndarray, columns: int) -> Rows:
    """Where these rows are in a panel of 64 columns, and in the last one."""
    wide = whole(columns)
    return Rows(rows * 64, rows * (wide % 64), -(-columns // 64), wide)


class Gather(NamedTuple):
    """How output positions meet the input."""

    out: Ints
    sizes: Ints
    items: int  # pieces
    met: int
    inside: np.ndarray  # where the input's positions are laid out
    places: np.ndarray  # where output positions begin
    steps: np.ndarray  # what they meet
    targets: np.ndarray  # of output positions in the product
    planes: np.ndarray  # of output channels in an image
    rows: Rows  # what they meet, as rows of panels
    laid: int  # numbers of workspace
    product: int
    packed: int


@functools.lru_cache(128)
def gather(shape: Shape, parts: int, at_once: bool = False) -> Gather:
    """The tables of a convolution for so many threads; ``at_once`` makes all images one piece."""
    (count, channels, height, width), (outputs, depth, *kernel) = shape.x, shape.weight
    (sy, sx), ((top, _), (left, _)), (dy, dx) = shape.stride, shape.padding, shape.dilation
    down, across = shape.out()
    per_group = outputs // shape.groups
    wide_in = max((across - 1) * sx + (kernel[1] - 1) * dx + 1, left + width)
    wide, pixel = whole(per_group) * shape.groups, _pixel(channels)
    images, rows = _pieces(count, down, sy * wide_in * pixel + across * wide, down * across, parts)
    if at_once:
        images, rows = count, down
    high = (rows - 1) * sy + (kernel[0] - 1) * dy + 1
    pitch = wide_in * pixel
    places = _numbers(np.arange(images) * high * pitch, np.arange(rows) * sy * pitch, np.arange(across) * sx * pixel)
    steps = _numbers(np.arange(depth), np.arange(kernel[0]) * dy * pitch, np.arange(kernel[1]) * dx * pixel)
    met, positions = len(steps), len(places)
    return Gather(
        (down, across),
        (shape.groups, depth, per_group, images, rows, high, wide_in, pixel, sy, -top),
        -(-count // images) * -(-down // rows),
        met,
        _numbers(np.arange(min(high, height)) * pitch, np.arange(left, left + width) * pixel),
        _even(places),
        _even(steps),
        np.arange(positions + 1) * wide,
        np.arange(per_group) * down * across,
        _rows(np.arange(max(met, positions) + 1), per_group),
        images * high * pitch,
        (positions + 1) * wide,
        met * wide,
    )


class Scatter(NamedTuple):
    """How input positions meet the gradient of the output."""

    sizes: Ints
    items: int
    inside: np.ndarray
    classes: np.ndarray
    places: np.ndarray
    steps: np.ndarray
    targets: np.ndarray
    planes: np.ndarray
    rows: Rows  # of the places of the kernel in the packed kernels
    gaps: bool  # whether some positions meet nothing
    laid: int
    product: int
    packed: int


class _Axis(NamedTuple):
    """What the positions ``first + step q`` along an axis meet: tap i at ``q + begin + shifts[i]``."""

    first: int
    begin: int
    taps: Ints
    shifts: Ints


def _axis(kernel: int, step: int, padding: int, dilation: int) -> list[_Axis]:
    found = []
    for rest in range(step):
        first = (rest - padding) % step
        taps = tuple(i for i in range(kernel) if (i * dilation - rest) % step == 0)
        shifts = tuple((rest - i * dilation) // step for i in taps)
        found.append(_Axis(first, (first + padding - rest) // step, taps, shifts))
    return found


def _reach(axes: list[_Axis], size: int, step: int) -> tuple[int, int]:
    """The first and the last place that ``size`` positions meet; the first is at most 0."""
    low, high = 0, 0
    for axis in axes:
        last = -(-(size - axis.first) // step) - 1
        if axis.taps and last >= 0:
            low = min(low, axis.begin + min(axis.shifts))
            high = max(high, last + axis.begin + max(axis.shifts))
    return low, high


@functools.lru_cache(128)
def scatter(shape: Shape, parts: int, at_once: bool = False) -> Scatter:
    """The tables of the gradient of the input."""
    (count, _, height, width), (outputs, depth, *kernel) = shape.x, shape.weight
    (sy, sx), ((top, _), (left, _)), (dy, dx) = shape.stride, shape.padding, shape.dilation
    down, across = shape.out()
    per_group, wide = outputs // shape.groups, whole(depth) * shape.groups
    along = _axis(kernel[0], sy, top, dy), _axis(kernel[1], sx, left, dx)
    low_x, high_x = _reach(along[1], width, sx)
    wide_in = max(high_x + 1, across) - low_x
    pixel = _pixel(outputs)
    pitch = wide_in * pixel
    images, rows = _pieces(count, -(-height // sy), pitch + sy * width * wide, height * width, parts)
    rows = min(rows * sy, height)
    if at_once:
        images, rows = count, height
    low_y, high_y = _reach(along[0], rows, sy)
    high, taps = high_y + 1 - low_y, math.prod(kernel)
    classes, places, steps, targets = [], [], [], []
    entries = 0
    pixels, order = images * rows * width, np.zeros(taps, np.int64)
    done = 0
    for y in along[0]:
        for x in along[1]:
            q, r = (np.arange(max(0, -(-(n - a.first) // s))) for n, a, s in ((rows, y, sy), (width, x, sx)))
            starts = np.arange(images) * high * pitch, (q + y.begin - low_y) * pitch, (r + x.begin - low_x) * pixel
            own = _even(_numbers(*starts))
            onto = _numbers(np.arange(images) * rows * width, (q * sy + y.first) * width, r * sx + x.first)
            shifts = np.asarray(y.shifts, np.int64) * pitch, np.asarray(x.shifts, np.int64) * pixel
            own_steps = _numbers(*shifts, np.arange(per_group))
            met = len(own_steps) if len(own) else 0
            classes.append((entries, y.first, sy, len(r), done * per_group, met))
            for i in y.taps:
                for j in x.taps:
                    order[i * kernel[1] + j] = done
                    done += 1
            entries += len(own)
            places.append(own)
            steps.append(own_steps)
            targets.append(_even(onto, pixels) * wide)
    past = np.full(-taps % 16, taps, np.int64)
    return Scatter(
        (shape.groups, per_group, depth, images, rows, high, wide_in, pixel, sy, low_y),
        -(-count // images) * -(-height // rows),
        _numbers(np.arange(min(high, down)) * pitch, np.arange(-low_x, across - low_x) * pixel),
        np.array(classes),
        np.concatenate(places),
        np.concatenate(steps),
        np.concatenate(targets),
        np.arange(depth) * height * width,
        _rows(np.append(order, past) * per_group, depth),
        any(c[-1] == 0 for c in classes),
        images * high * pitch,
        (pixels + 1) * wide,
        (taps + 1) * per_group * wide,
    )


class Tiled(NamedTuple):
    """Tables for ``kernels/winograd.py``."""

    sizes: Ints
    room: int  # for tiles
    positions: int  # of an image among zeros
    positions_out: int
    inside: np.ndarray
    inside_out: np.ndarray
    places: np.ndarray  # of tiles
    targets: np.ndarray
    few_targets: np.ndarray
    steps: np.ndarray
    planes: np.ndarray
    taken: np.ndarray  # where the numbers of kernels are staged
    turned: np.ndarray
    channels: np.ndarray  # rows of ``correlate``
    tile_steps: np.ndarray
    full: np.ndarray
    last: np.ndarray
    kernels: np.ndarray


@functools.lru_cache(128)
def tiled(inputs: int, outputs: int, spread: Ints, sizes: Ints, top: int, left: int, at_once: int) -> Tiled:
    """The tables of a 3x3 convolution by tiles; ``at_once`` is the number of images, or 0 for some at a time."""
    (height, width), (down, across) = spread, (-(-n // 4) for n in sizes)
    images = at_once or max(1, TILES // (down * across))
    count = (down * across * images + 1) // 2 * 2
    depth, wide, row = whole(inputs), whole(outputs), 4 * across + 2
    tiles, rows = np.arange(count), np.arange(whole(inputs))
    return Tiled(
        (inputs, outputs, down, across, images, top, left),
        count,
        (4 * down + 2) * row,
        16 * down * across,
        _numbers(np.arange(height) * row, np.arange(width)) * depth,
        _numbers(np.arange(sizes[0]) * 4 * across, np.arange(sizes[1])) * wide,
        tiles * depth,
        tiles * wide,
        tiles * 32,
        np.arange(inputs),
        np.arange(outputs) * sizes[0] * sizes[1],
        np.arange(9 * inputs) * 16,
        np.append(np.arange(8, -1, -1), np.arange(9, 16)) * 16,
        np.arange(-(-inputs // 2) * 2),
        tiles * depth,
        rows * 64,
        rows * (wide % 64),
        np.arange(outputs) * 9 * inputs,
    )
