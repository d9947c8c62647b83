"""What a module holds, how assignments find their place, walking, converting, printing, copying."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import pytest

import nnlite
from nnlite import nn
from nnlite.nn.modules import module as module_file


class Net(nn.Module):
    """One of everything; at module level, so that it can be pickled."""

    def __init__(self, device: str = "cpu") -> None:
        super().__init__()
        self.weight = nn.Parameter(nnlite.ones(2, device=device))
        self.register_buffer("mean", nnlite.zeros(3, device=device))
        self.register_buffer("scratch", nnlite.ones(1, device=device), persistent=False)
        self.child = Scale(device)
        self.size = 7

    def forward(self, x):
        return self.child(x * self.weight)


class Scale(nn.Module):
    def __init__(self, device: str = "cpu") -> None:
        super().__init__()
        self.factor = nn.Parameter(nnlite.ones(2, device=device) * 3)

    def forward(self, x):
        return x * self.factor


def values(t):
    return t.detach().cpu().numpy().tolist()


# What may be assigned


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


# Converting


def test_apply_moves_everything_and_keeps_identity(device):
    net = Net()
    net(nnlite.ones(2)).sum().backward()
    parameters, grads = list(net.parameters()), [p.grad for p in net.parameters()]
    assert net.to(device) is net
    assert all(a is b for a, b in zip(net.parameters(), parameters, strict=True))
    assert all(p.grad is g for p, g in zip(net.parameters(), grads, strict=True))
    for t in [*net.parameters(), *grads, *net.buffers()]:
        assert t.device.type == nnlite.device(device).type
    assert all(p.is_leaf and p.requires_grad for p in net.parameters())
    assert values(net.weight.grad) == [3, 3] and values(net(nnlite.ones(2, device=device))) == [3, 3]
    assert net.cpu().weight.device.type == "cpu" and net.mean.device.type == "cpu"


def test_an_older_optimizer_reference_sees_the_move(device):
    net = Net()
    held = list(net.parameters())
    net.to(device).double()
    net(nnlite.ones(2, device=device, dtype=nnlite.float64)).sum().backward()
    with nnlite.no_grad():
        for p in held:
            p -= p.grad
    assert values(net.weight) == [-2, -2] and net.weight.dtype == nnlite.float64


def test_tied_parameters_and_buffers_stay_tied(device):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = Scale(), Scale()
            self.b.factor = self.a.factor
            self.register_buffer("one", nnlite.ones(1))
            self.b.register_buffer("two", self.one)
            self.again = self.b

    net, calls = Tied(), []

    def double_and_count(t):
        calls.append(t)
        return t * 2

    net._apply(double_and_count)
    assert len(calls) == 2, "once for the parameter, once for the buffer"
    assert net.a.factor is net.b.factor and values(net.a.factor) == [6, 6]
    assert net.one is net.b.two and values(net.one) == [2]
    net.to(device)
    assert net.a.factor is net.b.factor and net.one is net.b.two and len(list(net.parameters())) == 1


def test_apply_that_fails_changes_nothing(device):
    net = Net(device)
    net(nnlite.ones(2, device=device)).sum().backward()
    before = {"mean": net.mean, "scratch": net.scratch}
    countdown = [5]

    def fail_at_the_end(t):
        countdown[0] -= 1
        if not countdown[0]:
            raise MemoryError("full")
        return t.double()

    with pytest.raises(MemoryError, match=r"full"):
        net._apply(fail_at_the_end)
    assert all(t.dtype == nnlite.float32 for t in [*net.parameters(), *net.buffers(), net.weight.grad])
    assert net.mean is before["mean"] and net.scratch is before["scratch"]
    net(nnlite.ones(2, device=device)).sum().backward()
    assert values(net.weight.grad) == [6, 6]


def test_apply_overridden_in_a_child():
    class Holds(Scale):
        def __init__(self):
            super().__init__()
            self.extra = nnlite.ones(1)

        def _apply(self, fn, recurse=True):
            super()._apply(fn, recurse)
            assert self.factor.dtype == nnlite.float64, "what super()._apply did can be seen"
            self.extra = fn(self.extra)
            return self

    net = nn.Module()
    net.child = Holds()
    net.double()
    assert net.child.extra.dtype == nnlite.float64


def test_apply_without_recurse():
    net = Net()
    net._apply(lambda t: t.double(), recurse=False)
    assert net.weight.dtype == nnlite.float64 and net.child.factor.dtype == nnlite.float32


@pytest.mark.parametrize(
    ("convert", "dtype"),
    [("double", "float64"), ("float", "float32"), ("half", "float16"), ("bfloat16", "bfloat16")],
)
def test_floating_point_conversions_leave_integers(device, convert, dtype):
    if convert == "bfloat16":
        pytest.importorskip("ml_dtypes")
    net = Net(device)
    net.register_buffer("steps", nnlite.tensor(3, device=device))
    assert getattr(net, convert)() is net
    expected = getattr(nnlite, dtype)
    assert net.weight.dtype == net.mean.dtype == net.child.factor.dtype == expected
    assert net.steps.dtype == nnlite.int64


def test_to_forms(device):
    net = Net(device)
    net.register_buffer("steps", nnlite.tensor(3, device=device))
    assert net.to(nnlite.float64).weight.dtype == nnlite.float64 and net.steps.dtype == nnlite.int64
    assert net.to(device, nnlite.float32).weight.dtype == nnlite.float32
    assert net.to(dtype=nnlite.float64, device=nnlite.device(device), non_blocking=True).mean.dtype == nnlite.float64
    assert net.to(nnlite.ones(1)).weight.dtype == nnlite.float32 and net.weight.device.type == "cpu"
    assert net.to(tensor=nnlite.ones(1, dtype=nnlite.float64)).weight.dtype == nnlite.float64
    assert net.to() is net and net.to(None) is net
    assert net.requires_grad_(False).type(nnlite.int32).steps.dtype == net.weight.dtype == nnlite.int32


@pytest.mark.parametrize("arguments", [(3, 4), (3.5,), ("cpu", "float32"), ([],), ("cpu", None, True, True, 1)])
def test_to_refuses_other_arguments(arguments):
    net = Net()
    with pytest.raises(TypeError, match=r"to\(\) received an invalid combination of arguments"):
        net.to(*arguments)
    with pytest.raises(TypeError, match=r"invalid combination"):
        net.to(devise="cpu")
    with pytest.raises(TypeError, match=r"multiple values for argument 'device'"):
        net.to("cpu", device="cpu")


def test_to_refuses_integers_and_warns_of_complex():
    with pytest.raises(TypeError, match=r"only accepts floating point or complex dtypes, but got .*dtype=torch.int32"):
        Net().to(nnlite.int32)
    with pytest.warns(UserWarning, match=r"Complex modules are a new feature"):
        net = Net().to(nnlite.complex64)
    assert net.weight.dtype == nnlite.complex64


def test_to_an_unknown_device_changes_nothing():
    net = Net()
    with pytest.raises(RuntimeError, match=r"nowhere"):
        net.to("nowhere")
    assert net.weight.device.type == "cpu"


def test_to_empty(device):
    net = Net()
    weight = net.weight
    assert net.to_empty(device=device) is net and net.weight is weight
    assert net.weight.device.type == nnlite.device(device).type and net.mean.shape == (3,)
    net = Net()
    net.to_empty(device=device, recurse=False)
    assert net.child.factor.device.type == "cpu"


def test_share_memory_says_what_to_do_instead():
    with pytest.raises(NotImplementedError, match=r"state_dict"):
        Net().share_memory()


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


# Parameter and Buffer


def test_parameter(device):
    data = nnlite.ones(2, device=device)
    p = nn.Parameter(data)
    assert isinstance(p, nn.Parameter) and isinstance(p, nnlite.Tensor) and not isinstance(data, nn.Parameter)
    assert p.requires_grad and p.is_leaf and type(p * 1) is nnlite.Tensor and type(p.data) is nnlite.Tensor
    with nnlite.no_grad():
        p += 1
    assert values(data) == [2, 2], "a parameter shares the memory of its data"
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert nn.Parameter().shape == (0,)
    with pytest.raises(RuntimeError, match=r"Only Tensors of floating point and complex dtype can require gradients"):
        nn.Parameter(nnlite.ones(2, dtype=nnlite.int64, device=device))
    assert not nn.Parameter(nnlite.ones(2, dtype=nnlite.int64, device=device), False).requires_grad
    with pytest.raises(AttributeError, match=r"expected a Tensor, got builtins.list.*nnlite.tensor\(data\)"):
        nn.Parameter([1.0])


def test_parameter_text():
    assert repr(nn.Parameter(nnlite.ones(2))) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert str(nn.Parameter(nnlite.ones(1), False)) == "Parameter containing:\ntensor([1.])"


def test_parameter_copies(device):
    p = nn.Parameter(nnlite.ones(2, device=device), requires_grad=False)
    memo = {}
    twin = copy.deepcopy(p, memo)
    assert type(twin) is nn.Parameter and not twin.requires_grad and copy.deepcopy(p, memo) is twin
    with nnlite.no_grad():
        twin.zero_()
    assert values(p) == [1, 1]
    p.note = "mine"
    again = pickle.loads(pickle.dumps(nn.Parameter(nnlite.ones(2))))
    assert type(again) is nn.Parameter and again.requires_grad and values(again) == [1, 1]
    p = nn.Parameter(nnlite.ones(1))
    p.note = "mine"
    assert pickle.loads(pickle.dumps(p)).note == "mine"


def test_parameter_of_a_subclass_of_tensor():
    class Marked(nnlite.Tensor):
        def detach(self):
            return nnlite.Tensor._make_subclass(Marked, super().detach())

    class Plain(nnlite.Tensor):
        def detach(self):
            return nnlite.ones(1)

    p = nn.Parameter(nnlite.Tensor._make_subclass(Marked, nnlite.ones(1)))
    assert type(p) is Marked and isinstance(p, nn.Parameter) and p.requires_grad
    net = nn.Module()
    net.p = p
    assert list(net.parameters()) == [p]
    with pytest.raises(RuntimeError, match=r"Creating a Parameter from an instance of type Plain"):
        nn.Parameter(nnlite.Tensor._make_subclass(Plain, nnlite.ones(1)))


def test_buffer(device):
    data = nnlite.ones(2, device=device)
    b = nn.Buffer(data, persistent=False)
    assert type(b) is nnlite.Tensor and isinstance(b, nn.Buffer) and not isinstance(data, nn.Buffer)
    assert not b.persistent and nn.Buffer(data).persistent and nn.Buffer().shape == (0,)
    b += 1
    assert values(data) == [2, 2]
    with pytest.raises(AttributeError, match=r"expected a Tensor, got builtins.int"):
        nn.Buffer(3)
