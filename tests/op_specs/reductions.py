"""Reductions."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite

from .base import SINGLES, OpSpec, distinct, normal, of, uniform


def _axes(draw: Any = normal, several: bool = True) -> Any:
    def samples(rng: np.random.Generator) -> list[Any]:
        out = [
            of(draw(rng, 2, 3)),
            of(draw(rng, 2, 3), 1),
            of(draw(rng, 2, 3), dim=0, keepdim=True),
            of(draw(rng, 4), -1),
        ]
        return out + ([of(draw(rng, 2, 2, 3), (0, -1)), of(draw(rng, 2, 3), (0, 1), True)] if several else [])

    return samples


def _borders(empty: bool = True, **kwargs: Any) -> Any:
    def edges(rng: np.random.Generator) -> list[Any]:
        out = [
            of(normal(rng)),
            of(normal(rng), 0),
            of(np.zeros((0, 2)), 1, **kwargs),
            of(np.zeros((2, 0, 3)), -1, True),
        ]
        return out + ([of(np.zeros((0, 2))), of(np.zeros((0, 2)), 0), of(np.zeros((2, 0)), 1, True)] if empty else [])

    return edges


def _numpy(f: Any) -> Any:
    """A NumPy reduction that takes ``dim`` and ``keepdim``."""

    def reference(x: Any, dim: Any = None, keepdim: bool = False, **options: Any) -> Any:
        if not x.ndim and dim is not None:
            dim = None
        return f(x, axis=dim, keepdims=keepdim, **options)

    return reference


def _extremes(name: str, largest: bool) -> list[OpSpec]:
    values, place = (np.max, np.argmax) if largest else (np.min, np.argmin)

    def along(x: Any, dim: int, keepdim: bool = False) -> Any:
        return values(x, axis=dim, keepdims=keepdim), place(x, axis=dim, keepdims=keepdim)

    method = getattr(nnlite, name)
    title = "a" + name
    return [
        OpSpec(
            title,
            getattr(nnlite, title),
            _axes(distinct),
            _numpy(values),
            edges=_borders(empty=False),
            covers=("sum", "cast"),
        ),
        OpSpec(title, method, lambda rng: [of(distinct(rng, 2, 3))], values, title=f"{name} of all", covers=("sum",)),
        OpSpec(
            "extreme_at",
            method,
            lambda rng: [of(distinct(rng, 2, 3), 1), of(distinct(rng, 2, 3), dim=0, keepdim=True)],
            along,
            title=f"{name} along a dimension",
            covers=("put_along_axis", "take_along_axis"),
            edges=lambda rng: [of(np.zeros((0, 2)), 1)],
        ),
        OpSpec(
            "index_of_extreme",
            getattr(nnlite, "arg" + name),
            _axes(distinct, several=False),
            _numpy(place),
            title="arg" + name,
            inputs=(),
            result="int64",
            edges=lambda rng: [of(np.zeros((0, 2)), 1), of(normal(rng))],
        ),
    ]


def _norm(p: float) -> Any:
    def reference(x: Any, *_: Any, dim: Any = None, keepdim: bool = False, **__: Any) -> Any:
        if np.isinf(p):
            return (np.max if p > 0 else np.min)(np.abs(x), axis=dim, keepdims=keepdim)
        return np.sum(np.abs(x) ** p, axis=dim, keepdims=keepdim) ** (1 / p)

    return reference


def _off_zero(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return distinct(rng, *shape)


SPECS = [
    OpSpec("sum", nnlite.sum, _axes(), _numpy(np.sum), edges=_borders(), covers=("spread",)),
    OpSpec("mean", nnlite.mean, _axes(), _numpy(np.mean), edges=_borders(empty=False), covers=("spread",)),
    OpSpec("prod", nnlite.prod, _axes(several=False), _numpy(np.prod), edges=_borders(), covers=("where", "sum")),
    OpSpec(
        "prod",
        nnlite.prod,
        lambda rng: [of(np.array([2.0, 0.0, 3.0])), of(np.array([[0.0, 0.0, 3.0], [2.0, 0.5, 4.0]]), 1)],
        _numpy(np.prod),
        title="prod with zeros",
        second=False,
    ),
    OpSpec(
        "var",
        nnlite.var,
        lambda rng: [of(normal(rng, 2, 3)), of(normal(rng, 2, 3), 1), of(normal(rng, 2, 2, 3), (0, -1), keepdim=True)],
        _numpy(lambda x, **k: np.var(x, ddof=1, **k)),
        covers=("mean", "sum"),
        loose=4,
        extreme=False,
    ),
    OpSpec(
        "std",
        nnlite.std,
        lambda rng: [of(normal(rng, 2, 3), 1, correction=0), of(normal(rng, 2, 3), unbiased=False), of(normal(rng, 5))],
        lambda x, dim=None, unbiased=True, correction=None: np.std(
            x, axis=dim, ddof=(1 if unbiased else 0) if correction is None else correction
        ),
        covers=("mean", "sum"),
        loose=4,
        extreme=False,
    ),
    *_extremes("max", True),
    *_extremes("min", False),
    OpSpec(
        "any",
        nnlite.any,
        lambda rng: [of(rng.random((2, 3)) < 0.3), of(rng.random((2, 3)) < 0.3, 1, True)],
        _numpy(np.any),
        inputs=(),
        dtypes=("float64",),
        result="bool",
        edges=lambda rng: [of(np.zeros((0, 2), bool), 0)],
    ),
    OpSpec(
        "all",
        nnlite.all,
        lambda rng: [of(rng.random((2, 3)) < 0.7), of(rng.random((2, 3)) < 0.7, 1, True)],
        _numpy(np.all),
        inputs=(),
        dtypes=("float64",),
        result="bool",
        edges=lambda rng: [of(np.zeros((0, 2), bool), 0)],
    ),
    OpSpec(
        "cumsum",
        nnlite.cumsum,
        lambda rng: [of(normal(rng, 2, 3), 1), of(normal(rng, 4), 0)],
        lambda x, dim: np.cumsum(x, axis=dim),
        covers=("flip",),
        loose=2,
        edges=lambda rng: [of(np.zeros((0, 2)), 0), of(np.zeros((2, 0)), 1)],
    ),
    OpSpec(
        "norm2",
        nnlite.norm,
        lambda rng: [of(normal(rng, 2, 3)), of(normal(rng, 2, 3), dim=1), of(normal(rng, 3), 2)],
        _norm(2),
        covers=("where",),
        extreme=False,
        edges=lambda rng: [of(normal(rng)), of(np.zeros(0))],
    ),
    OpSpec(
        "sum",
        nnlite.norm,
        lambda rng: [of(_off_zero(rng, 2, 3), 1), of(_off_zero(rng, 2, 3), 1, dim=1, keepdim=True)],
        _norm(1),
        title="norm 1",
        covers=("abs",),
    ),
    OpSpec(
        "sum",
        nnlite.norm,
        lambda rng: [of(uniform(rng, 0.5, 2, 2, 3), 3), of(uniform(rng, 0.5, 2, 3), 3, dim=0)],
        _norm(3),
        title="norm 3",
        covers=("pow",),
        loose=4,
        extreme=False,
        dtypes=SINGLES,
    ),
    OpSpec(
        "amax",
        nnlite.norm,
        lambda rng: [of(distinct(rng, 2, 3) - 1, float("inf")), of(distinct(rng, 5) - 1, float("inf"), dim=0)],
        _norm(np.inf),
        title="norm inf",
    ),
]
