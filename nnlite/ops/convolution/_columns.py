"""How a convolution over any number of spatial axes is cut into products of matrices.

An image becomes a matrix that has, for each position of the output, the numbers that the kernel meets there ("im2col");
the convolution is the product of this matrix with the kernels. Two things keep this cheap:

- The matrix of all images is large, so it is made for some images (or for some positions) at a time, used and dropped.
- Where the stride along the first spatial axis is 1, what the kernel's places along this axis meet are the same
  numbers, moved by whole rows of positions. They are copied once, and the product is taken once for each place along
  this axis, of a window that moves over the positions: as many multiplications, ``kernel[0]`` times fewer copies.

`_channels_first.py` and `_channels_last.py` lay the matrices out in two ways; `conv.py` chooses by speed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

Pads = tuple[tuple[int, int], ...]
Part = tuple[tuple[int, int], ...]
"""A range of output positions along each axis."""

COLUMN_BYTES = 32 << 20
"""The most memory for columns."""


def out_sizes(
    sizes: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], padding: Pads, dilation: tuple[int, ...]
) -> tuple[int, ...]:
    """The spatial sizes of a convolution's output."""
    return tuple(
        (n + low + high - d * (k - 1) - 1) // s + 1
        for n, k, s, (low, high), d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )


class Columns:
    """The sizes of one convolution, its blocks, and its matrices in one of the two layouts.

    ``convolve``, ``scatter`` and ``correlate`` do one block of images each: the convolution, its gradient to the input,
    and its gradient to the kernels.

    Attributes:
        sizes, out: the spatial sizes of the images and of the output.
        moves: whether a window moves over the positions.
        taps: the kernel's places that are copied: without the first axis if the window moves over it.
        rows: how many numbers of a group one output position meets in the columns.
        wide: the dtype to add up in: float32 for 16-bit numbers.
        parts: the ranges of output positions that are done at a time; one for all as a rule.
        plain: whether there is no padding.
        inside: the places of the images among the zeros around them, along the spatial axes.
        padded: the spatial sizes with these zeros.
    """

    def __init__(
        self,
        xp: Any,
        shape: tuple[int, ...],
        kernel: tuple[int, ...],
        dtype: Any,
        moves: bool,
        *,
        stride: tuple[int, ...],
        padding: Pads,
        dilation: tuple[int, ...],
        groups: int,
    ) -> None:
        self.images, self.channels, *sizes = shape
        self.sizes = tuple(sizes)
        self.kernel = kernel
        self.stride, self.dilation, self.groups = stride, dilation, groups
        self.out = out_sizes(self.sizes, kernel, stride, padding, dilation)
        self.wide = xp.dtype("float32") if dtype.itemsize == 2 and dtype.kind in "fV" else dtype
        self.moves = moves
        self.taps = kernel[1:] if moves else kernel
        self.depth = self.channels // groups
        self.rows = self.depth * math.prod(self.taps)
        self.plain = all(pad == (0, 0) for pad in padding)
        self.inside = tuple(slice(low, low + n) for n, (low, _) in zip(sizes, padding, strict=True))
        self.padded = tuple(low + n + high for n, (low, high) in zip(sizes, padding, strict=True))
        self._cut(getattr(xp, "cache_bytes", COLUMN_BYTES))

    def _cut(self, fast: int) -> None:
        """Choose how many images, or which part of one, to take at a time."""
        part = list(self.out)
        for axis in range(len(part)):
            while part[axis] > 1 and self._bytes(part) > COLUMN_BYTES:
                part[axis] = -(-part[axis] // 2)
        ranges = [[(at, min(at + n, end)) for at in range(0, end, n)] for n, end in zip(part, self.out, strict=True)]
        self.parts: list[Part] = list(itertools.product(*ranges))
        self.whole = len(self.parts) == 1
        count = max(self.images, 1)
        while count > 1 and (count * self._bytes(part) > fast or not self.whole):
            count = -(-count // 2)
        self.count = count

    def _bytes(self, part: list[int]) -> int:
        """Bytes of the columns of one image for so many output positions along each axis."""
        reach = self.dilation[0] * (self.kernel[0] - 1) if self.moves else 0
        return self.groups * self.rows * (part[0] + reach) * math.prod(part[1:]) * self.wide.itemsize

    def blocks(self) -> Iterator[slice]:
        """Slices of images."""
        return (slice(at, min(at + self.count, self.images)) for at in range(0, self.images, self.count))

    def counts(self, part: Part) -> list[int]:
        """How many positions the columns have along each axis."""
        counts = [b - a for a, b in part]
        if self.moves:
            counts[0] += self.dilation[0] * (self.kernel[0] - 1)
        return counts

    def windows(self, part: Part, images: int) -> list[slice]:
        """For each place of the window the columns that belong to the output positions of ``part``.

        ``images`` is how many images lie between two rows of positions of one image.
        """
        inner = images * math.prod([b - a for a, b in part[1:]])
        length = (part[0][1] - part[0][0]) * inner
        if not self.moves:
            return [slice(0, length)]
        step = self.dilation[0] * inner
        return [slice(i * step, i * step + length) for i in range(self.kernel[0])]

    def places(self, part: Part) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
        """Each of the kernel's places that are copied, and the positions of the padded images that it meets."""
        counts = self.counts(part)
        for tap in itertools.product(*[range(k) for k in self.taps]):
            steps = (0, *tap) if self.moves else tap
            yield (
                tap,
                tuple(
                    slice(a * s + i * d, a * s + i * d + (n - 1) * s + 1, s)
                    for (a, _), n, i, s, d in zip(part, counts, steps, self.stride, self.dilation, strict=True)
                ),
            )

    # -- what a layout defines ----------------------------------------------------------------------------------------

    def kernels(self, xp: Any, weight: Any, transposed: bool) -> Any:
        """The kernels as a matrix for each place of the window and each group.

        Args:
            transposed: for ``scatter`` rather than ``convolve``.
        """
        raise NotImplementedError(f"{type(self).__name__} has no kernels(); define it")

    def no_kernels(self, xp: Any, outputs: int) -> Any:
        """Zeros in the layout of kernels that are not transposed."""
        raise NotImplementedError(f"{type(self).__name__} has no no_kernels(); define it")

    def convolve(self, xp: Any, x: Any, kernels: Any, bias: Any, out: Any) -> None:
        """Write the convolution of the images ``x`` to ``out``."""
        raise NotImplementedError(f"{type(self).__name__} has no convolve(); define it")

    def scatter(self, xp: Any, g: Any, kernels: Any, out: Any) -> None:
        """Write the gradient of the images to ``out``, which holds zeros, from ``g``, that of the convolution."""
        raise NotImplementedError(f"{type(self).__name__} has no scatter(); define it")

    def correlate(self, xp: Any, x: Any, g: Any, total: Any) -> None:
        """Add these images' part of the gradient of the kernels to ``total``, which began as ``no_kernels``."""
        raise NotImplementedError(f"{type(self).__name__} has no correlate(); define it")

    def weight(self, total: Any) -> Any:
        """The reverse of ``kernels``: (outputs, channels / groups, *kernel)."""
        raise NotImplementedError(f"{type(self).__name__} has no weight(); define it")
