"""Random numbers: the generator, the distributions, the same numbers on every device."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite

DRAWS = {
    "rand": lambda **k: nnlite.rand(3, 4, **k),
    "rand double": lambda **k: nnlite.rand(3, 4, dtype=nnlite.float64, **k),
    "rand half": lambda **k: nnlite.rand(3, 4, dtype=nnlite.float16, **k),
    "randn": lambda **k: nnlite.randn(5, **k),
    "randint": lambda **k: nnlite.randint(0, 10, (7,), **k),
    "randint wide": lambda **k: nnlite.randint(-(2**40), 2**40, (7,), **k),
    "randperm": lambda **k: nnlite.randperm(9, **k),
    "normal": lambda **k: nnlite.normal(1.0, 2.0, (5,), **k),
}


@pytest.mark.parametrize("draw", list(DRAWS.values()), ids=list(DRAWS))
def test_seeds_repeat(draw, device):
    nnlite.manual_seed(3)
    first, second = draw(device=device), draw(device=device)
    nnlite.manual_seed(3)
    assert nnlite.equal(draw(device=device), first)
    assert not nnlite.equal(first, second)
    nnlite.manual_seed(4)
    assert not nnlite.equal(draw(device=device), first)


@pytest.mark.parametrize("draw", list(DRAWS.values()), ids=list(DRAWS))
def test_every_device_draws_the_same(draw, device):
    nnlite.manual_seed(5)
    on_device = draw(device=device)
    nnlite.manual_seed(5)
    np.testing.assert_allclose(
        on_device.cpu().numpy(), draw(device="cpu").numpy(), rtol=1e-5 if "cuda" in device else 0
    )


def test_generators_are_streams_of_their_own(device):
    g = nnlite.Generator(device).manual_seed(1)
    nnlite.manual_seed(2)
    a = nnlite.rand(4, device=device)
    nnlite.manual_seed(2)
    first = nnlite.rand(4, generator=g, device=device)
    assert nnlite.equal(nnlite.rand(4, device=device), a)
    assert nnlite.equal(nnlite.rand(4, generator=g.manual_seed(1), device=device), first)
    assert g.initial_seed() == 1
    with pytest.raises(RuntimeError, match="device type for generator"):
        nnlite.rand(1, generator=nnlite.Generator("strict" if device == "cpu" else "cpu"), device=device)


def test_states(device):
    g = nnlite.Generator(device).manual_seed(1)
    nnlite.rand(3, generator=g, device=device)
    state, twin = g.get_state(), g.clone_state()
    assert state.dtype is nnlite.uint8
    want = nnlite.rand(5, generator=g, device=device)
    assert nnlite.equal(nnlite.rand(5, generator=twin, device=device), want)
    assert nnlite.equal(nnlite.rand(5, generator=g.set_state(state), device=device), want)
    with pytest.raises(TypeError, match="ByteTensor"):
        g.set_state(nnlite.zeros(16))
    with pytest.raises(RuntimeError, match="wrong size"):
        g.set_state(nnlite.zeros(3, dtype=nnlite.uint8))
    state = nnlite.get_rng_state()
    a = nnlite.rand(2)
    nnlite.set_rng_state(state)
    assert nnlite.equal(nnlite.rand(2), a)
    assert nnlite.seed() == nnlite.initial_seed() != nnlite.seed()


@pytest.mark.parametrize("dtype", [nnlite.float16, nnlite.bfloat16, nnlite.float32, nnlite.float64])
def test_uniform(dtype, device):
    t = nnlite.rand(4000, dtype=dtype, device=device)
    a = t.cpu().double().numpy()
    assert t.dtype is dtype and a.min() >= 0 and a.max() < 1
    assert abs(a.mean() - 0.5) < 0.02 and abs(a.var() - 1 / 12) < 0.01
    u = nnlite.empty(4000, device=device).uniform_(-3, 5).cpu().numpy()
    assert -3 <= u.min() < -2.9 and 4.9 < u.max() < 5


@pytest.mark.parametrize("dtype", [nnlite.float16, nnlite.float32, nnlite.float64])
def test_normal(dtype, device):
    a = nnlite.randn(40_001, dtype=dtype, device=device).cpu().double().numpy()
    assert abs(a.mean()) < 0.02 and abs(a.std() - 1) < 0.02 and np.isfinite(a).all()
    assert abs((a**3).mean()) < 0.08 and abs((a**4).mean() - 3) < 0.2
    b = nnlite.empty(4001, device=device).normal_(10, 3).cpu().numpy()
    assert abs(b.mean() - 10) < 0.2 and abs(b.std() - 3) < 0.15
    means = nnlite.normal(nnlite.tensor([0.0, 100.0], device=device), 0.1)
    assert abs(means[1].item() - 100) < 1


def test_integers_and_permutations(device):
    t = nnlite.randint(3, 6, (500,), device=device)
    assert t.dtype is nnlite.int64 and set(t.tolist()) == {3, 4, 5}
    assert set(nnlite.randint(2, (100,), device=device).tolist()) == {0, 1}
    assert sorted(nnlite.randperm(50, device=device).tolist()) == list(range(50))
    assert nnlite.randperm(0, device=device).tolist() == []
    assert set(nnlite.empty(100, dtype=nnlite.int64, device=device).random_(4).tolist()) == {0, 1, 2, 3}


def test_bernoulli_and_exponential(device):
    p = nnlite.tensor([0.0, 1.0], device=device)
    assert nnlite.bernoulli(p).tolist() == [0, 1]
    assert abs(nnlite.empty(4000, device=device).bernoulli_(0.3).mean().item() - 0.3) < 0.03
    e = nnlite.empty(4000, device=device).exponential_(2).cpu().numpy()
    assert e.min() >= 0 and abs(e.mean() - 0.5) < 0.05


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda d: nnlite.randint(5, 5, (2,), device=d), RuntimeError),
        (lambda d: nnlite.randperm(-1, device=d), RuntimeError),
        (lambda d: nnlite.zeros(2, device=d).normal_(0, -1), RuntimeError),
        (lambda d: nnlite.zeros(2, device=d).uniform_(1, 0), RuntimeError),
        (lambda d: nnlite.zeros(2, device=d).bernoulli_(2.0), RuntimeError),
        (lambda d: nnlite.zeros(2, device=d).exponential_(0), RuntimeError),
        (lambda d: nnlite.zeros(2, device=d).random_(3, 3), RuntimeError),
        (lambda d: nnlite.normal(0.0, -1.0, (2,)), RuntimeError),
        (lambda d: nnlite.zeros(2, dtype=nnlite.int64, device=d).normal_(), NotImplementedError),
        (lambda d: nnlite.rand(2, dtype=nnlite.int64, device=d), NotImplementedError),
        (lambda d: nnlite.bernoulli(nnlite.ones(2, dtype=nnlite.int64, device=d)), NotImplementedError),
        (lambda d: nnlite.normal(0.0, 1.0), TypeError),
    ],
)
def test_refused(call, error, device):
    with pytest.raises(error):
        call(device)


def test_filling_is_a_write(device):
    x = nnlite.ones(3, device=device, requires_grad=True) * 2
    y = x * x
    x.normal_()
    with pytest.raises(RuntimeError, match="inplace"):
        y.sum().backward()
