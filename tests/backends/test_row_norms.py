"""Norms of rows by products beside the generic body."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nnlite
from nnlite.backends.kernels import KernelTable
from nnlite.backends.numpy.norms import _takes
from nnlite.backends.registry import tables


def both(x, axis, keepdims=False):
    table = tables[np.ndarray]
    generic = KernelTable(table.backend_)
    assert _takes(x, axis=axis, keepdims=keepdims)
    return table.norm2(x, axis=axis, keepdims=keepdims), generic.norm2(x, axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [((300, 16), (1,)), ((5, 7, 33, 9), (2, 3)), ((1, 4096), (1,)), ((4096,), (0,)), ((8, 8, 100), (2,))],
)
def test_the_same_norms(shape, axis, keepdims, kind):
    x = np.random.default_rng(0).standard_normal(shape).astype(kind)
    mine, theirs = both(x, axis, keepdims)
    assert mine.dtype == theirs.dtype and mine.shape == theirs.shape
    np.testing.assert_allclose(mine, theirs, rtol=1e-6 if kind is np.float32 else 1e-14)


def test_not_a_number_infinity_and_overflow():
    x = np.ones((300, 20), np.float32)
    x[0, 3], x[1, 4], x[2, 5], x[3] = np.nan, np.inf, 1e30, 0
    mine, theirs = both(x, (1,))
    np.testing.assert_array_equal(mine[:4], theirs[:4])
    assert math.isnan(mine[0]) and mine[1] == mine[2] == math.inf and mine[3] == 0


def test_what_stays_with_the_generic_body():
    x = np.ones((300, 20), np.float32)
    for other, axis in (
        (x, (0,)), (x, None), (x.T, (1,)), (x[:100], (1,)), (x.astype(np.float16), (1,)), (x.astype(complex), (1,)),
        (np.ones((2, 5000), np.float32), (1,)), (np.ones((2000, 4), np.float32), (1,)),
    ):  # fmt: skip
        assert not _takes(other, axis=axis, keepdims=False)


def test_renorm_and_its_gradient():
    x = nnlite.randn(300, 20, dtype=nnlite.float64)
    norms = nnlite.tensor(np.linalg.norm(x.numpy(), axis=1, keepdims=True))
    expected = nnlite.where(norms > 3, x * (3 / (norms + 1e-7)), x)
    assert nnlite.allclose(x.renorm(2, 0, 3.0), expected)
    y = nnlite.randn(260, 16, dtype=nnlite.float64, requires_grad=True)
    (g,) = nnlite.autograd.grad(y.norm(2, 1).sum(), y)
    assert nnlite.allclose(g, y / y.norm(2, 1, True))
