"""Every schedule against PyTorch's: 30 steps, states, both ways of loading, warnings and errors."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

import nnlite

torch = pytest.importorskip("torch")

STEPS = 30


class Power:
    """A function with attributes, which state dicts hold."""

    def __init__(self, base):
        self.base = base

    def __call__(self, t):
        return self.base**t


SCHEDULES = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda t: 0.95**t),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda t: 0.9**t, Power(0.8)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda t: 0.5 + 0.01 * t),
    "step": lambda s, o: s.StepLR(o, 7, gamma=0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [3, 3, 17], gamma=0.5),
    "constant": lambda s, o: s.ConstantLR(o, 0.25, 4),
    "linear": lambda s, o: s.LinearLR(o, 0.2, 0.9, 12),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "polynomial": lambda s, o: s.PolynomialLR(o, 20, 1.7),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 6, 0.01),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, 2, 0.01),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.1, 1.0, 4, 3),
    "cyclic2": lambda s, o: s.CyclicLR(o, [0.1, 0.2], [1.0, 0.5], 4, mode="triangular2"),
    "cyclic range": lambda s, o: s.CyclicLR(o, 0.1, 1.0, 4, mode="exp_range", gamma=0.9),
    "cyclic own": lambda s, o: s.CyclicLR(o, 0.1, 1.0, 4, scale_fn=Power(0.7), cycle_momentum=False),
    "one cycle": lambda s, o: s.OneCycleLR(o, [1.0, 2.0], total_steps=31),
    "one cycle linear": lambda s, o: s.OneCycleLR(o, 1.0, epochs=8, steps_per_epoch=5, anneal_strategy="linear"),
    "one cycle three": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=40, three_phase=True, pct_start=0.25),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9), s.CosineAnnealingLR(o, 8)], milestones=[3, 15]
    ),
    "nested": lambda s, o: s.SequentialLR(
        o,
        [s.SequentialLR(o, [s.LinearLR(o, 0.1, 1, 5), s.StepLR(o, 3)], milestones=[5]), s.PolynomialLR(o, 9)],
        milestones=[11],
    ),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 6), s.ExponentialLR(o, 0.9)]),
}
PLATEAUS = [
    {},
    {"patience": 1, "cooldown": 2},
    {"mode": "max", "patience": 0, "threshold_mode": "abs", "threshold": 0.2},
    {"patience": 1, "threshold_mode": "abs", "threshold": 0.1, "min_lr": [0.3, 0.05]},
    {"mode": "max", "patience": 2, "min_lr": 0.01, "factor": 0.3},
]

pytestmark = pytest.mark.filterwarnings("ignore:Detected call of")
"""PyTorch gives that warning for schedules in schedules too."""

every = pytest.mark.parametrize("name", SCHEDULES)


def optimizer(library, kind="SGD"):
    options = {"momentum": 0.9} if kind == "SGD" else {}
    params = [library.ones(1, requires_grad=True) for _ in range(2)]
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.1}]
    return getattr(library.optim, kind)(groups, lr=0.7, **options)


def pair(name, kind="SGD"):
    out = []
    for library in (nnlite, torch):
        o = optimizer(library, kind)
        out.append((o, SCHEDULES[name](library.optim.lr_scheduler, o)))
    return out


def same(ours, theirs):
    for group, other in zip(ours.param_groups, theirs.param_groups, strict=True):
        assert group.keys() == other.keys()
        for key in group.keys() - {"params"}:
            if group[key] != other[key]:
                np.testing.assert_allclose(group[key], other[key], rtol=1e-12, err_msg=key)


def steps(optimizers, schedules, count):
    for _ in range(count):
        for o, s in zip(optimizers, schedules, strict=True):
            o.step()
            s.step()
        same(*optimizers)
        np.testing.assert_allclose(schedules[0].get_last_lr(), schedules[1].get_last_lr(), rtol=1e-12)


def comparable(state):
    if isinstance(state, dict):
        return {key: comparable(value) for key, value in sorted(state.items()) if key not in INTERNAL}
    if isinstance(state, list | tuple):
        return [comparable(value) for value in state]
    return round(state, 10) if isinstance(state, float) else state


INTERNAL = {"_is_initial", "_get_lr_called_within_step"}


@every
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_thirty_steps(name, kind):
    (o, s), (other, theirs) = pair(name, kind)
    same(o, other)
    steps((o, other), (s, theirs), STEPS)
    assert comparable(s.state_dict()) == comparable(theirs.state_dict())


@every
def test_pytorchs_state_loads(name):
    _, (other, theirs) = pair(name)
    (o, s), _ = pair(name)
    for _ in range(9):
        other.step()
        theirs.step()
    state = copy.deepcopy(theirs.state_dict())
    o.load_state_dict(other.state_dict())
    given = copy.deepcopy(state)
    s.load_state_dict(state)
    assert comparable(state) == comparable(given)
    steps((o, other), (s, theirs), STEPS - 9)


@every
def test_a_rate_changed_by_hand(name):
    (o, s), (other, theirs) = pair(name)
    steps((o, other), (s, theirs), 5)
    for each in (o, other):
        each.param_groups[0]["lr"] = 0.33
    steps((o, other), (s, theirs), 12)


@every
def test_tensor_rate(name):
    if "cyclic" in name or "one cycle" in name:
        return
    o = nnlite.optim.SGD([nnlite.ones(1, requires_grad=True) for _ in range(1)], lr=nnlite.tensor(0.7))
    o.add_param_group({"params": [nnlite.ones(1, requires_grad=True)], "lr": 0.1})
    rate = o.param_groups[0]["lr"]
    s = SCHEDULES[name](nnlite.optim.lr_scheduler, o)
    other = optimizer(torch)
    theirs = SCHEDULES[name](torch.optim.lr_scheduler, other)
    for _ in range(10):
        for each in (o, s, other, theirs):
            each.step()
    assert o.param_groups[0]["lr"] is rate
    assert s.get_last_lr()[0] is not rate
    np.testing.assert_allclose(float(rate), theirs.get_last_lr()[0], rtol=1e-4)


@pytest.mark.parametrize("name", [n for n in SCHEDULES if n not in ("sequential", "nested", "chained")])
def test_step_with_an_epoch(name):
    (o, s), (other, theirs) = pair(name)
    for epoch in (0, 1, 5, 3, 12):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            s.step(epoch)
            theirs.step(epoch)
        same(o, other)


def test_fractions_of_an_epoch():
    (o, s), (other, theirs) = pair("restarts")
    for epoch in np.arange(0, 30, 0.7).tolist():
        s.step(epoch)
        theirs.step(epoch)
        same(o, other)


@every
def test_resumed_with_last_epoch(name):
    if name in ("sequential", "nested", "chained"):
        return
    made = []
    for library in (nnlite, torch):
        o = optimizer(library)
        for group in o.param_groups:
            group.update(initial_lr=0.5, max_lr=1.0, min_lr=0.01, max_momentum=0.9, base_momentum=0.8)

        class At:
            def __getattr__(self, key, library=library):
                cls = getattr(library.optim.lr_scheduler, key)
                return lambda *args, **kwargs: cls(*args, last_epoch=4, **kwargs)

        made.append((o, SCHEDULES[name](At(), o)))
    (o, s), (other, theirs) = made
    same(o, other)
    steps((o, other), (s, theirs), 10)


@pytest.mark.parametrize("options", PLATEAUS)
def test_plateau(options):
    made = []
    for library in (nnlite, torch):
        o = optimizer(library)
        made.append((o, library.optim.lr_scheduler.ReduceLROnPlateau(o, **options)))
    (o, s), (other, theirs) = made
    for value in np.cumsum(np.random.default_rng(0).standard_normal(STEPS)).tolist() + [1.0] * 20:
        s.step(nnlite.tensor(value, dtype=nnlite.float64))
        theirs.step(value)
        same(o, other)
        assert s.get_last_lr() == theirs.get_last_lr()
    assert comparable(s.state_dict()) == comparable(theirs.state_dict())


ERRORS = [
    lambda t, s, o: s.StepLR(5, 1),
    lambda t, s, o: s.ReduceLROnPlateau(5),
    lambda t, s, o: s.StepLR(o, 3, last_epoch=2),
    lambda t, s, o: s.LambdaLR(o, [lambda t: 1]),
    lambda t, s, o: s.MultiplicativeLR(o, [1, 2]),
    lambda t, s, o: s.ConstantLR(o, factor=2),
    lambda t, s, o: s.LinearLR(o, start_factor=0),
    lambda t, s, o: s.LinearLR(o, end_factor=2),
    lambda t, s, o: s.ReduceLROnPlateau(o, factor=1.0),
    lambda t, s, o: s.ReduceLROnPlateau(o, mode="x"),
    lambda t, s, o: s.ReduceLROnPlateau(o, threshold_mode="x"),
    lambda t, s, o: s.ReduceLROnPlateau(o, min_lr=[1]),
    lambda t, s, o: s.CyclicLR(o, [0.1], 1),
    lambda t, s, o: s.CyclicLR(o, 0.1, 1, mode="x"),
    lambda t, s, o: s.CyclicLR(t.optim.Adagrad([t.ones(1, requires_grad=True)]), 0.1, 1),
    lambda t, s, o: s.OneCycleLR(t.optim.Adagrad([t.ones(1, requires_grad=True)]), 0.1, 5),
    lambda t, s, o: s.OneCycleLR(o, 1.0),
    lambda t, s, o: s.OneCycleLR(o, 1.0, total_steps=0),
    lambda t, s, o: s.OneCycleLR(o, 1.0, epochs=0, steps_per_epoch=1),
    lambda t, s, o: s.OneCycleLR(o, 1.0, total_steps=3, pct_start=2.0),
    lambda t, s, o: s.OneCycleLR(o, 1.0, total_steps=3, anneal_strategy="x"),
    lambda t, s, o: (
        [s.OneCycleLR(o, 1.0, total_steps=3).step() for _ in range(1)]
        and [x.step() for x in [s.OneCycleLR(o, 1.0, total_steps=2)] * 5]
    ),
    lambda t, s, o: s.CosineAnnealingWarmRestarts(o, 0),
    lambda t, s, o: s.CosineAnnealingWarmRestarts(o, 1, 0),
    lambda t, s, o: s.CosineAnnealingWarmRestarts(o, 1, 1, "a"),
    lambda t, s, o: s.CosineAnnealingWarmRestarts(o, 1).step(-1),
    lambda t, s, o: s.SequentialLR(o, [], []),
    lambda t, s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [1]),
    lambda t, s, o: s.SequentialLR(o, [s.StepLR(o, 1), s.ReduceLROnPlateau(o)], [1]),
    lambda t, s, o: s.SequentialLR(o, [s.StepLR(o, 1), s.StepLR(optimizer(t), 1)], [1]),
    lambda t, s, o: s.ChainedScheduler([]),
    lambda t, s, o: s.ChainedScheduler([s.StepLR(o, 1), 5]),
    lambda t, s, o: t.optim.swa_utils.SWALR(o, [1.0]),
    lambda t, s, o: t.optim.swa_utils.SWALR(o, 1.0, anneal_strategy="x"),
    lambda t, s, o: t.optim.swa_utils.SWALR(o, 1.0, anneal_epochs=-1),
    lambda t, s, o: t.optim.swa_utils.get_ema_avg_fn(2),
    lambda t, s, o: t.optim.swa_utils.AveragedModel(t.nn.Linear(1, 1), avg_fn=1, multi_avg_fn=1),
]


@pytest.mark.parametrize("make", ERRORS)
@pytest.mark.filterwarnings("ignore")
def test_errors(make):
    with pytest.raises(Exception) as theirs:
        make(torch, torch.optim.lr_scheduler, optimizer(torch))
    with pytest.raises(theirs.type) as ours:
        make(nnlite, nnlite.optim.lr_scheduler, optimizer(nnlite))
    start = str(theirs.value).split(", which")[0].split("\n")[0][:60]
    assert str(ours.value)[: len(start)].replace("torch", "") == start.replace("torch", "")


@pytest.mark.filterwarnings("default")
def test_warnings():
    o = optimizer(nnlite)
    s = nnlite.optim.lr_scheduler.StepLR(o, 1)
    with pytest.warns(UserWarning, match=r"before `optimizer.step\(\)`"):
        s.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        s.get_lr()
    with pytest.warns(UserWarning, match="epoch parameter"):
        s.step(5)
    other = nnlite.optim.lr_scheduler.StepLR(o, 1)
    o.step = lambda: None
    with pytest.warns(UserWarning, match="has been overridden"):
        other.step()


def test_swa_schedule():
    for options in ({}, {"anneal_strategy": "linear", "anneal_epochs": 7}, {"anneal_epochs": 0}):
        made = []
        for library in (nnlite, torch):
            o = optimizer(library)
            made.append((o, library.optim.swa_utils.SWALR(o, 0.05, **options)))
        (o, s), (other, theirs) = made
        steps((o, other), (s, theirs), 15)
        assert comparable(s.state_dict()) == comparable(theirs.state_dict())


@pytest.mark.parametrize("average", [None, "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_multi_avg_fn"])
@pytest.mark.parametrize("buffers", [False, True])
def test_averaged_model(average, buffers):
    if buffers and average == "get_swa_multi_avg_fn":
        average = None  # PyTorch's refuses the integer buffer there; without a function it takes the same mean
    made = []
    for library in (nnlite, torch):
        model = library.nn.Sequential(library.nn.Linear(3, 2), library.nn.BatchNorm1d(2))
        utils = library.optim.swa_utils
        options = {}
        if average:
            options["multi_avg_fn" if "multi" in average else "avg_fn"] = getattr(utils, average)()
        made.append((library, model, utils.AveragedModel(model, use_buffers=buffers, **options)))
    for step in range(4):
        for library, model, averaged in made:
            for number, p in enumerate([*model.parameters(), *list(model.buffers())[:2]]):
                value = np.random.default_rng((step, number)).standard_normal(tuple(p.shape)).astype(np.float32)
                with library.no_grad():
                    p.copy_(library.tensor(value))
            averaged.update_parameters(model)
    ours, theirs = made[0][2].state_dict(), made[1][2].state_dict()
    assert list(ours) == list(theirs)
    for key, value in theirs.items():
        np.testing.assert_allclose(ours[key].numpy(), value.numpy(), rtol=1e-5, atol=1e-6, err_msg=key)


def test_update_bn():
    x = np.random.default_rng(0).standard_normal((4, 5, 2)).astype(np.float32)
    results = []
    for library in (nnlite, torch):
        model = library.nn.Sequential(library.nn.BatchNorm1d(2), library.nn.Dropout(0.5)).eval()
        library.optim.swa_utils.update_bn([[library.tensor(b), 0] for b in x], model)
        assert not model.training
        assert model[0].momentum == 0.1
        results.append([b.numpy() for b in model.buffers()])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
