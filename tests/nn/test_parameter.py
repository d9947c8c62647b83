"""Parameters and buffers as tensors."""

from __future__ import annotations

import copy
import pickle

import pytest
from small_modules import values

import nnlite
from nnlite import nn


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
