"""Hooks on what the graph keeps, gradient edges, hooks on several gradients, names of saved values."""

from __future__ import annotations

import gc
import warnings
import weakref

import pytest

import nnlite
from nnlite._core.node import Node
from nnlite.autograd import graph


def leaf(values, device):
    return nnlite.tensor(values, device=device, requires_grad=True)


class TestHooks:
    def test_what_is_packed_is_unpacked(self, device):
        x, w = leaf([1.0, 2.0], device), leaf([3.0, 4.0], device)
        seen = []

        def pack(t):
            seen.append(t)
            return t.tolist()

        with graph.saved_tensors_hooks(pack, lambda kept: nnlite.tensor(kept, device=device)):
            y = (x * w).exp()
        assert seen[0] is x and seen[1] is w
        (y * 0.5).sum().backward()
        want = 0.5 * nnlite.tensor([3.0, 8.0], device=device).exp()
        assert nnlite.allclose(x.grad, want * w) and nnlite.allclose(w.grad, want * x)

    def test_the_innermost_hooks_count(self, device):
        x = leaf([1.0], device)
        names = []
        with graph.saved_tensors_hooks(lambda t: names.append("outer") or t, lambda t: t):
            with graph.saved_tensors_hooks(lambda t: names.append("inner") or t, lambda t: t):
                x.exp()
            x.exp()
        x.exp()
        assert names == ["inner", "outer"]

    def test_only_its_own_nodes(self, device):
        with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            hooked = leaf([1.0], device).exp()
        assert type(leaf([1.0], device).exp().grad_fn) is Node and type(hooked.grad_fn) is not Node

    def test_nothing_is_kept_twice(self, device):
        x = leaf([1.0, 2.0], device)
        with graph.saved_tensors_hooks(lambda t: 0, lambda kept: nnlite.zeros(2, device=device)):
            y = x * 2
            middle = y.exp()
            alive = weakref.ref(middle._a) if device != "cpu" else None
            out = middle.sin()
        del y, middle
        gc.collect()
        assert alive is None or alive() is None
        out.sum().backward()
        assert x.grad.tolist() == [0, 0]

    def test_double_backward(self, device):
        x = leaf(2.0, device)
        with graph.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
            (g,) = nnlite.autograd.grad(x**3, x, create_graph=True)
            (gg,) = nnlite.autograd.grad(g, x)
        assert gg.item() == 12

    def test_operations_with_many_inputs(self, device):
        layer = nnlite.nn.Linear(3, 2, device=device)
        x = nnlite.ones(4, 3, device=device)
        with graph.save_on_cpu():
            layer(x).tanh().sum().backward()
        want = nnlite.autograd.grad(layer(x).tanh().sum(), layer.weight)[0]
        assert nnlite.allclose(layer.weight.grad, want)

    def test_errors(self, device):
        x = leaf([1.0], device)
        writing = graph.saved_tensors_hooks(lambda t: t.detach().add_(1), lambda t: t)
        with writing, pytest.raises(RuntimeError, match="modifying its input in place"):
            x.exp()
        with graph.saved_tensors_hooks(lambda t: 1, lambda kept: kept):
            y = x.exp()
        with pytest.raises(TypeError, match="expected to be a Tensor"):
            y.backward()
        with graph.disable_saved_tensors_hooks("not here"), pytest.raises(RuntimeError, match="not here"):
            graph.saved_tensors_hooks(lambda t: t, lambda t: t).__enter__()

    def test_mutation(self, device):
        with graph.allow_mutation_on_saved_tensors():
            a = leaf([1.0, 2.0], device)
            b = a.clone()
            out = (b**2).sum()
            b.mul_(10)
            out.backward()
        assert a.grad.tolist() == [2, 4]


class TestNodes:
    def test_saved_values_by_name(self, device):
        x, w = leaf([1.0], device), leaf([2.0], device)
        node = (x * w).grad_fn
        assert node._saved_self is x and node._saved_other is w
        e = x.exp()
        assert e.grad_fn._saved_result.tolist() == e.tolist() and e.grad_fn._saved_result.grad_fn is e.grad_fn
        assert x.sum(0).grad_fn._saved_dim == (0,)
        with pytest.raises(AttributeError, match="_saved_nothing"):
            _ = node._saved_nothing
        (x * w).backward(retain_graph=True)
        y = x * w
        y.backward()
        with pytest.raises(RuntimeError, match="second time"):
            _ = y.grad_fn._saved_self

    def test_hooks_on_one_value(self, device):
        x = leaf([1.0], device)
        y = x.exp()
        raw = y.grad_fn._raw_saved_result
        raw.register_hooks(lambda t: t.detach() * 2, lambda t: t)
        with pytest.raises(RuntimeError, match="already has hooks"):
            raw.register_hooks(lambda t: t, lambda t: t)
        y.backward()
        assert nnlite.allclose(x.grad, 2 * y.detach())

    def test_metadata(self, device):
        node = leaf([1.0], device).exp().grad_fn
        node.metadata["mine"] = 1
        assert node.metadata == {"mine": 1} and isinstance(node, graph.Node)

    def test_edges(self, device):
        x = leaf([1.0, 5.0], device)
        edge = graph.get_gradient_edge(x)
        assert edge.node.name() == "AccumulateGrad" and edge.output_nr == 0
        assert nnlite.autograd.grad((x * 2).sum(), edge)[0].tolist() == [2, 2]
        largest = (x * 1).max(0)
        edge = graph.get_gradient_edge(largest.values)
        assert nnlite.autograd.grad(largest.values * 3, edge)[0].item() == 3
        with pytest.raises(RuntimeError, match="that does not require gradients"):
            graph.get_gradient_edge(x.detach())

    def test_versions(self, device):
        x = leaf([1.0], device)
        y = x * 1
        z = y.exp() * y
        graph.increment_version(y)
        with pytest.raises(RuntimeError, match="modified by an inplace"):
            z.backward()


class TestMultiGradHooks:
    def test_all(self, device):
        a, b, c = (leaf([1.0], device) for _ in range(3))
        calls = []
        handle = graph.register_multi_grad_hook((a, b, c), calls.append)
        (a * 2 + b * 3).sum().backward()
        (grads,) = calls
        assert [g if g is None else g.item() for g in grads] == [2, 3, None]
        (a * c).sum().backward()
        assert len(calls) == 2 and calls[1][1] is None
        handle.remove()
        (a * b).sum().backward()
        assert len(calls) == 2

    def test_any(self, device):
        a, b = leaf([1.0], device), leaf([1.0], device)
        calls = []
        graph.register_multi_grad_hook((a, b), calls.append, mode="any")
        (a * 2 + b * 3).sum().backward()
        (a * 2 + b * 3).sum().backward()
        assert len(calls) == 2


class TestAnomaly:
    def test_nan(self, device):
        x = nnlite.zeros(1, device=device, requires_grad=True)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", UserWarning)
            with nnlite.autograd.detect_anomaly():
                y = x.sqrt() * 0
                with pytest.raises(RuntimeError, match="'SqrtBackward0' returned nan values in its 0th output"):
                    y.backward()
        texts = [str(w.message) for w in told if w.category is UserWarning]
        assert "Anomaly Detection has been enabled" in texts[0]
        assert "Error detected in SqrtBackward0" in texts[1] and "test_saved_tensors.py" in texts[1]
        x.sqrt().mul(0).backward()

    def test_setting(self, device):
        x = nnlite.zeros(1, device=device, requires_grad=True)
        with nnlite.autograd.set_detect_anomaly(True, check_nan=False):
            assert nnlite.autograd.anomaly_mode.is_anomaly_enabled()
            (x.sqrt() * 0).backward()
        assert not nnlite.autograd.anomaly_mode.is_anomaly_enabled()


class TestInference:
    def test_told_apart(self, device):
        x = leaf([1.0, 2.0], device)
        with nnlite.inference_mode():
            a = nnlite.ones(2, device=device)
            b = a * 2
            a.add_(1)
            view = x[:1]
        assert a.is_inference() and b.is_inference() and a[:1].is_inference() and type(a) is nnlite.Tensor
        assert not view.is_inference() and not a.clone().is_inference() and not x.is_inference()
        assert (a + x).tolist() == [3, 4]
        with pytest.raises(RuntimeError, match="cannot be saved for backward"):
            a * x
        with pytest.raises(RuntimeError, match="Inplace update to inference tensor"):
            a.add_(1)
        with pytest.raises(RuntimeError, match="requires_grad=True on inference"):
            a.requires_grad_()
        with pytest.raises(RuntimeError, match="do not track version"):
            _ = a._version
        assert a.tolist() == [2, 2]
        assert not nnlite.ones(2, device=device).is_inference()
