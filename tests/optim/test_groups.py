"""Parameter groups, closures, gradients, printed text and errors of optimizers."""

from __future__ import annotations

import numpy as np
import pytest
from small_optimizers import OPTIMIZERS, every, parameter, values

import nnlite
from nnlite import nn, optim
from nnlite.optim.optimizer import Optimizer, required

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
