"""Optimizers by name, and steps with given gradients, which their tests share."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite import optim

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
