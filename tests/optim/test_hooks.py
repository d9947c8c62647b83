"""Hooks of optimizers, and an optimizer of one's own."""

from __future__ import annotations

import numpy as np
import pytest
from small_optimizers import parameter, values

import nnlite
from nnlite import optim
from nnlite.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
    required,
)


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
