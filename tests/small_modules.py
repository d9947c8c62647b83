"""Modules of a few numbers that tests of ``nn.Module`` share (in a file that can be imported, which pickles need)."""

from __future__ import annotations

import nnlite
from nnlite import nn


class Net(nn.Module):
    """One of everything."""

    def __init__(self, device: str = "cpu") -> None:
        super().__init__()
        self.weight = nn.Parameter(nnlite.ones(2, device=device))
        self.register_buffer("mean", nnlite.zeros(3, device=device))
        self.register_buffer("scratch", nnlite.ones(1, device=device), persistent=False)
        self.child = Scale(device)
        self.size = 7

    def forward(self, x):
        return self.child(x * self.weight)


class Scale(nn.Module):
    def __init__(self, device: str = "cpu") -> None:
        super().__init__()
        self.factor = nn.Parameter(nnlite.ones(2, device=device) * 3)

    def forward(self, x):
        return x * self.factor


def values(t):
    return t.detach().cpu().numpy().tolist()
