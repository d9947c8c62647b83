"""The optimizers that update many parameters at once: the result is that of one at a time."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import nnlite
from nnlite import optim
from nnlite.optim import _elementwise

RULES = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, "nesterov": True},
    "Adam": {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True},
    "AdamW": {"lr": 0.1},
    "Adamax": {"lr": 0.1},
    "NAdam": {"lr": 0.1, "weight_decay": 0.1},
    "RAdam": {"lr": 0.1, "betas": (0.9, 0.9)},
    "Adagrad": {"lr": 0.1, "initial_accumulator_value": 0.5},
    "Adadelta": {"lr": 0.5, "eps": 1e-2},
    "RMSprop": {"lr": 0.01, "momentum": 0.5, "centered": True},
    "Rprop": {"lr": 0.1},
    "ASGD": {"lr": 0.1, "t0": 1},
}
SHAPES = [(3, 4), (5,), (), (2, 3, 2), (0, 3)]

every = pytest.mark.parametrize("name", RULES)


def make(name, params, **options):
    return getattr(optim, name)(params, **{**RULES[name], **options})


def parameters(device="cpu", dtype=np.float32, shapes=SHAPES):
    rng = np.random.default_rng(0)
    return [nnlite.tensor(rng.standard_normal(s).astype(dtype), device=device, requires_grad=True) for s in shapes]


def values(t):
    return t.detach().cpu().numpy()


def give_gradients(params, step, without=()):
    for number, p in enumerate(params):
        g = np.random.default_rng((step, number)).standard_normal(tuple(p.shape)).astype(np.float32)
        p.grad = None if number in without else nnlite.tensor(g).to(p.device, p.dtype)


@every
def test_together_is_as_alone(name, device):
    """The same numbers to the last bit, whoever has a gradient when."""
    together, alone = parameters(device), parameters(device)
    one = make(name, together)
    each = [make(name, [p]) for p in alone]
    for step in range(8):
        without = [(), (1,), (), (0, 2), (), (), (1,), ()][step]
        for params in (together, alone):
            give_gradients(params, step, without)
        one.step()
        for optimizer in each:
            optimizer.step()
    for p, q in zip(together, alone, strict=True):
        np.testing.assert_array_equal(values(p), values(q))
        assert one.state[p].keys() == each[0].state[alone[0]].keys()


@every
def test_state_that_was_replaced_is_used(name, device):
    params, others = parameters(device), parameters(device)
    one, two = make(name, params), make(name, others)
    for step in range(2):
        give_gradients(params, step)
        one.step()
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    with nnlite.no_grad():
        for p, q in zip(params, others, strict=True):
            q.copy_(p)
    for state in one.state.values():  # by hand, as some programs reset an optimizer
        for key in state:
            if state[key].dim():
                state[key] = state[key].clone()
    for step in range(2, 5):
        for ps, optimizer in ((params, one), (others, two)):
            give_gradients(ps, step)
            optimizer.step()
    for p, q in zip(params, others, strict=True):
        np.testing.assert_array_equal(values(p), values(q))


@every
def test_writes_to_the_state_count(name):
    """A state tensor that the program holds is the state, before and after the next step."""
    params = parameters()
    optimizer = make(name, params)
    give_gradients(params, 0)
    optimizer.step()
    key = next(key for key, value in optimizer.state[params[0]].items() if value.dim())
    held = optimizer.state[params[0]][key]
    give_gradients(params, 1)
    optimizer.step()
    assert optimizer.state[params[0]][key] is held
    held.zero_()
    assert not optimizer.state[params[0]][key].any()


@every
def test_old_flat_arrays_are_dropped(name):
    params = parameters()
    optimizer = make(name, params)
    for step in range(8):
        give_gradients(params, step, (step % 4,))
        optimizer.step()
    assert len(optimizer._flats) <= 2


@every
def test_large_and_small_in_one_group(name, monkeypatch):
    monkeypatch.setattr(_elementwise, "SMALL", 5)
    mixed, alone = parameters(), parameters()
    one, each = make(name, mixed), [make(name, [p]) for p in alone]
    for step in range(3):
        for params in (mixed, alone):
            give_gradients(params, step)
        for optimizer in (one, *each):
            optimizer.step()
    for p, q in zip(mixed, alone, strict=True):
        np.testing.assert_array_equal(values(p), values(q))


@every
def test_groups_of_several_dtypes(name):
    wide, narrow = parameters(dtype=np.float64, shapes=[(3,), (2,)]), parameters(shapes=[(3,), (2,)])
    optimizer = make(name, [wide[0], narrow[0], wide[1], narrow[1]])
    for step in range(3):
        give_gradients(wide, step)
        give_gradients(narrow, step)
        optimizer.step()
    for p, q in zip(wide, narrow, strict=True):
        assert (p.dtype, q.dtype) == (nnlite.float64, nnlite.float32)
        np.testing.assert_allclose(values(p), values(q), rtol=1e-4, atol=1e-4)


@every
def test_complex_is_two_real_ones(name, device):
    rng = np.random.default_rng(0)
    start = rng.standard_normal((4, 2)) + 1j * rng.standard_normal((4, 2))
    z = nnlite.tensor(start, dtype=nnlite.complex64, device=device, requires_grad=True)
    pair = [nnlite.tensor(x.astype(np.float32), device=device, requires_grad=True) for x in (start.real, start.imag)]
    one, two = make(name, [z]), make(name, pair)
    for step in range(4):
        g = np.random.default_rng(step).standard_normal((2, 4, 2)).astype(np.float32)
        z.grad = nnlite.tensor(g[0] + 1j * g[1]).to(z.device, z.dtype)
        for p, part in zip(pair, g, strict=True):
            p.grad = nnlite.tensor(part, device=device)
        one.step()
        two.step()
    if name == "Adagrad":
        assert one.state[z]["sum"].is_complex()
    np.testing.assert_allclose(values(z), values(pair[0]) + 1j * values(pair[1]), rtol=1e-5, atol=1e-6)


@every
def test_a_parameter_twice_is_updated_twice(name):
    w, same = parameters(shapes=[(3,), (3,)])
    with nnlite.no_grad():
        same.copy_(w)
    with pytest.warns(UserWarning, match="duplicate parameters"):
        one = make(name, [w, w])
    two = make(name, [same])
    w.grad = nnlite.ones(3)
    same.grad = nnlite.ones(3)
    one.step()
    two.step()
    two.step()
    np.testing.assert_allclose(values(w), values(same), rtol=1e-6)


@every
def test_differentiable_step(name, device):
    """The step is recorded: its derivative by the gradient is that of finite differences."""
    start = np.array([0.5, -1.0, 2.0])
    gradients = np.array([[0.3, -0.7, 0.4], [0.6, -0.2, 0.8]])

    def after(given):
        leaf = nnlite.tensor(start, device=device, requires_grad=True)
        p = leaf.clone()
        optimizer = make(name, [leaf], differentiable=True)
        optimizer.param_groups[0]["params"] = [p]
        for row in range(2):
            p.grad = given[row]
            optimizer.step()
        return p

    g = nnlite.tensor(gradients, device=device, requires_grad=True)
    (after(g).sum() + 0 * g.sum()).backward()  # Rprop's steps do not depend on the gradient's size
    plain = nnlite.tensor(start, device=device, requires_grad=True)
    optimizer = make(name, [plain])
    for row in gradients:
        plain.grad = nnlite.tensor(row, device=device)
        optimizer.step()
    np.testing.assert_allclose(values(after(g)), values(plain), rtol=1e-9)
    numeric = np.zeros_like(gradients)
    for i in np.ndindex(*gradients.shape):
        step = np.zeros_like(gradients)
        step[i] = 1e-6
        up, down = (after(nnlite.tensor(gradients + s, device=device)).sum().item() for s in (step, -step))
        numeric[i] = (up - down) / 2e-6
    np.testing.assert_allclose(values(g.grad), numeric, rtol=1e-4, atol=1e-6)


def test_differentiable_refuses_leaves():
    w = nnlite.ones(2, requires_grad=True)
    w.grad = nnlite.ones(2)
    with pytest.raises(RuntimeError, match="leaf"):
        optim.SGD([w], lr=1, differentiable=True).step()


def test_few_calls_for_many_parameters(monkeypatch):
    """100 parameters: the rule runs once."""
    params = parameters(shapes=[(7,)] * 100)
    optimizer = optim.Adam(params)
    calls = []
    rule = optim.Adam._rule
    monkeypatch.setattr(optim.Adam, "_rule", staticmethod(lambda *a, **k: (calls.append(1), rule(*a, **k))))
    give_gradients(params, 0)
    optimizer.step()
    assert len(calls) == 1
