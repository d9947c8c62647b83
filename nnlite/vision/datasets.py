"""Datasets whose samples are (picture, label), with torchvision's arguments.

A picture is one of Pillow where Pillow is installed, as in torchvision, and a uint8 tensor (C, H, W) where it is not;
the transforms of this package take both.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nnlite
from nnlite import datasets as _tensors
from nnlite.utils.data import Dataset

from .transforms.functional import to_pil_image

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "KMNIST",
    "MNIST",
    "DatasetFolder",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "VisionDataset",
]

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
_HAS_PILLOW = importlib.util.find_spec("PIL") is not None

Transform = Callable[[Any], Any]


class _Pictures:
    """Mixed into a dataset of tensors: its samples become pictures."""

    transform: Transform | None
    target_transform: Transform | None
    targets: Any

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = self._pixels(index)  # type: ignore[attr-defined]
        image = to_pil_image(image) if _HAS_PILLOW else image
        target = int(self.targets[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target


class _OldNames:
    """Names of ``data`` and ``targets`` in old programs; torchvision warns of them, and so do these."""

    data: Any
    targets: Any

    @property
    def train_data(self) -> Any:
        return self._renamed("train_data", "data")

    @property
    def test_data(self) -> Any:
        return self._renamed("test_data", "data")

    @property
    def train_labels(self) -> Any:
        return self._renamed("train_labels", "targets")

    @property
    def test_labels(self) -> Any:
        return self._renamed("test_labels", "targets")

    def _renamed(self, old: str, new: str) -> Any:
        warnings.warn(f"{old} has been renamed {new}", stacklevel=3)
        return getattr(self, new)


class MNIST(_OldNames, _Pictures, _tensors.MNIST):
    """As :class:`nnlite.datasets.MNIST`, with pictures for images."""


class FashionMNIST(_OldNames, _Pictures, _tensors.FashionMNIST):
    """As :class:`nnlite.datasets.FashionMNIST`, with pictures for images."""


class KMNIST(_OldNames, _Pictures, _tensors.KMNIST):
    """As :class:`nnlite.datasets.KMNIST`, with pictures for images."""


class CIFAR10(_Pictures, _tensors.CIFAR10):
    """As :class:`nnlite.datasets.CIFAR10`, with pictures for images."""


class CIFAR100(_Pictures, _tensors.CIFAR100):
    """As :class:`nnlite.datasets.CIFAR100`, with pictures for images."""


class VisionDataset(Dataset[tuple[Any, Any]]):
    """What datasets of pictures share: a root folder and the transforms of picture and label."""

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        self.root = root
        self.transform, self.target_transform = transform, target_transform

    def _transformed(self, image: Any, target: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target


class FakeData(VisionDataset):
    """Pictures of noise with random labels; sample ``i`` is the same every time.

    Args:
        size: how many.
        image_size: (channels, height, width).
        num_classes: labels are below it.
        transform, target_transform: take the picture and the label.
        random_offset: added to the sample's number, which seeds it.

    Example:
        >>> from nnlite.vision.datasets import FakeData
        >>> from nnlite.vision.transforms import ToTensor
        >>> image, label = FakeData(size=4, image_size=(3, 8, 8), transform=ToTensor())[0]
        >>> image.shape
        torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(None, transform, target_transform)
        self.size, self.image_size, self.num_classes, self.random_offset = size, image_size, num_classes, random_offset

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not 0 <= index < self.size:
            raise IndexError(f"FakeData index out of range: expected 0 <= index < {self.size}, got {index}")
        generator = nnlite.Generator().manual_seed(self.random_offset + index)
        image = nnlite.randn(*self.image_size, generator=generator)
        target = int(nnlite.randint(0, self.num_classes, (1,), generator=generator)[0])
        pixels = (image * 255).byte()  # torchvision's noise, which wraps round
        return self._transformed(to_pil_image(pixels) if _HAS_PILLOW else pixels, target)


def _load_picture(path: str) -> Any:
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("ImageFolder reads pictures with Pillow: pip install pillow", name="PIL") from error
    with open(path, "rb") as file:
        return Image.open(file).convert("RGB")


class DatasetFolder(VisionDataset):
    """Files in one folder for each class: ``root/class/.../file``.

    Args:
        root: the folder of the classes' folders.
        loader: takes a path.
        extensions: of the files that count.
        transform, target_transform: take what the loader gives, and the label.
        is_valid_file: takes a path; in place of ``extensions``.

    Raises:
        FileNotFoundError: there are no classes, or a class without files.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(root, transform, target_transform)
        if (extensions is None) == (is_valid_file is None):
            raise ValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
        known = tuple(extensions or ())
        self.loader = loader
        self.extensions = extensions
        self.classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
        if not self.classes:
            raise FileNotFoundError(f"Couldn't find any class folder in {root}.")
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        self.samples: list[tuple[str, int]] = []
        for name, label in self.class_to_idx.items():
            files = sorted(str(path) for path in Path(root, name).rglob("*") if path.is_file())
            valid = [file for file in files if (is_valid_file or (lambda f: f.lower().endswith(known)))(file)]
            if not valid:
                raise FileNotFoundError(f"Found no valid file for the class {name}. Supported extensions are: {known}")
            self.samples += [(file, label) for file in valid]
        self.targets = [label for _, label in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._transformed(self.loader(path), target)


class ImageFolder(DatasetFolder):
    """Pictures in one folder for each class: ``root/class/.../picture.png``. Pillow reads them, as RGB."""

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        loader: Callable[[str], Any] = _load_picture,
        is_valid_file: Callable[[str], bool] | None = None,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file)
        self.imgs = self.samples
