"""mse_loss and l1_loss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import nnlite
import nnlite.nn.functional as F
from nnlite.autograd import gradcheck, gradgradcheck
from nnlite.backends.strict import forbid_synchronize

LOSSES = {"mse_loss": np.square, "l1_loss": np.abs}
REDUCE = {"none": lambda d: d, "sum": np.sum, "mean": np.mean}

losses = pytest.mark.parametrize("name", LOSSES)
reductions = pytest.mark.parametrize("reduction", REDUCE)


def pair(shape, device, **options):
    return tuple(nnlite.randn(shape, device=device, **options) for _ in range(2))


@losses
@reductions
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_values(name, reduction, shape, device):
    x, y = pair(shape, device)
    made = getattr(F, name)(x, y, reduction=reduction)
    want = REDUCE[reduction](LOSSES[name](x.cpu().numpy() - y.cpu().numpy()))
    assert made.shape == want.shape and made.dtype is nnlite.float32
    np.testing.assert_allclose(made.cpu().numpy(), want, rtol=1e-6)


@losses
@reductions
@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((), ()), ((3,), (2, 1))])
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_derivatives(name, reduction, shapes, device):
    draws = np.random.default_rng(0)
    x, y = (
        nnlite.tensor(draws.standard_normal(s), dtype=nnlite.float64, device=device, requires_grad=True) for s in shapes
    )

    def function(a, b):
        return getattr(F, name)(a, b, reduction=reduction)

    assert gradcheck(function, (x, y))
    assert gradgradcheck(function, (x, y))
    assert gradcheck(function, (x, y.detach()))
    assert gradcheck(function, (x.detach(), y))


@losses
def test_gradient_where_both_are_equal(name, device):
    x = nnlite.ones(2, device=device, requires_grad=True)
    getattr(F, name)(x, nnlite.ones(2, device=device)).backward()
    assert x.grad.tolist() == [0.0, 0.0]


@losses
def test_broadcasting_warns(name, device):
    x, y = nnlite.zeros(3, device=device), nnlite.ones(3, 1, device=device)
    with pytest.warns(UserWarning, match=r"Using a target size \(torch.Size\(\[3, 1\]\)\) that is different") as caught:
        made = getattr(F, name)(x, y, reduction="none")
    assert caught[0].filename == __file__
    assert made.shape == (3, 3)
    with (
        pytest.warns(UserWarning, match="Using a target size"),
        pytest.raises(RuntimeError, match=r"The size of tensor a \(3\) must match the size of tensor b \(4\)"),
    ):
        getattr(F, name)(x, nnlite.zeros(4, device=device))


@losses
def test_dtypes(name, device):
    function = getattr(F, name)
    for kind in (nnlite.float16, nnlite.bfloat16, nnlite.float64):
        x = nnlite.full((5000,), 1.5, dtype=kind, device=device)
        x.requires_grad_()
        made = function(x, x.detach() * 0)
        assert made.dtype is kind and made.item() == (2.25 if name == "mse_loss" else 1.5)
        made.backward()
        assert x.grad.dtype is kind
    x = nnlite.ones(3, device=device)
    assert function(x, x.double()).dtype is nnlite.float64
    assert function(x, x.long()).dtype is nnlite.float32


def test_integers(device):
    x = nnlite.tensor([1, 5], device=device)
    assert F.l1_loss(x, x * 0, reduction="none").tolist() == [1, 5]
    assert F.l1_loss(x, x * 0, reduction="sum").item() == 6
    with pytest.raises(RuntimeError, match=r"mean\(\): could not infer output dtype.* Got: Long"):
        F.l1_loss(x, x)
    with pytest.raises(NotImplementedError, match="\"mse_cpu\" not implemented for 'Long'"):
        F.mse_loss(x, x)
    with pytest.raises(RuntimeError, match="Subtraction, the `-` operator"):
        F.l1_loss(x.bool(), x.bool(), reduction="none")


def test_complex(device):
    x = nnlite.tensor([3 + 4j, 0j], device=device)
    assert F.l1_loss(x, x * 0, reduction="none").tolist() == [5.0, 0.0]
    assert F.l1_loss(x, x * 0).item() == 2.5 and F.l1_loss(x, x * 0, reduction="sum").item() == 5
    with pytest.raises(NotImplementedError, match="\"mse_cpu\" not implemented for 'ComplexFloat'"):
        F.mse_loss(x, x)


def test_what_may_change_before_backward(device):
    x = nnlite.ones(2, device=device, requires_grad=True)
    y, z = x * 2, nnlite.zeros(2, device=device)
    loss = F.l1_loss(y, z)
    y += 1
    z += 1
    loss.backward()
    assert x.grad.tolist() == [1.0, 1.0]
    y = x * 2
    loss = F.mse_loss(y, z)
    y += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@losses
def test_weight(name, device):
    x = nnlite.tensor([1.0, 2.0, 3.0], device=device, requires_grad=True)
    y = nnlite.zeros(3, device=device)
    w = nnlite.tensor([1.0, 2.0, 3.0], device=device)
    d = LOSSES[name](np.array([1.0, 2.0, 3.0])) * [1, 2, 3]
    function = getattr(F, name)
    assert function(x, y, weight=w, reduction="none").tolist() == d.tolist()
    assert function(x, y, weight=w, reduction="sum").item() == d.sum()
    assert function(x, y, weight=w).item() == pytest.approx(d.sum() / 6)
    with pytest.raises(ValueError, match=r"Weights and input must have the same size."):
        function(x, y, weight=w[:1])
    wide = [
        nnlite.tensor(v, dtype=nnlite.float64, device=device, requires_grad=True) for v in ([1.0, -2.0], [0.5, 2.0])
    ]
    assert gradcheck(lambda a, b: function(a, a.detach() * 0, weight=b), wide)


@losses
def test_empty(name, device):
    x = nnlite.zeros(0, device=device, requires_grad=True)
    assert getattr(F, name)(x, x.detach()).isnan()
    assert getattr(F, name)(x, x.detach(), reduction="sum").item() == 0
    getattr(F, name)(x, x.detach()).backward()
    assert x.grad.shape == (0,)


@losses
def test_names_of_derivatives(name, device):
    x = nnlite.ones(2, device=device, requires_grad=True)
    names = {r: getattr(F, name)(x, x.detach(), reduction=r).grad_fn.name() for r in REDUCE}
    if name == "mse_loss":
        assert set(names.values()) == {"MseLossBackward0"}
    else:
        assert names == {"none": "AbsBackward0", "sum": "SumBackward0", "mean": "MeanBackward0"}


@losses
def test_errors(name, device):
    function = getattr(F, name)
    x = nnlite.ones(2, device=device)
    for reduction in ("avg", None, 1):
        with pytest.raises(ValueError, match=f"{reduction} is not a valid value for reduction"):
            function(x, x, reduction=reduction)
    with pytest.raises(TypeError, match=r"argument .*position 2\) must be Tensor, not list"):
        function(x, [1.0, 2.0])
    with pytest.raises(TypeError, match=r"argument .\w+. \(position 1\) must be Tensor, not float"):
        function(1.0, x)


@losses
def test_arguments_of_old(name, device):
    x, y = pair((3,), device)
    function = getattr(F, name)
    for old, reduction in (
        ({"size_average": False}, "sum"),
        ({"size_average": True}, "mean"),
        ({"reduce": False}, "none"),
        ({"reduce": True}, "mean"),
        ({"size_average": False, "reduce": False}, "none"),
    ):
        text = f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead."
        with pytest.warns(UserWarning, match=text) as caught:
            made = function(x, y, **old)
        assert caught[0].filename == __file__
        assert (made == function(x, y, reduction=reduction)).all()
    with pytest.warns(UserWarning, match="reduction='elementwise_mean' is deprecated"):
        assert function(x, y, reduction="elementwise_mean") == function(x, y)


@losses
def test_two_devices(name):
    with pytest.raises(RuntimeError, match=r"Expected all tensors to be on the same device.*cpu.*strict"):
        getattr(F, name)(nnlite.ones(2), nnlite.ones(2, device="strict"))


@losses
def test_no_synchronisation(name):
    x, y = pair((3,), "strict")
    x.requires_grad_()
    with forbid_synchronize():
        getattr(F, name)(x, y).backward()
    assert x.grad.shape == (3,)


@given(arrays(np.float64, array_shapes(max_dims=3, max_side=4), elements=st.floats(-100, 100)), st.floats(-100, 100))
def test_shifted_input(values, shift):
    x = nnlite.tensor(values)
    assert F.l1_loss(x + shift, x).item() == pytest.approx(abs(shift), abs=1e-9)
    assert F.mse_loss(x + shift, x).item() == pytest.approx(shift**2, abs=1e-9)


@losses
def test_overflow_is_silent(name, device):
    x = nnlite.full((4,), 3e38, device=device)
    assert getattr(F, name)(x, -x, reduction="sum").item() == float("inf")
