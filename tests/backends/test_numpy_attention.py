"""Attention on NumPy alone beside the generic body in float64: masks, layouts, tiles, threads, what is not a number."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite  # noqa: F401
from nnlite.backends.kernels import GENERIC
from nnlite.backends.numpy import attention as kernels
from nnlite.backends.numpy import xp

SHAPES = [
    # batches, heads, queries, keys, size, values, causal, mask
    (2, 3, 128, 128, 32, 32, True, None),
    (2, 2, 128, 128, 32, 32, False, None),
    (1, 1, 600, 1100, 16, 24, False, None),
    (1, 2, 530, 530, 8, 8, True, None),
    (1, 1, 70, 20, 5, 3, True, None),
    (1, 1, 20, 700, 5, 3, True, None),
    (1, 1, 1, 1, 1, 1, True, None),
    (2, 2, 33, 65, 7, 9, False, "added"),
    (2, 2, 33, 65, 7, 9, False, "added rows"),
    (2, 2, 33, 65, 7, 9, False, "added keys"),
    (2, 2, 33, 65, 7, 9, True, "added"),
    (1, 2, 40, 600, 7, 9, False, "shown"),
    (2, 2, 33, 65, 7, 9, False, "shown rows"),
]
RANDOM = {"dropout": 0.0, "seed": 0, "counter": 0}


def arrays(shape, dtype=np.float32):
    batches, heads, queries, keys, size, values, *_ = shape
    draw = np.random.default_rng(3).standard_normal
    sizes = [(queries, size), (keys, size), (keys, values), (queries, values)]
    return [draw((batches, heads, *each)).astype(dtype) for each in sizes]


def mask_of(shape):
    batches, heads, queries, keys, *_, kind = shape
    if kind is None:
        return None
    sizes = {"rows": (1, heads, queries, 1), "keys": (batches, 1, 1, keys)}
    draw = np.random.default_rng(4).standard_normal(sizes.get(kind.split()[-1], (1, heads, queries, keys)), np.float32)
    mask = draw > -0.5 if "shown" in kind else np.where(draw > 1, -np.inf, draw).astype(np.float32)
    if kind == "shown":
        mask[0, 0, 7] = False  # a row that sees nothing
    return mask


def both(forward, backward, q, k, v, g, mask, causal):
    """Output, logarithms of sums and gradients."""
    options = {"scale": 0.3, "causal": causal, **RANDOM}
    out, sums, weights = forward(q, k, v, mask, **options)
    return out, sums, *backward(g, q, k, v, mask, out, sums, weights, **options, wanted=False)[:3]


def generic(q, k, v, g, mask, causal):
    wide = [a.astype(np.float64) for a in (q, k, v, g)]
    if mask is not None and mask.dtype.kind == "f":
        mask = mask.astype(np.float64)

    def of(name):
        return lambda *args, **options: GENERIC[name](xp, *args, **options)

    return both(of("attention"), of("attention_gradient"), *wide, mask, causal)


def check(q, k, v, g, mask, causal):
    found = both(kernels.attention, kernels.attention_gradient, q, k, v, g, mask, causal)
    for one, other in zip(found, generic(q, k, v, g, mask, causal), strict=True):
        assert one.dtype == q.dtype
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=5e-6)
    return found


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("count", [1, 3])
def test_agrees_with_the_generic_body(shape, count, thread_count):
    thread_count(count)
    check(*arrays(shape), mask_of(shape), shape[6])


@pytest.mark.parametrize("tile", [1 << 8, 1 << 13])
def test_with_small_tiles(tile, monkeypatch):
    monkeypatch.setattr(kernels, "TILE", tile)
    monkeypatch.setattr(kernels, "ROWS", 16)
    monkeypatch.setattr(kernels, "_PADDED", 40)
    for shape in SHAPES:
        check(*arrays(shape), mask_of(shape), shape[6])


def test_heads_within_rows_stay_there():
    given = [np.ascontiguousarray(a.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3) for a in arrays(SHAPES[0])]
    out, _, *gradients = check(*given, None, True)
    assert all(a.strides[1] < a.strides[2] for a in (out, *gradients))


@pytest.mark.parametrize("factor", [30, 1e3])
def test_large_scores_are_shifted(factor):
    q, k, v, g = arrays(SHAPES[0], np.float64)
    q *= factor
    found = both(kernels.attention, kernels.attention_gradient, q, k, v, g, None, True)
    for one, other in zip(found, generic(q, k, v, g, None, True), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * factor)


def test_the_result_does_not_depend_on_the_number_of_threads(thread_count):
    found = []
    q, *others = arrays(SHAPES[0])
    q[0, 1] *= 1000  # one head needs a shift
    for count in (1, 2, 3):
        thread_count(count)
        found.append(both(kernels.attention, kernels.attention_gradient, q, *others, None, True))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_what_is_not_a_number_stays_in_its_row():
    q, k, v, _ = arrays(SHAPES[1])
    q[0, 0, 5, 0] = np.nan
    out, sums, _ = kernels.attention(q, k, v, None, scale=1.0, causal=False, **RANDOM)
    wrong = np.zeros(sums.shape, bool)
    wrong[0, 0, 5] = True
    np.testing.assert_array_equal(np.isnan(sums), wrong)
    np.testing.assert_array_equal(np.isnan(out).any(-1, keepdims=True), wrong)


def test_inputs_are_not_written():
    given = arrays(SHAPES[0])
    before = [a.copy() for a in given]
    both(kernels.attention, kernels.attention_gradient, *given, None, True)
    for a, b in zip(given, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_which_arguments_it_takes():
    q, k, v, _ = arrays(SHAPES[0])
    options = {"scale": 1.0, "causal": True, **RANDOM}
    assert kernels._takes(q, k, v, None, **options)
    assert not kernels._takes(q, k, v, None, **{**options, "dropout": 0.5})
    assert not kernels._takes(q[:, :, :2], k, v, None, **options)
    assert not kernels._takes(*(a.astype(np.float16) for a in (q, k, v)), None, **options)
    assert not kernels._takes(q[:1, :1], k[:1, :1], v[:1, :1], None, **options)
    assert not kernels._takes(q, k[:, :, :0], v[:, :, :0], None, **options)
