"""Training on the device beside training on the CPU, from the same weights and batches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import nnlite
from nnlite import nn

from .report import Row

_STEPS = 5

_LIMITS = {"float32": 2e-4, "bfloat16": 4e-2, "float16": 2e-2}
"""Of the relative difference of losses and of the changes of all weights; float32 sums come in another order."""


def models() -> Iterator[tuple[str, Any, Callable[[], tuple[Any, Any]]]]:
    """Name, model, and a function that draws a batch of inputs and targets."""
    randn, labels = nnlite.randn, nnlite.randint
    yield (
        "MLP", nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10)),
        lambda: (randn(16, 32), labels(0, 10, (16,))),
    )  # fmt: skip
    yield (
        "convnet", nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, stride=2, groups=2), nn.GroupNorm(4, 16), nn.SiLU(), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(16, 10),
        ),
        lambda: (randn(8, 3, 16, 16), labels(0, 10, (8,))),
    )  # fmt: skip
    yield "LSTM", _Recurrent(nn.LSTM), lambda: (labels(0, 20, (4, 7)), labels(0, 10, (4,)))
    yield "GRU", _Recurrent(nn.GRU), lambda: (labels(0, 20, (4, 7)), labels(0, 10, (4,)))
    layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
    yield (
        "Transformer", nn.Sequential(nn.TransformerEncoder(layer, 2), nn.Flatten(), nn.Linear(32 * 6, 10)),
        lambda: (randn(4, 6, 32), labels(0, 10, (4,))),
    )  # fmt: skip


class _Recurrent(nn.Module):
    """Words, a recurrent layer, classes of the last step."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.words, self.cells = nn.Embedding(20, 12), layer(12, 16, batch_first=True)
        self.out = nn.Linear(16, 10)

    def forward(self, words: Any) -> Any:
        return self.out(self.cells(self.words(words))[0][:, -1])


def compare(device: str) -> Iterator[Row]:
    """One row for each model and dtype: the largest relative difference of losses and of the changes of weights
    in five steps of gradient descent (Adam's first steps would blow up the rounding errors of gradients near 0)."""
    for dtype, limit in _LIMITS.items():
        for name, model, batch in models():
            nnlite.manual_seed(1)
            batches = [batch() for _ in range(_STEPS)]
            try:
                expected = _train(model, batches, "cpu", "float32")
                found = _train(model, batches, device, dtype)
                difference = max(float((a - b).norm() / b.norm()) for a, b in zip(found, expected, strict=True))
                yield Row(f"{name}, {dtype}", difference <= limit, f"{difference:.1e}", f"at most {limit:.0e}")
            except Exception as error:
                yield Row(f"{name}, {dtype}", False, "", f"{type(error).__name__}: {error}")


def _train(model: Any, batches: list[Any], device: str, dtype: str) -> tuple[Any, Any]:
    """The losses, and the changes of all weights in one row, on the CPU."""
    trained = copy.deepcopy(model).to(device)
    optimizer = nnlite.optim.SGD(trained.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for inputs, targets in batches:
        optimizer.zero_grad()
        with nnlite.autocast(device.partition(":")[0], getattr(nnlite, dtype), enabled=dtype != "float32"):
            loss = nnlite.nn.functional.cross_entropy(trained(inputs.to(device)).float(), targets.to(device))
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    before, after = (nnlite.cat([p.detach().cpu().flatten() for p in m.parameters()]) for m in (model, trained))
    return nnlite.stack(losses).cpu(), after - before
