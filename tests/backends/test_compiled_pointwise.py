"""Compiled formulas of one number beside the bodies without them: values, special numbers, threads, sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nnlite
from nnlite.backends.kernels import KernelTable
from nnlite.backends.numpy import first_use
from nnlite.backends.registry import tables

pytest.importorskip("numba")
pointwise = pytest.importorskip("nnlite.backends.numpy.compiled.pointwise")

CALLS = [
    ("gelu", 1, {"approximate": "none"}),
    ("gelu", 1, {"approximate": "tanh"}),
    ("gelu_backward", 2, {"approximate": "none"}),
    ("gelu_backward", 2, {"approximate": "tanh"}),
    ("silu", 1, {}),
    ("silu_backward", 2, {}),
    ("sigmoid", 1, {}),
    ("relu_backward", 2, {}),
    ("leaky_relu", 1, {"slope": 0.01}),
    ("leaky_relu", 1, {"slope": -2.0}),
    ("leaky_relu_backward", 2, {"slope": 0.01}),
    ("elu", 1, {"alpha": 1.0, "scale": 1.0, "input_scale": 1.0}),
    ("elu", 1, {"alpha": 0.7, "scale": 1.2, "input_scale": 0.5}),
    ("elu_backward", 2, {"alpha": 0.7, "scale": 1.2, "input_scale": 0.5}),
    ("hardswish", 1, {}),
    ("hardswish_backward", 2, {}),
    ("erf", 1, {}),
    ("erfc", 1, {}),
    ("erfinv", 1, {}),
]
ALL = pytest.mark.parametrize(("name", "count", "options"), CALLS, ids=[f"{n} {o}" for n, _, o in CALLS])
SPECIAL = np.array(
    [0, -0.0, np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-30, 1, -1, 1.5, -100, 100, 5.55, -5.6], np.float32
)


def expected(name, *arrays, **options):
    """By NumPy alone, in float64."""
    plain = KernelTable(tables[np.ndarray].backend_)
    with np.errstate(all="ignore"):
        return getattr(plain, name)(*(a.astype(np.float64) for a in arrays), **options)


def numbers(shape, seed=0, name=""):
    draw = np.random.default_rng(seed)
    x = draw.uniform(-1, 1, shape) if name == "erfinv" else draw.standard_normal(shape) * 3
    return np.asarray(x, np.float32)


def agree(found, want):
    assert found.dtype == np.float32
    assert found.shape == want.shape
    scale = np.abs(want[np.isfinite(want)]).max(initial=1)
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6 * min(scale, 100))


@ALL
@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (7, 11), (3, 5, 129), (300, 401)], ids=str)
def test_agrees_with_numpy(name, count, options, shape, number_of_threads, monkeypatch):
    monkeypatch.setattr(pointwise, "GRAIN", 1000)
    arrays = [numbers(shape, i, name) for i in range(count)]
    agree(getattr(pointwise, name)(*arrays, **options), expected(name, *arrays, **options))


@ALL
def test_special_numbers(name, count, options):
    """What NumPy computes for infinities, what is not a number, huge and tiny ones."""
    arrays = [np.ones_like(SPECIAL)] * (count - 1) + [SPECIAL]
    agree(getattr(pointwise, name)(*arrays, **options), expected(name, *arrays, **options))


def test_relative_errors_of_the_error_functions():
    """A few units in the last place, also where the results are tiny."""
    x = np.concatenate([np.geomspace(1e-30, 9, 500), -np.geomspace(1e-30, 9, 500)]).astype(np.float32)
    for name, exact in (("erf", math.erf), ("erfc", math.erfc)):
        want = np.array([exact(float(v)) for v in x])
        np.testing.assert_allclose(getattr(pointwise, name)(x), want, rtol=5e-7, atol=0)
    y = x[np.abs(x) < 4]
    back = pointwise.erfinv(np.array([math.erf(float(v)) for v in y]).astype(np.float32))
    near = np.abs(y) < 1
    np.testing.assert_allclose(back[near], y[near], rtol=2e-6, atol=0)


def test_inverse_error_function_outside():
    x = np.array([1, -1, 2, -2, np.inf, -np.inf, np.nan, np.nextafter(np.float32(1), np.float32(2))], np.float32)
    np.testing.assert_array_equal(pointwise.erfinv(x), [np.inf, -np.inf] + [np.nan] * 6)


@pytest.mark.parametrize("shape", [(), (5,), (64, 33), (300, 401)], ids=str)
def test_dropout(shape):
    x, kept = numbers(shape), np.asarray(numbers(shape, 1) > 0)
    np.testing.assert_array_equal(pointwise.dropout(x, kept, scale=1.25), x * np.float32(1.25) * kept)
    assert np.isnan(pointwise.dropout(np.full(3, np.inf, np.float32), np.zeros(3, bool), scale=2.0)).all()


def test_tensors_take_these_kernels(monkeypatch):
    """The table leads here, forward and backward: otherwise the tests of operations compare NumPy with itself."""
    called = []
    real = pointwise._run
    monkeypatch.setattr(pointwise, "_run", lambda name, *a: called.append(name) or real(name, *a))
    x = nnlite.randn(200, 200, requires_grad=True)
    F = nnlite.nn.functional
    for call in (F.gelu, lambda x: F.gelu(x, approximate="tanh"), F.silu):
        call(x).sum().backward()
    for call in (nnlite.sigmoid, nnlite.erf, nnlite.erfc, nnlite.erfinv):
        call(x)
    assert called == [
        "gelu", "gelu_gradient", "gelu_tanh", "gelu_tanh_gradient", "silu", "silu_gradient", "sigmoid", "erf", "erfc",
        "erfinv",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["gelu", "silu", "erf", "dropout"])
def test_what_stays_with_numpy(name, monkeypatch):
    monkeypatch.setattr(first_use, "EVERY_SIZE", False)
    when = tables[np.ndarray].overrides_[name].when
    more, options = ((), {"approximate": "none"} if name == "gelu" else {})
    large = np.zeros((200, 200), np.float32)
    if name == "dropout":
        more, options = (np.ones((200, 200), bool),), {"scale": 2.0}
    assert when(large, *more, **options)
    assert not when(np.zeros(4, np.float32), *(m[0, :4] for m in more), **options)
    assert not when(large.astype(np.float64), *more, **options)
    assert not when(large.T[::-1], *more, **options)
    if name == "dropout":
        assert not when(large, np.ones((200, 1), bool), **options)


def test_input_that_must_not_be_written():
    x = numbers((100, 100))
    want = pointwise.gelu(x.copy(), approximate="none")
    x.flags.writeable = False
    np.testing.assert_array_equal(pointwise.gelu(x, approximate="none"), want)


@pytest.mark.parametrize("name", ["gelu", "silu", "softmax", "log_softmax"])
def test_gradients_with_gaps(name):
    """The gradient of a transposed result is transposed."""
    function = {"gelu": nnlite.nn.functional.gelu, "silu": nnlite.nn.functional.silu}.get(name) or (
        lambda x: getattr(nnlite, name)(x, 1)
    )
    x, g = nnlite.tensor(numbers((90, 80)), requires_grad=True), nnlite.tensor(numbers((80, 90), 1))
    (found,) = nnlite.autograd.grad(function(x).t(), x, g)
    (want,) = nnlite.autograd.grad(function(x), x, g.t().contiguous())
    np.testing.assert_array_equal(found.numpy(), want.numpy())


@pytest.mark.parametrize(
    "formula",
    [
        lambda x: nnlite.nn.functional.silu(x),
        lambda x: nnlite.nn.functional.gelu(x),
        lambda x: nnlite.nn.functional.elu(x),
        lambda x: x.relu(),
        lambda x: x.softmax(0) * x,
        lambda x: x.log_softmax(0),
    ],
    ids=["silu", "gelu", "elu", "relu", "softmax", "log_softmax"],
)
@pytest.mark.parametrize("take", [lambda y: y, lambda y: y[::2], lambda y: y.flip(0)], ids=["all", "half", "reversed"])
def test_gradients_of_one_axis_with_gaps(formula, take):
    """A sum's gradient is one number that stands for all; that of a part has gaps."""
    gradients = []
    for kind in (nnlite.float32, nnlite.float64):
        x = nnlite.linspace(-3, 3, 20_000).to(kind).requires_grad_()
        take(formula(x)).sum().backward()
        gradients.append(x.grad.numpy())
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-5)
