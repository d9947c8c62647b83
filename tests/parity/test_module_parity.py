"""Module and the containers beside PyTorch's: the same program on both, compared by what it prints and raises."""

from __future__ import annotations

import collections
import re
import warnings
from types import SimpleNamespace

import pytest

import nnlite

torch = pytest.importorskip("torch")


def layers(lib):
    """The same small modules over either library."""
    nn = lib.nn

    class Scale(nn.Module):
        def __init__(self, n=2):
            super().__init__()
            self.w = nn.Parameter(lib.arange(n).float() + 1)
            self.register_buffer("b", lib.zeros(n))

        def forward(self, x, flag=None):
            return x * self.w

        def extra_repr(self):
            return f"n={len(self.w)}"

    class Net(nn.Module):
        _version = 4

        def __init__(self):
            super().__init__()
            self.first = Scale()
            self.list = nn.ModuleList([Scale(), Scale(), Scale(3)])
            self.dict = nn.ModuleDict({"z": Scale(), "a": nn.Sequential(Scale(), Scale())})
            self.tied = self.first
            self.top = nn.Parameter(lib.ones(1))
            self.params = nn.ParameterList([lib.ones(2), 3, nn.Parameter(lib.ones(2, 2))])
            self.named = nn.ParameterDict({"q": lib.ones(2), "b": "text"})
            self.register_buffer("scratch", lib.ones(1), persistent=False)
            self.register_parameter("absent", None)
            self.add_module("empty", None)
            self.constant = lib.ones(2)

        def forward(self, x):
            return self.dict["a"](self.first(x)) * self.top

    class Echo(nn.Module):
        def forward(self, x):
            return x

    class Two(nn.Module):
        def forward(self, a, b):
            return a * 2, b * 3

    return SimpleNamespace(lib=lib, nn=nn, Scale=Scale, Net=Net, Echo=Echo, Two=Two)


def comparable(text):
    """Text without what must differ: module paths and addresses."""
    text = re.sub(r"(torch|nnlite)\.nn\.modules\.\w+\.", "nn.", str(text))
    text = re.sub(r"[\w.]*<locals>\.", "", text)
    return re.sub(r"0x[0-9a-f]+", "0x", text)


def outcome(run, library):
    """What a program on ``library`` comes to: its value or its exception, and its warnings' categories."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = "value", comparable(run(layers(library)))
        except Exception as error:
            result = type(error).__name__, comparable(error)
    return result, [w.category.__name__ for w in caught]


def same(run):
    ours, theirs = outcome(run, nnlite), outcome(run, torch)
    assert ours == theirs
    return ours[0]


def put(owner, name, value):
    setattr(owner, name, value)
    return [list(vars(owner)[held]) for held in ("_parameters", "_buffers", "_modules")], name in owner.__dict__


VALUES = {
    "net": lambda m: m.Net(),
    "children": lambda m: [name for name, _ in m.Net().named_children()],
    "modules": lambda m: [name for name, _ in m.Net().named_modules(prefix="p")],
    "modules again": lambda m: [name for name, _ in m.Net().named_modules(remove_duplicate=False)],
    "parameters": lambda m: list(m.Net().named_parameters()),
    "parameters again": lambda m: [name for name, _ in m.Net().named_parameters("x", remove_duplicate=False)],
    "own parameters": lambda m: list(m.Net().named_parameters(recurse=False)),
    "buffers": lambda m: list(m.Net().named_buffers()),
    "state_dict": lambda m: m.Net().state_dict(),
    "state_dict keep_vars": lambda m: m.Net().state_dict(keep_vars=True, prefix="x."),
    "metadata": lambda m: m.Net().state_dict()._metadata,
    "positional state_dict": lambda m: m.Scale().state_dict(collections.OrderedDict(), "x.", True),
    "attributes": lambda m: [(name, type(v).__name__, v) for name, v in vars(m.nn.Module()).items()],
    "parameter": lambda m: m.nn.Parameter(m.lib.ones(2)),
    "frozen parameter": lambda m: m.nn.Parameter(m.lib.ones(2), requires_grad=False),
    "empty parameter": lambda m: m.nn.Parameter(),
    "buffer": lambda m: (m.nn.Buffer(m.lib.ones(2)), vars(m.nn.Buffer(m.lib.ones(2), persistent=False))),
    "half": lambda m: m.Net().half().list[0].w,
    "list of one": lambda m: m.nn.ParameterList([m.lib.ones(2)]),
    "list of modules": lambda m: m.nn.ParameterList([m.Scale(), m.lib.ones(1)]),
    "long list": lambda m: m.nn.ModuleList([m.Scale() for _ in range(12)] + [m.Echo()]),
    "nested lists": lambda m: m.nn.ModuleList([m.nn.ModuleList([m.Echo(), m.Echo()]) for _ in range(2)]),
    "chain": lambda m: m.nn.Sequential(m.Scale(), m.nn.Sequential(), m.Echo())[1:],
    "named chain": lambda m: m.nn.Sequential(collections.OrderedDict(a=m.Scale(), b=m.Echo())).append(m.Echo()),
    "deleted": lambda m: m.nn.Sequential(collections.OrderedDict(a=m.Scale(), b=m.Echo())).__delitem__(0),
    "sum": lambda m: m.nn.Sequential(m.Scale()) + m.nn.Sequential(m.Echo()),
    "product": lambda m: 2 * m.nn.Sequential(m.Scale(), m.Echo()),
    "loaded": lambda m: m.Net().load_state_dict(m.Net().state_dict()),
    "loaded in part": lambda m: m.Scale().load_state_dict({"w": m.lib.zeros(2), "q": 1}, strict=False),
    "parameter for a buffer": lambda m: put(m.Scale(), "b", m.nn.Parameter(m.lib.ones(1))),
    "parameter for a module": lambda m: put(m.Net(), "first", m.nn.Parameter(m.lib.ones(1))),
    "parameter for a value": lambda m: put(m.Net(), "constant", m.nn.Parameter(m.lib.ones(1))),
    "module for a buffer": lambda m: put(m.Scale(), "b", m.Echo()),
    "tensor for a buffer": lambda m: put(m.Scale(), "b", m.lib.ones(1)),
    "None for a parameter": lambda m: put(m.Scale(), "w", None),
    "None for a buffer": lambda m: put(m.Scale(), "b", None),
    "None for a module": lambda m: put(m.Net(), "first", None),
    "dictionary": lambda m: m.nn.ParameterDict({"b": m.lib.ones(1), "a": m.lib.ones(1)}).keys(),
    "pairs": lambda m: m.nn.ModuleDict([("b", m.Echo()), ("a", m.Echo())]),
    "pre-hook": lambda m: hooked(m, lambda net: net.register_forward_pre_hook(lambda module, args: 5)),
    "hooks": lambda m: hooked(
        m,
        lambda net: (
            net.register_forward_hook(lambda module, args, out: out + 1),
            net.register_forward_hook(lambda module, args, out: out * 10, prepend=True),
        ),
    ),
}


def hooked(m, register):
    net = m.Echo()
    register(net)
    return net(3)


@pytest.mark.parametrize("name", VALUES)
def test_values(name):
    assert same(VALUES[name])[0] == "value"


ERRORS = {
    "tensor for a parameter": lambda m: put(m.Scale(), "w", m.lib.ones(2)),
    "module for a parameter": lambda m: put(m.Scale(), "w", m.Echo()),
    "number for a buffer": lambda m: put(m.Scale(), "b", 3),
    "tensor for a module": lambda m: put(m.Net(), "first", m.lib.ones(1)),
    "buffer for a value": lambda m: put(m.Net(), "constant", m.nn.Buffer(m.lib.ones(1))),
    "buffer for a parameter": lambda m: put(m.Scale(), "w", m.nn.Buffer(m.lib.ones(1))),
    "register a tensor": lambda m: m.Scale().register_parameter("v", m.lib.ones(1)),
    "register a number": lambda m: m.Scale().register_parameter(3, None),
    "register a dot": lambda m: m.Scale().register_parameter("a.b", None),
    "register nothing": lambda m: m.Scale().register_buffer("", None),
    "register a taken name": lambda m: m.Scale().register_buffer("w", None),
    "register training": lambda m: m.Scale().register_buffer("training", None),
    "buffer of a number": lambda m: m.Scale().register_buffer("c", 3),
    "add a number": lambda m: m.Scale().add_module("c", 3),
    "add a class": lambda m: m.Scale().add_module("c", dict),
    "add a dot": lambda m: m.Scale().add_module("a.b", m.Echo()),
    "add a taken name": lambda m: m.Scale().add_module("w", m.Echo()),
    "no attribute": lambda m: m.Scale().v,
    "delete nothing": lambda m: m.Scale().__delattr__("v"),
    "arguments": lambda m: m.nn.Module(1, 2),
    "keyword": lambda m: m.nn.Module(a=1),
    "no forward": lambda m: m.nn.Module()(1),
    "list is not called": lambda m: m.nn.ModuleList()(1),
    "mode": lambda m: m.Scale().train("yes"),
    "submodule": lambda m: m.Net().get_submodule("list.x"),
    "submodule of a parameter": lambda m: m.Net().get_submodule("top"),
    "parameter of a buffer": lambda m: m.Net().get_parameter("scratch"),
    "buffer of a parameter": lambda m: m.Net().get_buffer("top"),
    "set nothing": lambda m: m.Net().set_submodule("", m.Echo()),
    "set strictly": lambda m: m.Net().set_submodule("list.x", m.Echo(), strict=True),
    "set a number": lambda m: m.Net().set_submodule("first", 3),
    "to int": lambda m: m.Net().to(m.lib.int32),
    "load a list": lambda m: m.Scale().load_state_dict([]),
    "load nothing": lambda m: m.Net().load_state_dict({}),
    "load the wrong": lambda m: m.Scale().load_state_dict({"w": m.lib.ones(3), "b": 5, "q.r": 1, "z": 2}),
    "load the wrong, not strict": lambda m: m.Scale().load_state_dict({"w": m.lib.ones(3)}, strict=False),
    "load unexpected": lambda m: m.Net().load_state_dict({**m.Net().state_dict(), "first.x": 1, "y.z": 1}),
    "integer parameter": lambda m: m.nn.Sequential(m.Scale())[1],
    "negative index": lambda m: m.nn.ModuleList([m.Scale()])[-2],
    "index of a string": lambda m: m.nn.ModuleList([m.Scale()])["0"],
    "chain of a list": lambda m: m.nn.Sequential([m.Scale()]),
    "chain of a number": lambda m: m.nn.Sequential(m.Scale()).append(3),
    "insert far": lambda m: m.nn.Sequential().insert(3, m.Echo()),
    "insert a number": lambda m: m.nn.Sequential().insert(0, 3),
    "add to a chain": lambda m: m.nn.Sequential() + 3,
    "multiply by nothing": lambda m: m.nn.Sequential() * 0,
    "multiply by a float": lambda m: m.nn.Sequential() * 1.5,
    "extend by a number": lambda m: m.nn.ModuleList().extend(3),
    "dictionary of a number": lambda m: m.nn.ModuleDict({"a": 3}),
    "dictionary of numbers": lambda m: m.nn.ModuleDict([(1, 2, 3)]),
    "key of a method": lambda m: m.nn.ModuleDict({"keys": m.Echo()}),
    "key that is a number": lambda m: m.nn.ModuleDict({3: m.Echo()}),
    "no key": lambda m: m.nn.ModuleDict()["a"],
    "no parameter": lambda m: m.nn.ParameterDict()["a"],
    "parameters are not called": lambda m: m.nn.ParameterList()(1),
    "number for a parameter": lambda m: m.nn.ParameterList([m.lib.ones(1)]).__setitem__(0, 3),
    "extend by a tensor": lambda m: m.nn.ParameterList().extend(m.lib.ones(1)),
    "pre-hook with kwargs": lambda m: hooked(
        m, lambda net: net.register_forward_pre_hook(lambda module, args, kwargs: 5, with_kwargs=True)
    ),
    "two kinds of backward hooks": lambda m: hooked(
        m, lambda net: (net.register_backward_hook(print), net.register_full_backward_hook(print))
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    assert same(ERRORS[name])[0] != "value"


def forgetful(kind):
    def run(m):
        class Forgetful(m.nn.Module):
            def __init__(self):
                if kind == "register":
                    self.register_parameter("x", None)
                else:
                    made = {"parameter": m.nn.Parameter, "buffer": m.nn.Buffer, "module": lambda _: m.Echo()}[kind]
                    self.x = made(m.lib.ones(1))

        return Forgetful()

    return run


@pytest.mark.parametrize("kind", ["parameter", "buffer", "module", "register"])
def test_before_init(kind):
    assert same(forgetful(kind))[0] == "AttributeError"


def backward(make, arguments, hook=None, pre_hook=None):
    """A program that prints what full backward hooks see and the gradients that come out."""

    def run(m):
        seen = []
        net = make(m)
        net.register_full_backward_hook(lambda module, gi, go: seen.append((gi, go)))
        if hook is not None:
            net.register_full_backward_hook(hook)
        if pre_hook is not None:
            net.register_full_backward_pre_hook(pre_hook)
        inputs = arguments(m.lib)
        result = net(*inputs)
        outputs = [result] if isinstance(result, m.lib.Tensor) else [result[0]]
        sum(out.sum() for out in outputs).backward()
        grads = [t.grad for t in inputs if isinstance(t, m.lib.Tensor)]
        return seen, grads, [p.grad for p in net.parameters()], result

    return run


def leaf(lib):
    return lib.ones(2, requires_grad=True)


@pytest.mark.parametrize(
    "run",
    [
        backward(lambda m: m.Scale(), lambda lib: (leaf(lib),)),
        backward(lambda m: m.Scale(), lambda lib: (leaf(lib), "text")),
        backward(lambda m: m.Scale(), lambda lib: (lib.ones(2), 5)),
        backward(lambda m: m.Two(), lambda lib: (leaf(lib), leaf(lib))),
        backward(lambda m: m.Two(), lambda lib: (leaf(lib), lib.ones(2))),
        backward(lambda m: m.Scale(), lambda lib: (leaf(lib),), hook=lambda module, gi, go: (gi[0] * 10,)),
        backward(lambda m: m.Scale(), lambda lib: (leaf(lib),), pre_hook=lambda module, go: (go[0] * 10,)),
        backward(lambda m: m.Net(), lambda lib: (leaf(lib),)),
    ],
)
def test_full_backward_hooks(run):
    assert same(run)[0] == "value"


@pytest.mark.parametrize(
    "run",
    [
        backward(lambda m: m.Scale(), lambda lib: (leaf(lib),), hook=lambda module, gi, go: (None, None)),
        backward(lambda m: m.Scale(), lambda lib: (leaf(lib),), pre_hook=lambda module, go: (None, None)),
        backward(lambda m: m.Scale(), lambda lib: (lib.ones(2),), hook=lambda module, gi, go: (go[0],)),
    ],
)
def test_full_backward_hooks_that_return_nonsense(run):
    assert same(run)[0] == "RuntimeError"


@pytest.mark.parametrize("always_call", [False, True])
def test_hooks_after_an_exception(always_call):
    def run(m):
        class Fails(m.nn.Module):
            def forward(self, x):
                raise ValueError("boom")

        seen, net = [], Fails()
        net.register_forward_hook(lambda module, args, out: seen.append((args, out)), always_call=always_call)
        net.register_forward_hook(lambda module, args, out: 1 / 0, always_call=always_call)
        try:
            net(1)
        except ValueError as error:
            return seen, error
        return None

    assert same(run)[0] == "value"


def test_backward_hook_of_the_older_kind():
    def run(m):
        seen = []
        net = m.Scale()
        net.register_backward_hook(lambda module, gi, go: seen.append((gi, go)))
        net(leaf(m.lib)).sum().backward()
        return seen

    ours, theirs = outcome(run, nnlite), outcome(run, torch)
    assert ours[0] == theirs[0] and ours[0][0] == "value"


def test_a_state_dict_goes_from_one_to_the_other():
    ours, theirs = layers(nnlite).Net(), layers(torch).Net()
    with torch.no_grad():
        for i, t in enumerate(theirs.state_dict().values()):
            t.fill_(float(i))
    ours.load_state_dict({name: nnlite.tensor(t.numpy()) for name, t in theirs.state_dict().items()})
    assert comparable(ours.state_dict()) == comparable(theirs.state_dict())


def test_public_names_of_module():
    """Every public method of PyTorch's Module is there; T_destination is a type variable."""
    left_out = {"T_destination"}
    theirs = {name for name in dir(torch.nn.Module) if not name.startswith("_")}
    assert theirs - set(dir(nnlite.nn.Module)) == left_out
    for name in ("Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"):
        public = {name for name in dir(getattr(torch.nn, name)) if not name.startswith("_")}
        assert public - set(dir(getattr(nnlite.nn, name))) == left_out
