"""Attention by cuDNN's graphs, with a stand-in for cuDNN that reads memory as it does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cudnn_on_host import Gpu, both, close, nnlite_dtype, normal, strict
from fake_cudnn import Candidate

from nnlite.backends import cuda, cudnn
from nnlite.backends.cupy.cudnn import attention, dropout, plans
from nnlite.backends.cupy.overrides import OVERRIDES
from nnlite.ops.attention import scaled_dot_product


@pytest.fixture
def small(monkeypatch):
    """Graphs are built for the first call of small shapes."""
    monkeypatch.setattr(attention, "LEAST", 0)
    monkeypatch.setattr(attention, "WORTH", 0)


def operands(dtype="float16", batch=2, heads=3, rows=10, keys=13, size=16, values=8, within=False):
    def make(length, width, seed):
        if not within:
            return normal(batch, heads, length, width, dtype=dtype, seed=seed)
        return normal(batch, length, heads, width, dtype=dtype, seed=seed).transpose(0, 2, 1, 3)

    return make(rows, size, 0), make(keys, size, 1), make(keys, values, 2)


SETTINGS = {"scale": 0.25, "causal": False, "dropout": 0.0, "seed": 0, "counter": 0}


def check_attention(q, k, v, mask, **changed):
    """Forward and backward beside the generic bodies; the results of cuDNN."""
    attributes = {**SETTINGS, **changed}
    got, expected = both("attention", q, k, v, mask, **attributes)
    close(got[0], expected[0])
    np.testing.assert_allclose(got[1].get(), expected[1].get(), rtol=2e-2, atol=2e-2)
    assert got[2] is None
    g = normal(*got[0].shape, dtype=q.dtype.name, seed=5)
    # Residuals of either go to the other.
    for out, sums in ((got[0], got[1]), expected[:2]):
        made, wanted = both("attention_gradient", g, q, k, v, mask, out, sums, None, **attributes, wanted=False)
        for one, other in zip(made[:3], wanted[:3], strict=True):
            close(one, other)
            assert not np.isnan(one.get().astype("float32")).any()
        assert made[3] is None
    return got[0], made


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("within", [False, True], ids=["heads apart", "heads within rows"])
def test_attention_is_that_of_the_generic_body(stand_in, small, dtype, causal, within):
    there = stand_in(candidates=[Candidate("first", workspace=64)])
    q, k, v = operands(dtype, within=within)
    out, made = check_attention(q, k, v, None, causal=causal)
    for result, like in ((out, q), *zip(made, (q, k, v), strict=False)):
        assert (result.strides[1] < result.strides[2]) is within
        assert result.strides[3] == like.strides[3]
    strides = [t.stride for t in there.frontend.setting.graphs[0].tensors if t.uid == attention.Q]
    assert strides == [[s // 2 for s in q.strides]], "queries are read where they lie"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("shape", [(1, 1, 10, 13), (2, 1, 1, 13), (1, 3, 10, 13), (2, 3, 10, 13), (2, 3, 1, 13)])
def test_masks(stand_in, small, dtype, shape):
    stand_in()
    q, k, v = operands(dtype)
    seen = np.random.default_rng(7).random(shape) < 0.7
    seen[..., 0] = True
    check_attention(q, k, v, strict.from_host(seen))
    numbers = np.where(seen, np.random.default_rng(8).standard_normal(shape), -np.inf)
    check_attention(q, k, v, strict.from_host(numbers.astype(nnlite_dtype(dtype))))


@pytest.mark.parametrize("kind", ["bool", "float16"])
def test_rows_that_see_nothing_are_zero_and_have_no_gradient(stand_in, small, kind):
    stand_in()
    q, k, v = operands()
    seen = np.ones((1, 1, 10, 13), bool)
    seen[:, :, 3] = False
    mask = seen if kind == "bool" else np.where(seen, 0, -np.inf).astype("float16")
    out, made = check_attention(q, k, v, strict.from_host(mask))
    assert not out.get()[:, :, 3].any()
    assert not made[0].get()[:, :, 3].any()


def test_a_mask_that_is_broadcast_along_the_keys(stand_in, small):
    stand_in()
    q, k, v = operands()
    mask = strict.xp.broadcast_to(normal(2, 1, 10, 1, dtype="float16"), (2, 1, 10, 13))
    check_attention(q, k, v, mask)


def test_operands_of_attention_that_cannot_be_read_are_copied(stand_in, small):
    stand_in()
    q, k, v = operands()
    odd = normal(2, 3, 10, 17, dtype="float16")[..., :16]
    moved = normal(2 * 3 * 13 * 16 + 3, dtype="float16")[3:].reshape(2, 3, 13, 16)
    repeated = strict.xp.broadcast_to(v[:, :1], v.shape)
    for arguments in ((odd, k, v), (q, moved, v), (q, k, repeated), (q.swapaxes(2, 3).copy().swapaxes(2, 3), k, v)):
        check_attention(*arguments, None)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("block", [1 << 18, 9 * 13 * 7, 4 * 5 * 13 * 7, 3 * 13 * 7 + 5, 40])
def test_dropout_draws_the_numbers_of_the_generic_body(stand_in, small, monkeypatch, causal, block):
    """With blocks of all scores; two batches and one; one batch; two heads and one; some rows."""
    stand_in()
    monkeypatch.setattr(dropout, "BLOCK", block)
    monkeypatch.setattr(scaled_dot_product, "BLOCK", block)
    monkeypatch.setattr(dropout, "MOST", 1000)
    q, k, v = operands(batch=5, heads=3, rows=7, keys=13)
    check_attention(q, k, v, None, causal=causal, dropout=0.3, seed=11, counter=5)


def test_dropout_with_a_mask(stand_in, small):
    stand_in()
    assert (dropout.BLOCK, dropout.STEP) == (scaled_dot_product.BLOCK, scaled_dot_product._WORDS)
    q, k, v = operands("bfloat16")
    seen = np.random.default_rng(7).random((1, 1, 10, 13)) < 0.7
    check_attention(q, k, v, strict.from_host(seen), dropout=0.5, seed=3)


def test_what_attention_refuses(stand_in, small, monkeypatch):
    there = stand_in()
    when = OVERRIDES["attention"].when
    q, k, v = operands()
    assert when(q, k, v, None, **SETTINGS)
    assert not when(q, k, v, None, **{**SETTINGS, "dropout": 1.0})
    assert not when(*operands("float32"), None, **SETTINGS)
    assert not when(*operands(rows=0), None, **SETTINGS)
    assert not when(*operands(size=0), None, **SETTINGS)
    with cudnn.flags(enabled=False):
        assert not when(q, k, v, None, **SETTINGS)
    before = cuda.cudnn_sdp_enabled()
    try:
        cuda.enable_cudnn_sdp(False)
        assert not when(q, k, v, None, **SETTINGS)
    finally:
        cuda.enable_cudnn_sdp(before)
    gradient = OVERRIDES["attention_gradient"].when
    out, sums, _ = OVERRIDES["attention"].function(Gpu(), q, k, v, None, **SETTINGS)
    assert gradient(out, q, k, v, None, out, sums, None, **SETTINGS, wanted=False)
    assert not gradient(out, q, k, v, None, out, sums, None, **SETTINGS, wanted=True)
    monkeypatch.setattr(attention, "LEAST", 2 * 3 * 10 * 13 + 1)
    assert not when(q, k, v, None, **SETTINGS)
    assert len(there.frontend.setting.graphs) == 2


def test_a_shape_is_compiled_when_it_has_come_often_enough(stand_in, small, monkeypatch):
    there = stand_in()
    scores = 2 * 3 * 10 * 13
    monkeypatch.setattr(attention, "WORTH", 3 * scores)
    when = OVERRIDES["attention"].when
    q, k, v = operands()
    assert [when(q, k, v, None, **SETTINGS) for _ in range(4)] == [False, False, True, True]
    assert [when(*operands(rows=9), None, **SETTINGS) for _ in range(4)] == [False, False, False, True]
    monkeypatch.setattr(plans, "KEPT", 1)
    assert not any(when(*operands(rows=n), None, **SETTINGS) for n in (7, 6) * 6), "only so many shapes are counted"
    assert len(there.frontend.setting.graphs) == 2


def test_attention_asks_for_the_same_bits_where_they_are_wanted(stand_in, small):
    there = stand_in()
    q, k, v = operands()
    check_attention(q, k, v, None)
    with cudnn.flags(enabled=True, deterministic=True):
        check_attention(q, k, v, None)
    graphs = there.frontend.setting.graphs
    assert [g.deterministic_attention for g in graphs if hasattr(g, "deterministic_attention")] == [False, True]


def test_lowest_numbers_are_finite_in_their_dtypes():
    for name, value in attention.LOWEST.items():
        assert math.isfinite(float(np.asarray(value, nnlite_dtype(name))))
