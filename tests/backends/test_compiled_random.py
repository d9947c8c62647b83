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


@pytest.mark.parametrize("place", [0, 12_345, (1 << 64) - 50_000])
def test_counts_are_those_of_the_array_expressions(place, number_of_threads, monkeypatch):
    """By trial and by search, in parts of the samples, at any place of the stream; up to the end of its counter."""
    monkeypatch.setattr(first_use, "EVERY_SIZE", True)
    monkeypatch.setattr(compiled, "_PART", 100)
    results = []
    rng = np.random.default_rng(0)
    rates = nnlite.tensor(rng.choice([0.0, 3.0, 10.0, 15.5, 1e3, 1e6, 1e15], 40_001))
    counts = nnlite.tensor(rng.integers(0, 5000, 40_001).astype(float))
    chances = nnlite.tensor(rng.choice([0.0, 0.001, 0.3, 0.5, 0.9, 1.0], 40_001))
    for by_loop in (True, False):
        if not by_loop:
            monkeypatch.setattr(xp, "poisson_by_trial", lambda *args: None)
            monkeypatch.setattr(xp, "binomial_by_trial", lambda *args: None)
        g = nnlite.Generator().manual_seed(7)
        g.set_offset(place)
        results.append((nnlite.poisson(rates, g), nnlite.binomial(counts, chances, g), g.get_offset()))
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs))


def test_few_counts_stay_with_array_expressions(monkeypatch):
    monkeypatch.setattr(first_use, "EVERY_SIZE", False)
    monkeypatch.setattr(compiled, "load", None)
    assert nnlite.poisson(nnlite.full((100,), 50.0)).shape == (100,)
