"""Learning rates: schedules that change them while a network trains, and one for each layer.

    python examples/schedules.py

Part 1 trains the same small convolutional network for the same number of steps under six schedules of
``torch.optim.lr_scheduler``, and draws each rate and what it led to.

Part 2 takes a network that has learnt the ten digits and makes it tell even from odd ones, from 40 examples. The last
layer is new; the others need only small changes. Three ways, by parameter groups: all layers at the full rate, the old
ones not at all, and a rate for each layer that falls towards the first. A new network shows what the old one is worth.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

from common import parse, progress, pyplot, save_picture

import nnlite as torch
from nnlite import datasets, nn
from nnlite.optim import Optimizer, lr_scheduler
from nnlite.optim.lr_scheduler import LRScheduler

Data = tuple[torch.Tensor, torch.Tensor]
BATCH = 50


def network(classes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        nn.Sequential(nn.Linear(32 * 16, 64), nn.ReLU()),
        nn.Linear(64, classes),
    )


def warm_up_then_cosine(optimizer: Optimizer, steps: int) -> LRScheduler:
    warm = max(1, steps // 10)
    parts = [
        lr_scheduler.LinearLR(optimizer, start_factor=0.05, total_iters=warm),
        lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps - warm),
    ]
    return lr_scheduler.SequentialLR(optimizer, parts, milestones=[warm])


SCHEDULES: dict[str, Callable[[Optimizer, int], LRScheduler]] = {
    "constant": lambda optimizer, steps: lr_scheduler.ConstantLR(optimizer, factor=1.0),
    "StepLR": lambda optimizer, steps: lr_scheduler.StepLR(optimizer, step_size=max(1, steps // 3), gamma=0.2),
    "ExponentialLR": lambda optimizer, steps: lr_scheduler.ExponentialLR(optimizer, gamma=0.02 ** (1 / steps)),
    "CosineAnnealingLR": lambda optimizer, steps: lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps),
    "warm-up, then cosine": warm_up_then_cosine,
    "OneCycleLR": lambda optimizer, steps: lr_scheduler.OneCycleLR(
        optimizer, max_lr=[2 * group["lr"] for group in optimizer.param_groups], total_steps=steps + 1
    ),
}


def train(
    model: nn.Module, groups: list[dict], data: Data, steps: int, schedule: Callable[[Optimizer, int], LRScheduler]
) -> tuple[list[float], list[float]]:
    """The rate (of the last group) in each step, and the loss."""
    optimizer = torch.optim.SGD(groups, momentum=0.9)
    scheduler = schedule(optimizer, steps)
    rates, losses = [], []
    model.train()
    while len(rates) < steps:
        for rows in torch.randperm(len(data[0])).to(data[0].device).split(BATCH):
            if len(rates) == steps:
                break
            rates.append(scheduler.get_last_lr()[-1])
            loss = nn.functional.cross_entropy(model(data[0][rows]), data[1][rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.detach())
    return rates, torch.stack(losses).tolist()


@torch.no_grad()
def accuracy(model: nn.Module, data: Data) -> float:
    model.eval()
    return (model(data[0]).argmax(1) == data[1]).float().mean().item()


def compare_schedules(train_data: Data, test_data: Data, options) -> dict[str, tuple[list[float], list[float], float]]:
    results = {}
    for name, schedule in progress(SCHEDULES.items(), "schedules", options):
        torch.manual_seed(options.seed)  # the same weights and the same order of the images for all
        model = network(10).to(options.device)
        groups = [{"params": model.parameters(), "lr": options.lr}]
        rates, losses = train(model, groups, train_data, options.steps, schedule)
        right = accuracy(model, test_data)
        results[name] = rates, losses, right
        last = losses[-len(losses) // 10 :]
        print(f"{name:21} loss at the end {sum(last) / len(last):.4f}, test accuracy {right:.2%}", flush=True)
    return results


def ways(model: nn.Sequential, lr: float) -> dict[str, list[dict]]:
    """Parameter groups for the last layer and for the others."""
    *old, last = model
    return {
        "all layers at the full rate": [{"params": model.parameters(), "lr": lr}],
        "the last layer alone": [{"params": last.parameters(), "lr": lr}],
        "each layer a third of the next one's": [
            {"params": layer.parameters(), "lr": lr / 3 ** (len(old) - i)} for i, layer in enumerate([*old, last])
        ],
    }


def fine_tune(train_data: Data, test_data: Data, options) -> dict[str, float]:
    cosine = SCHEDULES["CosineAnnealingLR"]
    torch.manual_seed(options.seed)
    learnt = network(10).to(options.device)
    train(learnt, [{"params": learnt.parameters(), "lr": options.lr}], train_data, options.steps, cosine)
    print(
        f"\na network for ten digits: test accuracy {accuracy(learnt, test_data):.2%}; "
        "now even or odd, from 40 examples"
    )

    few, test = (train_data[0][:40], train_data[1][:40] % 2), (test_data[0], test_data[1] % 2)
    results = {}
    for name in [*ways(learnt, options.lr), "a new network"]:
        torch.manual_seed(options.seed)
        model = network(2).to(options.device)
        groups = [{"params": model.parameters(), "lr": options.lr}]
        if name != "a new network":
            last = model[-1]
            model = copy.deepcopy(learnt)
            model[-1] = last
            groups = ways(model, options.lr)[name]
        train(model, groups, few, options.steps // 3, cosine)
        results[name] = accuracy(model, test)
        print(f"{name:37} test accuracy {results[name]:.2%}", flush=True)
    return results


def main(arguments: list[str] | None = None) -> dict:
    options = parse(__doc__, "schedules", arguments, steps=200, lr=0.05)
    if options.quick:
        options.steps = min(options.steps, 30)
    images, labels = (tensor.to(options.device) for tensor in datasets.load_digits())
    train_rows, test_rows = (rows.to(options.device) for rows in datasets.stratified_split(labels, 0.4))
    if options.quick:
        test_rows = test_rows[:200]
    train_data, test_data = (images[train_rows], labels[train_rows]), (images[test_rows], labels[test_rows])
    compared = compare_schedules(train_data, test_data, options)
    tuned = fine_tune(train_data, test_data, options)
    draw(compared, options)
    return {"schedules": compared, "fine-tuning": tuned}


def draw(compared: dict[str, tuple[list[float], list[float], float]], options) -> None:
    plt = pyplot()
    if plt is None:
        return
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for name, (rates, losses, accuracy) in compared.items():
        left.plot(rates, label=name)
        width = max(1, len(losses) // 20)
        smooth = [sum(losses[max(0, i - width) : i + 1]) / min(i + 1, width + 1) for i in range(len(losses))]
        right.plot(smooth, label=f"{name}: {accuracy:.1%}")
    left.set(xlabel="step", ylabel="learning rate", title="Schedules")
    right.set(
        xlabel="step", ylabel="loss (mean of the last steps)", yscale="log", title="Loss, and test accuracy at the end"
    )
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    save_picture(figure, options.out / "schedules.png")


if __name__ == "__main__":
    main()
