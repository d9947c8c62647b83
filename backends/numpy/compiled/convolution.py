"""Which way a convolution of float32 images goes: by tiles (Winograd), by columns, or channel by channel."""

from __future__ import annotations

import functools
import math
import threading
from typing import Any, NamedTuple

import numpy as np

from ...kernels import kernel
from .. import first_use
from ..first_use import load, worth
from ..kernels import OVERRIDES
from ..threads import sgemm_address, share
from .workspace import workspace, zeros

_FLOAT32 = np.dtype(np.float32)
_LANES = 16

LEAST = 1 << 18
"""Multiplications from which on compiled kernels pay."""

TILES = 64
"""Tiles that go into one product; with those of few images they fill the second level cache."""

COLUMN_NUMBERS = 1 << 17
"""Numbers in the columns of a piece: 512 kB, which stay in the second level cache."""

GRAIN = 1 << 20
"""Multiplications that are worth a thread."""

Ints = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


def _fits(arrays: tuple[Any, ...], work: int, dims: int) -> bool:
    return dims == 2 and worth(work, LEAST) and all(a.dtype is _FLOAT32 and a.size for a in arrays)


def _takes_convolution(
    x: Any, weight: Any, bias: Any, *, stride: Any, padding: Pads, dilation: Any, groups: int
) -> bool:
    return x.dtype is _FLOAT32 and weight.dtype is _FLOAT32 and _pays(x.shape, weight.shape, stride, padding, groups)


@functools.lru_cache(1024)
def _pays(x: Ints, weight: Ints, stride: Ints, padding: Pads, groups: int) -> bool:
    """Whether a compiled kernel pays for a convolution of these shapes."""
    work = math.prod(x) * weight[0] * math.prod(weight[2:]) // groups
    return len(stride) == 2 and work > 0 and worth(work, LEAST) and not _is_product(weight[2:], stride, padding, groups)


def _takes_input(g: Any, weight: Any, *, sizes: Any, stride: Any, padding: Pads, dilation: Any, groups: int) -> bool:
    return _fits((g, weight), g.size * math.prod(weight.shape[1:]), len(stride)) and not (
        _is_product(weight.shape[2:], stride, padding, groups)
    )


def _takes_weight(x: Any, g: Any, *, kernel: Any, stride: Any, padding: Pads, dilation: Any, groups: int) -> bool:
    work = g.size * x.shape[1] // groups * math.prod(kernel)
    return _fits((x, g), work, len(stride)) and not _is_product(kernel, stride, padding, groups)


def _is_product(kernel: Any, stride: Any, padding: Pads, groups: int) -> bool:
    """1x1 kernels at step 1 need no columns."""
    return set(kernel) == set(stride) == {1} and not any(map(any, padding)) and groups == 1


def _is_tiled(
    channels: int, outputs: int, kernel: Any, stride: Any, padding: Pads, dilation: Any, groups: int, tiles: int
) -> bool:
    """Whether tiles pay: 3x3 at step 1 with enough channels, and enough tiles to make up for the transformed kernels,
    which are four times as large."""
    plain = tuple(kernel) == (3, 3) and set(stride) == set(dilation) == {1} and groups == 1
    inside = all(0 <= low <= 2 and 0 <= high <= 2 for low, high in padding)
    return plain and inside and (first_use.EVERY_SIZE or (min(channels, outputs) >= _LANES and tiles >= 32))


def _tiles(sizes: Any) -> int:
    return -(-sizes[0] // 4) * -(-sizes[1] // 4)


def _geometry(kernel: Any, stride: Any, padding: Pads, dilation: Any, groups: int) -> tuple[int, ...]:
    return (groups, *kernel, *stride, padding[0][0], padding[1][0], *dilation)


def _out(sizes: Any, kernel: Any, stride: Any, padding: Pads, dilation: Any) -> tuple[int, ...]:
    return tuple(
        (n + low + high - d * (k - 1) - 1) // s + 1
        for n, k, s, (low, high), d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )


@kernel("convolution", table=OVERRIDES, when=_takes_convolution, above=True)
def convolution(
    x: Any, weight: Any, bias: Any, *, stride: Any, padding: Pads, dilation: Any, groups: int
) -> np.ndarray:
    """64 channels of 32x32, 8 images, 3x3: 5 ms on one thread where columns as array expressions take 15."""
    images, outputs = x.shape[0], weight.shape[0]
    plan = _plan(x.shape, weight.shape, stride, padding, dilation, groups)
    out = np.empty((images, outputs, *plan.sizes), np.float32)
    x, weight = np.ascontiguousarray(x), np.ascontiguousarray(weight)
    shift = np.zeros(outputs, np.float32) if bias is None else np.ascontiguousarray(bias)
    if plan.tiled:
        _tiled(x, weight, False, shift, padding[0][0], padding[1][0], out)
    elif groups == x.shape[1] > 1:
        run, kernels = load("depthwise").convolve, weight.reshape(outputs, *weight.shape[2:])
        share(images * outputs, lambda a, b: run(x, kernels, shift, plan.geometry, out, a, b))
    else:
        run, address, matrix = load("columns").convolve, sgemm_address(), _matrix(weight, groups)
        share(
            images,
            lambda a, b: run(address, x, matrix, shift, plan.geometry, out, a, b, *plan.pieces.workspace()),
            plan.grain,
        )
    return out


class _Plan(NamedTuple):
    """What the shapes of a convolution decide."""

    sizes: Ints
    geometry: Ints
    tiled: bool
    pieces: _Pieces
    grain: int


@functools.lru_cache(1024)
def _plan(x: Ints, weight: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int) -> _Plan:
    sizes = _out(x[2:], weight[2:], stride, padding, dilation)
    tiled = _is_tiled(x[1], weight[0], weight[2:], stride, padding, dilation, groups, x[0] * _tiles(sizes))
    work = weight[0] * math.prod(weight[1:]) * math.prod(sizes)
    geometry = _geometry(weight[2:], stride, padding, dilation, groups)
    return _Plan(sizes, geometry, tiled, _Pieces(weight, groups, x[0], sizes), -(-GRAIN // max(work, 1)))


@kernel("convolution_input", table=OVERRIDES, when=_takes_input, above=True)
def convolution_input(
    g: Any, weight: Any, *, sizes: Any, stride: Any, padding: Pads, dilation: Any, groups: int
) -> np.ndarray:
    """By tiles it is a convolution with the turned kernels."""
    images, channels = g.shape[0], weight.shape[1] * groups
    g, weight = np.ascontiguousarray(g), np.ascontiguousarray(weight)
    kernel_size = weight.shape[2:]
    if _is_tiled(g.shape[1], channels, kernel_size, stride, padding, dilation, groups, images * _tiles(sizes)):
        out = np.empty((images, channels, *sizes), np.float32)
        _tiled(g, weight, True, np.zeros(channels, np.float32), 2 - padding[0][0], 2 - padding[1][0], out)
        return out
    out = np.zeros((images, channels, *sizes), np.float32)
    geometry = _geometry(kernel_size, stride, padding, dilation, groups)
    if groups == channels > 1:
        run, kernels = load("depthwise").scatter, weight.reshape(-1, *kernel_size)
        share(images * channels, lambda a, b: run(g, kernels, geometry, out, a, b))
    else:
        run, address = load("columns").scatter, sgemm_address()
        matrix, plan = _matrix(weight, groups), _Pieces(weight.shape, groups, images, g.shape[2:])
        share(images, lambda a, b: run(address, g, matrix, geometry, out, a, b, *plan.workspace()))
    return out


@kernel("convolution_weight", table=OVERRIDES, when=_takes_weight, above=True)
def convolution_weight(
    x: Any, g: Any, *, kernel: Any, stride: Any, padding: Pads, dilation: Any, groups: int
) -> np.ndarray:
    """Each thread adds up its images; the sum of the threads is rounded as their number says."""
    images, channels, outputs = x.shape[0], x.shape[1], g.shape[1]
    x, g = np.ascontiguousarray(x), np.ascontiguousarray(g)
    geometry = _geometry(kernel, stride, padding, dilation, groups)
    if _is_tiled(channels, outputs, kernel, stride, padding, dilation, groups, images * _tiles(g.shape[2:])):
        return _tiled_weight(x, g, padding[0][0], padding[1][0])
    if groups == channels > 1:
        total = np.empty((outputs, *kernel), np.float32)
        run = load("depthwise").correlate
        share(outputs, lambda a, b: run(x, g, geometry, total, a, b))
        return total.reshape(outputs, 1, *kernel)
    shape = (outputs, channels // groups, *kernel)
    matrix = (groups, outputs // groups, math.prod(shape[1:]))
    plan = _Pieces(shape, groups, images, g.shape[2:])
    run, address = load("columns").correlate, sgemm_address()

    def part(start: int, stop: int, total: np.ndarray) -> None:
        run(address, x, g, geometry, total, start, stop, *plan.workspace())

    return _summed(images, part, matrix).reshape(shape)


def _summed(images: int, part: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The sum of what ``part(start, stop, total)`` adds to a total in each thread, in the order of the images."""
    totals: dict[int, np.ndarray] = {}
    lock = threading.Lock()

    def body(start: int, stop: int) -> None:
        total = np.zeros(shape, np.float32)
        part(start, stop, total)
        with lock:
            totals[start] = total

    share(images, body)
    first, *others = (totals[start] for start in sorted(totals))
    for total in others:
        first += total
    return first


def _matrix(weight: np.ndarray, groups: int) -> np.ndarray:
    return weight.reshape(groups, weight.shape[0] // groups, -1)


class _Pieces:
    """How many rows of an image's output, or how many images, are done at a time, and the workspace for them."""

    def __init__(self, weight: Ints, groups: int, images: int, sizes: Any) -> None:
        met, (height, across) = math.prod(weight[1:]), sizes
        self.rows = max(min(COLUMN_NUMBERS // max(met * across, 1), height), 1)
        self.images = 1
        if self.rows == height and height * across < 128:  # small images: some at once make a wide enough product
            self.images = max(1, min(images, -(-256 // (height * across))))
        positions = self.rows * across * self.images
        self.columns = met * positions
        self.product = weight[0] // groups * positions if self.images > 1 else 1

    def workspace(self) -> tuple[Any, ...]:
        return self.rows, self.images, workspace("columns", self.columns), workspace("product", self.product)


# -- tiles ------------------------------------------------------------------------------------------------------------


def _whole(channels: int) -> int:
    """Channels rounded up to whole vectors."""
    return -(-channels // _LANES) * _LANES


def _tile_workspace(channels: int, outputs: int, sizes: Any, images: int) -> tuple[np.ndarray, ...]:
    down, across = -(-sizes[0] // 4), -(-sizes[1] // 4)
    count = down * across * max(1, min(images, TILES // (down * across)))
    return (
        zeros("surrounded", 4 * down + 2, 4 * across + 2, _whole(channels)),
        zeros("product", 4 * down, 4 * across, _whole(outputs)),
        workspace("tiles", 36, count, _whole(channels)),
        workspace("sums", 36, count, _whole(outputs)),
    )


def _tiled(
    x: np.ndarray, weight: np.ndarray, turned: bool, bias: np.ndarray, top: int, left: int, out: np.ndarray
) -> None:
    """Convolution into ``out``; ``turned`` takes gradients of the outputs back to the inputs."""
    module, address = load("winograd"), sgemm_address()
    (images, channels), (outputs, *sizes) = x.shape[:2], out.shape[1:]
    transformed = workspace("kernels", 36, channels, outputs)
    module.transform_kernels(weight, turned, transformed, workspace("kernel rows", 45 * _whole(outputs)))

    def body(start: int, stop: int) -> None:
        work = _tile_workspace(channels, outputs, sizes, stop - start)
        module.convolve(address, x, transformed, bias, top, left, out, start, stop, *work)

    share(images, body)


def _tiled_weight(x: np.ndarray, g: np.ndarray, top: int, left: int) -> np.ndarray:
    module, address = load("winograd"), sgemm_address()
    channels, (outputs, *sizes) = x.shape[1], g.shape[1:]

    def part(start: int, stop: int, total: np.ndarray) -> None:
        work = _tile_workspace(channels, outputs, sizes, stop - start)
        module.correlate(address, x, g, top, left, total, start, stop, *work)

    out = np.empty((outputs, channels, 3, 3), np.float32)
    total = _summed(x.shape[0], part, (36, channels, outputs))
    module.kernels_of(total, out, workspace("kernel rows", 45 * _whole(outputs)))
    return out


def warm_up() -> None:
    """Compile the kernels of this file."""
    x, g = np.zeros((2, 32, 32, 32), np.float32), np.zeros((2, 32, 32, 32), np.float32)
    for groups, step in ((1, 1), (1, 2), (32, 1)):
        weight, out = np.zeros((32, 32 // groups, 3, 3), np.float32), g[:, :, : 32 // step, : 32 // step]
        geometry: Any = {
            "stride": (step, step), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": groups,
        }  # fmt: skip
        convolution(x, weight, None, **geometry)
        convolution_input(out, weight, sizes=(32, 32), **geometry)
        convolution_weight(x, out, kernel=(3, 3), **geometry)
