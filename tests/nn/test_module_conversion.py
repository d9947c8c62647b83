"""Moving modules and converting their numbers."""

from __future__ import annotations

import pytest
from small_modules import Net, Scale, values

import nnlite
from nnlite import nn


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
