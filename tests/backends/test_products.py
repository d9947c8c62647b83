"""Products of matrices that threads share, beside NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from nnlite.backends.numpy import products, threads


@pytest.fixture(params=[1, 2, 3])
def several(request, thread_count, monkeypatch):
    monkeypatch.setattr(products, "_BLAS_SHARES", 0)
    monkeypatch.setattr(products, "_WORTH_SHARING", 0)
    thread_count(request.param)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.int64])
@pytest.mark.parametrize(
    ("x", "y"),
    [((70, 33), (33, 5)), ((5, 33), (33, 70)), ((1, 4), (4, 1)), ((40, 0), (0, 40)), ((0, 3), (3, 2)),
     ((5, 17, 4), (5, 4, 9)), ((3, 2, 17, 4), (3, 1, 4, 9)), ((5, 17, 4), (4, 9)), ((2, 17, 4), (3, 2, 4, 9))],
    ids=str,
)  # fmt: skip
def test_agrees_with_numpy(x, y, dtype, several):
    draw = np.random.default_rng(0).standard_normal
    a, b = ((10 * draw(shape)).astype(dtype) for shape in (x, y))
    expected = np.matmul(a, b)
    found = products.matmul(a, b)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    out = np.empty_like(expected)
    assert products.matmul(a, b, out=out) is out
    np.testing.assert_array_equal(out, found)
    turned = products.matmul(np.asfortranarray(a), b)
    np.testing.assert_allclose(turned, expected, rtol=1e-4, atol=1e-3)


def test_wrong_sizes_raise(several):
    with pytest.raises(ValueError, match=r"mismatch|not aligned"):
        products.matmul(np.ones((40, 3)), np.ones((4, 40)))


def test_blas_gets_its_threads_back(several):
    control = threads.blas_control()
    if control is None:
        pytest.skip("NumPy's BLAS cannot be asked")
    products.matmul(np.ones((64, 64)), np.ones((64, 64)))
    assert control[0]() == threads.count()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dot_of_long_vectors(dtype, thread_count):
    x = np.random.default_rng(0).standard_normal(50_000).astype(dtype)
    for n in (1, 2):
        thread_count(n)
        np.testing.assert_allclose(products.dot(x, x), (x.astype(np.float64) ** 2).sum(), rtol=1e-5)


def test_blas_uses_one_thread_for_vectors_too(thread_count, monkeypatch):
    control = threads.blas_control()
    if control is None:
        pytest.skip("NumPy's BLAS cannot be asked")
    thread_count(2)
    seen = []

    class Watched(np.ndarray):
        def dot(self, other):
            seen.append(control[0]())
            return super().dot(other)

    x = np.ones(20_000).view(Watched)
    products.dot(x, x)
    products.dot(x[:100], x[:100])
    assert seen == [1, 2]
