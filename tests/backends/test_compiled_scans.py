"""Compiled running sums, products and extremes beside NumPy's and the generic body."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.backends.kernels import GENERIC, KernelTable
from nnlite.backends.numpy import first_use, threads
from nnlite.backends.registry import tables

pytest.importorskip("numba")
scans = pytest.importorskip("nnlite.backends.numpy.compiled.scans")

SHAPES = [(1,), (1000,), (1, 300), (3, 1), (4, 7), (9, 100), (3, 5, 33)]


@pytest.fixture(params=[1, 3], ids=lambda n: f"{n} threads")
def table(request, monkeypatch) -> KernelTable:
    """The kernels of the CPU at every size, shared out to so many threads from one number on."""
    monkeypatch.setattr(first_use, "EVERY_SIZE", True)
    monkeypatch.setattr(scans, "GRAIN", 1)
    before = threads.count()
    threads.set_count(request.param)
    yield tables[np.ndarray]
    threads.set_count(before)


def of_shape(shape, kind) -> np.ndarray:
    rng = np.random.default_rng(len(shape))
    return (rng.standard_normal(shape) * 3).astype(kind)


def same_bits(mine: np.ndarray, other: np.ndarray) -> None:
    assert mine.dtype == other.dtype
    np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sums_and_products_have_the_bits_of_numpy(shape, kind, table):
    x = of_shape(shape, kind)
    for layout in (x, x[..., ::-1], np.asfortranarray(x)):
        same_bits(table.cumsum(layout, axis=x.ndim - 1), np.cumsum(layout, -1))
        with np.errstate(over="ignore"):
            same_bits(table.cumprod(layout, axis=x.ndim - 1), np.cumprod(layout, -1))
    x.flags.writeable = False
    same_bits(table.cumsum(x, axis=x.ndim - 1), np.cumsum(x, -1))


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_extremes_are_those_of_the_generic_body(shape, kind, largest, table):
    body = GENERIC["last_extreme"]
    rows = [of_shape(shape, kind), np.sort(of_shape(shape, kind)), np.zeros(shape, kind)]
    if kind is not np.int64:
        special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0], kind)
        rows.append(np.random.default_rng(0).choice(special, shape))
    for x in rows:
        axis = x.ndim - 1
        same_bits(table.last_extreme(x, axis=axis, largest=largest), body(np, x, axis=axis, largest=largest))


def test_infinity_and_not_a_number_pass_through(table):
    x = np.array([[1, np.inf, 2, -np.inf, 3], [1, 2, np.nan, 4, 5], [0, np.inf, 1, 0, 1]], np.float32)
    with np.errstate(invalid="ignore"):
        same_bits(table.cumsum(x, axis=1), np.cumsum(x, 1))
        same_bits(table.cumprod(x, axis=1), np.cumprod(x, 1))


def test_these_kernels_ran(monkeypatch):
    """From the size on at which they pay; not for other axes, nor for smaller arrays."""
    module, ran = first_use.load("scans"), []

    def noted(name, functions):
        return tuple(lambda *a, f=f: ran.append(name) or f(*a) for f in functions)

    monkeypatch.setattr(module, "RUNNING", noted("running", module.RUNNING))
    monkeypatch.setattr(module, "EXTREMES", noted("extremes", module.EXTREMES))
    monkeypatch.setattr(first_use, "EVERY_SIZE", False)
    before = threads.count()
    threads.set_count(1)
    try:
        x = nnlite.zeros(128, 128)
        for part in (x, x[:127]):
            part.cumsum(1), part.cumprod(1), part.cummax(1), part.cumsum(0)
    finally:
        threads.set_count(before)
    assert ran == ["running", "running", "extremes"]
