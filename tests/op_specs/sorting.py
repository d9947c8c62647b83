"""Sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite

from .base import OpSpec, distinct, normal, of


def order(x: Any, dim: int = -1, descending: bool = False) -> Any:
    """The stable order; NaN counts as the largest."""
    if not x.ndim:
        return np.zeros((), np.int64)
    if not descending:
        return np.argsort(x, axis=dim, kind="stable")
    return x.shape[dim] - 1 - np.flip(np.argsort(np.flip(x, dim), axis=dim, kind="stable"), dim)


def at(x: Any, where: Any, dim: int) -> Any:
    return np.take_along_axis(x, where, axis=dim) if x.ndim else x


def ordered(x: Any, dim: int = -1, descending: bool = False, **_: Any) -> Any:
    where = order(x, dim, descending)
    return at(x, where, dim), where


def _samples(rng: np.random.Generator) -> list[Any]:
    return [
        of(distinct(rng, 7)),
        of(distinct(rng, 2, 3, 4), 1),
        of(distinct(rng, 3, 4), 0, descending=True),
        of(distinct(rng, 4), stable=True),
    ]


_TIES = np.array([[1.0, 0.0, 1.0, -0.0], [2.0, 2.0, 1.0, 2.0]])


def _edges(rng: np.random.Generator) -> list[Any]:
    empty = [of(np.zeros((0, 2)), 0), of(np.zeros((2, 0)), 1), of(np.zeros((0, 2)), 1)]
    return [of(normal(rng)), *empty, of(_TIES, -1), of(_TIES, 1, descending=True), of(_TIES, 0)]


SPECS = [
    OpSpec("argsort", nnlite.sort, _samples, ordered, title="sort", covers=("pick", "place"), edges=_edges),
    OpSpec(
        "argsort",
        nnlite.argsort,
        _samples,
        lambda x, dim=-1, descending=False, **_: order(x, dim, descending),
        inputs=(),
        result="int64",
        edges=_edges,
    ),
    OpSpec(
        "argsort",
        nnlite.sort,
        lambda rng: [
            of(rng.integers(-3, 3, (4, 9)), 1),
            of(rng.integers(-(1 << 62), 1 << 62, 40)),
            of(rng.integers(-3, 3, 40) << 60, descending=True),
            of(rng.integers(0, 255, (7, 3)).astype("uint8"), 0, descending=True),
            of(rng.random((3, 8)) < 0.5, 1),
            of(_TIES, -1),
            of(_TIES, -1, descending=True),
            of(np.array([np.nan, 1.0, -np.nan, np.inf, 1.0], "float32"), descending=True),
        ],
        ordered,
        title="sort of other numbers",
        inputs=(),
    ),
    OpSpec(
        "argsort",
        nnlite.msort,
        lambda rng: [of(distinct(rng, 5, 2))],
        lambda x: ordered(x, 0)[0],
        title="msort",
        edges=lambda rng: [of(normal(rng))],
    ),
]
