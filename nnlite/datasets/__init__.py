"""Datasets: images in the files of MNIST and CIFAR, text, tables, and small real sets that other packages bring.

Classes take torchvision's arguments and are for a :class:`~nnlite.utils.data.DataLoader`; functions that begin with
``load_`` return tensors, text or a table and never use a network. Downloads happen only on ``download=True``, and are
checked.
"""

from .archives import extract_archive
from .cifar import CIFAR10, CIFAR100
from .download import download, file_checksum
from .idx import find_idx, read_idx
from .images import load_digits, load_idx_images, load_mnist5k, stratified_split
from .installed import load_ames, load_english_text, local_copies
from .mnist import KMNIST, MNIST, FashionMNIST
from .tables import TableEncoder, read_csv, table_dataset
from .text import LineDataset, Vocabulary, read_text
from .vision import ImageDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "MNIST",
    "FashionMNIST",
    "ImageDataset",
    "KMNIST",
    "LineDataset",
    "TableEncoder",
    "Vocabulary",
    "download",
    "extract_archive",
    "file_checksum",
    "find_idx",
    "load_ames",
    "load_digits",
    "load_english_text",
    "load_idx_images",
    "load_mnist5k",
    "local_copies",
    "read_csv",
    "read_idx",
    "read_text",
    "stratified_split",
    "table_dataset",
]
