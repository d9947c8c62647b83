"""Dropout of channels, the kind that keeps mean and variance, and the forms that write in place."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
import nnlite.nn.functional as F


def host(t):
    return t.detach().cpu().numpy()


@pytest.mark.parametrize(
    "function, shape, whole",
    [
        (F.dropout1d, (40, 50, 6), 2),
        (F.dropout1d, (2000, 6), 1),
        (F.dropout3d, (40, 50, 2, 3, 2), 2),
        (F.dropout3d, (2000, 2, 3, 2), 1),
    ],
)
def test_channels_go_as_a_whole(function, shape, whole, device):
    x = nnlite.ones(shape, device=device, requires_grad=True)
    y = function(x, 0.25)
    flat = host(y).reshape(*shape[:whole], -1)
    assert (flat == flat[..., :1]).all()
    assert set(np.unique(flat)) == {0.0, np.float32(1 / 0.75)}
    assert abs((flat[..., 0] == 0).mean() - 0.25) < 0.05
    y.sum().backward()
    np.testing.assert_array_equal(host(x.grad), host(y))
    assert function(x, 0.25, training=False) is x


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_alpha_dropout_keeps_mean_and_variance(p, device):
    y = host(F.alpha_dropout(nnlite.randn(200_000, device=device), p, training=True))
    assert abs(y.mean()) < 0.02
    assert abs(y.var() - 1) < 0.03
    _, counts = np.unique(y, return_counts=True)
    assert abs(counts.max() / y.size - p) < 0.02  # dropped elements have one value


def test_feature_alpha_dropout_takes_whole_channels(device):
    y = host(F.feature_alpha_dropout(nnlite.ones(40, 50, 3, 2, device=device), 0.3, training=True))
    assert (y == y[:, :, :1, :1]).all()
    assert len(np.unique(y)) == 2


@pytest.mark.parametrize("function", [F.dropout1d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout])
@pytest.mark.parametrize("p", [0.4, 1.0])
def test_in_place(function, p, device):
    shape = (3, 4, 5) if function is F.dropout1d else (3, 4, 5, 2)
    x = nnlite.randn(shape, device=device, requires_grad=True)
    nnlite.manual_seed(3)
    expected = function(x, p, True)
    nnlite.manual_seed(3)
    leaf = x.detach().clone().requires_grad_()
    y = leaf * 1
    assert function(y, p, True, True) is y
    np.testing.assert_array_equal(host(y), host(expected))
    expected.sum().backward(), y.sum().backward()
    np.testing.assert_array_equal(host(leaf.grad), host(x.grad))


@pytest.mark.parametrize("name", ["dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"])
def test_functions_of_nnlite(name, device):
    x = nnlite.randn(6, 5, 4, device=device)
    nnlite.manual_seed(1)
    y = getattr(nnlite, name)(x, 0.5, True)
    assert not bool((y == x).all())
    assert bool((getattr(nnlite, name)(x, 0.5, False) == x).all())
    nnlite.manual_seed(1)
    assert getattr(nnlite, name + "_")(x, 0.5, True) is x
    assert bool((x == y).all())


def test_native_dropout(device):
    y, mask = nnlite.native_dropout(nnlite.ones(1000, device=device), 0.5, True)
    assert mask.dtype is nnlite.bool
    assert bool((y == mask * 2.0).all())
    y, mask = nnlite.native_dropout(nnlite.ones(10, device=device), 0.5, False)
    assert bool(mask.all()) and bool((y == 1).all())


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: F.dropout1d(nnlite.ones(3)), RuntimeError, "dropout1d: Expected 2D or 3D input, but received a 1D"),
        (
            lambda: F.alpha_dropout(nnlite.ones(3), 1.5),
            ValueError,
            "probability has to be between 0 and 1, but got 1.5",
        ),
        (lambda: F.feature_alpha_dropout(nnlite.ones(3), 0.5, True), RuntimeError, "requires at least 2 dimensions"),
        (lambda: F.alpha_dropout(nnlite.ones(3, dtype=nnlite.int64), 0.5, True), RuntimeError, "result type Float"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_unusual_shapes_warn():
    with pytest.warns(UserWarning, match="dropout3d: Received a 3-D input"):
        F.dropout3d(nnlite.ones(2, 3, 4))
