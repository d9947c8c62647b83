"""Mixed precision: the products of a network in float16 or bfloat16, with losses that are scaled.

    python examples/mixed_precision.py                        # bfloat16 on the CPU, which needs no scaling
    python examples/mixed_precision.py --dtype float16        # scaled, so that small gradients do not become 0
    python examples/mixed_precision.py --device cuda --dtype float16

Trains the same small convolutional network on scikit-learn's handwritten digits twice, in float32 and in mixed
precision, and prints both. A step adds up the gradients of several small batches (accumulation) and limits their norm
(clipping), as one does where a large batch does not fit into memory. The first scale is too large on purpose: the steps
with infinite gradients are left out until the scale fits.

On a CPU without arithmetic of 16 bits mixed precision is slower; it is on GPUs that it pays.
"""

from __future__ import annotations

import argparse
import sys

from common import parse, progress

import nnlite as torch
from nnlite import datasets, nn
from nnlite.utils.data import DataLoader, TensorDataset

FIRST_SCALE = 2.0**24


class History:
    """What happened in training; ``dtypes`` are those of the outputs of the network and of the loss."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.scales: list[float] = []
        self.skipped = 0
        self.dtypes: tuple[torch.dtype, torch.dtype] | None = None


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 4 * 4, 10),
    )  # fmt: skip


def train(model: nn.Module, data: TensorDataset, options: argparse.Namespace, dtype: torch.dtype) -> History:
    """Train in this dtype: float32, or a lower one by autocast."""
    kind = options.device.type
    mixed, scaled = dtype is not torch.float32, dtype is torch.float16
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.lr)
    scaler = torch.amp.GradScaler(kind, init_scale=FIRST_SCALE, enabled=scaled)
    loader = DataLoader(data, batch_size=options.batch_size, shuffle=True, drop_last=True)
    history = History()
    model.train()
    for epoch in range(options.epochs):
        for i, (images, labels) in enumerate(progress(loader, f"epoch {epoch + 1}", options)):
            images, labels = images.to(options.device), labels.to(options.device)
            with torch.autocast(kind, dtype=dtype if mixed else None, enabled=mixed):
                scores = model(images)
                loss = nn.functional.cross_entropy(scores, labels) / options.accumulate
            scaler.scale(loss).backward()  # outside of the context: backward takes the dtypes of forward
            history.losses.append(loss.item() * options.accumulate)
            history.dtypes = scores.dtype, loss.dtype
            if (i + 1) % options.accumulate:
                continue
            scaler.unscale_(optimizer)  # so that the norm is that of the gradients themselves
            nn.utils.clip_grad_norm_(model.parameters(), options.clip)
            scaler.step(optimizer)
            before = scaler.get_scale()
            scaler.update()
            history.skipped += scaler.get_scale() < before
            history.scales.append(scaler.get_scale())
            optimizer.zero_grad()
    return history


@torch.no_grad()
def accuracy(model: nn.Module, data: TensorDataset, options: argparse.Namespace) -> float:
    model.eval()
    images, labels = (t.to(options.device) for t in data.tensors)
    return (model(images).argmax(1) == labels).float().mean().item()


def main(arguments: list[str] | None = None) -> dict[str, tuple[History, float]]:
    options = parse(
        __doc__,
        "mixed_precision",
        arguments,
        dtype="bfloat16",
        epochs=8,
        batch_size=16,
        accumulate=4,
        clip=1.0,
        lr=2e-3,
    )
    if options.dtype not in ("bfloat16", "float16"):
        raise SystemExit(f"--dtype {options.dtype}: expected bfloat16 or float16")
    if options.accumulate < 1 or options.batch_size < 1 or options.epochs < 1:
        raise SystemExit("--accumulate, --batch-size and --epochs have to be at least 1")
    pixels, labels = datasets.load_digits()
    train_rows, test_rows = datasets.stratified_split(labels, 0.2)
    data, held_out = (TensorDataset(pixels[rows], labels[rows]) for rows in (train_rows, test_rows))
    if options.quick:
        options.epochs = min(options.epochs, 2)
        data = TensorDataset(*(t[:640] for t in data.tensors))
    results = {}
    for name in ("float32", options.dtype):
        torch.manual_seed(options.seed)
        model = network().to(options.device)
        history = train(model, data, options, getattr(torch, name))
        found = accuracy(model, held_out, options)
        print(f"{name:8}  loss {sum(history.losses[-10:]) / 10:.3f}  held-out accuracy {found:.1%}", end="")
        print(f"  last scale {history.scales[-1]:g}, {history.skipped} steps left out" if name == "float16" else "")
        results[name] = (history, found)
    return results


if __name__ == "__main__":
    main(sys.argv[1:])
