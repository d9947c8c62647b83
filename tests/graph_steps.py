"""Training steps for the tests of CUDA graphs, on the strict device."""

from __future__ import annotations

import nnlite
import nnlite.nn.functional as F
from nnlite import nn
from nnlite.cuda import compile_step

STRICT = "strict"


def batch(number, size=6):
    generator = nnlite.Generator().manual_seed(number)
    x = nnlite.randn(size, 8, generator=generator)
    return x.to(STRICT), nnlite.randint(0, 4, (size,), generator=generator).to(STRICT)


def network():
    nnlite.manual_seed(0)
    layers = nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 4)
    return nn.Sequential(*layers).to(STRICT)


def training_step(model, optimizer):
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def same_state(first, second):
    pairs = zip(first.state_dict().items(), second.state_dict().items(), strict=True)
    return all(key == other and nnlite.equal(a, b) for (key, a), (other, b) in pairs)


def both(run):
    """What ``run(compile)`` gives with ``compile_step`` and with the function as it is."""
    captured = []

    def compiled(step):
        captured.append(compile_step(step))
        return captured[-1]

    plain = run(lambda step: step)
    result = run(compiled)
    assert captured[0].captures > 0
    return plain, result, captured[0]
