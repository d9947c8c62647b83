"""Products of matrices in compiled code beside NumPy's in float64: edges, layouts, what is added, threads, sizes."""

from __future__ import annotations

import ctypes
import itertools

import numpy as np
import pytest

import nnlite
from nnlite.backends.numpy import products as shared

pytest.importorskip("numba")
products = pytest.importorskip("nnlite.backends.numpy.compiled.products")

if not products._suits():
    pytest.skip("the kernel is for processors with AVX-512", allow_module_level=True)

SIZES = [1, 2, 3, 5, 6, 7, 13, 16, 17, 25, 31, 32, 33, 48, 63, 64, 65, 97, 130, 257, 300, 530]
GUARD = np.float32(7)


@pytest.fixture
def taken(number_of_threads, monkeypatch):
    """Products of any size, shared out to so many threads."""
    monkeypatch.setattr(products, "EVERY_SIZE", True)
    monkeypatch.setattr(products, "_WORTH_SHARING", 1)
    return number_of_threads


def matrix(rows, columns, layout, seed=0):
    """Numbers by rows, by columns, or as a part of something larger."""
    x = np.random.default_rng([seed, rows, columns]).standard_normal((rows + 2, columns + 3), dtype=np.float32)
    part = x[1:-1, 2:-1]
    return {"rows": np.ascontiguousarray(part), "columns": np.asfortranarray(part), "part": part,
            "turned part": np.asfortranarray(x)[1:-1, 2:-1]}[layout]  # fmt: skip


LAYOUTS = ["rows", "columns", "part", "turned part"]


def check(found, x, y, added=0.0):
    """Within what float32 sums of so many products may be wrong by."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    bound = 6e-8 * (abs(x) @ abs(y) * (2 + np.sqrt(x.shape[1])) + 2 * abs(added))
    assert found.dtype == np.float32
    assert (abs(found - (x @ y + added)) <= bound).all()


def shapes():
    """Every size in each place, with others at random."""
    draw = np.random.default_rng(0)
    for size, place in itertools.product(SIZES, range(3)):
        shape = [int(n) for n in draw.choice(SIZES, 3)]
        shape[place] = size
        yield tuple(shape)


@pytest.mark.parametrize("shape", list(shapes()), ids=str)
def test_edges(shape, taken):
    rows, columns, depth = shape
    seed = sum(shape)
    x = matrix(rows, depth, LAYOUTS[seed % 2], 1)
    y = matrix(depth, columns, LAYOUTS[seed // 2 % 2], 2)
    check(products.multiply(x, y), x, y)


@pytest.mark.parametrize("layouts", list(itertools.product(LAYOUTS, LAYOUTS)), ids=" times ".join)
@pytest.mark.parametrize("shape", [(20, 133, 70), (67, 64, 300), (1003, 97, 611)], ids=str)
def test_layouts(shape, layouts, taken):
    rows, columns, depth = shape
    x, y = matrix(rows, depth, layouts[0], 1), matrix(depth, columns, layouts[1], 2)
    check(products.multiply(x, y), x, y)


@pytest.mark.parametrize("shape", [(1, 1, 1), (20, 133, 70), (67, 40, 600), (70, 300, 40), (5, 100, 260)], ids=str)
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_what_is_added(shape, layout, taken):
    rows, columns, depth = shape
    x, y = matrix(rows, depth, layout, 1), matrix(depth, columns, layout, 2)
    bias, before = matrix(1, columns, "rows", 3)[0], matrix(rows, columns, "rows", 4)
    check(products.multiply(x, y, None, bias), x, y, bias)
    out = before.copy()
    assert products.multiply(x, y, out, more=True) is out
    check(out, x, y, before)


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 33, 20), (65, 65, 260), (30, 70, 300)], ids=str)
def test_nothing_is_written_around_the_result(shape, taken):
    rows, columns, depth = shape
    around = np.full((rows + 2, columns + 5), GUARD)
    out = around[1:-1, 2:-3]
    x, y = matrix(rows, depth, "rows", 1), matrix(depth, columns, "rows", 2)
    assert products.multiply(x, y, out) is out
    check(out, x, y)
    out[:] = GUARD
    assert (around == GUARD).all()


def test_the_same_bits_with_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(products, "EVERY_SIZE", True)
    monkeypatch.setattr(products, "_WORTH_SHARING", 1)
    before = nnlite.get_num_threads()
    try:
        for rows, columns, depth in [(700, 90, 513), (65, 300, 128), (23, 200, 300), (12, 64, 17)]:
            for left, right in itertools.product(["rows", "columns"], repeat=2):
                x, y, results = matrix(rows, depth, left, 1), matrix(depth, columns, right, 2), []
                for threads in (1, 2, 3):
                    nnlite.set_num_threads(threads)
                    results.append(products.multiply(x, y))
                assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()
    finally:
        nnlite.set_num_threads(before)


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_what_is_not_a_number_stays_in_its_row_or_column(layout, taken):
    x, y = matrix(40, 300, layout, 1), matrix(300, 100, layout, 2)
    x[3, 5], x[20, 280], y[7, 99], y[299, 1] = np.nan, np.inf, -np.inf, np.nan
    with np.errstate(invalid="ignore"):
        expected = x.astype(np.float64) @ y.astype(np.float64)
    found = products.multiply(x, y)
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert np.array_equal(np.isposinf(found), np.isposinf(expected))
    assert np.array_equal(np.isneginf(found), np.isneginf(expected))
    finite = np.isfinite(expected)
    np.testing.assert_allclose(found[finite], expected[finite], rtol=1e-4, atol=1e-4)


def test_numbers_that_stand_for_many(taken):
    """Rows and columns that are one again and again, as `expand` makes them."""
    x, y = matrix(1, 130, "rows", 1), matrix(130, 1, "columns", 2)
    wide, high = np.broadcast_to(x, (50, 130)), np.broadcast_to(y, (130, 70))
    check(products.multiply(wide, np.ascontiguousarray(high)), wide, high)
    check(products.multiply(np.ascontiguousarray(wide), high), wide, high)


@pytest.mark.parametrize("turned", list(itertools.product([False, True], repeat=2)), ids=str)
@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_by_address(turned, beta):
    """As BLAS is called."""
    whole, single, place = ctypes.c_int64, ctypes.c_float, ctypes.c_void_p
    kinds = [*[ctypes.c_int] * 3, *[whole] * 3, single, place, whole, place, whole, single, place, whole]
    sgemm = ctypes.CFUNCTYPE(None, *kinds)(products.sgemm())
    for rows, columns, depth in [(128, 128, 32), (128, 32, 128), (1, 1, 1), (37, 131, 300), (5, 64, 17)]:
        x, y = (matrix(*n, "columns" if t else "rows", 1) for n, t in
                zip([(rows, depth), (depth, columns)], turned, strict=True))  # fmt: skip
        out = matrix(rows, columns, "rows", 3)
        added = beta * out.astype(np.float64)
        sgemm(101, *(112 if t else 111 for t in turned), rows, columns, depth, 1.0, x.ctypes.data,
              rows if turned[0] else depth, y.ctypes.data, depth if turned[1] else columns, beta, out.ctypes.data,
              columns)  # fmt: skip
        check(out, x, y, added)


def test_what_is_left_to_blas(monkeypatch):
    monkeypatch.setattr(products, "EVERY_SIZE", False)
    x, y = matrix(128, 128, "rows", 1), matrix(128, 128, "rows", 2)
    assert products.multiply(x, y) is not None
    assert products.multiply(x[:8, :8], y[:8, :8]) is None
    assert products.multiply(x, y[:, :10]) is None
    assert products.multiply(x.astype(np.float64), y) is None
    assert products.multiply(x, y.astype(np.float64)) is None
    monkeypatch.setattr(products, "EVERY_SIZE", True)
    assert products.multiply(x[::2, ::2], y[:64]) is None
    assert products.multiply(x[:, :64], y[::2, ::2]) is None
    assert products.multiply(x, y[:100]) is None
    assert products.multiply(x[:0], y) is None
    assert products.multiply(x, y, x) is None
    assert products.multiply(x, y, None, np.zeros(128)) is None
    assert products.multiply(x, y, None, np.zeros(256, np.float32)[::2]) is None
    assert products.multiply(x, y, np.zeros((128, 128), np.float32).T) is None
    monkeypatch.setattr(products, "_suits", lambda: False)
    assert products.multiply(x, y) is None


def test_products_of_tensors_go_there(taken, monkeypatch):
    """A layer gives its bias along."""
    seen = []

    def spy(*arguments):
        seen.append(len(arguments))
        return products.multiply(*arguments)

    monkeypatch.setattr(shared, "fast", spy)
    monkeypatch.setattr(shared, "fast_from", 1)
    layer, x = nnlite.nn.Linear(96, 64), nnlite.randn(40, 96)
    out = layer(x)
    assert seen == [4]
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    check(out.detach().numpy(), x.numpy(), weight.T, bias)
    check((x @ layer.weight.detach().T).numpy(), x.numpy(), weight.T)
    assert len(seen) == 2
