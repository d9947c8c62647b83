"""What the programs in this folder use of the package d2l ("Dive into Deep Learning"), with printed lines for plots.

`load_data_fashion_mnist` reads the IDX files in the folder named by the environment variable FASHION_MNIST (Debian's
dataset-fashion-mnist installs them in /usr/share/datasets/fashion-mnist). Without it, scikit-learn's handwritten digits,
enlarged to 28 x 28 pixels, take the place of the clothes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

import nnlite as torch
from nnlite import datasets, nn
from nnlite.utils.data import DataLoader, TensorDataset


def load_data_fashion_mnist(batch_size: int) -> tuple[DataLoader, DataLoader]:
    """Batches of images (N, 1, 28, 28) and labels, to train on and to test on."""
    folder = os.environ.get("FASHION_MNIST")
    if folder:
        train, test = datasets.load_idx_images(folder), datasets.load_idx_images(folder, train=False)
    else:
        images, labels = datasets.load_digits()
        large = np.pad(np.kron(images.numpy(), np.ones((3, 3), np.float32)), ((0, 0), (0, 0), (2, 2), (2, 2)))
        train, test = (large[:1500], labels[:1500]), (large[1500:], labels[1500:])
    return load_array(train, batch_size), load_array(test, batch_size, is_train=False)


def load_array(data_arrays: Sequence[Any], batch_size: int, is_train: bool = True) -> DataLoader:
    """Batches of rows of the arrays, in random order for training."""
    device = torch.get_default_device()
    tensors = [torch.as_tensor(array).to(device) for array in data_arrays]
    return DataLoader(TensorDataset(*tensors), batch_size, shuffle=is_train)


def synthetic_data(w: torch.Tensor, b: float, num_examples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Examples of y = Xw + b with noise of standard deviation 0.01."""
    X = torch.normal(0, 1, (num_examples, len(w)))
    y = torch.matmul(X, w) + b
    return X, (y + torch.normal(0, 0.01, y.shape)).reshape(-1, 1)


def linreg(X: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Linear regression."""
    return torch.matmul(X, w) + b


def squared_loss(y_hat: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Half the square of each error."""
    return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2


def sgd(params: Iterable[torch.Tensor], lr: float, batch_size: int) -> None:
    """One step of gradient descent on gradients summed over a batch."""
    with torch.no_grad():
        for param in params:
            param -= lr * param.grad / batch_size
            param.grad.zero_()


def evaluate_loss(net: Callable, data_iter: Iterable, loss: Callable) -> float:
    """The mean loss over the data."""
    total, count = 0.0, 0
    for X, y in data_iter:
        values = loss(net(X), y)
        total, count = total + values.sum().item(), count + values.numel()
    return total / count


def evaluate_accuracy(net: nn.Module, data_iter: Iterable) -> float:
    """The fraction of the data that is classified correctly."""
    net.eval()
    right, count = 0, 0
    with torch.no_grad():
        for X, y in data_iter:
            right, count = right + int((net(X).argmax(1) == y).sum()), count + len(y)
    return right / count


def train_ch3(
    net: nn.Module,
    train_iter: Iterable,
    test_iter: Iterable,
    loss: Callable,
    num_epochs: int,
    updater: torch.optim.Optimizer,
) -> None:
    """Train a classifier; prints loss and accuracies of every epoch."""
    animator = Animator(legend=["train loss", "train acc", "test acc"])
    for epoch in range(num_epochs):
        net.train()
        total, right, count = 0.0, 0, 0
        for X, y in train_iter:
            y_hat = net(X)
            values = loss(y_hat, y)
            updater.zero_grad()
            values.mean().backward()
            updater.step()
            total, count = total + values.sum().item(), count + len(y)
            right += int((y_hat.argmax(1) == y).sum())
        animator.add(epoch + 1, (total / count, right / count, evaluate_accuracy(net, test_iter)))


class Animator:
    """Prints points of curves, where the package draws them."""

    def __init__(self, legend: Sequence[str] = (), **_: Any) -> None:
        self.legend = legend

    def add(self, x: float, y: Sequence[float]) -> None:
        print(f"epoch {x}: " + ", ".join(f"{name} {value:.4f}" for name, value in zip(self.legend, y, strict=True)))


def plot(x: Sequence[float], curves: Sequence[Sequence[float]], xlabel: str, ylabel: str, **_: Any) -> None:
    """Prints where each curve begins and ends, where the package draws it."""
    for curve in curves:
        print(f"{ylabel} from {curve[0]:.4f} at {xlabel} {x[0]} to {curve[-1]:.4f} at {xlabel} {x[-1]}")
