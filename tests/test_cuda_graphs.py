"""CUDA graphs on the strict device: what is replayed is what the program would have computed."""

from __future__ import annotations

import copy
import inspect

import pytest

import nnlite
import nnlite.nn.functional as F
from nnlite import nn
from nnlite.backends.capture import CaptureError
from nnlite.cuda import CUDAGraph, compile_step, graph, graph_pool_handle, make_graphed_callables

STRICT = "strict"
schedulers = nnlite.optim.lr_scheduler


def batch(number, size=6):
    generator = nnlite.Generator().manual_seed(number)
    x = nnlite.randn(size, 8, generator=generator)
    return x.to(STRICT), nnlite.randint(0, 4, (size,), generator=generator).to(STRICT)


def network():
    nnlite.manual_seed(0)
    layers = nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 4)
    return nn.Sequential(*layers).to(STRICT)


def training_step(model, optimizer):
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def same_state(first, second):
    pairs = zip(first.state_dict().items(), second.state_dict().items(), strict=True)
    return all(key == other and nnlite.equal(a, b) for (key, a), (other, b) in pairs)


def both(run):
    """What ``run(compile)`` gives with ``compile_step`` and with the function as it is."""
    captured = []

    def compiled(step):
        captured.append(compile_step(step))
        return captured[-1]

    plain = run(lambda step: step)
    result = run(compiled)
    assert captured[0].captures > 0
    return plain, result, captured[0]


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


# What cannot be captured


def line_after(mark):
    """``file:line`` of the first line of this file that holds a mark."""
    with open(__file__, encoding="utf-8") as file:
        number = next(i for i, line in enumerate(file, 1) if f"# {mark}\n" in line)
    return f"{__file__}:{number}"


def failing(kind, model, optimizer):
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        if kind == "item":
            loss.item()  # reads
        elif kind == "if":
            if loss > 0:  # asks
                loss = loss * 1
        elif kind == "cpu":
            loss.cpu()  # copies
        elif kind == "mask":
            loss = loss + x[x > 0].sum()  # counts
        elif kind == "upload":
            loss = loss + nnlite.tensor([1.0, 2.0], device=STRICT).sum()  # uploads
        elif kind == "wait":
            nnlite.backends.backend_for(STRICT).synchronize()  # waits
        elif kind == "seed":
            nnlite.manual_seed(1)  # seeds
        elif kind == "solver":
            loss = loss + nnlite.linalg.inv(x[:, :6]).sum()  # solves
        loss.backward()
        optimizer.step()
        return loss

    return step


@pytest.mark.parametrize(
    "kind, mark, words",
    [
        ("item", "reads", "host wait"),
        ("if", "asks", "host wait"),
        ("cpu", "copies", "host wait"),
        ("mask", "counts", "host wait"),
        ("upload", "uploads", "data of the host"),
        ("wait", "waits", "host wait"),
        ("seed", "seeds", "is seeded"),
        ("solver", "solves", "cuSOLVER"),
    ],
)
def test_the_error_names_the_line_and_the_program_goes_on(kind, mark, words):
    model = network()
    optimizer = nnlite.optim.Adam(model.parameters(), lr=0.01)
    step = compile_step(failing(kind, model, optimizer))
    for i in range(2):
        step(*batch(i))
    before = copy.deepcopy(model.state_dict())
    gradients = [p.grad for p in model.parameters()]
    offset = nnlite._core.rng.default_generator(nnlite.backends.backend_for(STRICT), None).get_offset()
    with pytest.raises(CaptureError) as caught:
        step(*batch(2))
    assert line_after(mark) in str(caught.value)
    assert words in str(caught.value)
    assert not nnlite.cuda.is_current_stream_capturing()
    # Nothing has happened.
    assert all(nnlite.equal(a, b) for a, b in zip(before.values(), model.state_dict().values(), strict=True))
    assert all(p.grad is g for p, g in zip(model.parameters(), gradients, strict=True))
    if kind != "seed":
        assert nnlite._core.rng.default_generator(nnlite.backends.backend_for(STRICT), None).get_offset() == offset
    # And everything works.
    failing("", model, optimizer)(*batch(3)).item()
    other = compile_step(training_step(model, optimizer))
    for i in range(4):
        other(*batch(i)).item()
    assert other.captures == 1


def test_an_exception_of_the_program_leaves_as_it_is():
    calls = []

    @compile_step
    def step(x):
        calls.append(1)
        if len(calls) == 3:
            raise KeyError("mine")
        return x * 2

    x = nnlite.ones(2, device=STRICT)
    step(x), step(x)
    with pytest.raises(KeyError, match="mine"):
        step(x)
    assert step(x).tolist() == [2.0, 2.0]
    assert step.captures == 1


def test_labels_out_of_range_are_told_at_the_next_synchronisation():
    model = network()
    step = compile_step(training_step(model, nnlite.optim.SGD(model.parameters(), lr=0.1)))
    x, y = batch(0)
    for _ in range(4):
        step(x, y).item()
    wrong = step(x, y + 3)
    with pytest.raises(IndexError, match="out of bounds"):
        wrong.item()
    for _ in range(2):
        step(x, y).item()  # it is told once
    step(x, y + 3)
    with pytest.raises(IndexError, match="out of bounds"):
        model(x).cpu()


def test_optimizers_that_count_on_the_host_are_refused():
    model = network()
    step = compile_step(training_step(model, nnlite.optim.Adafactor(model.parameters())))
    step(*batch(0))
    with pytest.raises(NotImplementedError, match="Adafactor's 'step' is counted on the host"):
        step(*batch(1))


def test_a_schedule_inside_the_step_is_refused():
    model = network()
    optimizer = nnlite.optim.SGD(model.parameters(), lr=0.1)
    scheduler = schedulers.ExponentialLR(optimizer, 0.5)
    plain = training_step(model, optimizer)

    @compile_step
    def step(x, y):
        loss = plain(x, y)
        scheduler.step()
        return loss

    step(*batch(0))
    with pytest.raises(NotImplementedError, match=r"call the scheduler's step\(\) after the compiled step"):
        step(*batch(1))


def test_a_buffer_that_is_replaced_is_refused():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", nnlite.zeros((), device=STRICT))

        def forward(self, x):
            self.count = self.count + 1
            return x * self.count

    step = compile_step(Counts())
    for _ in range(2):
        step(nnlite.ones(2, device=STRICT))
    with pytest.raises(CaptureError, match="replaces 'count' by another tensor; write into it in place"):
        step(nnlite.ones(2, device=STRICT))


# CUDAGraph


def test_a_graph_by_hand():
    x = nnlite.zeros(3, device=STRICT)
    total = nnlite.zeros(3, device=STRICT)
    g = CUDAGraph(device=STRICT)
    with graph(g):
        assert nnlite.cuda.is_current_stream_capturing()
        y = x * 2
        total += y
        noise = nnlite.rand(4, device=STRICT)
    assert not nnlite.cuda.is_current_stream_capturing()
    assert total.tolist() == [0.0] * 3  # nothing was done yet
    nnlite.manual_seed(3)
    drawn = []
    for i in range(3):
        x.fill_(float(i))
        g.replay()
        assert y.tolist() == [2.0 * i] * 3
        drawn.append(noise.tolist())
    assert total.tolist() == [6.0] * 3
    nnlite.manual_seed(3)
    assert drawn == [nnlite.rand(4, device=STRICT).tolist() for _ in range(3)]


def test_an_optimizer_with_capturable_and_a_rate_on_the_device():
    def run(captured):
        nnlite.manual_seed(0)
        model = nn.Linear(4, 2, device=STRICT)
        rate = nnlite.tensor(0.1, device=STRICT)
        optimizer = nnlite.optim.Adam(model.parameters(), lr=rate, capturable=True)
        scheduler = schedulers.ExponentialLR(optimizer, 0.5)
        x = nnlite.ones(3, 4, device=STRICT)

        def step():
            optimizer.zero_grad()
            model(x).pow(2).sum().backward()
            optimizer.step()

        for _ in range(3):
            step()
            scheduler.step()
        if captured:
            g = CUDAGraph(device=STRICT)
            with graph(g):
                step()
        for _ in range(4):
            g.replay() if captured else step()
            scheduler.step()
        return model, optimizer.state[model.weight]["step"].item()

    (plain, count), (replayed, other) = run(False), run(True)
    assert count == other == 7
    assert same_state(plain, replayed)


def test_an_optimizer_that_never_stepped_is_refused_in_a_capture():
    w = nnlite.ones(2, device=STRICT, requires_grad=True)
    w.grad = nnlite.ones(2, device=STRICT)
    optimizer = nnlite.optim.Adam([w], capturable=True)
    g = CUDAGraph(device=STRICT)
    with pytest.raises(CaptureError, match="makes its state while a graph is captured"), graph(g):
        optimizer.step()
    with pytest.raises(RuntimeError, match="without a preceding successful capture"):
        g.replay()
    optimizer.step()
    with graph(g):
        optimizer.step()
    g.replay()
    assert optimizer.state[w]["step"].item() == 2


def test_calls_out_of_order():
    g = CUDAGraph(device=STRICT)
    for method in (g.replay, g.pool, g.instantiate):
        with pytest.raises(RuntimeError, match="without a preceding successful capture"):
            method()
    with pytest.raises(RuntimeError, match=r"without a capture_begin\(\)"):
        g.capture_end()
    with pytest.raises(RuntimeError, match="Unknown capture error mode"):
        g.capture_begin(capture_error_mode="strict")
    g.capture_begin()
    with pytest.raises(CaptureError, match="being captured by this thread already"):
        CUDAGraph(device=STRICT).capture_begin()
    g.capture_end()
    with pytest.raises(RuntimeError, match="already owns a captured graph"):
        g.capture_begin()
    g.reset()
    g.capture_begin(pool=graph_pool_handle(STRICT))
    x = nnlite.ones(2, device=STRICT)
    g.capture_end()
    g.replay()
    assert x.tolist() == [1.0, 1.0]
    for method in (g.raw_cuda_graph, g.raw_cuda_graph_exec, lambda: g.debug_dump("picture")):
        with pytest.raises(NotImplementedError, match="graphs of strict"):
            method()
    with graph(CUDAGraph(device=STRICT), pool=g.pool()):
        nnlite.ones(2, device=STRICT)


def test_devices_without_graphs():
    with pytest.raises(NotImplementedError, match="captured on cuda, not on cpu"):
        CUDAGraph(device="cpu").capture_begin()
    if not nnlite.cuda.is_available():
        for make in (CUDAGraph, graph_pool_handle):
            with pytest.raises(nnlite.backends.DeviceUnavailableError, match="cuda is not available"):
                make()


# Graphed callables


@pytest.mark.parametrize("as_tuple", [False, True])
def test_graphed_modules_train_as_they_do_without_graphs(as_tuple):
    def run(graphed):
        model = network()
        optimizer = nnlite.optim.SGD(model.parameters(), lr=0.1)
        x, _ = batch(0)
        parts = model[:3], model[3:]
        if graphed and as_tuple:
            hidden = nnlite.zeros(6, 16, device=STRICT, requires_grad=True)
            parts = make_graphed_callables(parts, ((x.clone(),), (hidden,)))
        elif graphed:
            parts = make_graphed_callables(parts[0], (x.clone(),)), parts[1]
        nnlite.manual_seed(4)
        for buffer in model.buffers():
            buffer.zero_()
        losses = []
        for i in range(6):
            x, y = batch(i)
            optimizer.zero_grad()
            loss = F.cross_entropy(parts[1](parts[0](x)), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses, model

    (losses, model), (replayed, other) = run(False), run(True)
    assert replayed == losses
    assert same_state(model, other)


def test_a_graphed_function_and_its_refusals():
    def product(a, b):
        return (a * b).sum(), (a + 1).detach()

    a = nnlite.ones(3, device=STRICT, requires_grad=True)
    b = nnlite.ones(3, device=STRICT)
    graphed = make_graphed_callables(product, (a, b))
    given = nnlite.tensor([1.0, 2.0, 3.0]).to(STRICT).requires_grad_()
    total, more = graphed(given, 2 * b)
    total.backward()
    assert total.item() == 12.0
    assert more.tolist() == [2.0, 3.0, 4.0]
    assert given.grad.tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(RuntimeError, match=r"captured with shape \(3,\)"):
        graphed(nnlite.ones(4, device=STRICT, requires_grad=True), b)
    with pytest.raises(TypeError, match="must contain only Tensors"):
        make_graphed_callables(product, (a, 1.0))
    layer = nn.Linear(3, 3, device=STRICT)
    layer.register_forward_hook(lambda *args: None)
    with pytest.raises(RuntimeError, match="must not have hooks"):
        make_graphed_callables(layer, (a,))


def test_a_graphed_module_in_another_mode_runs_as_it_is():
    model = make_graphed_callables(network(), (batch(0)[0],))
    x, _ = batch(1)
    model.eval()
    assert nnlite.equal(model(x), model(x))
    model.train()
    assert not nnlite.equal(model(x).clone(), model(x))  # dropout


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
