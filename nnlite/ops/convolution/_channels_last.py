"""The columns of a convolution with a row for each output position, one matrix for all images of a block.

A row is copied in runs of all channels at neighbouring places of the kernel, and all images go into one product, so
this is the way for small images of many channels, at the price of moving the channels behind the positions and back.
"""

from __future__ import annotations

import math
from typing import Any

from ._columns import Columns, Part


class ChannelsLast(Columns):
    """Matrices (groups, positions, rows), the positions in the order (first axis, image, other axes)."""

    def kernels(self, xp: Any, weight: Any, transposed: bool) -> Any:
        """(places, groups, outputs, rows), whatever product they are for: BLAS takes a matrix either way, and moving
        the outputs behind the rows takes longer than a product with the positions of a few images."""
        outputs = weight.shape[0] // self.groups
        places = self.kernel[0] if self.moves else 1
        w = weight.astype(self.wide, copy=False).reshape(self.groups, outputs, self.depth, places, math.prod(self.taps))
        w = w.transpose(3, 0, 1, 4, 2)
        return xp.ascontiguousarray(w.reshape(places, self.groups, outputs, self.rows))

    def no_kernels(self, xp: Any, outputs: int) -> Any:
        places = self.kernel[0] if self.moves else 1
        return xp.zeros((places, self.groups, outputs, self.rows), self.wide)

    def weight(self, total: Any) -> Any:
        """From (places, groups, outputs, rows)."""
        places, groups, outputs, _ = total.shape
        w = total.reshape(places, groups, outputs, math.prod(self.taps), self.depth).transpose(1, 2, 4, 0, 3)
        return w.reshape(groups * outputs, self.depth, *self.kernel)

    def convolve(self, xp: Any, x: Any, kernels: Any, bias: Any, out: Any) -> None:
        images, (_, groups, outputs, _) = x.shape[0], kernels.shape
        kernels = kernels.swapaxes(2, 3)
        source = self._surround(xp, x)
        for part in self.parts:
            columns = self._gather(xp, source, part)
            first, *others = self.windows(part, images)
            total = xp.matmul(columns[:, first], kernels[0])
            for kernel, window in zip(kernels[1:], others, strict=True):
                total += xp.matmul(columns[:, window], kernel)
            if bias is not None:
                total += bias.reshape(groups, 1, outputs)
            sizes = [b - a for a, b in part]
            total = total.reshape(groups, sizes[0], images, *sizes[1:], outputs)
            by_group = out.reshape(images, groups, outputs, *out.shape[2:])
            last = total.ndim - 1
            by_group[_at(part)] = total.transpose(2, 0, last, 1, *range(3, last))

    def scatter(self, xp: Any, g: Any, kernels: Any, out: Any) -> None:
        images = g.shape[0]
        first, *others = self.padded
        onto = xp.zeros((first, images, *others, self.channels), self.wide)
        by_group = onto.reshape(*onto.shape[:-1], self.groups, self.depth)
        by_group = by_group.transpose(onto.ndim - 1, *range(onto.ndim - 1), onto.ndim)
        for part in self.parts:
            piece = self._matrices(xp, g, part)
            windows = self.windows(part, images)
            columns = xp.empty((self.groups, windows[-1].stop, self.rows), self.wide)
            columns[:, windows[0].stop :] = 0
            xp.matmul(piece, kernels[0], out=columns[:, windows[0]])
            for kernel, window in zip(kernels[1:], windows[1:], strict=True):
                columns[:, window] += xp.matmul(piece, kernel)
            counts = self.counts(part)
            parts = columns.reshape(self.groups, counts[0], images, *counts[1:], *self.taps, self.depth)
            for tap, where in self.places(part):
                place = (slice(None), where[0], slice(None), *where[1:])
                by_group[place] += parts[(*(slice(None),) * (2 + len(counts)), *tap)]
        inner = onto[(self.inside[0], slice(None), *self.inside[1:])]
        out[...] = inner.transpose(1, inner.ndim - 1, 0, *range(2, inner.ndim - 1))

    def correlate(self, xp: Any, x: Any, g: Any, total: Any) -> None:
        source = self._surround(xp, x)
        for part in self.parts:
            columns = self._gather(xp, source, part)
            piece = self._matrices(xp, g, part)
            for i, window in enumerate(self.windows(part, x.shape[0])):
                total[i] += xp.matmul(piece.swapaxes(1, 2), columns[:, window])

    def _surround(self, xp: Any, x: Any) -> Any:
        """Images as (first axis, image, other axes, channel), with zeros around them."""
        first, *others = self.padded
        out = (xp.empty if self.plain else xp.zeros)((first, x.shape[0], *others, self.channels), self.wide)
        out[(self.inside[0], slice(None), *self.inside[1:])] = x.transpose(2, 0, *range(3, x.ndim), 1)
        return out

    def _gather(self, xp: Any, x: Any, part: Part) -> Any:
        """The columns for a part of the output."""
        starts = [slice(a * s, None) for (a, _), s in zip(part, self.stride, strict=True)]
        corner = x[(starts[0], slice(None), *starts[1:])]
        of_first, of_image, *others, of_channel = corner.strides
        steps = [of_first, *others]
        taps = [step * d for step, d in zip(steps, self.dilation, strict=True)][int(self.moves) :]
        moves = [step * s for step, s in zip(steps, self.stride, strict=True)]
        counts, images = self.counts(part), x.shape[1]
        shape = (self.groups, counts[0], images, *counts[1:], *self.taps, self.depth)
        strides = (of_channel * self.depth, moves[0], of_image, *moves[1:], *taps, of_channel)
        columns = xp.ascontiguousarray(xp.as_strided(corner, shape, strides))
        return columns.reshape(self.groups, images * math.prod(counts), self.rows)

    def _matrices(self, xp: Any, g: Any, part: Part) -> Any:
        """A part of the output's gradient as matrices (groups, positions, outputs)."""
        images, outputs = g.shape[0], g.shape[1] // self.groups
        piece = g.reshape(images, self.groups, outputs, *g.shape[2:])[_at(part)]
        piece = piece.transpose(1, 3, 0, *range(4, piece.ndim), 2)
        piece = xp.ascontiguousarray(piece, dtype=self.wide)
        return piece.reshape(self.groups, math.prod(piece.shape[1:-1]), outputs)


def _at(part: Part) -> tuple[slice, ...]:
    return (slice(None), slice(None), slice(None), *(slice(*p) for p in part))
