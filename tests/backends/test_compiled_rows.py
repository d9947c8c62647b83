"""Compiled softmax and its kin beside the bodies without them: values, special numbers, threads, sizes."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.backends.kernels import KernelTable
from nnlite.backends.numpy import first_use
from nnlite.backends.registry import tables

pytest.importorskip("numba")
rows = pytest.importorskip("nnlite.backends.numpy.compiled.rows")

SHAPES = [(1,), (7,), (1, 1), (3, 5), (64, 10), (33, 65), (5, 3, 129), (2, 50_257), (700, 100)]
FORWARD = ["softmax", "log_softmax"]


def plain(name, *arrays, **options):
    """By NumPy alone, in float64."""
    with np.errstate(all="ignore"):
        return getattr(KernelTable(tables[np.ndarray].backend_), name)(
            *(a.astype(np.float64) for a in arrays), **options
        )


def numbers(shape, seed=0, scale=3):
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


@pytest.fixture
def parts(number_of_threads, monkeypatch):
    """So many threads, with little work for each."""
    monkeypatch.setattr(rows, "GRAIN", 100)


@pytest.mark.parametrize("name", FORWARD)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_forward(name, shape, parts):
    x = numbers(shape)
    found = getattr(rows, name)(x, axis=-1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain(name, x, axis=-1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", FORWARD)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradient(name, shape, parts):
    """Within 1e-5 of the sum's parts: the sums of rows cancel."""
    out, g = plain(name, numbers(shape), axis=-1).astype(np.float32), numbers(shape, 1)
    found = getattr(rows, name + "_backward")(g, out, axis=-1)
    assert found.dtype == np.float32
    size = np.abs(g).sum(-1).max()
    np.testing.assert_allclose(found, plain(name + "_backward", g, out, axis=-1), rtol=1e-5, atol=1e-6 * size)


@pytest.mark.parametrize("shape", SHAPES[2:], ids=str)
def test_exponentials(shape, parts):
    x = numbers(shape)
    for mine, other in zip(rows.exponentials(x, axis=-1), plain("exponentials", x, axis=-1), strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [*FORWARD, "exponentials"])
@pytest.mark.parametrize(
    "row",
    [
        [np.nan, 1, 2], [-np.nan, -1, 2], [np.inf, 1, 2], [-np.inf, 1, 2], [-np.inf] * 3, [np.inf, -np.inf, 0],
        [-0.0, 0.0, -0.0], [1e30, -1e30, 3e38], [-1e-30, -5, -7], [-200, 0, -88],
    ],
    ids=str,
)  # fmt: skip
def test_special_numbers(name, row):
    """As NumPy has them: masked scores give exactly 0, and what is not a number fills its own row alone."""
    x = np.array([row * 9, list(range(27)), row[::-1] * 9], np.float32)
    found, want = getattr(rows, name)(x, axis=1), plain(name, x, axis=1)
    if name == "exponentials":
        with np.errstate(all="ignore"):
            found, want = found[0] / found[1], want[0] / want[1]
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)


def test_masked_scores_are_zero():
    x = numbers((4, 100))
    x[:, ::2] = -np.inf
    assert (rows.softmax(x, axis=1)[:, ::2] == 0).all()


def test_results_do_not_depend_on_threads(thread_count, monkeypatch):
    monkeypatch.setattr(rows, "GRAIN", 100)
    x, results = numbers((101, 77)), []
    for count in (1, 2, 5):
        thread_count(count)
        results.append(rows.softmax(x, axis=1))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_tensors_take_these_kernels(monkeypatch):
    called = []
    real = first_use.load("rows")

    class Noting:
        def __getattr__(self, name):
            called.append(name)
            return getattr(real, name)

    monkeypatch.setattr(rows, "load", lambda name: Noting())
    x = nnlite.randn(200, 50, requires_grad=True)
    x.softmax(1).square().sum().backward()
    x.log_softmax(-1).square().sum().backward()
    nnlite.nn.functional.cross_entropy(x, nnlite.arange(200) % 50).backward()
    functions = ["softmax", "softmax_gradient", "log_softmax", "log_softmax_gradient", "exponentials"]
    assert called == [*functions, "cross_entropy_gradient"]


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"ignore_index": 3}, {"reduction": "sum"}], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy(options, weighted):
    """Loss and gradient of large logits, whose exponentials overflow unless the largest is taken off first."""
    x, labels = numbers((300, 40), scale=60), np.arange(300) % 40
    weight = np.abs(numbers(40, 2)) if weighted else None
    results = []
    for kind in (np.float32, np.float64):
        leaf = nnlite.tensor(x.astype(kind), requires_grad=True)
        w = None if weight is None else nnlite.tensor(weight.astype(kind))
        loss = nnlite.nn.functional.cross_entropy(leaf, nnlite.tensor(labels), w, **options)
        loss.backward()
        results.append((loss.detach().numpy(), leaf.grad.numpy()))
    for mine, other in zip(*results, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_gradient_is_that_of_array_expressions(reduction, monkeypatch):
    results = []
    for every_size in (True, False):
        monkeypatch.setattr(first_use, "EVERY_SIZE", every_size)
        monkeypatch.setattr(rows, "LEAST_OF_GRADIENTS", 1 << 40)
        x = nnlite.tensor(numbers((30, 41)), requires_grad=True)
        loss = nnlite.nn.functional.cross_entropy(x, nnlite.arange(30), reduction=reduction)
        loss.backward(nnlite.linspace(0.5, 2, 30) if loss.ndim else None)
        results.append(x.grad.numpy())
    np.testing.assert_allclose(*results, rtol=1e-6, atol=1e-8)


def test_what_stays_with_numpy(monkeypatch):
    monkeypatch.setattr(first_use, "EVERY_SIZE", False)
    when = tables[np.ndarray].overrides_["softmax"].when
    x = np.zeros((64, 64), np.float32)
    assert when(x, axis=1)
    assert when(x, axis=-1)
    assert not when(x, axis=0)
    assert not when(x.T, axis=1)
    assert not when(x.astype(np.float64), axis=1)
    assert not when(x[:2, :2].copy(), axis=1)
    monkeypatch.setattr(first_use, "EVERY_SIZE", True)
    assert not when(x[:0], axis=1)
    assert not when(np.zeros((), np.float32), axis=None)
