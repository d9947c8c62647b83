"""Activation functions against PyTorch: extreme inputs, second gradients, names of derivatives, in place, errors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import nnlite  # noqa: E402

VALUES = [
    np.inf, -np.inf, np.nan, 0.0, -0.0, 1e4, -1e4, 1e30, -1e30, 3.0, -3.0, 6.0, 1.0, -1.0, 0.5, -0.5, 2.5, -2.5, 20.0,
    21.0, -20.0, -40.0, 88.0, -88.0, -100.0, -104.0, 1e-3, -1e-3, 1e-30, 0.3, 7.0, -7.0,
] * 2  # fmt: skip
"""As many as PyTorch computes with its vector instructions; with single numbers it has other gradients at NaN."""

FUNCTIONS = {
    "relu6": {}, "leaky_relu": {"negative_slope": 0.2}, "elu": {"alpha": 0.7}, "selu": {}, "celu": {"alpha": 0.7},
    "silu": {}, "mish": {}, "softplus": {"beta": 2.0, "threshold": 10.0}, "softsign": {}, "tanhshrink": {},
    "hardshrink": {}, "softshrink": {"lambd": 0.4}, "hardtanh": {"min_val": -0.5, "max_val": 2.5}, "hardsigmoid": {},
    "hardswish": {}, "threshold": {"threshold": 0.5, "value": 7.0}, "logsigmoid": {}, "gelu": {}, "rrelu": {},
}  # fmt: skip
CASES = [*FUNCTIONS.items(), ("gelu", {"approximate": "tanh"}), ("leaky_relu", {"negative_slope": -2.0})]
TOLERANCE = {"float64": 1e-12, "float32": 2e-6, "float16": 2e-3, "bfloat16": 2e-2}
IN_PLACE = ("relu6", "leaky_relu", "elu", "selu", "celu", "silu", "mish", "hardtanh", "hardsigmoid", "hardswish",
            "threshold", "rrelu")  # fmt: skip


def host(t):
    return t.detach().double().cpu().numpy()


def same(mine, theirs, inputs, tolerance):
    """As in PyTorch, but where that has NaN at an infinite or huge input and nnlite the limit."""
    mine, theirs = host(mine), host(theirs)
    better = np.isnan(theirs) & (np.abs(host(inputs)) > 1e29)
    np.testing.assert_allclose(mine[~better], theirs[~better], rtol=tolerance, atol=tolerance)


def both(name, dtype, device, values=VALUES):
    functions = torch.nn.functional, nnlite.nn.functional
    theirs = torch.tensor(values, dtype=getattr(torch, dtype), requires_grad=True)
    mine = nnlite.tensor(values, dtype=getattr(nnlite, dtype), device=device, requires_grad=True)
    return (getattr(functions[0], name), theirs), (getattr(functions[1], name), mine)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name, options", CASES, ids=lambda v: v if isinstance(v, str) else "-".join(v) or "plain")
def test_extreme_inputs(name, options, dtype, device):
    """Values and gradients at infinite, huge, tiny and missing numbers, and at the bends."""
    (theirs, x), (mine, y) = both(name, dtype, device)
    a, b = theirs(x, **options), mine(y, **options)
    tolerance = TOLERANCE[dtype]
    if dtype == "float64" and name in ("celu", "hardsigmoid"):
        tolerance = 1e-7  # PyTorch computes with constants of float32
    same(b, a, x, tolerance)
    assert b.grad_fn.name() == a.grad_fn.name()
    a.backward(torch.ones_like(a)), b.backward(nnlite.ones_like(b))
    assert str(y.grad.dtype) == str(x.grad.dtype)
    same(y.grad, x.grad, x, 4 * tolerance)


@pytest.mark.parametrize("name, options", CASES, ids=lambda v: v if isinstance(v, str) else "-".join(v) or "plain")
def test_second_gradient_of_large_inputs(name, options, device):
    """No infinite part of a formula reaches the second gradient (of PyTorch's some are NaN, in place of 0)."""
    values = [-1e30, -1e4, -100.0, -2.0, 0.3, 2.0, 100.0, 1e4, 1e30]
    (theirs, x), (mine, y) = both(name, "float32", device, values)
    (a,) = torch.autograd.grad(theirs(x, **options).sum(), x, create_graph=True)
    (b,) = nnlite.autograd.grad(mine(y, **options).sum(), y, create_graph=True)
    known = ~np.isnan(host(a))
    np.testing.assert_allclose(host(b)[known], host(a)[known], rtol=1e-5, atol=1e-5)
    if b.requires_grad:
        (a,) = torch.autograd.grad((a * a).sum(), x)
        (b,) = nnlite.autograd.grad((b * b).sum(), y)
        a = host(a)
        np.testing.assert_allclose(host(b), np.where(np.isnan(a), 0.0, a), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name, options", CASES, ids=lambda v: v if isinstance(v, str) else "-".join(v) or "plain")
def test_numbers(name, options, dtype, device):
    """Tensors of no dimensions, for which NumPy's functions return numbers that cannot be written to."""
    (theirs, x), (mine, y) = both(name, dtype, device, -1.75)
    a, b = theirs(x, **options), mine(y, **options)
    a.backward(), b.backward()
    for one, other in ((a, b), (x.grad, y.grad)):
        assert tuple(other.shape) == ()
        np.testing.assert_allclose(host(other), host(one), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place(name, device):
    options = FUNCTIONS[name]
    (theirs, x), (mine, y) = both(name, "float32", device, [-3.0, -0.4, 0.2, 1.0, 9.0])
    a, b = x * 1, y * 1
    assert mine(b, **options, inplace=True) is b
    theirs(a, **options, inplace=True)
    (a * a).sum().backward(), (b * b).sum().backward()
    np.testing.assert_allclose(host(b), host(a), rtol=1e-5)
    np.testing.assert_allclose(host(y.grad), host(x.grad), rtol=1e-5)


@pytest.mark.parametrize("name", [n for n in dir(torch.nn.functional) if n.endswith("_") and n[0] != "_"])
def test_functions_in_place(name, device):
    args = (0.5, 7.0) if name == "threshold_" else ()
    a = torch.tensor([-2.0, 3.0])
    b = nnlite.tensor([-2.0, 3.0], device=device)
    getattr(torch.nn.functional, name)(a, *args)
    getattr(nnlite.nn.functional, name)(b, *args)
    np.testing.assert_allclose(host(b), host(a), rtol=1e-6)
    if hasattr(torch, name):
        assert getattr(nnlite, name)(b, *args) is b


@pytest.mark.parametrize("layout", ["contiguous", "transposed", "sliced"])
def test_large_arrays_are_worked_through_in_blocks(layout, device):
    """Arrays larger than a block in several layouts, and gradients of another layout."""
    rng = np.random.default_rng(3)
    values = rng.standard_normal((700, 1200)).astype("float32")
    a, b = torch.tensor(values, requires_grad=True), nnlite.tensor(values, device=device, requires_grad=True)
    change = {"contiguous": lambda t: t, "transposed": lambda t: t.t(), "sliced": lambda t: t[::2, 1:]}[layout]
    x, y = torch.nn.functional.gelu(change(a)), nnlite.nn.functional.gelu(change(b))
    np.testing.assert_allclose(host(y), host(x), rtol=1e-5, atol=1e-6)
    (x.t() * x.t()).sum().backward(), (y.t() * y.t()).sum().backward()
    np.testing.assert_allclose(host(b.grad), host(a.grad), rtol=1e-4, atol=1e-5)


ERRORS = [
    (lambda t: t.nn.functional.gelu(t.ones(2), approximate="x"), "approximate argument must be"),
    (lambda t: t.nn.functional.glu(t.ones(3)), "Halving dimension must be even, but dimension 0 is size 3"),
    (lambda t: t.nn.functional.glu(t.tensor(1.0)), "glu does not support scalars"),
    (lambda t: t.nn.functional.glu(t.ones(2, 2), 5), "Dimension out of range"),
    (lambda t: t.nn.functional.hardtanh(t.ones(2), 2.0, 1.0), "min_val cannot be greater than max_val"),
    (lambda t: t.nn.functional.hardtanh(t.ones(2, dtype=t.uint8), -1, 1), "cannot do hardtanh on an unsigned type"),
    (lambda t: t.nn.functional.relu6(t.ones(2, dtype=t.bool)), "Bool inputs not supported for hardtanh"),
    (lambda t: t.nn.functional.celu(t.ones(2), 0.0), "alpha cannot be 0 for CELU"),
    (lambda t: t.nn.functional.softshrink(t.ones(2), -1.0), r"lambda must be in range \[0, 3.40282e\+38\] for input"),
    (lambda t: t.nn.functional.rrelu(t.ones(2), 0.5, 0.2), "Lower bound should be less than or equal to the upper"),
    (lambda t: t.nn.functional.rrelu(t.ones(2), 0.0, float("inf"), True), "rrelu: upper bound must be finite, got inf"),
    (lambda t: t.nn.functional.prelu(t.ones(2, 6), t.ones(3)), "Found parameter numbers = 3 and channel size = 6"),
    (lambda t: t.nn.functional.prelu(t.ones(2).double(), t.ones(1)), "Got Double and Float"),
    (lambda t: t.nn.functional.prelu(t.ones(2), 0.3), "argument 'weight' .position 2. must be Tensor, not float"),
    (
        lambda t: t.nn.functional.leaky_relu(t.ones(2), None),
        "'negative_slope' .position 2. must be (Number|float), not None",
    ),
    (lambda t: t.nn.functional.elu(t.ones(2), "a"), "argument 'alpha' .position 2. must be (Number|float), not str"),
    (lambda t: t.nn.functional.silu(t.ones(2, dtype=t.int64)), "not implemented for 'Long'"),
    (lambda t: t.nn.functional.gelu(t.ones(2, dtype=t.int64)), "\"GeluKernelImpl\" not implemented for 'Long'"),
    (lambda t: t.nn.functional.threshold(t.ones(2, dtype=t.bool), 1, 1), "not implemented for 'Bool'"),
    (lambda t: t.nn.functional.mish([1.0]), "argument 'input' .position 1. must be Tensor, not list"),
    (lambda t: t.nn.functional.gumbel_softmax(t.ones(2, dtype=t.int64)), "you specified Long"),
    (lambda t: t.nn.Hardtanh(2.0, 1.0), "must be greater than min_val"),
    (lambda t: t.nn.Softmax2d()(t.ones(2, 2)), "expected input to be 3D or 4D, got 2D instead"),
]


@pytest.mark.parametrize("call, message", ERRORS, ids=[m for _, m in ERRORS])
def test_errors(call, message):
    with pytest.raises(Exception, match=message) as theirs:
        call(torch)
    with pytest.raises(theirs.type, match=message):
        call(nnlite)


def test_gumbel_softmax(device):
    """Samples follow the probabilities; a hard sample is a corner with the gradient of the soft one."""
    logits = nnlite.tensor([0.1, 0.2, 0.7], device=device).log().expand(4000, 3)
    hard = nnlite.nn.functional.gumbel_softmax(logits, tau=0.5, hard=True)
    assert bool(((hard - 0).abs() < 1e-5).logical_or((hard - 1).abs() < 1e-5).all())
    np.testing.assert_allclose(host(hard.mean(0)), [0.1, 0.2, 0.7], atol=0.03)
    x = nnlite.randn(5, 4, device=device, requires_grad=True)
    nnlite.manual_seed(1)
    (soft_grad,) = nnlite.autograd.grad((nnlite.nn.functional.gumbel_softmax(x, 0.7) ** 2).sum(), x)
    nnlite.manual_seed(1)
    soft = nnlite.nn.functional.gumbel_softmax(x, 0.7).detach()
    nnlite.manual_seed(1)
    hard = nnlite.nn.functional.gumbel_softmax(x, 0.7, hard=True)
    (hard_grad,) = nnlite.autograd.grad((hard * 2 * soft).sum(), x)
    np.testing.assert_allclose(host(hard_grad), host(soft_grad), rtol=1e-4, atol=1e-6)


def test_rrelu_draws_slopes_between_the_bounds(device):
    x = nnlite.ones(4000, device=device).neg()
    y = nnlite.nn.functional.rrelu(x, 0.2, 0.6, training=True)
    slopes = host(-y)
    assert slopes.min() >= 0.2 and slopes.max() <= 0.6
    assert abs(slopes.mean() - 0.4) < 0.01


def test_former_names_of_hardtanh():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layer = nnlite.nn.Hardtanh(min_value=-2.0, max_value=2.0)
    assert [w.category for w in caught] == [FutureWarning] * 2
    assert (layer.min_val, layer.max_val) == (-2.0, 2.0)
