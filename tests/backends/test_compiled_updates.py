"""Compiled updates of parameters beside the rules as array expressions in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnlite
from nnlite.backends.kernels import GENERIC
from nnlite.backends.registry import tables
from nnlite.optim import SGD, Adam, AdamW

pytest.importorskip("numba")
compiled = pytest.importorskip("nnlite.backends.numpy.compiled.updates")

OPTIONS: list[tuple[Any, dict[str, Any]]] = [
    (Adam, {}),
    (Adam, {"weight_decay": 0.1, "betas": (0.5, 0.7), "eps": 1e-3}),
    (Adam, {"maximize": True}),
    (AdamW, {"weight_decay": 0.3}),
    (SGD, {}),
    (SGD, {"weight_decay": 0.1, "maximize": True}),
    (SGD, {"momentum": 0.9}),
    (SGD, {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    (SGD, {"momentum": 0.9, "nesterov": True, "maximize": True}),
]


@pytest.fixture
def ran(noted) -> list[str]:
    """The names of the compiled functions that ran."""
    return noted("updates", "adam", "momentum", "descent")


def trained(kind, options, dtype):
    """Parameters and state after four steps: one large parameter, some small ones that are updated together."""
    draw = np.random.default_rng(0).standard_normal
    shapes = [(301, 700), (100, 120), (33,)]
    params = [nnlite.tensor(draw(shape, np.float32).astype(dtype), requires_grad=True) for shape in shapes]
    optimizer = kind(params, lr=0.01, **options)
    for _ in range(4):
        for p in params:
            p.grad = nnlite.tensor(draw(p.shape, np.float32).astype(dtype))
        optimizer.step()
    state = [value for each in optimizer.state_dict()["state"].values() for value in each.values()]
    return [t.detach().numpy() for t in [*params, *(t for t in state if t is not None)]]


@pytest.mark.parametrize(("kind", "options"), OPTIONS, ids=str)
@pytest.mark.parametrize("count", [1, 3])
def test_agrees_with_the_rule(kind, options, count, ran, thread_count):
    thread_count(count)
    found = trained(kind, options, np.float32)
    assert ran
    ran.clear()
    expected = trained(kind, options, np.float64)
    assert not ran
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("kind", "options"), OPTIONS, ids=str)
def test_infinite_numbers(kind, options, ran):
    """What is infinite or not a number comes out as it does of the rule."""

    def stepped(dtype):
        p = nnlite.tensor(np.full(1 << 13, 2, dtype), requires_grad=True)
        p.data[:3] = nnlite.tensor([np.inf, -np.inf, np.nan], dtype=p.dtype)
        p.grad = nnlite.ones_like(p)
        p.grad[3:6] = nnlite.tensor([np.inf, -np.inf, np.nan], dtype=p.dtype)
        kind([p], lr=0.01, **options).step()
        return p.detach().numpy()

    found = stepped(np.float32)
    assert ran
    np.testing.assert_allclose(found, stepped(np.float64), rtol=1e-5)


def test_what_stays_with_numpy(ran):
    """Small parameters, float64, parameters that are not contiguous, the largest average."""
    small = nnlite.ones(100, requires_grad=True)
    double = nnlite.ones(1 << 14, dtype=nnlite.float64).requires_grad_()
    turned = nnlite.ones(100, 200).t().requires_grad_()
    for p in (small, double, turned):
        p.grad = nnlite.ones(*p.shape, dtype=p.dtype)
        Adam([p], lr=0.1).step()
        np.testing.assert_allclose(p.detach().numpy(), 0.9, rtol=1e-6)
    large = nnlite.ones(1 << 14, requires_grad=True)
    large.grad = nnlite.ones(1 << 14)
    Adam([large], lr=0.1, amsgrad=True).step()
    np.testing.assert_allclose(large.detach().numpy(), 0.9, rtol=1e-6)
    assert not ran


def test_updates_stand_in_the_kernel_table():
    """The generic body is the rule, block by block."""
    numbers = {"lr": 0.5, "momentum": 0.5, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False, "maximize": False}
    results = []
    xp = tables[np.ndarray].backend_.xp
    for function in (tables[np.ndarray].sgd_update, lambda *a, **k: GENERIC["sgd_update"](xp, *a, **k)):
        p, buffer, g = (np.full(100_000, value, np.float32) for value in (1, 2, 3))
        function(p, buffer, g, **numbers)
        results.append((p[0], buffer[-1], p[-1]))
    assert results == [(-1.0, 4.0, -1.0)] * 2
