"""Taking tensors apart."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite

from .base import OpSpec, normal, of


def _bounds(sizes: Any) -> Any:
    return np.cumsum(sizes)[:-1]


def _pieces(x: Any, size: int, dim: int = 0) -> tuple[Any, ...]:
    return tuple(np.split(x, range(size, x.shape[dim], size), dim))


def _slices(x: Any, dim: int = 0) -> tuple[Any, ...]:
    return tuple(np.moveaxis(x, dim, 0))


def _sizes(x: Any, sizes: Any, dim: int = 0) -> tuple[Any, ...]:
    return tuple(np.split(x, _bounds(sizes), dim))


_EQUAL = lambda rng: [of(normal(rng, 5, 2), 2), of(normal(rng, 2, 3), 2, -1)]  # noqa: E731
_GIVEN = lambda rng: [of(normal(rng, 4, 2), [1, 3]), of(normal(rng, 2, 3), [2, 1], 1)]  # noqa: E731

SPECS = [
    OpSpec(
        "split",
        nnlite.split,
        _EQUAL,
        _pieces,
        covers=("put_parts",),
        edges=lambda rng: [of(np.zeros((2, 0)), 1)],
    ),
    OpSpec(
        "split_with_sizes",
        nnlite.split,
        _GIVEN,
        _sizes,
        covers=("put_parts",),
        edges=lambda rng: [of(normal(rng, 2, 2), [1, 0, 1])],
    ),
    OpSpec("unsafe_split", nnlite.unsafe_split, _EQUAL, _pieces, covers=("put_parts",)),
    OpSpec("unsafe_split_with_sizes", nnlite.unsafe_split_with_sizes, _GIVEN, _sizes, covers=("put_parts",)),
    OpSpec(
        "unbind",
        nnlite.unbind,
        lambda rng: [of(normal(rng, 2, 3)), of(normal(rng, 2, 3), 1), of(normal(rng, 2))],
        _slices,
        covers=("put_parts",),
        edges=lambda rng: [of(np.zeros((2, 0)), 0)],
    ),
    OpSpec(
        "unbind",
        lambda x: x.unbind(0)[1] * x.unbind(1)[0].sum(),
        lambda rng: [of(normal(rng, 2, 3))],
        lambda x: x[1] * x[:, 0].sum(),
        title="some of the parts",
        covers=("put_parts",),
    ),
    OpSpec(
        "getitem",
        nnlite.tensor_split,
        lambda rng: [of(normal(rng, 5, 2), 3), of(normal(rng, 4), [1, 3])],
        lambda x, where: tuple(np.array_split(x, where)),
        title="tensor_split",
    ),
]
