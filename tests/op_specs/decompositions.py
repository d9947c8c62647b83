"""Solvers, determinants, and factors of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite
from nnlite import linalg

from .base import SINGLES, OpSpec, normal, of


def regular(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Matrices far from singular, with distinct singular values and eigenvalues."""
    m, n = shape[-2:]
    return normal(rng, *shape) / 8 + np.eye(m, n) * np.arange(1, n + 1)


def positive(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Symmetric positive-definite matrices."""
    x = regular(rng, *shape)
    return x @ np.swapaxes(x, -1, -2)


def symmetric(x: Any) -> Any:
    return x + x.mT


def tame(x: Any) -> Any:
    """Finite numbers in place of others: eigenvalues and singular values of others do not exist."""
    return nnlite.nan_to_num(x).clamp(-50, 50)


def matrices(rng: np.random.Generator) -> list[Any]:
    return [of(regular(rng, 3, 3)), of(regular(rng, 2, 2, 2)), of(regular(rng, 1, 1))]


def empty(rng: np.random.Generator) -> list[Any]:
    return [of(np.zeros((0, 0))), of(np.zeros((0, 3, 3))), of(np.zeros((2, 0, 0)))]


def oblong(rng: np.random.Generator) -> list[Any]:
    return [of(regular(rng, *shape)) for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 2))]


def parts_of_lu(a: np.ndarray) -> np.ndarray:
    """LU factors by the definition, row by row, with the largest pivot."""
    x = a.copy()
    m, n = x.shape[-2:]
    for matrix in x.reshape(-1, m, n) if x.size else ():
        for j in range(min(m, n)):
            p = j + np.argmax(np.abs(matrix[j:, j]))
            matrix[[j, p]] = matrix[[p, j]]
            matrix[j + 1 :, j] /= matrix[j, j]
            matrix[j + 1 :, j + 1 :] -= np.outer(matrix[j + 1 :, j], matrix[j, j + 1 :])
    return x


def _eigen(x: Any) -> Any:
    values, vectors = linalg.eigh(symmetric(tame(x)))
    return values, (vectors * vectors) @ (values / 8).exp().unsqueeze(-1)


def _eigen_reference(x: np.ndarray) -> Any:
    values, vectors = np.linalg.eigh(x + np.swapaxes(x, -1, -2))
    return values, (vectors * vectors) @ np.exp(values / 8)[..., None]


def _general(x: Any) -> Any:
    values, vectors = linalg.eig(tame(x))
    cubes = nnlite.diag_embed(values**3 / 20)
    return nnlite.real(vectors @ cubes @ linalg.inv_ex(vectors).inverse), values.real.sum(-1)


def _singular(x: Any) -> Any:
    u, s, vh = linalg.svd(tame(x), full_matrices=False)
    return s, (u * (s / 8).exp().unsqueeze(-2)) @ vh


def _singular_reference(x: np.ndarray) -> Any:
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return s, (u * np.exp(s / 8)[..., None, :]) @ vh


def _qr(x: Any, mode: str = "reduced") -> Any:
    q, r = linalg.qr(x, mode)
    return q * r.sum(-1).unsqueeze(-2) / 8, (r * r).sum(-2) / 8  # a column of Q and the row of R may change their sign


def _qr_reference(x: np.ndarray, mode: str = "reduced") -> Any:
    q, r = np.linalg.qr(x, mode)
    return q * r.sum(-1)[..., None, :] / 8, (r * r).sum(-2) / 8


def _triangle(upper: bool, unit: bool) -> Any:
    def reference(a: np.ndarray, b: np.ndarray, **options: Any) -> np.ndarray:
        x = (np.triu if upper else np.tril)(a, unit * (1 if upper else -1)) + unit * np.eye(a.shape[-1])
        return np.linalg.solve(x, b) if options.get("left", True) else np.swapaxes(
            np.linalg.solve(np.swapaxes(x, -1, -2), np.swapaxes(b, -1, -2)), -1, -2)  # fmt: skip

    return reference


LINEAR: dict[str, Any] = {"dtypes": SINGLES, "extreme": False, "loose": 20}

SPECS = [
    OpSpec("inv", lambda x: linalg.inv_ex(x).inverse, matrices, np.linalg.inv, edges=empty, **LINEAR),
    OpSpec(
        "solve",
        lambda a, b, left=True: linalg.solve_ex(a, b, left=left).result,
        lambda rng: [
            of(regular(rng, 3, 3), normal(rng, 3, 2)),
            of(regular(rng, 2, 2, 2), normal(rng, 2, 1)),
            of(regular(rng, 2, 2), normal(rng, 2, 2, 1)),
        ],
        np.linalg.solve,
        edges=lambda rng: [of(np.zeros((0, 0)), np.zeros((0, 2))), of(np.zeros((0, 2, 2)), np.zeros((2, 1)))],
        **LINEAR,
    ),
    *(
        OpSpec(
            "solve_triangular",
            lambda a, b, left=True, upper=upper, unit=unit: linalg.solve_triangular(
                a, b, upper=upper, left=left, unitriangular=unit
            ),
            lambda rng: [
                of(regular(rng, 3, 3), normal(rng, 3, 2)),
                of(regular(rng, 2, 2, 2), normal(rng, 1, 2), left=False),
                of(regular(rng, 40, 40)[:3, :3], normal(rng, 2, 3, 1)),
            ],
            _triangle(upper, unit),
            title=f"solve_triangular-{'upper' if upper else 'lower'}-{unit}",
            covers=("triangle",),
            edges=lambda rng: [of(np.zeros((0, 0)), np.zeros((0, 2))), of(np.zeros((0, 2, 2)), np.zeros((2, 1)))],
            **LINEAR,
        )
        for upper, unit in ((True, False), (False, True))
    ),
    OpSpec("det", nnlite.det, matrices, np.linalg.det, covers=("cofactors", "inv"), edges=empty, **LINEAR),
    OpSpec(
        "slogdet", lambda x: nnlite.slogdet(x).logabsdet, matrices, lambda x: np.linalg.slogdet(x)[1], edges=empty,
        covers=("inv",), **LINEAR,
    ),
    OpSpec(
        "cholesky",
        lambda x, upper=False: linalg.cholesky_ex(0.5 * symmetric(x), upper=upper).L,
        lambda rng: [of(positive(rng, 3, 3)), of(positive(rng, 2, 2, 2), upper=True)],
        lambda x, upper=False: np.linalg.cholesky(x, upper=upper),
        covers=("triangle", "solve_triangular"),
        edges=empty,
        **LINEAR,
    ),
    OpSpec(
        "cholesky_inverse",
        lambda x, upper=False: nnlite.cholesky_inverse(x.triu() if upper else x.tril(), upper),
        lambda rng: [of(regular(rng, 3, 3)), of(regular(rng, 2, 2, 2), upper=True)],
        lambda x, upper=False: np.linalg.inv(
            np.swapaxes(np.triu(x), -1, -2) @ np.triu(x) if upper else np.tril(x) @ np.swapaxes(np.tril(x), -1, -2)
        ),
        edges=empty,
        dtypes=SINGLES,
        extreme=False,
        loose=100,
    ),
    OpSpec(
        "cholesky_solve",
        lambda b, x, upper=False: nnlite.cholesky_solve(b, x.triu() if upper else x.tril(), upper),
        lambda rng: [
            of(normal(rng, 3, 2), regular(rng, 3, 3)),
            of(normal(rng, 2, 1), regular(rng, 2, 2, 2), upper=True),
        ],
        lambda b, x, upper=False: np.linalg.solve(
            np.swapaxes(np.triu(x), -1, -2) @ np.triu(x) if upper else np.tril(x) @ np.swapaxes(np.tril(x), -1, -2), b
        ),
        edges=lambda rng: [of(np.zeros((0, 2)), np.zeros((0, 0)))],
        **LINEAR,
    ),
    OpSpec(
        "lu_factor",
        lambda x: linalg.lu_factor_ex(x).LU,
        lambda rng: [*oblong(rng), of(np.flip(regular(rng, 3, 3), 0).copy())],
        parts_of_lu,
        covers=("row_exchanges", "solve_triangular"),
        edges=lambda rng: [*empty(rng), of(np.zeros((3, 0))), of(np.zeros((0, 2)))],
        **LINEAR,
    ),
    OpSpec(
        "row_exchanges",
        lambda x: nnlite.linalg.lu(x)[0],
        lambda rng: [of(np.flip(regular(rng, 3, 3), 0).copy()), of(np.flip(regular(rng, 2, 4, 2), -2).copy())],
        lambda x: np.broadcast_to(_order(x), (*x.shape[:-1], x.shape[-2])),
        title="lu",
        inputs=(),
        **LINEAR,
    ),
    OpSpec("qr", _qr, oblong, _qr_reference, covers=("solve_triangular",), edges=lambda rng: [], **LINEAR),
    OpSpec(
        "r_of_qr",
        lambda x: abs(linalg.qr(x, "r").R),
        oblong,
        lambda x: abs(np.linalg.qr(x, "r")),
        inputs=(),
        **LINEAR,
    ),
    OpSpec("eigh", _eigen, matrices, _eigen_reference, **LINEAR),
    OpSpec(
        "eigvalsh", lambda x: linalg.eigvalsh(symmetric(tame(x))), matrices,
        lambda x: np.linalg.eigvalsh(x + np.swapaxes(x, -1, -2)), inputs=(), **LINEAR,
    ),
    OpSpec(
        "eig",
        _general,
        lambda rng: [of(regular(rng, 3, 3)), of(regular(rng, 2, 2, 2))],
        lambda x: (x @ x @ x / 20, np.trace(x, axis1=-2, axis2=-1)),
        covers=("solve",),
        dtypes=SINGLES,
        extreme=False,
        loose=100,
    ),
    OpSpec(
        "eigvals", lambda x: linalg.eigvals(tame(x)).real.sum(-1), matrices,
        lambda x: np.trace(x, axis1=-2, axis2=-1), inputs=(), **LINEAR,
    ),
    OpSpec("svd", _singular, oblong, _singular_reference, **LINEAR),
    OpSpec(
        "svdvals", lambda x: linalg.svdvals(tame(x)), oblong, lambda x: np.linalg.svd(x, compute_uv=False), inputs=(),
        **LINEAR,
    ),
]  # fmt: skip


def _order(x: np.ndarray) -> np.ndarray:
    """The permutation matrix of matrices whose largest entries stand on the other diagonal of the last rows."""
    m, n = x.shape[-2:]
    order = list(range(m))
    for j in range(n):
        p = order[j:].index(m - 1 - j) + j
        order[j], order[p] = order[p], order[j]
    return np.eye(m)[order].T
