"""exp and log of compiled code: errors in units of the last place, and what is not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

numba = pytest.importorskip("numba")
elementary = pytest.importorskip("nnlite.backends.numpy.compiled.kernels.elementary")

LIMIT = 88.5
"""e to this is near the largest float32."""

RANGES = {
    "exp": np.concatenate([np.linspace(-87, LIMIT, 300_001), np.geomspace(1e-30, LIMIT, 10_001)]),
    "exp_of_negative": -np.concatenate([np.linspace(0, 87.3, 300_001), np.geomspace(1e-30, 87, 10_001)]),
    "log": np.concatenate([np.geomspace(1.2e-38, 3e38, 300_001), np.linspace(0.5, 2, 100_001)]),
}
REFERENCE: dict[str, Any] = {"exp": np.exp, "exp_of_negative": np.exp, "log": np.log}


def computed(name, x):
    function = getattr(elementary, name)

    @numba.njit
    def run(x, out):
        for i in range(len(x)):
            out[i] = function(x[i])

    out = np.empty(len(x), np.float32)
    run(x, out)
    return out


@pytest.mark.parametrize("name", RANGES)
def test_errors(name):
    x = RANGES[name].astype(np.float32)
    want = REFERENCE[name](x.astype(np.float64))
    units = np.abs(computed(name, x) - want) / np.spacing(np.abs(want).astype(np.float32))
    assert units.max() < 2


def test_ends():
    x = np.array([0, -0.0, -np.inf, np.nan, -1e30, -200, -104.5], np.float32)
    want = np.array([1, 1, 0, np.nan, 0, 0, 0], np.float32)
    np.testing.assert_array_equal(computed("exp", x), want)
    np.testing.assert_array_equal(computed("exp_of_negative", x), want)
    np.testing.assert_array_equal(computed("exp", np.array([89, np.inf, 1e30], np.float32)), np.inf)
    small = computed("exp", np.array([-90, -100], np.float32))
    np.testing.assert_allclose(small, np.exp([-90.0, -100.0]), rtol=0, atol=2e-45)
