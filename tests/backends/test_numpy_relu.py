"""ReLU of large arrays on the CPU, which is shared out to threads."""

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
