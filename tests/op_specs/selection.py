"""Elements chosen by their rank."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite

from .base import SINGLES, OpSpec, distinct, normal, of
from .sorting import at, order


def _pair(x: Any, where: Any, dim: int, keepdim: bool) -> Any:
    values = at(x, where, dim)
    if not x.ndim:
        return values.reshape(()), where.reshape(())
    return (values, where) if keepdim else (values.squeeze(dim), where.squeeze(dim))


def _topk(x: Any, k: int, dim: int = -1, largest: bool = True, **_: Any) -> Any:
    where = order(x, dim, largest)
    if not x.ndim:
        return x, where
    where = np.take(where, np.arange(k), axis=dim)
    return at(x, where, dim), where


def _kth(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    if not x.ndim:
        return x, np.zeros((), np.int64)
    return _pair(x, np.take(order(x, dim), [k - 1], axis=dim), dim, keepdim)


def _middle(x: Any, dim: int, skip: bool) -> Any:
    """The position of the lower median."""
    n = x.shape[dim]
    nan = np.isnan(x).sum(axis=dim, keepdims=True)
    rank = np.where(nan > 0, np.maximum(n - nan - 1, 0) // 2 if skip else n - nan, (n - 1) // 2)
    return np.take_along_axis(order(x, dim), rank, axis=dim)


def _median(skip: bool) -> Any:
    def reference(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
        if dim is None:
            flat = x.reshape(-1)
            return flat[_middle(flat, 0, skip)].reshape(()) if x.size else np.nan
        if not x.ndim:
            return x, np.zeros((), np.int64)
        return _pair(x, _middle(x, dim, skip), dim, keepdim)

    return reference


def _mode(x: Any, dim: int = -1, keepdim: bool = False) -> Any:
    if not x.ndim:
        return x, np.zeros((), np.int64)

    def position(row: Any) -> int:
        values, counts = np.unique(row, return_counts=True, equal_nan=False)
        most = values[np.argmax(counts)]
        return int(np.flatnonzero(row == most)[-1]) if most == most else int(np.flatnonzero(row != row)[0])

    where = np.apply_along_axis(position, dim, x) if x.size else np.zeros(np.delete(x.shape, dim), np.int64)
    return _pair(x, np.expand_dims(where, dim), dim, keepdim)


def _quantile(function: Any) -> Any:
    def reference(x: Any, q: Any, dim: Any = None, keepdim: bool = False, interpolation: str = "linear") -> Any:
        dim = dim if x.ndim else None
        return function(x, q, axis=dim, keepdims=keepdim, method=interpolation)

    return reference


def _of_list(function: Any) -> Any:
    """The call with a list of shares as a tensor."""

    def call(x: Any, q: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(q, list):
            q = nnlite.tensor(q, dtype=x.dtype, device=x.device)
        return function(x, q, *args, **kwargs)

    return call


def _with_nan(rng: np.random.Generator, *shape: int) -> np.ndarray:
    x = distinct(rng, *shape)
    x[(0,) * x.ndim] = np.nan
    return x


_NO_ROWS = np.zeros((0, 3))

SPECS = [
    OpSpec(
        "topk_at",
        nnlite.topk,
        lambda rng: [
            of(distinct(rng, 30), 3),
            of(distinct(rng, 3, 24), 2, largest=False),
            of(distinct(rng, 5, 2), 4, 0),
            of(distinct(rng, 4), 0),
        ],
        _topk,
        title="topk",
        covers=("pick", "place"),
        edges=lambda rng: [
            of(normal(rng), 1),
            of(_NO_ROWS, 2),
            of(np.zeros((3, 0)), 0, 1),
            of(np.array([1.0, 2.0, 2.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]), 2),
            of(_with_nan(rng, 3, 20), 4),
            of(_with_nan(rng, 20), 4, largest=False),
        ],
    ),
    OpSpec(
        "kth_at",
        nnlite.kthvalue,
        lambda rng: [of(distinct(rng, 7), 3), of(distinct(rng, 3, 4), 1, 0), of(distinct(rng, 3, 4), 4, 1, True)],
        _kth,
        title="kthvalue",
        covers=("pick", "place"),
        edges=lambda rng: [of(normal(rng), 1), of(_NO_ROWS, 2)],
    ),
    *(
        OpSpec(
            "middle_at",
            function,
            lambda rng: [of(distinct(rng, 5, 2), 0), of(distinct(rng, 3, 4), 1, keepdim=True)],
            _median(skip),
            title=f"{function.__name__} along a dimension",
            covers=("pick", "place"),
            edges=lambda rng: [
                of(normal(rng), 0),
                of(_NO_ROWS, 1),
                of(_with_nan(rng, 5, 2), 0),
                of(_with_nan(rng, 6), 0),
            ],
        )
        for function, skip in ((nnlite.median, False), (nnlite.nanmedian, True))
    ),
    *(
        OpSpec(
            "median_of_all",
            function,
            lambda rng: [of(distinct(rng, 7)), of(distinct(rng, 3, 4))],
            _median(skip),
            title=f"{function.__name__} of all",
            covers=("cast", "sum", "middle_at"),
            edges=lambda rng: [of(normal(rng)), of(_NO_ROWS), of(_with_nan(rng, 5, 2)), of(np.full(3, np.nan))],
        )
        for function, skip in ((nnlite.median, False), (nnlite.nanmedian, True))
    ),
    OpSpec(
        "argsort",
        nnlite.mode,
        lambda rng: [
            of(np.array([[3.0, 1.0, 3.0, 1.0], [2.0, 1.0, 4.0, 0.0]])),
            of(rng.integers(0, 3, (9, 4)) / 2, 0, True),
        ],
        _mode,
        title="mode",
        covers=("running_extreme",),
        inputs=(),
        edges=lambda rng: [of(normal(rng)), of(_NO_ROWS, 1), of(np.full(3, np.nan))],
    ),
    OpSpec(
        "argsort",
        nnlite.mode,
        lambda rng: [of(distinct(rng, 3, 4), 0), of(distinct(rng, 4), keepdim=True)],
        _mode,
        title="mode of distinct elements",
        covers=("pick", "place"),
    ),
    *(
        OpSpec(
            "argsort",
            _of_list(function),
            lambda rng: [
                of(distinct(rng, 5), 0.3),
                of(distinct(rng, 3, 4), 0.7, 1, True),
                of(distinct(rng, 3, 4), [0.25, 0.9, 1.0]),
                of(distinct(rng, 3, 4), [0.25, 0.8], 0),
                of(distinct(rng, 4), 0.3, interpolation="midpoint"),
                of(distinct(rng, 4), 0.3, interpolation="lower"),
                of(distinct(rng, 4), 0.3, interpolation="higher"),
                of(distinct(rng, 4), 0.3, 0, interpolation="nearest"),
            ],
            _quantile(reference),
            title=function.__name__,
            covers=("take_along_axis", "place"),
            dtypes=SINGLES,
            inputs=(0,),
            loose=4,
            extreme=False,
            edges=lambda rng: [of(normal(rng), 0.3), of(normal(rng), 0.3, 0), of(_with_nan(rng, 5, 2), 0.3, 0)],
        )
        for function, reference in ((nnlite.quantile, np.quantile), (nnlite.nanquantile, np.nanquantile))
    ),
    OpSpec(
        "amin",
        nnlite.aminmax,
        lambda rng: [
            of(distinct(rng, 3, 4)),
            of(distinct(rng, 3, 4), dim=1),
            of(distinct(rng, 5), dim=0, keepdim=True),
        ],
        lambda x, dim=None, keepdim=False: (
            (np.min(x, axis=dim, keepdims=keepdim), np.max(x, axis=dim, keepdims=keepdim)) if x.ndim else (x, x)
        ),
        title="aminmax",
        covers=("amax",),
        edges=lambda rng: [of(normal(rng)), of(normal(rng), dim=0), of(_NO_ROWS, dim=1)],
    ),
]
