"""Kernels on NumPy alone that go block by block, beside their generic bodies in float64."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.backends.kernels import GENERIC
from nnlite.backends.numpy import activations, blocks, namespace, xp


def draw(*shape, seed=0):
    return (3 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


@pytest.fixture
def small_blocks(monkeypatch):
    for name in ("BLOCK", "SHARED_BLOCK"):
        monkeypatch.setattr(blocks, name, 1000)
    monkeypatch.setattr(blocks, "GRAIN", 100)
    monkeypatch.setattr(blocks.each_block, "__defaults__", (100,))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("size", [0, 1, 999, 4321])
def test_blocks_cover_everything_once(size, count, small_blocks, thread_count):
    thread_count(count)
    seen = np.zeros(size, int)

    def body(part):
        seen[part] += 1

    blocks.each_block(size, body)
    assert (seen == 1).all()


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("shape", [(3,), (7, 1234)], ids=str)
@pytest.mark.parametrize("count", [1, 3])
def test_gelu_agrees_with_the_generic_body(shape, approximate, count, small_blocks, thread_count):
    thread_count(count)
    x, g = draw(*shape), draw(*shape, seed=1)
    found = activations.gelu(x, approximate=approximate)
    slope = activations.gelu_backward(g, x, approximate=approximate)
    wide, wide_g = x.astype(np.float64), g.astype(np.float64)
    np.testing.assert_allclose(found, GENERIC["gelu"](xp, wide, approximate=approximate), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        slope, GENERIC["gelu_backward"](xp, wide_g, wide, approximate=approximate), rtol=3e-6, atol=2e-5
    )
    assert found.dtype == slope.dtype == np.float32
    np.testing.assert_array_equal(x, draw(*shape))


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_far_out(approximate):
    far = np.array([np.inf, 1e20, 50, -50, -1e20, np.nan, 1], np.float32)
    x = np.concatenate([far, np.zeros(5000, np.float32)])
    found = activations.gelu(x, approximate=approximate)
    slope = activations.gelu_backward(np.ones_like(x), x, approximate=approximate)
    np.testing.assert_array_equal(found[:6], np.float32([np.inf, 1e20, 50, 0, 0, np.nan]))
    np.testing.assert_array_equal(slope[:6], [1, 1, 1, 0, 0, np.nan])
    np.testing.assert_array_equal(found[7:], 0)
    np.testing.assert_array_equal(slope[7:], 0.5)


def test_the_normal_distribution_of_any_layout():
    x = draw(40, 50).T
    wanted = GENERIC["gelu_cdf"](xp, x.astype(np.float64))
    np.testing.assert_allclose(activations.gelu_cdf(x), wanted, rtol=0, atol=2e-7)
    np.testing.assert_array_equal(activations.gelu_cdf(draw(0)), draw(0))
    np.testing.assert_array_equal(activations.gelu_cdf(np.float32([-7, 7, -np.inf, np.inf])), [0, 1, 0, 1])


def test_formulas_in_several_threads(thread_count):
    values = draw(1 << 17)
    found = []
    for count in (1, 2):
        thread_count(count)
        x = nnlite.tensor(values, requires_grad=True)
        y = nnlite.nn.functional.mish(x)
        y.sum().backward()
        found.append((y.detach().numpy(), x.grad.numpy()))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("make", [nnlite.optim.AdamW, nnlite.optim.Adagrad])
def test_optimizers_in_several_threads(make, thread_count):
    found = []
    for count in (1, 3):
        thread_count(count)
        sizes = (300_000, 300, 70_001, 17)
        params = [nnlite.nn.Parameter(nnlite.tensor(draw(size, seed=size))) for size in sizes]
        optimizer = make(params, lr=0.1)
        for step in range(3):
            for p in params:
                p.grad = nnlite.tensor(draw(p.numel(), seed=step))
            optimizer.step()
        found.append([p.detach().numpy() for p in params])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
        assert (one != draw(one.size, seed=one.size)).all()


@pytest.mark.parametrize("n", [1 << 16, (1 << 16) + 3, 200_001])
def test_random_bits_do_not_depend_on_the_number_of_threads(n, thread_count):
    wanted = namespace._bits(7, 11, n)
    for count in (1, 2, 3):
        thread_count(count)
        found = namespace.random_bits(7, 11, n)
        assert found.dtype == np.uint32
        np.testing.assert_array_equal(found, wanted)
