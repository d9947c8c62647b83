"""CIFAR-10 and CIFAR-100: the binary files, the archive, and damaged files."""

from __future__ import annotations

import hashlib
import io
import tarfile

import numpy as np
import pytest
from file_server import serve

import nnlite
from nnlite.datasets import CIFAR10, CIFAR100
from nnlite.utils.data import DataLoader


def records(count, label_bytes, seed=0):
    rows = np.random.default_rng(seed).integers(0, 256, (count, label_bytes + 3072), dtype=np.uint8)
    rows[:, :label_bytes] %= 10
    return rows


def files(kind):
    names = {*kind.train_files, *kind.test_files}
    return {name: records(4, kind.label_bytes, i) for i, name in enumerate(sorted(names))}


def write(folder, kind):
    folder.mkdir(parents=True, exist_ok=True)
    rows = files(kind)
    for name, array in rows.items():
        array.tofile(folder / name)
    return rows


@pytest.mark.parametrize("kind", [CIFAR10, CIFAR100])
@pytest.mark.parametrize("own", [True, False])
def test_reading(tmp_path, kind, own):
    rows = write(tmp_path / kind.folder if own else tmp_path, kind)
    for train, names in ((True, kind.train_files), (False, kind.test_files)):
        data = kind(tmp_path, train)
        expected = np.concatenate([rows[name] for name in names])
        image, label = data[3]
        assert len(data) == len(expected)
        assert label == expected[3, kind.label_bytes - 1]
        assert (image.shape, image.dtype) == ((3, 32, 32), nnlite.float32)
        np.testing.assert_array_equal(image.numpy().ravel(), expected[3, kind.label_bytes :] / np.float32(255))
        assert data.data.shape == (len(expected), 32, 32, 3)
        np.testing.assert_array_equal(data.data[3, :, :, 1].ravel(), expected[3, kind.label_bytes + 1024 :][:1024])
        images, labels = next(iter(DataLoader(data.tensors(), 4)))
        assert nnlite.equal(images[3], image)
        assert labels.tolist() == data.targets[:4]


def test_names_and_groups_of_cifar100(tmp_path):
    rows = write(tmp_path, CIFAR100)
    data = CIFAR100(tmp_path)
    assert data.coarse_targets == rows["train.bin"][:, 0].tolist()
    assert data.classes[7] == "7"
    (tmp_path / "fine_label_names.txt").write_text("\n".join(f"thing{i}" for i in range(100)))
    assert CIFAR100(tmp_path).class_to_idx["thing42"] == 42
    assert CIFAR100.classes[42] == "42"
    assert CIFAR10.classes[3] == "cat"


def test_missing_and_damaged(tmp_path):
    with pytest.raises(RuntimeError, match=r"Dataset not found\. You can use download=True .*data_batch_1\.bin"):
        CIFAR10(tmp_path)
    write(tmp_path, CIFAR10)
    path = tmp_path / "data_batch_3.bin"
    good = path.read_bytes()
    for damaged in (good[:-1], b"", good + b"\0"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"{path} is truncated .* multiple of 3073 bytes, got {len(damaged)}"):
            CIFAR10(tmp_path)
    path.write_bytes(b"\xff" + good[1:])
    with pytest.raises(ValueError, match="expected labels below 10, got 255"):
        CIFAR10(tmp_path)


@pytest.mark.parametrize("kind", [CIFAR10, CIFAR100])
def test_download(tmp_path, monkeypatch, kind):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, rows in files(kind).items():
            info = tarfile.TarInfo(f"{kind.folder}/{name}")
            info.size = rows.nbytes
            archive.addfile(info, io.BytesIO(rows.tobytes()))
    monkeypatch.setattr(kind, "sha256", hashlib.sha256(out.getvalue()).hexdigest())
    with serve({f"/{kind.archive}": out.getvalue()}) as (address, asked):
        monkeypatch.setattr(kind, "mirrors", (address + "/",))
        assert len(kind(tmp_path, download=True)) == 4 * len(kind.train_files)
        assert len(kind(tmp_path, train=False, download=True)) == 4
        assert len(asked) == 1
