"""Hooks around forward and backward, on one module and on all."""

from __future__ import annotations

import collections
import copy
import gc
import pickle
import weakref
from contextlib import ExitStack

import pytest

import nnlite
from nnlite import nn
from nnlite.nn.modules import module as module_file
from nnlite.utils.hooks import RemovableHandle, unserializable_hook


class Echo(nn.Module):
    def forward(self, x, add=0):
        return x + add


class Scale(nn.Module):
    def __init__(self, device="cpu"):
        super().__init__()
        self.w = nn.Parameter(nnlite.ones(2, device=device) * 3)

    def forward(self, x, unused=None):
        return x * self.w


class Two(nn.Module):
    def forward(self, a, b):
        return a * 2, b * 3


class Fails(nn.Module):
    def forward(self, x):
        raise ValueError("boom")


def values(t):
    return None if t is None else t.detach().cpu().numpy().tolist()


def ones(device):
    return nnlite.ones(2, device=device, requires_grad=True)


def picklable_hook(module, args, output):
    return output + 1


# Around forward


def test_pre_hook_changes_the_arguments():
    net = Echo()
    seen = []
    net.register_forward_pre_hook(lambda module, args: seen.append((module, args)))
    net.register_forward_pre_hook(lambda module, args: args[0] + 1)
    net.register_forward_pre_hook(lambda module, args: (args[0] * 10, 5))
    assert net(1) == 25 and seen == [(net, (1,))]


def test_pre_hook_with_kwargs():
    net = Echo()
    net.register_forward_pre_hook(lambda module, args, kwargs: (args, {"add": kwargs["add"] + 1}), with_kwargs=True)
    net.register_forward_pre_hook(lambda module, args, kwargs: None, with_kwargs=True)
    assert net(1, add=2) == 4
    net.register_forward_pre_hook(lambda module, args, kwargs: 5, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 5"):
        net(1, add=2)


def test_forward_hook_changes_the_output():
    net = Echo()
    net.register_forward_hook(lambda module, args, output: None)
    first = net.register_forward_hook(lambda module, args, output: output + args[0])
    net.register_forward_hook(lambda module, args, output: output * 10, prepend=True)
    net.register_forward_hook(lambda module, args, kwargs, output: output + kwargs["add"], with_kwargs=True)
    assert net(1, add=1) == 22
    first.remove()
    first.remove()
    assert net(1, add=1) == 21


def test_prepended_pre_hook_runs_first():
    net = Echo()
    net.register_forward_pre_hook(lambda module, args: args[0] + 1)
    net.register_forward_pre_hook(lambda module, args: args[0] * 10, prepend=True)
    assert net(1) == 11


def test_always_call_runs_after_an_exception():
    net = Fails()
    seen = []
    net.register_forward_pre_hook(lambda module, args: (7,))
    net.register_forward_hook(lambda module, args, output: seen.append((args, output)), always_call=True)
    net.register_forward_hook(lambda module, args, output: seen.append("never"))
    net.register_forward_hook(
        lambda module, args, kwargs, output: seen.append(kwargs), always_call=True, with_kwargs=True
    )
    with pytest.raises(ValueError, match=r"boom"):
        net(1)
    assert seen == [((7,), None), {}]


def test_always_call_runs_once():
    net = Echo()
    seen = []

    def fail(module, args, output):
        raise KeyError("hook")

    net.register_forward_hook(lambda module, args, output: seen.append("first"), always_call=True)
    net.register_forward_hook(fail)
    net.register_forward_hook(lambda module, args, output: seen.append(output), always_call=True)
    with pytest.raises(KeyError, match=r"hook"):
        net(1)
    assert seen == ["first", 1]


def test_an_exception_in_an_always_called_hook_does_not_hide_the_first():
    net = Fails()

    def fail(module, args, output):
        raise KeyError("second")

    net.register_forward_hook(fail, always_call=True)
    message = "module forward hook with ``always_call=True`` raised an exception that was silenced .*'second'"
    with pytest.warns(UserWarning, match=message), pytest.raises(ValueError, match=r"boom"):
        net(1)


def test_removing_a_hook_removes_its_flags():
    net = Echo()
    handles = [
        net.register_forward_hook(lambda *a: None, with_kwargs=True, always_call=True),
        net.register_forward_pre_hook(lambda *a: None, with_kwargs=True),
    ]
    for handle in handles:
        handle.remove()
    for name, held in vars(net).items():
        if name.endswith(("_hooks", "_kwargs", "_called")):
            assert len(held) == 0, name


# The handle


def test_handle_is_a_context_manager():
    net = Echo()
    with net.register_forward_hook(lambda module, args, output: output + 1) as handle:
        assert isinstance(handle, RemovableHandle) and net(1) == 2
    assert net(1) == 1


def test_handle_outlives_its_module():
    net = Echo()
    handle = net.register_forward_hook(lambda module, args, output: None)
    ref = weakref.ref(net)
    del net
    gc.collect()
    assert ref() is None
    handle.remove()


def test_handles_have_ids_of_their_own_after_pickling():
    hooks, extra = collections.OrderedDict(), collections.OrderedDict()
    handle = RemovableHandle(hooks, extra_dict=extra)
    hooks[handle.id] = extra[handle.id] = 1
    again, hooks2, extra2 = pickle.loads(pickle.dumps((handle, hooks, extra)))
    again.remove()
    assert not hooks2 and not extra2 and len(hooks) == len(extra) == 1
    assert RemovableHandle(hooks).id > again.id
    del hooks, extra
    gc.collect()
    dead = pickle.loads(pickle.dumps(handle))
    dead.remove()


def test_unserializable_hook_marks():
    def hook(grad):
        return grad

    assert unserializable_hook(hook) is hook and hook.__torch_unserializable__


# On all modules


def test_global_forward_hooks():
    order = []
    outer = nn.Sequential(Echo())
    outer.register_forward_hook(lambda module, args, output: order.append("own"))
    with ExitStack() as stack:
        for handle in (
            module_file.register_module_forward_pre_hook(lambda m, args: order.append("pre " + type(m).__name__)),
            module_file.register_module_forward_hook(lambda m, args, out: order.append("post " + type(m).__name__)),
            module_file.register_module_forward_hook(lambda m, args, kwargs, out: out + 1, with_kwargs=True),
        ):
            stack.enter_context(handle)
        assert outer(1) == 3
    assert order == ["pre Sequential", "pre Echo", "post Echo", "post Sequential", "own"]
    assert Echo()(1) == 1 and len(order) == 5


def test_global_always_called_hook():
    seen = []
    with (
        module_file.register_module_forward_hook(lambda m, args, out: seen.append(out), always_call=True),
        pytest.raises(ValueError, match=r"boom"),
    ):
        Fails()(1)
    assert seen == [None]

    def fail(module, args, output):
        raise KeyError("second")

    with (
        module_file.register_module_forward_hook(fail, always_call=True),
        pytest.warns(UserWarning, match=r"global module forward hook with"),
        pytest.raises(ValueError, match=r"boom"),
    ):
        Fails()(1)


# Around backward


def recorder():
    seen = []

    def hook(module, grad_input, grad_output):
        seen.append(([values(g) for g in grad_input], [values(g) for g in grad_output]))

    return seen, hook


def test_full_backward_hook_sees_the_gradients_of_this_module(device):
    net, (seen, hook) = Scale(device), recorder()
    net.register_full_backward_hook(hook)
    x = ones(device)
    (net(x, "text").sum() + (x * 100).sum()).backward()
    assert seen == [([[3, 3], None], [[1, 1]])]
    assert values(x.grad) == [103, 103] and values(net.w.grad) == [1, 1]


def test_full_backward_hook_changes_the_gradient(device):
    net = Scale(device)
    net.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_input[0] * 10,))
    net.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_input[0] + 1,))
    net.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_input[0] * 2,), prepend=True)
    x = ones(device)
    net(x).sum().backward()
    assert values(x.grad) == [61, 61] and values(net.w.grad) == [1, 1]


def test_full_backward_pre_hook_changes_what_goes_through(device):
    net, (seen, hook) = Scale(device), recorder()
    net.register_full_backward_hook(hook)
    net.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * 10,))
    net.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] + 1,), prepend=True)
    net.register_full_backward_pre_hook(lambda module, grad_output: None)
    x = ones(device)
    net(x).sum().backward()
    assert values(x.grad) == [60, 60] and values(net.w.grad) == [20, 20] and seen == [([[60, 60]], [[20, 20]])]


def test_several_inputs_and_outputs(device):
    net, (seen, hook) = Two(), recorder()
    net.register_full_backward_hook(hook)
    a, b = ones(device), ones(device)
    first, second = net(a, b)
    (first.sum() + 2 * second.sum()).backward()
    assert seen == [([[2, 2], [6, 6]], [[1, 1], [2, 2]])]
    assert values(a.grad) == [2, 2] and values(b.grad) == [6, 6]


def test_an_output_that_was_not_used_has_no_gradient(device):
    net, (seen, hook) = Two(), recorder()
    net.register_full_backward_hook(hook)
    a, b = ones(device), ones(device)
    net(a, b)[0].sum().backward()
    assert seen == [([[2, 2], [0, 0]], [[1, 1], None])]


def test_an_input_that_requires_no_gradient(device):
    net, (seen, hook) = Two(), recorder()
    net.register_full_backward_hook(hook)
    a, b = ones(device), nnlite.ones(2, device=device)
    first, second = net(a, b)
    assert first.requires_grad and not second.requires_grad
    first.sum().backward()
    assert seen == [([[2, 2], [0, 0]], [[1, 1], None])] and b.grad is None


def test_no_input_requires_a_gradient(device):
    net, (seen, hook) = Scale(device), recorder()
    net.register_full_backward_hook(hook)
    with pytest.warns(UserWarning, match=r"no inputs require gradients"):
        net(nnlite.ones(2, device=device), 5).sum().backward()
    assert seen == [([None, None], [[1, 1]])] and values(net.w.grad) == [1, 1]
    net.register_full_backward_hook(lambda module, grad_input, grad_output: (None, None))
    with pytest.warns(UserWarning, match=r"no inputs require gradients"):
        net(nnlite.ones(2, device=device), 5).sum().backward()
    net.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_output[0], None))
    loss = net(nnlite.ones(2, device=device), 5).sum()
    with (
        pytest.warns(UserWarning, match=r"no inputs require gradients"),
        pytest.raises(RuntimeError, match=r"where no input requires gradient should always return None"),
    ):
        loss.backward()


def test_wrong_number_of_gradients(device):
    net = Scale(device)
    handle = net.register_full_backward_hook(lambda module, grad_input, grad_output: (None, None, None))
    loss = net(ones(device), 1).sum()
    with pytest.raises(RuntimeError, match=r"invalid number of grad_input, got 3, but expected 2"):
        loss.backward()
    handle.remove()
    net.register_full_backward_pre_hook(lambda module, grad_output: (None, None))
    loss = net(ones(device)).sum()
    with pytest.raises(RuntimeError, match=r"invalid number of grad_output, got 2, but expected 1"):
        loss.backward()


def test_hooks_do_nothing_without_a_graph(device):
    net, (seen, hook) = Scale(device), recorder()
    net.register_full_backward_hook(hook)
    with nnlite.no_grad():
        y = net(ones(device))
    assert not y.requires_grad and values(y) == [3, 3] and seen == []
    net.requires_grad_(False)
    assert net(nnlite.ones(2, device=device)).grad_fn is None


def test_output_shows_the_hook_node(device):
    net = Scale(device)
    net.register_full_backward_hook(lambda *a: None)
    y = net(ones(device))
    assert y.grad_fn.name() == "BackwardHookFunctionBackward" and "grad_fn=<BackwardHookFunctionBackward>" in repr(y)


def test_a_call_twice_in_one_graph(device):
    net, (seen, hook) = Scale(device), recorder()
    net.register_full_backward_hook(hook)
    x = ones(device)
    net(net(x)).sum().backward()
    assert [entry[1] for entry in seen] == [[[1, 1]], [[3, 3]]] and values(x.grad) == [9, 9]


def test_double_backward_through_a_hooked_module(device):
    net, (seen, hook) = Scale(device), recorder()
    net.register_full_backward_hook(hook)
    x = ones(device)
    (grad,) = nnlite.autograd.grad((net(x) ** 2).sum(), x, create_graph=True)
    assert values(grad) == [18, 18]
    grad.sum().backward()
    assert values(x.grad) == [18, 18] and len(seen) == 2


def test_named_tuple_outputs_stay_named_tuples(device):
    Pair = collections.namedtuple("Pair", "value note")

    class Named(nn.Module):
        def forward(self, x):
            return Pair(x * 2, "note")

    net, (seen, hook) = Named(), recorder()
    net.register_full_backward_hook(hook)
    result = net(ones(device))
    assert isinstance(result, Pair) and result.note == "note"
    result.value.sum().backward()
    assert seen == [([[2, 2]], [[1, 1], None])]


def test_outputs_that_hooks_cannot_see_give_a_warning(device):
    class Dictionary(nn.Module):
        def forward(self, x):
            return {"y": x * 2}

    net, (seen, hook) = Dictionary(), recorder()
    net.register_full_backward_hook(hook)
    with pytest.warns(UserWarning, match=r"module output should be a Tensor or a tuple of Tensors but received <class"):
        result = net(ones(device))
    result["y"].sum().backward()
    assert seen == []


def test_the_kinds_of_backward_hooks_do_not_mix():
    net = Echo()
    net.register_full_backward_hook(lambda *a: None)
    with pytest.raises(RuntimeError, match=r"on a single Module. Please use only one of them"):
        net.register_backward_hook(lambda *a: None)
    net = Echo()
    net.register_backward_hook(lambda *a: None)
    with pytest.raises(RuntimeError, match=r"on a single Module. Please use only one of them"):
        net.register_full_backward_hook(lambda *a: None)


def test_older_backward_hook_sees_the_last_operation(device):
    net, (seen, hook) = Scale(device), recorder()
    net.register_backward_hook(hook)
    x = ones(device)
    net(x).sum().backward()
    assert seen == [([[3, 3], [1, 1]], [[1, 1]])]


def test_global_backward_hooks(device):
    net, (seen, hook) = nn.Sequential(Scale(device), Scale(device)), recorder()
    order = []
    with (
        module_file.register_module_full_backward_hook(hook),
        module_file.register_module_full_backward_pre_hook(lambda m, grad_output: order.append(type(m).__name__)),
    ):
        with pytest.raises(RuntimeError, match=r"as a global Module hook. Please use only one of them"):
            module_file.register_module_backward_hook(hook)
        net(ones(device)).sum().backward()
    assert order == ["Sequential", "Scale", "Scale"]
    assert [entry[1] for entry in seen] == [[[1, 1]], [[3, 3]], [[1, 1]]]
    net(ones(device)).sum().backward()
    assert len(seen) == 3


def test_nothing_is_held_after_backward(device):
    gc.disable()
    try:
        net = Scale(device)
        net.register_full_backward_hook(lambda *a: None)
        y = net(ones(device)).sum()
        y.backward()
        ref = weakref.ref(net)
        del net, y
        assert ref() is None
    finally:
        gc.enable()


def test_an_output_cannot_be_written_to_but_its_clone_can(device):
    net, (seen, hook) = Scale(device), recorder()
    net.register_full_backward_hook(hook)
    x = ones(device)
    y = net(x)
    with pytest.raises(RuntimeError, match=r"is being modified inplace"):
        y *= 2
    y = y.clone()
    y *= 2
    y.sum().backward()
    assert values(x.grad) == [6, 6] and seen == [([[6, 6]], [[2, 2]])]


# Copies


def test_hooks_are_copied_and_pickled():
    net = Echo()
    net.register_forward_hook(picklable_hook)
    twin, again = copy.deepcopy(net), pickle.loads(pickle.dumps(net))
    assert twin(1) == again(1) == 2
    twin._forward_hooks.clear()
    assert twin(1) == 1 and net(1) == 2
