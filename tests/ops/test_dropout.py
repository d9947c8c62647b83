"""dropout and dropout2d."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlite
import nnlite.nn.functional as F
from nnlite.autograd import gradcheck, gradgradcheck
from nnlite.backends.strict import forbid_synchronize

FUNCTIONS = [F.dropout, F.dropout2d]
both = pytest.mark.parametrize("function", FUNCTIONS)
SHAPE = (8, 16, 5, 5)


@both
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_share_of_zeros_and_scale(function, p, device):
    x = nnlite.ones(40, 60, 1, 1, device=device)  # one number a channel, so that both draw as many
    y = function(x, p)
    kept = (y != 0).float().mean().item()
    assert abs(kept - (1 - p)) < 4 * math.sqrt(p * (1 - p) / 2400)
    np.testing.assert_allclose(y[y != 0].cpu().numpy(), 1 / (1 - p), rtol=1e-6)


def test_single_elements_or_whole_channels(device):
    x = nnlite.ones(SHAPE, device=device)
    single, whole = F.dropout(x), F.dropout2d(x)
    assert not (single == single[:, :, :1, :1]).all()
    assert (whole == whole[:, :, :1, :1]).all()
    assert sorted({v for row in whole[:, :, 0, 0].tolist() for v in row}) == [0.0, 2.0]


@both
def test_gradient_has_the_same_zeros(function, device):
    x = nnlite.ones(SHAPE, device=device, requires_grad=True)
    y = function(x, 0.3)
    assert y.grad_fn.name() == "MulBackward0"
    y.sum().backward()
    assert (x.grad == y).all()


@both
@pytest.mark.parametrize("inplace", [False, True])
def test_derivatives(function, inplace, device):
    x = nnlite.randn(2, 3, 2, 2, dtype=nnlite.float64, device=device, requires_grad=True)

    def same_mask(a):
        nnlite.manual_seed(3)
        return function(a * 1, 0.4, inplace=inplace)

    assert gradcheck(same_mask, x)
    assert gradgradcheck(lambda a: same_mask(a) ** 2, x)


@both
def test_not_training_or_p_zero_is_the_input_itself(function, device):
    x = nnlite.ones(SHAPE, device=device, requires_grad=True)
    assert function(x, 0.5, False) is x
    assert function(x, 0.5, training=False, inplace=True) is x
    assert function(x, 0.0) is x
    assert function(x, 0) is x


@both
def test_p_one(function, device):
    x = nnlite.ones(SHAPE, device=device, requires_grad=True)
    y = function(x, 1)
    assert not y.any() and y.grad_fn is not None
    y.sum().backward()
    assert not x.grad.any()
    assert function(x * float("nan"), 1.0).isnan().all()  # it is a product, as in PyTorch


@both
def test_in_place(function, device):
    x = nnlite.ones(SHAPE, device=device)
    version = x._version
    assert function(x, 0.5, inplace=True) is x
    assert x._version == version + 1
    assert {0.0, 2.0} == set(x.flatten().tolist())
    leaf = nnlite.ones(SHAPE, device=device, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        function(leaf, 0.5, inplace=True)
    y = leaf * 1
    assert function(y, 0.5, inplace=True) is y
    y.sum().backward()
    assert (leaf.grad == y).all()


@both
@pytest.mark.parametrize("p", [-0.1, 1.1, -1, 2])
def test_probabilities_that_there_are_not(function, p, device):
    x = nnlite.ones(SHAPE, device=device)
    for training in (False, True):
        with pytest.raises(ValueError, match=f"dropout probability has to be between 0 and 1, but got {p}"):
            function(x, p, training)


@both
@pytest.mark.parametrize("kind", [nnlite.float16, nnlite.bfloat16, nnlite.float64, nnlite.complex64])
def test_dtypes(function, kind, device):
    x = nnlite.ones(SHAPE, device=device).to(kind).requires_grad_()
    y = function(x, np.float64(0.5))
    assert y.dtype is kind and set(y.detach().flatten().tolist()) == {0, 2}
    y.backward(nnlite.ones_like(y))
    assert x.grad.dtype is kind
    y = x.detach().clone()
    function(y, 0.5, inplace=True)
    assert y.dtype is kind and set(y.flatten().tolist()) == {0, 2}


@both
def test_errors(function, device):
    x = nnlite.ones(SHAPE, dtype=nnlite.int64, device=device)
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
        function(x, 0.5)
    assert function(x, 0.5, False) is x
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        function([1.0], 0.5)


def test_other_numbers_of_dimensions(device):
    with pytest.warns(
        UserWarning, match="dropout2d: Received a 3D input.* interpreted as shape \\(N, C, L\\)"
    ) as caught:
        y = F.dropout2d(nnlite.ones(9, 8, 5, device=device))
    assert caught[0].filename == __file__
    assert (y == y[:, :, :1]).all() and set(y[:, :, 0].flatten().tolist()) == {0.0, 2.0}
    for shape in ((9, 8), (9, 8, 2, 2, 2)):
        with pytest.warns(UserWarning, match=f"dropout2d: Received a {len(shape)}-D input to dropout2d"):
            y = F.dropout2d(nnlite.ones(shape, device=device))
        assert (y.reshape(9, 8, -1) == y.reshape(9, 8, -1)[:, :, :1]).all()
    with pytest.warns(UserWarning), pytest.raises(RuntimeError, match="Feature dropout requires at least 2 dimensions"):
        F.dropout2d(nnlite.ones(9, device=device))
    assert F.dropout(nnlite.tensor(1.0, device=device)).item() in (0.0, 2.0)
    assert F.dropout(nnlite.zeros(0, 3, device=device)).shape == (0, 3)


def test_seeds(device):
    x = nnlite.ones(SHAPE, device=device)

    def draw(seed):
        nnlite.manual_seed(seed)
        return F.dropout(x)

    assert (draw(1) == draw(1)).all()
    assert not (draw(1) == draw(2)).all()
    nnlite.manual_seed(1)
    assert not (F.dropout(x) == F.dropout(x)).all()


def test_the_same_zeros_on_every_device(device):
    nnlite.manual_seed(5)
    here = F.dropout(nnlite.ones(100, device=device))
    nnlite.manual_seed(5)
    assert here.tolist() == F.dropout(nnlite.ones(100)).tolist()


@both
@pytest.mark.parametrize("inplace", [False, True])
def test_no_synchronisation(function, inplace):
    x = nnlite.randn(SHAPE, device="strict", requires_grad=True)
    with forbid_synchronize():
        function(x * 1, 0.5, inplace=inplace).sum().backward()
    assert x.grad.shape == SHAPE


@given(st.floats(0, 1), st.integers(0, 30))
def test_elements_are_zero_or_scaled(p, n):
    x = nnlite.arange(1.0, n + 1, dtype=nnlite.float64)
    y = F.dropout(x, p)
    kept = y != 0
    if p < 1:
        assert nnlite.allclose(y[kept], x[kept] / (1 - p))
    else:
        assert not kept.any()
