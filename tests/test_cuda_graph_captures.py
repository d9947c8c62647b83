"""CUDA graphs by hand, graphed callables, and what cannot be captured, on the strict device."""

from __future__ import annotations

import copy

import pytest
from graph_steps import STRICT, batch, network, same_state, training_step

import nnlite
import nnlite.nn.functional as F
from nnlite import nn
from nnlite.backends.capture import CaptureError
from nnlite.cuda import CUDAGraph, compile_step, graph, graph_pool_handle, make_graphed_callables

schedulers = nnlite.optim.lr_scheduler


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
        elif kind == "number":
            loss = loss + nnlite.tensor(float(x.shape[0])).to(STRICT)  # moves
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
        ("number", "moves", "data of the host"),
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


def test_an_optimizer_of_the_program_that_counts_is_refused():
    class Mine(nnlite.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.1})

        @nnlite.no_grad()
        def step(self):
            for p in self.param_groups[0]["params"]:
                self.state[p]["count"] = self.state[p].get("count", 0) + 1
                p -= p.grad / self.state[p]["count"]

    model = network()
    step = compile_step(training_step(model, Mine(model.parameters())))
    step(*batch(0))
    with pytest.raises(NotImplementedError, match="Mine's 'count' is counted on the host"):
        step(*batch(1))


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
