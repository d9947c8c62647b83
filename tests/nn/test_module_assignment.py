"""What a module holds, and how assignments find their place."""

from __future__ import annotations

import pytest
from small_modules import Net, values

import nnlite
from nnlite import nn
from nnlite.nn.modules import module as module_file


def test_assignment_before_init_names_what_is_missing():
    class Forgetful(nn.Module):
        def __init__(self, kind):
            if kind == "parameter":
                self.x = nn.Parameter(nnlite.ones(1))
            elif kind == "module":
                self.x = nn.Module()
            elif kind == "buffer":
                self.x = nn.Buffer(nnlite.ones(1))
            elif kind == "register_buffer":
                self.register_buffer("x", None)
            elif kind == "register_parameter":
                self.register_parameter("x", None)
            else:
                self.x = 1

    for kind, message in {
        "parameter": "cannot assign parameters before Module.__init__() call",
        "module": "cannot assign module before Module.__init__() call",
        "buffer": "cannot assign buffer before Module.__init__() call",
        "register_buffer": "cannot assign buffer before Module.__init__() call",
        "register_parameter": "cannot assign parameter before Module.__init__() call",
    }.items():
        with pytest.raises(AttributeError) as error:
            Forgetful(kind)
        assert str(error.value) == message
    with pytest.raises(AttributeError, match=r"'Forgetful' object has no attribute '_forward_hooks'"):
        Forgetful("plain")(1)


def test_assignment_finds_its_place(device):
    net = nn.Module()
    net.w = nn.Parameter(nnlite.ones(2, device=device))
    net.b = nn.Buffer(nnlite.zeros(2, device=device), persistent=False)
    net.m = nn.Module()
    net.t = nnlite.zeros(2, device=device)
    net.n = 3
    assert list(net._parameters) == ["w"] and list(net._buffers) == ["b"] and list(net._modules) == ["m"]
    assert net._non_persistent_buffers_set == {"b"}
    assert "t" in net.__dict__ and "n" in net.__dict__ and "w" not in net.__dict__
    assert net.w is net._parameters["w"] and net.b is net._buffers["b"] and net.m is net._modules["m"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("weight", 3, "cannot assign 'int' as parameter 'weight' (torch.nn.Parameter or None expected)"),
        ("weight", "x", "cannot assign 'str' as parameter 'weight' (torch.nn.Parameter or None expected)"),
        ("mean", 3, "cannot assign 'int' as buffer 'mean' (torch.nn.Buffer, torch.Tensor or None expected)"),
        ("child", [], "cannot assign 'list' as child module 'child' (torch.nn.Module or None expected)"),
    ],
)
def test_assignment_of_a_wrong_type(name, value, message):
    net = Net()
    with pytest.raises(TypeError) as error:
        setattr(net, name, value)
    assert str(error.value) == message
    assert list(net.state_dict()) == ["weight", "mean", "child.factor"]


def test_a_plain_tensor_does_not_replace_a_parameter_but_a_buffer(device):
    net = Net(device)
    with pytest.raises(TypeError, match=r"as parameter 'weight'"):
        net.weight = nnlite.ones(2, device=device)
    with pytest.raises(TypeError, match=r"as child module 'child'"):
        net.child = nnlite.ones(2, device=device)
    net.mean = nnlite.ones(3, device=device)
    net.scratch = nnlite.zeros(1, device=device)
    assert values(net.mean) == [1, 1, 1] and net._non_persistent_buffers_set == {"scratch"}


def test_none_keeps_the_name():
    net = Net()
    net.weight = None
    net.mean = None
    net.child = None
    assert net.weight is None and net.mean is None and net.child is None
    assert list(net.parameters()) == [] and list(net.children()) == [] and len(net.state_dict()) == 0
    net.weight = nn.Parameter(nnlite.zeros(1))
    assert list(net.state_dict()) == ["weight"]


def test_assignment_moves_a_name_between_the_kinds():
    net = Net()
    net.size = nn.Parameter(nnlite.ones(1))
    assert "size" not in net.__dict__ and "size" in net._parameters
    net.mean = nn.Parameter(nnlite.ones(1))
    assert "mean" not in net._buffers and "mean" in net._parameters
    net.scratch = nn.Module()
    assert net._buffers == {} and net._non_persistent_buffers_set == set() and "scratch" in net._modules
    net.child = nn.Parameter(nnlite.ones(1))
    assert list(net._modules) == ["scratch"]


def test_delete(device):
    net = Net(device)
    for name in ("weight", "mean", "scratch", "child", "size"):
        delattr(net, name)
        assert not hasattr(net, name)
    assert net._non_persistent_buffers_set == set() and len(net.state_dict()) == 0
    with pytest.raises(AttributeError):
        del net.weight


def test_missing_attribute():
    with pytest.raises(AttributeError, match=r"^'Net' object has no attribute 'wieght'$"):
        _ = Net().wieght


def test_register_checks_names_and_types():
    net = Net()
    for register, kind, good in (
        (net.register_parameter, "parameter", nn.Parameter(nnlite.ones(1))),
        (net.register_buffer, "buffer", nnlite.ones(1)),
    ):
        with pytest.raises(TypeError, match=f"{kind} name should be a string. Got int"):
            register(3, good)
        with pytest.raises(KeyError, match=f'{kind} name can.*t contain "."'):
            register("a.b", good)
        with pytest.raises(KeyError, match=f"{kind} name can.*t be empty string"):
            register("", good)
        with pytest.raises(KeyError, match=r"attribute 'child' already exists"):
            register("child", good)
        with pytest.raises(KeyError, match=r"attribute 'forward' already exists"):
            register("forward", good)
        with pytest.raises(TypeError, match=r"cannot assign 'int' object to"):
            register("new", 3)
    with pytest.raises(TypeError, match=r"int is not a Module subclass"):
        net.add_module("new", 3)
    with pytest.raises(TypeError, match=r"module name should be a string. Got int"):
        net.add_module(3, nn.Module())
    with pytest.raises(KeyError, match=r'module name can.*t contain ".", got: a.b'):
        net.register_module("a.b", nn.Module())
    with pytest.raises(KeyError, match=r"module name can.*t be empty string"):
        net.add_module("", nn.Module())
    with pytest.raises(KeyError, match=r"attribute 'weight' already exists"):
        net.add_module("weight", nn.Module())
    assert list(net.state_dict()) == ["weight", "mean", "child.factor"]


def test_a_parameter_must_be_a_leaf(device):
    p = nn.Parameter(nnlite.ones(2, device=device))
    net = nn.Module()
    with pytest.raises(TypeError, match=r"cannot assign 'torch.*' object to parameter 'w'"):
        net.register_parameter("w", p * 2)

    class Derived(nn.Parameter):
        grad_fn = object()

    with pytest.raises(ValueError, match=r"Cannot assign non-leaf Tensor to parameter 'w'. Model parameters must be"):
        net.register_parameter("w", Derived(p.data))
    assert net._parameters == {}


def test_registering_a_buffer_again_changes_whether_it_is_persistent():
    net = Net()
    net.register_buffer("mean", nnlite.zeros(1), persistent=False)
    net.register_buffer("scratch", nnlite.zeros(1))
    assert net._non_persistent_buffers_set == {"mean"} and list(net.state_dict()) == [
        "weight",
        "scratch",
        "child.factor",
    ]


def test_register_buffer_of_a_subclass_is_used():
    class Older(nn.Module):
        def register_buffer(self, name, tensor):
            self.__dict__.setdefault("seen", []).append(name)
            super().register_buffer(name, tensor)

    net = Older()
    net.a = nn.Buffer(nnlite.ones(1))
    net.a = nnlite.zeros(1)
    assert net.seen == ["a", "a"] and values(net.a) == [0]
    with pytest.raises(RuntimeError, match=r"Registering a non-persistent buffer on a Module subclass"):
        net.b = nn.Buffer(nnlite.ones(1), persistent=False)


def test_init_arguments():
    with pytest.raises(TypeError, match=r"Net2.__init__\(\) takes 1 positional argument but 2 were given"):
        type("Net2", (nn.Module,), {})(3)
    with pytest.raises(TypeError, match=r"Net2.__init__\(\) got an unexpected keyword argument 'a'"):
        type("Net2", (nn.Module,), {})(a=3)

    class Mixin:
        def __init__(self, a):
            self.a = a

    class Both(nn.Module, Mixin):
        call_super_init = True

    assert Both(a=3).a == 3


def test_forward_must_be_defined():
    with pytest.raises(NotImplementedError, match=r'Module \[Module\] is missing the required "forward" function'):
        nn.Module()(1)


def test_registration_hooks():
    seen = []

    def note(module, name, value):
        seen.append((type(module).__name__, name))

    doubled = nn.Parameter(nnlite.ones(1) * 2)
    handles = [
        module_file.register_module_parameter_registration_hook(note),
        module_file.register_module_buffer_registration_hook(note),
        module_file.register_module_module_registration_hook(note),
        module_file.register_module_parameter_registration_hook(lambda module, name, value: doubled),
    ]
    try:
        net = nn.Module()
        net.w = nn.Parameter(nnlite.ones(1))
        net.b = nn.Buffer(nnlite.ones(1))
        net.m = nn.Module()
        net.add_module("k", nn.Module())
    finally:
        for handle in handles:
            handle.remove()
    assert seen == [("Module", "w"), ("Module", "b"), ("Module", "m"), ("Module", "k")] and net.w is doubled
    net.v = nn.Parameter(nnlite.ones(1))
    assert net.v is not doubled and len(seen) == 4
