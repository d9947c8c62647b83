"""Pseudo-inverses and norms."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite
from nnlite import linalg

from .base import FLOATS, SINGLES, OpSpec, normal, of
from .decompositions import oblong, positive, symmetric, tame


def low_rank(rng: np.random.Generator) -> list[Any]:
    return [of(normal(rng, 4, 2), normal(rng, 2, 3)), of(normal(rng, 2, 3, 1), normal(rng, 2, 1, 2))]


SPECS = [
    OpSpec("pinv", lambda x: linalg.pinv(tame(x)), oblong, np.linalg.pinv, dtypes=SINGLES, extreme=False, loose=20),
    OpSpec(
        "pinv",
        lambda a, b: linalg.pinv(tame(a) @ tame(b), rtol=1e-4),
        low_rank,
        lambda a, b: np.linalg.pinv(a @ b, rcond=1e-4),
        title="pinv-of-low-rank",
        dtypes=SINGLES,
        extreme=False,
        loose=200,
        edges=lambda rng: [of(np.zeros((0, 2)), np.zeros((2, 3))), of(np.zeros((2, 0)), np.zeros((0, 3)))],
    ),
    OpSpec(
        "pinv",
        lambda x: linalg.pinv(0.5 * symmetric(tame(x)), hermitian=True),
        lambda rng: [of(positive(rng, 3, 3)), of(positive(rng, 2, 2, 2))],
        np.linalg.pinv,
        title="pinv-hermitian",
        dtypes=SINGLES,
        extreme=False,
        loose=50,
    ),
    *(
        OpSpec(
            "norm_p",
            lambda x, dim=None, p=p: linalg.vector_norm(x, p, dim),
            lambda rng: [of(normal(rng, 2, 3)), of(normal(rng, 2, 3), 1), of(normal(rng, 2, 3, 2), (0, -1))],
            lambda x, dim=None, p=p: (abs(x) ** p).sum(dim) ** (1 / p),
            title=f"vector_norm-{p}",
            dtypes=FLOATS,
            extreme=False,
            loose=4,
            edges=lambda rng: [of(normal(rng)), of(np.zeros((2, 0)), 1)],
        )
        for p in (3, 1.5)
    ),
    OpSpec(
        "norm_p",
        lambda x: nnlite.norm(x, -1.5, 1),
        lambda rng: [of(normal(rng, 2, 3))],
        lambda x: (abs(x) ** -1.5).sum(1) ** (1 / -1.5),
        title="norm--1.5",
        extreme=False,
        loose=4,
    ),
]
