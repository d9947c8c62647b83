"""Compiled running sums, products, extremes and sums of exponentials beside NumPy's and the generic bodies."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.backends.kernels import GENERIC
from nnlite.backends.numpy import first_use
from nnlite.backends.numpy.namespace import xp
from nnlite.backends.registry import tables

pytest.importorskip("numba")
compiled = pytest.importorskip("nnlite.backends.numpy.compiled.running")

APART = [((7, 40), 0), ((3, 11, 5, 6), 1), ((200, 33), 0), ((1, 17), 0), ((4, 1, 20), 1)]
IN_ROWS = [(s, len(s) - 1) for s in [(1,), (1000,), (1, 300), (3, 1), (4, 7), (9, 100), (3, 5, 33)]]
EXPONENTIALS = [*APART, ((40, 7), 1), ((3, 900), 1), ((1,), 0), ((130, 100), 1), ((9, 50, 3), 1), ((10_001,), 0)]


@pytest.fixture
def parts(number_of_threads, monkeypatch):
    """So many threads share work from one number on."""
    monkeypatch.setattr(compiled, "GRAIN", 1)


def normal(shape, kind=np.float32):
    return (np.random.default_rng(len(shape)).standard_normal(shape) * 3).astype(kind)


def numbers(shape, kind=np.float32, special=False):
    """Whole numbers, many of them equal; and what is not finite."""
    draw = np.random.default_rng(5)
    x = draw.integers(-3, 4, shape).astype(kind)
    if special:
        x[draw.random(shape) < 0.05] = np.nan
        x[draw.random(shape) < 0.2] = np.inf
        x[draw.random(shape) < 0.3] = -np.inf
        x[draw.random(shape) < 0.1] = -0.0
    return x


def same_bits(mine, other):
    assert mine.dtype == other.dtype
    np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize(("shape", "axis"), [*APART, *IN_ROWS], ids=str)
def test_sums_and_products_have_the_bits_of_numpy(shape, axis, kind, parts):
    x = normal(shape, kind)
    for given in (x, x[..., ::-1], np.asfortranarray(x), numbers(shape, kind)):
        same_bits(compiled.cumsum(given, axis=axis), np.cumsum(given, axis))
        with np.errstate(over="ignore"):
            same_bits(compiled.cumprod(given, axis=axis), np.cumprod(given, axis))
    x.flags.writeable = False
    same_bits(compiled.cumsum(x, axis=axis), np.cumsum(x, axis))


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize(("shape", "axis"), [*APART, *IN_ROWS], ids=str)
def test_extremes_are_those_of_the_generic_body(shape, axis, kind, largest, parts):
    x = normal(shape, kind)
    for given in (x, np.sort(x, axis), np.zeros(shape, kind), numbers(shape, kind, special=kind is not np.int64)):
        expected = GENERIC["last_extreme"](xp, given, axis=axis, largest=largest)
        same_bits(compiled.last_extreme(given, axis=axis, largest=largest), expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_infinity_and_not_a_number_pass_through(axis, parts):
    x = np.array([[1, np.inf, 2, -np.inf, 3], [1, 2, np.nan, 4, 5], [0, np.inf, 1, 0, 1]], np.float32)
    with np.errstate(invalid="ignore"):
        same_bits(compiled.cumsum(x, axis=axis), np.cumsum(x, axis))
        same_bits(compiled.cumprod(x, axis=axis), np.cumprod(x, axis))


@pytest.mark.parametrize("scale", [1, 100])
@pytest.mark.parametrize(("shape", "axis"), EXPONENTIALS, ids=str)
def test_sums_of_exponentials(shape, axis, scale, parts):
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
@pytest.mark.parametrize("axis", [0, 1])
def test_strided_inputs(layout, axis):
    x = numbers((30, 40))
    strided = x.T if layout == "transposed" else np.broadcast_to(x[:1], x.shape)
    expected = np.logaddexp.accumulate(strided, axis)
    np.testing.assert_allclose(compiled.logcumsumexp(strided, axis=axis), expected, rtol=1e-5, atol=1e-5)
    same_bits(compiled.cumsum(strided, axis=axis), np.cumsum(strided, axis))


@pytest.mark.parametrize("shape", [(300,), (5, 40), (2, 3, 1)], ids=str)
def test_gradient_of_products(shape, parts):
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


def test_the_functions_use_them(noted, thread_count, monkeypatch):
    """From the size on at which they pay, which is larger along the last axis; not for smaller arrays."""
    ran = noted("running", "running", "extremes", "log_sums", "RUNNING_IN_ROWS", "EXTREMES_IN_ROWS")
    monkeypatch.setattr(first_use, "EVERY_SIZE", False)
    thread_count(1)
    x = nnlite.randn(128, 128)
    for part in (x, x[:31]):
        part.cumsum(0), part.cumprod(0), part.cummin(0), part.logcumsumexp(0)
    for part in (x, x[:127]):
        part.cumsum(1), part.cumprod(1), part.cummax(1)
    assert ran == ["running", "running", "extremes", "log_sums", *["RUNNING_IN_ROWS"] * 2, "EXTREMES_IN_ROWS"]


def test_empty_and_refused():
    overrides = tables[np.ndarray].overrides_
    assert not overrides["logcumsumexp"].when(np.zeros((0, 4), np.float32), axis=0)
    assert not overrides["logcumsumexp"].when(np.zeros((100, 100), np.float64), axis=0)
    takes = overrides["cumsum"].when
    assert takes(np.zeros((200, 200), np.int64), axis=0) and takes(np.zeros((200, 200), np.int64), axis=1)
    for array, axis in ((np.zeros((0, 4)), 0), (np.zeros((4, 0)), 1), (np.zeros((200, 200), np.int32), 0),
                        (np.zeros((4000, 15)), 0), (np.zeros((4000, 1)), 0)):  # fmt: skip
        assert not takes(array, axis=axis)
    assert nnlite.zeros(0, 4).logcumsumexp(0).shape == (0, 4)
