"""nn.init against PyTorch: everything about an initialiser that is not random."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import nnlite
from nnlite.nn import init

torch = pytest.importorskip("torch")

NAMES = [name for name in dir(torch.nn.init) if name.endswith("_") and not name.startswith("_")]


@pytest.mark.parametrize("name", [*NAMES, "calculate_gain"])
def test_signatures(name):
    ours = inspect.signature(getattr(init, name)).parameters
    theirs = inspect.signature(getattr(torch.nn.init, name)).parameters
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]


@pytest.mark.parametrize("shape", [(3, 3, 3), (2, 4, 2, 2), (4, 2, 3), (6, 4, 2, 3, 1)])
@pytest.mark.parametrize("groups", [1, 2])
def test_dirac(shape, groups):
    if shape[0] % groups:
        with pytest.raises(ValueError, match="divisible"):
            init.dirac_(nnlite.empty(shape), groups)
        return
    theirs = torch.nn.init.dirac_(torch.empty(shape), groups)
    np.testing.assert_array_equal(init.dirac_(nnlite.empty(shape), groups).numpy(), theirs.numpy())


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2)])
def test_eye(shape):
    theirs = torch.nn.init.eye_(torch.empty(shape))
    np.testing.assert_array_equal(init.eye_(nnlite.empty(shape)).numpy(), theirs.numpy())


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 5), (8, 2, 3, 3)])
def test_fans(shape):
    expected = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert init._calculate_fan_in_and_fan_out(nnlite.empty(shape)) == expected


@pytest.mark.parametrize(
    "name", ["xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "trunc_normal_"]
)
def test_quantiles(name):
    shape = (100, 20, 5, 5)
    share = np.linspace(0.01, 0.99, 25)
    ours = np.quantile(getattr(init, name)(nnlite.empty(shape)).numpy(), share)
    theirs = np.quantile(getattr(torch.nn.init, name)(torch.empty(shape)).numpy(), share)
    np.testing.assert_allclose(ours, theirs, atol=0.05 * np.abs(theirs).max())
