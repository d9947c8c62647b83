"""nnlite.vision: transforms on pictures and tensors, datasets of pictures, grids and files."""

from __future__ import annotations

import gzip
import pickle

import numpy as np
import pytest
from idx_files import idx_bytes
from PIL import Image

import nnlite
from nnlite.vision import datasets, utils
from nnlite.vision import transforms as T
from nnlite.vision.transforms import functional as TF


def picture(mode="RGB", height=5, width=7):
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_to_tensor_and_back(mode):
    img = picture(mode)
    x = T.ToTensor()(img)
    assert x.shape == (3 if mode == "RGB" else 1, 5, 7) and x.dtype == nnlite.float32
    expected = np.asarray(img).astype(np.float32) / 255
    np.testing.assert_array_equal(x.numpy(), expected.transpose(2, 0, 1) if mode == "RGB" else expected[None])
    np.testing.assert_array_equal(T.ToTensor()(np.asarray(img)).numpy(), x.numpy())
    np.testing.assert_array_equal(np.asarray(T.ToPILImage()(T.PILToTensor()(img))), np.asarray(img))
    assert T.PILToTensor()(img).dtype == nnlite.uint8


GEOMETRY = {
    "crop": lambda img: TF.crop(img, 1, 2, 3, 4),
    "crop outside": lambda img: TF.crop(img, -1, 5, 4, 6),
    "center": lambda img: TF.center_crop(img, 3),
    "center of a small one": lambda img: TF.center_crop(img, (8, 6)),
    "hflip": TF.hflip,
    "vflip": TF.vflip,
    "pad": lambda img: TF.pad(img, 2),
    "pad two": lambda img: TF.pad(img, (1, 2)),
    "pad four": lambda img: TF.pad(img, [1, 2, 3, 0]),
    "reflect": lambda img: TF.pad(img, 2, padding_mode="reflect"),
    "edge": lambda img: TF.pad(img, [0, 1, 2, 3], padding_mode="edge"),
    "nearest": lambda img: TF.resize(img, (10, 14), T.InterpolationMode.NEAREST),
}


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("name", GEOMETRY)
def test_pictures_and_tensors_are_moved_alike(name, mode, device):
    img = picture(mode)
    moved = GEOMETRY[name](TF.pil_to_tensor(img).to(device))
    np.testing.assert_array_equal(moved.cpu().numpy(), TF.pil_to_tensor(GEOMETRY[name](img)).numpy())


def test_resize():
    img = picture(height=40, width=60)
    assert T.Resize(20)(img).size == (30, 20)
    assert T.Resize((8, 9))(img).size == (9, 8)
    assert T.Resize(20, max_size=25)(img).size == (25, 16)
    x = TF.pil_to_tensor(img)
    difference = TF.resize(x, 20).int() - TF.pil_to_tensor(TF.resize(img, 20)).int()
    assert difference.abs().max() <= 2  # Pillow rounds after each of the two directions


def test_normalize(device):
    x = nnlite.ones(3, 2, 2, device=device)
    y = T.Normalize((1.0, 0.0, 0.5), (1.0, 2.0, 0.5))(x)
    assert y[:, 0, 0].tolist() == [0.0, 0.5, 1.0]
    assert x.tolist() == nnlite.ones(3, 2, 2).tolist()
    for bad, kind in (((x.int(), [0], [1]), TypeError), ((x, [0], [0]), ValueError), ((x[0, 0], [0], [1]), ValueError)):
        with pytest.raises(kind):
            TF.normalize(*bad)


def test_random_transforms_follow_the_seed():
    img = picture(height=20, width=20)
    every = T.Compose(
        [
            T.RandomCrop(16, padding=2),
            T.RandomHorizontalFlip(),
            T.RandomVerticalFlip(),
            T.RandomResizedCrop(8),
            T.RandomGrayscale(0.5),
            T.RandomApply([T.Pad(1)]),
            T.RandomChoice([T.CenterCrop(7), T.CenterCrop(6)]),
            T.Lambda(lambda x: x),
            T.ToTensor(),
        ]
    )
    results = []
    for seed in (0, 1, 0):
        nnlite.manual_seed(seed)
        results.append([every(img).tolist() for _ in range(5)])
    assert results[0] == results[2] != results[1]
    with pytest.raises(ValueError, match="larger than input image size"):
        T.RandomCrop(30)(img)


def test_printed_form():
    both = T.Compose([T.Resize(4), T.ToTensor(), T.Normalize((0.1,), (0.2,)), T.RandomHorizontalFlip()])
    assert repr(both).splitlines()[2:] == [
        "    ToTensor()",
        "    Normalize(mean=(0.1,), std=(0.2,))",
        "    RandomHorizontalFlip(p=0.5)",
        ")",
    ]


@pytest.mark.parametrize("call", [TF.hflip, TF.pil_to_tensor, TF.to_tensor, lambda x: TF.resize(x, 3)])
def test_what_is_no_picture_is_refused(call):
    with pytest.raises(TypeError):
        call("a picture")


def test_mnist_gives_pictures(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 28, 28), dtype=np.uint8)
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(pixels)))
    (raw / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.array([3, 1, 4, 1], dtype=np.uint8))))
    data = datasets.MNIST(tmp_path, train=True)
    img, label = data[2]
    assert (img.mode, img.size, label) == ("L", (28, 28), 4)
    np.testing.assert_array_equal(np.asarray(img), pixels[2])
    data.transform, data.target_transform = T.ToTensor(), lambda y: -y
    x, label = data[0]
    np.testing.assert_array_equal(x.numpy(), pixels[:1].astype(np.float32) / 255)
    assert label == -3
    assert pickle.loads(pickle.dumps(datasets.MNIST(tmp_path)))[1][1] == 1
    with pytest.warns(UserWarning, match="train_labels has been renamed targets"):
        assert data.train_labels is data.targets
    with pytest.warns(UserWarning, match="test_data has been renamed data"):
        assert data.test_data is data.data


def test_image_folder(tmp_path):
    for name, count in (("cat", 2), ("dog", 1)):
        (tmp_path / name).mkdir()
        for i in range(count):
            picture(width=4 + i).save(tmp_path / name / f"{i}.png")
    (tmp_path / "dog" / "notes.txt").write_text("")
    data = datasets.ImageFolder(tmp_path, T.ToTensor())
    assert data.classes == ["cat", "dog"] and data.targets == [0, 0, 1] and len(data) == 3
    assert data[1][0].shape == (3, 5, 5)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no valid file for the class empty"):
        datasets.ImageFolder(tmp_path)
    with pytest.raises(FileNotFoundError, match="any class folder"):
        datasets.ImageFolder(tmp_path / "empty")


def test_fake_data():
    data = datasets.FakeData(3, (3, 6, 4), num_classes=5, transform=T.ToTensor())
    x, label = data[1]
    assert x.shape == (3, 6, 4) and 0 <= label < 5
    assert data[1][0].tolist() == x.tolist() != data[2][0].tolist()
    with pytest.raises(IndexError):
        data[3]


def test_grid(device):
    x = nnlite.arange(5.0, device=device).reshape(5, 1, 1, 1).expand(5, 1, 2, 3)
    grid = utils.make_grid(x, nrow=3, padding=1, pad_value=-1.0).cpu()
    assert grid.shape == (3, 7, 13)
    assert grid[0, 1].tolist() == [-1.0, 0, 0, 0, -1, 1, 1, 1, -1, 2, 2, 2, -1]
    assert grid[2, 4].tolist() == [-1.0, 3, 3, 3, -1, 4, 4, 4, -1, -1, -1, -1, -1]
    scaled = utils.make_grid(list(x.cpu()), padding=0, normalize=True)
    assert (scaled.min().item(), scaled.max().item()) == (0.0, 1.0)
    assert utils.make_grid(x[0]).shape == (3, 2, 3)
    with pytest.raises(TypeError):
        utils.make_grid([1, 2])


@pytest.mark.parametrize("name", ["a.png", "a.bmp"])
def test_save_image(tmp_path, name, device):
    x = nnlite.rand(3, 4, 5, device=device)
    utils.save_image(x, tmp_path / name)
    with Image.open(tmp_path / name) as file:
        written = np.asarray(file).transpose(2, 0, 1)
    np.testing.assert_array_equal(written, (x.cpu().numpy() * 255 + 0.5).astype(np.uint8))
    with open(tmp_path / "b.png", "wb") as file:
        utils.save_image(x, file, format="png")
    with Image.open(tmp_path / "b.png") as file:
        assert file.size == (5, 4)
