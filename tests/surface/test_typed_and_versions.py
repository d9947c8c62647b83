"""Typed constructors, Variable, defaults, and versions that compare."""

from __future__ import annotations

import pickle

import pytest

import nnlite
from nnlite.autograd import Variable
from nnlite.torch_version import TorchVersion

KINDS = {
    "FloatTensor": "float32", "DoubleTensor": "float64", "HalfTensor": "float16", "LongTensor": "int64",
    "IntTensor": "int32", "ShortTensor": "int16", "CharTensor": "int8", "ByteTensor": "uint8", "BoolTensor": "bool",
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_constructors(name):
    kind, dtype = getattr(nnlite, name), getattr(nnlite, KINDS[name])
    made = kind([1, 0])
    assert made.dtype is dtype
    assert type(made) is nnlite.Tensor
    assert isinstance(made, kind)
    assert made.type() == f"torch.{name}"
    assert repr(kind) == f"<class 'torch.{name}'>"
    assert kind(2, 3).shape == kind(nnlite.Size([2, 3])).shape == (2, 3)
    assert kind().shape == (0,)
    assert pickle.loads(pickle.dumps(kind)) is kind
    others = [getattr(nnlite, other) for other in KINDS if other != name]
    assert not any(isinstance(made, other) for other in others)
    x = nnlite.tensor([0.0, 1.0])
    for wanted in (kind, f"torch.{name}", f"nnlite.{name}", dtype, str(dtype).replace(KINDS[name], name)):
        assert x.type(wanted).dtype is dtype


def test_type_moves_between_devices():
    there = nnlite.ones(2, device="strict")
    assert there.type() == "torch.strict.FloatTensor"
    assert not isinstance(there, nnlite.FloatTensor)
    assert there.type(nnlite.int64).device.type == "strict"
    assert there.type("torch.LongTensor").device.type == there.type(nnlite.LongTensor).device.type == "cpu"
    assert there.cpu().type("torch.strict.LongTensor").type() == "torch.strict.LongTensor"
    assert there.type("torch.strict.FloatTensor") is there


@pytest.mark.parametrize("name", ["FloatTensor", "torch.Foo", "torch.a.b.FloatTensor", "", "os.FloatTensor", int, dict])
def test_unknown_types(name):
    with pytest.raises(ValueError, match="invalid type"):
        nnlite.ones(2).type(name)


def test_wrong_data():
    with pytest.raises(TypeError, match=r"expected torch\.int64 on cpu \(got torch\.float32 on cpu\)"):
        nnlite.LongTensor(nnlite.ones(2))
    with pytest.raises(TypeError, match="must be a sequence"):
        nnlite.FloatTensor(2.5)
    with pytest.raises(RuntimeError, match="legacy constructor expects device type: cpu"):
        nnlite.FloatTensor([1], device="strict")
    x = nnlite.ones(2)
    assert nnlite.FloatTensor(x).data_ptr() == x.data_ptr()


def test_types_of_cuda():
    kind = nnlite.cuda.FloatTensor
    assert kind is nnlite.cuda.FloatTensor
    assert kind.is_cuda
    assert repr(kind) == "<class 'torch.cuda.FloatTensor'>"
    assert not isinstance(nnlite.ones(1), kind)
    if not nnlite.cuda.is_available():
        for call in (lambda: kind([1]), lambda: nnlite.ones(1).type("torch.cuda.FloatTensor")):
            with pytest.raises(RuntimeError, match="cuda is not available"):
                call()


def test_defaults():
    try:
        nnlite.set_default_tensor_type("torch.DoubleTensor")
        assert nnlite.tensor([1.0]).dtype is nnlite.zeros(1).dtype is nnlite.float64
        nnlite.set_default_device("strict")
        assert nnlite.zeros(1).device == nnlite.get_default_device() == nnlite.device("strict")
        nnlite.set_default_tensor_type(nnlite.FloatTensor)
        assert nnlite.get_default_device().type == "cpu"
    finally:
        nnlite.set_default_dtype(nnlite.float32)
        nnlite.set_default_device(None)
    for wrong in (nnlite.LongTensor, "torch.LongTensor", "torch.Nothing", 3):
        with pytest.raises(TypeError, match="only floating-point types are supported"):
            nnlite.set_default_tensor_type(wrong)


def test_variable(device):
    x = nnlite.ones(2, device=device)
    made = Variable(x, requires_grad=True)
    assert made.requires_grad
    assert not x.requires_grad
    made.sum().backward()
    assert made.grad.tolist() == [1, 1]
    assert isinstance(x, Variable)
    assert not isinstance(3.0, Variable)
    assert Variable(made * 2).grad_fn is None
    assert Variable().shape == (0,)
    with pytest.raises(TypeError, match="has to be a tensor, but got list"):
        Variable([1.0])


def test_version_of_the_package():
    version = nnlite.__version__
    assert isinstance(version, TorchVersion)
    assert version >= "2.0"
    assert version >= (1, 13)
    assert not version < "1.9"
    assert [int(part) for part in version.split("+")[0].split(".")] >= [2, 13]
    assert version.endswith(f"+nnlite.{nnlite.version.nnlite}")
    assert nnlite.version.__version__ == str(version)
    assert pickle.loads(pickle.dumps(version)) == version


IN_ORDER = ["1.9", "1.13.1", "2.0.0.dev20230101", "2.0.0a1", "2.0.0rc1", "2.0", "2.0.0+cpu", "2.0.0.post1", "2.10"]


def test_versions_compare():
    for i, small in enumerate(IN_ORDER):
        for j, large in enumerate(IN_ORDER):
            v = TorchVersion(small)
            assert ((v < large), (v <= large), (v == large), (v != large), (v > large), (v >= large)) == (
                i < j, i <= j, i == j, i != j, i > j, i >= j)  # fmt: skip
    assert TorchVersion("2.0") == (2, 0, 0)
    assert TorchVersion("2.0") == "v2.0.0"
    assert TorchVersion("2.0") < "nightly"  # as text


def test_versions_compare_as_packaging_does():
    packaging = pytest.importorskip("packaging.version")
    for small in IN_ORDER:
        for large in IN_ORDER:
            expected = packaging.parse(small) < packaging.parse(large)
            assert (TorchVersion(small) < TorchVersion(large)) is expected
            assert (TorchVersion(small) < packaging.parse(large)) is expected
    assert packaging.parse(nnlite.__version__).release[:2] == (2, 13)
