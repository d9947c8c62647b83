"""Max pooling, sums over windows, resampling and padding on CUDA."""

from __future__ import annotations

import numpy as np
import pytest
from on_emulator import ANY_KIND, check, generic, needs_compiler, numbers, run, taken

from nnlite.backends.cupy import pooling, windows
from nnlite.backends.cupy.launch import Gpu
from nnlite.ops.image._taps import taps

pytestmark = needs_compiler

# Sizes, kernel, stride, padding, dilation
GEOMETRIES = [
    ((8,), (2,), (2,), (0,), (1,)),
    ((9,), (3,), (1,), (1,), (1,)),
    ((2,), (2,), (1,), (3,), (5,)),  # a window without a number of the input
    ((7, 8), (2, 3), (2, 1), (1, 0), (1, 2)),
    ((6, 5), (3, 3), (2, 2), (1, 1), (1, 1)),
    ((5, 19), (1, 17), (1, 1), (0, 8), (1, 1)),
    ((20, 20), (17, 17), (1, 2), (0, 3), (1, 1)),  # more than 256 places
    ((4, 5, 6), (2, 2, 3), (2, 1, 3), (1, 0, 1), (1, 2, 1)),
]


def of(sizes, kernel, stride, padding, dilation):
    out = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )
    return {"out": out, "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}


ANY_GEOMETRY = pytest.mark.parametrize("sizes, geometry", [(g[0], of(*g)) for g in GEOMETRIES], ids=str)


@ANY_GEOMETRY
@ANY_KIND
def test_max_pooling(sizes, geometry, kind):
    x = np.round(numbers(kind, 2, 3, *sizes).astype(np.float64) * 2).astype(numbers(kind, 1).dtype)  # with equal ones
    for name in ("max_pool", "max_pool_values", "max_pool_indices"):
        results = check(name, x, kind=kind, **geometry)
        for one, other in zip(results, generic(name, x, **geometry), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_max_pooling_of_integers(dtype):
    x = np.random.default_rng(0).integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (3, 7, 5)).astype(dtype)
    geometry = of((7, 5), (3, 2), (2, 1), (1, 1), (1, 1))
    for one, other in zip(
        run("max_pool_indices", x, **geometry), generic("max_pool_indices", x, **geometry), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_numbers_that_are_not_finite():
    x = np.random.default_rng(0).choice([np.nan, np.inf, -np.inf, 0.0, 1.0], (4, 9, 9)).astype(np.float32)
    x[0] = -np.inf
    geometry = of((9, 9), (3, 3), (2, 2), (1, 1), (1, 1))
    results = check("max_pool", x, kind="float32", **geometry)
    np.testing.assert_array_equal(results[1], generic("max_pool", x, **geometry)[1])
    g = numbers("float32", *results[0].shape) * np.float32(np.inf)
    check("max_pool_scatter", g, results[1], kind="float32", sizes=(9, 9), **geometry)


@ANY_GEOMETRY
@ANY_KIND
def test_gradients_of_max_pooling(sizes, geometry, kind):
    x = numbers(kind, 2, 3, *sizes)
    values, where = run("max_pool", x, **geometry)
    g = numbers(kind, *values.shape, seed=1)
    # The generic body adds 16-bit numbers up in float32 too.
    check("max_pool_scatter", g, where, kind=kind, sizes=sizes, **geometry)
    (taken_back,) = check("max_pool_gather", x, where, kind=kind, **geometry)
    finite = np.isfinite(values.astype(np.float64))
    np.testing.assert_array_equal(taken_back[finite], values[finite])


def test_layouts_of_max_pooling():
    x = numbers("float32", 8, 10, 6)
    geometry = of((10, 6), (2, 2), (2, 2), (0, 0), (1, 1))
    for a in (x.transpose(0, 1, 2)[::2], x[::-1], x[:, ::-1], np.broadcast_to(x[:1], x.shape)):
        check("max_pool", a, kind="float32", **geometry)
    values, where = run("max_pool", x, **geometry)
    check("max_pool_scatter", values.copy()[::-1], where[::-1], kind="float32", sizes=(10, 6), **geometry)


def test_what_is_left_to_the_generic_body():
    geometry = of((4,), (2,), (2,), (0,), (1,))
    assert not taken("max_pool", np.zeros((0, 4), np.float32), **geometry)
    assert not taken("max_pool", np.zeros((2, 4), np.uint16), **geometry)
    huge = {**geometry, "dilation": (1 << 30,)}
    assert not taken("max_pool", np.zeros((2, 4), np.float32), **huge)


def test_elements_are_counted_in_64_bits_from_2_to_the_30_on():
    assert windows.counter(5, (1 << 30) - 1) == "int32"
    assert windows.counter(1 << 30, 5) == "int64"


@ANY_GEOMETRY
def test_64_bit_counts(sizes, geometry, monkeypatch):
    """The kernels that large arrays take give the same."""
    monkeypatch.setattr(pooling, "counter", lambda *sizes: "int64")
    x = numbers("float32", 2, 3, *sizes)
    values, where = check("max_pool", x, kind="float32", **geometry)
    check("max_pool_scatter", values, where, kind="float32", sizes=sizes, **geometry)


WINDOWS = [
    ((0, 2, 4), (2, 2, 1)),
    ((0, 0, 1, 3), (1, 2, 3, 2)),
    ((0, 1, 3, 4), (2, 3, 2, 1)),
    ((0, 3, 5), (5, 2, 0)),
    ((0, 0, 2, 5), (0, 1, 3, 0)),  # windows in the padding alone
    ((), ()),
]


@ANY_KIND
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("starts, counts", WINDOWS)
def test_sums_over_windows(starts, counts, axis, kind):
    shape = [3, 2, 4]
    shape[axis] = 5
    x = numbers(kind, *shape)
    (sums,) = check("window_sum", x, kind=kind, axis=axis, starts=starts, counts=counts)
    check("window_spread", sums, kind=kind, axis=axis, starts=starts, counts=counts, size=5)
    check("window_sum", x.T, kind=kind, axis=2 - axis, starts=starts, counts=counts)


def test_sums_of_integers():
    x = np.arange(24, dtype=np.int16).reshape(2, 12) * 1000
    (sums,) = run("window_sum", x, axis=1, starts=(0, 4, 8), counts=(4, 4, 4))
    np.testing.assert_array_equal(sums, x.reshape(2, 3, 4).sum(2, dtype=np.int16))


@ANY_KIND
@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear", "cubic"])
@pytest.mark.parametrize("n, out", [(5, 9), (9, 5), (4, 4), (1, 6), (6, 1)])
def test_resampling(mode, n, out, smooth, kind):
    if smooth and mode.startswith("nearest"):
        mode = "lanczos"
    plan = taps(mode, n, out, False, None, smooth, "float64" if kind == "float64" else "float32")
    x = numbers(kind, 2, n, 3)
    attributes = {"axis": 1, "title": "Upsample", "back": False}
    (result,) = check("resample", x, kind=kind, taps=plan, loose=4, **attributes)
    check("resample", result, kind=kind, taps=plan.transposed, loose=4, **attributes)


def test_resampling_takes_whole_numbers_where_they_are_only_moved():
    x = np.arange(10, dtype=np.uint8).reshape(2, 5)
    plan = taps("nearest", 5, 8, False, None, False, "float32")
    attributes = {"axis": 1, "taps": plan, "title": "Upsample", "back": False}
    np.testing.assert_array_equal(run("resample", x, **attributes)[0], generic("resample", x, **attributes)[0])
    linear = taps("linear", 5, 8, False, None, False, "float32")
    assert not taken("resample", x, **{**attributes, "taps": linear})


PADS = [((1, 2),), ((-1, 2),), ((2, -1), (0, 1)), ((1, 0), (0, 0), (2, 1)), ((-1, -1), (3, 0))]


@ANY_KIND
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("pads", PADS)
def test_padding(pads, mode, kind):
    x = numbers(kind, 2, 5, 4, 6)
    (padded,) = check("pad", x, kind=kind, pads=pads, mode=mode, value=0)
    # The generic body rounds 16-bit sums at each addition.
    loose = 4 if kind in ("float16", "bfloat16") else 1
    sizes = x.shape[4 - len(pads) :]
    check("pad_fold", padded, kind=kind, pads=pads, mode=mode, sizes=sizes, loose=loose)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
def test_padding_of_other_dtypes(dtype):
    x = (np.arange(20).reshape(4, 5) % 3).astype(dtype)
    attributes = {"pads": ((1, 2), (2, 0)), "mode": "reflect", "value": 0}
    (result,) = run("pad", x, **attributes)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, generic("pad", x, **attributes)[0])


def test_one_launch_each(monkeypatch):
    """Whatever the window, the mode and the number of taps."""
    started = []
    launch = Gpu.launch
    monkeypatch.setattr(Gpu, "launch", lambda gpu, *a, **k: (started.append(a[1]), launch(gpu, *a, **k))[1])
    x = numbers("float32", 2, 3, 9, 9)
    geometry = of((9, 9), (3, 3), (2, 2), (1, 1), (1, 1))
    _, where = run("max_pool", x, **geometry)
    run("max_pool_scatter", where.astype(np.float32), where, sizes=(9, 9), **geometry)
    run("window_sum", x, axis=3, starts=(0, 3, 6), counts=(3, 3, 3))
    run("pad", x, pads=((1, 1), (3, 3)), mode="reflect", value=0)
    assert started == ["max_pool", "max_pool_scatter", "sum_runs", "sum_runs", "sum_runs"]
