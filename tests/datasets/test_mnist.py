"""MNIST and its relatives: files, transforms, batches, local copies, and what is said of missing or damaged files."""

from __future__ import annotations

import gzip
import hashlib

import numpy as np
import pytest
from file_server import serve
from idx_files import idx_bytes, write_idx

import nnlite
from nnlite.datasets import KMNIST, MNIST, FashionMNIST
from nnlite.utils.data import DataLoader

PIXELS = np.arange(5 * 4 * 3, dtype="u1").reshape(5, 4, 3)
LABELS = np.array([3, 1, 4, 1, 5], "u1")
ARRAYS = {
    "train-images-idx3-ubyte": PIXELS,
    "train-labels-idx1-ubyte": LABELS,
    "t10k-images-idx3-ubyte": PIXELS[:2],
    "t10k-labels-idx1-ubyte": LABELS[:2],
}


@pytest.fixture(autouse=True)
def no_system_folders(monkeypatch):
    """What is installed on this machine makes no difference."""
    monkeypatch.setattr(FashionMNIST, "system_folders", ())


def write(folder, compress=False, names=tuple(ARRAYS)):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        write_idx(folder / (name + ".gz" * compress), ARRAYS[name], compress)


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST, KMNIST])
@pytest.mark.parametrize("place", ["raw", "own", "root"])
def test_files_are_found(tmp_path, kind, place):
    folders = {"raw": tmp_path / kind.__name__ / "raw", "own": tmp_path / kind.__name__, "root": tmp_path}
    write(folders[place], compress=place != "own")
    data = kind(tmp_path)
    image, label = data[2]
    assert (len(data), label) == (5, 4)
    np.testing.assert_array_equal(image.numpy(), (PIXELS[2] / np.float32(255))[None])
    assert (image.dtype, type(label)) == (nnlite.float32, int)
    assert (data.data.dtype, data.data.shape) == (nnlite.uint8, (5, 4, 3))
    assert data.targets.tolist() == LABELS.tolist()
    assert len(kind(str(tmp_path), train=False)) == 2
    assert len(data.classes) == len(data.class_to_idx) == 10
    assert f"Dataset {kind.__name__}\n    Number of datapoints: 5\n" in repr(data)


def test_system_folder_comes_last(tmp_path, monkeypatch):
    monkeypatch.setattr(FashionMNIST, "system_folders", (str(tmp_path / "system"),))
    write(tmp_path / "system")
    assert len(FashionMNIST(tmp_path / "nowhere")) == 5
    write_idx(tmp_path / "train-images-idx3-ubyte", PIXELS[:1])
    write_idx(tmp_path / "train-labels-idx1-ubyte", LABELS[:1])
    assert len(FashionMNIST(tmp_path)) == 1


def test_transforms(tmp_path, device):
    write(tmp_path)
    data = MNIST(tmp_path, transform=lambda image: (image - 0.5).to(device), target_transform=lambda label: -label)
    image, label = data[-1]
    assert label == -5
    assert image.device.type == device
    np.testing.assert_allclose(image.cpu().numpy(), (PIXELS[-1] / np.float32(255))[None] - 0.5, rtol=1e-6)


def test_loader_and_tensors_agree(tmp_path):
    write(tmp_path)
    data = MNIST(tmp_path)
    one_by_one = list(DataLoader(data, batch_size=2))
    at_once = list(DataLoader(data.tensors(), batch_size=2))
    assert len(one_by_one) == len(at_once) == 3
    for (images, labels), (other_images, other_labels) in zip(one_by_one, at_once, strict=True):
        assert images.shape[1:] == (1, 4, 3)
        assert labels.dtype is other_labels.dtype is nnlite.int64
        assert nnlite.equal(images, other_images)
        assert nnlite.equal(labels, other_labels)


def test_missing_files(tmp_path):
    with pytest.raises(RuntimeError, match=r"Dataset not found\. You can use download=True .*train-images-idx3-ubyte"):
        MNIST(tmp_path)
    write(tmp_path, names=["train-images-idx3-ubyte"])
    with pytest.raises(RuntimeError, match="train-labels-idx1-ubyte"):
        MNIST(tmp_path)


def test_damaged_files(tmp_path):
    write(tmp_path)
    write_idx(tmp_path / "train-labels-idx1-ubyte", LABELS[:4])
    with pytest.raises(ValueError, match=r"MNIST: expected images of shape .* got \(5, 4, 3\) .* and \(4,\)"):
        MNIST(tmp_path)
    images = tmp_path / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"{images} is truncated"):
        MNIST(tmp_path)


def test_download(tmp_path, monkeypatch):
    files = {f"/{name}.gz": gzip.compress(idx_bytes(array), mtime=0) for name, array in ARRAYS.items()}
    monkeypatch.setattr(KMNIST, "checksums", [hashlib.md5(data).hexdigest() for data in files.values()])
    with serve(files) as (address, asked):
        monkeypatch.setattr(KMNIST, "mirrors", (f"{address}/wrong/", f"{address}/"))
        data = KMNIST(tmp_path, download=True)
        assert data.targets.tolist() == LABELS.tolist()
        raw = sorted(path.name for path in (tmp_path / "KMNIST" / "raw").iterdir())
        assert raw == sorted(name + ".gz" for name in ARRAYS)
        count = len(asked)
        assert count == 8  # each from the second mirror
        KMNIST(tmp_path, train=False, download=True)
        assert len(asked) == count  # nothing is fetched twice
