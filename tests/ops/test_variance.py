"""Variance and standard deviation where the number of elements or the deviation is 0."""

from __future__ import annotations

import math

import pytest

import nnlite


def gradient(function, values, device):
    x = nnlite.tensor(values, device=device, requires_grad=True)
    function(x).sum().backward()
    return x.grad.tolist()


def test_the_gradient_of_no_deviation_is_zero(device):
    assert gradient(lambda x: x.std(), [2.0, 2.0], device) == [0.0, 0.0]
    assert gradient(lambda x: x.std(0), [[1.0, 2.0], [1.0, 4.0]], device)[0][0] == 0
    x = nnlite.tensor([2.0, 2.0], device=device, requires_grad=True)
    (g,) = nnlite.autograd.grad(x.std(), x, create_graph=True)
    assert g.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", ["std", "var"])
def test_fewer_elements_than_the_correction(name, device):
    x = nnlite.tensor([[1.0], [3.0]], device=device, requires_grad=True)
    assert [math.isnan(v) for v in getattr(x, name)(1).tolist()] == [True, True]
    assert getattr(x, name)(0, correction=2).tolist() == [math.inf]
    one = gradient(lambda x: getattr(x, name)(), [1.0], device)
    assert math.isnan(one[0])


def test_they_are_one_operation_each(device):
    x = nnlite.randn(3, 4, device=device, requires_grad=True)
    assert x.var(1).grad_fn.name() == "VarBackward0"
    assert x.std().grad_fn.name() == "StdBackward0"
    assert x.std().grad_fn.next_functions[0][0].name().endswith("AccumulateGrad")


def test_the_mean_over_all_positions_is_a_mean(device):
    """Adaptive pooling to one number, for images of any number of axes."""
    x = nnlite.randn(2, 3, 4, 5, device=device, requires_grad=True)
    pooled = nnlite.nn.functional.adaptive_avg_pool2d(x, 1)
    assert pooled.shape == (2, 3, 1, 1)
    assert nnlite.allclose(pooled, x.mean((2, 3), keepdim=True))
    assert pooled.grad_fn.name() == "MeanBackward1"
    assert nnlite.nn.functional.adaptive_avg_pool2d(x[:0], 1).shape == (0, 3, 1, 1)
    assert nnlite.nn.functional.adaptive_avg_pool3d(x, 1).shape == (2, 1, 1, 1)
