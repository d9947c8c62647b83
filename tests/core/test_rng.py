"""Random numbers: the generator, the distributions, the same numbers on every device."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import nnlite
from nnlite.backends.registry import tables

DRAWS = {
    "rand": lambda **k: nnlite.rand(3, 4, **k),
    "rand double": lambda **k: nnlite.rand(3, 4, dtype=nnlite.float64, **k),
    "rand half": lambda **k: nnlite.rand(3, 4, dtype=nnlite.float16, **k),
    "randn": lambda **k: nnlite.randn(5, **k),
    "randint": lambda **k: nnlite.randint(0, 10, (7,), **k),
    "randint wide": lambda **k: nnlite.randint(-(2**40), 2**40, (7,), **k),
    "randperm": lambda **k: nnlite.randperm(9, **k),
    "normal": lambda **k: nnlite.normal(1.0, 2.0, (5,), **k),
    "normal of tensors": lambda device, **k: nnlite.normal(full(3.0, device), full(2.0, device), **k),
    "rand complex": lambda **k: nnlite.rand(4, dtype=nnlite.complex64, **k),
    "bernoulli": lambda device, **k: nnlite.bernoulli(full(0.5, device), **k),
    "multinomial": lambda device, **k: nnlite.multinomial(full(1.0, device), 20, **k),
    "multinomial again": lambda device, **k: nnlite.multinomial(full(1.0, device), 9, True, **k),
    "poisson": lambda device, **k: nnlite.poisson(full(3.0, device), **k),
    "poisson large": lambda device, **k: nnlite.poisson(full(300.0, device), **k),
    "binomial": lambda device, **k: nnlite.binomial(full(20.0, device), full(0.3, device), **k),
    "binomial large": lambda device, **k: nnlite.binomial(full(200.0, device), full(0.3, device), **k),
    "gamma": lambda device, **k: nnlite._standard_gamma(full(0.7, device), **k),
    "dirichlet": lambda device, **k: nnlite._sample_dirichlet(full(0.7, device), **k),
    "uniform_": lambda device, **k: full(0.0, device).uniform_(-1, 2, **k),
    "normal_": lambda device, **k: full(0.0, device).normal_(1, 2, **k),
    "log_normal_": lambda device, **k: full(0.0, device).log_normal_(**k),
    "cauchy_": lambda device, **k: full(0.0, device).cauchy_(**k),
    "exponential_": lambda device, **k: full(0.0, device).exponential_(**k),
    "geometric_": lambda device, **k: full(0.0, device).geometric_(0.1, **k),
    "bernoulli_": lambda device, **k: full(0.0, device).bernoulli_(0.5, **k),
    "random_": lambda device, **k: full(0.0, device).random_(**k),
    "random_ in": lambda device, **k: full(0.0, device).random_(-5, 50, **k),
    "random_ up to": lambda device, **k: full(0.0, device).random_(50, **k),
    "rand_like": lambda device: nnlite.rand_like(full(0.0, device)),
    "randn_like": lambda device: nnlite.randn_like(full(0.0, device)),
    "randint_like": lambda device: nnlite.randint_like(full(0.0, device), 3, 90),
}


def full(value, device):
    return nnlite.full((64,), value, device=device)


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
    # Kernels of CUDA take logarithms and cosines from another library.
    rounding = {"rtol": 1e-5, "atol": 1e-6} if "random_normal" in tables[type(on_device._a)].overrides_ else {"rtol": 0}
    np.testing.assert_allclose(on_device.cpu().numpy(), draw(device="cpu").numpy(), **rounding)
    assert nnlite.default_generator.get_offset() > 0


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


@pytest.mark.parametrize("draw", [d for n, d in DRAWS.items() if "like" not in n])
def test_every_draw_takes_a_generator(draw, device):
    state = nnlite.get_rng_state()
    g = nnlite.Generator(device).manual_seed(6)
    first = draw(device=device, generator=g)
    assert g.get_offset() > 0 and nnlite.equal(nnlite.get_rng_state(), state)
    assert nnlite.equal(draw(device=device, generator=g.manual_seed(6)), first)
    with pytest.raises(TypeError, match="Generator"):
        draw(device=device, generator=3)


def test_seeds_of_64_bits():
    g = nnlite.Generator()
    assert g.manual_seed(-1).initial_seed() == nnlite.Generator().manual_seed(2**64 - 1).initial_seed() == 2**64 - 1
    assert nnlite.manual_seed(-(2**63)).initial_seed() == 2**63
    for seed in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="64 bits"):
            g.manual_seed(seed)
        with pytest.raises(ValueError, match="64 bits"):
            nnlite.manual_seed(seed)
    assert nnlite.manual_seed(1.5).initial_seed() == 1
    for seed in (1.5, "3", None, True):
        with pytest.raises(RuntimeError, match="expected a long"):
            g.manual_seed(seed)
    with pytest.raises(TypeError):
        nnlite.manual_seed(None)
    assert 0 <= g.seed() == g.initial_seed() < 2**64


def test_generators_are_kept(device):
    g = nnlite.Generator(device).manual_seed(8)
    nnlite.rand(3, generator=g, device=device)
    want = None
    for twin in (pickle.loads(pickle.dumps(g)), copy.deepcopy(g), copy.copy(g), g.clone_state()):
        assert twin.device == g.device and twin.get_offset() == g.get_offset()
        drawn = nnlite.rand(3, generator=twin, device=device)
        want = drawn if want is None else want
        assert nnlite.equal(drawn, want)
    g.set_offset(0)
    assert nnlite.equal(nnlite.rand(3, generator=g, device=device), nnlite.rand(
        3, generator=nnlite.Generator(device).manual_seed(8), device=device))  # fmt: skip


def test_fork(device):
    nnlite.manual_seed(9)
    nnlite.rand(2, device=device)
    with nnlite.random.fork_rng():
        inside = nnlite.rand(3)
        nnlite.manual_seed(100)
    assert nnlite.initial_seed() == 9 and nnlite.equal(nnlite.rand(3), inside)
    with nnlite.random.fork_rng([0] if device != "cpu" else [], device_type=device.split(":")[0]):
        inside = nnlite.rand(3, device=device)
    assert nnlite.equal(nnlite.rand(3, device=device), inside)
    with nnlite.random.fork_rng(enabled=False):
        inside = nnlite.rand(3)
    assert not nnlite.equal(nnlite.rand(3), inside)


def test_the_module_random_is_the_functions():
    for name in nnlite.random.__all__:
        if name != "fork_rng":
            assert getattr(nnlite.random, name) is getattr(nnlite, name)


def test_gradients_of_drawn_numbers(device):
    x = nnlite.full((4,), 0.5, device=device, requires_grad=True)
    for drawn in (nnlite.bernoulli(x), nnlite.poisson(x), nnlite.binomial(x * 4, x), nnlite.normal(x, x)):
        (g,) = nnlite.autograd.grad(drawn.sum(), x)
        assert g.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("alpha", [0.05, 0.5, 1.0, 3.0, 40.0, 99.0, 101.0, 5000.0])
def test_gamma_numbers_move_with_their_parameter(alpha, device):
    """Along samples of one probability: the quantiles of two large samples of neighbouring parameters."""
    from scipy import special

    p = np.linspace(0.001, 0.999, 200)
    x = special.gammaincinv(alpha, p)
    step = alpha * 1e-5
    want = (special.gammaincinv(alpha + step, p) - special.gammaincinv(alpha - step, p)) / (2 * step)
    seen = x > 1e-30
    for dtype, tolerance in ((nnlite.float64, 2e-4), (nnlite.float32, 5e-4)):
        a = nnlite.full((200,), alpha, dtype=dtype, device=device)
        found = nnlite._standard_gamma_grad(a, nnlite.tensor(x, dtype=dtype, device=device)).cpu().numpy()
        np.testing.assert_allclose(found[seen], want[seen], rtol=tolerance)


@pytest.mark.parametrize("a, b", [(0.3, 2.0), (2.0, 0.3), (1.0, 1.0), (5.0, 70.0), (900.0, 40.0), (9e3, 4e3)])
def test_beta_numbers_move_with_their_parameter(a, b, device):
    from scipy import special

    p = np.linspace(0.01, 0.99, 99)
    x = special.betaincinv(a, b, p)
    step = a * 1e-5
    want = (special.betaincinv(a + step, b, p) - special.betaincinv(a - step, b, p)) / (2 * step) / (1 - x)
    seen = (x > 1e-6) & (x < 1 - 1e-6)
    for dtype, tolerance in ((nnlite.float64, 3e-4), (nnlite.float32, 3e-3)):
        arguments = [nnlite.tensor(v + np.zeros(99), dtype=dtype, device=device) for v in (x, a, a + b)]
        np.testing.assert_allclose(nnlite._dirichlet_grad(*arguments).cpu().numpy()[seen], want[seen], rtol=tolerance)


def test_gradients_through_gamma_and_dirichlet_numbers(device):
    """The mean of a gamma number is its parameter: the gradients have mean 1; Dirichlet vectors alike."""
    nnlite.manual_seed(10)
    a = nnlite.full((20000,), 1.7, device=device, requires_grad=True)
    nnlite._standard_gamma(a).sum().backward()
    assert abs(a.grad.mean().item() - 1) < 0.02
    c = nnlite.tensor([0.5, 1.0, 2.5], device=device, dtype=nnlite.float64, requires_grad=True)
    x = nnlite._sample_dirichlet(c.expand(20000, 3))
    (g,) = nnlite.autograd.grad(x[:, 0].mean(), c)
    np.testing.assert_allclose(g.cpu().numpy(), [3.5 / 16, -0.5 / 16, -0.5 / 16], atol=0.004)


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
