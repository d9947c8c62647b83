"""A weight's gradient is added to what is there in the product itself, where the device can."""

from __future__ import annotations

import pytest

import nnlite
from nnlite.backends import backend_for


@pytest.fixture
def added(monkeypatch):
    """The strict device with such a product; the sizes of the arrays it added to."""
    backend, calls = backend_for("strict"), []

    def add_product(out, a, b):
        calls.append(out.shape)
        out += backend.xp.matmul(a, b)

    monkeypatch.setattr(backend, "adds_products", True)
    monkeypatch.setattr(backend.xp, "add_product", add_product, raising=False)
    return calls


def gradients(steps, device="strict", watch=None):
    nnlite.manual_seed(0)
    layer = nnlite.nn.Linear(4, 3).to(device)
    if watch is not None:
        layer.weight.register_hook(watch)
    for _ in range(steps):
        layer(nnlite.randn(5, 4).to(device)).square().sum().backward()
    return layer


def test_gradients_that_are_there_are_added_to(added):
    layer, expected = gradients(3), gradients(3, "cpu")
    assert added == [(3, 4)] * 2  # the first one was new
    nnlite.testing.assert_close(layer.weight.grad.cpu(), expected.weight.grad)
    nnlite.testing.assert_close(layer.bias.grad.cpu(), expected.bias.grad)


def test_whoever_watches_the_gradient_sees_it_alone(added):
    seen = []
    gradients(2, watch=lambda g: seen.append(tuple(g.shape)))
    assert added == [] and seen == [(3, 4)] * 2


def test_autograd_grad_adds_to_nothing(added):
    layer = gradients(1)
    before = layer.weight.grad.cpu().clone()
    loss = layer(nnlite.ones(2, 4, device="strict")).sum()
    (g,) = nnlite.autograd.grad(loss, [layer.weight])
    assert added == [] and nnlite.equal(layer.weight.grad.cpu(), before)
    assert nnlite.equal(g.cpu(), nnlite.full((3, 4), 2.0))


def test_a_weight_that_is_used_twice(added):
    def total(device):
        nnlite.manual_seed(0)
        layer = nnlite.nn.Linear(4, 4).to(device)
        for _ in range(2):
            layer(layer(nnlite.ones(2, 4, device=device))).sum().backward()
        return layer.weight.grad.cpu()

    nnlite.testing.assert_close(total("strict"), total("cpu"))
    assert added == [(4, 4)] * 2


def test_a_gradient_that_was_saved_is_seen_to_change(added):
    layer = gradients(1)
    y = layer.weight.grad * nnlite.ones(3, 4, device="strict", requires_grad=True)
    z = (y * y).sum()  # saves y, which is not the gradient, and the product above saved the gradient
    layer(nnlite.ones(2, 4, device="strict")).sum().backward()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()
