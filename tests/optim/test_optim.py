"""Optimizers: updates against their formulas, groups, state dicts, hooks, devices and errors."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import nnlite
from nnlite import nn, optim
from nnlite.optim import _update
from nnlite.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
    required,
)

OPTIMIZERS = {
    "sgd": lambda p, **kw: optim.SGD(p, **{"lr": 0.1, **kw}),
    "momentum": lambda p, **kw: optim.SGD(p, **{"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, **kw}),
    "nesterov": lambda p, **kw: optim.SGD(p, **{"lr": 0.1, "momentum": 0.9, "nesterov": True, **kw}),
    "adam": lambda p, **kw: optim.Adam(p, **{"lr": 0.1, "weight_decay": 0.1, **kw}),
    "amsgrad": lambda p, **kw: optim.Adam(p, **{"lr": 0.1, "amsgrad": True, **kw}),
    "adamw": lambda p, **kw: optim.AdamW(p, **{"lr": 0.1, **kw}),
    "adamax": lambda p, **kw: optim.Adamax(p, **{"lr": 0.1, "weight_decay": 0.1, **kw}),
    "nadam": lambda p, **kw: optim.NAdam(p, **{"lr": 0.1, "decoupled_weight_decay": True, "weight_decay": 0.1, **kw}),
    "radam": lambda p, **kw: optim.RAdam(p, **{"lr": 0.1, "betas": (0.9, 0.9), **kw}),
    "adadelta": lambda p, **kw: optim.Adadelta(p, **{"lr": 0.1, "eps": 1e-2, **kw}),
    "rmsprop": lambda p, **kw: optim.RMSprop(p, **{"lr": 0.1, "eps": 1.0, "centered": True, **kw}),
    "rprop": lambda p, **kw: optim.Rprop(p, **{"lr": 0.1, **kw}),
    "asgd": lambda p, **kw: optim.ASGD(p, **{"lr": 0.1, "t0": 1, **kw}),
    "adafactor": lambda p, **kw: optim.Adafactor(p, **{"lr": 0.1, **kw}),
    "adagrad": lambda p, **kw: optim.Adagrad(p, **{"lr": 0.1, "lr_decay": 0.1, **kw}),
}

HOST = ("step", "eta", "mu", "mu_product")
"""State that stays on the host in float32."""

every = pytest.mark.parametrize("name", OPTIMIZERS)


def values(t):
    return t.detach().cpu().numpy()


def parameter(*shape, device="cpu", dtype=None, seed=0):
    data = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return nnlite.tensor(data, device=device, dtype=dtype or nnlite.float32).requires_grad_()


def train(optimizer, parameters, steps, first=0):
    """Steps with gradients that depend on the step and the parameter alone."""
    for step in range(first, first + steps):
        for number, p in enumerate(parameters):
            data = np.random.default_rng((step, number)).standard_normal(tuple(p.shape)).astype(np.float32)
            p.grad = nnlite.tensor(data).to(p.device, p.dtype)
        optimizer.step()


# The formulas, in NumPy and double precision


def sgd_reference(w, gradients, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    buffer = None
    for g in gradients:
        g = g + weight_decay * w
        if momentum:
            buffer = g if buffer is None else momentum * buffer + (1 - dampening) * g
            g = g + momentum * buffer if nesterov else buffer
        w = w - lr * g
    return w


def adam_reference(w, gradients, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, decoupled=False):
    m = v = largest = np.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        if decoupled:
            w = w - lr * weight_decay * w
        else:
            g = g + weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        largest = np.maximum(largest, v)
        v_hat = (largest if amsgrad else v) / (1 - betas[1] ** t)
        w = w - lr * m / (1 - betas[0] ** t) / (np.sqrt(v_hat) + eps)
    return w


@pytest.mark.parametrize(
    ("make", "reference", "options"),
    [
        (optim.SGD, sgd_reference, {"lr": 0.1}),
        (optim.SGD, sgd_reference, {"lr": 0.1, "weight_decay": 0.5}),
        (optim.SGD, sgd_reference, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.5}),
        (optim.SGD, sgd_reference, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
        (optim.SGD, sgd_reference, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
        (optim.Adam, adam_reference, {"lr": 0.1}),
        (optim.Adam, adam_reference, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 0.1, "weight_decay": 0.5}),
        (optim.Adam, adam_reference, {"lr": 0.1, "betas": (0.5, 0.5), "amsgrad": True}),
        (optim.Adam, adam_reference, {"lr": 0.1, "betas": (0.0, 0.0)}),
        (optim.AdamW, lambda *a, **kw: adam_reference(*a, **kw, decoupled=True), {"lr": 0.1, "weight_decay": 0.5}),
    ],
)
@pytest.mark.parametrize("shape", [(), (5,), (3, 4)])
@pytest.mark.parametrize("maximize", [False, True])
def test_update_is_the_formula(make, reference, options, shape, maximize, device):
    rng = np.random.default_rng(0)
    start = rng.standard_normal(shape)
    gradients = [rng.standard_normal(shape) for _ in range(10)]
    w = nnlite.tensor(start, dtype=nnlite.float64, device=device, requires_grad=True)
    optimizer = make([w], maximize=maximize, **options)
    for g in gradients:
        w.grad = nnlite.tensor(-g if maximize else g, dtype=nnlite.float64, device=device)
        given = w.grad.clone()
        optimizer.step()
        assert bool((w.grad == given).all())  # a step only reads the gradient
    np.testing.assert_allclose(values(w), reference(start, gradients, **options), rtol=1e-10, atol=1e-12)


@every
def test_large_arrays_are_updated_as_small_ones_are(name, monkeypatch):
    whole, parts = parameter(1000, 3), parameter(1000, 3)
    train(OPTIMIZERS[name]([whole]), [whole], 3)
    monkeypatch.setattr(_update, "BLOCK", 128)  # 3000 elements: 23 blocks and a rest
    train(OPTIMIZERS[name]([parts]), [parts], 3)
    np.testing.assert_array_equal(values(whole), values(parts))


@every
def test_any_strides(name, device):
    straight = parameter(6, 4, device=device)
    turned = parameter(6, 4, device=device).detach().t().contiguous().t().requires_grad_()
    assert not turned.is_contiguous()
    for p in (straight, turned):
        train(OPTIMIZERS[name]([p]), [p], 3)
    np.testing.assert_allclose(
        values(straight), values(turned), rtol=1e-5, atol=1e-6
    )  # Adafactor adds up in memory order


@every
def test_half_precision(name, device):
    narrow = parameter(20, device=device, dtype=nnlite.float16)
    wide = parameter(20, device=device)
    with nnlite.no_grad():
        wide.copy_(narrow)
    for p in (narrow, wide):
        train(OPTIMIZERS[name]([p], lr=0.01), [p], 5)
    assert narrow.dtype is nnlite.float16
    np.testing.assert_allclose(values(narrow).astype(np.float32), values(wide), atol=0.01)


def test_adam_in_bfloat16_forgets_old_squares():
    # beta2 = 0.999 is 1 in bfloat16; the average of the squares would never shrink.
    w = parameter(4, dtype=nnlite.bfloat16)
    optimizer = optim.Adam([w], betas=(0.9, 0.9))
    w.grad = nnlite.full((4,), 100.0, dtype=nnlite.bfloat16)
    optimizer.step()
    before = optimizer.state[w]["exp_avg_sq"].float().max().item()
    w.grad = nnlite.zeros(4, dtype=nnlite.bfloat16)
    optimizer.step()
    assert optimizer.state[w]["exp_avg_sq"].float().max().item() < 0.95 * before


@every
def test_parameters_without_gradient_stay(name, device):
    a, b = parameter(3, device=device), parameter(3, device=device)
    before = values(b).copy()
    optimizer = OPTIMIZERS[name]([a, b])
    train(optimizer, [a], 2)
    np.testing.assert_array_equal(values(b), before)
    if name == "adagrad":  # its state is there from the beginning
        assert optimizer.state[b]["step"].item() == 0
    else:
        assert b not in optimizer.state


@every
def test_step_is_a_write(name, device):
    """A graph that saved the old values must notice; a view of the parameter sees the new ones."""
    w = parameter(3, device=device)
    loss = (w * w).sum()
    view = w.detach()[1:]
    train(OPTIMIZERS[name]([w]), [w], 1)
    np.testing.assert_array_equal(values(view), values(w)[1:])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@every
def test_a_step_on_a_device_does_not_wait(name):
    from nnlite.backends.strict import forbid_synchronize

    w = parameter(5, device="strict")
    optimizer = OPTIMIZERS[name]([w])
    gradient = nnlite.ones(5, device="strict")
    for _ in range(3):
        w.grad = gradient
        with forbid_synchronize():
            optimizer.step()


@every
def test_steps_need_no_graph(name, device):
    w = parameter(3, device=device)
    optimizer = OPTIMIZERS[name]([w])
    (w**2).sum().backward()
    optimizer.step()
    assert w.is_leaf
    assert w.requires_grad
    assert w.grad_fn is None


# Closures


@every
def test_closure(name, device):
    w = parameter(3, device=device)
    optimizer = OPTIMIZERS[name]([w])

    def closure():
        assert nnlite.is_grad_enabled()
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    before = float((w**2).sum())
    with nnlite.no_grad():
        loss = optimizer.step(closure)
        assert not nnlite.is_grad_enabled()
    assert float(loss) == pytest.approx(before)
    assert optimizer.step() is None
    assert float(optimizer.step(closure=closure)) < before


# Groups


def test_groups_have_their_own_options(device):
    a, b = parameter(3, device=device), parameter(3, device=device)
    optimizer = optim.SGD([{"params": a, "lr": 1.0}, {"params": [b]}], lr=0.1)
    assert [g["lr"] for g in optimizer.param_groups] == [1.0, 0.1]
    start = values(a).copy()
    a.grad = b.grad = nnlite.ones(3, device=device)
    optimizer.step()
    np.testing.assert_allclose(values(a), start - 1, rtol=1e-6)
    np.testing.assert_allclose(values(b), start - 0.1, rtol=1e-6)
    optimizer.param_groups[1]["lr"] = 0.0
    b.grad = nnlite.ones(3, device=device)
    optimizer.step()
    np.testing.assert_allclose(values(b), start - 0.1, rtol=1e-6)


def test_parameters_may_come_from_a_generator():
    model = nn.Linear(2, 3)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    assert [p is q for p, q in zip(optimizer.param_groups[0]["params"], [model.weight, model.bias], strict=True)]


def test_named_parameters():
    model = nn.Linear(2, 3)
    optimizer = optim.SGD(model.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert all(p is q for p, q in zip(optimizer.param_groups[0]["params"], model.parameters(), strict=True))
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    extra = parameter(2)
    with pytest.raises(ValueError, match="cannot add param group without names"):
        optimizer.add_param_group({"params": [extra]})
    optimizer.add_param_group({"params": [("extra", extra)]})
    assert optimizer.param_groups[1]["param_names"] == ["extra"]
    with pytest.raises(ValueError, match="cannot add param group with names"):
        optim.SGD([{"params": [extra]}, {"params": [("w", parameter(1))]}], lr=1)
    with pytest.raises(ValueError, match="Some param names are missing"):
        optim.SGD([("extra", extra), parameter(1)], lr=1)


def test_learning_rate_may_be_a_tensor():
    w = parameter(3)
    start = values(w).copy()
    optimizer = optim.SGD([w], lr=nnlite.tensor(0.5))
    w.grad = nnlite.ones(3)
    optimizer.step()
    np.testing.assert_allclose(values(w), start - 0.5, rtol=1e-6)
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        optim.SGD([w], lr=nnlite.tensor([0.5, 0.5]))


def test_repr():
    optimizer = optim.SGD([{"params": [parameter(1)]}, {"params": [parameter(1)], "lr": 0.5}], lr=0.1)
    assert repr(optimizer) == (
        "SGD (\n"
        "Parameter Group 0\n"
        "    dampening: 0\n    differentiable: False\n    foreach: None\n    fused: None\n    lr: 0.1\n"
        "    maximize: False\n    momentum: 0\n    nesterov: False\n    weight_decay: 0\n"
        "\n"
        "Parameter Group 1\n"
        "    dampening: 0\n    differentiable: False\n    foreach: None\n    fused: None\n    lr: 0.5\n"
        "    maximize: False\n    momentum: 0\n    nesterov: False\n    weight_decay: 0\n"
        ")"
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda w: optim.SGD([], lr=1), ValueError, "optimizer got an empty parameter list"),
        (lambda w: optim.SGD([w * 2], lr=1), ValueError, "can't optimize a non-leaf Tensor"),
        (lambda w: optim.SGD(w, lr=1), TypeError, "should be an iterable of Tensors or dicts"),
        (lambda w: optim.SGD(5, lr=1), TypeError, "'int' object is not iterable"),
        (lambda w: optim.SGD(nn.Linear(1, 1), lr=1), TypeError, r"'Linear' object is not iterable.*model.parameters"),
        (lambda w: optim.SGD([1], lr=1), TypeError, "can only optimize Tensors, but one of the params is int"),
        (lambda w: optim.SGD([[w]], lr=1), TypeError, "one of the params is list"),
        (lambda w: optim.SGD([{"params": {w}}], lr=1), TypeError, "ordered collections"),
        (lambda w: optim.SGD([{"lr": 1}], lr=1), KeyError, "params"),
        (lambda w: optim.SGD([{"params": w}, {"params": w}], lr=1), ValueError, "more than one parameter group"),
        (lambda w: optim.SGD([w], lr=-1), ValueError, "Invalid learning rate: -1"),
        (lambda w: optim.SGD([w], lr=float("nan")), ValueError, "Invalid learning rate: nan"),
        (lambda w: optim.SGD([w], lr="a"), TypeError, "not supported between"),
        (lambda w: optim.SGD([w], momentum=-1), ValueError, "Invalid momentum value: -1"),
        (lambda w: optim.SGD([w], weight_decay=-1), ValueError, "Invalid weight_decay value: -1"),
        (lambda w: optim.SGD([w], nesterov=True), ValueError, "Nesterov momentum requires a momentum"),
        (lambda w: optim.SGD([w], nesterov=True, momentum=1, dampening=1), ValueError, "zero dampening"),
        (lambda w: optim.Adam([w], lr=-1), ValueError, "Invalid learning rate: -1"),
        (lambda w: optim.Adam([w], eps=-1), ValueError, "Invalid epsilon value: -1"),
        (lambda w: optim.Adam([w], betas=(1.0, 0.9)), ValueError, "Invalid beta parameter at index 0: 1.0"),
        (lambda w: optim.AdamW([w], betas=(0.9, -1.0)), ValueError, "Invalid beta parameter at index 1: -1.0"),
        (lambda w: optim.AdamW([w], weight_decay=-1), ValueError, "Invalid weight_decay value: -1"),
        (lambda w: optim.Adam([w], foreach=True, fused=True), RuntimeError, "cannot be `True` together"),
        (lambda w: optim.Adam([w], fused=True, differentiable=True), RuntimeError, "`fused` does not support"),
        (lambda w: Optimizer([w], {"lr": required}), ValueError, "didn't specify a value of required .* lr"),
        (lambda w: Optimizer([w], {}).step(), NotImplementedError, "does not define step"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make(parameter(2))


def test_complex_parameters():
    z = nnlite.ones(2, dtype=nnlite.complex64)
    z.grad = nnlite.ones(2, dtype=nnlite.complex64)
    optim.SGD([z], lr=0.5, momentum=0.9).step()
    np.testing.assert_allclose(values(z), [0.5, 0.5])


def test_duplicates_in_a_group_warn():
    w = parameter(2)
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([w, w], lr=1)


def test_a_group_that_is_refused_changes_nothing():
    a, b = parameter(1), parameter(1)
    optimizer = optim.SGD([a], lr=1)
    for group in ({"params": [b, a]}, {"params": [b, 3]}, {"params": b * 2}):
        given = dict(group)
        with pytest.raises((ValueError, TypeError)):
            optimizer.add_param_group(group)
        assert group.keys() == given.keys()
    with pytest.raises(TypeError, match="param_group must be a dict"):
        optimizer.add_param_group([b])
    assert len(optimizer.param_groups) == 1


# Gradients


def test_zero_grad(device):
    w = parameter(3, device=device)
    other = parameter(3, device=device)
    optimizer = optim.SGD([w, other], lr=1)
    w.grad = nnlite.ones(3, device=device)
    kept = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is kept
    assert (values(kept) == 0).all()
    assert other.grad is None
    w.grad = nnlite.ones(3, device=device)
    optimizer.zero_grad()
    assert w.grad is None


def test_zero_grad_drops_the_graph_of_the_gradient(device):
    w = parameter(3, device=device)
    (w**3).sum().backward(create_graph=True)
    assert w.grad.requires_grad
    optim.SGD([w], lr=1).zero_grad(set_to_none=False)
    assert not w.grad.requires_grad
    assert (values(w.grad) == 0).all()


# State dicts


def test_state_dict_format():
    a, b = parameter(2), parameter(1)
    optimizer = optim.Adam([{"params": [a]}, {"params": [b], "lr": 1.0}])
    train(optimizer, [a], 2)
    state = optimizer.state_dict()
    assert list(state) == ["state", "param_groups"]
    assert list(state["state"]) == [0]
    assert list(state["state"][0]) == ["step", "exp_avg", "exp_avg_sq"]
    assert state["state"][0]["step"].item() == 2
    assert state["state"][0]["step"].dtype is nnlite.float32
    assert state["state"][0]["step"].device.type == "cpu"
    assert [g["params"] for g in state["param_groups"]] == [[0], [1]]
    assert state["param_groups"][1]["lr"] == 1.0
    assert state["state"][0]["exp_avg"] is optimizer.state[a]["exp_avg"]


@every
def test_training_goes_on_from_a_state_dict(name, device):
    straight = [parameter(3, device=device), parameter(2, 2, device=device, seed=1)]
    optimizer = OPTIMIZERS[name](straight)
    train(optimizer, straight, 3)
    state = copy.deepcopy(optimizer.state_dict())
    resumed = [p.detach().clone().requires_grad_() for p in straight]
    train(optimizer, straight, 3, first=3)

    other = OPTIMIZERS[name](resumed, lr=7.0)
    other.load_state_dict(state)
    assert other.param_groups[0]["lr"] == 0.1
    train(other, resumed, 3, first=3)
    for p, q in zip(straight, resumed, strict=True):
        np.testing.assert_array_equal(values(p), values(q))


@every
def test_optimizers_that_loaded_one_state_are_independent(name):
    a, b = parameter(3), parameter(3)
    first = OPTIMIZERS[name]([a])
    train(first, [a], 1)
    state = first.state_dict()
    saved = copy.deepcopy(state)
    second = OPTIMIZERS[name]([b])
    second.load_state_dict(state)
    train(second, [b], 1)
    for key, value in saved["state"].get(0, {}).items():
        np.testing.assert_array_equal(values(state["state"][0][key]), values(value))


def test_load_converts_device_and_dtype(device):
    source = parameter(3, dtype=nnlite.float64)
    old = optim.Adam([source])
    train(old, [source], 1)
    w = parameter(3, device=device)
    optimizer = optim.Adam([w])
    optimizer.load_state_dict(old.state_dict())
    state = optimizer.state[w]
    assert state["exp_avg"].dtype is nnlite.float32
    assert state["exp_avg"].device == w.device
    assert state["step"].device.type == "cpu"
    train(optimizer, [w], 1)
    assert state["step"].item() == 2
    assert old.state[source]["step"].item() == 1


def test_load_of_an_older_format():
    w = parameter(3)
    optimizer = optim.Adam([w])
    optimizer.load_state_dict(
        {
            "state": {0: {"step": 5, "exp_avg": np.ones(3, np.float32), "exp_avg_sq": nnlite.ones(3)}},
            "param_groups": [{"lr": 0.5, "betas": (0.9, 0.9), "eps": 1e-8, "weight_decay": 0, "params": [0]}],
        }
    )
    assert optimizer.param_groups[0]["maximize"] is False
    train(optimizer, [w], 1)
    assert optimizer.state[w]["step"].item() == 6


def test_adamw_stays_adamw():
    w = parameter(3)
    optimizer = optim.AdamW([w])
    optimizer.load_state_dict(optim.Adam([w]).state_dict())
    assert optimizer.param_groups[0]["decoupled_weight_decay"] is True


def test_load_of_a_state_that_does_not_fit_changes_nothing():
    a, b = parameter(2), parameter(2)
    state = optim.SGD([a, b], lr=0.5).state_dict()
    one = optim.SGD([a], lr=0.1)
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        one.load_state_dict(state)
    two = optim.SGD([{"params": a}, {"params": b}], lr=0.1)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        two.load_state_dict(state)
    assert one.param_groups[0]["lr"] == two.param_groups[0]["lr"] == 0.1
    with pytest.raises(KeyError):
        one.load_state_dict({"state": {}})


def test_state_that_belongs_to_no_parameter_is_kept():
    optimizer = optim.SGD([parameter(1)], lr=1)
    state = optimizer.state_dict()
    state["state"] = {"epoch": 3}
    optimizer.load_state_dict(state)
    assert optimizer.state["epoch"] == 3
    assert optimizer.state_dict()["state"] == {"epoch": 3}


# Moving


@every
def test_optimizer_made_before_the_model_moved(name):
    still = [parameter(4), parameter(2, 3, seed=1)]
    moved = [p.detach().clone().requires_grad_() for p in still]
    one, two = OPTIMIZERS[name](still), OPTIMIZERS[name](moved)
    train(one, still, 2)
    train(two, moved, 2)
    for p in moved:
        p.data = p.data.to("strict")
        p.grad = None
    train(one, still, 2, first=2)
    train(two, moved, 2, first=2)
    for p, q in zip(still, moved, strict=True):
        assert q.device.type == "strict"
        np.testing.assert_array_equal(values(p), values(q))
        for key, value in two.state.get(q, {}).items():
            assert value.device.type == ("cpu" if key in HOST else "strict")


@every
def test_module_to_keeps_the_optimizer_working(name):
    model = nn.Linear(3, 2)
    optimizer = OPTIMIZERS[name](model.parameters())
    train(optimizer, list(model.parameters()), 1)
    stays = copy.deepcopy(model)
    other = OPTIMIZERS[name](stays.parameters())
    other.load_state_dict(optimizer.state_dict())
    model.to("strict")
    assert optimizer.param_groups[0]["params"][0] is model.weight
    for m, o in ((model, optimizer), (stays, other)):
        train(o, list(m.parameters()), 2, first=1)
    np.testing.assert_array_equal(values(model.weight), values(stays.weight))


@every
def test_optimizer_made_before_the_model_changed_its_type(name):
    w = parameter(4)
    optimizer = OPTIMIZERS[name]([w])
    train(optimizer, [w], 1)
    w.data = w.data.double()
    train(optimizer, [w], 1, first=1)
    for key, value in optimizer.state.get(w, {}).items():
        assert value.dtype is (nnlite.float32 if key in HOST else nnlite.float64)


# Copies


@every
def test_pickle_and_deepcopy(name):
    w = parameter(3)
    optimizer = OPTIMIZERS[name]([w])
    train(optimizer, [w], 2)
    for clone in (pickle.loads(pickle.dumps(optimizer)), copy.deepcopy(optimizer)):
        q = clone.param_groups[0]["params"][0]
        assert q is not w
        assert type(clone) is type(optimizer)
        p = w.detach().clone().requires_grad_()
        again = OPTIMIZERS[name]([p])
        again.load_state_dict(optimizer.state_dict())
        train(clone, [q], 1, first=2)
        train(again, [p], 1, first=2)
        np.testing.assert_array_equal(values(q), values(p))
        clone.register_step_pre_hook(lambda *_: None)


# Hooks


class Descent(Optimizer):
    def __init__(self, params, lr=required):
        super().__init__(params, {"lr": lr})

    @nnlite.no_grad()
    def step(self, closure=None, scale=1):
        for group in self.param_groups:
            for p in group["params"]:
                p -= scale * group["lr"] * p.grad


def test_an_optimizer_of_ones_own():
    w = parameter(3)
    start = values(w).copy()
    optimizer = Descent([w], lr=0.5)
    w.grad = nnlite.ones(3)
    optimizer.step()
    np.testing.assert_allclose(values(w), start - 0.5, rtol=1e-6)


def test_step_hooks():
    seen = []
    w = parameter(1)
    w.grad = nnlite.ones(1)
    optimizer = Descent([w], lr=0.5)
    pre = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("pre", o, args, kwargs)))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("post", o, args, kwargs)))
    every_pre = register_optimizer_step_pre_hook(lambda o, args, kwargs: seen.append(("all pre", o, args, kwargs)))
    every_post = register_optimizer_step_post_hook(lambda o, args, kwargs: seen.append(("all post", o, args, kwargs)))
    optimizer.step(None, scale=2)
    assert [event[0] for event in seen] == ["all pre", "pre", "post", "all post"]
    assert all(event[1:] == (optimizer, (optimizer, None), {"scale": 2}) for event in seen)
    for handle in (pre, every_pre, every_post):
        handle.remove()
    seen.clear()
    optimizer.step()
    assert [event[0] for event in seen] == ["post"]


def test_step_pre_hook_may_change_the_arguments():
    w = parameter(1)
    start = float(w)
    w.grad = nnlite.ones(1)
    optimizer = Descent([w], lr=0.5)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: (args, {"scale": 4}))
    optimizer.step()
    assert float(w) == pytest.approx(start - 2)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 5)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()


def test_hooks_run_once_where_a_step_calls_its_superclass():
    class Loud(optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    seen = []
    optimizer = Loud([parameter(1)], lr=1)
    optimizer.register_step_pre_hook(lambda *_: seen.append(1))
    optimizer.step()
    assert seen == [1]


def test_hooks_after_a_step_that_failed():
    seen = []
    w = parameter(1)
    optimizer = Descent([w], lr=1)
    optimizer.register_step_pre_hook(lambda *_: seen.append(1))
    with pytest.raises(TypeError):
        optimizer.step()  # there is no gradient
    w.grad = nnlite.ones(1)
    optimizer.step()
    assert seen == [1, 1]


def test_state_dict_hooks():
    seen = []
    optimizer = optim.SGD([parameter(1)], lr=1)
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("pre"))
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("first"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "extra": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, state: seen.append(state.pop("extra")))
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
    state = optimizer.state_dict()
    assert state["extra"] == 1
    optimizer.load_state_dict(state)
    assert seen == ["first", "pre", 1, "loaded"]
    assert "extra" in state  # the hook worked on a copy


def test_no_warnings_in_ordinary_use(device):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for make in OPTIMIZERS.values():
            w = parameter(3, device=device)
            train(make([w]), [w], 2)
