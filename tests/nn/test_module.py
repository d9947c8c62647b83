"""Walking through modules, modules as keys, printing and copying them."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import pytest
from small_modules import Net, Scale, values

import nnlite
from nnlite import nn

# Walking


def tree():
    shared = Scale()
    net = nn.Module()
    net.a = shared
    net.b = nn.Module()
    net.b.inner = shared
    net.b.add_module("none", None)
    net.b.w = shared.factor
    return net, shared


def test_duplicates_come_once():
    net, shared = tree()
    assert [name for name, _ in net.named_modules()] == ["", "a", "b"]
    assert [name for name, _ in net.named_modules(remove_duplicate=False)] == ["", "a", "b", "b.inner"]
    assert len(list(net.modules())) == 3 and len(list(net.modules(remove_duplicate=False))) == 4
    assert [name for name, _ in net.named_parameters()] == ["a.factor"]
    every = [name for name, _ in net.named_parameters(remove_duplicate=False)]
    assert every == ["a.factor", "b.w", "b.inner.factor"]
    assert list(net.parameters()) == [shared.factor]
    net.c = net.a
    assert [name for name, _ in net.named_children()] == ["a", "b"] and len(list(net.children())) == 2


def test_memo_prefix_and_recurse():
    net, shared = tree()
    assert [name for name, _ in net.named_modules({shared})] == ["", "b"]
    memo = set()
    list(net.named_modules(memo))
    assert memo == {net, shared, net.b}
    assert [name for name, _ in net.named_modules(prefix="p")] == ["p", "p.a", "p.b"]
    assert [name for name, _ in net.named_parameters("p")] == ["p.a.factor"]
    assert list(net.parameters(recurse=False)) == [] and list(net.b.parameters(recurse=False)) == [shared.factor]
    one = Net()
    assert [name for name, _ in one.named_buffers(prefix="x")] == ["x.mean", "x.scratch"]
    assert len(list(one.buffers())) == 2 and list(one.child.buffers()) == []


def test_get_by_name():
    net = Net()
    assert net.get_submodule("") is net and net.get_submodule("child") is net.child
    assert net.get_parameter("child.factor") is net.child.factor and net.get_buffer("mean") is net.mean
    for get, name, message in (
        (net.get_submodule, "child.x", "Scale has no attribute `x`"),
        (net.get_submodule, "x.y", "Net has no attribute `x`"),
        (net.get_submodule, "weight", "`weight` is not an nn.Module"),
        (net.get_parameter, "mean", "`mean` is not an nn.Parameter"),
        (net.get_parameter, "child.x", "Scale has no attribute `x`"),
        (net.get_buffer, "weight", "`weight` is not a buffer"),
        (net.get_buffer, "nothing", "Net has no attribute `nothing`"),
    ):
        with pytest.raises(AttributeError) as error:
            get(name)
        assert str(error.value) == message


def test_set_submodule():
    net, new = Net(), nn.Module()
    net.set_submodule("child", new)
    assert net.child is new
    net.set_submodule("child.deep", Scale())
    assert isinstance(net.child.deep, Scale)
    with pytest.raises(AttributeError, match=r"Net has no attribute `other`"):
        net.set_submodule("other", nn.Module(), strict=True)
    with pytest.raises(AttributeError, match=r"`weight` is not an nn.Module"):
        net.set_submodule("weight", nn.Module())
    with pytest.raises(ValueError, match=r"without a target name"):
        net.set_submodule("", nn.Module())
    with pytest.raises(ValueError, match=r"`module` is not an nn.Module, found <class 'int'>"):
        net.set_submodule("child", 3)


def test_apply_visits_children_first():
    order = []
    net = Net()
    assert net.apply(lambda module: order.append(type(module).__name__)) is net
    assert order == ["Scale", "Net"]


def test_modes():
    net = Net()
    assert net.training and net.eval() is net and not net.training and not net.child.training
    assert net.train().child.training
    with pytest.raises(ValueError, match=r"training mode is expected to be boolean"):
        net.train(1)
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    assert net.requires_grad_() is net and all(p.requires_grad for p in net.parameters())


def test_zero_grad(device):
    net = Net(device)
    net(nnlite.ones(2, device=device)).sum().backward()
    grad = net.weight.grad
    net.zero_grad(set_to_none=False)
    assert net.weight.grad is grad and values(grad) == [0, 0]
    net.zero_grad()
    assert net.weight.grad is None and net.child.factor.grad is None


# Modules as keys, as a tutorial has it


def test_modules_as_keys_of_modules(device):
    class MySequential(nn.Module):
        def __init__(self, *blocks):
            super().__init__()
            for block in blocks:
                self._modules[block] = block

        def forward(self, x):
            for block in self._modules.values():
                x = block(x)
            return x

    net = MySequential(Scale(), Scale()).to(device)
    assert values(net(nnlite.ones(2, device=device))) == [9, 9]
    assert list(net.state_dict()) == ["0.factor", "1.factor"]
    assert [name for name, _ in net.named_modules()] == ["", "0", "1"]
    assert repr(net) == "MySequential(\n  (0): Scale()\n  (1): Scale()\n)"
    assert net.get_submodule("1") is list(net.children())[1]
    other = nn.Sequential(Scale(), Scale())
    with nnlite.no_grad():
        for p in other.parameters():
            p.zero_()
    assert str(net.load_state_dict(other.state_dict())) == "<All keys matched successfully>"
    assert values(net(nnlite.ones(2, device=device))) == [0, 0]
    assert "_modules" in dir(net)
    twin = copy.deepcopy(net)
    assert next(iter(twin._modules)) is next(iter(twin._modules.values())) is not next(iter(net._modules))


def test_a_position_does_not_take_the_name_of_another_module():
    net = nn.Module()
    net._modules[Scale()] = Scale()
    net.add_module("0", nn.Module())
    assert [name for name, _ in net.named_children()] == ["_0", "0"]


# Printing


def test_repr():
    class Lines(nn.Module):
        def __init__(self, extra):
            super().__init__()
            self.extra = extra

        def extra_repr(self):
            return self.extra

    assert repr(Lines("")) == "Lines()" and repr(Lines("a=1")) == "Lines(a=1)"
    assert repr(Lines("a\nb")) == "Lines(\n  a\n  b\n)"
    net = Lines("a=1")
    net.child = Lines("x\ny")
    net.add_module("none", None)
    assert repr(net) == "Lines(\n  a=1\n  (child): Lines(\n    x\n    y\n  )\n  (none): None\n)"
    assert str(Net()) == "Net(\n  (child): Scale()\n)"


def test_dir():
    net = Net()
    names = dir(net)
    assert {"weight", "mean", "child", "size", "forward", "parameters"} <= set(names)
    assert names == sorted(names) and "0" not in dir(nn.Sequential(Scale()))


# Copying


def test_shallow_copy_shares_everything():
    net = Net()
    twin = copy.copy(net)
    assert twin is not net and twin.weight is net.weight and twin.child is net.child and twin.size == 7


def test_deepcopy_shares_nothing_but_keeps_ties(device):
    net = Net(device)
    net.tied = net.child
    net.weight.requires_grad_(False)
    twin = copy.deepcopy(net)
    assert twin.tied is twin.child is not net.child and type(twin.weight) is nn.Parameter
    assert not twin.weight.requires_grad and twin.child.factor.requires_grad
    assert twin._non_persistent_buffers_set == {"scratch"}
    with nnlite.no_grad():
        twin.weight.zero_()
        twin.mean += 1
    assert values(net.weight) == [1, 1] and values(net.mean) == [0, 0, 0]
    assert values(twin(nnlite.ones(2, device=device))) == [0, 0]


def test_pickle():
    net = Net().eval()
    net.child.factor.requires_grad_(False)
    twin = pickle.loads(pickle.dumps(net))
    assert not twin.training and twin.size == 7 and list(twin.state_dict()) == list(net.state_dict())
    assert type(twin.weight) is nn.Parameter and not twin.child.factor.requires_grad
    assert values(twin(nnlite.ones(2))) == [3, 3]


def test_state_of_an_older_version_is_completed():
    net = Net()
    state = dict(net.__dict__)
    del state["_forward_hooks_always_called"], state["_non_persistent_buffers_set"], state["_is_full_backward_hook"]
    twin = Net.__new__(Net)
    twin.__setstate__(state)
    assert twin._forward_hooks_always_called == {} and values(twin(nnlite.ones(2))) == [3, 3]


def test_a_module_is_freed_without_the_garbage_collector(device):
    gc.disable()
    try:
        net = Net(device)
        net(nnlite.ones(2, device=device)).sum().backward()
        ref = weakref.ref(net)
        del net
        assert ref() is None
    finally:
        gc.enable()
