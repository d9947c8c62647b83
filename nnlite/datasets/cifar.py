"""CIFAR-10 and CIFAR-100, from their binary versions.

The other version of these datasets is Python pickles, which run code when they are read; the binary one holds the same
images and is the only one that is read here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..creation import from_numpy
from ..tensor import Tensor
from .archives import extract_archive
from .download import download
from .vision import ImageDataset, not_found

_PIXELS = 3 * 32 * 32


class CIFAR10(ImageDataset):
    """CIFAR-10: 50,000 colour images of 32 x 32 to train on and 10,000 to test on, ten classes.

    The files of the binary version are looked for in ``root/cifar-10-batches-bin`` and in ``root``. ``data`` is a NumPy
    array (N, 32, 32, 3) and ``targets`` a list, as in torchvision.

    Args:
        root: a folder.
        train: the training part, or the test part.
        transform: takes an image, a float32 tensor (3, 32, 32) in [0, 1].
        target_transform: takes a label, an int.
        download: fetch and unpack the archive (170 MB) if the files are not there; it is checked by SHA-256.

    Raises:
        RuntimeError: the files are not there, or cannot be downloaded.
        ValueError: a file is damaged.

    Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """

    folder = "cifar-10-batches-bin"
    archive = "cifar-10-binary.tar.gz"
    mirrors: tuple[str, ...] = ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/")
    sha256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
    train_files: tuple[str, ...] = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
    test_files: tuple[str, ...] = ("test_batch.bin",)
    label_bytes = 1
    classes: ClassVar[list[str]] = [
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ]

    def download(self) -> None:
        if self._find() is None:
            urls = [mirror + self.archive for mirror in self.mirrors]
            extract_archive(download(urls, self.root / self.archive, sha256=self.sha256), self.root)

    def _find(self) -> Path | None:
        """The folder that has the files of this part."""
        names = self.train_files if self.train else self.test_files
        folders = (self.root / self.folder, self.root)
        return next((folder for folder in folders if all((folder / name).is_file() for name in names)), None)

    def _load(self) -> None:
        folder = self._find()
        names = self.train_files if self.train else self.test_files
        if folder is None:
            raise not_found(type(self).__name__, f"no {', '.join(names)} in {self.root / self.folder} or {self.root}")
        rows = np.concatenate([self._read(folder / name) for name in names])
        labels = rows[:, self.label_bytes - 1]
        if len(rows) and labels.max() >= len(self.classes):
            raise ValueError(
                f"{type(self).__name__}: expected labels below {len(self.classes)}, got {labels.max()} in {folder}: "
                "the files are damaged, or of another dataset"
            )
        pixels = rows[:, self.label_bytes :].reshape(-1, 3, 32, 32)
        self.data = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
        self.targets, self._groups = labels.tolist(), rows[:, 0].tolist()

    def _read(self, path: Path) -> np.ndarray:
        """The records of a file, one a row: the label or labels, then the pixels, channel by channel."""
        record = self.label_bytes + _PIXELS
        data = np.fromfile(path, np.uint8)
        if not len(data) or len(data) % record:
            raise ValueError(
                f"{type(self).__name__}: {path} is truncated or no file of this dataset: expected a multiple of "
                f"{record} bytes, got {len(data)}"
            )
        return data.reshape(-1, record)

    def _pixels(self, index: Any) -> Tensor:
        return from_numpy(np.ascontiguousarray(np.moveaxis(self.data[index], -1, -3)))


class CIFAR100(CIFAR10):
    """CIFAR-100: as :class:`CIFAR10`, with a hundred classes (``targets``) in twenty groups (``coarse_targets``).

    The names in ``classes`` are read from ``fine_label_names.txt`` of the archive, and are numbers where it is missing.
    """

    folder = "cifar-100-binary"
    archive = "cifar-100-binary.tar.gz"
    sha256 = "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"
    train_files = ("train.bin",)
    test_files = ("test.bin",)
    label_bytes = 2
    classes: ClassVar[list[str]] = [str(i) for i in range(100)]

    def _load(self) -> None:
        super()._load()
        self.coarse_targets = self._groups
        names = (self._find() or self.root) / "fine_label_names.txt"
        if names.is_file():
            found = names.read_text("utf-8", errors="replace").split()
            if len(found) == 100:
                vars(self)["classes"] = found  # of this object; the class keeps its own
