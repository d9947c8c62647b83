"""Diagonals, and views by strides."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite

from .base import OpSpec, normal, of


def _diag_embed(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    n = x.shape[-1]
    out = np.zeros((*x.shape[:-1], n + abs(offset), n + abs(offset)))
    i = np.arange(n)
    out[..., i + max(-offset, 0), i + max(offset, 0)] = x
    return np.moveaxis(out, (-2, -1), (dim1, dim2))


def _block_diag(*parts: Any) -> Any:
    parts = tuple(np.atleast_2d(p) for p in parts)
    out = np.zeros(np.sum([p.shape for p in parts], axis=0))
    at = np.zeros(2, int)
    for p in parts:
        out[at[0] : at[0] + p.shape[0], at[1] : at[1] + p.shape[1]] = p
        at += p.shape
    return out


def _as_strided(x: Any, size: Any, stride: Any, offset: int = 0) -> Any:
    return np.array([x.ravel()[offset + int(np.dot(i, stride))] for i in np.ndindex(*size)]).reshape(size)


def _windows(x: Any, dim: int, size: int, step: int) -> Any:
    every = np.lib.stride_tricks.sliding_window_view(x, size, dim)
    return every[(slice(None),) * (dim % x.ndim) + (slice(None, None, step),)]


def _write_diagonal(x: Any, value: float) -> Any:
    return nnlite.Tensor.fill_diagonal_(x * 1, value)


def _filled(x: Any, value: float) -> Any:
    out = x.copy()
    np.fill_diagonal(out, value)
    return out


SPECS = [
    OpSpec(
        "diagonal",
        nnlite.diagonal,
        lambda rng: [
            of(normal(rng, 3, 4)),
            of(normal(rng, 2, 3, 4), -1, 2, 0),
            of(normal(rng, 3, 2), 1, dim1=-1, dim2=0),
        ],
        lambda x, offset=0, dim1=0, dim2=1: np.diagonal(x, offset, dim1, dim2),
        covers=("diag_embed",),
        view=True,
        edges=lambda rng: [of(normal(rng, 2, 2), 5), of(np.zeros((0, 2)))],
    ),
    OpSpec(
        "diag_embed",
        nnlite.diag_embed,
        lambda rng: [of(normal(rng, 3)), of(normal(rng, 2, 3), 1), of(normal(rng, 2, 2), -1, 0, 2)],
        _diag_embed,
        covers=("diagonal",),
        edges=lambda rng: [of(np.zeros(0), 1)],
    ),
    OpSpec(
        "diagonal",
        nnlite.diag,
        lambda rng: [of(normal(rng, 3, 2)), of(normal(rng, 3, 3), -1)],
        np.diag,
        title="diag of a matrix",
    ),
    OpSpec(
        "put_parts",
        nnlite.block_diag,
        lambda rng: [of(normal(rng, 2, 1), normal(rng, 1, 3), normal(rng, 2), normal(rng))],
        _block_diag,
        title="block_diag",
        covers=("getitem",),
    ),
    OpSpec(
        "copy",
        _write_diagonal,
        lambda rng: [of(normal(rng, 3, 4), 2.0)],
        _filled,
        title="fill_diagonal_",
        covers=("diagonal",),
    ),
    OpSpec(
        "as_strided",
        nnlite.as_strided,
        lambda rng: [
            of(normal(rng, 3, 4), (2, 3), (4, 1), 1),
            of(normal(rng, 6), (4, 3), (1, 1)),
            of(normal(rng, 2, 3), (2, 2), (0, 2)),
        ],
        _as_strided,
        covers=("put_strided", "strided_part"),
        view=True,
        layouts=False,
        edges=lambda rng: [of(normal(rng), (), ()), of(normal(rng, 2), (0, 3), (3, 1)), of(np.zeros(0), (0,), (1,))],
    ),
    OpSpec(
        "unfold",
        lambda x, *args: x.unfold(*args),
        lambda rng: [
            of(normal(rng, 7), 0, 3, 2),
            of(normal(rng, 2, 5), -1, 4, 1),
            of(normal(rng, 5, 2), 0, 2, 3),
        ],
        _windows,
        covers=("fold_windows",),
        view=True,
        edges=lambda rng: [of(np.zeros((2, 0)), 0, 2, 1), of(normal(rng, 2), 0, 2, 5)],
    ),
]
