"""LeNet-5 learns to read digits or to tell clothes apart, and shows what its filters have become.

    python examples/lenet.py                   # Fashion-MNIST where it is installed, else digits
    python examples/lenet.py --data mnist5k

Two convolutions, each followed by pooling, find patterns in ever larger parts of the picture; three linear layers tell
the class from where which pattern was found. (examples/seeds/lenet.py is the class alone.)

Source: Y. LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 86, 1998. As usual
today, with ReLU and the largest value of a window in place of its mean.
"""

from __future__ import annotations

from common import images, parse, progress, pyplot, save_picture, show_grid

import nnlite as torch
import nnlite.nn.functional as F
from nnlite import nn
from nnlite.utils.data import DataLoader, TensorDataset


class LeNet(nn.Module):
    def __init__(self, classes: int = 10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # (N, 1, 28, 28) -> (N, 6, 14, 14)
        return F.max_pool2d(F.relu(self.conv2(x)), 2)  # -> (N, 16, 5, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(x).flatten(1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


@torch.no_grad()
def confusion(model: nn.Module, data: TensorDataset, classes: int, device: torch.device) -> torch.Tensor:
    """How many images of each class (rows) were taken for each class (columns)."""
    model.eval()
    counts = torch.zeros(classes * classes, device=device)
    for x, y in DataLoader(data, 500):
        pairs = y.to(device) * classes + model(x.to(device)).argmax(1)
        counts += torch.bincount(pairs, minlength=classes * classes)
    return counts.reshape(classes, classes).cpu()


def main(arguments: list[str] | None = None) -> dict:
    options = parse(__doc__, "lenet", arguments, data="any", epochs=5, lr=2e-3, batch_size=64)
    if options.quick:
        options.epochs = min(options.epochs, 2)
    train_data, test_data, names = images(options)
    model = LeNet(len(names)).to(options.device)
    print(model)
    print(f"{sum(p.numel() for p in model.parameters())} parameters")
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr)
    batches = DataLoader(train_data, options.batch_size, shuffle=True)
    # The rate rises, then falls to nearly zero; step by step rather than epoch by epoch.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.lr, total_steps=options.epochs * len(batches))

    for epoch in range(1, options.epochs + 1):
        model.train()
        total = torch.zeros((), device=options.device)
        for x, y in progress(batches, f"epoch {epoch}", options):
            x, y = x.to(options.device), y.to(options.device)
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach() * len(y)
        counts = confusion(model, test_data, len(names), options.device)
        accuracy = (counts.diagonal().sum() / counts.sum()).item()
        print(f"epoch {epoch}  loss {total.item() / len(train_data):.4f}  test accuracy {accuracy:.2%}", flush=True)

    wrong = counts - counts.diagonal().diag()
    worst = int(wrong.argmax())
    print(f"most often taken for one another: {names[worst // len(names)]} for {names[worst % len(names)]}")
    torch.save(model.state_dict(), options.out / "lenet.pt")
    draw(model, test_data, counts, names, options)
    return {"accuracy": accuracy, "counts": counts}


@torch.no_grad()
def draw(model: LeNet, data: TensorDataset, counts: torch.Tensor, names: list[str], options) -> None:
    plt = pyplot()
    if plt is None:
        return
    figure = plt.figure(figsize=(12, 6), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.2])
    picture, filters, maps = left.subplots(3, 1, height_ratios=[1, 1, 2])
    x = data.tensors[0][:1]
    show_grid(picture, x, 1, "an image")
    weights = model.conv1.weight.cpu()
    show_grid(filters, (weights - weights.min()) / (weights.max() - weights.min()), 6, "the filters of the first layer")
    found = model.features(x.to(options.device))[0].unsqueeze(1)
    show_grid(maps, found / found.max(), 8, "where the 16 patterns of the second layer were found")
    axes = right.subplots()
    shares = (counts / counts.sum(1, keepdim=True)).numpy()
    axes.imshow(shares**0.4, cmap="Blues")  # the root brings out the errors, which are few
    for i, row in enumerate(shares):
        for j, share in enumerate(row):
            if share > 0.005:
                axes.text(j, i, f"{share:.0%}", ha="center", va="center", fontsize=7, color="w" if share > 0.4 else "k")
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="taken for", ylabel="what it is", title="Test images")
    save_picture(figure, options.out / "lenet.png")


if __name__ == "__main__":
    main()
