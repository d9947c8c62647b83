"""Bessel functions and polynomials beside PyTorch's: poles, infinities, missing numbers, integers and degrees."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import nnlite  # noqa: E402

ONE = [
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "modified_bessel_i0", "modified_bessel_i1",
    "modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1",
    "spherical_bessel_j0",
]  # fmt: skip
POLYNOMIALS = [name for name in dir(torch.special) if "_polynomial_" in name]


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values(name, dtype, device):
    """PyTorch's own are good to 4e-5 (J, Y and Ai), also in float64."""
    x = np.concatenate([np.linspace(-20, 20, 400), [0.0, -0.0, np.nan, 1e-5, 80.0]]).astype(dtype)
    theirs = getattr(torch.special, name)(torch.tensor(x)).numpy()
    mine = getattr(nnlite.special, name)(nnlite.tensor(x, device=device)).cpu().numpy()
    assert mine.dtype == theirs.dtype
    np.testing.assert_allclose(mine, theirs, rtol=5e-5, atol=5e-6)


@pytest.mark.parametrize("name", ONE)
def test_integers_and_out(name, device):
    mine = getattr(nnlite.special, name)(nnlite.tensor([1, 2], device=device))
    assert mine.dtype is nnlite.float32
    out = nnlite.empty(2, device=device)
    assert getattr(nnlite.special, name)(nnlite.tensor([1, 2], device=device), out=out) is out
    assert bool((out == mine).all())


def test_relations(device):
    """The determinants J1 Y0 - J0 Y1 = 2 / (pi x) and I0 K1 + I1 K0 = 1 / x, to the digits of float64."""
    x = nnlite.linspace(0.05, 30, 500, dtype=nnlite.float64, device=device)
    s = nnlite.special
    first = s.bessel_j1(x) * s.bessel_y0(x) - s.bessel_j0(x) * s.bessel_y1(x)
    np.testing.assert_allclose((first * x).cpu().numpy(), 2 / np.pi, rtol=1e-13)
    second = s.modified_bessel_i0(x) * s.modified_bessel_k1(x) + s.modified_bessel_i1(x) * s.modified_bessel_k0(x)
    np.testing.assert_allclose((second * x).cpu().numpy(), 1, rtol=1e-13)


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name, device):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-1.5, 1.5, 60), [1.0, -1.0, 0.0, 0.5]])[:, None]
    n = np.arange(-2, 24)
    theirs = getattr(torch.special, name)(torch.tensor(x), torch.tensor(n)).numpy()
    mine = getattr(nnlite.special, name)(nnlite.tensor(x, device=device), nnlite.tensor(n, device=device))
    np.testing.assert_allclose(mine.cpu().numpy(), theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_numbers_as_arguments(name):
    for args in ((0.5, [1, 2, 9]), ([0.5, 2.0], 3), ([1, 2], [2, 3]), ([0.5], 2.7)):
        theirs, mine = (
            getattr(t.special, name)(*(t.tensor(a) if isinstance(a, list) else a for a in args))
            for t in (torch, nnlite)
        )
        assert str(mine.dtype) == str(theirs.dtype)
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-5)
    with pytest.raises(TypeError):
        getattr(nnlite.special, name)(1, 2)


def test_high_degrees_of_hermite():
    x, n = [0.5], [128, 129]
    for name in ("hermite_polynomial_h", "hermite_polynomial_he"):
        theirs, mine = (getattr(t.special, name)(t.tensor(x), t.tensor(n)) for t in (torch, nnlite))
        np.testing.assert_array_equal(np.isnan(mine.numpy()), np.isnan(theirs.numpy()))
