"""Convolution and its two gradients without cuDNN: columns and one matrix product for all images, or, where a kernel
has one channel only, direct sums.

Columns are made for a slice of the positions at a time, so that they never take more than `WORKSPACE`; they, the rows
of the product and their places in the images are one launch each.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from math import prod
from typing import Any

from ..kernels import kernel as register
from .geometry import FLOATS
from .launch import THREADS, blocks_for
from .overrides import OVERRIDES
from .windows import Ints, counter, fits, windows

Pads = tuple[tuple[int, int], ...]

WORKSPACE = 64 << 20
"""Bytes of columns at a time. The product over them takes 2 O multiplications a number: for 64 outputs of float32 2
GFLOP, 40 us and more, which hides the 15 us that its three launches take the host; and a good part of the columns is
still in the second level cache (50 MB on an H100) when the product reads them."""

ALIGNED = 64
"""Slices hold a multiple of so many positions, so that rows of 16-bit numbers are aligned for tensor cores."""

LEAST_POSITIONS = 32
"""From so many positions of an image on, a product for each image uses most of a tile of the product's result, and
kernels of one tap are multiplied with the images as they lie."""

MOST_SUMS = 1024
"""With more products than this for one number of the input the direct sums have no use of the cache, and the matrix
product is taken."""


class _Sizes:
    """The sizes of one convolution and its ``WINDOWS``."""

    def __init__(
        self, x: Ints, weight: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int, itemsize: int
    ) -> None:
        self.images, self.channels, *sizes = x
        self.outputs, self.depth, *kernel = weight
        self.groups, self.itemsize = groups, itemsize
        self.sizes = tuple(sizes)
        self.out = tuple(
            (n + low + high - d * (k - 1) - 1) // s + 1
            for n, k, s, (low, high), d in zip(sizes, kernel, stride, padding, dilation, strict=True)
        )
        self.taps, self.plane, self.positions = prod(kernel), prod(sizes), prod(self.out)
        before = tuple(low for low, _ in padding)
        self.windows = windows(self.sizes, self.out, tuple(kernel), stride, before, dilation)
        self.each = self.outputs // groups
        padded = any(map(any, padding))
        self.whole = groups == 1 and tuple(kernel) == self.sizes and not padded
        self.plain = (
            groups == self.taps == 1 and set(stride) == {1} and not padded and self.positions >= LEAST_POSITIONS
        )

    @property
    def direct(self) -> bool:
        """Whether the sums are taken without columns."""
        return self.depth == 1 and self.each * self.taps <= MOST_SUMS

    def slices(self) -> Iterator[tuple[int, int]]:
        """(first, count) of the positions of all images."""
        total = self.images * self.positions
        most = max(WORKSPACE // (self.channels * self.taps * self.itemsize) // ALIGNED, 1) * ALIGNED
        for first in range(0, total, most):
            yield first, min(most, total - first)

    def counter(self, *more: int) -> str:
        return counter(self.images * self.channels * self.plane, self.images * self.outputs * self.positions, *more)


_sizes = functools.lru_cache(1024)(_Sizes)  # working them out takes longer than to start a kernel


def _start(gpu: Any, function: str, total: int, s: _Sizes, like: Any, *arguments: Any, more: int = 0) -> None:
    kind = s.counter(more, total)
    gpu.launch("convolution", function, blocks_for(total), THREADS, *arguments, T=like.dtype, I=kind)


def _columns(gpu: Any, x: Any, s: _Sizes, first: int, count: int) -> Any:
    """(groups, depth * taps, count)"""
    columns = gpu.xp.empty((s.groups, s.depth * s.taps, count), x.dtype)
    _start(gpu, "im2col", s.channels * count, s, x, x, columns, s.channels, first, count, *s.windows, more=columns.size)
    return columns


def _rows(gpu: Any, g: Any, s: _Sizes, first: int, count: int) -> Any:
    """A slice of the outputs as (groups, outputs of a group, count); a view where there is one image."""
    if s.images == 1 and count == s.positions:
        return g.reshape(s.groups, s.each, count)
    rows = gpu.xp.empty((s.groups, s.each, count), g.dtype)
    _start(gpu, "to_rows", rows.size, s, g, g, rows, s.outputs, s.positions, first, count)
    return rows


def _takes(*arrays: Any, sizes: Ints, out: Ints, kernel: Ints, stride: Ints, dilation: Ints) -> bool:
    return (
        all(a.size > 0 and a.dtype == arrays[0].dtype for a in arrays)
        and arrays[0].dtype.name in FLOATS
        and len(kernel) <= 3
        and fits(sizes, out, kernel, stride, dilation)
    )


def _takes_convolution(
    x: Any, weight: Any, bias: Any, *, stride: Ints, padding: Pads, dilation: Ints, groups: int
) -> bool:
    kernel, sizes = weight.shape[2:], x.shape[2:]
    return _takes(x, weight, sizes=sizes, out=sizes, kernel=kernel, stride=stride, dilation=dilation)


@register("convolution", table=OVERRIDES, when=_takes_convolution)
def convolution(
    gpu: Any, x: Any, weight: Any, bias: Any, *, stride: Ints, padding: Pads, dilation: Ints, groups: int
) -> Any:
    """Columns (C taps, N P), one product (O, C taps) @ (C taps, N P) for each group, and its rows to their images."""
    xp = gpu.xp
    x, weight = xp.ascontiguousarray(x), xp.ascontiguousarray(weight)
    bias = None if bias is None else xp.ascontiguousarray(bias)
    s = _sizes(x.shape, weight.shape, stride, padding, dilation, groups, x.itemsize)
    shape = (s.images, s.outputs, *s.out)
    if s.whole:  # kernels as large as the images: a linear layer
        out = xp.matmul(x.reshape(s.images, -1), weight.reshape(s.outputs, -1).T)
        if bias is not None:
            out += bias
        return out.reshape(shape)
    if s.direct:
        out = xp.empty(shape, x.dtype)
        each = s.outputs // s.channels
        _start(gpu, "one_channel", out.size, s, x, x, weight, bias, out, out.size, s.outputs, each, *s.windows)
        return out
    if s.plain:  # kernels of one tap: the images are their own columns
        out = xp.matmul(weight.reshape(s.outputs, s.depth), x.reshape(s.images, s.channels, s.plane))
        if bias is not None:
            out += bias[:, None]
        return out.reshape(shape)
    kernels = weight.reshape(groups, s.each, s.depth * s.taps)
    out = None
    for first, count in s.slices():
        rows = xp.matmul(kernels, _columns(gpu, x, s, first, count))
        if s.images == 1 and count == s.positions and bias is None:
            return rows.reshape(shape)
        out = xp.empty(shape, x.dtype) if out is None else out
        _start(gpu, "from_rows", rows.size, s, x, rows, bias, out, s.outputs, s.positions, first, count)
    return out


def _takes_input(g: Any, weight: Any, *, sizes: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int) -> bool:
    kernel, out = weight.shape[2:], g.shape[2:]
    return prod(sizes) > 0 and _takes(g, weight, sizes=sizes, out=out, kernel=kernel, stride=stride, dilation=dilation)


@register("convolution_input", table=OVERRIDES, when=_takes_input)
def convolution_input(
    gpu: Any, g: Any, weight: Any, *, sizes: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int
) -> Any:
    """One product (C taps, O) @ (O, N P) for each group; each place of the images adds up the columns over it."""
    xp = gpu.xp
    g, weight = xp.ascontiguousarray(g), xp.ascontiguousarray(weight)
    shape = (g.shape[0], weight.shape[1] * groups, *sizes)
    s = _sizes(shape, weight.shape, stride, padding, dilation, groups, g.itemsize)
    if s.whole:
        return xp.matmul(g.reshape(s.images, s.outputs), weight.reshape(s.outputs, -1)).reshape(shape)
    gx = xp.empty(shape, g.dtype)
    if s.direct:
        each = s.outputs // s.channels
        _start(gpu, "one_channel_input", gx.size, s, g, g, weight, gx, gx.size, s.channels, each, *s.windows)
        return gx
    if s.plain:
        return xp.matmul(weight.reshape(s.outputs, s.depth).T, g.reshape(s.images, s.outputs, s.positions)).reshape(
            shape
        )
    kernels = weight.reshape(groups, s.each, s.depth, s.taps)
    one = groups * s.taps * s.positions * s.itemsize  # bytes of one channel of each group of one image
    images = max(1, WORKSPACE // (one * s.depth))
    some = s.depth if images > 1 else max(1, min(s.depth, WORKSPACE // one))
    for image in range(0, s.images, images):
        here = min(images, s.images - image)
        rows = _rows(gpu, g, s, image * s.positions, here * s.positions)
        for channel in range(0, s.depth, some):
            part = kernels[:, :, channel : channel + some]
            few = part.shape[2]
            columns = xp.matmul(part.reshape(groups, s.each, few * s.taps).swapaxes(1, 2), rows)
            arguments = (columns, gx, image, here, groups, s.depth, channel, few, *s.windows)
            _start(gpu, "col2im", here * groups * few * s.plane, s, g, *arguments, more=columns.size)
    return gx


def _takes_weight(x: Any, g: Any, *, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int) -> bool:
    return _takes(x, g, sizes=x.shape[2:], out=g.shape[2:], kernel=kernel, stride=stride, dilation=dilation)


@register("convolution_weight", table=OVERRIDES, when=_takes_weight)
def convolution_weight(
    gpu: Any, x: Any, g: Any, *, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int
) -> Any:
    """One product (O, N P) @ (N P, C taps) for each group and slice; slices of 16-bit numbers are added in float32."""
    xp = gpu.xp
    x, g = xp.ascontiguousarray(x), xp.ascontiguousarray(g)
    shape = (g.shape[1], x.shape[1] // groups, *kernel)
    s = _sizes(x.shape, shape, stride, padding, dilation, groups, x.itemsize)
    if s.whole:
        return xp.matmul(g.reshape(s.images, s.outputs).T, x.reshape(s.images, -1)).reshape(shape)
    if s.direct:
        gw = xp.empty(shape, x.dtype)
        each = s.outputs // s.channels
        arguments = (x, g, gw, s.images, s.outputs, each, *s.windows)
        blocks = min(gw.size, 1 << 20)
        gpu.launch("convolution", "one_channel_weight", blocks, THREADS, *arguments, T=x.dtype, I=s.counter(gw.size))
        return gw
    total: Any = None
    for first, count in s.slices():
        columns = _columns(gpu, x, s, first, count)
        part = xp.matmul(_rows(gpu, g, s, first, count), columns.swapaxes(1, 2))
        if total is None:
            total = part
        else:
            if total.dtype.itemsize == 2:
                total = total.astype("float32")
            total += part
    return total.astype(x.dtype, copy=False).reshape(shape)


# ---------------------------------------------------------------------------------------------------------------------
# Columns for their own sake: all channels of all images as the channels of one image


def _fold_sizes(x: Ints, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints, itemsize: int) -> _Sizes:
    """The sizes for images (N, C, H, W)."""
    pads = tuple((p, p) for p in padding)
    channels = x[0] * x[1]
    return _sizes((1, channels, *x[2:]), (1, channels, *kernel), stride, pads, dilation, 1, itemsize)


def _takes_im2col(x: Any, *, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> bool:
    return _takes(x, sizes=x.shape[2:], out=x.shape[2:], kernel=kernel, stride=stride, dilation=dilation)


@register("im2col", table=OVERRIDES, when=_takes_im2col)
def im2col(gpu: Any, x: Any, *, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> Any:
    """One launch in place of a padded copy and another one."""
    x = gpu.xp.ascontiguousarray(x)
    s = _fold_sizes(x.shape, kernel, dilation, padding, stride, x.itemsize)
    return _columns(gpu, x, s, 0, s.positions).reshape(x.shape[0], x.shape[1] * s.taps, s.positions)


def _takes_col2im(x: Any, *, sizes: Ints, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> bool:
    return prod(sizes) > 0 and _takes(x, sizes=sizes, out=sizes, kernel=kernel, stride=stride, dilation=dilation)


@register("col2im", table=OVERRIDES, when=_takes_col2im)
def col2im(gpu: Any, x: Any, *, sizes: Ints, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> Any:
    """One launch; the generic body takes one for each place of the kernel, and adds 16-bit numbers up in a copy."""
    x = gpu.xp.ascontiguousarray(x)
    shape = (x.shape[0], x.shape[1] // prod(kernel), *sizes)
    s = _fold_sizes(shape, kernel, dilation, padding, stride, x.itemsize)
    out = gpu.xp.empty(shape, x.dtype)
    arguments = (x, out, 0, 1, 1, s.channels, 0, s.channels, *s.windows)
    _start(gpu, "col2im", out.size, s, x, *arguments, more=x.size)
    return out
