"""Writing at positions that an index names."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite

from .base import OpSpec, normal, of


def _added(x: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> Any:
    out = x.copy()
    np.add.at(np.moveaxis(out, dim, 0), index, alpha * np.moveaxis(source, dim, 0))
    return out


def _written(x: Any, dim: int, index: Any, source: Any) -> Any:
    out = x.copy()
    np.moveaxis(out, dim, 0)[index] = np.moveaxis(source, dim, 0) if np.ndim(source) else source
    return out


def _put(x: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    out = x.copy()
    if accumulate:
        np.add.at(out.reshape(-1), index.ravel(), source.ravel())
    else:
        out.reshape(-1)[index.ravel()] = source.ravel()
    return out


def _masked(x: Any, mask: Any, source: Any) -> Any:
    out = x.copy()
    out[mask] = source.ravel()[: mask.sum()]
    return out


_MEMBERS = {"sum": np.sum, "prod": np.prod, "mean": np.mean, "amax": np.max, "amin": np.min}


def _reduced(x: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool = True) -> Any:
    """One position after the other."""
    members: dict[Any, list[Any]] = {}
    for place in np.ndindex(index.shape):
        target = list(place)
        target[dim] = int(index[place])
        members.setdefault(tuple(target), []).append(src[place])
    out = x.copy()
    for target, values in members.items():
        out[target] = _MEMBERS[reduce]([x[target], *values] if include_self else values)
    return out


def _index_reduced(x: Any, dim: int, index: Any, source: Any, reduce: str, include_self: bool = True) -> Any:
    shape = [1] * x.ndim
    shape[dim] = -1
    return _reduced(x, dim, np.broadcast_to(index.reshape(shape), source.shape), source, reduce, include_self)


_PLACES = np.array([[0, 1, 0], [1, 1, 0]])
_TWICE = np.array([2, 0, 2])


def _reductions(rng: np.random.Generator, **options: Any) -> list[Any]:
    kinds = options.pop("kinds")
    return [
        of(normal(rng, 3, 3), 0, _PLACES, normal(rng, 2, 3), reduce, include_self=own)
        for reduce in kinds
        for own in (True, False)
    ]


SPECS = [
    OpSpec(
        "add_index",
        nnlite.index_add,
        lambda rng: [
            of(normal(rng, 3, 2), 0, _TWICE, normal(rng, 3, 2)),
            of(normal(rng, 2, 3), -1, _TWICE, normal(rng, 2, 3), alpha=2.0),
        ],
        _added,
        title="index_add",
        covers=("index",),
        edges=lambda rng: [of(normal(rng, 2), 0, np.zeros(0, np.int64), np.zeros(0))],
    ),
    OpSpec(
        "put_",
        nnlite.index_copy,
        lambda rng: [
            of(normal(rng, 3, 2), 0, np.array([2, 0]), normal(rng, 2, 2)),
            of(normal(rng, 2, 3), 1, np.array([1]), normal(rng, 2, 1)),
        ],
        _written,
        title="index_copy",
    ),
    OpSpec(
        "put_",
        nnlite.index_fill,
        lambda rng: [of(normal(rng, 3, 2), 0, _TWICE, 1.5), of(normal(rng, 2, 3), 1, np.array([1]), -2.0)],
        _written,
        title="index_fill",
    ),
    OpSpec(
        "where",
        nnlite.index_fill,
        lambda rng: [of(normal(rng, 3, 2), 0, _TWICE, normal(rng))],
        _written,
        title="index_fill with a tensor",
    ),
    OpSpec(
        "add_index",
        nnlite.put,
        lambda rng: [of(normal(rng, 2, 3), np.array([5, 0, 5]), normal(rng, 3), True)],
        _put,
        title="put accumulating",
    ),
    OpSpec(
        "put_",
        nnlite.put,
        lambda rng: [of(normal(rng, 2, 3), np.array([[4, -6]]), normal(rng, 1, 2))],
        _put,
        title="put",
    ),
    OpSpec(
        "index",
        nnlite.take,
        lambda rng: [of(normal(rng, 2, 3), np.array([[5, 0], [-1, 5]]))],
        lambda x, index: x.ravel()[index],
        title="take",
        edges=lambda rng: [of(normal(rng), np.array(0)), of(normal(rng, 2), np.zeros(0, np.int64))],
    ),
    OpSpec(
        "index",
        nnlite.masked_scatter,
        lambda rng: [of(normal(rng, 2, 3), rng.random((2, 3)) < 0.5, normal(rng, 7))],
        _masked,
        title="masked_scatter",
    ),
    OpSpec(
        "add_index",
        nnlite.scatter_reduce,
        lambda rng: _reductions(rng, kinds=("sum", "mean")),
        _reduced,
        title="scatter_reduce by sums",
    ),
    OpSpec(
        "reduce_index",
        nnlite.scatter_reduce,
        lambda rng: _reductions(rng, kinds=("prod", "amax", "amin")),
        _reduced,
        title="scatter_reduce",
        covers=("add_index", "index"),
        extreme=False,
        edges=lambda rng: [of(normal(rng, 2), 0, np.zeros(0, np.int64), np.zeros(0), "prod")],
    ),
    OpSpec(
        "reduce_index",
        nnlite.scatter_reduce,
        lambda rng: [of(np.array([0.0, 2.0, 3.0]), 0, np.array([0, 1, 1, 2, 2]), np.array([2.0, 0, 4, 0, 0]), "prod")],
        _reduced,
        title="scatter_reduce of zeros",
        second=False,
    ),
    OpSpec(
        "reduce_index",
        nnlite.index_reduce,
        lambda rng: [
            of(normal(rng, 3, 2), 0, _TWICE, normal(rng, 3, 2), "amax"),
            of(normal(rng, 2, 3), 1, _TWICE, normal(rng, 2, 3), "prod", include_self=False),
        ],
        _index_reduced,
        title="index_reduce",
        extreme=False,
    ),
    OpSpec(
        "take_along_axis",
        nnlite.take_along_dim,
        lambda rng: [of(normal(rng, 2, 3), np.array([[2, -1]]), 1), of(normal(rng, 2, 3), np.array([4, 4]))],
        lambda x, index, dim=None: np.take_along_axis(x, index, dim),
        title="take_along_dim",
    ),
]
