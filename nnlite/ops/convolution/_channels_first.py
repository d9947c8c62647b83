"""The columns of a convolution with a row for each number that an output position meets, one matrix an image.

Rows are copied in runs as long as a row of output positions, and the products come out as the output is laid out, so
this is the way for large images, and for those of few channels.
"""

from __future__ import annotations

import math
from typing import Any

from ._columns import Columns, Part


class ChannelsFirst(Columns):
    """Matrices (images, groups, rows, positions)."""

    def kernels(self, xp: Any, weight: Any, transposed: bool) -> Any:
        """(places, groups, outputs, rows), or with the last two exchanged."""
        outputs = weight.shape[0] // self.groups
        w = weight.astype(self.wide, copy=False)
        if not self.moves:
            w = w.reshape(1, self.groups, outputs, self.rows)
        else:
            w = w.reshape(self.groups, outputs, self.depth, self.kernel[0], math.prod(self.taps))
            w = w.transpose(3, 0, 1, 2, 4).reshape(self.kernel[0], self.groups, outputs, self.rows)
        return xp.ascontiguousarray(w.swapaxes(2, 3) if transposed else w)

    def no_kernels(self, xp: Any, outputs: int) -> Any:
        places = self.kernel[0] if self.moves else 1
        return xp.zeros((places, self.groups, outputs, self.rows), self.wide)

    def weight(self, total: Any) -> Any:
        """From (places, groups, outputs, rows)."""
        places, groups, outputs, _ = total.shape
        if self.moves:
            w = total.reshape(places, groups, outputs, self.depth, math.prod(self.taps))
            total = w.transpose(1, 2, 3, 0, 4)
        return total.reshape(groups * outputs, self.depth, *self.kernel)

    def convolve(self, xp: Any, x: Any, kernels: Any, bias: Any, out: Any) -> None:
        source = self._surround(xp, x)
        _, groups, outputs, _ = kernels.shape
        at_once = self.whole and self.wide == out.dtype
        for part in self.parts:
            columns = self._gather(xp, source, part)
            first, *others = self.windows(part, 1)
            shape = (x.shape[0], groups, outputs, first.stop)
            total = out.reshape(shape) if at_once else xp.empty(shape, self.wide)
            xp.matmul(kernels[0], columns[..., first], out=total)
            for kernel, window in zip(kernels[1:], others, strict=True):
                total += xp.matmul(kernel, columns[..., window])
            if bias is not None:
                total += bias.reshape(groups, outputs, 1)
            if not at_once:
                sizes = [b - a for a, b in part]
                out[_at(part)] = total.reshape(*out.shape[:2], *sizes)

    def scatter(self, xp: Any, g: Any, kernels: Any, out: Any) -> None:
        images = g.shape[0]
        direct = self.plain and self.wide == out.dtype
        onto = out if direct else xp.zeros((images, self.channels, *self.padded), self.wide)
        for part in self.parts:
            piece = self._matrices(xp, g, part)
            windows = self.windows(part, 1)
            columns = xp.empty((images, self.groups, self.rows, windows[-1].stop), self.wide)
            columns[..., windows[0].stop :] = 0
            xp.matmul(kernels[0], piece, out=columns[..., windows[0]])
            for kernel, window in zip(kernels[1:], windows[1:], strict=True):
                columns[..., window] += xp.matmul(kernel, piece)
            parts = columns.reshape(images, self.channels, *self.taps, *self.counts(part))
            for tap, where in self.places(part):
                onto[(slice(None), slice(None), *where)] += parts[(slice(None), slice(None), *tap)]
        if not direct:
            out[...] = onto[(slice(None), slice(None), *self.inside)]

    def correlate(self, xp: Any, x: Any, g: Any, total: Any) -> None:
        source = self._surround(xp, x)
        # One product for all images, or one for each and their sum: by which is less to move.
        merged = self.whole and self.rows * len(total) > math.prod(self.out)
        for part in self.parts:
            columns = self._gather(xp, source, part, merged)
            windows = self.windows(part, 1)
            if merged:
                self._add_merged(xp, total, columns, g, windows)
                continue
            piece = self._matrices(xp, g, part)
            for i, window in enumerate(windows):
                total[i] += xp.matmul(piece, columns[..., window].swapaxes(2, 3)).sum(axis=0)

    def _add_merged(self, xp: Any, total: Any, columns: Any, g: Any, windows: list[slice]) -> None:
        """Add the products of ``g`` with the merged columns of a block to ``total``.

        Between two images ``g`` gets as many zeros as the columns have further positions, so that the window can move
        over all images at once.
        """
        images, outputs = g.shape[:2]
        length, positions = windows[0].stop, windows[-1].stop
        spread = (xp.zeros if positions > length else xp.empty)((outputs, images, positions), self.wide)
        spread[..., :length] = g.reshape(images, outputs, length).swapaxes(0, 1)
        spread = spread.reshape(self.groups, outputs // self.groups, images * positions)
        for i, window in enumerate(windows):
            moved = columns[..., window.start :].swapaxes(1, 2)
            total[i] += xp.matmul(spread[..., : moved.shape[1]], moved)

    def _surround(self, xp: Any, x: Any) -> Any:
        """Images with zeros around them."""
        if self.plain:
            return x
        out = xp.zeros((*x.shape[:2], *self.padded), x.dtype)
        out[(slice(None), slice(None), *self.inside)] = x
        return out

    def _gather(self, xp: Any, x: Any, part: Part, merged: bool = False) -> Any:
        """The columns for a part of the output; ``merged`` gives one matrix, (groups, rows, images * positions)."""
        starts = [slice(a * s, None) for (a, _), s in zip(part, self.stride, strict=True)]
        corner = x[(slice(None), slice(None), *starts)]
        of_image, of_channel, *steps = corner.strides
        taps = [step * d for step, d in zip(steps, self.dilation, strict=True)][int(self.moves) :]
        moves = [step * s for step, s in zip(steps, self.stride, strict=True)]
        counts, (images, channels) = self.counts(part), x.shape[:2]
        if merged:
            shape = (channels, *self.taps, images, *counts)
            strides = (of_channel, *taps, of_image, *moves)
            end: tuple[int, ...] = (self.groups, self.rows, images * math.prod(counts))
        else:
            shape = (images, channels, *self.taps, *counts)
            strides = (of_image, of_channel, *taps, *moves)
            end = (images, self.groups, self.rows, math.prod(counts))
        return xp.ascontiguousarray(xp.as_strided(corner, shape, strides), dtype=self.wide).reshape(end)

    def _matrices(self, xp: Any, g: Any, part: Part) -> Any:
        """A part of the output's gradient as matrices (images, groups, outputs, positions)."""
        piece = xp.ascontiguousarray(g if self.whole else g[_at(part)], dtype=self.wide)
        return piece.reshape(g.shape[0], self.groups, g.shape[1] // self.groups, math.prod(piece.shape[2:]))


def _at(part: Part) -> tuple[slice, ...]:
    return (slice(None), slice(None), *(slice(*p) for p in part))
