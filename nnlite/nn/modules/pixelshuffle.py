"""Channels as pixels, and pixels as channels."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module

__all__ = ["PixelShuffle", "PixelUnshuffle"]


class PixelShuffle(Module):
    """Channels become pixels: each r r channels become squares of r by r pixels, r the ``upscale_factor``.

    Shape: input (*, C r r, H, W), output (*, C, H r, W r).

    Raises:
        RuntimeError: (when called) the square of the factor does not divide the channels.

    Example:
        >>> import nnlite
        >>> nnlite.nn.PixelShuffle(3)(nnlite.ones(1, 9, 4, 4)).shape
        torch.Size([1, 1, 12, 12])
    """

    __constants__ = ["upscale_factor"]  # noqa: RUF012

    upscale_factor: int

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Any) -> Any:
        """The larger images."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """The inverse of :class:`PixelShuffle`: squares of r by r pixels become r r channels, r the ``downscale_factor``.

    Shape: input (*, C, H r, W r), output (*, C r r, H, W).

    Raises:
        RuntimeError: (when called) the factor does not divide height and width.

    Example:
        >>> import nnlite
        >>> nnlite.nn.PixelUnshuffle(3)(nnlite.ones(1, 1, 12, 12)).shape
        torch.Size([1, 9, 4, 4])
    """

    __constants__ = ["downscale_factor"]  # noqa: RUF012

    downscale_factor: int

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Any) -> Any:
        """The smaller images."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"downscale_factor={self.downscale_factor}"
