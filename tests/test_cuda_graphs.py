"""CUDA graphs on the strict device: what is replayed is what the program would have computed."""

from __future__ import annotations

import copy
import inspect

import pytest
from graph_steps import STRICT, batch, both, network, same_state, training_step

import nnlite
import nnlite.nn.functional as F
from nnlite import nn
from nnlite.cuda import compile_step

schedulers = nnlite.optim.lr_scheduler


# Training


OPTIMIZERS = [
    (nnlite.optim.SGD, {"lr": 0.1}),
    (nnlite.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (nnlite.optim.Adam, {"lr": 0.01, "amsgrad": True}),
    (nnlite.optim.AdamW, {"lr": 0.01}),
    (nnlite.optim.RMSprop, {"momentum": 0.5, "centered": True}),
    (nnlite.optim.NAdam, {"decoupled_weight_decay": True, "weight_decay": 0.1}),
    (nnlite.optim.RAdam, {}),
    (nnlite.optim.Adamax, {}),
    (nnlite.optim.Adadelta, {}),
    (nnlite.optim.Adagrad, {"lr_decay": 0.1}),
    (nnlite.optim.ASGD, {"t0": 3}),
    (nnlite.optim.Rprop, {}),
]

SCHEDULES = {
    "none": None,
    "step": lambda optimizer: schedulers.StepLR(optimizer, 3, 0.5),
    "one cycle": lambda optimizer: schedulers.OneCycleLR(optimizer, max_lr=0.1, total_steps=30),
}


TRAININGS = [
    (kind, options, schedule)
    for kind, options in OPTIMIZERS
    for schedule in SCHEDULES
    if schedule != "one cycle" or options.get("momentum") or "betas" in inspect.signature(kind).parameters
]


@pytest.mark.parametrize("kind, options, schedule", TRAININGS, ids=lambda v: v if isinstance(v, str) else None)
def test_twenty_steps_with_dropout_are_those_of_the_plain_step(kind, options, schedule):
    def run(compiled):
        model = network()
        optimizer = kind(model.parameters(), **options)
        scheduler = SCHEDULES[schedule](optimizer) if SCHEDULES[schedule] else None
        step = compiled(training_step(model, optimizer))
        nnlite.manual_seed(5)
        losses = []
        for i in range(20):
            losses.append(step(*batch(i)))
            if scheduler is not None:
                scheduler.step()
        return [loss.item() for loss in losses], model, nnlite.rand(3, device=STRICT).tolist()

    (losses, model, after), (replayed, other, after_replay), step = both(run)
    assert replayed == losses
    assert same_state(model, other)
    assert after_replay == after  # the generator is where it would be
    assert step.captures == 1


@pytest.mark.parametrize("clip", [False, True])
def test_loss_scaling_skips_and_grows_as_it_would(clip):
    def run(compiled):
        model = network()
        optimizer = nnlite.optim.AdamW(model.parameters(), lr=0.01)
        scaler = nnlite.amp.GradScaler(STRICT, init_scale=2.0**15, growth_interval=4)

        def step(x, y, factor):
            optimizer.zero_grad()
            scaler.scale(F.cross_entropy(model(x) * factor, y)).backward()
            if clip:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            scaler.step(optimizer)
            scaler.update()

        step = compiled(step)
        rows = []
        for i in range(25):
            step(*batch(i), nnlite.tensor(1e36 if i % 11 == 5 or i == 0 else 1.0).to(STRICT))
            rows.append((scaler.get_scale(), scaler.state_dict()["_growth_tracker"]))
        return rows, model, optimizer.state_dict()["state"][0]["step"].item()

    (rows, model, count), (replayed, other, replayed_count), step = both(run)
    assert len({scale for scale, _ in rows}) > 2
    assert replayed == rows
    assert count == replayed_count == 22
    assert same_state(model, other)
    assert step.captures == 1


@pytest.mark.parametrize("where", ["start", "start, zeros", "end", "outside", "every third", "every third, zeros"])
def test_gradients_are_forgotten_or_added_up_as_the_program_says(where):
    def run(compiled):
        model = network()
        optimizer = nnlite.optim.SGD(model.parameters(), lr=0.05, momentum=0.5)

        def step(x, y):
            if where.startswith("start"):
                optimizer.zero_grad(set_to_none="zeros" not in where)
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            if where.startswith("start") or where == "end":
                optimizer.step()
            if where == "end":
                optimizer.zero_grad()
            return loss

        step = compiled(step)
        rows = []
        for i in range(14):
            loss = step(*batch(i))
            if where == "outside" or (where.startswith("every") and i % 3 == 2):
                optimizer.step()
                optimizer.zero_grad(set_to_none="zeros" not in where)
            found = [p.grad for p in model.parameters()]
            rows.append((loss.item(), [None if g is None else g.abs().sum().item() for g in found]))
        return rows, model

    (rows, model), (replayed, other), step = both(run)
    assert replayed == rows
    assert same_state(model, other)
    assert step.captures <= 3


def test_another_shape_or_mode_or_number_gets_a_graph_of_its_own():
    def run(compiled):
        model = network()
        optimizer = nnlite.optim.AdamW(model.parameters(), lr=0.01)

        def step(x, y, factor=1.0):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y) * factor
            loss.backward()
            optimizer.step()
            return {"loss": loss, "size": len(x), "right": (model(x).argmax(1) == y).sum()}

        step = compiled(step)
        rows = []
        for i in range(30):
            if i in (15, 22):
                model.train(i == 22)
            found = step(*batch(i, 6 if i % 4 else 3), factor=2.0 if i > 24 else 1.0)
            rows.append((found["loss"].item(), found["size"], found["right"].item()))
        return rows, model

    (rows, model), (replayed, other), step = both(run)
    assert replayed == rows
    assert same_state(model, other)
    assert 4 <= len(step) <= 5


def test_the_graph_that_was_not_used_for_longest_goes_first():
    step = compile_step(lambda x: x * 2, warmup=1, max_graphs=2)
    for size in (1, 2, 3, 1, 2, 3):
        step(nnlite.ones(size, device=STRICT))
    assert (step.captures, len(step)) == (3, 2)
    step(nnlite.ones(3, device=STRICT))
    assert step.captures == 3
    assert step(nnlite.ones(1, device=STRICT)).tolist() == [2.0]
    assert (step.captures, len(step)) == (4, 2)
    step.reset()
    assert (step.captures, len(step)) == (0, 0)


def test_what_the_program_changes_between_calls_counts():
    def run(compiled):
        model = network()
        optimizer = nnlite.optim.AdamW(model.parameters(), lr=0.01)
        step = compiled(training_step(model, optimizer))
        losses, saved = [], None
        for i in range(28):
            if i == 6:
                saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
            elif i == 12:
                model.load_state_dict(saved[0])
                optimizer.load_state_dict(saved[1])
            elif i == 16:
                nnlite.manual_seed(9)
            elif i == 17:
                optimizer.param_groups[0]["lr"] = 0.1
            elif i == 18:
                optimizer.param_groups[0]["weight_decay"] = 0.3
            elif i == 20:
                model[0].weight.requires_grad_(False)
            elif i == 22:
                nnlite.rand(3, device=STRICT)
            elif i == 24:
                model[4].bias.data = nnlite.ones(4, device=STRICT)
            losses.append(step(*batch(i)).item())
        return losses, model

    (losses, model), (replayed, other), _ = both(run)
    assert replayed == losses
    assert same_state(model, other)


def test_two_optimizers_and_a_group_that_is_added():
    def run(compiled):
        model, head = network(), nn.Linear(4, 4, device=STRICT)
        first = nnlite.optim.Adam(model.parameters(), lr=0.01)
        second = nnlite.optim.SGD([head.weight], lr=0.1)

        def step(x, y):
            loss = F.cross_entropy(head(model(x)), y)
            loss.backward()
            for optimizer in (first, second):
                optimizer.step()
                optimizer.zero_grad()
            head.zero_grad()
            return loss

        step = compiled(step)
        losses = []
        for i in range(12):
            if i == 6:
                second.add_param_group({"params": [head.bias], "lr": 0.2})
            losses.append(step(*batch(i)).item())
        return losses, head

    (losses, head), (replayed, other), _ = both(run)
    assert replayed == losses
    assert same_state(head, other)


class Sequences(nn.Module):
    """Embedding, a recurrent layer and attention, each with dropout."""

    def __init__(self, recurrent):
        super().__init__()
        self.words = nn.Embedding(20, 8)
        self.recurrent = recurrent(8, 8, 2, batch_first=True, dropout=0.2)
        self.queries, self.out = nn.Linear(8, 24), nn.Linear(8, 5)

    def forward(self, x):
        h = self.recurrent(self.words(x))[0]
        q, k, v = self.queries(h).view(*x.shape, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        h = F.scaled_dot_product_attention(q, k, v, dropout_p=0.3, is_causal=True)
        return self.out(h.transpose(1, 2).reshape(*x.shape, 8)).transpose(1, 2)


class Images(nn.Module):
    """Layers of images; a part is computed again in backward."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout2d(0.3))
        self.second = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=2))
        self.out = nn.Sequential(nn.GroupNorm(2, 8), nn.Upsample(scale_factor=2), nn.AdaptiveAvgPool2d(3), nn.Flatten())
        self.last = nn.Linear(72, 5)

    def forward(self, x):
        h = nnlite.utils.checkpoint.checkpoint(self.first, x, use_reentrant=False)
        return self.last(self.out(self.second(h)))


@pytest.mark.parametrize("kind", ["lstm", "gru", "images"])
def test_networks(kind):
    def data(i):
        generator = nnlite.Generator().manual_seed(i)
        if kind == "images":
            return nnlite.randn(4, 3, 8, 8, generator=generator), nnlite.randint(0, 5, (4,), generator=generator)
        return nnlite.randint(0, 20, (3, 7), generator=generator), nnlite.randint(0, 5, (3, 7), generator=generator)

    def run(compiled):
        nnlite.manual_seed(0)
        model = {"lstm": lambda: Sequences(nn.LSTM), "gru": lambda: Sequences(nn.GRU), "images": Images}[kind]()
        model = model.to(STRICT)
        optimizer = nnlite.optim.AdamW(model.parameters(), lr=0.01)
        step = compiled(training_step(model, optimizer))
        return [step(*(t.to(STRICT) for t in data(i))).item() for i in range(8)], model

    (losses, model), (replayed, other), _ = both(run)
    assert replayed == losses
    assert same_state(model, other)


def test_autocast_inside_and_around_the_step():
    def run(compiled):
        model = network()
        optimizer = nnlite.optim.SGD(model.parameters(), lr=0.1)

        def step(x, y):
            optimizer.zero_grad()
            with nnlite.autocast(STRICT, nnlite.float16):
                loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        step = compiled(step)
        losses = [step(*batch(i)).item() for i in range(6)]
        with nnlite.autocast(STRICT, nnlite.float16):
            losses += [step(*batch(i)).item() for i in range(6)]
        return losses, model

    (losses, model), (replayed, other), _ = both(run)
    assert replayed == losses
    assert same_state(model, other)


# Arguments and results


def test_arguments_may_be_nested_and_results_stay():
    @compile_step
    def step(pair, *, names, more):
        return (pair[0] + more["c"], [pair[1] * 2, names])

    results = []
    for i in range(5):
        a, b, c = (nnlite.full((2,), float(i + j), device=STRICT) for j in range(3))
        results.append(step((a, b), names="ab", more={"c": c}))
    assert step.captures == 1
    assert [(r[0].tolist(), r[1][0].tolist(), r[1][1]) for r in results] == [
        ([2.0 * i + 2] * 2, [2.0 * i + 2] * 2, "ab") for i in range(5)
    ]


def test_tensors_of_the_cpu_are_copied_to_the_step_s_device():
    step = compile_step(lambda x: x.to(STRICT) * 3, device=STRICT)
    assert [step(nnlite.ones(2) * i).tolist() for i in range(5)] == [[3.0 * i] * 2 for i in range(5)]
    assert step.captures == 1


def test_an_argument_that_the_step_writes_to_is_written_to():
    step = compile_step(lambda state, x: state.mul_(0.5).add_(x))
    state = nnlite.zeros(2, device=STRICT)
    for _ in range(6):
        step(state, nnlite.ones(2, device=STRICT))
    assert state.tolist() == [2 - 0.5**5] * 2


def test_on_the_cpu_the_function_is_called():
    calls = []

    @compile_step
    def step(x, y):
        """Adds."""
        calls.append(x)
        return x + y

    assert step.__name__ == "step"
    assert step.__doc__ == "Adds."
    x = nnlite.ones(2)
    for _ in range(5):
        assert step(x, 1).tolist() == [2.0, 2.0]
    assert len(calls) == 5
    assert calls[-1] is x
    assert step.captures == 0


def test_arguments_that_are_refused():
    with pytest.raises(TypeError, match="expected a function, got int"):
        compile_step(3)
    with pytest.raises(ValueError, match="at least 1"):
        compile_step(len, warmup=0)
    step = compile_step(lambda x: x)
    with pytest.raises(NotImplementedError, match="requires gradients"):
        step(nnlite.ones(2, device=STRICT, requires_grad=True))
    with pytest.raises(TypeError, match="an argument is a object; expected tensors, numbers"):
        step(object())


@pytest.mark.parametrize("warmup, first", [(1, 2), (2, 2), (4, 4)])
def test_the_first_calls_run_as_they_are(warmup, first):
    model, calls = network(), []
    plain = training_step(model, nnlite.optim.Adam(model.parameters()))

    @compile_step(warmup=warmup)
    def step(x, y):
        calls.append(nnlite.cuda.is_current_stream_capturing())
        return plain(x, y)

    for i in range(7):
        step(*batch(i))
    assert calls == [False] * first + [True]


def with_closure(model, optimizer):
    def step(x, y):
        def closure():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        return optimizer.step(closure)

    return step


def with_gradient_penalty(model, optimizer):
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        gradients = nnlite.autograd.grad(loss, list(model.parameters()), create_graph=True)
        (loss + sum(g.pow(2).sum() for g in gradients)).backward()
        optimizer.step()
        return loss

    return step


def with_hooks(model, optimizer):
    model[0].weight.register_hook(lambda gradient: gradient * 2)
    model[0].register_forward_hook(lambda module, args, output: output + 1)
    return training_step(model, optimizer)


def with_average(model, optimizer):
    average = copy.deepcopy(model)
    plain = training_step(model, optimizer)

    def step(x, y):
        loss = plain(x, y)
        with nnlite.no_grad():
            for mine, its in zip(average.parameters(), model.parameters(), strict=True):
                mine.lerp_(its.detach(), 0.1)
        return loss + sum(p.sum() for p in average.parameters()).detach()

    return step


def with_clipping(model, optimizer):
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        nn.utils.clip_grad_value_(model.parameters(), 0.1)
        optimizer.step()
        return loss.detach()

    return step


@pytest.mark.parametrize("make", [with_closure, with_gradient_penalty, with_hooks, with_average, with_clipping])
def test_steps_that_do_more(make):
    def run(compiled):
        model = network()
        step = compiled(make(model, nnlite.optim.Adam(model.parameters(), lr=0.01)))
        return [step(*batch(i)).item() for i in range(8)], model

    (losses, model), (replayed, other), step = both(run)
    assert replayed == losses
    assert same_state(model, other)
    assert step.captures == 1


def test_an_optimizer_without_numbers_on_the_device_is_captured_for_each_rate():
    def run(compiled):
        model = nn.Linear(8, 4, device=STRICT, bias=False)
        with nnlite.no_grad():
            model.weight.copy_(nnlite.arange(32, device=STRICT).reshape(4, 8) / 32)
        optimizer = nnlite.optim.Muon(model.parameters(), lr=0.01)
        scheduler = schedulers.StepLR(optimizer, 4)
        step = compiled(training_step(model, optimizer))
        losses = []
        for i in range(12):
            losses.append(step(*batch(i)).item())
            scheduler.step()
        return losses

    losses, replayed, step = both(run)
    assert replayed == losses
    assert step.captures == 3
