"""Optimizers against PyTorch: 20 steps of many configurations, state dicts and texts."""

from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest

import nnlite

torch = pytest.importorskip("torch")

SHAPES = [(), (7,), (3, 4)]

SGD = [
    {
        "lr": lr,
        "momentum": momentum,
        "dampening": dampening,
        "weight_decay": decay,
        "nesterov": nesterov,
        "maximize": up,
    }
    for lr, momentum, dampening, decay, nesterov, up in itertools.product(
        [0.1, 0.003], [0, 0.9], [0, 0.4], [0, 0.2], [False, True], [False, True]
    )
    if not nesterov or (momentum and not dampening)
]
ADAM = [
    {"lr": lr, "betas": betas, "eps": eps, "weight_decay": decay, "amsgrad": amsgrad, "maximize": up}
    for lr, betas, eps, decay, amsgrad, up in itertools.product(
        [0.1, 0.001], [(0.9, 0.999), (0.5, 0.7)], [1e-8, 0.1], [0, 0.2], [False, True], [False, True]
    )
]
ALL = [("SGD", o) for o in SGD] + [("Adam", o) for o in ADAM] + [("AdamW", o) for o in ADAM]


def pairs(dtype="float32"):
    """Parameters of nnlite and of PyTorch with the same values."""
    rng = np.random.default_rng(0)
    start = [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]
    return [nnlite.tensor(x, requires_grad=True) for x in start], [torch.tensor(x, requires_grad=True) for x in start]


def train(ours, theirs, optimizers, steps, first=0):
    for step in range(first, first + steps):
        for number, (p, q) in enumerate(zip(ours, theirs, strict=True)):
            if (step + number) % 7 == 3:  # a parameter has no gradient now and then
                p.grad = q.grad = None
                continue
            g = np.random.default_rng((step, number)).standard_normal(q.shape).astype(q.detach().numpy().dtype)
            p.grad, q.grad = nnlite.tensor(g), torch.tensor(g)
        for optimizer in optimizers:
            optimizer.step()


def check(ours, theirs, tolerance=1e-6):
    for p, q in zip(ours, theirs, strict=True):
        # The parameters start at about 1 and may pass through 0, so the bound is not relative alone.
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("name", "options"), ALL)
def test_numbers(name, options):
    ours, theirs = pairs()
    optimizers = [getattr(nnlite.optim, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)]
    train(ours, theirs, optimizers, 20)
    check(ours, theirs)


@pytest.mark.parametrize(("name", "options"), [("SGD", SGD[-1]), ("Adam", ADAM[-1]), ("AdamW", ADAM[0])])
def test_numbers_in_double_precision(name, options):
    ours, theirs = pairs("float64")
    optimizers = [getattr(nnlite.optim, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)]
    train(ours, theirs, optimizers, 20)
    check(ours, theirs, tolerance=1e-12)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_groups(name):
    ours, theirs = pairs()
    optimizers = [
        getattr(library.optim, name)(
            [{"params": ps[:1], "lr": 0.5}, {"params": ps[1:], "weight_decay": 0.3}], lr=0.01, weight_decay=0.1
        )
        for library, ps in ((nnlite, ours), (torch, theirs))
    ]
    train(ours, theirs, optimizers, 10)
    check(ours, theirs)
    assert repr(optimizers[0]) == repr(optimizers[1])


@pytest.mark.parametrize(
    ("name", "options"),
    [("SGD", {"momentum": 0.9}), ("SGD", {}), ("Adam", {"amsgrad": True}), ("AdamW", {}), ("Adam", {"lr": 0.5})],
)
def test_state_dicts_are_exchanged(name, options):
    """PyTorch's state loads here and goes on with the same numbers, and ours has PyTorch's format."""
    ours, theirs = pairs()
    mine = getattr(nnlite.optim, name)(ours, **options)
    torchs = getattr(torch.optim, name)(theirs, **options)
    train(ours, theirs, [mine, torchs], 5)

    a, b = mine.state_dict(), torchs.state_dict()
    assert a["param_groups"] == b["param_groups"]
    assert [list(g) for g in a["param_groups"]] == [list(g) for g in b["param_groups"]]
    assert a["state"].keys() == b["state"].keys()
    for number, state in b["state"].items():
        assert list(a["state"][number]) == list(state)
        for key, value in state.items():
            np.testing.assert_allclose(a["state"][number][key].numpy(), value.numpy(), rtol=1e-5, atol=1e-7)
            assert str(a["state"][number][key].dtype) == str(value.dtype)

    resumed = [nnlite.tensor(q.detach().numpy(), requires_grad=True) for q in theirs]
    again = getattr(nnlite.optim, name)(resumed)
    again.load_state_dict(b)
    train(resumed, theirs, [again, torchs], 10, first=5)
    check(resumed, theirs)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "Optimizer"])
def test_signatures_and_texts(name):
    ours = inspect.signature(getattr(nnlite.optim, name)).parameters
    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    assert [(p.name, p.default, p.kind) for p in ours.values()] == [
        (p.name, p.default, p.kind) for p in theirs.values()
    ]
    if name != "Optimizer":
        mine = getattr(nnlite.optim, name)([nnlite.ones(1)])
        torchs = getattr(torch.optim, name)([torch.ones(1)])
        assert repr(mine) == repr(torchs)
        assert mine.defaults == torchs.defaults
