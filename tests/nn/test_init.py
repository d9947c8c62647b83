"""nn.init: the distribution, the shape rules and the errors of each initialiser."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlite
from nnlite.nn import init
from nnlite.nn._quantile import normal_quantile

RANDOM = {
    "uniform_": lambda w, **kw: init.uniform_(w, -1, 2, **kw),
    "normal_": lambda w, **kw: init.normal_(w, 1.0, 2.0, **kw),
    "trunc_normal_": lambda w, **kw: init.trunc_normal_(w, **kw),
    "xavier_uniform_": init.xavier_uniform_,
    "xavier_normal_": init.xavier_normal_,
    "kaiming_uniform_": init.kaiming_uniform_,
    "kaiming_normal_": init.kaiming_normal_,
    "orthogonal_": init.orthogonal_,
    "sparse_": lambda w, **kw: init.sparse_(w, 0.25, **kw),
}


def values(t):
    return t.detach().cpu().numpy().astype(np.float64)


def check_normal(x, mean, std):
    """Mean, spread and shape of the distribution; the bounds are five standard errors wide."""
    x = x.ravel()
    error = std / math.sqrt(x.size)
    assert abs(x.mean() - mean) < 5 * error
    assert abs(x.std() - std) < 5 * error
    assert abs(np.mean(np.abs(x - mean) < std) - 0.6827) < 5 * 0.5 / math.sqrt(x.size)


def check_uniform(x, low, high):
    x = (x.ravel() - low) / (high - low)
    assert x.min() >= 0
    assert x.max() <= 1 + 1e-6
    error = 1 / math.sqrt(12 * x.size)
    assert abs(x.mean() - 0.5) < 5 * error
    assert abs(x.std() - 1 / math.sqrt(12)) < 5 * error


@pytest.mark.parametrize("name", RANDOM)
def test_fills_in_place_without_a_graph(name, device):
    w = nnlite.full((6, 4), 7.0, device=device, requires_grad=True)
    before = w.detach().clone()
    assert RANDOM[name](w) is w
    assert w.is_leaf
    assert w.requires_grad
    assert w.grad_fn is None
    assert not bool((w.detach() == before).any())


@pytest.mark.parametrize("name", RANDOM)
def test_generator_decides_the_numbers(name, device):
    def draw(seed):
        generator = nnlite.Generator(device=device).manual_seed(seed)
        return values(RANDOM[name](nnlite.empty(8, 8, device=device), generator=generator))

    np.testing.assert_array_equal(draw(1), draw(1))
    assert (draw(1) != draw(2)).any()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", RANDOM)
def test_keeps_the_dtype(name, dtype, device):
    w = RANDOM[name](nnlite.zeros(8, 4, dtype=getattr(nnlite, dtype), device=device))
    assert w.dtype is getattr(nnlite, dtype)
    assert np.isfinite(values(w)).all()
    assert np.abs(values(w)).sum() > 0


def test_uniform(device):
    check_uniform(values(init.uniform_(nnlite.empty(100, 200, device=device), -3, 5)), -3, 5)


def test_normal(device):
    check_normal(values(init.normal_(nnlite.empty(100, 200, device=device), 3, 0.5)), 3, 0.5)


def test_constants(device):
    w = nnlite.empty(2, 3, device=device)
    assert (values(init.constant_(w, -2.5)) == -2.5).all()
    assert (values(init.ones_(w)) == 1).all()
    assert (values(init.zeros_(w)) == 0).all()


@pytest.mark.parametrize(("mean", "std", "a", "b"), [(0, 1, -2, 2), (1, 0.02, 0.99, 3), (0, 1, 5, 6), (0, 2, -15, -12)])
def test_trunc_normal(mean, std, a, b, device):
    x = np.sort(values(init.trunc_normal_(nnlite.empty(200, 100, device=device), mean, std, a, b)).ravel())
    assert x[0] >= a
    assert x[-1] <= b
    # Kolmogorov's distance between the values and the truncated distribution, taken in the accurate tail.
    sign = -1 if a > mean else 1
    low, high = sorted((sign * (a - mean), sign * (b - mean)))
    normal = NormalDist(0, std)
    cdf = np.array([normal.cdf(v) for v in np.sort(sign * (x - mean))])
    expected = (cdf - normal.cdf(low)) / (normal.cdf(high) - normal.cdf(low))
    distance = np.abs(expected - (np.arange(x.size) + 0.5) / x.size).max()
    assert distance < 2 / math.sqrt(x.size)


def test_trunc_normal_of_an_unbounded_interval(device):
    x = values(init.trunc_normal_(nnlite.empty(100, 100, device=device), 0, 1, -math.inf, math.inf))
    assert np.isfinite(x).all()
    check_normal(x, 0, 1)


@given(st.floats(1e-300, 1, exclude_max=True))
def test_quantile_in_double_precision(p):
    expected = NormalDist().inv_cdf(p)
    assert float(normal_quantile(np, np.array([p]))[0]) == pytest.approx(expected, rel=1e-13, abs=1e-15)


def test_quantile_in_single_precision_is_finite_everywhere():
    x = normal_quantile(np, np.array([0, 1e-45, 1e-30, 0.25, 0.5, 0.75, 1], np.float32))
    assert x.dtype == np.float32
    assert np.isfinite(x).all()
    assert (np.diff(x) >= 0).all()
    assert x[4] == 0
    assert x[5] == pytest.approx(0.6744898, rel=1e-6)


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_xavier(gain, device):
    shape = (60, 20, 3, 3)  # fan_in 180, fan_out 540
    bound = gain * math.sqrt(6 / 720)
    check_uniform(values(init.xavier_uniform_(nnlite.empty(shape, device=device), gain)), -bound, bound)
    check_normal(values(init.xavier_normal_(nnlite.empty(shape, device=device), gain)), 0, gain * math.sqrt(2 / 720))


@pytest.mark.parametrize(("mode", "fan"), [("fan_in", 180), ("fan_out", 540), ("FAN_IN", 180)])
@pytest.mark.parametrize(
    ("a", "nonlinearity", "gain"),
    [(0, "leaky_relu", math.sqrt(2)), (0.5, "leaky_relu", math.sqrt(1.6)), (0, "linear", 1), (0, "tanh", 5 / 3)],
)
def test_kaiming(mode, fan, a, nonlinearity, gain, device):
    shape = (60, 20, 3, 3)
    w = nnlite.empty(shape, device=device)
    bound = gain * math.sqrt(3 / fan)
    check_uniform(values(init.kaiming_uniform_(w, a, mode, nonlinearity)), -bound, bound)
    check_normal(values(init.kaiming_normal_(w, a=a, mode=mode, nonlinearity=nonlinearity)), 0, gain / math.sqrt(fan))


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 2, 3)])
def test_orthogonal(shape, device):
    w = values(init.orthogonal_(nnlite.empty(shape, device=device), gain=2)).reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 4 * np.eye(min(w.shape)), atol=1e-5)


def test_orthogonal_matrices_are_uniformly_distributed(device):
    # Of a 1 x 1 matrix the sign is drawn; QR alone would give one sign always.
    signs = {float(init.orthogonal_(nnlite.empty(1, 1, device=device)).item()) for _ in range(30)}
    assert signs == {-1.0, 1.0}


@pytest.mark.parametrize(("sparsity", "zeros"), [(0.0, 0), (0.35, 4), (0.5, 5), (1.0, 10)])
def test_sparse(sparsity, zeros, device):
    w = values(init.sparse_(nnlite.empty(10, 50, device=device), sparsity, std=0.5))
    assert ((w == 0).sum(0) == zeros).all()
    if 0 < zeros < 10:
        assert len({tuple(column) for column in (w == 0).T}) > 5  # the places differ from column to column
    if not zeros:
        check_normal(w, 0, 0.5)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2)])
def test_eye(shape, device):
    np.testing.assert_array_equal(values(init.eye_(nnlite.empty(shape, device=device))), np.eye(*shape))


@pytest.mark.parametrize("kernel", [(3,), (3, 3), (2, 3, 1)])
@pytest.mark.parametrize(("outputs", "inputs", "groups"), [(4, 4, 1), (4, 2, 2), (2, 4, 1), (6, 1, 2)])
def test_dirac(kernel, outputs, inputs, groups, device):
    w = values(init.dirac_(nnlite.empty(outputs, inputs, *kernel, device=device), groups))
    block = outputs // groups
    centre = tuple(k // 2 for k in kernel)
    for o in range(outputs):
        for i in range(inputs):
            expected = np.zeros(kernel)
            if o % block == i:
                expected[centre] = 1
            np.testing.assert_array_equal(w[o, i], expected)


@pytest.mark.parametrize(
    ("args", "gain"),
    [
        (("linear",), 1),
        (("conv2d",), 1),
        (("conv_transpose3d",), 1),
        (("sigmoid",), 1),
        (("tanh",), 5 / 3),
        (("relu",), math.sqrt(2)),
        (("leaky_relu",), math.sqrt(2 / 1.0001)),
        (("leaky_relu", 0.2), math.sqrt(2 / 1.04)),
        (("selu",), 0.75),
    ],
)
def test_gain(args, gain):
    assert init.calculate_gain(*args) == pytest.approx(gain, rel=1e-15)


def test_fans():
    assert init._calculate_fan_in_and_fan_out(nnlite.empty(3, 4, 5, 6)) == (120, 90)
    assert init._calculate_correct_fan(nnlite.empty(3, 4), "fan_out") == 3


EMPTY = nnlite.empty


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: init.calculate_gain("step"), ValueError, "Unsupported nonlinearity step"),
        (lambda: init.calculate_gain("leaky_relu", "a"), ValueError, "negative_slope a not a valid number"),
        (lambda: init.calculate_gain("leaky_relu", True), ValueError, "negative_slope True not a valid number"),
        (lambda: init.xavier_uniform_(EMPTY(3)), ValueError, "fewer than 2 dimensions"),
        (lambda: init.xavier_normal_(EMPTY(())), ValueError, "fewer than 2 dimensions"),
        (lambda: init.kaiming_uniform_(EMPTY(3)), ValueError, "fewer than 2 dimensions"),
        (lambda: init.kaiming_normal_(EMPTY(3, 3), mode="x"), ValueError, "Mode x not supported"),
        (lambda: init.kaiming_normal_(EMPTY(3, 3), nonlinearity="x"), ValueError, "Unsupported nonlinearity x"),
        (lambda: init.eye_(EMPTY(3)), ValueError, "Only tensors with 2 dimensions"),
        (lambda: init.sparse_(EMPTY(3), 0.1), ValueError, "Only tensors with 2 dimensions"),
        (lambda: init.dirac_(EMPTY(3, 3)), ValueError, "3, 4, or 5 dimensions"),
        (lambda: init.dirac_(EMPTY(3, 3, 3), 2), ValueError, "dim 0 must be divisible by groups"),
        (lambda: init.orthogonal_(EMPTY(3)), ValueError, "2 or more dimensions"),
        (lambda: init.trunc_normal_(EMPTY(3), std=0), ValueError, "std > 0"),
        (lambda: init.trunc_normal_(EMPTY(3), a=2, b=1), RuntimeError, "a <= b"),
        (lambda: init.uniform_(EMPTY(3), 2, 1), RuntimeError, "from=2 > to=1"),
        (lambda: init.normal_(EMPTY(3), 0, -1), RuntimeError, "std >= 0.0"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("name", RANDOM)
def test_no_elements(name, device):
    w = nnlite.empty(0, 4, device=device)
    if name.startswith("kaiming"):
        with pytest.warns(UserWarning, match="no-op"):
            RANDOM[name](w)
    else:
        RANDOM[name](w)
    assert w.shape == (0, 4)


def test_old_names_warn(device):
    w = nnlite.empty(3, 3, device=device)
    with pytest.warns(FutureWarning, match="in favor of `nn.init.xavier_uniform_`"):
        assert init.xavier_uniform(w) is w
    with pytest.warns(FutureWarning, match="in favor of `nn.init.constant_`"):
        assert (values(init.constant(w, 2)) == 2).all()
