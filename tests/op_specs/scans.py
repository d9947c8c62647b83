"""Running results."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite

from .base import OpSpec, distinct, normal, of, uniform


def _cumulative(f: Any) -> Any:
    return lambda x, dim: f.accumulate(x, axis=dim) if x.ndim else x


def _extremes(f: Any) -> Any:
    def reference(x: Any, dim: int) -> Any:
        if not x.ndim:
            return x, np.zeros((), np.int64)
        values = f.accumulate(x, axis=dim)
        places = np.arange(x.shape[dim]).reshape((-1,) + (1,) * (x.ndim - dim % x.ndim - 1))
        mine = (x == values) | np.isnan(x)
        return values, np.maximum.accumulate(np.where(mine, places, 0), axis=dim)

    return reference


def _lines(draw: Any) -> Any:
    return lambda rng: [of(draw(rng, 9), 0), of(draw(rng, 2, 5), 1), of(draw(rng, 3, 2, 2), -3)]


def _edges(rng: np.random.Generator) -> list[Any]:
    return [of(normal(rng), 0), of(np.zeros((0, 2)), 0), of(np.zeros((2, 0)), 1), of(np.zeros((0, 2)), 1)]


SPECS = [
    OpSpec(
        "cumprod",
        nnlite.cumprod,
        lambda rng: [
            of(uniform(rng, 0.5, 2, 5), 0),
            of(np.array([2.0, 0.0, 3.0, 0.0, 4.0, 0.0]), 0),
            of(np.array([[2.0, 0.0, 3.0, 0.5], [0.0, 1.0, 3.0, 2.0], [2.0, 3.0, 0.5, 0.0]]), 1),
            of(uniform(rng, 0.5, 2, 3, 2), -2),
        ],
        _cumulative(np.multiply),
        covers=("where", "sum", "cumsum", "flip", "cumprod_gradient"),
        loose=4,
        edges=_edges,
    ),
    *(
        OpSpec(
            "running_extreme",
            function,
            _lines(distinct),
            _extremes(reference),
            title=function.__name__,
            covers=("last_extreme", "pick", "put_along_axis"),
            edges=lambda rng: [*_edges(rng), of(np.array([1.0, 3.0, 3.0, np.nan, 4.0, np.nan]), 0)],
        )
        for function, reference in ((nnlite.cummax, np.maximum), (nnlite.cummin, np.minimum))
    ),
    OpSpec(
        "logcumsumexp",
        nnlite.logcumsumexp,
        lambda rng: [*_lines(normal)(rng), of(np.array([-900.0, 800.0, 800.0, -800.0, 900.0]), 0)],
        _cumulative(np.logaddexp),
        covers=("decayed_sum", "exp"),
        loose=4,
        edges=lambda rng: [*_edges(rng), of(np.array([-np.inf, -np.inf, 1.0, np.inf, 2.0]), 0)],
    ),
]
