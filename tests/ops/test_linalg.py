"""Linear algebra beyond the specs: errors, complex matrices, ``out=``, singular matrices, the order of products."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import numpy as np
import pytest

import nnlite
from nnlite import linalg
from nnlite.ops.linalg import einsum as einsum_file


def on(device, x, **options):
    return nnlite.tensor(np.asarray(x), device=device, **options)


def host(t):
    return t.detach().cpu().numpy()


STACK = np.stack([np.eye(3), np.diag([1.0, 0.0, 2.0]), np.eye(3)])


def test_singular_matrices_are_named(device):
    """The error tells which matrix of the stack and which pivot; it is a RuntimeError."""
    assert issubclass(linalg.LinAlgError, RuntimeError)
    with pytest.raises(linalg.LinAlgError, match=r"linalg.inv: \(Batch element 1\): The diagonal element 2 is zero"):
        linalg.inv(on(device, STACK))
    with pytest.raises(linalg.LinAlgError, match=r"solve: \(Batch element 1\): The solver failed"):
        linalg.solve(on(device, STACK), on(device, np.ones((3, 3, 1))))
    with pytest.raises(linalg.LinAlgError, match=r"\(Batch element 1\).*minor of order 2 is not positive-definite"):
        linalg.cholesky(on(device, STACK))
    with pytest.raises(RuntimeError, match=r"\(Batch element 1\): U\[2,2\] is zero"):
        linalg.lu_factor(on(device, STACK))


def test_the_other_matrices_of_a_stack_have_their_results(device):
    inverse, info = linalg.inv_ex(on(device, STACK))
    assert host(info).tolist() == [0, 2, 0]
    np.testing.assert_array_equal(host(inverse)[[0, 2]], STACK[[0, 2]])
    factor, info = linalg.cholesky_ex(on(device, 4 * STACK))
    assert host(info).tolist() == [0, 2, 0]
    np.testing.assert_array_equal(host(factor)[[0, 2]], 2 * STACK[[0, 2]])


def test_determinants_of_singular_matrices_have_gradients(device):
    """The matrix of cofactors."""
    x = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
    t = on(device, x, requires_grad=True)
    nnlite.det(t).backward()
    minors = [[np.linalg.det(np.delete(np.delete(x, i, 0), j, 1)) for j in range(3)] for i in range(3)]
    signs = (-1.0) ** np.add.outer(range(3), range(3))
    np.testing.assert_allclose(host(t.grad), np.array(minors) * signs, atol=1e-12)


def complex_matrix(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n)) + 3 * np.eye(n)


COMPLEX = {
    "inv": lambda x: linalg.inv(x),
    "solve": lambda x: linalg.solve(x, x @ x),
    "det": lambda x: nnlite.det(x),
    "slogdet": lambda x: linalg.slogdet(x)[0] + linalg.slogdet(x)[1],
    "cholesky": lambda x: linalg.cholesky(x @ x.mH),
    "qr": lambda x: linalg.qr(x)[0] @ linalg.qr(x)[1].abs().to(x.dtype),
    "lu": lambda x: linalg.lu(x)[1] * 2 + linalg.lu(x)[2],
    "eigh": lambda x: linalg.eigh(x + x.mH).eigenvectors.abs(),
    "eigvals": lambda x: linalg.eigvals(x).sum(),
    "svd": lambda x: linalg.svd(x).U.abs() + linalg.svd(x).S,
    "pinv": lambda x: linalg.pinv(x[:, :2]),
    "matrix_exp": lambda x: nnlite.matrix_exp(x / 4),
    "householder": lambda x: linalg.householder_product(x, x[0]),
    "norm": lambda x: linalg.vector_norm(x, 3) + linalg.matrix_norm(x, "nuc"),
    "einsum": lambda x: nnlite.einsum("ij,kj->ik", x, x),
    "cross": lambda x: linalg.cross(x, x.conj().roll(1, 0)),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_gradients_of_complex_matrices(name, device):
    """dL/dx + i dL/dy against differences, for a real function L of the result."""
    x = complex_matrix(3)

    def loss(z):
        out = COMPLEX[name](z)
        out = out.real + 2 * out.imag if out.is_complex() else out
        weights = nnlite.linspace(1, 2, max(out.numel(), 2), dtype=out.dtype, device=device)[: out.numel()]
        return (out.reshape(-1) * weights).sum()

    t = on(device, x, requires_grad=True)
    loss(t).backward()
    wanted = np.zeros_like(x)
    for i, j in np.ndindex(3, 3):
        for unit in (1, 1j):
            step = np.zeros_like(x)
            step[i, j] = 1e-6 * unit
            wanted[i, j] += unit * (loss(on(device, x + step)).item() - loss(on(device, x - step)).item()) / 2e-6
    np.testing.assert_allclose(host(t.grad), wanted, rtol=1e-5, atol=1e-6)


def test_hermitian_ldl(device):
    x = complex_matrix(5)
    x = x + x.conj().T
    x[np.arange(5), np.arange(5)] = 0
    LD, pivots = linalg.ldl_factor(on(device, x), hermitian=True)
    b = complex_matrix(5, 1)
    np.testing.assert_allclose(x @ host(linalg.ldl_solve(LD, pivots, on(device, b), hermitian=True)), b, atol=1e-10)
    assert (host(pivots) < 0).any()


def test_large_factors_go_through_blocks(device):
    """More columns than are eliminated at a time."""
    x = np.random.default_rng(0).standard_normal((2, 70, 70))
    P, L, U = (host(part) for part in linalg.lu(on(device, x)))
    np.testing.assert_allclose(P @ L @ U, x, atol=1e-11)
    assert abs(L).max() == 1
    b = np.random.default_rng(1).standard_normal((70, 3))
    solved = linalg.solve_triangular(on(device, U), on(device, b), upper=True)
    np.testing.assert_allclose(U @ host(solved), np.broadcast_to(b, (2, 70, 3)), atol=1e-6)
    wide = linalg.lu(on(device, x[0, :40]))
    np.testing.assert_allclose(host(wide.P) @ host(wide.L) @ host(wide.U), x[0, :40], atol=1e-12)


def test_out(device):
    x = on(device, 2 * np.eye(2))
    target = nnlite.zeros(1, dtype=nnlite.float64, device=device)
    assert linalg.inv(x, out=target) is target
    np.testing.assert_array_equal(host(target), 0.5 * np.eye(2))
    targets = tuple(nnlite.zeros(0, dtype=nnlite.float64, device=device) for _ in range(2))
    result = linalg.qr(x, out=targets)
    assert result.Q is targets[0] and result.R is targets[1]
    with pytest.raises(TypeError, match="tuple of 2 tensors"):
        linalg.qr(x, out=targets[:1])


def test_named_results_can_be_pickled(device):
    result = linalg.eigh(on(device, np.diag([1.0, 2.0])))
    again = pickle.loads(pickle.dumps(result))
    assert repr(again) == repr(result)
    assert again.eigenvalues.tolist() == [1, 2]


def test_low_rank_approximations(device):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((12, 3)) @ rng.standard_normal((3, 9))
    u, s, v = nnlite.svd_lowrank(on(device, x), q=4)
    np.testing.assert_allclose(host(u) * host(s) @ host(v).T, x, atol=1e-10)
    u, s, v = nnlite.pca_lowrank(on(device, x), q=3)
    np.testing.assert_allclose(host(u) * host(s) @ host(v).T, x - x.mean(0), atol=1e-10)


def test_einsum_follows_the_path_of_opt_einsum(device, monkeypatch):
    """Whatever the order, and however many operands a step takes."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in ((2, 3), (3, 4), (4, 5), (5, 2))]
    wanted = np.einsum("ij,jk,kl,lm->im", *arrays)
    seen = []
    for path in ([(2, 3), (0, 1), (0, 1)], [(1, 2), (0, 1, 2)], [(0, 3), (0, 2), (0, 1)], [(0, 1, 2, 3)]):
        package = SimpleNamespace(contract_path=lambda *a, path=path, **k: seen.append(a) or (path, None))
        monkeypatch.setattr(einsum_file, "_opt_einsum", lambda package=package: package)
        result = nnlite.einsum("ij,jk,kl,lm->im", *(on(device, a) for a in arrays))
        np.testing.assert_allclose(host(result), wanted, atol=1e-12)
    assert [a[1:] for a in seen] == [tuple(a.shape for a in arrays)] * 4
    monkeypatch.setattr(einsum_file, "_opt_einsum", lambda: None)
    np.testing.assert_allclose(host(nnlite.einsum("ij,jk,kl,lm->im", *(on(device, a) for a in arrays))), wanted)


@pytest.mark.parametrize(
    "equation, shapes",
    [
        ("ij,ij->", ((2, 3), (1, 3))),
        ("...i,i...->...", ((4, 3), (3, 4))),
        ("ij,jk,k", ((2, 1), (3, 1), (4,))),
        ("a...,...b->ab...", ((2, 3), (3, 2))),
        ("ii->i", ((3, 3),)),
        ("ii,ij", ((3, 3), (3, 2))),
        (",i", ((), (3,))),
        ("ij,kl", ((2, 2), (3, 1))),
        ("ba", ((2, 3),)),
        ("ij,jk", ((0, 3), (3, 2))),
    ],
)
def test_einsum(equation, shapes, device):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    result = nnlite.einsum(equation, *(on(device, a) for a in arrays))
    np.testing.assert_allclose(host(result), np.einsum(equation, *arrays), atol=1e-12)


def test_einsum_with_lists(device):
    x, y = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    result = nnlite.einsum(on(device, x), [0, 7], on(device, y), [7, 51], [51, 0])
    np.testing.assert_allclose(host(result), (x @ y).T)
    result = nnlite.einsum(on(device, x), [..., 1], on(device, x), [..., 1], [...])
    np.testing.assert_allclose(host(result), (x * x).sum(1))


def test_distances_in_blocks(device, monkeypatch):
    x, y = np.random.default_rng(0).standard_normal((2, 9, 4))
    wanted = abs(x[:, None] - y[None]).sum(-1)
    xp = type(nnlite.backends.backend_for(device.split(":")[0]).xp)
    monkeypatch.setattr(xp, "cache_bytes", 300, raising=False)
    t = on(device, x, requires_grad=True)
    result = nnlite.cdist(t, on(device, y), 1)
    np.testing.assert_allclose(host(result), wanted)
    result.sum().backward()
    np.testing.assert_allclose(host(t.grad), np.sign(x[:, None] - y[None]).sum(1))
