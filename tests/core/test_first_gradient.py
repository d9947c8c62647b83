"""The first gradient of a leaf is the array that backward computed."""

from __future__ import annotations

import nnlite
from nnlite.backends.numpy.namespace import xp


def copies(monkeypatch, x, loss):
    """How often backward copies an array."""
    made = []
    array = xp.array
    monkeypatch.setattr(xp, "array", lambda *args, **options: made.append(1) or array(*args, **options))
    loss.backward()
    assert x.grad is not None
    return len(made)


def test_an_array_that_nothing_else_holds_is_not_copied(monkeypatch):
    x = nnlite.ones(10, requires_grad=True)
    assert copies(monkeypatch, x, (x * 2).sum()) == 0


def test_an_array_that_something_else_holds_stays_as_it_is():
    x, y = nnlite.ones(10, requires_grad=True), nnlite.ones(10, requires_grad=True)
    up = nnlite.ones(10)
    (x + y).backward(up)
    x.grad += 1
    assert x.grad.tolist() == [2] * 10
    assert y.grad.tolist() == up.tolist() == [1] * 10
