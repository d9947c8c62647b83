"""The state of optimizers: state dicts, models that move, copies."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from small_optimizers import HOST, OPTIMIZERS, every, parameter, train, values

import nnlite
from nnlite import nn, optim

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
        np.testing.assert_allclose(values(p), values(q), rtol=1e-6)
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
    np.testing.assert_allclose(values(model.weight), values(stays.weight), rtol=1e-6)


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
