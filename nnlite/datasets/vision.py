"""Datasets of images with labels: what MNIST and CIFAR share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from ..creation import tensor
from ..tensor import Tensor
from ..utils.data import Dataset, TensorDataset

Transform = Callable[[Any], Any]


class ImageDataset(Dataset[tuple[Any, Any]]):
    """Images of one size with a label each; sample ``i`` is ``(image, label)``.

    An image is a float32 tensor of shape (channels, height, width) in [0, 1], which ``transform`` takes, and a label an
    int, which ``target_transform`` takes. (torchvision's classes give pictures of the package Pillow, which its
    ``ToTensor`` makes into such tensors.)

    Attributes:
        data: the pixels, uint8.
        targets: the labels.
        classes: the name of each label.
    """

    classes: ClassVar[list[str]] = []
    data: Any
    targets: Any

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        self.root = Path(root).expanduser()
        self.train = train
        self.transform, self.target_transform = transform, target_transform
        if download:
            self.download()
        self._load()

    def download(self) -> None:
        """Fetch the files that are not there."""
        raise NotImplementedError

    def _load(self) -> None:
        """Set ``data`` and ``targets``."""
        raise NotImplementedError

    def _pixels(self, index: Any) -> Tensor:
        """Images (one, or several in the first dimension) as they stand in the files, uint8 (..., C, H, W)."""
        raise NotImplementedError

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image, target = self._pixels(index).float() / 255, int(self.targets[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def tensors(self) -> TensorDataset:
        """All samples without transforms, as float32 images in [0, 1] and int64 labels.

        A DataLoader takes whole batches out of it at once, which is many times faster than sample by sample.
        """
        return TensorDataset(self._pixels(slice(None)).float() / 255, tensor([int(label) for label in self.targets]))

    def __repr__(self) -> str:
        part = "Train" if self.train else "Test"
        lines = [f"Number of datapoints: {len(self)}", f"Root location: {self.root}", f"Split: {part}"]
        return "\n    ".join([f"Dataset {type(self).__name__}", *lines])


def not_found(name: str, detail: object) -> RuntimeError:
    return RuntimeError(f"Dataset not found. You can use download=True to download it ({name}: {detail})")
