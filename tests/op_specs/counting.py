"""Distinct elements, counts, places in sorted sequences, histograms."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite

from .base import SINGLES, OpSpec, distinct, normal, of, uniform

_PLAIN: dict[str, Any] = {"inputs": (), "extreme": False}


def _unique(x: Any, dim: int | None = None, **_: Any) -> Any:
    values, number, counts = np.unique(x, return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
    return values, number.reshape(x.shape) if dim is None else number.reshape(-1), counts


def _hash(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    bits = np.ascontiguousarray(x, np.float64).reshape(x.shape).view(np.uint64)
    return np.bitwise_xor.reduce(bits, axis=dim, keepdims=keepdim)


def _search(edges: Any, x: Any, right: bool = False, side: str = "left") -> Any:
    side = "right" if right else side
    if edges.ndim == 1:
        return np.searchsorted(edges, x, side)
    out = np.zeros(x.shape, np.int64)
    for row in np.ndindex(*x.shape[:-1]):
        out[row] = np.searchsorted(edges[row], x[row], side)
    return out


def _histogram(x: Any, bins: Any, weights: Any = None, **k: Any) -> Any:
    bins, weights = (
        nnlite.tensor(v, dtype=x.dtype, device=x.device) if isinstance(v, list) else v for v in (bins, weights)
    )
    return nnlite.histogram(x, bins, weight=weights, **k)


def _histogramdd(x: Any, bins: Any, range: Any = None, **k: Any) -> Any:
    range = None if range is None else list(zip(range[::2], range[1::2], strict=True))
    k["range"] = range
    hist, edges = np.histogramdd(x.reshape(-1, x.shape[-1]), bins, **k)
    return hist, *edges


def _sorted_rows(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return np.sort(np.round(normal(rng, *shape) * 2) / 2, axis=-1)


def _flat(result: Any) -> Any:
    """``(hist, edges...)`` of a histogram in several dimensions."""
    return (result.hist, *result.bin_edges)


SPECS = [
    OpSpec(
        "hash_tensor",
        nnlite.hash_tensor,
        lambda rng: [of(normal(rng, 3, 5)), of(normal(rng, 3, 4, 2), (0, -1), keepdim=True), of(normal(rng, 3, 2), 0)],
        _hash,
        result="uint64",
        dtypes=("float64",),
        edges=lambda rng: [of(normal(rng)), of(np.zeros((0, 3)), 1)],
        **_PLAIN,
    ),
    OpSpec(
        "argsort",
        nnlite.unique,
        lambda rng: [
            of(np.round(normal(rng, 4, 5)), return_inverse=True, return_counts=True),
            of(np.array([np.nan, 1.0, np.nan, 1.0]), return_inverse=True, return_counts=True),
        ],
        lambda x, **_: _unique(x),
        title="unique",
        **_PLAIN,
        edges=lambda rng: [
            of(normal(rng), return_inverse=True, return_counts=True),
            of(np.zeros((0, 2)), return_inverse=True, return_counts=True),
        ],
    ),
    OpSpec(
        "tally",
        nnlite.bincount,
        lambda rng: [of(rng.integers(0, 6, 20), uniform(rng, 0, 1, 20)), of(rng.integers(0, 3, 5), normal(rng, 5), 7)],
        lambda x, w, m=0: np.bincount(x, w, m),
        title="bincount",
        dtypes=SINGLES,
        loose=2,
        **_PLAIN,
        edges=lambda rng: [of(np.zeros(0, np.int64), np.zeros(0), 3), of(np.zeros(0, np.int64), np.zeros(0))],
    ),
    OpSpec(
        "tally",
        nnlite.histc,
        lambda rng: [of(distinct(rng, 20), 5, -1, 1), of(distinct(rng, 4, 5), 3, min=0, max=2)],
        lambda x, bins, min=0, max=0: np.histogram(x, bins, (min, max) if min != max else None)[0],
        title="histc",
        dtypes=SINGLES,
        **_PLAIN,
        edges=lambda rng: [of(distinct(rng, 20), 7), of(normal(rng), 3, -4, 4), of(np.zeros((0, 2)), 3)],
    ),
    OpSpec(
        "tally",
        _histogram,
        lambda rng: [
            of(distinct(rng, 20), [-1.0, -0.5, 0.25, 1.0]),
            of(distinct(rng, 20), [-1.0, -0.5, 0.25, 1.0], density=True),
            of(distinct(rng, 20), 5, range=(-1.0, 1.0), weights=[0.5] * 20),
        ],
        np.histogram,
        title="histogram",
        dtypes=("float64",),
        **_PLAIN,
        edges=lambda rng: [of(distinct(rng, 20), 7), of(normal(rng), 3, range=(-4, 4)), of(np.zeros((0, 2)), 3)],
    ),
    OpSpec(
        "tally",
        lambda *args, **kwargs: _flat(nnlite.histogramdd(*args, **kwargs)),
        lambda rng: [of(normal(rng, 20, 2), [3, 4], range=(-2, 2, -1, 3))],
        _histogramdd,
        title="histogramdd",
        dtypes=SINGLES,
        **_PLAIN,
        edges=lambda rng: [of(normal(rng, 4, 5, 3), 2, density=True), of(normal(rng, 20, 2), [3, 4])],
    ),
    OpSpec(
        "bisect",
        nnlite.searchsorted,
        lambda rng: [
            of(_sorted_rows(rng, 3, 8), _sorted_rows(rng, 3, 5)),
            of(_sorted_rows(rng, 2, 3, 7), normal(rng, 2, 3, 4), right=True),
            of(_sorted_rows(rng, 2, 1), normal(rng, 2, 4), side="right"),
            of(_sorted_rows(rng, 9), normal(rng, 2, 4)),
            of(_sorted_rows(rng, 9), _sorted_rows(rng, 5), right=True),
        ],
        _search,
        title="searchsorted",
        result="int64",
        **_PLAIN,
        edges=lambda rng: [of(np.zeros((2, 0)), normal(rng, 2, 3)), of(np.zeros((0, 2)), np.zeros((0, 3)))],
    ),
]
