"""Steps of optimizers: their formulas, dtypes, layouts and devices."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from small_optimizers import OPTIMIZERS, every, parameter, train, values

import nnlite
from nnlite import optim
from nnlite.optim import _update

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


def test_no_warnings_in_ordinary_use(device):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for make in OPTIMIZERS.values():
            w = parameter(3, device=device)
            train(make([w]), [w], 2)
