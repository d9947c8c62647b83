"""Transforms on every device: gradients of each example of a network, and what transforms leave alone."""

from __future__ import annotations

import pytest

import nnlite
from nnlite._core.batched.table import fallbacks
from nnlite.func import functional_call, functionalize, grad, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap

nn = nnlite.nn
cross_entropy = nn.functional.cross_entropy


def network(device):
    layers = (
        nn.Conv2d(1, 3, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(12, 5),
        nn.GELU(),
        nn.Linear(5, 4),
    )
    return nn.Sequential(*layers).to(device)


def test_gradients_of_each_example(device):
    model = network(device)
    params = {name: p.detach() for name, p in model.named_parameters()}
    x = nnlite.randn(6, 1, 6, 6, device=device)
    y = nnlite.tensor([0, 1, 2, 3, 0, 1], device=device)

    def loss(p, x, y):
        return cross_entropy(functional_call(model, p, (x[None],)), y[None])

    before = dict(fallbacks)
    found = vmap(grad(loss), (None, 0, 0))(params, x, y)
    assert fallbacks == before, "something ran once for each example"
    for i in range(6):
        model.zero_grad()
        cross_entropy(model(x[i : i + 1]), y[i : i + 1]).backward()
        for name, p in model.named_parameters():
            assert nnlite.allclose(found[name][i], p.grad, rtol=1e-4, atol=1e-5)


def test_label_out_of_range_is_told(device):
    if device != "cpu":
        pytest.skip("devices that work on their own tell later")
    logits, labels = nnlite.randn(3, 4, device=device), nnlite.tensor([0, 1, 7], device=device)
    with pytest.raises(IndexError, match="out of bounds"):
        vmap(lambda a, t: cross_entropy(a[None], t[None]))(logits, labels)


def test_jacobians_agree(device):
    w = nnlite.randn(4, 3, device=device, dtype=nnlite.float64)
    x = nnlite.randn(4, device=device, dtype=nnlite.float64)

    def f(x):
        return (x @ w).tanh() * x.sum()

    rows, columns = jacrev(f)(x), jacfwd(f)(x)
    assert nnlite.allclose(rows, columns)
    t = nnlite.randn(4, device=device, dtype=nnlite.float64)
    assert nnlite.allclose(jvp(f, (x,), (t,))[1], rows @ t)
    assert nnlite.allclose(linearize(f, x)[1](t), rows @ t)
    v = nnlite.randn(3, device=device, dtype=nnlite.float64)
    assert nnlite.allclose(vjp(f, x)[1](v)[0], v @ rows)
    second = hessian(lambda x: f(x).sum())(x)
    assert nnlite.allclose(second, second.T)


def test_inputs_and_leaves_are_left_alone(device):
    x = nnlite.ones(2, device=device)
    w = nnlite.ones(2, device=device, requires_grad=True)
    g = grad(lambda x: (x * x * w).sum())(x)
    assert not x.requires_grad and w.grad is None and g.requires_grad
    g.sum().backward()
    assert w.grad.tolist() == [2, 2] and x.grad is None
    assert not grad(lambda x: (x * x).sum())(x).requires_grad


def test_perturbations_are_not_confused(device):
    x = nnlite.tensor(2.0, device=device)
    # d/dx (x * d/dy (x + y)) is 1; a confusion of the two derivatives gives 2.
    assert grad(lambda x: x * grad(lambda y: x + y)(x))(x).item() == 1
    assert jvp(lambda x: x * jvp(lambda y: x + y, (x,), (x * 0 + 1,))[1], (x,), (x * 0 + 1,))[1].item() == 1


def test_functionalize_is_named_as_missing():
    with pytest.raises(NotImplementedError, match="directly"):
        functionalize(lambda x: x)
