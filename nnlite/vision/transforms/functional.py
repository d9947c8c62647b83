"""What the transforms do to one picture: of Pillow, or a tensor (..., C, H, W)."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

import numpy as np

import nnlite
from nnlite import Tensor
from nnlite.nn import functional as F

__all__ = [
    "InterpolationMode",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "get_dimensions",
    "get_image_size",
    "hflip",
    "normalize",
    "pad",
    "pil_to_tensor",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]

Picture = Any
"""A picture of Pillow or a tensor."""


class InterpolationMode(enum.Enum):
    """How pixels between pixels are computed."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_PILLOW_FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
_PADDING = {"constant": "constant", "edge": "replicate", "reflect": "reflect"}


def _check(picture: Picture, function: str) -> None:
    if not (isinstance(picture, Tensor) or _is_pillow(picture)):
        raise TypeError(f"{function}: expected a PIL Image or a tensor, got {type(picture).__name__}")


def _is_pillow(picture: Picture) -> bool:
    return hasattr(picture, "getbands") and hasattr(picture, "transpose")


def get_dimensions(img: Picture) -> list[int]:
    """``[channels, height, width]``."""
    _check(img, "get_dimensions")
    if isinstance(img, Tensor):
        return [1 if img.dim() == 2 else img.shape[-3], *img.shape[-2:]]
    return [len(img.getbands()), img.height, img.width]


def get_image_size(img: Picture) -> list[int]:
    """``[width, height]``."""
    _, height, width = get_dimensions(img)
    return [width, height]


def _pixels(picture: Picture) -> np.ndarray:
    """The numbers of a picture of Pillow, (C, H, W)."""
    a = np.array(picture, copy=True)
    if picture.mode == "1":
        a = a.astype(np.uint8) * 255
    return a[None] if a.ndim == 2 else np.ascontiguousarray(a.transpose(2, 0, 1))


def pil_to_tensor(pic: Picture) -> Tensor:
    """A picture's numbers as they are, (C, H, W)."""
    if isinstance(pic, Tensor):
        return pic
    _check(pic, "pil_to_tensor")
    return nnlite.from_numpy(_pixels(pic))


def to_tensor(pic: Picture) -> Tensor:
    """A picture, or an array (H, W) or (H, W, C), as a tensor (C, H, W); bytes become floats in [0, 1].

    Raises:
        TypeError: ``pic`` is neither.
        ValueError: an array has not two or three dimensions.

    Example:
        >>> import numpy as np
        >>> from nnlite.vision.transforms.functional import to_tensor
        >>> to_tensor(np.full((2, 2), 255, dtype=np.uint8))
        tensor([[[1., 1.],
                 [1., 1.]]])
    """
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        a = np.ascontiguousarray(pic.transpose(2, 0, 1) if pic.ndim == 3 else pic[None])
    elif isinstance(pic, Tensor):
        return pic.float() / 255 if pic.dtype == nnlite.uint8 else pic
    elif _is_pillow(pic):
        a = _pixels(pic)
    else:
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if a.dtype == np.uint8:
        return nnlite.from_numpy(a.astype(np.float32) / np.float32(255)).to(nnlite.get_default_dtype())
    return nnlite.from_numpy(a)


def to_pil_image(pic: Any, mode: str | None = None) -> Picture:
    """A tensor (C, H, W) or an array (H, W, C) as a picture of Pillow; floats are in [0, 1].

    Raises:
        ModuleNotFoundError: Pillow is not installed.
        TypeError: ``pic`` is neither.
        ValueError: the number of dimensions or channels is not one that pictures have.
    """
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("to_pil_image needs Pillow: pip install pillow", name="PIL") from error
    if isinstance(pic, Tensor):
        a = pic.detach().cpu().numpy()
        if a.dtype.kind == "f" and mode != "F":
            a = (a * 255).astype(np.uint8)
        a = a.transpose(1, 2, 0) if a.ndim == 3 else a
    elif isinstance(pic, np.ndarray):
        a = pic
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if a.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {a.ndim} dimensions.")
    a = a[..., 0] if a.ndim == 3 and a.shape[2] == 1 else a
    if a.ndim == 3 and a.shape[2] not in (2, 3, 4):
        raise ValueError(f"pic should not have > 4 channels. Got {a.shape[2]} channels.")
    picture = Image.fromarray(np.ascontiguousarray(a))
    return picture if mode is None or mode == picture.mode else picture.convert(mode)


def convert_image_dtype(image: Tensor, dtype: Any = nnlite.float32) -> Tensor:
    """A picture's numbers in another type: integers span their type's range, floats [0, 1]."""
    if image.dtype == dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        return image.mul(nnlite.iinfo(dtype).max + 1 - 1e-3).to(dtype)
    top = nnlite.iinfo(image.dtype).max
    if dtype.is_floating_point:
        return image.to(dtype) / top
    new = nnlite.iinfo(dtype).max
    return (image // ((top + 1) // (new + 1))).to(dtype) if top > new else image.to(dtype) * ((new + 1) // (top + 1))


def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """``(x - mean) / std`` for each channel.

    Raises:
        TypeError: the picture is not a tensor of floats.
        ValueError: it has fewer than three dimensions, or a deviation is zero.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.dim() < 3:
        raise ValueError(f"Expected tensor to be a tensor image of size (..., C, H, W). Got {tensor.shape}.")
    middle = nnlite.as_tensor(mean, dtype=tensor.dtype, device=tensor.device)
    width = nnlite.as_tensor(std, dtype=tensor.dtype, device=tensor.device)
    if any(value == 0 for value in np.ravel(std)):
        raise ValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    middle = middle.view(-1, 1, 1) if middle.dim() == 1 else middle
    width = width.view(-1, 1, 1) if width.dim() == 1 else width
    return tensor.sub_(middle).div_(width) if inplace else (tensor - middle) / width


def hflip(img: Picture) -> Picture:
    """Left and right change places."""
    _check(img, "hflip")
    return img.flip(-1) if isinstance(img, Tensor) else img.transpose(0)


def vflip(img: Picture) -> Picture:
    """Top and bottom change places."""
    _check(img, "vflip")
    return img.flip(-2) if isinstance(img, Tensor) else img.transpose(1)


def crop(img: Picture, top: int, left: int, height: int, width: int) -> Picture:
    """A rectangle; what lies outside the picture is 0."""
    _check(img, "crop")
    if not isinstance(img, Tensor):
        return img.crop((left, top, left + width, top + height))
    _, h, w = get_dimensions(img)
    inside = img[..., max(top, 0) : top + height, max(left, 0) : left + width]
    outside = [max(min(-left, width), 0), max(left + width - max(w, left), 0)]
    outside += [max(min(-top, height), 0), max(top + height - max(h, top), 0)]
    return F.pad(inside, outside) if any(outside) else inside


def center_crop(img: Picture, output_size: int | Sequence[int]) -> Picture:
    """The rectangle in the middle; a picture that is too small gets a margin of 0."""
    height, width = _two(output_size)
    _, h, w = get_dimensions(img)
    if height > h or width > w:
        left, top = max(width - w, 0) // 2, max(height - h, 0) // 2
        img = pad(img, [left, top, max(width - w, 0) - left, max(height - h, 0) - top])
        _, h, w = get_dimensions(img)
    return crop(img, round((h - height) / 2.0), round((w - width) / 2.0), height, width)


def pad(img: Picture, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> Picture:
    """A margin: one number, ``[left and right, top and bottom]`` or ``[left, top, right, bottom]``."""
    _check(img, "pad")
    if padding_mode not in _PADDING:
        raise ValueError(f"Padding mode should be either constant, edge or reflect. Got {padding_mode}")
    sides = [padding] if isinstance(padding, int) else list(padding)
    if len(sides) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(sides)} element tuple")
    left, top, right, bottom = sides * (4 // len(sides))
    if isinstance(img, Tensor):
        fill_value = {"value": fill} if padding_mode == "constant" else {}
        if padding_mode == "constant":
            return F.pad(img, [left, right, top, bottom], **fill_value)
        grown = F.pad(img[None].float(), [left, right, top, bottom], _PADDING[padding_mode])[0]
        return grown.to(img.dtype)
    if padding_mode == "constant":
        from PIL import ImageOps

        return ImageOps.expand(img, (left, top, right, bottom), fill)
    a = np.array(img)
    sizes = [(top, bottom), (left, right)] + [(0, 0)] * (a.ndim - 2)
    return to_pil_image(np.pad(a, sizes, padding_mode), img.mode)  # type: ignore[call-overload]


def resize(
    img: Picture,
    size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Picture:
    """Another size: ``(height, width)``, or one number, which the shorter side gets.

    Tensors are resized by ``nearest``, ``bilinear`` or ``bicubic``.
    """
    _check(img, "resize")
    _, h, w = get_dimensions(img)
    height, width = _new_size(h, w, size, max_size)
    if (height, width) == (h, w):
        return img
    method = interpolation.value if isinstance(interpolation, InterpolationMode) else _name_of(interpolation)
    if not isinstance(img, Tensor):
        return img.resize((width, height), _PILLOW_FILTERS[method])
    if method not in ("nearest", "bilinear", "bicubic"):
        raise ValueError(f"resize: tensors take nearest, bilinear and bicubic, got {method}; make a PIL Image first")
    batch = img.reshape(-1, *img.shape[-3:]).float()
    options = {} if method == "nearest" else {"align_corners": False, "antialias": bool(antialias)}
    out = F.interpolate(batch, size=(height, width), mode=method, **options)
    if not img.is_floating_point():
        out = out.round().clamp(0, nnlite.iinfo(img.dtype).max)
    return out.to(img.dtype).reshape(*img.shape[:-2], height, width)


def _name_of(number: int) -> str:
    return next(name for name, value in _PILLOW_FILTERS.items() if value == number)


def _new_size(h: int, w: int, size: int | Sequence[int], max_size: int | None) -> tuple[int, int]:
    sides = [size] if isinstance(size, int) else list(size)
    if len(sides) == 2:
        return sides[0], sides[1]
    short, long = min(h, w), max(h, w)
    new_short, new_long = sides[0], int(sides[0] * long / short)
    if max_size is not None and new_long > max_size:
        new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_short, new_long) if h <= w else (new_long, new_short)


def resized_crop(
    img: Picture,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Picture:
    """:func:`crop`, then :func:`resize`."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def rgb_to_grayscale(img: Picture, num_output_channels: int = 1) -> Picture:
    """``0.2989 R + 0.587 G + 0.114 B``, once or in three equal channels."""
    _check(img, "rgb_to_grayscale")
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if not isinstance(img, Tensor):
        grey = img.convert("L")
        return grey if num_output_channels == 1 else grey.convert("RGB")
    r, g, b = img.unbind(-3)
    grey = (0.2989 * r + 0.587 * g + 0.114 * b).to(img.dtype).unsqueeze(-3)
    return grey if num_output_channels == 1 else grey.expand(img.shape)


to_grayscale = rgb_to_grayscale


def _two(size: int | Sequence[int]) -> tuple[int, int]:
    sides = [size] if isinstance(size, int) else list(size)
    return (sides[0], sides[-1])
