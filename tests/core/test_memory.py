"""Nothing is held after backward, no reference cycles arise, and deep graphs run and are freed without recursion.

All with the garbage collector off: what is freed here is freed by reference counts alone.
"""

from __future__ import annotations

import copy
import gc
import sys
import tracemalloc
import weakref

import pytest

import nnlite
import nnlite.nn.functional as F
from nnlite._core.node import GraphNode
from nnlite._core.views import View
from nnlite.autograd import Function, gradgradcheck
from nnlite.autograd.function import FunctionCtx


@pytest.fixture(autouse=True)
def _collector_off():
    gc.collect()
    gc.freeze()  # what other tests and packages made need not be looked through each time
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def leaf(device, *shape):
    return nnlite.rand(*(shape or (3, 3)), dtype=nnlite.float64, device=device, requires_grad=True)


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[1]


def step_plain(x):
    y = (x @ x).tanh() * x + x.exp().sum(0)
    y.mean().backward()


def step_views(x):
    y = x * 1
    v = y[0]
    v.mul_(2)
    w = v[1:]
    w.add_(x[1, 1:])
    y[:, 1] += x[0]
    y[x > 2] = 0.5
    y.exp().sum().backward()


def step_outputs(x):
    values, _ = x.max(1)
    parts = x[:3].unbind(0)
    (values.sum() + sum(p.sum() for p in parts) + nnlite.stack(parts).prod()).backward()


def step_hooks(x):
    y = x * 2
    handle = x.register_hook(lambda g: g * 2)
    y.register_hook(lambda g: g + 1)
    y.retain_grad()
    y.grad_fn.register_hook(lambda gin, gout: None)
    y.sum().backward()
    handle.remove()


def step_function(x):
    y = Exp.apply(x * 1)
    Exp.apply(y)
    y.sum().backward()


def step_double_backward(x):
    (g,) = nnlite.autograd.grad((x**3).sum(), x, create_graph=True)
    (g * g).sum().backward()
    (g,) = nnlite.autograd.grad(F.softmax(Exp.apply(x), 1).prod(), x, create_graph=True)
    nnlite.autograd.grad(g.sum(), x)


def step_create_graph(x):
    (x * x).sum().backward(create_graph=True)
    x.grad = None


def step_modes(x):
    with nnlite.no_grad():
        y = x * 2

    @nnlite.no_grad()
    def f():
        return y * 2

    f()
    x.detach().add_(0)


def step_errors(x):
    y = (x * x).sum()
    y.backward()
    for wrong in (
        y.backward,
        lambda: x + nnlite.ones(7, dtype=x.dtype, device=x.device),
        lambda: x[99],
        lambda: x.add_(1),
        lambda: x.view(4),
    ):
        with pytest.raises((RuntimeError, IndexError)):
            wrong()
    e = x.exp()
    z = e * 1
    e.add_(1)
    with pytest.raises(RuntimeError):
        z.sum().backward()


def step_layers(x):
    h = F.linear(x, x, x[0]).relu()
    loss = F.cross_entropy(h, nnlite.zeros(len(x), dtype=nnlite.int64, device=x.device)) + F.mse_loss(
        F.log_softmax(h, 1), x.detach()
    )
    F.dropout(loss + F.embedding(nnlite.tensor([0, 1], device=x.device), x).sum(), 0.5).backward()
    x.cpu()  # devices that work on their own keep the checks of labels until the next synchronisation


def step_copies(x):
    copy.deepcopy(x)
    repr(x * 2)
    x.double().half().to("cpu").sum().backward()


def step_gradcheck(x):
    gradgradcheck(nnlite.sin, x)


STEPS = {name[5:]: step for name, step in sorted(globals().items()) if name.startswith("step_")}
ALL = pytest.mark.parametrize("step", list(STEPS.values()), ids=list(STEPS))


@ALL
def test_no_reference_cycles(step, device):
    x = leaf(device)
    step(x)  # fills caches
    x.grad = None
    gc.collect()
    step(x)
    x.grad = None
    assert gc.collect() == 0


def live_objects():
    """How many objects of the graph there are."""
    kinds = (nnlite.Tensor, GraphNode, View, FunctionCtx)
    return sum(issubclass(type(o), kinds) for o in gc.get_objects())  # isinstance would wake lazy modules


@pytest.mark.parametrize(
    "step", [s for n, s in STEPS.items() if n != "gradcheck"], ids=[n for n in STEPS if n != "gradcheck"]
)
def test_memory_does_not_grow(step, device):
    x = leaf(device, 64, 64)
    for _ in range(3):
        step(x)
        x.grad = None
    objects = live_objects()
    tracemalloc.start()
    try:
        # What leaks does so each time; a dict of the strict device's arrays may just have outgrown its table.
        grown = min(growth_of(step, x) for _ in range(2))
    finally:
        tracemalloc.stop()
    assert grown < x.nbytes
    assert live_objects() == objects


def growth_of(step, x):
    """Bytes by which many steps let memory grow."""
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(25 if x.device.type == "cpu" else 10):
        step(x)
        x.grad = None
    # There are no cycles to find (see above); this empties Python's lists of freed tuples and frames. NumPy's own
    # caches of small blocks stay, which in all these steps is less than one array of a single step.
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - before


def test_intermediate_arrays_die_with_backward(device):
    """Saved arrays are freed as backward passes, while the result still lives."""
    x = leaf(device)
    h = x.exp()
    y = (h * h).sum()
    node, array = weakref.ref(h.grad_fn), weakref.ref(h._a)
    del h
    assert array() is not None, "backward needs it"
    y.backward()
    assert array() is None
    assert node() is not None, "the graph stays until the result goes"
    del y
    assert node() is None


def test_retained_arrays_die_with_the_result(device):
    x = leaf(device)
    y = x.exp().sum()
    h = weakref.ref(y.grad_fn.next_functions[0][0])
    y.backward(retain_graph=True)
    assert h() is not None
    del y
    assert h() is None


def test_results_that_nobody_wants_die_at_once(device):
    x = leaf(device)
    y = x.exp()
    tensor, array, node = weakref.ref(y), weakref.ref(y._a), weakref.ref(y.grad_fn)
    del y
    assert tensor() is None and array() is None and node() is None


def test_gradients_die_as_backward_passes(device):
    """At any time only the gradients of the front are alive."""
    alive = []
    refs = []

    def note(g):
        refs.append(weakref.ref(g))
        alive.append(sum(r() is not None for r in refs))

    x = leaf(device)
    h = x
    for _ in range(20):
        h = h.sin()
        h.register_hook(note)
    h.sum().backward()
    assert len(alive) == 20 and max(alive) <= 2


def test_leaves_die_although_their_graph_lives(device):
    x = leaf(device)
    y = (x * 2).sum()
    ref = weakref.ref(x)
    del x
    assert ref() is None
    y.backward()


def test_views_keep_their_base_alive_and_no_longer(device):
    y = leaf(device) * 1
    ref = weakref.ref(y)
    v = y[0]
    del y
    assert ref() is not None and v._base is ref()
    del v
    assert ref() is None


def length(device):
    return 300_000 if device == "cpu" else 10_000


class TestDeepGraphs:
    def test_chain(self, device):
        x = nnlite.ones(1, device=device, requires_grad=True)
        h = x
        for _ in range(length(device)):
            h = h * 1.0
        h.backward()
        assert x.grad.item() == 1
        del h

    def test_freed_without_backward(self, device):
        x = nnlite.ones(1, device=device, requires_grad=True)
        h = x
        for _ in range(length(device)):
            h = h + 1.0
        node = weakref.ref(h.grad_fn)
        del h
        assert node() is None

    def test_wide_and_deep(self, device):
        """Two ways from each node to the next."""
        x = nnlite.ones(1, dtype=nnlite.float64, device=device, requires_grad=True)
        h = x
        for _ in range(5000):
            h = h * 0.5 + h * 0.5
        h.backward()
        assert x.grad.item() == 1

    def test_double_backward(self, device):
        x = nnlite.ones(1, device=device, requires_grad=True)
        h = x
        for _ in range(2000):
            h = h * 1.0
        (g,) = nnlite.autograd.grad(h * h, x, create_graph=True)
        g.backward()
        assert x.grad.item() == 2

    def test_grad_of_one_leaf(self, device):
        x, w = (nnlite.ones(1, device=device, requires_grad=True) for _ in range(2))
        h = x
        for _ in range(5000):
            h = h * w
        (g,) = nnlite.autograd.grad(h, x)
        assert g.item() == 1

    def test_writes_in_place(self, device):
        x = nnlite.ones(3, device=device, requires_grad=True)
        y = x * 1
        for _ in range(5000):
            y.mul_(1.0)
        for _ in range(500):
            y[:1].mul_(1.0)
        y.sum().backward()
        assert x.grad.tolist() == [1, 1, 1]

    def test_views_of_views(self, device):
        y = nnlite.ones(3, device=device, requires_grad=True) * 1
        v = y
        for _ in range(2000):
            v = v[:]
        v.mul_(2)
        y.sum().backward()
        del v, y

    def test_custom_functions(self, device):
        x = nnlite.zeros(1, dtype=nnlite.float64, device=device, requires_grad=True)
        h = x
        for _ in range(2000):
            h = Exp.apply(h) - 1
        h.backward()
        assert x.grad.item() == 1

    def test_the_recursion_limit_is_not_touched(self, device):
        assert sys.getrecursionlimit() <= 10_000
