"""What does not fit raises PyTorch's exception; its text names the operation and the way out, and nothing changes."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
import nnlite.nn.functional as F
from nnlite.backends import DeviceUnavailableError

T = nnlite.tensor


def ones(*shape, **options):
    return nnlite.ones(*shape, **options)


SHAPES = [
    (
        "add",
        lambda: ones(2) + ones(3),
        r"The size of tensor a \(2\) must match the size of tensor b \(3\) at non-singleton dimension 0",
    ),
    ("mul", lambda: ones(2, 3) * ones(2, 4), r"at non-singleton dimension 1"),
    (
        "where",
        lambda: nnlite.where(T([True, False]), ones(3), ones(1)),
        r"tensor a \(2\) must match the size of tensor b \(3\)",
    ),
    ("maximum", lambda: nnlite.maximum(ones(2), ones(3)), "must match"),
    ("mm", lambda: ones(2, 3) @ ones(2, 3), r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 2x3\)"),
    ("mm of a vector", lambda: nnlite.mm(ones(3), ones(3, 2)), "must be a matrix"),
    ("mv", lambda: ones(2, 3) @ ones(2), "2x3"),
    ("dot", lambda: nnlite.dot(ones(2), ones(3)), "inconsistent tensor size"),
    ("bmm", lambda: nnlite.bmm(ones(2, 2, 3), ones(3, 3, 2)), "Expected size for first two dimensions of batch2"),
    ("matmul of numbers", lambda: nnlite.matmul(T(1.0), ones(2)), "at least 1D"),
    ("linear", lambda: F.linear(ones(2, 3), ones(4, 5)), r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 5x4\)"),
    ("linear bias", lambda: F.linear(ones(2, 3), ones(4, 3), ones(5)), "must match"),
    ("outer", lambda: nnlite.outer(ones(2, 2), ones(2)), "Expected 1-D argument self"),
    ("reshape", lambda: ones(6).reshape(4, 2), r"shape '\[4, 2\]' is invalid for input of size 6"),
    ("reshape -1", lambda: ones(6).reshape(-1, -1), "only one dimension can be inferred"),
    ("reshape -1 of nothing", lambda: nnlite.zeros(0).reshape(0, -1), "ambiguous"),
    ("view", lambda: ones(2, 3).t().view(6), r"Use .reshape\(...\) instead"),
    ("expand", lambda: ones(2).expand(3), r"The expanded size of the tensor \(3\) must match the existing size \(2\)"),
    ("expand to fewer", lambda: ones(2, 2).expand(2), "must be greater or equal"),
    ("permute", lambda: ones(2, 3).permute(0), "number of dimensions"),
    ("permute twice", lambda: ones(2, 3).permute(0, 0), "duplicate dims"),
    ("cat", lambda: nnlite.cat([ones(2, 3), ones(2, 2)]), "Sizes of tensors must match except in dimension 0"),
    ("cat of ranks", lambda: nnlite.cat([ones(2), ones(2, 2)]), "same number of dimensions"),
    ("cat of numbers", lambda: nnlite.cat([T(1.0), T(2.0)]), "zero-dimensional tensor"),
    ("stack", lambda: nnlite.stack([ones(2), ones(3)]), "stack expects each tensor to be equal size"),
    ("stack of nothing", lambda: nnlite.stack([]), "non-empty"),
    ("split", lambda: ones(4).split([1, 2]), "split_with_sizes expects split_sizes to sum exactly to 4"),
    ("unflatten", lambda: ones(4).unflatten(0, (3, 2)), "don't multiply up to the size of dim 0"),
    ("repeat", lambda: ones(2, 2).repeat(2), "Number of dimensions of repeat dims"),
    ("t", lambda: ones(1, 1, 1).t(), "<= 2 dimensions"),
    ("tril", lambda: ones(3).tril(), "at least 2 dimensions"),
    ("max of nothing", lambda: nnlite.zeros(0).max(), "Expected reduction dim to be specified"),
    ("dims twice", lambda: ones(2, 2).sum((0, 0)), "appears multiple times"),
    ("flip twice", lambda: ones(2, 2).flip(0, 0), "appears multiple times"),
    (
        "in place",
        lambda: ones(2).add_(ones(2, 2)),
        r"output with shape \[2\] doesn't match the broadcast shape \[2, 2\]",
    ),
    ("clamp", lambda: ones(2).clamp(), "At least one of 'min' or 'max'"),
    ("rounding", lambda: nnlite.div(ones(2), 2, rounding_mode="up"), "expected rounding_mode"),
]

DIMENSIONS = [
    lambda x: x.sum(2),
    lambda x: x.mean(-3),
    lambda x: x.max(2),
    lambda x: x.argmax(2),
    lambda x: x.prod(5),
    lambda x: x.cumsum(2),
    lambda x: x.softmax(2),
    lambda x: x.transpose(0, 2),
    lambda x: x.unsqueeze(4),
    lambda x: x.squeeze(3),
    lambda x: x.flatten(0, 3),
    lambda x: nnlite.cat([x, x], 2),
    lambda x: nnlite.stack([x, x], 4),
    lambda x: x.split(1, 2),
    lambda x: x.chunk(2, 3),
    lambda x: x.unbind(2),
    lambda x: x.flip(2),
    lambda x: x.size(2),
    lambda x: x.stride(2),
    lambda x: x.select(2, 0),
    lambda x: x.narrow(2, 0, 1),
    lambda x: x.sum((0, 2)),
    lambda x: x.any(2),
    lambda x: x.var(2),
    lambda x: x.norm(dim=2),
    lambda x: x.gather(2, x.long()),
    lambda x: nnlite.tensor(1.0).sum(1),
]

DTYPES = [
    (
        lambda: ones(2, dtype=nnlite.int64).mean(),
        RuntimeError,
        "Input dtype must be either a floating point or complex dtype. Got: Long",
    ),
    (lambda: ones(2, dtype=nnlite.int64).std(), RuntimeError, "std and var only support floating point"),
    (lambda: ones(2, 2) @ ones(2, 2, dtype=nnlite.float64), RuntimeError, "same dtype, but got: float != double"),
    (lambda: F.linear(ones(2, 2), ones(2, 2, dtype=nnlite.float64)), RuntimeError, "same dtype"),
    (lambda: T([True]) - T([True]), RuntimeError, "Subtraction, the `-` operator, with a bool tensor is not supported"),
    (lambda: -T([True]), RuntimeError, "bool tensor is not supported"),
    (lambda: ~T([1.0]), TypeError, "only implemented on integer and Boolean-type tensors"),
    (lambda: nnlite.bitwise_not(T([1.0])), NotImplementedError, "\"bitwise_not\" not implemented for 'Float'"),
    (lambda: T([1.0]) & 1, NotImplementedError, "\"bitwise_and\" not implemented for 'Float'"),
    (lambda: T([1.0]) | T([2.0]), NotImplementedError, "\"bitwise_or\" not implemented for 'Float'"),
    (lambda: T([2]) // 0, RuntimeError, "ZeroDivisionError"),
    (lambda: T([2]) % 0, RuntimeError, "ZeroDivisionError"),
    (lambda: nnlite.fmod(T([2]), 0), RuntimeError, "ZeroDivisionError"),
    (lambda: T([True]) // T([True]), NotImplementedError, "\"floor_divide\" not implemented for 'Bool'"),
    (lambda: T([True]) ** T([True]), NotImplementedError, "\"pow\" not implemented for 'Bool'"),
    (lambda: T([2]) ** -1, RuntimeError, "Integers to negative integer powers are not allowed"),
    (lambda: T([True]).argmax(), RuntimeError, "does not support bool input"),
    (lambda: ones(2).index_select(0, T([0.0])), RuntimeError, "Expected dtype int32 or int64 for index"),
    (lambda: ones(2)[T([0.0])], IndexError, "must be long, int, byte or bool"),
    (lambda: nnlite.where(T([1]), ones(1), ones(1)), RuntimeError, "boolean tensor, but got a tensor with dtype Long"),
    (lambda: T([1]).add(1, alpha=1.5), RuntimeError, "argument alpha must not be a floating point number"),
]

NO_TENSORS = [
    lambda: nnlite.exp(1.0),
    lambda: nnlite.exp("a"),
    lambda: nnlite.exp([1.0]),
    lambda: nnlite.sum([1, 2]),
    lambda: nnlite.add(1, 2),
    lambda: nnlite.add(ones(1), "a"),
    lambda: nnlite.add(ones(1), None),
    lambda: nnlite.matmul(ones(2), [1, 2]),
    lambda: nnlite.matmul(1, ones(2)),
    lambda: nnlite.cat(ones(2)),
    lambda: nnlite.cat([ones(2), 3]),
    lambda: nnlite.where(True, ones(1), ones(1)),
    lambda: ones(1) + "a",
    lambda: ones(1) + None,
    lambda: ones(1) + [1],  # noqa: RUF005
    lambda: "a" + ones(1),
    lambda: ones(1) < "a",
    lambda: ones(1) @ 2,
    lambda: nnlite.zeros_like(3),
    lambda: ones(1).copy_([1]),
    lambda: ones(1).copy_(None),
    lambda: ones(1).fill_("a"),
    lambda: ones(1).add_("a"),
    lambda: ones(2).sum(0, 1),
]


@pytest.mark.parametrize("call, text", [case[1:] for case in SHAPES], ids=[case[0] for case in SHAPES])
def test_wrong_shapes(call, text, device):
    with nnlite.device(device), pytest.raises(RuntimeError, match=text):
        call()


@pytest.mark.parametrize("call", DIMENSIONS, ids=range(len(DIMENSIONS)))
def test_wrong_dimensions(call, device):
    with pytest.raises(IndexError, match="Dimension out of range"):
        call(ones(2, 3, device=device))


@pytest.mark.parametrize("call, error, text", DTYPES, ids=range(len(DTYPES)))
def test_wrong_dtypes(call, error, text, device):
    with nnlite.device(device), pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("call", NO_TENSORS, ids=range(len(NO_TENSORS)))
def test_no_tensors(call, device):
    with nnlite.device(device), pytest.raises(TypeError):
        call()


@pytest.mark.parametrize("name", ["eq", "ne"])
def test_equality_with_anything(name, device):
    x = ones(1, device=device)
    for other in (None, "a", [1]):
        assert (x == other) is False and (x != other) is True


MIXED = [
    ("add", lambda a, b: a + b),
    ("mul", lambda a, b: b * a),
    ("maximum", nnlite.maximum),
    ("atan2", nnlite.atan2),
    ("eq", lambda a, b: a == b),
    ("matmul", lambda a, b: a @ b),
    ("mm", lambda a, b: nnlite.mm(a.view(2, 2), b.view(2, 2))),
    ("dot", lambda a, b: nnlite.dot(a.view(4), b.view(4))),
    ("linear", lambda a, b: F.linear(a.view(2, 2), b.view(2, 2))),
    ("cat", lambda a, b: nnlite.cat([a, b])),
    ("stack", lambda a, b: nnlite.stack([a, b])),
    ("where", lambda a, b: nnlite.where(a > 0, a, b)),
    ("add_", lambda a, b: a.add_(b)),
    ("mul_", lambda a, b: b.mul_(a)),
    ("gather", lambda a, b: a.gather(0, b.long())),
    ("index_select", lambda a, b: a.index_select(0, b.long()[:1])),
    ("setitem", lambda a, b: a.__setitem__(slice(None), b)),
    ("pow", lambda a, b: a**b),
    ("lerp", lambda a, b: a.lerp(b, 0.5)),
    ("mse_loss", F.mse_loss),
    ("addmm", lambda a, b: nnlite.addmm(a, a.view(2, 2), b.view(2, 2))),
]


@pytest.mark.parametrize("call", [case[1] for case in MIXED], ids=[case[0] for case in MIXED])
def test_two_devices(call, device):
    """Both devices are named, and the call that brings the tensors together."""
    other = "strict" if device == "cpu" else "cpu"
    a, b = ones(4, device=device), ones(4, device=other)
    with pytest.raises(
        RuntimeError, match="Expected all tensors to be on the same device, but found at least two devices"
    ) as info:
        call(a, b)
    text = str(info.value)
    assert device.split(":")[0] in text and other in text and ".to('" in text
    assert a.tolist() == b.tolist() == [1] * 4 and a._version == b._version == 0


def test_tensors_of_no_dimensions_on_the_cpu_are_numbers_to_all_devices(device):
    number = nnlite.tensor(3.0, requires_grad=True)
    x = ones(2, device=device)
    for result in (
        x * number,
        number * x,
        nnlite.where(x > 0, number, x),
        x.double() * number,
        nnlite.maximum(x, number),
    ):
        assert str(result.device) == str(x.device) and result.tolist() == [3, 3]
    (x * number).sum().backward()
    assert number.grad.is_cpu and number.grad.item() == 2
    with nnlite.no_grad():
        assert x.mul_(number).tolist() == [3, 3]


def test_other_devices_numbers_are_not():
    with pytest.raises(RuntimeError, match="same device"):
        ones(2) + nnlite.tensor(1.0, device="strict")


@pytest.mark.skipif(nnlite.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there():
    """One error that says what is missing and what to install."""
    for call in (
        lambda: nnlite.zeros(1, device="cuda"),
        lambda: ones(1).cuda(),
        lambda: ones(1).to("cuda:1"),
        lambda: nnlite.rand(2, device="cuda"),
    ):
        with pytest.raises(DeviceUnavailableError, match=r"(?i)cupy|driver|gpu"):
            call()
    with pytest.raises(RuntimeError, match="strict has one device"):
        nnlite.zeros(1, device="strict:1")


def test_errors_leave_nothing_behind(device):
    """A refused operation neither records nor counts a write."""
    x = ones(2, device=device, requires_grad=True)
    y = x * 1
    before = y.grad_fn
    for call in (
        lambda: y.add_(ones(3, device=device)),
        lambda: y.__setitem__(5, 1.0),
        lambda: y.mul_(1j),
        lambda: y.copy_(ones(1, 1, 2, device=device)),
    ):
        with pytest.raises((RuntimeError, IndexError)):
            call()
    assert y.grad_fn is before and y._version == 0
    np.testing.assert_array_equal(y.detach().cpu().numpy(), [1, 1])
