"""Limits on gradients, of one and of many tensors."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.nn.utils import clip_grad_norm_, clip_grad_value_, get_total_norm

SHAPES = [(3, 5), (), (0,), (4097,), (2, 3, 4), *[(7,)] * 70]


def parameters(device, dtypes=(nnlite.float32,)):
    """Parameters with gradients, whose dtypes take turns; one has no gradient."""
    rng = np.random.default_rng(0)
    found = []
    for i, shape in enumerate(SHAPES):
        p = nnlite.zeros(shape, dtype=dtypes[i % len(dtypes)], device=device, requires_grad=True)
        p.grad = nnlite.tensor(rng.standard_normal(shape), dtype=p.dtype, device=device)
        found.append(p)
    return [*found, nnlite.zeros(3, device=device, requires_grad=True)]


def gradients(found):
    return np.concatenate([p.grad.cpu().numpy().astype(np.float64).ravel() for p in found if p.grad is not None])


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("dtypes", [(nnlite.float32,), (nnlite.float32, nnlite.float64), (nnlite.float64,)])
@pytest.mark.parametrize("limit", [0.5, 1e6])
def test_norm(device, order, dtypes, limit):
    found = parameters(device, dtypes)
    if order == float("inf"):
        assert not found.pop(2).numel()  # no elements have no largest magnitude
    before = gradients(found)
    versions = [p.grad._version for p in found[:-1]]
    want = np.linalg.norm(before, order)
    total = get_total_norm([p.grad for p in found[:-1]], order)
    np.testing.assert_allclose(total.cpu().numpy(), want, rtol=1e-5)
    returned = clip_grad_norm_(found, limit, order)
    np.testing.assert_allclose(returned.cpu().numpy(), want, rtol=1e-5)
    assert returned.shape == () and returned.device == found[0].device
    np.testing.assert_allclose(gradients(found), before * min(1.0, limit / (want + 1e-6)), rtol=1e-5, atol=1e-9)
    if limit < want:
        assert all(p.grad._version > v for p, v in zip(found, versions, strict=False))


def test_values(device):
    found = parameters(device)
    before = gradients(found)
    clip_grad_value_(found, 0.25)
    np.testing.assert_array_equal(gradients(found), np.clip(before, -0.25, 0.25))


def test_a_gradient_with_gaps_and_one_that_two_parameters_share(device):
    found = parameters(device)[:5]
    found[0].grad = nnlite.ones(3, 10, device=device)[:, ::2]
    found[4].grad = nnlite.ones(4, 3, 2, device=device).permute(2, 1, 0)
    found.append(nnlite.zeros(4097, device=device, requires_grad=True))
    found[-1].grad = found[3].grad
    before = gradients(found)
    clip_grad_value_(found, 0.5)
    np.testing.assert_array_equal(gradients(found), np.clip(before, -0.5, 0.5))


@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
def test_a_norm_that_is_not_finite(device, bad):
    found = parameters(device)
    with nnlite.no_grad():
        found[3].grad[5] = bad
    with pytest.raises(RuntimeError, match="non-finite"):
        clip_grad_norm_(found, 1.0, error_if_nonfinite=True)
    clip_grad_norm_(found, 1.0)
    after = gradients(found)
    assert (
        np.isnan(after).all() if np.isnan(bad) else np.isnan(after).sum() == 1 and (after[~np.isnan(after)] == 0).all()
    )
