"""Which way a convolution of float32 images goes: by tiles (Winograd), directly, or channel by channel."""

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
from ..threads import count
from .geometry import Ints, Pads, Shape, gather, scatter, tiled, whole
from .kernels.sizes import ROWS
from .team import share
from .workspace import workspace, zeros

_FLOAT32 = np.dtype(np.float32)
_LANES = 16

LEAST = 1 << 16
"""Multiplications from which on compiled kernels pay."""

LEAST_TILES = 16
"""Tiles from which on it pays to transform kernels."""

GRAIN = 1 << 22
"""Multiplications that are worth a thread."""

PACKED = 1 << 15
"""Numbers of kernels that are worth a thread to lay out."""


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
    return plain and inside and (first_use.EVERY_SIZE or (min(channels, outputs) >= _LANES and tiles >= LEAST_TILES))


def _tiles(sizes: Any) -> int:
    return -(-sizes[0] // 4) * -(-sizes[1] // 4)


def _geometry(kernel: Any, stride: Any, padding: Pads, dilation: Any, groups: int) -> tuple[int, ...]:
    return (groups, *kernel, *stride, padding[0][0], padding[1][0], *dilation)


@kernel("convolution", table=OVERRIDES, when=_takes_convolution, above=True)
def convolution(
    x: Any, weight: Any, bias: Any, *, stride: Any, padding: Pads, dilation: Any, groups: int
) -> np.ndarray:
    """64 channels of 32x32, 8 images, 3x3: 3.2 ms on one thread where columns as array expressions take 15 and PyTorch
    5.4; 128 channels of them at step 2: 3.7 ms, PyTorch 4.8."""
    outputs = weight.shape[0]
    shape = Shape(x.shape, weight.shape, stride, padding, dilation, groups)
    plan = _plan(shape)
    out = np.empty((x.shape[0], outputs, *plan.sizes), np.float32)
    x, weight = np.ascontiguousarray(x), np.ascontiguousarray(weight)
    shift = np.zeros(outputs, np.float32) if bias is None else np.ascontiguousarray(bias)
    if plan.tiled:
        _tiled(x, weight, False, shift, padding[0][0], padding[1][0], out)
    elif groups == x.shape[1] > 1:
        run, kernels = load("depthwise").convolve, weight.reshape(outputs, *weight.shape[2:])
        share(x.shape[0] * outputs, lambda a, b: run(x, kernels, shift, plan.geometry, out, a, b))
    else:
        _direct(x, weight, shift, shape, plan, out)
    return out


class _Plan(NamedTuple):
    """What the shapes of a convolution decide."""

    sizes: Ints
    geometry: Ints
    tiled: bool
    work: int


@functools.lru_cache(1024)
def _plan(shape: Shape) -> _Plan:
    x, weight, stride, padding, dilation, groups = shape
    kernel, sizes = weight[2:], shape.out()
    tiled = _is_tiled(x[1], weight[0], kernel, stride, padding, dilation, groups, x[0] * _tiles(sizes))
    geometry = _geometry(kernel, stride, padding, dilation, groups)
    return _Plan(sizes, geometry, tiled, math.prod(weight) * math.prod(sizes) * x[0])


def _threads(work: int) -> int:
    return max(1, min(count(), work // GRAIN))


def _few(shape: Shape) -> bool:
    """Whether there are fewer numbers in images than in kernels: then all threads read the images, and share the
    kernels."""
    return math.prod(shape.x) + shape.x[0] * shape.weight[0] * math.prod(shape.out()) < math.prod(shape.weight)


def _columns(name: str, size: int, columns: int) -> np.ndarray:
    """Workspace for panels of a matrix; what fills up the last vector of a row has to be zero."""
    return (zeros if columns % _LANES else workspace)(name, size)


def _direct(x: Any, weight: Any, shift: Any, shape: Shape, plan: _Plan, out: np.ndarray) -> None:
    module, few = load("direct"), _few(shape)
    found = gather(shape, _threads(plan.work), few)
    flat, outputs, (full, last, panels, _) = weight.reshape(-1), shape.weight[0] // shape.groups, found.rows
    panels *= shape.groups
    if few:
        laid, product = _laid_out(x, found), workspace("all product", found.product)

        def of_panels(start: int, stop: int) -> None:
            module.convolve_panels(
                laid, flat, shift, found.sizes, found.places, found.steps, found.met, full, last, found.targets,
                found.planes, out, start, stop, _columns("packed", 64 * ROWS, outputs), product,
            )  # fmt: skip

        share(panels, of_panels)
        return
    packed = _columns("packed", found.packed, outputs)
    share(
        panels,
        lambda a, b: module.pack(flat, found.met, outputs, full, last, packed, a, b),
        -(-PACKED // (64 * found.met)),
    )

    def body(start: int, stop: int) -> None:
        module.convolve(
            x, packed, shift, found.sizes, found.inside, found.places, found.steps, found.met, found.targets,
            found.planes, out, start, stop, zeros("laid", found.laid), workspace("product", found.product),
        )  # fmt: skip

    share(found.items, body, -(-GRAIN * found.items // plan.work))


def _laid_out(images: Any, found: Any) -> np.ndarray:
    """All images with the channels last."""
    run, laid = load("direct").lay_out, zeros("all laid", found.laid)
    share(len(images), lambda a, b: run(images, found.sizes, found.inside, a, b, laid))
    return laid


@kernel("convolution_input", table=OVERRIDES, when=_takes_input, above=True)
def convolution_input(
    g: Any, weight: Any, *, sizes: Any, stride: Any, padding: Pads, dilation: Any, groups: int
) -> np.ndarray:
    """By tiles it is a convolution with the turned kernels: 3.2 ms for the same, PyTorch 5.9; at step 2 4.2, PyTorch
    5.8."""
    images, channels = g.shape[0], weight.shape[1] * groups
    g, weight = np.ascontiguousarray(g), np.ascontiguousarray(weight)
    kernel_size = weight.shape[2:]
    out = np.empty((images, channels, *sizes), np.float32)
    if _is_tiled(g.shape[1], channels, kernel_size, stride, padding, dilation, groups, images * _tiles(sizes)):
        _tiled(g, weight, True, np.zeros(channels, np.float32), 2 - padding[0][0], 2 - padding[1][0], out)
    elif groups == channels > 1:
        out.fill(0)
        geometry = _geometry(kernel_size, stride, padding, dilation, groups)
        run, kernels = load("depthwise").scatter, weight.reshape(-1, *kernel_size)
        share(images * channels, lambda a, b: run(g, kernels, geometry, out, a, b))
    else:
        _direct_input(g, weight, Shape(out.shape, weight.shape, stride, padding, dilation, groups), out)
    return out


def _direct_input(g: Any, weight: Any, shape: Shape, out: np.ndarray) -> None:
    module, few, work = load("direct"), _few(shape), g.size * math.prod(shape.weight[1:])
    found = scatter(shape, _threads(work), few)
    flat, (full, last, panels, _), depth = weight.reshape(-1), found.rows, shape.weight[1]
    panels *= shape.groups
    kernels = (shape.groups, shape.weight[0] // shape.groups, depth, math.prod(shape.weight[2:]))
    tables = found.classes, found.places, found.steps, found.targets, found.planes, out
    space = zeros if found.gaps else workspace
    if few:
        laid, product = _laid_out(g, found), space("all product", found.product)
        size = 64 * (found.packed // (found.rows.wide * shape.groups))

        def of_panels(start: int, stop: int) -> None:
            packed = _columns("packed", size, depth)
            module.scatter_panels(laid, flat, kernels, found.sizes, full, last, *tables, start, stop, packed, product)

        share(panels, of_panels)
        return
    packed = _columns("packed", found.packed, depth)
    share(
        panels,
        lambda a, b: module.pack_turned(flat, kernels, full, last, packed, 0, a, b),
        -(-PACKED // (64 * len(found.steps))),
    )

    def body(start: int, stop: int) -> None:
        laid, product = zeros("laid", found.laid), space("product", found.product)
        module.scatter(g, packed, found.sizes, found.inside, *tables, start, stop, laid, product)

    share(found.items, body, -(-GRAIN * found.items // work))


@kernel("convolution_weight", table=OVERRIDES, when=_takes_weight, above=True)
def convolution_weight(
    x: Any, g: Any, *, kernel: Any, stride: Any, padding: Pads, dilation: Any, groups: int
) -> np.ndarray:
    """Each thread adds up its images; the sum of the threads is rounded as their number says, where there are more
    numbers in the images than in the kernels. 3.6 ms for the same, PyTorch 6.2; at step 2 3.7, PyTorch 4.5."""
    images, channels, outputs = x.shape[0], x.shape[1], g.shape[1]
    x, g = np.ascontiguousarray(x), np.ascontiguousarray(g)
    if _is_tiled(channels, outputs, kernel, stride, padding, dilation, groups, images * _tiles(g.shape[2:])):
        return _tiled_weight(x, g, padding[0][0], padding[1][0])
    if groups == channels > 1:
        total = np.empty((outputs, *kernel), np.float32)
        run, geometry = load("depthwise").correlate, _geometry(kernel, stride, padding, dilation, groups)
        share(outputs, lambda a, b: run(x, g, geometry, total, a, b))
        return total.reshape(outputs, 1, *kernel)
    out = np.empty((outputs, channels // groups, *kernel), np.float32)
    _direct_weight(x, g, Shape(x.shape, out.shape, stride, padding, dilation, groups), out)
    return out


def _direct_weight(x: Any, g: Any, shape: Shape, out: np.ndarray) -> None:
    module, few, work = load("direct"), _few(shape), g.size * math.prod(shape.weight[1:])
    found = gather(shape, _threads(work), few)
    outputs, flat, (full, last, panels, wide) = shape.weight[0] // shape.groups, out.reshape(-1), found.rows
    panels *= shape.groups
    right_size = wide * shape.groups * found.sizes[3] * found.sizes[4] * found.out[1]
    planes = np.arange(outputs) * found.met
    if few:
        laid, right = _laid_out(x, found), _columns("all right", right_size, outputs)
        share(len(x), lambda a, b: module.lay_out_right(g, outputs, full, last, a, b, right))
        positions = len(x) * math.prod(found.out)

        def of_panels(start: int, stop: int) -> None:
            total = workspace("total", 64 * ROWS)
            module.correlate(laid, right, found.sizes, found.met, found.steps, found.places, positions, full, last,
                             planes, total, flat, start, stop)  # fmt: skip

        share(panels * -(-found.met // ROWS), of_panels)
        return

    def part(start: int, stop: int, total: np.ndarray) -> None:
        laid, right = zeros("laid", found.laid), _columns("right", right_size, outputs)
        module.correlate_pieces(x, g, found.sizes, found.inside, found.steps, found.places, full, last, start, stop,
                                laid, right, total)  # fmt: skip

    size = (shape.groups * wide * len(found.steps),)
    total = _summed(found.items, part, size, -(-GRAIN * found.items // work))
    module.unpack(total, found.met, outputs, planes, flat, 0, panels)


def _summed(items: int, part: Any, shape: tuple[int, ...], grain: int = 1) -> np.ndarray:
    """The sum of what ``part(start, stop, total)`` adds to a total in each thread, in the order of the items;
    workspace of this thread, whichever thread does a part."""
    room, totals, lock = workspace("totals", count(), *shape), dict[int, np.ndarray](), threading.Lock()

    def body(start: int, stop: int) -> None:
        with lock:
            known = len(totals) < len(room)  # unless another thread has just changed the number of threads
            total = totals[start] = room[len(totals)] if known else np.empty(shape, np.float32)
        total.fill(0)
        part(start, stop, total)

    share(items, body, grain)
    first, *others = (totals[start] for start in sorted(totals))
    for total in others:
        first += total
    return first


# -- tiles ------------------------------------------------------------------------------------------------------------


def _tiled(
    x: np.ndarray, weight: np.ndarray, turned: bool, bias: np.ndarray, top: int, left: int, out: np.ndarray
) -> None:
    """Convolution into ``out``; ``turned`` takes gradients of the outputs back to the inputs."""
    module, (count_, inputs, *spread) = load("winograd"), x.shape
    outputs, *sizes = out.shape[1:]
    few = inputs * outputs > count_ * _tiles(sizes) * (inputs + outputs)
    found = tiled(inputs, outputs, tuple(spread), tuple(sizes), top, left, count_ if few else 0)
    flat, depth, wide = weight.reshape(-1), whole(inputs), 32 if few else whole(outputs)
    table = found.turned if turned else found.taken
    staged = 256 if turned else 144 * inputs
    known = found.places, found.few_targets if few else found.targets, found.steps, found.planes, out

    def product() -> np.ndarray:
        return workspace("product", found.positions_out * wide)

    if few:
        tiles = workspace("all tiles", 36 * (found.room * depth + 16))
        share(
            count_,
            lambda a, b: module.lay_out(x, found.sizes, found.inside, depth, a, b,
                                        zeros("surrounded", found.positions * depth), tiles),
        )  # fmt: skip

        def of_blocks(start: int, stop: int) -> None:
            module.convolve_blocks(
                tiles, flat, turned, bias, found.sizes, table, *known, start, stop,
                workspace("kernels", 36 * (inputs * 32 + 16)), zeros("staged", staged), product(),
                workspace("sums", 36 * (found.room * 32 + 16)),
            )  # fmt: skip

        share(-(-outputs // 32), of_blocks)
        return
    kernels = workspace("kernels", 36 * (inputs * wide + 16))
    share(
        wide // 16,
        lambda a, b: module.transform_kernels(flat, inputs, outputs, turned, table, kernels, a, b,
                                              zeros("staged", staged)),
        -(-PACKED // (16 * 36 * inputs)),
    )  # fmt: skip

    def body(start: int, stop: int) -> None:
        module.convolve(
            x, kernels, bias, found.sizes, found.inside, *known, start, stop,
            zeros("surrounded", found.positions * depth), product(), workspace("tiles", 36 * (found.room * depth + 16)),
            workspace("sums", 36 * (found.room * wide + 16)),
        )  # fmt: skip

    share(count_, body, -(-GRAIN * count_ // (out.size * inputs)))


def _tiled_weight(x: np.ndarray, g: np.ndarray, top: int, left: int) -> np.ndarray:
    module, (count_, inputs, *spread) = load("winograd"), x.shape
    outputs, *sizes = g.shape[1:]
    few = inputs * outputs > count_ * _tiles(sizes) * (inputs + outputs)
    found = tiled(inputs, outputs, tuple(spread), tuple(sizes), top, left, count_ if few else 0)
    out = np.empty((outputs, inputs, 3, 3), np.float32)
    flat, depth, wide, even = out.reshape(-1), whole(inputs), whole(outputs), len(found.channels)
    tables = found.channels, found.tile_steps, found.full, found.last

    def surrounded() -> tuple[np.ndarray, np.ndarray]:
        return zeros("surrounded", found.positions * depth), zeros("product", found.positions_out * wide)

    if few:
        tiles = workspace("all tiles", 36 * (found.room * depth + 16))
        sums = workspace("all sums", 36 * (found.room * wide + 16))

        def of_images(start: int, stop: int) -> None:
            image, product = surrounded()
            module.lay_out(x, found.sizes, found.inside, depth, start, stop, image, tiles)
            module.lay_out_outputs(g, found.sizes, found.inside_out, start, stop, product, sums)

        def of_blocks(start: int, stop: int) -> None:
            total, staged = workspace("total", 36 * (64 * 64 + 16)), workspace("staged", 144 * 64)
            module.correlate_blocks(tiles, sums, found.sizes, *tables, found.kernels, flat, start, stop, total, staged)

        share(count_, of_images)
        share(-(-inputs // 64) * -(-outputs // 64), of_blocks)
        return out

    def part(start: int, stop: int, total: np.ndarray) -> None:
        work = workspace("tiles", 36 * (found.room * depth + 16)), workspace("sums", 36 * (found.room * wide + 16))
        module.correlate(x, g, found.sizes, found.inside, found.inside_out, *tables, total, start, stop, *surrounded(),
                         *work)  # fmt: skip

    total = _summed(count_, part, (36 * (even * wide + 16),))
    share(
        wide // 16,
        lambda a, b: module.kernels_of(total, inputs, outputs, even, found.kernels, flat, a, b,
                                       workspace("staged", 144 * inputs)),
        -(-PACKED // (16 * 36 * inputs)),
    )  # fmt: skip
    return out


def warm_up() -> None:
    """Compile the kernels of this file."""
    few, tiles = (2, 96, 4), (16, 96, 4)  # with fewer numbers in the images than in the kernels
    for (images, channels, size), groups, step in (
        ((2, 32, 32), 1, 1), ((2, 32, 32), 1, 2), ((2, 32, 32), 32, 1), (few, 1, 1), (tiles, 1, 1),
    ):  # fmt: skip
        x = np.zeros((images, channels, size, size), np.float32)
        weight = np.zeros((channels, channels // groups, 3, 3), np.float32)
        geometry: Any = {
            "stride": (step, step), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": groups,
        }  # fmt: skip
        out = convolution(x, weight, None, **geometry)
        convolution_input(out, weight, sizes=(size, size), **geometry)
        convolution_weight(x, out, kernel=(3, 3), **geometry)
