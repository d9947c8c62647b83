"""Products of matrices and vectors."""

from __future__ import annotations

import numpy as np

import nnlite
import nnlite.nn.functional as F

from .base import OpSpec, normal, of


def _linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    return x @ weight.T + (0 if bias is None else bias)


SPECS = [
    OpSpec(
        "matmul",
        nnlite.matmul,
        lambda rng: [
            of(normal(rng, 2, 3), normal(rng, 3, 2)),
            of(normal(rng, 2, 2, 3), normal(rng, 3, 2)),
            of(normal(rng, 2, 3), normal(rng, 2, 3, 1)),
            of(normal(rng, 2, 1, 2, 2), normal(rng, 2, 2, 2)),
            of(normal(rng, 3), normal(rng, 3, 2)),
            of(normal(rng, 2, 3), normal(rng, 3)),
        ],
        np.matmul,
        covers=("transpose",),
        loose=4,
        extreme=False,
        edges=lambda rng: [of(np.zeros((0, 3)), normal(rng, 3, 2)), of(np.zeros((2, 0)), np.zeros((0, 3)))],
    ),
    OpSpec(
        "dot",
        nnlite.matmul,
        lambda rng: [of(normal(rng, 4), normal(rng, 4))],
        np.dot,
        title="dot",
        loose=4,
        extreme=False,
        edges=lambda rng: [of(np.zeros(0), np.zeros(0))],
    ),
    OpSpec(
        "matmul",
        nnlite.addmm,
        lambda rng: [of(normal(rng, 2), normal(rng, 2, 3), normal(rng, 3, 2), beta=0.5, alpha=2)],
        lambda c, a, b, beta=1, alpha=1: beta * c + alpha * (a @ b),
        title="addmm",
        loose=8,
        extreme=False,
    ),
    OpSpec(
        "mul", nnlite.outer, lambda rng: [of(normal(rng, 2), normal(rng, 3))], np.outer, title="outer", extreme=False
    ),
    OpSpec(
        "linear",
        F.linear,
        lambda rng: [
            of(normal(rng, 2, 3), normal(rng, 4, 3), normal(rng, 4)),
            of(normal(rng, 2, 3), normal(rng, 4, 3)),
            of(normal(rng, 2, 2, 3), normal(rng, 2, 3), normal(rng, 2)),
            of(normal(rng, 3), normal(rng, 2, 3), normal(rng, 2)),
        ],
        _linear,
        covers=("matmul", "transpose", "sum"),
        loose=4,
        extreme=False,
        edges=lambda rng: [
            of(np.zeros((0, 3)), normal(rng, 2, 3), normal(rng, 2)),
            of(np.zeros((2, 0)), np.zeros((2, 0))),
        ],
    ),
    OpSpec(
        "triangle",
        nnlite.tril,
        lambda rng: [of(normal(rng, 3, 3)), of(normal(rng, 2, 3), -1)],
        np.tril,
        title="tril",
        extreme=False,
    ),
    OpSpec(
        "triangle",
        nnlite.triu,
        lambda rng: [of(normal(rng, 3, 3), 1), of(normal(rng, 2, 2, 3))],
        np.triu,
        title="triu",
        extreme=False,
    ),
    OpSpec(
        "diagonal", nnlite.trace, lambda rng: [of(normal(rng, 3, 2))], np.trace, title="trace", loose=4, extreme=False
    ),
]
