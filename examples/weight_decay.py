"""Weight decay: how much of it a model with more features than it can learn from needs.

    python examples/weight_decay.py

A linear model predicts the progress of diabetes in a year from ten measurements, their squares and their products: 65
features, and only 80 patients to learn from. Without a penalty on large weights it learns the patients by heart. The
program

- trains it with the penalty written into the loss, and with the optimizer's ``weight_decay``, which gives the same
  weights;
- tries a range of penalties, and shows the errors on the patients that it learnt from and on the others;
- compares Adam, where ``weight_decay`` goes through the scaled gradient, with AdamW, where it does not.

The data comes with scikit-learn (B. Efron et al., "Least angle regression", 2004). examples/seeds/weight_decay.py shows
the same on made-up data, step by step.
"""

from __future__ import annotations

import numpy as np
from common import parse, progress, pyplot, save_picture

import nnlite as torch
from nnlite import nn

N_TRAIN = 80


def load() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features and progress of the patients to learn from, then of the others; mean 0 and deviation 1."""
    from sklearn.datasets import load_diabetes

    measured, progress_of_disease = load_diabetes(return_X_y=True)
    i, j = np.triu_indices(measured.shape[1])
    features = np.concatenate([measured, (measured[:, i] * measured[:, j])], 1)
    rows = np.random.default_rng(0).permutation(len(features))
    features, y = features[rows].astype(np.float32), progress_of_disease[rows, None].astype(np.float32)
    features = (features - features[:N_TRAIN].mean(0)) / features[:N_TRAIN].std(0)
    y = (y - y[:N_TRAIN].mean()) / y[:N_TRAIN].std()
    X, y = torch.from_numpy(features), torch.from_numpy(y)
    return X[:N_TRAIN], y[:N_TRAIN], X[N_TRAIN:], y[N_TRAIN:]


def l2_penalty(w: torch.Tensor) -> torch.Tensor:
    return (w**2).sum() / 2


def train_written_out(X: torch.Tensor, y: torch.Tensor, decay: float, steps: int, lr: float) -> nn.Linear:
    """Gradient descent on loss + decay * |w|^2 / 2."""
    model = new_model(X)
    for _ in range(steps):
        loss = nn.functional.mse_loss(model(X), y) + decay * l2_penalty(model.weight)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= lr * parameter.grad
    return model


def train(X: torch.Tensor, y: torch.Tensor, decay: float, steps: int, lr: float, kind: type) -> nn.Linear:
    """The same by an optimizer. Two parameter groups: the bias does not decay."""
    model = new_model(X)
    groups = [{"params": [model.weight], "weight_decay": decay}, {"params": [model.bias], "weight_decay": 0.0}]
    optimizer = kind(groups, lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(X), y).backward()
        optimizer.step()
    return model


def new_model(X: torch.Tensor) -> nn.Linear:
    torch.manual_seed(0)  # the same weights to begin with, so that the results can be compared
    return nn.Linear(X.shape[1], 1).to(X.device)


@torch.no_grad()
def error(model: nn.Module, X: torch.Tensor, y: torch.Tensor) -> float:
    """The mean squared error; 1 is that of a model that always predicts the mean."""
    return nn.functional.mse_loss(model(X), y).item()


def main(arguments: list[str] | None = None) -> dict:
    options = parse(__doc__, "weight_decay", arguments, steps=3000, lr=0.03)
    steps = min(options.steps, 300) if options.quick else options.steps
    X, y, X_test, y_test = (tensor.to(options.device) for tensor in load())
    print(f"{len(X)} patients to learn from, {len(X_test)} to predict, {X.shape[1]} features")

    by_hand = train_written_out(X, y, 0.3, steps, options.lr)
    by_optimizer = train(X, y, 0.3, steps, options.lr, torch.optim.SGD)
    difference = (by_hand.weight - by_optimizer.weight).abs().max().item()
    print(f"penalty in the loss, or weight_decay of SGD: the weights differ by at most {difference:.1e}")

    table = []
    for decay in progress([0.0, 0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0], "decay", options):
        model = train(X, y, decay, steps, options.lr, torch.optim.SGD)
        learnt, predicted, norm = error(model, X, y), error(model, X_test, y_test), model.weight.norm().item()
        table.append((decay, learnt, predicted, norm))
        print(f"decay {decay:6.3f}  error learnt {learnt:.3f}  error predicted {predicted:.3f}  norm of w {norm:.3f}")
    best = min(table, key=lambda row: row[2])
    print(f"best with a decay of {best[0]}: error {best[2]:.3f}, without decay {table[0][2]:.3f}")

    norms = {}
    for kind in (torch.optim.Adam, torch.optim.AdamW):
        model = train(X, y, 1.0, steps, 0.003, kind)
        norms[kind.__name__] = model.weight.norm().item()
        print(
            f"{kind.__name__:5} with weight_decay 1: norm of w {model.weight.norm().item():.3f}, "
            f"error predicted {error(model, X_test, y_test):.3f}"
        )
    draw(table, options)
    return {"difference": difference, "table": table, "best": best, "norms": norms}


def draw(table: list[tuple[float, float, float, float]], options) -> None:
    plt = pyplot()
    if plt is None:
        return
    decays, learnt, predicted, norms = zip(*table, strict=True)
    places = range(len(decays))
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    left.plot(places, learnt, "o-", label="patients learnt from")
    left.plot(places, predicted, "o-", label="other patients")
    left.axhline(1, color="gray", linestyle=":", label="always the mean")
    left.set(xlabel="weight decay", ylabel="mean squared error", title="Errors", yscale="log")
    left.legend()
    right.plot(places, norms, "o-", color="C2")
    right.set(xlabel="weight decay", ylabel="norm of the weights", title="Weights")
    for axes in (left, right):
        axes.set_xticks(places, [f"{decay:g}" for decay in decays])
        axes.grid(alpha=0.3)
    save_picture(figure, options.out / "weight_decay.png")


if __name__ == "__main__":
    main()
