"""Slices repeated, and parts replaced."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite

from .base import OpSpec, normal, of


def _with(x: Any, index: Any, src: Any) -> Any:
    out = x.copy()
    out[index] = src
    return out


SPECS = [
    OpSpec(
        "index",
        nnlite.repeat_interleave,
        lambda rng: [
            of(normal(rng, 3, 2), np.array([2, 0, 1]), 0),
            of(normal(rng, 2, 3), np.array([1, 0, 2]), -1, output_size=3),
        ],
        lambda x, repeats, dim, output_size=None: np.repeat(x, repeats, dim),
        title="repeat_interleave",
    ),
    OpSpec(
        "broadcast_to",
        nnlite.repeat_interleave,
        lambda rng: [of(normal(rng, 3, 2), 2, 1), of(normal(rng, 2, 3), 3)],
        lambda x, repeats, dim=None: np.repeat(x, repeats, dim),
        title="repeat_interleave by a number",
        edges=lambda rng: [of(normal(rng), 2), of(np.zeros((0, 2)), 2, 0), of(normal(rng, 2), 0)],
    ),
    OpSpec(
        "copy",
        nnlite.select_scatter,
        lambda rng: [of(normal(rng, 2, 3), normal(rng, 2), 1, -1)],
        lambda x, src, dim, index: _with(x, (slice(None),) * dim + (index,), src),
        title="select_scatter",
    ),
    OpSpec(
        "copy",
        nnlite.slice_scatter,
        lambda rng: [of(normal(rng, 2, 5), normal(rng, 2, 2), 1, 1, 5, 2)],
        lambda x, src, dim, *bounds: _with(x, (slice(None),) * dim + (slice(*bounds),), src),
        title="slice_scatter",
    ),
    OpSpec(
        "copy",
        nnlite.diagonal_scatter,
        lambda rng: [of(normal(rng, 2, 3), normal(rng, 2), 1)],
        lambda x, src, offset: _with(x, (np.arange(2), np.arange(2) + offset), src),
        title="diagonal_scatter",
    ),
]
