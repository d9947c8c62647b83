"""Covariances, integrals, slopes."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite

from .base import SINGLES, OpSpec, distinct, normal, of, uniform


def _cumulative(y: Any, x: Any = None, dx: float = 1, dim: int = -1) -> Any:
    y = np.moveaxis(y, dim, -1)
    step = dx if x is None else np.diff(x)
    return np.moveaxis(np.cumsum((y[..., 1:] + y[..., :-1]) / 2 * step, axis=-1), -1, dim)


def _renorm(x: Any, p: float, dim: int, maxnorm: float) -> Any:
    other = tuple(i for i in range(x.ndim) if i != dim)
    norms = np.sum(np.abs(x) ** p, axis=other, keepdims=True) ** (1 / p)
    return np.where(norms > maxnorm, x / (norms + 1e-7) * maxnorm, x)


def _slopes(x: Any, *spacing: Any, dim: Any = None, edge_order: int = 1) -> Any:
    found = np.gradient(x, *spacing, axis=dim, edge_order=edge_order)
    return tuple(found) if isinstance(found, list | tuple) else (found,)


def _gradient(x: Any, *spacing: Any, **k: Any) -> Any:
    return nnlite.gradient(x, spacing=list(spacing) if spacing else None, **k)


SPECS = [
    OpSpec(
        "matmul",
        nnlite.cov,
        lambda rng: [of(normal(rng, 3, 5)), of(normal(rng, 4), correction=0)],
        lambda x, correction=1: np.cov(x, ddof=correction),
        title="cov",
        loose=8,
        extreme=False,
        dtypes=SINGLES,
    ),
    OpSpec(
        "matmul",
        nnlite.corrcoef,
        lambda rng: [of(normal(rng, 3, 6))],
        np.corrcoef,
        title="corrcoef",
        loose=8,
        extreme=False,
        dtypes=SINGLES,
        second=False,  # a correlation of 1 is where clamp has its corner
    ),
    OpSpec(
        "sum",
        nnlite.trapezoid,
        lambda rng: [
            of(normal(rng, 5)),
            of(normal(rng, 3, 4), dx=0.5, dim=0),
            of(normal(rng, 3, 4), np.sort(distinct(rng, 4))),
        ],
        lambda y, x=None, dx=1, dim=-1: np.trapezoid(y, x, dx, dim),
        title="trapezoid",
        loose=4,
        extreme=False,
        edges=lambda rng: [of(np.zeros((2, 0))), of(np.zeros((2, 1))), of(np.zeros((0, 2)))],
    ),
    OpSpec(
        "cumsum",
        nnlite.cumulative_trapezoid,
        lambda rng: [of(normal(rng, 5)), of(normal(rng, 3, 4), dx=0.5, dim=0), of(normal(rng, 2, 4), distinct(rng, 4))],
        _cumulative,
        title="cumulative_trapezoid",
        loose=4,
        extreme=False,
    ),
    OpSpec(
        "concatenate",
        _gradient,
        lambda rng: [
            of(normal(rng, 6)),
            of(normal(rng, 4, 5), edge_order=2),
            of(normal(rng, 4, 5), np.sort(distinct(rng, 4)), np.sort(distinct(rng, 5)), edge_order=2),
            of(normal(rng, 3, 5), np.sort(distinct(rng, 5)), dim=1),
            of(normal(rng, 3, 4), 0.5, 2.0),
        ],
        _slopes,
        title="gradient",
        loose=20,
        extreme=False,
        dtypes=SINGLES,
    ),
    OpSpec(
        "mul",
        nnlite.renorm,
        lambda rng: [of(uniform(rng, 0.5, 2, 3, 4), 2, 0, 1.0), of(uniform(rng, 0.5, 2, 3, 2, 2), 3, 1, 1.5)],
        _renorm,
        title="renorm",
        loose=4,
        extreme=False,
    ),
]
