"""Compiled attention beside the generic body in float64: masks, layouts, tiles, threads, what is not a number."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.backends.numpy import first_use

pytest.importorskip("numba")
compiled = pytest.importorskip("nnlite.backends.numpy.compiled.attention")

attend = nnlite.nn.functional.scaled_dot_product_attention

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
    (1, 2, 40, 600, 7, 9, False, "shown"),
    (2, 2, 33, 65, 7, 9, False, "shown rows"),
]
TOLERANCE = 2e-6


@pytest.fixture
def every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_use, "EVERY_SIZE", True)


@pytest.fixture
def ran(noted) -> list[str]:
    """The names of the compiled functions that ran."""
    return noted("attention", "forward", "backward")


def arrays(shape):
    batches, heads, queries, keys, size, values, *_ = shape
    draw = np.random.default_rng(3).standard_normal
    sizes = [(queries, size), (keys, size), (keys, values), (queries, values)]
    return [draw((batches, heads, *each), np.float32) for each in sizes]


def mask_of(shape):
    batches, heads, queries, keys, *_, kind = shape
    if kind is None:
        return None
    sizes = {"rows": (queries, 1), "keys": (batches, 1, 1, keys)}
    draw = np.random.default_rng(4).standard_normal(sizes.get(kind.split()[-1], (heads, queries, keys)), np.float32)
    mask = draw > -0.5 if "shown" in kind else np.where(draw > 1, -np.inf, draw).astype(np.float32)
    if kind == "shown":
        mask[0, 7] = False  # a row that sees nothing
    return mask


def results(shape, q, k, v, g, mask):
    """Output and gradients."""
    leaves = [nnlite.tensor(a, requires_grad=True) for a in (q, k, v)]
    if mask is not None:
        mask = nnlite.tensor(mask if mask.dtype == bool else mask.astype(q.dtype))
    out = attend(*leaves, attn_mask=mask, is_causal=shape[6])
    out.backward(nnlite.tensor(g))
    return [out.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("count", [1, 3])
def test_agrees_with_the_generic_body(shape, count, every_size, ran, thread_count):
    given, mask = arrays(shape), mask_of(shape)
    expected = results(shape, *(a.astype(np.float64) for a in given), mask)
    assert not ran
    thread_count(count)
    found = results(shape, *given, mask)
    assert {"forward", "backward"} == set(ran)
    for mine, other in zip(found, expected, strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=TOLERANCE * max(1, np.abs(other).max()))


def test_heads_within_rows(every_size, ran):
    """The layout that one product for queries, keys and values leaves, and a gradient that one number stands for."""
    x = nnlite.randn(2, 130, 3, 4, 16).requires_grad_()
    parts = x.permute(2, 0, 3, 1, 4)
    out = attend(parts[0], parts[1], parts[2], is_causal=True)
    assert out.transpose(1, 2).is_contiguous()
    out.sum().backward()
    y = x.detach().double().requires_grad_()
    parts = y.permute(2, 0, 3, 1, 4)
    other = attend(parts[0], parts[1], parts[2], is_causal=True)
    other.sum().backward()
    assert set(ran) == {"forward", "backward"}
    np.testing.assert_allclose(out.detach().numpy(), other.detach().numpy(), rtol=1e-5, atol=TOLERANCE)
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layout", ["reversed", "transposed", "every other", "one for all"])
def test_other_layouts(layout, every_size, ran):
    q = np.random.default_rng(0).standard_normal((2, 2, 12, 12), np.float32)
    q = {
        "reversed": q[:, ::-1, ::-1],
        "transposed": q.swapaxes(2, 3),
        "every other": q[..., ::2],
        "one for all": np.broadcast_to(q[:1, :, :1], q.shape),
    }[layout]
    raw = nnlite.as_tensor(np.zeros(q.shape, np.float32))
    raw._a = q  # as an operation's view has it
    found = attend(raw, raw, raw).numpy()
    copy = nnlite.tensor(q.astype(np.float64))
    assert set(ran) == {"forward"}  # once in each thread
    np.testing.assert_allclose(found, attend(copy, copy, copy).numpy(), rtol=1e-5, atol=TOLERANCE)


def test_what_is_not_a_number(every_size, ran):
    q, k, v, g = arrays((1, 1, 20, 20, 4, 4, True, None))
    q[0, 0, 5, 0], k[0, 0, 11, 1] = np.nan, np.inf
    clean = results((*(0,) * 6, True, None), *arrays((1, 1, 20, 20, 4, 4, True, None)), None)[0]
    out = results((*(0,) * 6, True, None), q, k, v, g, None)[0]
    assert np.isnan(out[0, 0, 5]).all()
    before = [i for i in range(11) if i != 5]  # these do not see key 11
    np.testing.assert_array_equal(out[0, 0, before], clean[0, 0, before])
    later = range(11, 20)
    with np.errstate(invalid="ignore"):
        signs = np.isposinf(q[0, 0, later] @ k[0, 0, 11])
    np.testing.assert_array_equal(np.isnan(out[0, 0, later]).all(axis=1), signs)


def test_extreme_scores(every_size, ran):
    """Scores far apart, so that all weights but one are 0, and the tiles' maxima grow along the keys."""
    keys = 1500
    q, v = np.ones((1, 1, 3, 2), np.float32), np.arange(keys, dtype=np.float32).reshape(1, 1, keys, 1)
    for direction in (1, -1):
        k = (np.arange(keys, dtype=np.float32)[::direction, None] * 100 * np.ones(2, np.float32))[None, None]
        out = attend(*(nnlite.tensor(np.ascontiguousarray(a)) for a in (q, k, v))).numpy()
        np.testing.assert_array_equal(out, np.full((1, 1, 3, 1), keys - 1 if direction == 1 else 0, np.float32))


def test_dropout_and_float64_stay_with_numpy(every_size, ran):
    q = nnlite.randn(1, 2, 40, 8)
    attend(q, q, q, dropout_p=0.5)
    attend(q.double(), q.double(), q.double())
    attend(q[:, :, :0], q, q)
    assert not ran
