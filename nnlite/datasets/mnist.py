"""MNIST and two datasets in its files and of its size, with torchvision's arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from ..tensor import Tensor
from .download import download
from .idx import find_idx, read_idx
from .vision import ImageDataset, not_found

_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class MNIST(ImageDataset):
    """The handwritten digits of MNIST: 60,000 images of 28 x 28 to train on and 10,000 to test on.

    The files are looked for in ``root/MNIST/raw`` (where ``download=True`` puts them, and torchvision too),
    ``root/MNIST`` and ``root``, compressed or not.

    Args:
        root: a folder.
        train: the training part, or the test part.
        transform: takes an image, a float32 tensor (1, 28, 28) in [0, 1].
        target_transform: takes a label, an int.
        download: fetch the files that are not there; each is checked against its MD5 checksum.

    Raises:
        RuntimeError: the files are not there, or cannot be downloaded.
        ValueError: a file is damaged, or images and labels do not fit together.

    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
    """

    mirrors: tuple[str, ...] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    checksums: tuple[str, ...] = (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    )
    """MD5 of the compressed files: images and labels to train on, images and labels to test on."""

    system_folders: tuple[str, ...] = ()
    """Where packages of an operating system put the files; looked at after ``root``."""

    classes: ClassVar[list[str]] = [f"{i} - {name}" for i, name in enumerate(_NUMBERS)]

    @property
    def raw_folder(self) -> Path:
        return self.root / type(self).__name__ / "raw"

    def folders(self) -> list[Path]:
        """Where the files are looked for, in this order."""
        own = self.raw_folder
        return [own, own.parent, self.root, *map(Path, self.system_folders)]

    def download(self) -> None:
        for name, md5 in zip(_FILES, self.checksums, strict=True):
            if self._find(name) is None:
                download([f"{mirror}{name}.gz" for mirror in self.mirrors], self.raw_folder / f"{name}.gz", md5=md5)

    def _find(self, name: str) -> Path | None:
        for folder in self.folders():
            try:
                return find_idx(folder, name)
            except FileNotFoundError:
                continue
        return None

    def _load(self) -> None:
        names = _FILES[:2] if self.train else _FILES[2:]
        paths = [self._find(name) for name in names]
        for name, path in zip(names, paths, strict=True):
            if path is None:
                raise not_found(type(self).__name__, f"no {name} in {', '.join(map(str, self.folders()))}")
        self.data, labels = (read_idx(path) for path in paths if path is not None)
        if self.data.ndim != 3 or labels.ndim != 1 or len(self.data) != len(labels):
            raise ValueError(
                f"{type(self).__name__}: expected images of shape (N, height, width) and labels of shape (N,), "
                f"got {tuple(self.data.shape)} in {paths[0]} and {tuple(labels.shape)} in {paths[1]}"
            )
        self.targets = labels.long()

    def _pixels(self, index: Any) -> Tensor:
        return self.data[index].unsqueeze(-3)


class FashionMNIST(MNIST):
    """Fashion-MNIST: 60,000 grey images of clothes to train on and 10,000 to test on, ten classes.

    As :class:`MNIST`. The files of Debian's package ``dataset-fashion-mnist`` are found wherever ``root`` is, when
    there are none in ``root``.

    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
    algorithms", 2017.
    """

    mirrors = (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
    )
    checksums = (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    )
    system_folders = ("/usr/share/datasets/fashion-mnist",)
    classes: ClassVar[list[str]] = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]


class KMNIST(MNIST):
    """Kuzushiji-MNIST: 60,000 images of cursive Japanese characters to train on and 10,000 to test on, ten classes.

    As :class:`MNIST`.

    Source: T. Clanuwat et al., "Deep learning for classical Japanese literature", 2018.
    """

    mirrors = ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
    checksums = (
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    )
    classes: ClassVar[list[str]] = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
