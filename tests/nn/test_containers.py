"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import pytest

import nnlite
from nnlite import nn


class Add(nn.Module):
    """Adds a number, which its text shows."""

    def __init__(self, n):
        super().__init__()
        self.n = n

    def forward(self, x):
        return x + self.n

    def extra_repr(self):
        return str(self.n)


def numbers(modules):
    return [module.n for module in modules]


def chain(*ns):
    return nn.Sequential(*map(Add, ns))


def values(t):
    return t.detach().cpu().numpy().tolist()


# Sequential


def test_sequential_calls_in_order(device):
    net = nn.Sequential(Add(1), nn.Sequential(Add(2)))
    assert values(net(nnlite.ones(2, device=device))) == [4, 4] and nn.Sequential()(5) == 5
    assert repr(net) == "Sequential(\n  (0): Add(1)\n  (1): Sequential(\n    (0): Add(2)\n  )\n)"


def test_sequential_of_names():
    net = nn.Sequential(OrderedDict(a=Add(1), b=Add(2)))
    assert net(0) == 3 and net.b.n == net[1].n == 2 and list(net._modules) == ["a", "b"]
    assert list(net[1:]._modules) == ["b"]
    net[0] = Add(7)
    assert net.a.n == 7
    assert list(net.append(Add(3))._modules) == ["a", "b", "2"]
    with pytest.raises(KeyError, match=r"named by their positions"):
        net.insert(0, Add(4))
    assert numbers(net) == [7, 2, 3]


def test_sequential_refuses_what_is_not_a_module():
    for wrong in ([Add(1)], {"a": Add(1)}, 3, Add):
        with pytest.raises(TypeError, match=r"is not a Module subclass"):
            nn.Sequential(wrong)


def test_sequential_indexing():
    net = chain(1, 2, 3)
    assert net[0].n == 1 and net[-1].n == 3 and len(net) == 3 and net[1] in net and Add(2) not in net
    part = net[1:]
    assert type(part) is nn.Sequential and list(part._modules) == ["1", "2"] and part[0] is net[1]
    assert numbers(net[::-1]) == [3, 2, 1] and numbers(reversed(net)) == [3, 2, 1]
    for index in (3, -4):
        with pytest.raises(IndexError, match=f"index {index} is out of range"):
            net[index]
        with pytest.raises(IndexError):
            net[index] = Add(0)
        with pytest.raises(IndexError):
            del net[index]
    with pytest.raises(TypeError):
        net["0"]
    with pytest.raises(TypeError, match=r"cannot assign 'int' as child module '0'"):
        net[0] = 3


def test_sequential_list_operations():
    net = chain(1, 2, 3, 4)
    del net[1]
    assert numbers(net) == [1, 3, 4] and list(net._modules) == ["0", "1", "2"]
    del net[::2]
    assert numbers(net) == [3] and list(net._modules) == ["0"]
    assert net.append(Add(5)) is net and net.extend([Add(6)]) is net and net.insert(1, Add(4)) is net
    net.insert(-1, Add(0)).insert(5, Add(9))
    assert numbers(net) == [3, 4, 5, 0, 6, 9] and list(net._modules) == [str(i) for i in range(6)]
    assert net.pop(0).n == 3 and net.pop(-1).n == 9 and numbers(net.pop(slice(0, 2))) == [4, 5]
    assert numbers(net) == [0, 6]
    net.extend(net)
    assert numbers(net) == [0, 6, 0, 6]
    with pytest.raises(AssertionError, match=r"module should be of type"):
        net.insert(0, 3)
    with pytest.raises(IndexError, match=r"Index out of range: 5"):
        net.insert(5, Add(1))
    with pytest.raises(TypeError, match=r"int is not a Module subclass"):
        net.append(3)


def test_sequential_arithmetic():
    a, b = chain(1, 2), chain(3)
    joined = a + b
    assert numbers(joined) == [1, 2, 3] and joined[0] is a[0] and len(a) == 2
    assert numbers(a * 2) == numbers(2 * a) == [1, 2, 1, 2] and (a * 2)[0] is a[0]
    same = a
    a += b
    a *= 2
    assert a is same and numbers(a) == [1, 2, 3, 1, 2, 3]
    a += a
    assert len(a) == 12
    with pytest.raises(ValueError, match=r"supports only objects of Sequential class, but <class 'int'> is given"):
        a + 3
    with pytest.raises(ValueError, match=r"Non-positive multiplication factor 0"):
        a * 0
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for \*"):
        a *= 1.5


def test_sequential_of_a_subclass():
    class Mine(nn.Sequential):
        pass

    assert type(Mine(Add(1), Add(2))[:1]) is Mine


# ModuleList


def test_module_list():
    modules = nn.ModuleList(Add(n) for n in (1, 2, 3))
    assert modules[0].n == 1 and modules[-1].n == 3 and len(modules) == 3 and numbers(modules[1:]) == [2, 3]
    assert type(modules[1:]) is nn.ModuleList and list(modules[1:]._modules) == ["0", "1"]
    modules[1] = Add(5)
    del modules[0]
    assert numbers(modules) == [5, 3] and list(modules._modules) == ["0", "1"]
    assert modules.append(Add(4)) is modules and modules.extend([Add(6)]) is modules
    modules.insert(0, Add(0))
    modules.insert(-1, Add(7))
    modules.insert(99, Add(8))
    assert numbers(modules) == [0, 5, 3, 4, 7, 6, 8] and list(modules._modules) == [str(i) for i in range(7)]
    assert modules.pop(0).n == 0 and numbers(modules.pop(slice(1, None))) == [3, 4, 7, 6, 8]
    more = [Add(9)]
    both = modules + more
    assert type(both) is nn.ModuleList and numbers(both) == [5, 9] and len(modules) == 1
    modules += [Add(1)]
    modules.extend(modules)
    assert numbers(modules) == [5, 1, 5, 1] and numbers(reversed(modules)) == [1, 5, 1, 5]


def test_module_list_refuses():
    modules = nn.ModuleList([Add(1)])
    for index in (1, -2):
        with pytest.raises(IndexError, match=f"index {index} is out of range"):
            modules[index]
    for wrong in (3, Add(1)):
        with pytest.raises(TypeError, match=r"ModuleList.extend should be called with an iterable, but got"):
            modules.extend(wrong)
    with pytest.raises(TypeError, match=r"int is not a Module subclass"):
        modules.append(3)
    with pytest.raises(TypeError, match=r"int is not a Module subclass"):
        modules.insert(0, 3)
    with pytest.raises(NotImplementedError, match=r"Module \[ModuleList\] is missing the required"):
        modules(1)
    assert numbers(modules) == [1]


def test_module_list_text():
    assert repr(nn.ModuleList()) == "ModuleList()"
    assert repr(nn.ModuleList([Add(1), Add(1), Add(2), Add(1)])) == (
        "ModuleList(\n  (0-1): 2 x Add(1)\n  (2): Add(2)\n  (3): Add(1)\n)"
    )
    assert repr(nn.ModuleList([chain(1), chain(1)])) == (
        "ModuleList(\n  (0-1): 2 x Sequential(\n    (0): Add(1)\n  )\n)"
    )


# ModuleDict


def test_module_dict():
    modules = nn.ModuleDict({"b": Add(1), "a": Add(2)})
    assert list(modules) == list(modules.keys()) == ["b", "a"] and "a" in modules and "c" not in modules
    assert modules["a"].n == 2 and modules.b.n == 1 and numbers(modules.values()) == [1, 2]
    modules["c"] = Add(3)
    modules.update([("d", Add(4)), ["a", Add(5)]])
    modules.update(nn.ModuleDict({"e": Add(6)}))
    assert [(name, module.n) for name, module in modules.items()] == [("b", 1), ("a", 5), ("c", 3), ("d", 4), ("e", 6)]
    del modules["b"]
    assert modules.pop("a").n == 5 and len(modules) == 3
    assert repr(modules) == "ModuleDict(\n  (c): Add(3)\n  (d): Add(4)\n  (e): Add(6)\n)"
    modules.clear()
    assert len(modules) == 0


def test_module_dict_refuses():
    modules = nn.ModuleDict({"a": Add(1)})
    for key, error, message in (
        ("keys", KeyError, "attribute 'keys' already exists"),
        ("training", KeyError, "attribute 'training' already exists"),
        ("a.b", KeyError, "can.*t contain"),
        (3, TypeError, "module name should be a string. Got int"),
    ):
        with pytest.raises(error, match=message):
            modules[key] = Add(2)
    with pytest.raises(TypeError, match=r"int is not a Module subclass"):
        modules["b"] = 3
    for argument, error, message in (
        (3, TypeError, "iterable of key/value pairs, but got int"),
        ([3], TypeError, "element #0 should be Iterable; is int"),
        ([("b",)], ValueError, "element #0 has length 1; 2 is required"),
    ):
        with pytest.raises(error, match=message):
            modules.update(argument)
    for read in (modules.__getitem__, modules.pop, modules.__delitem__):
        with pytest.raises(KeyError, match=r"'q'"):
            read("q")
    assert list(modules) == ["a"]


# ParameterList


def test_parameter_list(device):
    shared = nn.Parameter(nnlite.zeros(1, device=device))
    held = nn.ParameterList([nnlite.ones(2, device=device), shared, 3])
    assert type(held[0]) is nn.Parameter and held[1] is shared and held[-1] == 3 and len(held) == 3
    assert [name for name, _ in held.named_parameters()] == ["0", "1"] and list(held.state_dict()) == ["0", "1"]
    assert held.append(nnlite.ones(1, device=device)) is held
    held += [4]
    held.extend(nn.ParameterList([shared]))
    assert [type(value) for value in held] == [nn.Parameter, nn.Parameter, int, nn.Parameter, int, nn.Parameter]
    held[0] = nnlite.zeros(2, device=device)
    held[2] = "text"
    assert type(held[0]) is nn.Parameter and values(held[0]) == [0, 0] and held[2] == "text"
    part = held[1:3]
    assert type(part) is nn.ParameterList and part[0] is shared and len(part) == 2


def test_parameter_list_refuses():
    held = nn.ParameterList([nnlite.ones(1)])
    with pytest.raises(IndexError, match=r"index 1 is out of range"):
        held[1]
    with pytest.raises(IndexError, match=r"index -2 is out of range"):
        held[-2] = 3
    with pytest.raises(TypeError, match=r"cannot assign 'int' as parameter '0'"):
        held[0] = 3
    for wrong in (3, nnlite.ones(1)):
        with pytest.raises(TypeError, match=r"ParameterList.extend should be called with an iterable, but got"):
            held.extend(wrong)
    with pytest.raises(RuntimeError, match=r"ParameterList should not be called"):
        held(1)


def test_parameter_list_text():
    held = nn.ParameterList([nnlite.ones(2), 3, nnlite.ones(2, 3)])
    assert repr(held) == (
        "ParameterList(\n    (0): Parameter containing: [torch.float32 of size 2]\n    (1): Object of type: int\n"
        "    (2): Parameter containing: [torch.float32 of size 2x3]\n)"
    )


# ParameterDict


def test_parameter_dict(device):
    held = nn.ParameterDict({"b": nnlite.ones(1, device=device), "a": nn.Parameter(nnlite.zeros(1, device=device))})
    assert list(held) == ["a", "b"], "the keys of a plain mapping are sorted, as in PyTorch"
    assert list(nn.ParameterDict(OrderedDict(b=1, a=2))) == list(nn.ParameterDict([("b", 1), ("a", 2)])) == ["b", "a"]
    assert type(held["b"]) is nn.Parameter and held.b is held["b"] and list(held.state_dict()) == ["a", "b"]
    held["n"] = 3
    assert held["n"] == 3 and "n" in held and len(held) == 3 and list(reversed(held)) == ["n", "b", "a"]
    assert held.get("z") is None and held.get("z", 4) == 4 and held.get("n") == 3
    assert held.setdefault("n", 9) == 3 and held.setdefault("m") is None and "m" in held
    assert held.pop("n") == 3 and held.popitem() == ("m", None) and list(held.keys()) == ["a", "b"]
    twin = held.copy()
    assert twin["a"] is held["a"] and twin is not held
    del twin["a"]
    assert "a" in held and not hasattr(twin, "a")
    assert [name for name, _ in held.items()] == ["a", "b"] and [values(v) for v in held.values()] == [[0], [1]]
    fresh = held.fromkeys(["x", "y"], 1)
    assert type(fresh) is nn.ParameterDict and dict(fresh.items()) == {"x": 1, "y": 1}
    held.clear()
    assert len(held) == 0 and list(held.parameters()) == []


def test_parameter_dict_union():
    a, b = nn.ParameterDict({"x": 1, "y": 2}), nn.ParameterDict({"y": 3})
    assert dict((a | b).items()) == {"x": 1, "y": 3} and dict(a.items()) == {"x": 1, "y": 2}
    assert {"y": 0, "z": 4} | b == {"y": 3, "z": 4}
    same = a
    a |= b
    assert a is same and dict(a.items()) == {"x": 1, "y": 3}


def test_parameter_dict_refuses():
    held = nn.ParameterDict({"a": nnlite.ones(1)})
    for key, error, message in (
        (3, TypeError, "cannot be used as a key as it is not a string"),
        ("a.b", KeyError, "can.*t contain"),
        ("keys", KeyError, "attribute 'keys' already exists"),
    ):
        with pytest.raises(error, match=message):
            held[key] = nnlite.ones(1)
    with pytest.raises(KeyError, match=r"attribute 'keys' already exists"):
        held["keys"] = 3
    with pytest.raises(AttributeError, match=r"'ParameterDict' object has no attribute 'q'"):
        held["q"]
    with pytest.raises(KeyError, match=r"'q'"):
        del held["q"]
    with pytest.raises(KeyError, match=r"dictionary is empty"):
        nn.ParameterDict().popitem()
    for argument, error, message in (
        (3, TypeError, "iterable of key/value pairs, but got int"),
        ([3], TypeError, "element #0 should be Iterable; is int"),
        ([("b",)], ValueError, "element #0 has length 1; 2 is required"),
    ):
        with pytest.raises(error, match=message):
            held.update(argument)
    with pytest.raises(RuntimeError, match=r"ParameterDict should not be called"):
        held(1)
    assert list(held) == ["a"], "a key that was refused is not there"


def test_parameter_dict_text():
    held = nn.ParameterDict(OrderedDict(a=nnlite.ones(2), n=3))
    assert repr(held) == (
        "ParameterDict(\n    (a): Parameter containing: [torch.FloatTensor of size 2]\n    (n): Object of type: int\n)"
    )


# All of them


def test_containers_are_copied_pickled_and_moved(device):
    class Holder(nn.Module):
        def __init__(self):
            super().__init__()
            self.list = nn.ParameterList([nnlite.ones(2), 3])
            self.dict = nn.ParameterDict({"a": nnlite.ones(1)})

    net = Holder().to(device).double()
    assert net.list[0].dtype == net.dict["a"].dtype == nnlite.float64
    assert net.list[0].device.type == nnlite.device(device).type
    twin = copy.deepcopy(net)
    assert values(twin.list[0]) == [1, 1] and twin.list[0] is not net.list[0] and twin.list[1] == 3
    again = pickle.loads(pickle.dumps(nn.ModuleDict({"a": chain(1, 2), "b": nn.ModuleList([Add(3)])})))
    assert numbers(again["a"]) == [1, 2] and again["b"][0](1) == 4
