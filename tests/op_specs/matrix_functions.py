"""Functions and products of matrices, reflections, index notation, distances between points."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

import nnlite
from nnlite import linalg

from .base import FLOATS, SINGLES, OpSpec, normal, of
from .decompositions import tame


def exponential(x: np.ndarray) -> np.ndarray:
    """The Taylor series of a matrix divided by 2^20, squared 20 times."""
    small = x / 2**20
    eye = np.eye(x.shape[-1])
    out = eye + small @ (eye + small / 2 @ (eye + small / 3))
    for _ in range(20):
        out = out @ out
    return out


def reflected(a: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """The product of Householder reflections, one after the other."""
    m = a.shape[-2]
    out = np.broadcast_to(np.eye(m), (*a.shape[:-2], m, m))
    for i in range(tau.shape[-1]):
        v = np.where(np.arange(m) < i, 0.0, np.where(np.arange(m) == i, 1.0, a[..., i]))
        out = out @ (np.eye(m) - tau[..., i, None, None] * v[..., :, None] * v[..., None, :])
    return out


def distances(x: np.ndarray, y: np.ndarray, p: float = 2.0, compute_mode: str = "") -> np.ndarray:
    apart = abs(x[..., :, None, :] - y[..., None, :, :])
    if p == np.inf:
        return apart.max(-1, initial=0)
    return (apart != 0).sum(-1).astype(float) if p == 0 else (apart**p).sum(-1) ** (1 / p)


def _einsum(equation: str, *shapes: tuple[int, ...]) -> OpSpec:
    names = equation.replace("...", "").replace("->", "_to_").replace(",", "_")
    return OpSpec(
        "matmul" if len(shapes) > 1 else "sum",
        functools.partial(nnlite.einsum, equation),
        lambda rng: [of(*(normal(rng, *shape) for shape in shapes))],
        functools.partial(np.einsum, equation),
        title=f"einsum-{names}",
        dtypes=SINGLES,
        extreme=False,
        loose=10,
    )


SPECS: list[OpSpec] = [
    OpSpec(
        "matrix_exp",
        lambda x: nnlite.matrix_exp(tame(x)),
        lambda rng: [of(normal(rng, 3, 3)), of(4 * normal(rng, 2, 2, 2)), of(normal(rng, 1, 1))],
        exponential,
        covers=("concatenate",),
        edges=lambda rng: [of(np.zeros((0, 0))), of(np.zeros((0, 2, 2)))],
        dtypes=SINGLES,
        extreme=False,
        loose=500,
    ),
    OpSpec(
        "cross",
        linalg.cross,
        lambda rng: [
            of(normal(rng, 2, 3), normal(rng, 2, 3)),
            of(normal(rng, 3, 2), normal(rng, 3, 1), dim=0),
            of(normal(rng, 3), normal(rng, 3)),
        ],
        lambda x, y, dim=-1: np.cross(x, y, axis=dim),
        extreme=False,
        loose=4,
        edges=lambda rng: [of(np.zeros((0, 3)), np.zeros((0, 3)))],
    ),
    OpSpec(
        "solve_triangular",
        linalg.householder_product,
        lambda rng: [
            of(normal(rng, 3, 3), normal(rng, 2)),
            of(normal(rng, 2, 3, 2), normal(rng, 2, 2)),
        ],
        lambda a, tau: reflected(a, tau)[..., : a.shape[-1]],
        title="householder_product",
        dtypes=SINGLES,
        extreme=False,
        loose=100,
    ),
    OpSpec(
        "solve_triangular",
        lambda a, tau, c, left=True, transpose=False: nnlite.ormqr(a, tau, c, left, transpose),
        lambda rng: [
            of(normal(rng, 3, 2), normal(rng, 2), normal(rng, 3, 2)),
            of(normal(rng, 3, 2), normal(rng, 2), normal(rng, 1, 3), left=False),
        ],
        lambda a, tau, c, left=True: reflected(a, tau) @ c if left else c @ reflected(a, tau),
        title="ormqr",
        dtypes=SINGLES,
        extreme=False,
        loose=100,
    ),
    OpSpec(
        "geqrf",
        lambda x: abs(nnlite.geqrf(tame(x)).a.triu()),
        lambda rng: [of(normal(rng, 3, 3)), of(normal(rng, 2, 4, 2)), of(normal(rng, 2, 3))],
        lambda x: abs(np.pad(r := np.linalg.qr(x, "r"), [(0, 0)] * (x.ndim - 2)
                             + [(0, x.shape[-2] - r.shape[-2]), (0, 0)])),
        inputs=(),
        dtypes=SINGLES,
        extreme=False,
        loose=20,
    ),
    *(
        OpSpec(
            "cdist",
            nnlite.cdist,
            lambda rng, p=p: [
                of(normal(rng, 3, 2), normal(rng, 2, 2), p),
                of(normal(rng, 2, 1, 3), normal(rng, 2, 3), p, "use_mm_for_euclid_dist"),
            ],
            distances,
            title=f"cdist-{p:g}".replace(".", "_"),
            covers=("cdist_gradient",),
            inputs=(0, 1),
            dtypes=SINGLES,
            extreme=False,
            loose=20,
            edges=lambda rng, p=p: [
                of(np.zeros((0, 2)), normal(rng, 2, 2), p),
                of(normal(rng, 2, 0), normal(rng, 3, 0), p),
                of(np.zeros((0, 1, 2)), normal(rng, 3, 2), p),
            ],
        )
        for p in (2.0, 1.0, 1.5, 3.0, np.inf)
    ),
    OpSpec(
        "norm2",
        nnlite.nn.functional.pdist,
        lambda rng: [of(normal(rng, 4, 2))],
        lambda x: distances(x, x)[np.triu_indices(x.shape[0], 1)],
        title="pdist",
        dtypes=FLOATS,
        extreme=False,
        loose=10,
        edges=lambda rng: [of(np.zeros((0, 2))), of(normal(rng, 1, 2)), of(np.zeros((3, 0)))],
    ),
    _einsum("ij,jk->ik", (2, 3), (3, 2)),
    _einsum("bij,bkj->bik", (2, 2, 3), (2, 3, 3)),
    _einsum("...ij,jk,kl->...il", (2, 2, 3), (3, 2), (2, 2)),
    _einsum("ij,ik,il->jkl", (2, 2), (2, 3), (2, 2)),
    _einsum("i,i,i->", (3,), (3,), (3,)),
    _einsum("iij->j", (2, 2, 3)),
]  # fmt: skip


def broadcast_einsum(x: Any, y: Any) -> Any:
    return nnlite.einsum("ijk,jk->ik", x, y)


SPECS.append(
    OpSpec(
        "mul",
        broadcast_einsum,
        lambda rng: [of(normal(rng, 2, 3, 1), normal(rng, 1, 2))],
        lambda x, y: (x * y).sum(1),
        title="einsum-broadcast",
        extreme=False,
        loose=10,
    )
)
