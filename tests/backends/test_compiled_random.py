"""Random bits of compiled code are those of NumPy's generator."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.backends.numpy import first_use
from nnlite.backends.numpy.namespace import random_bits as numpy_bits
from nnlite.backends.numpy.namespace import xp

pytest.importorskip("numba")
compiled = pytest.importorskip("nnlite.backends.numpy.compiled.random")

PLACES = [(0, 0), (1, 5), ((1 << 64) - 1, 1 << 63), (12_345_678_901_234, 10), (7, (1 << 64) - 9), (7, (1 << 64) - 2)]


@pytest.mark.parametrize(("seed", "counter"), PLACES)
@pytest.mark.parametrize("n", [0, 1, 8, 9, 63, 1001])
def test_the_same_numbers(seed, counter, n, number_of_threads, monkeypatch):
    """Also around the end of 64 bits of the counter, and whatever the number of threads."""
    monkeypatch.setattr(first_use, "EVERY_SIZE", True)
    monkeypatch.setattr(compiled, "GRAIN", 10)
    found = compiled.random_bits(seed, counter, n)
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found, numpy_bits(seed, counter, n))


def test_tensors_take_it(monkeypatch):
    """A mask of dropout and numbers of ``rand`` are drawn by compiled code, and are what NumPy gives."""
    called = []
    real = first_use.load("random")

    class Noting:
        def __getattr__(self, name):
            called.append(name)
            return getattr(real, name)

    monkeypatch.setattr(compiled, "load", lambda name: Noting())
    results = []
    for function in (compiled.random_bits, numpy_bits):
        monkeypatch.setattr(xp, "random_bits", function)
        nnlite.manual_seed(3)
        results.append((nnlite.rand(100, 101), nnlite.nn.functional.dropout(nnlite.ones(200, 200), 0.3)))
    for mine, other in zip(*results, strict=True):
        assert bool((mine == other).all())
    assert called == ["philox", "philox"]


def test_few_numbers_stay_with_numpy(monkeypatch):
    monkeypatch.setattr(first_use, "EVERY_SIZE", False)
    monkeypatch.setattr(compiled, "load", None)
    assert compiled.random_bits(1, 2, 100).shape == (100,)
