"""Parts of compiled kernels in threads that wait in machine code: results, memory, errors."""

from __future__ import annotations

import gc
import importlib
import weakref
from typing import Any

import numpy as np
import pytest

from nnlite.backends.kernels import KernelTable
from nnlite.backends.numpy import first_use
from nnlite.backends.registry import tables

pytest.importorskip("numba")
team = pytest.importorskip("nnlite.backends.numpy.compiled.team")
native = importlib.import_module("nnlite.backends.numpy.compiled.native")
workspace = importlib.import_module("nnlite.backends.numpy.compiled.workspace").workspace
if not native.layouts_fit():
    pytest.skip("this Python lays out its objects in another way: threads.py shares out", allow_module_level=True)

# ---------------------------------------------------------------------------------------------------------------------
# Results


def numbers(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape, np.float32)


IMAGES, KERNELS, ROWS, LONG = numbers(7, 16, 20, 18), numbers(24, 16, 3, 3), numbers(300, 200), numbers(5000)
SIZE = 6144
STEP = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
STEPS = {**STEP, "stride": (2, 2)}
WINDOWS = {"out": (10, 9), "kernel": (3, 3), "stride": (2, 2), "padding": (1, 1), "dilation": (1, 1)}
AFFINE = {"rows": 300, "affine": (200,), "eps": 1e-5, "centred": True, "title": ""}
CASES: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = [
    ("products", "matmul", (ROWS, numbers(200, 260)), {}),
    ("products", "matmul", (ROWS.T.copy().T, numbers(260, 200).T), {}),
    ("compiled.pointwise", "silu", (LONG,), {}),
    ("compiled.pointwise", "silu_backward", (LONG, LONG), {}),
    ("compiled.rows", "softmax", (ROWS,), {"axis": -1}),
    ("compiled.running", "cumsum", (ROWS,), {"axis": 1}),
    ("compiled.normalization", "row_norm", (ROWS, ROWS[0], ROWS[1]), AFFINE),
    ("compiled.normalization", "batch_norm", (IMAGES, ROWS[0, :16], ROWS[1, :16]), {"eps": 1e-5}),
    ("compiled.normalization", "batch_norm", (ROWS, ROWS[0], ROWS[1]), {"eps": 1e-5}),
    ("compiled.pooling", "max_pool_values", (IMAGES,), WINDOWS),
    ("compiled.convolution", "convolution", (IMAGES, KERNELS, ROWS[0, :24]), STEP),
    ("compiled.convolution", "convolution", (IMAGES, KERNELS, None), STEPS),
    ("compiled.convolution", "convolution_input", (numbers(7, 24, 20, 18), KERNELS), {**STEP, "sizes": (20, 18)}),
    ("compiled.convolution", "convolution_weight", (IMAGES, numbers(7, 24, 20, 18)), {**STEP, "kernel": (3, 3)}),
    ("compiled.convolution", "convolution_weight", (IMAGES, numbers(7, 24, 10, 9)), {**STEPS, "kernel": (3, 3)}),
]


@pytest.fixture
def parts(monkeypatch) -> list[int]:
    """How many parts were made, of each that was shared out; there is little work for each."""
    made = []

    def counted(items, body, grain=1):
        ranges = []
        team.share(items, lambda a, b: (ranges.append((a, b)), body(a, b))[1], grain)
        made.append(len(ranges))

    for name in ("pointwise", "rows", "running", "normalization", "pooling", "convolution", "products"):
        module = importlib.import_module(f"nnlite.backends.numpy.compiled.{name}")
        monkeypatch.setattr(module, "share", counted)
        monkeypatch.setattr(module, "GRAIN", 64, raising=False)
    return made


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(("file", "name", "arrays", "options"), CASES, ids=[f"{c[1]}{i}" for i, c in enumerate(CASES)])
def test_agrees_with_numpy(file, name, arrays, options, count, parts, thread_count):
    thread_count(count)
    run = getattr(importlib.import_module(f"nnlite.backends.numpy.{file}"), name)
    wide = [a if a is None else a.astype(np.float64) for a in arrays]
    expected = getattr(KernelTable(tables[np.ndarray].backend_), name)(*wide, **options)
    for _ in range(3):
        found = run(*arrays, **options)
        for mine, right in zip(*[r if isinstance(r, tuple) else (r,) for r in (found, expected)], strict=True):
            np.testing.assert_allclose(mine, right, rtol=1e-4, atol=1e-5 * np.abs(right).max())
    assert max(parts, default=1) == count or file == "products"  # which some processors leave to BLAS


def test_every_part_is_done_once(descent, thread_count):
    for count in (1, 3, 2, 4, 1, 2):  # threads that are not needed sleep
        thread_count(count)
        for items, grain in ((0, 1), (1, 1), (1, 100), (5, 2), (7, 1), (100, 99), (100, 100)):
            p, ranges = np.zeros(items, np.float32), []
            team.share(items, lambda a, b, p=p, ranges=ranges: (ranges.append((a, b)), descent(p, a, b)), grain)
            assert (p == -1).all()
            assert len(ranges) == min(count, -(-items // grain))
            assert sorted(place for a, b in ranges for place in range(a, b)) == list(range(items))


def test_arrays_that_a_body_makes_live_as_long_as_they_are_needed(thread_count):
    thread_count(3)
    made, out = [], np.zeros(SIZE, np.float32)
    keep = first_use.load("pointwise").leaky_relu

    def body(start, stop):
        x = np.full(stop - start, float(start), np.float32)
        made.append(weakref.ref(x))
        keep(x, out[start:stop], 0, len(x), np.float32(1))
        del x
        np.full(stop - start, 77, np.float32)  # would take the same memory

    for _ in range(100):
        team.share(SIZE, body, 256)
        assert np.unique(out).tolist() == [0, SIZE // 3, 2 * SIZE // 3]
    gc.collect()
    assert not any(each() is not None for each in made)


def test_each_part_has_workspace_of_its_own(thread_count):
    thread_count(3)
    mine, seen = workspace("of a test", 10), []
    team.share(3, lambda a, b: seen.append(workspace("of a test", 10)))
    places = [each.__array_interface__["data"][0] for each in (mine, workspace("of a test", 5), *seen)]
    assert places[0] == places[1] == places[4]  # the caller's own part comes last
    assert len(set(places)) == 3


def test_shared_within_shared(descent, thread_count, shared):
    thread_count(3)
    p = np.zeros(SIZE, np.float32)
    team.share(SIZE, lambda a, b: team.share(b - a, lambda i, j: descent(p, a + i, a + j), 16), 256)
    assert (p == -1).all()
    shared(3)


# ---------------------------------------------------------------------------------------------------------------------
# What goes wrong


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_a_body_that_raises(bad, descent, thread_count, shared):
    thread_count(3)
    p = np.zeros(SIZE, np.float32)

    def body(start, stop):
        descent(p, start, stop)
        if start == bad * SIZE // 3:
            raise ValueError("half-way")

    for _ in range(20):
        before = p.copy()
        with pytest.raises(ValueError, match="half-way"):
            team.share(SIZE, body, 256)
        third = slice(bad * SIZE // 3, (bad + 1) * SIZE // 3)
        assert (p[third] == before[third] - (bad == 0)).all()  # a part of a helper counts as a whole
        assert (p[third.stop :] == before[third.stop :] - 1).all()
        shared(3)


def test_arguments_and_numbers_of_calls(descent, thread_count, shared):
    thread_count(2)
    p = np.zeros(SIZE, np.float32)
    with pytest.raises(RuntimeError, match="calls too many kernels"):
        team.share(SIZE, lambda a, b: [descent(p, a, b) for _ in range(10_000)], 256)
    with pytest.raises(TypeError, match="got str"):
        team.share(SIZE, lambda a, b: descent(p, a, "b"), 256)
    shared(2)


def test_a_kernel_that_fails(descent, thread_count, monkeypatch, shared):
    from nnlite.backends.numpy.compiled.kernels.jit import exact

    def refuse(x, limit, start, stop):
        for i in range(start, stop):
            if i == limit:
                raise ValueError
            x[i] += 1

    monkeypatch.setattr(native, "_function", lambda file, name: exact(refuse))
    monkeypatch.setattr(native, "_keep", lambda *about: None)
    thread_count(3)
    run, x = native.Kernel("rows", "refuse"), np.zeros(999, np.float32)
    for limit, text in ((0, "rows.refuse.* failed"), (400, "in a thread that helped"), (998, "in a thread")):
        with pytest.raises(RuntimeError, match=text):
            team.share(999, lambda a, b, limit=limit: run(x, limit, a, b), 100)
        shared(3)
    assert (x[:333] == 2).all()
