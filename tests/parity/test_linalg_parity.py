"""Linear algebra beside PyTorch: errors and their texts, names of results, empty, complex and non-finite matrices."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

import nnlite

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
SQUARE = RNG.standard_normal((4, 4)) + 4 * np.eye(4)
INPUTS: dict[str, np.ndarray] = {
    "square": SQUARE,
    "float32": SQUARE.astype("float32"),
    "complex": SQUARE + 1j * RNG.standard_normal((4, 4)),
    "stack": RNG.standard_normal((2, 3, 3, 3)) + 3 * np.eye(3),
    "tall": RNG.standard_normal((4, 2)),
    "wide": RNG.standard_normal((2, 2, 4)),
    "positive": SQUARE @ SQUARE.T,
    "hermitian": (lambda x: x @ x.conj().T)(SQUARE + 1j * RNG.standard_normal((4, 4))),
    "singular": np.zeros((2, 2)),
    "one singular": np.stack([np.eye(2), np.zeros((2, 2)), np.ones((2, 2))]),
    "integers": np.eye(2, dtype="int64"),
    "half": np.eye(2, dtype="float16"),
    "vector": np.ones(3),
    "number": np.ones(()),
    "0x0": np.zeros((0, 0)),
    "no matrices": np.zeros((0, 2, 2)),
    "empty stack": np.zeros((2, 0, 0)),
}


def _made_of_svd(torch: Any, x: Any) -> Any:
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    return s, (u * s.unsqueeze(-2).to(u.dtype)) @ vh, torch.linalg.svd(x)[0].shape


def _made_of_eigh(torch: Any, x: Any) -> Any:
    values, vectors = torch.linalg.eigh(x, "U")
    return values, abs(vectors @ vectors.mH)


CALLS: dict[str, Any] = {
    "inv": lambda t, x: t.linalg.inv(x),
    "inverse": lambda t, x: t.inverse(x),
    "inv_ex": lambda t, x: t.linalg.inv_ex(x).info,
    "det": lambda t, x: t.linalg.det(x),
    "logdet": lambda t, x: t.logdet(x),
    "slogdet": lambda t, x: t.slogdet(x),
    "linalg.slogdet": lambda t, x: t.linalg.slogdet(x),
    "cholesky": lambda t, x: t.cholesky(x),
    "linalg.cholesky": lambda t, x: t.linalg.cholesky(x, upper=True),
    "cholesky_ex": lambda t, x: t.linalg.cholesky_ex(x).info,
    "cholesky_inverse": lambda t, x: t.cholesky_inverse(x),
    "eigvalsh": lambda t, x: t.linalg.eigvalsh(x),
    "eigh": _made_of_eigh,
    "svd": _made_of_svd,
    "svdvals": lambda t, x: t.linalg.svdvals(x),
    "qr": lambda t, x: t.linalg.qr(x),
    "torch.qr": lambda t, x: t.qr(x, some=False),
    "qr r": lambda t, x: t.linalg.qr(x, "r"),
    "geqrf": lambda t, x: t.geqrf(x),
    "lu": lambda t, x: t.linalg.lu(x),
    "torch.lu": lambda t, x: t.lu(x),
    "lu_factor": lambda t, x: t.linalg.lu_factor(x),
    "lu_factor_ex": lambda t, x: t.linalg.lu_factor_ex(x),
    "ldl_factor_ex": lambda t, x: t.linalg.ldl_factor_ex(x),
    "ldl hermitian": lambda t, x: t.linalg.ldl_factor_ex(x, hermitian=True),
    "matrix_exp": lambda t, x: t.matrix_exp(x / 8),
    "matrix_power": lambda t, x: t.linalg.matrix_power(x, 3),
    "matrix_power 0": lambda t, x: t.linalg.matrix_power(x, 0),
    "matrix_power -2": lambda t, x: t.linalg.matrix_power(x, -2),
    "pinv": lambda t, x: t.linalg.pinv(x, rtol=1e-3),
    "matrix_rank": lambda t, x: t.linalg.matrix_rank(x),
    "cond": lambda t, x: t.linalg.cond(x, 1),
    "norm": lambda t, x: t.linalg.norm(x),
    "norm 1": lambda t, x: t.linalg.norm(x, 1),
    "nuclear": lambda t, x: t.norm(x, "nuc"),
    "matrix_norm inf": lambda t, x: t.linalg.matrix_norm(x, float("inf"), keepdim=True),
    "vector_norm 0": lambda t, x: t.linalg.vector_norm(x, 0, dim=-1),
    "vector_norm inf": lambda t, x: t.linalg.vector_norm(x, float("inf")),
    "vector_norm 2.5": lambda t, x: t.linalg.vector_norm(x, 2.5, dim=-1, keepdim=True),
    "solve": lambda t, x: t.linalg.solve(x, x),
    "solve vectors": lambda t, x: t.linalg.solve(x, t.sum(x, -1)),
    "solve right": lambda t, x: t.linalg.solve(x, x, left=False),
    "solve_triangular": lambda t, x: t.linalg.solve_triangular(x, x, upper=False),
    "triangular_solve": lambda t, x: t.triangular_solve(x, x, transpose=True),
    "cholesky_solve": lambda t, x: t.cholesky_solve(x, x),
    "lstsq": lambda t, x: t.linalg.lstsq(x, x, driver="gelsd"),
    "trace": lambda t, x: t.trace(x),
    "vander": lambda t, x: t.linalg.vander(x, N=3),
    "multi_dot": lambda t, x: t.linalg.multi_dot([x, x, x]),
    "diagonal": lambda t, x: t.linalg.diagonal(x, offset=1),
    "einsum": lambda t, x: t.einsum("...ij,...kj->...ik", x, x),
    "kron": lambda t, x: t.kron(x, x),
}

SINGULAR = "inf and nan where the matrix is singular"
UNSETTLED = {
    ("cholesky_inverse", "complex"): "the imaginary diagonal, which a factor has not, is read in part by LAPACK",
    ("matrix_exp", "half"): "PyTorch's coefficients overflow in float16",
    ("solve_triangular", "one singular"): SINGULAR,
    ("triangular_solve", "one singular"): SINGULAR,
    ("cholesky_solve", "one singular"): SINGULAR,
    ("cholesky_solve", "singular"): SINGULAR,
    ("ldl hermitian", "complex"): "the imaginary diagonal, which a Hermitian matrix has not, is read by LAPACK",
}
"""Results that PyTorch's documentation leaves open, which are not compared."""


def outcome(function: Any, module: Any, x: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(module, x)
        except Exception as error:
            return error


def start(error: Exception) -> str:
    """What an error says up to its advice."""
    return str(error).split("\n")[0].split(" (")[0].split(" - ")[0]


def same(mine: Any, theirs: Any) -> None:
    if isinstance(theirs, torch.Tensor):
        assert str(mine.dtype) == str(theirs.dtype)
        assert tuple(mine.shape) == tuple(theirs.shape)
        rough = 2e-4 if "32" in str(mine.dtype) or ("64" in str(mine.dtype) and mine.is_complex()) else 1e-8
        rough = 5e-3 if mine.dtype is nnlite.float16 else rough
        np.testing.assert_allclose(mine.resolve_conj().numpy(), theirs.resolve_conj().numpy(), rtol=rough, atol=rough)
    elif isinstance(theirs, tuple):
        assert len(mine) == len(theirs)
        for one, other in zip(mine, theirs, strict=True):
            same(one, other)
        if hasattr(theirs, "__match_args__"):
            assert repr(mine).split("(")[0] == repr(theirs).split("(")[0]
            names = [line.split("=")[0] for line in repr(theirs).split("\n") if line[:1].isalpha() and "=" in line]
            assert [getattr(mine, n) is v for n, v in zip(names[-len(mine) :], mine, strict=True)] == [True] * len(mine)
    else:
        assert mine == theirs


@pytest.mark.parametrize("name, given", [p for p in itertools.product(CALLS, INPUTS) if p not in UNSETTLED])
def test_results_and_errors(name, given):
    """The same values, dtypes, shapes and names of fields; or the same error with the same text."""
    x = INPUTS[given]
    theirs = outcome(CALLS[name], torch, torch.tensor(x))
    mine = outcome(CALLS[name], nnlite, nnlite.tensor(x))
    if isinstance(theirs, Exception):
        assert isinstance(mine, Exception), f"no error, but PyTorch: {theirs}"
        kinds = {"_LinAlgError": "LinAlgError"}
        assert type(mine).__name__ == kinds.get(type(theirs).__name__, type(theirs).__name__), f"{mine} | {theirs}"
        assert start(mine) == start(theirs)
    else:
        if isinstance(mine, Exception):
            raise mine
        same(mine, theirs)


def test_the_names_of_torch_linalg():
    missing = [n for n in dir(torch.linalg) if not n.startswith("_") and n != "common_notes"]
    assert [n for n in missing if not hasattr(nnlite.linalg, n)] == []
    assert sorted(nnlite.linalg.__all__) == nnlite.linalg.__all__
