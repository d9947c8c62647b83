"""Compiled reading and reducing at index arrays beside NumPy's: layouts, dtypes, threads, wrong positions."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.backends.kernels import KernelTable
from nnlite.backends.numpy import first_use, positions, threads
from nnlite.backends.registry import tables

pytest.importorskip("numba")
indexing = pytest.importorskip("nnlite.backends.numpy.compiled.indexing")

UFUNCS = [np.add, np.multiply, np.maximum, np.minimum]
N = 1500


@pytest.fixture
def count(number_of_threads, monkeypatch):
    """Every size, shared out from one value on."""
    monkeypatch.setattr(first_use, "EVERY_SIZE", True)
    monkeypatch.setattr(indexing, "GRAIN", 1)
    return number_of_threads


@pytest.fixture
def taken(monkeypatch) -> list[bool]:
    """What the compiled code said to each reduction that it was offered."""
    said: list[bool] = []
    monkeypatch.setattr(positions, "offered", [lambda *a: said.append(indexing.reduce_at(*a)) or said[-1]])
    return said


def draws(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def numbers(shape, kind, rng):
    """Small integers, whose sums are exact in any dtype."""
    a = rng.integers(-3, 4, shape).astype(kind)
    return a + 1j * rng.integers(-3, 4, shape) if a.dtype.kind == "c" else a


def indices(shape, rng):
    """Rows, slices of an inner axis, single elements by an array for each axis, grids, neighbouring axes."""
    n, m, k = shape
    yield (rng.integers(-n, n, N),)
    yield (rng.integers(0, n, (N // 3, 3)).astype(np.int32),)
    yield slice(None), rng.integers(-m, m, N)
    yield slice(None), slice(None), rng.integers(0, k, N)
    yield tuple(rng.integers(-size, size, N) for size in shape)
    yield rng.integers(0, n, N), rng.integers(0, m, N)
    yield slice(None), rng.integers(0, m, N), rng.integers(-k, k, N)
    yield rng.integers(-n, n, (N // 30, m, k)), np.arange(m)[:, None], np.arange(k)
    yield np.arange(n)[:, None, None], rng.integers(-m, m, (n, N // 30, k)), np.arange(k)
    yield np.arange(n)[:, None, None], np.arange(m)[:, None], rng.integers(-k, k, (n, m, N // 30))
    yield np.arange(n)[::-1, None, None], np.arange(m)[:, None], rng.integers(0, k, (n, m, N // 30))
    yield np.zeros((n, 1, 1), np.int64), np.arange(m)[:, None], rng.integers(0, k, (n, m, N // 30))


LAYOUTS = {
    "contiguous": lambda x: x,
    "transposed": lambda x: x.transpose(2, 1, 0).copy().transpose(2, 1, 0),
    "every second": lambda x: np.repeat(x, 2, axis=0)[::2],
}


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64, np.complex64])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(7, 5, 4), (6, 3, 33), (40, 2, 1)])
def test_reductions_are_those_of_numpy(shape, layout, kind, count, taken):
    rng = draws()
    for index in indices(shape, rng):
        for ufunc in UFUNCS:
            x = numbers(shape, kind, rng)
            values = numbers(x[index].shape, kind, rng)
            if ufunc is np.multiply:  # of many factors: 1 and -1 keep the product in range
                values = np.sign(values) + (values == 0) if kind is not np.complex64 else values / np.abs(values + 9)
            if kind is np.complex64 and ufunc is not np.add:
                continue
            mine, theirs = (LAYOUTS[layout](x.copy()) for _ in range(2))
            positions.scatter(ufunc, mine, index, values)
            ufunc.at(theirs, index, values)
            np.testing.assert_array_equal(mine, theirs)
    assert taken and all(taken)


def test_values_are_broadcast(count, taken):
    rng = draws()
    where, values = rng.integers(0, 9, N), rng.integers(0, 9, 4).astype(np.float32)
    mine, theirs = np.zeros((9, 4), np.float32), np.zeros((9, 4), np.float32)
    positions.scatter(np.add, mine, where, np.broadcast_to(values, (N, 4)))
    np.add.at(theirs, where, values)
    np.testing.assert_array_equal(mine, theirs)
    assert all(taken)


@pytest.mark.parametrize("ufunc", [np.maximum, np.minimum, np.add, np.multiply])
def test_not_a_number_and_infinity(ufunc, count, taken):
    """On either side, as NumPy has it; neighbours keep their values."""
    rng = draws()
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, 2.0], np.float32)
    x, values = rng.choice(special, (50, 20)), rng.choice(special, (N, 20))
    for index in ((rng.integers(0, 50, N),), (rng.integers(0, 50, (N, 20)), np.arange(20))):
        mine, theirs = x.copy(), x.copy()
        with np.errstate(invalid="ignore"):
            positions.scatter(ufunc, mine, index, values)
            ufunc.at(theirs, index, values)
        np.testing.assert_array_equal(mine, theirs)
    assert all(taken)


@pytest.mark.parametrize("width", [1, 8, 40])
def test_the_same_bits_with_any_number_of_threads(width, monkeypatch):
    """The numbers at one position are added up in their order."""
    monkeypatch.setattr(indexing, "GRAIN", 1)
    rng = draws()
    where, values = rng.integers(0, 300, 20_000), rng.standard_normal((20_000, width), np.float32)
    results = []
    before = threads.count()
    for n in (1, 2, 5):
        threads.set_count(n)
        out = np.zeros((300, width), np.float32)
        positions.scatter_add(out, where, values)
        results.append(out)
    threads.set_count(before)
    one_by_one = np.zeros((300, width), np.float32)
    np.add.at(one_by_one, where, values)
    for out in results:
        np.testing.assert_array_equal(out, one_by_one)


@pytest.mark.parametrize("wrong", [9, -10])
def test_a_position_that_does_not_exist(wrong, count):
    """Nothing is written outside of the array, even where nobody checked the index before."""
    where = np.zeros(N, np.int64)
    where[700] = wrong
    table: KernelTable = tables[np.ndarray]
    guarded = np.zeros((11, 3), np.float32)
    for index, shape in (((where,), (N, 3)), ((where[:, None].repeat(3, 1), np.arange(3)), (N, 3))):
        with pytest.raises(IndexError, match=f"index {wrong} is out of bounds"):
            positions.scatter(np.add, guarded[1:-1], index, np.ones(shape, np.float32))
    square = np.zeros((9, N), np.float32)
    with pytest.raises(IndexError, match=f"index {wrong} is out of bounds"):
        table.take_along_axis(square, where[None], axis=0)
    with pytest.raises(IndexError, match=f"index {wrong} is out of bounds"):
        table.put_along_axis(square[:1], where[None], axis=0, shape=(9, N))
    assert not guarded[[0, -1]].any()


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64, np.int32, np.complex64])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_along_an_axis(axis, kind, count):
    rng = draws(axis)
    x = numbers((20, 30, 7), kind, rng)
    shape = [15, 25, 6]
    shape[axis] = 40
    where = rng.integers(-x.shape[axis], x.shape[axis], shape)
    table: KernelTable = tables[np.ndarray]
    cut = x[tuple(slice(None) if i == axis else slice(n) for i, n in enumerate(shape))]
    expected = np.take_along_axis(cut, where, axis)
    for layout in LAYOUTS.values():
        np.testing.assert_array_equal(table.take_along_axis(layout(x), layout(where), axis=axis), expected)
    np.testing.assert_array_equal(table.take_along_axis(x, where.astype(np.int32), axis=axis), expected)
    backwards = x[::-1, :, ::-1]
    np.testing.assert_array_equal(table.take_along_axis(backwards[::-1, :, ::-1], where, axis=axis), expected)
    g = numbers(shape, kind, rng)
    want = np.zeros_like(x)
    grid = [np.arange(n).reshape([-1 if i == k else 1 for i in range(3)]) for k, n in enumerate(shape)]
    grid[axis] = where
    np.add.at(want, tuple(grid), g)
    for layout in LAYOUTS.values():
        np.testing.assert_array_equal(table.put_along_axis(layout(g), where, axis=axis, shape=x.shape), want)


def test_expanded_and_read_only_arrays(count):
    """What is repeated along an axis is not copied for it, and what may not be written to can be read."""
    rng = draws()
    column = rng.standard_normal((50, 1)).astype(np.float32)
    column.flags.writeable = False
    wide, where = np.broadcast_to(column, (50, 40)), rng.integers(0, 50, (60, 40))
    where.flags.writeable = False
    table: KernelTable = tables[np.ndarray]
    np.testing.assert_array_equal(table.take_along_axis(wide, where, axis=0), np.take_along_axis(wide, where, 0))
    compiled = len(first_use.load("indexing").take_along.signatures)
    table.take_along_axis(wide.copy(), where.copy(), axis=0)
    assert len(first_use.load("indexing").take_along.signatures) == compiled


def test_values_that_share_memory_with_the_target(count):
    """The values are those from before the call."""
    x = np.arange(3000, dtype=np.float32)
    where = np.roll(np.arange(3000), 1)
    expected = x.copy()
    np.add.at(expected, where, x.copy())
    positions.scatter(np.add, x, where, x)
    np.testing.assert_array_equal(x, expected)


def test_no_wider_type(count):
    """float32 stays float32: a sum that float64 would keep exact is rounded as float32 rounds it."""
    x = np.full((1, 3), 2.0**24, np.float32)
    positions.scatter_add(x, np.zeros(2048, np.int64), np.ones((2048, 3), np.float32))
    np.testing.assert_array_equal(x, 2.0**24)


@pytest.mark.parametrize("kind", [nnlite.float16, nnlite.bfloat16])
def test_16_bits_are_summed_in_32(kind, count):
    """4096 ones: in 16 bits the sum would stop at 2048, or at 256."""
    x = nnlite.zeros(2, 3, dtype=kind)
    x.index_add_(0, nnlite.zeros(4096, dtype=nnlite.int64), nnlite.ones(4096, 3, dtype=kind))
    assert x[0].tolist() == [4096.0] * 3


@pytest.mark.parametrize("reduce", ["sum", "mean", "prod", "amax", "amin"])
def test_gradients(reduce, count):
    """Of a reduction and a gather, in float64 by differences."""
    rng = draws()
    x, src = (nnlite.tensor(rng.standard_normal((4, 5)), requires_grad=True) for _ in range(2))
    where = nnlite.tensor(rng.integers(0, 4, (4, 5)))
    assert nnlite.autograd.gradcheck(lambda x, src: x.scatter_reduce(0, where, src, reduce), (x, src))
    assert nnlite.autograd.gradcheck(lambda x: x.gather(0, where), (x,))


def test_small_arrays_stay_with_numpy(monkeypatch, taken):
    monkeypatch.setattr(first_use, "EVERY_SIZE", False)
    table: KernelTable = tables[np.ndarray]
    where, x = np.zeros((5, 4), np.int64), np.zeros((5, 4), np.float32)
    assert not table.overrides_["take_along_axis"].when(x, where, axis=0)
    assert not table.overrides_["put_along_axis"].when(x, where, axis=0, shape=x.shape)
    positions.scatter(np.add, x, (np.zeros(2000, np.int64),), np.zeros((2000, 4), np.float32))
    assert taken == [False]
