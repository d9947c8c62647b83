"""Softmax, its logarithm, and the activation functions of nn.functional."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlite
import nnlite.nn.functional as F
from nnlite.autograd import gradcheck, gradgradcheck
from nnlite.backends.strict import forbid_synchronize

FUNCTIONS = ["softmax", "log_softmax"]


def reference(name, x, axis):
    """The definition, in float64."""
    x = np.asarray(x, np.float64)
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    p = e / e.sum(axis=axis, keepdims=True)
    return p if name == "softmax" else np.log(p)


def double(values, device):
    return nnlite.tensor(values, dtype=nnlite.float64, device=device, requires_grad=True)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape, dim", [((5,), 0), ((3, 4), 1), ((3, 4), 0), ((2, 3, 4), -2), ((2, 3, 4, 2), 1)])
def test_values(name, shape, dim, device):
    x = nnlite.randn(shape, device=device)
    want = reference(name, x.cpu().numpy(), dim)
    for made in (getattr(nnlite, name)(x, dim), getattr(x, name)(dim), getattr(F, name)(x, dim)):
        assert made.shape == shape
        np.testing.assert_allclose(made.cpu().numpy(), want, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dim", [0, 1])
def test_derivatives(name, dim, device):
    x = double(np.random.default_rng(1).standard_normal((3, 4)), device)

    def function(t):
        return getattr(nnlite, name)(t, dim)

    assert gradcheck(function, x)
    assert gradgradcheck(function, x)


def test_softmax_of_large_numbers(device):
    x = nnlite.tensor([[1e4, 0.0], [-1e4, -1e4]], device=device)
    assert nnlite.softmax(x, 1).tolist() == [[1.0, 0.0], [0.5, 0.5]]
    assert nnlite.log_softmax(x, 1)[0].tolist() == [0.0, -1e4]


def test_infinite_numbers(device):
    inf = float("inf")
    assert nnlite.log_softmax(nnlite.tensor([-inf, 0.0], device=device), 0).tolist() == [-inf, 0.0]
    assert nnlite.softmax(nnlite.tensor([-inf, 0.0], device=device), 0).tolist() == [0.0, 1.0]
    assert nnlite.softmax(nnlite.tensor([inf, 0.0], device=device), 0).isnan().all()
    assert nnlite.softmax(nnlite.tensor([-inf, -inf], device=device), 0).isnan().all()


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("kind", [nnlite.float16, nnlite.bfloat16, nnlite.float64])
def test_dtypes(name, kind, device):
    x = nnlite.randn(4, 600, device=device).to(kind)
    made = getattr(nnlite, name)(x, 1)
    assert made.dtype is kind
    want = reference(name, x.double().cpu().numpy(), 1)
    digits = {"float16": 1e-3, "bfloat16": 8e-3, "float64": 1e-14}[kind.name]  # one rounding, not one for each term
    np.testing.assert_allclose(made.double().cpu().numpy(), want, rtol=digits, atol=1e-7)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_dtype_argument(name, device):
    made = getattr(nnlite, name)(nnlite.tensor([1, 2], device=device), 0, dtype=nnlite.float64)
    assert made.dtype is nnlite.float64
    x = nnlite.tensor([1.0, 2.0], device=device, requires_grad=True)
    getattr(F, name)(x, 0, dtype=nnlite.float64)[0].backward()
    assert x.grad.dtype is nnlite.float32


@pytest.mark.parametrize("name", FUNCTIONS)
def test_empty_and_0d(name, device):
    function = getattr(nnlite, name)
    for shape in ((0, 3), (3, 0)):
        for dim in (0, 1):
            assert function(nnlite.zeros(shape, device=device), dim).shape == shape
    for dim in (0, -1):
        x = nnlite.tensor(3.0, device=device, requires_grad=True)
        y = function(x, dim)
        assert y.shape == () and y.item() == (1.0 if name == "softmax" else 0.0)
        y.backward()
        assert x.grad.item() == 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors(name, device):
    function = getattr(nnlite, name)
    x = nnlite.zeros(2, 2, device=device)
    with pytest.raises(IndexError, match=r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 2\)"):
        function(x, 2)
    for dim in (1.5, "a", True):
        with pytest.raises(TypeError, match=r"argument 'dim' .*must be int, not"):
            function(x, dim)
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        function([1.0], 0)
    with pytest.raises(NotImplementedError, match=f"\"{name}_lastdim_kernel_impl\" not implemented for 'Long'"):
        function(x.long(), 1)
    with pytest.raises(NotImplementedError, match=f"\"{name}_kernel_impl\" not implemented for 'Bool'"):
        function(x.bool(), 0)


def test_names_of_derivatives(device):
    x = nnlite.zeros(2, device=device, requires_grad=True)
    assert nnlite.softmax(x, 0).grad_fn.name() == "SoftmaxBackward0"
    assert nnlite.log_softmax(x, 0).grad_fn.name() == "LogSoftmaxBackward0"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_out(name, device):
    x, out = nnlite.randn(2, 3, device=device), nnlite.zeros(0, device=device)
    assert getattr(nnlite, name)(x, 1, out=out) is out
    assert (out == getattr(x, name)(1)).all()


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("ndim, dim", [(0, 0), (1, 0), (2, 1), (3, 0), (4, 1)])
def test_implicit_dim(name, ndim, dim, device):
    x = nnlite.randn((2,) * ndim, device=device)
    with pytest.warns(UserWarning, match=f"Implicit dimension choice for {name} has been deprecated") as caught:
        made = getattr(F, name)(x)
    assert caught[0].filename == __file__
    assert (made == getattr(F, name)(x, dim)).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_functional_are_picklable(name):
    assert pickle.loads(pickle.dumps(getattr(F, name))) is getattr(F, name)
    assert pickle.loads(pickle.dumps(getattr(nnlite, name))) is getattr(nnlite, name)


@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=8), st.floats(-50, 50, width=32))
def test_softmax_adds_up_and_ignores_shifts(values, shift):
    x = nnlite.tensor(values, dtype=nnlite.float64)
    p = x.softmax(0)
    assert abs(p.sum().item() - 1) < 1e-12
    assert nnlite.allclose((x + shift).softmax(0), p, rtol=1e-9)
    assert nnlite.allclose(x.log_softmax(0).exp(), p)


def test_no_synchronisation():
    x = nnlite.randn(3, 4, device="strict", requires_grad=True)
    with forbid_synchronize():
        (x.softmax(1) * x.log_softmax(1)).sum().backward()
    assert x.grad.shape == (3, 4)


# ---------------------------------------------------------------------------------------------------------------------


def test_relu(device):
    x = nnlite.tensor([-1.0, 0.0, 2.0, float("nan")], device=device)
    assert F.relu(x)[:3].tolist() == [0.0, 0.0, 2.0] and F.relu(x)[3].isnan()
    y = x.clone()
    assert F.relu(y, inplace=True) is y and y[0] == 0 and F.relu_(y) is y
    assert F.relu(nnlite.tensor([-1, 2], device=device)).tolist() == [0, 2]
    with pytest.raises(RuntimeError, match="Boolean inputs not supported for relu"):
        F.relu(nnlite.tensor([True], device=device))
    with pytest.raises(TypeError, match="must be Tensor"):
        F.relu([1.0])


def test_relu_in_place_in_a_graph(device):
    leaf = nnlite.tensor([-1.0, 2.0], device=device, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        F.relu(leaf, inplace=True)
    x = leaf * 3
    y = F.relu(x, inplace=True)
    assert y is x and y.grad_fn.name() == "ReluBackward0"
    y.sum().backward()
    assert leaf.grad.tolist() == [0.0, 3.0]


def test_sigmoid_and_tanh(device):
    x = double([-1000.0, -1.0, 0.0, 0.5, 1000.0], device)
    want = [0, 1 / (1 + np.e), 0.5, 1 / (1 + np.exp(-0.5)), 1]
    np.testing.assert_allclose(F.sigmoid(input=x).detach().cpu().numpy(), want, rtol=1e-12)
    np.testing.assert_allclose(F.tanh(input=x).detach().cpu().numpy(), np.tanh([-1000, -1, 0, 0.5, 1000]))
    x = double([-1.0, 0.3, 2.0], device)
    for function in (F.sigmoid, F.tanh):
        assert gradcheck(function, x)
        assert gradgradcheck(function, x)
