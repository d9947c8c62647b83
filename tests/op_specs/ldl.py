"""LDL factors and the systems solved with them."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite
from nnlite import linalg

from .base import SINGLES, OpSpec, normal, of
from .decompositions import symmetric


def indefinite(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Symmetric matrices with zeros on the diagonal here and there, which need 2 x 2 pivots."""
    x = normal(rng, *shape)
    x = x + np.swapaxes(x, -1, -2)
    return x * (1 - np.eye(shape[-1]) * (np.arange(shape[-1]) % 2 == 0))


def matrices(rng: np.random.Generator) -> list[Any]:
    return [of(indefinite(rng, *shape)) for shape in ((3, 3), (2, 4, 4), (1, 6, 6))]


def rebuilt(x: Any) -> Any:
    """The matrix from its factors: the inverse of the inverse that they give."""
    factors, pivots, _ = linalg.ldl_factor_ex(0.5 * symmetric(x))
    eye = nnlite.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    return linalg.inv_ex(linalg.ldl_solve(factors, pivots, eye)).inverse


SPECS = [
    OpSpec(
        "ldl_factor",
        rebuilt,
        matrices,
        lambda x: x,
        covers=("ldl_solve",),
        inputs=(),
        dtypes=SINGLES,
        extreme=False,
        loose=500,
        edges=lambda rng: [of(np.zeros((0, 0))), of(np.zeros((0, 2, 2)))],
    ),
]
