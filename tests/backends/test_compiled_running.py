"""Compiled running results along axes whose neighbours lie apart, and running sums of exponentials."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.backends.kernels import GENERIC
from nnlite.backends.numpy import first_use, threads
from nnlite.backends.numpy.namespace import xp
from nnlite.backends.registry import tables

pytest.importorskip("numba")
compiled = pytest.importorskip("nnlite.backends.numpy.compiled.running")

SHAPES = [((7, 40), 0), ((3, 11, 5, 6), 1), ((200, 33), 0), ((1, 17), 0), ((4, 1, 20), 1)]
EXPONENTIALS = [*SHAPES, ((40, 7), 1), ((3, 900), 1), ((1,), 0), ((130, 100), 1), ((9, 50, 3), 1), ((10_001,), 0)]


@pytest.fixture(params=[1, 3])
def number_of_threads(request):
    before = threads.count()
    threads.set_count(request.param)
    yield request.param
    threads.set_count(before)


def numbers(shape, kind=np.float32, special=False):
    draw = np.random.default_rng(5)
    x = draw.integers(-3, 4, shape).astype(kind)
    if special:
        x[draw.random(shape) < 0.05] = np.nan
        x[draw.random(shape) < 0.2] = np.inf
        x[draw.random(shape) < 0.3] = -np.inf
    return x


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize(("shape", "axis"), SHAPES, ids=str)
def test_sums_and_products(shape, axis, kind, number_of_threads):
    x = numbers(shape, kind)
    np.testing.assert_array_equal(compiled.cumsum(x, axis=axis), np.cumsum(x, axis))
    np.testing.assert_array_equal(compiled.cumprod(x, axis=axis), np.cumprod(x, axis))
    assert compiled.cumsum(x, axis=axis).dtype == kind


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize(("shape", "axis"), SHAPES, ids=str)
def test_extremes(shape, axis, largest, special, number_of_threads):
    for kind in (np.float32, np.float64) if special else (np.float32, np.int64):
        x = numbers(shape, kind, special)
        expected = GENERIC["last_extreme"](xp, x, axis=axis, largest=largest)
        np.testing.assert_array_equal(compiled.last_extreme(x, axis=axis, largest=largest), expected)


@pytest.mark.parametrize("scale", [1, 100])
@pytest.mark.parametrize(("shape", "axis"), EXPONENTIALS, ids=str)
def test_sums_of_exponentials(shape, axis, scale, number_of_threads):
    x = (np.random.default_rng(2).standard_normal(shape) * scale).astype(np.float32)
    found = compiled.logcumsumexp(x, axis=axis)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.logaddexp.accumulate(x.astype(np.float64), axis), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("shape", "axis"), EXPONENTIALS, ids=str)
def test_sums_of_exponentials_of_what_is_not_finite(shape, axis):
    x = numbers(shape, special=True)
    for given in (x, np.where(np.isnan(x), 0, x), np.where(x == np.inf, -np.inf, x), np.full_like(x, -np.inf)):
        with np.errstate(invalid="ignore"):
            expected = np.logaddexp.accumulate(given, axis)
        np.testing.assert_allclose(compiled.logcumsumexp(given, axis=axis), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layout", ["transposed", "repeated"])
def test_strided_inputs(layout):
    x = numbers((30, 40))
    strided = x.T if layout == "transposed" else np.broadcast_to(x[:1], x.shape)
    for axis in (0, 1):
        expected = np.logaddexp.accumulate(strided, axis)
        np.testing.assert_allclose(compiled.logcumsumexp(strided, axis=axis), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(compiled.cumsum(strided, axis=0), np.cumsum(strided, 0))


@pytest.mark.parametrize("shape", [(300,), (5, 40), (2, 3, 1)], ids=str)
def test_gradient_of_products(shape, number_of_threads):
    draw = np.random.default_rng(4)
    x, g = (draw.uniform(0.8, 1.2, shape).astype(np.float32) * draw.choice([-1, 1], shape) for _ in range(2))
    x, g, axis = x.astype(np.float32), g.astype(np.float32), len(shape) - 1
    out = np.cumprod(x, axis, dtype=np.float32)
    found = compiled.cumprod_gradient(g, x, out, axis=axis)
    wide = (a.astype(np.float64) for a in (g, x, out))
    expected = GENERIC["cumprod_gradient"](xp, *wide, axis=axis)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    when = tables[np.ndarray].overrides_["cumprod_gradient"].when
    large = np.ones((64, 64), np.float32)
    assert when(large, large, large, axis=1)
    assert not when(large, np.eye(64, dtype=np.float32), large, axis=1)


def test_the_functions_use_them(monkeypatch):
    module, ran = first_use.load("running"), []
    for name in ("sums", "extremes", "log_sums"):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, name=name, real=real: ran.append(name) or real(*a))
    monkeypatch.setattr(first_use, "EVERY_SIZE", False)
    before = threads.count()
    threads.set_count(1)
    try:
        x = nnlite.randn(128, 128)
        for part in (x, x[:31]):
            part.cumsum(0), part.cumprod(0), part.cummin(0), part.logcumsumexp(0)
    finally:
        threads.set_count(before)
    assert ran == ["sums", "sums", "extremes", "log_sums"]


def test_empty_and_refused():
    when = tables[np.ndarray].overrides_["logcumsumexp"].when
    assert not when(np.zeros((0, 4), np.float32), axis=0)
    assert not when(np.zeros((100, 100), np.float64), axis=0)
    assert nnlite.zeros(0, 4).logcumsumexp(0).shape == (0, 4)
