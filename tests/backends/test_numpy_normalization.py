"""Layer and root-mean-square normalisation on NumPy alone beside the generic body in float64."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite  # noqa: F401
from nnlite.backends.kernels import GENERIC
from nnlite.backends.numpy import normalization as kernels
from nnlite.backends.numpy import xp

OPTIONS = {"eps": 1e-5, "title": ""}


def both(forward, backward, x, weight, bias, g, affine, centred, wanted=True):
    """Output, statistics and gradients."""
    rows = x.size // int(np.prod(affine))
    found = forward(x, weight, bias, rows=rows, affine=affine, centred=centred, **OPTIONS)
    return *found, *backward(g, x, weight, bias, *found[1:], affine=affine, wanted=wanted)


def generic(*arrays_and_options, **options):
    def of(name):
        return lambda *args, **kwargs: GENERIC[name](xp, *args, **kwargs)

    given = [a.astype(np.float64) if isinstance(a, np.ndarray) else a for a in arrays_and_options]
    return both(of("row_norm"), of("row_norm_gradient"), *given, **options)


def arrays(shape, affine, offset=0.0, kind=np.float32, seed=0):
    draw = np.random.default_rng(seed).standard_normal
    x, g, weight, bias = draw(shape) + offset, draw(shape), draw(affine), draw(affine)
    return [a.astype(kind) for a in (x, weight, bias, g)]


def check(x, weight, bias, g, affine, centred, tolerance, **options):
    given = (x, weight, bias, g, affine, centred)
    found = both(kernels.row_norm, kernels.row_norm_gradient, *given, **options)
    for one, other in zip(found, generic(*given, **options), strict=True):
        if other is None:
            assert one is None
            continue
        assert one.dtype == x.dtype and one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * max(np.abs(other).max(), 1))
    return found


@pytest.mark.parametrize(("shape", "affine"), [((300, 128), (128,)), ((5, 40, 3, 16), (3, 16)), ((4096,), (4096,))])
@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("offset", [0.0, 1.5, 30.0])
@pytest.mark.parametrize("count", [1, 3])
def test_agrees_with_the_generic_body(shape, affine, centred, offset, count, thread_count, monkeypatch):
    monkeypatch.setattr(kernels, "BLOCK", 1 << 12)
    thread_count(count)
    x, weight, bias, g = arrays(shape, affine, offset)
    check(x, weight, bias if centred else None, g, affine, centred, 2e-6 if offset < 2 else 1e-5)


@pytest.mark.parametrize("centred", [True, False])
def test_without_weight_bias_or_gradient_of_the_input(centred):
    x, weight, bias, g = arrays((300, 128), (128,))
    check(x, None, None, g, (128,), centred, 2e-6)
    check(x, weight, None, g, (128,), centred, 2e-6)
    check(x, None, bias if centred else None, g, (128,), centred, 2e-6)
    check(x, weight, bias if centred else None, g, (128,), centred, 2e-6, wanted=False)


def test_doubles_and_rows_far_from_zero():
    check(*arrays((300, 128), (128,), kind=np.float64), (128,), True, 1e-13)
    x, weight, bias, g = arrays((300, 128), (128,))
    x[5], x[6], x[7] = 3, 0, 1e4 + x[7]  # all equal, all 0, a mean of many deviations
    check(x, weight, bias, g, (128,), True, 1e-3)
    out = kernels.row_norm(x, weight, bias, rows=300, affine=(128,), centred=True, **OPTIONS)[0]
    np.testing.assert_allclose(out[5:7], [bias, bias], rtol=1e-6)


def test_what_is_not_a_number_stays_in_its_row():
    x, weight, bias, g = arrays((300, 128), (128,))
    x[5, 7] = np.nan
    x[9, 7] = np.inf
    out, mean, inverse, gx, gw, gb = both(kernels.row_norm, kernels.row_norm_gradient, x, weight, bias, g, (128,), True)
    wrong = np.zeros(300, bool)
    wrong[[5, 9]] = True
    for a in (out, gx):
        np.testing.assert_array_equal(np.isnan(a).any(1), wrong)
        np.testing.assert_array_equal(np.isnan(a).all(1), wrong)
    assert np.isnan(gw).all() and np.isfinite(gb).all()
    assert mean.shape == inverse.shape == (300, 1)


def test_the_result_does_not_depend_on_the_number_of_threads(thread_count):
    found = []
    for count in (1, 2, 3):
        thread_count(count)
        x, weight, bias, g = arrays((2000, 128), (128,))
        x[700] += 100  # a block with it takes the means off first
        found.append(both(kernels.row_norm, kernels.row_norm_gradient, x, weight, bias, g, (128,), True))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_which_arguments_it_takes():
    x, weight, bias, _ = arrays((300, 128), (128,))
    options = {"rows": 300, "affine": (128,), "centred": True, **OPTIONS}
    assert kernels._takes(x, weight, bias, **options)
    assert kernels._takes(x, None, None, **options)
    assert not kernels._takes(x, weight.astype(np.float64), bias, **options)
    assert not kernels._takes(x.astype(np.float16), weight, bias, **options)
    assert not kernels._takes(np.asfortranarray(x), weight, bias, **options)
    assert not kernels._takes(x, weight, bias, **{**options, "rows": 600, "affine": (1, 128, 1)})
    assert not kernels._takes(x[:10], weight, bias, **{**options, "rows": 10})
