"""L-BFGS, Muon, Adafactor and SparseAdam: what they find, devices, and errors."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import nnlite
from nnlite import optim


def rosenbrock(w):
    return 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_finds_the_minimum(search, device):
    w = nnlite.tensor([-1.2, 1.0], dtype=nnlite.float64, device=device, requires_grad=True)
    optimizer = optim.LBFGS([w], lr=1.0 if search else 0.1, max_iter=100 if search else 2000, line_search_fn=search)

    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(w)
        loss.backward()
        return loss

    first = optimizer.step(closure)
    assert first.item() == pytest.approx(24.2)
    np.testing.assert_allclose(w.detach().cpu().numpy(), [1, 1], atol=5e-4)
    assert optimizer.state[w]["func_evals"] >= optimizer.state[w]["n_iter"] > 10


def test_lbfgs_goes_on_from_a_state_dict(device):
    def train(optimizer, w, steps):
        def closure():
            optimizer.zero_grad()
            loss = rosenbrock(w)
            loss.backward()
            return loss

        for _ in range(steps):
            optimizer.step(closure)

    w = nnlite.tensor([-1.2, 1.0], dtype=nnlite.float64, device=device, requires_grad=True)
    one = optim.LBFGS([w], max_iter=3, line_search_fn="strong_wolfe")
    train(one, w, 2)
    again = w.detach().clone().requires_grad_()
    two = optim.LBFGS([again])
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    train(one, w, 2)
    train(two, again, 2)
    np.testing.assert_array_equal(w.detach().cpu().numpy(), again.detach().cpu().numpy())


def test_lbfgs_errors():
    w, v = nnlite.ones(1, requires_grad=True), nnlite.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        optim.LBFGS([{"params": w}, {"params": v}])
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        optim.LBFGS([w], line_search_fn="x").step(lambda: 0)
    with pytest.raises(TypeError):
        optim.LBFGS([w]).step()


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5)])
def test_muon_step_is_nearly_orthogonal(shape, device):
    g = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    ws = [nnlite.zeros(*shape, device=device, requires_grad=True) for _ in range(2)]
    for w in ws:
        w.grad = nnlite.tensor(g, device=device)
    optim.Muon(ws, lr=1.0, weight_decay=0, adjust_lr_fn="original").step()
    for w in ws:
        step = -w.detach().cpu().numpy() / np.sqrt(max(1, shape[0] / shape[1]))
        values = np.linalg.svd(step, compute_uv=False)
        assert (values > 0.5).all()
        assert (values < 1.3).all()
        u, _, vt = np.linalg.svd(g, full_matrices=False)
        assert np.sum(step * (u @ vt)) / min(shape) > 0.6


@pytest.mark.parametrize("make", [optim.Muon, optim.Adafactor])
@pytest.mark.parametrize("dtype", [nnlite.float16, nnlite.bfloat16])
def test_half_precision(make, dtype, device):
    start = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    narrow = nnlite.tensor(start, device=device).to(dtype).requires_grad_()
    wide = narrow.detach().float().requires_grad_()
    one, two = (
        make([narrow], lr=0.1),
        make([wide], lr=0.1, **({"eps": (2**-7, 1e-3)} if make is optim.Adafactor else {})),
    )
    for step in range(3):
        g = nnlite.tensor(np.random.default_rng(step).standard_normal((4, 3)).astype(np.float32), device=device)
        narrow.grad, wide.grad = g.to(dtype), g
        one.step()
        two.step()
    assert narrow.dtype is dtype
    np.testing.assert_allclose(narrow.detach().float().cpu().numpy(), wide.detach().cpu().numpy(), atol=0.06)


@pytest.mark.parametrize("make", [optim.Muon, optim.Adafactor])
def test_steps_do_not_wait(make):
    from nnlite.backends.strict import forbid_synchronize

    w = nnlite.ones(3, 2, device="strict", requires_grad=True)
    optimizer = make([w])
    for _ in range(3):
        w.grad = nnlite.ones(3, 2, device="strict")
        with forbid_synchronize():
            optimizer.step()


def test_muon_refuses_what_is_no_matrix():
    optimizer = optim.Muon([nnlite.ones(2, 2, requires_grad=True)])
    with pytest.raises(ValueError, match=r"only supports 2D parameters.*AdamW"):
        optimizer.add_param_group({"params": [nnlite.ones(2, requires_grad=True)]})
    assert len(optimizer.param_groups) == 1


def test_sparse_adam_says_what_to_use():
    with pytest.raises(NotImplementedError, match="use Adam"):
        optim.SparseAdam([nnlite.ones(1, requires_grad=True)])
