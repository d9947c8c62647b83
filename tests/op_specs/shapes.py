"""Shapes, views, and putting tensors together."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite

from .base import OpSpec, normal, of


def _view(name: str, call: Any, samples: Any, reference: Any, **options: Any) -> OpSpec:
    return OpSpec(name, call, samples, reference, view=True, **options)


def _squeeze(x: Any, dim: Any = None) -> Any:
    if dim is None:
        return np.squeeze(x)
    dims = [d % x.ndim for d in ((dim,) if isinstance(dim, int) else dim)]
    return np.squeeze(x, axis=tuple(d for d in dims if x.shape[d] == 1))


def _empty(rng: np.random.Generator) -> list[Any]:
    return [of(np.zeros((0, 3)), (3, 0)), of(normal(rng), (1, 1)), of(normal(rng, 1), ())]


SPECS = [
    _view(
        "view",
        lambda x, shape: x.view(shape),
        lambda rng: [of(normal(rng, 2, 6), (3, 4)), of(normal(rng, 4), (-1, 2))],
        np.reshape,
        edges=_empty,
        layouts=False,
    ),
    _view(
        "view",
        nnlite.flatten,
        lambda rng: [of(normal(rng, 2, 3)), of(normal(rng, 2, 1, 3), 1)],
        lambda x, start=0: x.reshape(*x.shape[:start], -1),
        title="flatten",
        edges=lambda rng: [of(normal(rng))],
    ),
    OpSpec(
        "unsafe_view",
        lambda x, shape: x.t().reshape(shape),
        lambda rng: [of(normal(rng, 2, 3), (6,))],
        lambda x, shape: x.T.reshape(shape),
        title="reshape of a transpose",
        covers=("clone", "transpose", "reshape"),
    ),
    _view(
        "squeeze", nnlite.squeeze, lambda rng: [of(normal(rng, 1, 3, 1))], _squeeze, edges=lambda rng: [of(normal(rng))]
    ),
    _view(
        "squeeze_dim",
        nnlite.squeeze,
        lambda rng: [of(normal(rng, 1, 3, 1), 2), of(normal(rng, 1, 3), (0, 1))],
        _squeeze,
        title="squeeze of a dimension",
        edges=lambda rng: [of(np.zeros((0, 1)), -1)],
    ),
    _view(
        "unsqueeze",
        nnlite.unsqueeze,
        lambda rng: [of(normal(rng, 2, 3), 1), of(normal(rng, 3), -1)],
        np.expand_dims,
        edges=lambda rng: [of(normal(rng), 0), of(np.zeros((0,)), 0)],
    ),
    _view("alias", nnlite.t, lambda rng: [of(normal(rng, 3))], lambda x: x, title="t of a vector"),
    _view(
        "transpose",
        nnlite.transpose,
        lambda rng: [of(normal(rng, 2, 3), 0, 1), of(normal(rng, 2, 1, 3), -1, 0)],
        np.swapaxes,
        edges=lambda rng: [of(np.zeros((0, 2)), 0, 1)],
    ),
    _view(
        "transpose",
        nnlite.permute,
        lambda rng: [of(normal(rng, 2, 1, 3), (2, 0, 1)), of(normal(rng, 2, 3), (-1, 0))],
        np.transpose,
        title="permute",
    ),
    _view(
        "transpose",
        nnlite.movedim,
        lambda rng: [of(normal(rng, 2, 1, 3), 0, -1), of(normal(rng, 2, 1, 3), (0, 1), (1, 0))],
        np.moveaxis,
        title="movedim",
    ),
    _view(
        "broadcast_to",
        lambda x, shape: x.expand(shape),
        lambda rng: [of(normal(rng, 2, 1), (2, 3)), of(normal(rng, 3), (2, 2, 3)), of(normal(rng, 2, 3), (-1, 3))],
        lambda x, shape: np.broadcast_to(x, [n if n >= 0 else x.shape[i] for i, n in enumerate(shape)]),
        title="expand",
        edges=lambda rng: [of(normal(rng), (2, 0)), of(np.zeros((0, 1)), (0, 3))],
    ),
    OpSpec(
        "concatenate",
        lambda *parts, dim: nnlite.cat(parts, dim),
        lambda rng: [of(normal(rng, 2, 3), normal(rng, 1, 3), dim=0), of(normal(rng, 2, 1), normal(rng, 2, 2), dim=-1)],
        lambda *parts, dim: np.concatenate(parts, dim),
        title="cat",
        covers=("getitem",),
        edges=lambda rng: [of(np.zeros((0, 2)), normal(rng, 1, 2), dim=0)],
    ),
    OpSpec(
        "concatenate",
        lambda *parts, dim: nnlite.stack(parts, dim),
        lambda rng: [of(normal(rng, 2, 3), normal(rng, 2, 3), dim=1), of(normal(rng), normal(rng), dim=0)],
        lambda *parts, dim: np.stack(parts, dim),
        title="stack",
    ),
    OpSpec(
        "flip",
        nnlite.flip,
        lambda rng: [of(normal(rng, 2, 3), (0,)), of(normal(rng, 2, 3), (0, -1))],
        np.flip,
        edges=lambda rng: [of(np.zeros((0, 2)), (1,))],
    ),
    OpSpec(
        "broadcast_to",
        lambda x, times: x.repeat(times),
        lambda rng: [of(normal(rng, 2, 3), (2, 1, 2)), of(normal(rng, 3), (2,))],
        np.tile,
        title="repeat",
        edges=lambda rng: [of(normal(rng, 2), (0,))],
    ),
]
