"""Transforms of pictures: of Pillow, or tensors (..., C, H, W). Chances are drawn from nnlite's default generator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import nnlite
from nnlite.nn.modules.module import Module

from . import functional
from .functional import InterpolationMode, Picture

__all__ = [
    "CenterCrop",
    "Compose",
    "ConvertImageDtype",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomApply",
    "RandomChoice",
    "RandomCrop",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomVerticalFlip",
    "Resize",
    "ToPILImage",
    "ToTensor",
    "functional",
]

_BILINEAR = InterpolationMode.BILINEAR


def _chance(p: float) -> bool:
    return bool(nnlite.rand(1) < p)


def _draw(low: int, high: int) -> int:
    """A whole number, ``high`` not among them."""
    return int(nnlite.randint(low, high, (1,)))


class Compose:
    """One transform after another.

    Example:
        >>> import numpy as np
        >>> from nnlite.vision import transforms
        >>> both = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
        >>> both(np.zeros((1, 2), dtype=np.uint8))
        tensor([[[-1., -1.]]])
    """

    def __init__(self, transforms: Iterable[Callable[[Any], Any]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return "\n".join([f"{type(self).__name__}(", *(f"    {transform}" for transform in self.transforms), ")"])


class Lambda:
    """A function as a transform."""

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return "Lambda()"


class ToTensor:
    """A picture, or an array (H, W, C), as a float tensor (C, H, W) in [0, 1]."""

    def __call__(self, pic: Any) -> nnlite.Tensor:
        return functional.to_tensor(pic)

    def __repr__(self) -> str:
        return "ToTensor()"


class PILToTensor:
    """A picture as a tensor (C, H, W) of the same numbers."""

    def __call__(self, pic: Any) -> nnlite.Tensor:
        return functional.pil_to_tensor(pic)

    def __repr__(self) -> str:
        return "PILToTensor()"


class ToPILImage:
    """A tensor (C, H, W) or an array (H, W, C) as a picture of Pillow."""

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Picture:
        return functional.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return "ToPILImage()" if self.mode is None else f"ToPILImage(mode={self.mode})"


class _Transform(Module):
    """A transform with parameters: ``_make`` does it, ``_shown`` are its parameters in the printed form."""

    _shown: tuple[str, ...] = ()

    def forward(self, img: Picture) -> Picture:
        return self._make(img)

    def _make(self, img: Picture) -> Picture:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)}' for name in self._shown)})"


class ConvertImageDtype(_Transform):
    """Numbers of another type, scaled to its range."""

    def __init__(self, dtype: Any) -> None:
        super().__init__()
        self.dtype = dtype

    def _make(self, img: Picture) -> Picture:
        return functional.convert_image_dtype(img, self.dtype)


class Normalize(_Transform):
    """``(x - mean) / std`` for each channel of a tensor."""

    _shown = ("mean", "std")

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def _make(self, img: Picture) -> Picture:
        return functional.normalize(img, self.mean, self.std, self.inplace)


class Resize(_Transform):
    """Another size: ``(height, width)``, or one number for the shorter side."""

    _shown = ("size", "interpolation", "max_size", "antialias")

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: InterpolationMode | int = _BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size, self.interpolation, self.max_size, self.antialias = size, interpolation, max_size, antialias

    def _make(self, img: Picture) -> Picture:
        return functional.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(_Transform):
    """The rectangle in the middle."""

    _shown = ("size",)

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = functional._two(size)

    def _make(self, img: Picture) -> Picture:
        return functional.center_crop(img, self.size)


class Pad(_Transform):
    """A margin on all sides."""

    _shown = ("padding", "fill", "padding_mode")

    def __init__(self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def _make(self, img: Picture) -> Picture:
        return functional.pad(img, self.padding, self.fill, self.padding_mode)


class Grayscale(_Transform):
    """Grey, in one channel or three."""

    _shown = ("num_output_channels",)

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def _make(self, img: Picture) -> Picture:
        return functional.rgb_to_grayscale(img, self.num_output_channels)


class RandomGrayscale(_Transform):
    """Grey with a chance, in as many channels as before."""

    _shown = ("p",)

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.p = p

    def _make(self, img: Picture) -> Picture:
        channels = functional.get_dimensions(img)[0]
        return functional.rgb_to_grayscale(img, channels) if _chance(self.p) and channels == 3 else img


class RandomHorizontalFlip(_Transform):
    """Left and right change places, with a chance."""

    _shown = ("p",)

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def _make(self, img: Picture) -> Picture:
        return functional.hflip(img) if _chance(self.p) else img


class RandomVerticalFlip(RandomHorizontalFlip):
    """Top and bottom change places, with a chance."""

    def _make(self, img: Picture) -> Picture:
        return functional.vflip(img) if _chance(self.p) else img


class RandomCrop(_Transform):
    """A rectangle anywhere in the picture, after a margin."""

    _shown = ("size", "padding")

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size, self.padding, self.pad_if_needed = functional._two(size), padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    def _make(self, img: Picture) -> Picture:
        height, width = self.size
        if self.padding is not None:
            img = functional.pad(img, self.padding, self.fill, self.padding_mode)
        _, h, w = functional.get_dimensions(img)
        if self.pad_if_needed and (h < height or w < width):
            more = [max(width - w, 0), max(height - h, 0)]
            img = functional.pad(img, more, self.fill, self.padding_mode)
            _, h, w = functional.get_dimensions(img)
        if h < height or w < width:
            raise ValueError(f"Required crop size {(height, width)} is larger than input image size {(h, w)}")
        return functional.crop(img, _draw(0, h - height + 1), _draw(0, w - width + 1), height, width)


class RandomResizedCrop(_Transform):
    """A rectangle of random area and shape, resized."""

    _shown = ("size", "scale", "ratio", "interpolation", "antialias")

    def __init__(
        self,
        size: int | Sequence[int],
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: InterpolationMode | int = _BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size, self.scale, self.ratio = functional._two(size), scale, ratio
        self.interpolation, self.antialias = interpolation, antialias

    def _make(self, img: Picture) -> Picture:
        place = self._place(*functional.get_dimensions(img)[1:])
        return functional.resized_crop(img, *place, self.size, self.interpolation, self.antialias)

    def _place(self, h: int, w: int) -> tuple[int, int, int, int]:
        """Top, left, height and width; the middle where ten draws do not fit."""
        for _ in range(10):
            area = h * w * float(nnlite.empty(1).uniform_(*self.scale))
            ratio = math.exp(float(nnlite.empty(1).uniform_(math.log(self.ratio[0]), math.log(self.ratio[1]))))
            width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < width <= w and 0 < height <= h:
                return _draw(0, h - height + 1), _draw(0, w - width + 1), height, width
        ratio = min(max(w / h, self.ratio[0]), self.ratio[1])
        height, width = min(h, round(w / ratio)), min(w, round(h * ratio))
        return (h - height) // 2, (w - width) // 2, height, width


class RandomApply(_Transform):
    """All of several transforms, or none, by chance."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]], p: float = 0.5) -> None:
        super().__init__()
        self.transforms, self.p = transforms, p

    def _make(self, img: Picture) -> Picture:
        return Compose(self.transforms)(img) if _chance(self.p) else img


class RandomChoice:
    """One of several transforms."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        return self.transforms[_draw(0, len(self.transforms))](img)
