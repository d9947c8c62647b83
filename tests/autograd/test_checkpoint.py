"""utils.checkpoint: the same gradients with less memory; what goes wrong is told."""

from __future__ import annotations

import contextlib
import tracemalloc

import pytest

import nnlite
from nnlite.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    set_checkpoint_early_stop,
)

BOTH = pytest.mark.parametrize("reentrant", [True, False])


def leaf(values, device):
    return nnlite.tensor(values, device=device, requires_grad=True)


@BOTH
def test_gradients_and_random_numbers(reentrant, device):
    x, w = leaf([0.5, 1.0, 2.0], device), leaf([1.0, 2.0, 3.0], device)

    def run(x):
        return nnlite.nn.functional.dropout((x * w).sin().exp(), 0.5)

    nnlite.manual_seed(3)
    want = nnlite.autograd.grad(run(x).sum(), [x, w])
    nnlite.manual_seed(3)
    y = checkpoint(run, x, use_reentrant=reentrant)
    after = nnlite.rand(2, device=device)
    y.sum().backward()
    assert x.grad.tolist() == want[0].tolist() and w.grad.tolist() == want[1].tolist()
    nnlite.manual_seed(3)
    run(x)
    assert nnlite.rand(2, device=device).tolist() == after.tolist()


@BOTH
def test_several_outputs_and_other_arguments(reentrant, device):
    x = leaf([1.0, 2.0], device)
    a, b = checkpoint(lambda x, k, s: (x * k, x.exp()), x, 3, "text", use_reentrant=reentrant)
    (a.sum() + b.sum()).backward()
    assert nnlite.allclose(x.grad, 3 + x.detach().exp())


def model(device):
    def block():
        nn = nnlite.nn
        return nn.Sequential(nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh())

    return nnlite.nn.Sequential(*(block() for _ in range(8))).to(device)


@BOTH
def test_memory_falls(reentrant):
    layers = model("cpu")
    x = nnlite.randn(2048, 32, requires_grad=True)

    def measure(run):
        layers.zero_grad()
        x.grad = None
        tracemalloc.start()
        try:
            y = run()
            kept = tracemalloc.get_traced_memory()[0]
            y.sum().backward()
            return kept, tracemalloc.get_traced_memory()[1], [x.grad, *(p.grad for p in layers.parameters())]
        finally:
            tracemalloc.stop()

    kept, peak, grads = measure(lambda: layers(x))
    less_kept, less_peak, again = measure(lambda: checkpoint_sequential(layers, 8, x, use_reentrant=reentrant))
    assert less_kept < 0.6 * kept and less_peak < 0.8 * peak
    assert all(nnlite.equal(a, b) for a, b in zip(grads, again, strict=True))


class TestWithoutReentrance:
    def test_backward_twice_and_double_backward(self, device):
        a = leaf([0.5, 1.0], device)
        y = checkpoint(lambda a: (a**3).sin(), a, use_reentrant=False)
        (g,) = nnlite.autograd.grad(y.sum(), a, create_graph=True)
        (gg,) = nnlite.autograd.grad(g.sum(), a)
        (h,) = nnlite.autograd.grad((a**3).sin().sum(), a, create_graph=True)
        assert nnlite.allclose(g, h) and nnlite.allclose(gg, nnlite.autograd.grad(h.sum(), a)[0])

    def test_nested(self, device):
        a = leaf([0.5, 1.0], device)

        def inner(b):
            return b.exp() * b

        def outer(a):
            return checkpoint(inner, a * 2, use_reentrant=False).sin()

        (g,) = nnlite.autograd.grad(checkpoint(outer, a, use_reentrant=False).sum(), a)
        (want,) = nnlite.autograd.grad(inner(a * 2).sin().sum(), a)
        assert nnlite.allclose(g, want)

    def test_keyword_arguments_and_inputs_of_backward(self, device):
        x, w = leaf([1.0], device), leaf([2.0], device)
        y = checkpoint(lambda x, *, w: (x * w).exp(), x, w=w, use_reentrant=False)
        assert nnlite.allclose(nnlite.autograd.grad(y, w)[0], x * y)

    def test_early_stop(self, device):
        x = leaf([1.0], device)
        ran = []

        def run(x):
            y = x.sin().exp()
            ran.append("all")
            return y

        checkpoint(run, x, use_reentrant=False).backward()
        assert ran == ["all"]
        with set_checkpoint_early_stop(False):
            y = checkpoint(run, x, use_reentrant=False)
        y.backward()
        assert ran == ["all"] * 3

    @pytest.mark.parametrize(
        "second, text", [(lambda x: x[:2].sin().exp(), "different metadata"), (lambda x: x.sin(), "different number")]
    )
    def test_other_tensors_the_second_time(self, second, text, device):
        x = leaf([1.0, 2.0, 3.0], device)
        calls = []

        def run(x):
            calls.append(1)
            return x.sin().exp() if len(calls) == 1 else second(x)

        y = checkpoint(run, x, use_reentrant=False)
        with pytest.raises(CheckpointError, match=text):
            y.sum().backward()

    def test_contexts(self, device):
        entered = []

        @contextlib.contextmanager
        def note(name):
            entered.append(name)
            yield

        x = leaf([1.0], device)
        y = checkpoint(nnlite.exp, x, use_reentrant=False, context_fn=lambda: (note("first"), note("second")))
        assert entered == ["first"]
        y.backward()
        assert entered == ["first", "second"]


class TestArguments:
    def test_has_to_be_chosen(self, device):
        with pytest.warns(UserWarning, match="use_reentrant parameter should be passed"):
            checkpoint(nnlite.exp, leaf([1.0], device))

    def test_reentrant_takes_less(self, device):
        x = leaf([1.0], device)
        with pytest.raises(ValueError, match="Unexpected keyword"):
            checkpoint(nnlite.exp, x, use_reentrant=True, k=1)
        with pytest.raises(ValueError, match="only supported when use_reentrant=False"):
            checkpoint(nnlite.exp, x, use_reentrant=True, context_fn=lambda: None)
        with pytest.warns(UserWarning, match="None of the inputs"):
            checkpoint(nnlite.exp, x.detach(), use_reentrant=True)
        with pytest.raises(ValueError, match="determinism_check"):
            checkpoint(nnlite.exp, x, use_reentrant=False, determinism_check="some")
