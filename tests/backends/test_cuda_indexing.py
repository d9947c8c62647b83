"""Reading, writing and adding up at positions on CUDA, and the gradient of embeddings."""

from __future__ import annotations

import numpy as np
import pytest
from on_emulator import ANY_KIND, KINDS, check, close, generic, needs_compiler, numbers, run, taken

from nnlite.backends import backend_for, deterministic
from nnlite.backends.cupy import indexing, positions
from nnlite.backends.cupy.checks import Record
from nnlite.backends.cupy.indexing import Scatter
from nnlite.backends.cupy.launch import Gpu
from nnlite.backends.strict import xp
from nnlite.backends.strict.array import from_host
from nnlite.backends.strict.emulator.build import Module

pytestmark = needs_compiler

BOTH = pytest.mark.parametrize("backwards", [False, True])
DTYPES = ["bool", "uint8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128"]


@pytest.fixture
def in_order(monkeypatch):
    """The same bits in every run are asked for."""
    monkeypatch.setattr(deterministic.mode, "on", True)


def gpu(backwards=False):
    return Gpu(xp, lambda text, label: Module(text, label, backwards))


def refuse(*args):
    raise AssertionError("left to the array library")


def scatter(backwards=False, other=refuse):
    return Scatter(gpu(backwards), other)


def any_of(dtype, *shape):
    x = np.random.default_rng(0).integers(0, 100, shape)
    return (x % 2 == 0) if dtype == "bool" else (x * (1 + 2j) if dtype.startswith("complex") else x).astype(dtype)


INDICES = {
    "rows": lambda: (np.array([2, 0, -1, 2]),),
    "a matrix": lambda: (np.array([[2, 0], [-5, 4]]),),
    "32 bits": lambda: (np.array([2, 0, 4], np.int32),),
    "second axis": lambda: (slice(None), np.array([3, 3, -4])),
    "two": lambda: (np.array([1, -1, 0]), np.array([3, 0, -1])),
    "two, broadcast": lambda: (np.array([[1], [-1]]), np.array([3, 0, -1])),
    "last two": lambda: (slice(None), np.array([1, 0]), np.array([-1, 5])),
    "three": lambda: (np.array([1, -1]), np.array([3, 0]), np.array([0, -6])),
    "none": lambda: (np.zeros(0, np.int64),),
}
ANY_INDEX = pytest.mark.parametrize("index", [make() for make in INDICES.values()], ids=list(INDICES))


def on_device(index):
    return tuple(from_host(part) if isinstance(part, np.ndarray) else part for part in index)


@ANY_INDEX
@pytest.mark.parametrize("dtype", DTYPES)
def test_reading(index, dtype):
    x = any_of(dtype, 5, 4, 6)
    (result,) = run("index", x, index=on_device(index))
    assert result.dtype == x.dtype
    np.testing.assert_array_equal(result, x[index])


@BOTH
@ANY_INDEX
@pytest.mark.parametrize("dtype", DTYPES)
def test_writing(index, dtype, backwards):
    if any(len(set(np.ravel(part) % 4)) < np.size(part) for part in index if isinstance(part, np.ndarray)):
        index = tuple(part[:1] if isinstance(part, np.ndarray) else part for part in index)  # a position once
    x, wanted = from_host(any_of(dtype, 5, 4, 6)), any_of(dtype, 5, 4, 6)
    values = any_of(dtype, *wanted[index].shape)[::-1]
    wanted[index] = values
    scatter(backwards).set_at(x, on_device(index), from_host(values))
    np.testing.assert_array_equal(x.get(), wanted)
    wanted[index] = 1
    scatter(backwards).set_at(x, on_device(index), 1)
    np.testing.assert_array_equal(x.get(), wanted)


@BOTH
@ANY_INDEX
@pytest.mark.parametrize("kind", [*KINDS, "int32", "int64"])
def test_adding(index, kind, backwards):
    values_of = any_of(kind, 5, 4, 6) if kind.startswith("int") else numbers(kind, 5, 4, 6)
    x, shape = from_host(values_of), values_of[index].shape
    values = any_of(kind, *shape) if kind.startswith("int") else numbers(kind, *shape, seed=1)
    wanted = values_of.astype(np.int64 if kind.startswith("int") else np.float64)
    np.add.at(wanted, index, values.astype(wanted.dtype))
    scatter(backwards).scatter_add(x, on_device(index), from_host(values))
    close([x.get()], [wanted.astype(values_of.dtype)], kind if kind in KINDS else "float64")
    scatter(backwards).scatter_add(x, on_device(index), 2)
    np.add.at(wanted, index, 2)
    close([x.get()], [wanted.astype(values_of.dtype)], kind if kind in KINDS else "float64", loose=2)


@ANY_KIND
@pytest.mark.parametrize(
    "count, size, row", [(1, 1, 1), (16, 3, 1), (17, 2, 3), (500, 1, 5), (700, 40, 2), (300, 999, 1)]
)
@pytest.mark.parametrize("lead", [1, 3])
def test_adding_in_order(count, size, row, lead, kind, in_order):
    """The same bits whatever the order of threads; runs within a chunk, over its end, and over many chunks."""
    where = np.random.default_rng(count).integers(-size, size, count)
    where[: count // 2] = where[0]
    values = numbers(kind, lead, count, row)
    results = []
    for backwards in (False, True):
        x = from_host(numbers(kind, lead, size, row, seed=2))
        scatter(backwards).scatter_add(x, (slice(None), from_host(where)), from_host(values))
        results.append(x.get())
    assert results[0].tobytes() == results[1].tobytes()
    wanted = numbers(kind, lead, size, row, seed=2).astype(np.float64)
    np.add.at(wanted, (slice(None), where), values.astype(np.float64))
    close(results[:1], [wanted.astype(values.dtype)], kind, loose=1 if values.itemsize == 2 else 20)


def test_16_bit_sums_lose_nothing_on_the_way():
    x = from_host(np.zeros(1, np.float16))
    scatter().scatter_add(x, from_host(np.zeros(5000, np.int64)), from_host(np.ones(5000, np.float16)))
    assert x.get()[0] == 5000  # where a sum in float16 ends at 2048


@pytest.mark.parametrize("x", [np.zeros((4, 6), np.float32).T, np.zeros(3, np.int8), np.zeros((0, 3), np.float32)])
def test_what_is_left_to_the_array_library(x):
    asked = []
    scatter(other=lambda *args: asked.append(args)).scatter_add(from_host(x).T.T, from_host(np.zeros(0, np.int64)), 1)
    assert len(asked) == (0 if x.flags.c_contiguous and x.size and x.dtype != np.int8 else 1)
    given = from_host(np.arange(6).reshape(2, 3))
    scatter().set_at(given.T, from_host(np.array([0])), 9)
    np.testing.assert_array_equal(given.get(), [[9, 1, 2], [9, 4, 5]])
    mask = from_host(np.array([True, False]))
    assert not taken("index", given.get(), index=(mask,))
    assert not taken("index", given.get(), index=(slice(1, None), from_host(np.array([0]))))


SHAPES = [((5,), (9,), 0), ((4, 5, 6), (4, 2, 6), 1), ((4, 5, 6), (7, 5, 6), 0), ((4, 5, 6), (4, 5, 1), 2)]


@pytest.mark.parametrize("shape, of_where, axis", SHAPES)
@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "complex128"])
def test_along_an_axis(shape, of_where, axis, dtype):
    x = any_of(dtype, *shape)
    where = np.random.default_rng(0).integers(-shape[axis], shape[axis], of_where)
    wanted = np.take_along_axis(x, where, axis)
    for a in (x, np.ascontiguousarray(x.T).T):
        np.testing.assert_array_equal(run("take_along_axis", a, where, axis=axis - len(shape))[0], wanted)
    index = scatter().along(from_host(where.astype(np.int32)), axis)
    assert isinstance(index, tuple)
    np.testing.assert_array_equal(run("index", x, index=index)[0], wanted)
    np.testing.assert_array_equal(run("index", x, index=index.copy())[0], wanted)
    (picked,) = run("pick", x, where, axis=axis, title="")
    np.testing.assert_array_equal(picked, wanted)


@pytest.mark.parametrize("by_kernel", [False, True])
def test_positions_along_an_axis_are_checked_for_a_function(by_kernel, monkeypatch):
    x, strict = numbers("float32", 3, 2), backend_for("strict")
    monkeypatch.setattr(strict, "record", Record(gpu(), strict) if by_kernel else None)
    run("take_along_axis", x, np.array([[2, 0]]), axis=0, function="gather")
    strict.synchronize()
    run("take_along_axis", x, np.array([[3, 0]]), axis=-2, function="gather")
    with pytest.raises(RuntimeError, match=r"gather\(\): index 3 is out of bounds for dimension with size 3"):
        strict.synchronize()
    run("take_along_axis", x, np.array([[-1, 0]]), axis=0, function="gather")
    with pytest.raises(RuntimeError, match=r"index -1 .*expected 0 to 2"):
        strict.synchronize()


@BOTH
@ANY_KIND
@pytest.mark.parametrize("shape, of_where, axis", SHAPES)
def test_adding_along_an_axis(shape, of_where, axis, kind, backwards):
    where = np.random.default_rng(0).integers(0, shape[axis], of_where)
    g = numbers(kind, *of_where)
    results = run("put_along_axis", g, where, axis=axis, shape=shape, backwards=backwards)
    close(results, generic("put_along_axis", g, where, axis=axis, shape=shape), kind, loose=4)
    x = from_host(np.zeros(shape, KINDS[kind]))
    scatter(backwards).scatter_add(x, scatter().along(from_host(where), axis), from_host(g))
    np.testing.assert_allclose(x.get().astype(float), results[0].astype(float), rtol=1e-5, atol=1e-5)


def test_positions_along_an_axis_are_worked_out_once_for_an_array(monkeypatch):
    started = []
    launch = Gpu.launch
    monkeypatch.setattr(Gpu, "launch", lambda gpu, *a, **k: (started.append(a[1]), launch(gpu, *a, **k))[1])
    index, x = scatter().along(from_host(np.array([[1, 0], [2, 2]])), 0), from_host(numbers("float32", 3, 2))
    scatter().scatter_add(x, index, 1)
    run("index", x.get(), index=index)
    assert started == ["along_places", "scatter", "gather"]
    other = numbers("float32", 7, 2)
    np.testing.assert_array_equal(run("index", other, index=index)[0], np.take_along_axis(other, index.where.get(), 0))
    run("index", other, index=index.copy())
    assert started.count("along_places") == 3


def test_placing_what_is_there_once():
    where = np.argsort(np.random.default_rng(0).standard_normal((3, 7, 4)), axis=1)[:, :5]
    g = numbers("float32", 3, 5, 4)
    check("place", g, where, kind="float32", axis=1, size=7)
    check("place", g[:0], where[:0], kind="float32", axis=-2, size=7)
    x = check("pick", numbers("float32", 3, 7, 4), where[:, :1], kind="float32", axis=1, title="", keepdims=False)[0]
    assert x.shape == (3, 4)


def test_positions_of_another_shape_go_the_other_way():
    x, where = np.zeros((4, 5), np.float32), np.zeros((2, 3), np.int64)
    assert not taken("take_along_axis", x, where, axis=1)
    index = scatter().along(from_host(where), 1)
    asked = []
    scatter(other=lambda *args: asked.append(args)).scatter_add(from_host(x), index, 1)
    assert type(asked[0][1]) is tuple and asked[0][1][1] is index.where
    given = from_host(x)
    scatter().set_at(given, index, 3)
    np.testing.assert_array_equal(given.get()[:, 0], [3, 3, 0, 0])


def test_out_of_range_stays_in_the_array():
    """A check has noted it; the kernels must not go elsewhere."""
    x = numbers("float32", 5, 3)
    for bad in ([5, -6, 1 << 40], [-(1 << 62), 7, 0]):
        where = np.array(bad)
        np.testing.assert_array_equal(run("index", x, index=on_device((where,)))[0], x[where % 5])
        target = from_host(x)
        scatter().scatter_add(target, from_host(where), 1)
        run("embedding_gradient", x[:3], where, rows=4, padding=None, by_frequency=True)


@BOTH
@pytest.mark.parametrize("kind", [*KINDS, "int32", "int64"])
@pytest.mark.parametrize("how", ["multiply", "maximum", "minimum"])
def test_reductions(how, kind, backwards):
    where = np.array([0, 3, 3, -1, 0, 0])
    make = numbers if kind in KINDS else any_of
    x, values = make(kind, 4, 3), make(kind, 6, 3)[::-1]
    if kind in KINDS and how != "multiply":
        values = values.copy()
        values[1, 1], values[2, 0] = np.nan, np.inf
    wanted = x.astype(np.float64 if kind in KINDS else np.int64)
    getattr(np, how).at(wanted, where, values.astype(wanted.dtype))
    index = (from_host(where),)
    results = run("reduce_index", x, values, index=index, kind=how, title="", backwards=backwards)
    close(results, [wanted.astype(x.dtype)], kind if kind in KINDS else "float64", loose=3)
    given = from_host(x)
    assert scatter(backwards).reduce_at(how, given, index, from_host(values))
    close([given.get()], results, kind if kind in KINDS else "float64", loose=3)


def test_products_in_order_are_left_to_the_generic_body(in_order):
    x, index = np.ones(4, np.float32), (from_host(np.array([0])),)
    assert not taken("reduce_index", x, x[:1], index=index, kind="multiply", title="")
    assert taken("reduce_index", x, x[:1], index=index, kind="maximum", title="")
    assert not scatter().reduce_at("multiply", from_host(x), index, from_host(x[:1]))


@BOTH
@pytest.mark.parametrize("count, size", [(1, 1), (31, 5), (257, 256), (1000, 70000), (5000, 3)])
def test_the_order_of_positions(count, size, backwards):
    places = np.random.default_rng(count).integers(0, size, count)
    keys, order = positions.in_order(gpu(backwards), from_host(places), size)
    wanted = np.argsort(places, kind="stable")
    np.testing.assert_array_equal(order.get(), wanted)
    np.testing.assert_array_equal(keys.get(), places[wanted])


def test_the_order_of_many_positions(monkeypatch):
    """Tiles grow where there would be too many."""
    monkeypatch.setattr(positions, "_MOST_TILES", 3)
    test_the_order_of_positions(1000, 300, False)


def test_64_bit_positions():
    places = np.array([1 << 40, 5, (1 << 40) - 1, 5, 1 << 33])
    keys, order = positions.in_order(gpu(), from_host(places), (1 << 40) + 1)
    np.testing.assert_array_equal(keys.get(), np.sort(places))
    np.testing.assert_array_equal(order.get(), [1, 3, 4, 2, 0])


@pytest.mark.parametrize("name", ["index", "scatter_add", "in order"])
def test_64_bit_counts(name, monkeypatch):
    """The kernels that large arrays take give the same."""
    monkeypatch.setattr(indexing, "counter", lambda *sizes: "int64")
    monkeypatch.setattr(positions, "counter", lambda *sizes: "int64")
    index = INDICES["last two"]()
    if name == "index":
        test_reading(index, "float32")
        test_along_an_axis((4, 5, 6), (4, 2, 6), 1, "float32")
    elif name == "scatter_add":
        test_adding(index, "float32", False)
    else:
        test_adding(index, "float16", False)


@ANY_KIND
@pytest.mark.parametrize("padding", [None, 0, 2])
@pytest.mark.parametrize("by_frequency", [False, True])
@pytest.mark.parametrize("shape", [(7,), (3, 50), (2, 0), ()])
def test_embeddings(shape, padding, by_frequency, kind, in_order):
    indices = np.random.default_rng(0).integers(0, 5, shape)
    attributes = {"padding": padding, "by_frequency": by_frequency}
    table = numbers(kind, 6, 3)
    (rows,) = check("embedding", table, indices, kind=kind, **attributes)
    np.testing.assert_array_equal(rows, table[indices])
    if not indices.size:
        return
    g = numbers(kind, *shape, 3, seed=1)
    check("embedding_gradient", g, indices, kind=kind, rows=6, loose=20, **attributes)


@BOTH
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("padding", [None, 1])
def test_gradients_of_embeddings_by_atomic_additions(padding, kind, backwards):
    indices = np.random.default_rng(0).integers(0, 5, (4, 30)).astype(np.int32)
    g = numbers(kind, 4, 30, 7)
    attributes = {"rows": 6, "padding": padding, "by_frequency": False}
    results = run("embedding_gradient", g, indices, backwards=backwards, **attributes)
    close(results, generic("embedding_gradient", g, indices, **attributes), kind, loose=20)


def test_launches(monkeypatch):
    """What is read and added up takes one launch where nothing has to be sorted."""
    started = []
    launch = Gpu.launch
    monkeypatch.setattr(Gpu, "launch", lambda gpu, *a, **k: (started.append(a[1]), launch(gpu, *a, **k))[1])
    table, indices = numbers("float32", 300, 4), np.arange(40) % 7
    run("embedding", table, indices, padding=None, by_frequency=False)
    run("embedding_gradient", table[:40], indices, rows=300, padding=None, by_frequency=False)
    run("take_along_axis", table, indices[:, None].repeat(4, 1), axis=0)
    assert started == ["gather", "scatter", "gather_along"]
    del started[:]
    run("embedding_gradient", table[:40].astype(np.float16), indices, rows=300, padding=None, by_frequency=False)
    sorting = ["count_digits", "move_by_digit"] * 2
    assert started == ["joined_places", *sorting, "add_runs", "add_long_runs"]
