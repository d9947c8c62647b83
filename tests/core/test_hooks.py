"""Hooks of tensors and of graph nodes."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite


def leaf(values, device):
    return nnlite.tensor(values, dtype=nnlite.float64, device=device, requires_grad=True)


def values(t):
    return t.detach().cpu().numpy()


def test_a_hook_sees_and_replaces_the_gradient(device):
    x = leaf([1.0, 2.0], device)
    seen = []
    y = x * 3
    y.register_hook(lambda g: seen.append(values(g).tolist()))
    y.register_hook(lambda g: g * 2)
    y.register_hook(lambda g: seen.append(values(g).tolist()))
    y.sum().backward()
    assert seen == [[1, 1], [2, 2]]
    np.testing.assert_array_equal(values(x.grad), [6, 6])


def test_a_hook_runs_once_for_the_whole_gradient(device):
    x = leaf([1.0], device)
    seen = []
    x.register_hook(lambda g: seen.append(g.item()))
    (x * 2 + x * 3 + x.exp() * 0).sum().backward()
    assert seen == [5]


def test_removed_hooks_are_silent(device):
    x = leaf([1.0], device)
    handle = x.register_hook(lambda g: g * 100)
    handle.remove()
    handle.remove()
    with x.register_hook(lambda g: g * 10):
        pass
    x.sum().backward()
    assert x.grad.item() == 1


def test_a_hook_belongs_to_the_value_it_was_registered_on(device):
    x = leaf([1.0], device)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    y.mul_(3)
    y.sum().backward()
    assert x.grad.item() == 60


def test_retain_grad_keeps_what_hooks_leave(device):
    x = leaf([1.0], device)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert y.grad.item() == 10 and x.grad.item() == 20


def test_hooks_survive_a_rest(device):
    x = leaf([1.0], device)
    x.register_hook(lambda g: g * 2)
    x.requires_grad_(False)
    x.requires_grad_(True)
    x.sum().backward()
    assert x.grad.item() == 2


def test_hooks_run_for_grad_as_well(device):
    x = leaf([1.0], device)
    y = x * 2
    y.register_hook(lambda g: g * 5)
    x.register_hook(lambda g: g * 7)
    (g,) = nnlite.autograd.grad(y.sum(), x)
    assert g.item() == 70


def test_hooks_of_one_of_several_outputs(device):
    x = leaf([[1.0, 5.0], [4.0, 2.0]], device)
    largest, where = x.max(1)
    largest.register_hook(lambda g: g * 3)
    assert not where.requires_grad
    largest.sum().backward()
    np.testing.assert_array_equal(values(x.grad), [[0, 3], [3, 0]])


def test_hooks_under_create_graph_are_recorded(device):
    x = leaf([2.0], device)
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = nnlite.autograd.grad(y.sum(), x, create_graph=True)
    assert g.item() == 8  # 2 x * x
    (second,) = nnlite.autograd.grad(g.sum(), x)
    assert second.item() == 8


def test_after_accumulation(device):
    x = leaf([1.0, 2.0], device)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda p: seen.append((p is x, values(p.grad).tolist())))
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    assert seen == [(True, [2, 2]), (True, [4, 4])]
    handle.remove()
    (x * 2).sum().backward()
    assert len(seen) == 2
    with pytest.raises(RuntimeError, match="non-leaf"):
        (x * 1).register_post_accumulate_grad_hook(seen.append)


def test_optimizer_step_in_backward(device):
    """The pattern that frees each gradient as soon as it is there."""
    w = leaf([1.0, 2.0], device)

    def step(p):
        with nnlite.no_grad():
            p.sub_(p.grad * 0.5)
        p.grad = None

    w.register_post_accumulate_grad_hook(step)
    (w * w).sum().backward()
    np.testing.assert_array_equal(values(w), [0, 0])
    assert w.grad is None


def test_hooks_of_nodes(device):
    x = leaf([1.0], device)
    seen = []
    y = x * 2
    y.grad_fn.register_prehook(lambda gout: seen.append(("pre", len(gout))))
    y.grad_fn.register_hook(lambda gin, gout: seen.append(("post", gin[0].item(), gout[0].item())))
    (y * 3).sum().backward()
    assert seen == [("pre", 1), ("post", 6, 3)]
    z = x * 2
    z.grad_fn.register_hook(lambda gin, gout: (gin[0] * 10, gin[1]))
    x.grad = None
    z.sum().backward()
    assert x.grad.item() == 20


@pytest.mark.parametrize(
    "hook, error, text",
    [
        (lambda g: g.reshape(1, -1), RuntimeError, "has changed the size of value"),
        (lambda g: g.float(), RuntimeError, "has changed the type of value"),
        (lambda g: 3, TypeError, "expected a Tensor"),
    ],
)
def test_wrong_results_are_refused(hook, error, text, device):
    x = leaf([1.0, 2.0], device)
    y = x * 2
    y.register_hook(hook)
    with pytest.raises(error, match=text):
        y.sum().backward()


def test_tensors_without_gradient_take_no_hooks(device):
    x = nnlite.ones(1, device=device)
    for register in (x.register_hook, x.register_post_accumulate_grad_hook):
        with pytest.raises(RuntimeError, match="doesn't require gradient"):
            register(lambda g: g)


def test_an_error_in_a_hook_comes_through(device):
    x = leaf([1.0], device)

    def hook(g):
        raise ZeroDivisionError("in the hook")

    x.register_hook(hook)
    with pytest.raises(ZeroDivisionError, match="in the hook"):
        x.sum().backward()
    assert nnlite.is_grad_enabled()
