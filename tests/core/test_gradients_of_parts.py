"""Gradients of parts of a tensor are added up in one array, which nobody else sees."""

from __future__ import annotations

import pytest

import nnlite
from nnlite.backends.numpy.namespace import xp


def zeros_made(monkeypatch, loss):
    """How many arrays of zeros a backward makes."""
    made = []
    zeros = xp.zeros
    monkeypatch.setattr(xp, "zeros", lambda *args, **options: made.append(1) or zeros(*args, **options))
    loss.backward()
    return len(made)


@pytest.mark.parametrize("whole", [lambda x: x, lambda x: x * 1], ids=["leaf", "computed"])
def test_one_array_for_all_parts(monkeypatch, whole):
    x = nnlite.arange(12.0).reshape(6, 2).requires_grad_()
    y = whole(x)
    loss = sum((y[i] * (i + 1)).sum() for i in range(6)) + (y[1:3] * 10).sum()
    assert zeros_made(monkeypatch, loss) == 1
    assert x.grad.tolist() == [[1, 1], [12, 12], [13, 13], [4, 4], [5, 5], [6, 6]]


def test_parts_and_the_whole(device):
    x = nnlite.ones(4, device=device, requires_grad=True)
    y = x * 1
    (y * 5 + y[:3].sum() + nnlite.cat([y[1:], y[:1]]) * 2).sum().backward()
    assert x.grad.cpu().tolist() == [11, 11, 11, 7]


def test_positions_that_come_twice(device):
    x = nnlite.zeros(5, device=device, requires_grad=True)
    places = nnlite.tensor([0, 0, 3], device=device)
    mask = nnlite.tensor([True, False, False, True, True], device=device)
    (x[places].sum() + 10 * x[places].sum() + 100 * x[mask].sum() + 1000 * x[2:4].sum()).backward()
    assert x.grad.cpu().tolist() == [122, 0, 1000, 1111, 100]


def test_what_hooks_were_given_stays_as_it_was(device):
    seen = []
    x = nnlite.ones(3, device=device, requires_grad=True)
    y = x * 1
    first, second = y[:2], y[1:]
    first.grad_fn.register_hook(lambda inputs, outputs: seen.append(inputs[0]))
    second.grad_fn.register_hook(lambda inputs, outputs: seen.append(inputs[0]))
    (first.sum() + second.sum()).backward()
    assert x.grad.cpu().tolist() == [1, 2, 1]
    assert sorted(g.cpu().tolist() for g in seen) == [[0, 1, 1], [1, 1, 0]]


def test_kept_gradients_of_parts(device):
    x = nnlite.ones(3, device=device, requires_grad=True)
    y = x * 1
    y.retain_grad()
    first, second = y[:2], y[1:]
    first.retain_grad()
    (first.sum() + (second * 2).sum()).backward()
    assert first.grad.cpu().tolist() == [1, 1]
    assert y.grad.cpu().tolist() == x.grad.cpu().tolist() == [1, 3, 2]


def test_second_derivatives(device):
    x = nnlite.arange(3.0, device=device).requires_grad_()
    loss = (x[:2] ** 3).sum() + (x[1:] ** 3).sum()
    (g,) = nnlite.autograd.grad(loss, x, create_graph=True)
    (g[1] + g[2] * 2).backward()
    assert x.grad.cpu().tolist() == [0, 12, 24]


def test_under_vmap(device):
    def loss(row):
        return (row[0] * row[1] + row[1:].sum()).sum()

    x = nnlite.arange(6.0, device=device).reshape(2, 3)
    g = nnlite.func.vmap(nnlite.func.grad(loss))(x)
    assert g.cpu().tolist() == [[1, 1, 1], [4, 4, 1]]
