"""Grids of pictures, and files of them."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import nnlite
from nnlite import Tensor

__all__ = ["make_grid", "save_image"]


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Pictures (B, C, H, W), or a list of (C, H, W), side by side in one picture (3, height, width).

    Args:
        tensor: the pictures; grey ones get three channels.
        nrow: so many stand in a row.
        padding: pixels between them.
        normalize: scale to [0, 1].
        value_range: smallest and largest value for that; the pictures' own without it.
        scale_each: scale each picture by itself.
        pad_value: of the pixels between them.

    Example:
        >>> import nnlite
        >>> from nnlite.vision.utils import make_grid
        >>> make_grid(nnlite.zeros(6, 1, 10, 10), nrow=3).shape
        torch.Size([3, 26, 38])
    """
    images = _batch(tensor).detach()
    if images.shape[1] == 1:
        images = images.expand(-1, 3, -1, -1)
    if normalize:
        images = _scaled(images, value_range, scale_each)
    count, channels, height, width = images.shape
    if count == 1:
        return images[0]
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    size = (channels, (height + padding) * rows + padding, (width + padding) * columns + padding)
    grid = nnlite.full(size, pad_value, dtype=images.dtype, device=images.device)
    for i in range(count):
        top, left = i // columns * (height + padding) + padding, i % columns * (width + padding) + padding
        grid[:, top : top + height, left : left + width] = images[i]
    return grid


def _batch(tensor: Tensor | Sequence[Tensor]) -> Tensor:
    """(B, C, H, W) of one picture or several."""
    if not isinstance(tensor, Tensor):
        if not (isinstance(tensor, list) and all(isinstance(t, Tensor) for t in tensor)):
            raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
        tensor = nnlite.stack(tensor)
    while tensor.dim() < 4:
        tensor = tensor[None]
    return tensor


def _scaled(tensor: Tensor, value_range: tuple[float, float] | None, each: bool) -> Tensor:
    if value_range is not None:
        low, high = value_range
        return (tensor.clamp(low, high) - low) / max(high - low, 1e-5)
    dim = (1, 2, 3) if each else (0, 1, 2, 3)
    low_, high_ = tensor.amin(dim, keepdim=True), tensor.amax(dim, keepdim=True)
    return (tensor - low_) / (high_ - low_).clamp(min=1e-5)


def save_image(tensor: Tensor | Sequence[Tensor], fp: Any, format: str | None = None, **kwargs: Any) -> None:
    """Write :func:`make_grid` of the pictures, whose values are in [0, 1], to a file.

    PNG files need nothing else; Pillow writes other formats.

    Args:
        tensor: as in :func:`make_grid`, which takes the other keyword arguments too.
        fp: a path, or a binary file.
        format: the file's format, where the name does not tell.

    Raises:
        ModuleNotFoundError: the format is not PNG, and Pillow is not installed.
    """
    grid = make_grid(tensor, **kwargs)
    pixels = (grid * 255 + 0.5).clamp(0, 255).permute(1, 2, 0).to(nnlite.uint8).cpu().numpy()
    kind = (format or Path(getattr(fp, "name", fp) if not isinstance(fp, str) else fp).suffix.lstrip(".")).lower()
    if kind == "png":
        data = _png(pixels)
        fp.write(data) if hasattr(fp, "write") else Path(fp).write_bytes(data)
        return
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"save_image writes {kind} with Pillow: pip install pillow", name="PIL") from error
    Image.fromarray(pixels).save(fp, format=format)


def _png(pixels: np.ndarray) -> bytes:
    """An (H, W, 3) array of bytes as a PNG file (ISO/IEC 15948): header, compressed rows, end."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)  # filter 0 each

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows.tobytes())), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
