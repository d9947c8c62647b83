"""A network of linear layers learns to tell clothes apart, with and without dropout.

    python examples/fashion_mlp.py

Three networks of the same size are trained: one without dropout, one with dropout written out below, one with
``nn.Dropout``. Dropout sets some of the hidden units to zero at random in every training step, so that no unit can rely
on another one; the network that has it remembers less of the training images. What to look at is the gap between the
accuracy on the images that it was trained on and on those that it has not seen.
"""

from __future__ import annotations

from collections.abc import Sequence

from common import images, parse, progress, pyplot, save_picture

import nnlite as torch
from nnlite import nn
from nnlite.utils.data import DataLoader, TensorDataset

DROPOUT = 0.2, 0.5
"""The part of the units of the first and of the second hidden layer that is left out."""


def dropout_layer(X: torch.Tensor, dropout: float) -> torch.Tensor:
    """X with each element zero with probability ``dropout``; the others grow, so that the mean stays."""
    if dropout == 1:
        return torch.zeros_like(X)
    mask = torch.rand_like(X) >= dropout
    return mask * X / (1 - dropout)


class FromScratch(nn.Module):
    def __init__(self, hidden: int):
        super().__init__()
        self.first = nn.Linear(28 * 28, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.third = nn.Linear(hidden, 10)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        H = torch.relu(self.first(X.flatten(1)))
        if self.training:  # what .train() and .eval() set
            H = dropout_layer(H, DROPOUT[0])
        H = torch.relu(self.second(H))
        if self.training:
            H = dropout_layer(H, DROPOUT[1])
        return self.third(H)


def built_in(hidden: int, dropout: tuple[float, float]) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(28 * 28, hidden),
        nn.ReLU(),
        nn.Dropout(dropout[0]),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Dropout(dropout[1]),
        nn.Linear(hidden, 10),
    )


@torch.no_grad()
def accuracy(model: nn.Module, data: TensorDataset, device: torch.device) -> float:
    model.eval()
    right = torch.zeros((), device=device)
    for X, y in DataLoader(data, 1000):
        right += (model(X.to(device)).argmax(1) == y.to(device)).sum()
    return right.item() / len(data)


def train(model: nn.Module, data: Sequence[TensorDataset], text: str, options) -> dict[str, list[float]]:
    """The accuracy on the training and on the test images after each epoch."""
    optimizer = torch.optim.SGD(model.parameters(), lr=options.lr, momentum=0.9)
    loss_function = nn.CrossEntropyLoss()
    curves: dict[str, list[float]] = {"train": [], "test": []}
    for epoch in range(options.epochs):
        model.train()
        for X, y in progress(DataLoader(data[0], 256, shuffle=True), f"{text}, epoch {epoch + 1}", options):
            X, y = X.to(options.device), y.to(options.device)
            loss = loss_function(model(X), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        for part, samples in zip(curves, data, strict=True):
            curves[part].append(accuracy(model, samples, options.device))
    return curves


def main(arguments: list[str] | None = None) -> dict[str, dict[str, list[float]]]:
    options = parse(__doc__, "fashion_mlp", arguments, data="any", epochs=20, lr=0.1, hidden=256)
    if options.quick:
        options.epochs = min(options.epochs, 2)
    train_data, test_data, _ = images(options)
    results = {}
    for text, make in (
        ("without dropout", lambda: built_in(options.hidden, (0.0, 0.0))),
        ("dropout written out", lambda: FromScratch(options.hidden)),
        ("nn.Dropout", lambda: built_in(options.hidden, DROPOUT)),
    ):
        torch.manual_seed(options.seed)
        curves = train(make().to(options.device), (train_data, test_data), text, options)
        results[text] = curves
        seen, unseen = curves["train"][-1], curves["test"][-1]
        print(f"{text:20}  accuracy on the training images {seen:.2%}, on the test images {unseen:.2%}", flush=True)
    draw(results, options)
    return results


def draw(results: dict[str, dict[str, list[float]]], options) -> None:
    plt = pyplot()
    if plt is None:
        return
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for i, (text, curves) in enumerate(results.items()):
        epochs = range(1, len(curves["train"]) + 1)
        axes.plot(epochs, curves["train"], f"C{i}--", label=f"{text}: training images")
        axes.plot(epochs, curves["test"], f"C{i}-", label=f"{text}: test images")
    axes.set(xlabel="epoch", ylabel="accuracy", title="What dropout does")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    save_picture(figure, options.out / "accuracy.png")


if __name__ == "__main__":
    main()
