"""A vector times a matrix by compiled code."""

import sys

import numpy as np
import pytest

import nnlite

pytest.importorskip("numba", reason="compiled kernels need the extra fast")

from nnlite.backends.numpy import products as plain
from nnlite.backends.numpy.compiled import products

SHAPES = [(1, 1), (3, 5), (64, 331), (331, 64), (100, 130), (260, 257), (784, 256)]


def numbers(*shape):
    return np.random.default_rng(shape).standard_normal(shape, np.float32)


def check(found, x, y, bias=0.0):
    bound = 6e-8 * (np.abs(x) @ np.abs(y) * (2 + len(y) ** 0.5) + np.abs(bias))
    assert found.dtype == np.float32
    assert found.shape == (len(x), y.shape[1])
    assert (np.abs(found - (x.astype(np.float64) @ y + bias)) <= bound).all()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("turned", [False, True])
def test_products(shape, turned):
    x, y, bias = numbers(1, shape[0]), numbers(*shape), numbers(shape[1])
    y = np.asfortranarray(y) if turned else y
    check(products.vector(x, y, None), x, y)
    check(products.vector(x, y, bias), x, y, bias)
    check(products.vector(y.T, x.T, None), y.T, x.T)


def test_what_blas_has_to_do():
    x, y = numbers(1, 40), numbers(40, 30)
    wrong = [
        (x.astype(np.float64), y), (x, y.astype(np.float64)), (x, y[:, ::2]), (x[:, ::2], y[:20]), (x, y[:39]),
    ]  # fmt: skip
    for left, right in wrong:
        assert products.vector(left, right, None) is None
    for bias in (numbers(30).astype(np.float64), numbers(60)[::2], numbers(29)):
        assert products.vector(x, y, bias) is None
    assert products.vector(y.T, x.T, numbers(1)) is None


def test_layers_take_it(monkeypatch):
    taken = []
    monkeypatch.setattr(plain, "fast_from", sys.maxsize)  # with kernels for every size, that is asked before
    monkeypatch.setattr(plain, "fast_vector", lambda *given: taken.append(len(given[0])) or products.vector(*given))
    layer = nnlite.nn.Linear(331, 256)
    x = nnlite.randn(1, 331)
    found = layer(x)
    weight, bias = (p.detach().numpy() for p in layer.parameters())
    np.testing.assert_allclose(found.detach().numpy(), (weight @ x.numpy()[0] + bias)[None], rtol=1e-5, atol=1e-5)
    nnlite.randn(256, 331) @ nnlite.randn(331, 1)
    assert taken == [1, 256]
