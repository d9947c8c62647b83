"""ReLU and the sum of large arrays on the CPU, which are shared out to threads."""

from __future__ import annotations

import numpy as np
import pytest

from nnlite.backends.numpy import kernels


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("shape", [(300001,), (3, 401, 307)], ids=str)
def test_large_arrays(shape, count, thread_count):
    thread_count(count)
    draw = np.random.default_rng(0).standard_normal
    x, g = draw(shape, np.float32), draw(shape, np.float32)
    x.flat[[0, 5, -1]] = np.nan, np.inf, -np.inf
    g.flat[7] = np.nan
    out = kernels.relu(x)
    np.testing.assert_array_equal(out, np.where(np.isnan(x) | (x > 0), x, 0))
    np.testing.assert_array_equal(kernels.relu_backward(g, out), np.where(out <= 0, 0, g))


def test_other_layouts():
    x = np.random.default_rng(0).standard_normal((700, 600), np.float32).T
    out = kernels.relu(x)
    np.testing.assert_array_equal(out, np.where(x > 0, x, 0))
    np.testing.assert_array_equal(kernels.relu_backward(x, out), np.where(x > 0, x, 0))


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_of_images(keepdims, count, thread_count):
    thread_count(count)
    x = np.random.default_rng(0).standard_normal((9, 31, 33, 37), np.float32)
    result = kernels.total(x, axis=(0,), keepdims=keepdims)
    np.testing.assert_array_equal(result, x.sum(0, keepdims=keepdims))
