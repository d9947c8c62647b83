"""embedding: rows, gradients, norms, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlite
import nnlite.nn.functional as F
from nnlite.autograd import gradcheck, gradgradcheck
from nnlite.backends.strict import forbid_synchronize

TABLE = np.arange(12.0).reshape(4, 3)


def table(device, **options):
    return nnlite.tensor(TABLE, dtype=nnlite.float32, device=device, **options)


def gradient(indices, device, **options):
    """The gradient of the sum of the rows."""
    w = table(device, requires_grad=True)
    F.embedding(nnlite.tensor(indices, device=device), w, **options).sum().backward()
    return w.grad.cpu().numpy()[:, 0].tolist()


@pytest.mark.parametrize("kind", [nnlite.int64, nnlite.int32])
@pytest.mark.parametrize("indices", [2, [3], [0, 3, 3], [[0, 1], [2, 0]], np.zeros((2, 0)), np.zeros((2, 1, 2))])
def test_rows(indices, kind, device):
    made = F.embedding(nnlite.tensor(indices, dtype=kind, device=device), table(device))
    want = TABLE[np.asarray(indices, np.int64)]
    assert made.shape == want.shape and made.tolist() == want.tolist()


@pytest.mark.parametrize("kind", [nnlite.float16, nnlite.bfloat16, nnlite.float64, nnlite.int64])
def test_dtypes(kind, device):
    w = table(device).to(kind)
    if kind.is_floating_point:
        w.requires_grad_()
    made = F.embedding(nnlite.tensor([1, 1], device=device), w)
    assert made.dtype is kind and made[0].tolist() == [3, 4, 5]
    if kind.is_floating_point:
        made.sum().backward()
        assert w.grad.dtype is kind and w.grad[1].tolist() == [2.0] * 3


def test_sums_of_16_bits_keep_their_digits(device):
    w = nnlite.zeros(2, 3, device=device).half().requires_grad_()
    (F.embedding(nnlite.zeros(4000, dtype=nnlite.int64, device=device), w) * 0.5).sum().backward()
    assert w.grad[0].tolist() == [2000.0] * 3  # adding 0.5 to more than 1024 in float16 changes nothing


@pytest.mark.parametrize("options", [{}, {"padding_idx": 1}, {"padding_idx": -1}, {"scale_grad_by_freq": True},
                                     {"padding_idx": 0, "scale_grad_by_freq": True}], ids=str)  # fmt: skip
def test_derivatives(options, device):
    w = nnlite.randn(4, 3, dtype=nnlite.float64, device=device, requires_grad=True)
    i = nnlite.tensor([[0, 2], [2, 3]], device=device)
    # The padding row counts in the value and not in the gradient, so only its absence can be compared.
    if "padding_idx" not in options and "scale_grad_by_freq" not in options:
        assert gradcheck(lambda a: F.embedding(i, a, **options), w)
    g = nnlite.randn(2, 2, 3, dtype=nnlite.float64, device=device, requires_grad=True)

    def backward(h):
        return nnlite.autograd.grad(F.embedding(i, w, **options), w, h, create_graph=True)[0]

    assert gradcheck(backward, g)
    assert gradgradcheck(backward, g)


def test_double_backward(device):
    w = nnlite.randn(4, 3, dtype=nnlite.float64, device=device, requires_grad=True)
    i = nnlite.tensor([0, 2, 2], device=device)
    assert gradgradcheck(lambda a: F.embedding(i, a) ** 3, w)


def test_gradients(device):
    assert gradient([0, 3, 3], device) == [1, 0, 0, 2]
    assert gradient([0, 3, 3], device, padding_idx=3) == [1, 0, 0, 0]
    assert gradient([0, 3, 3], device, padding_idx=-1) == [1, 0, 0, 0]
    assert gradient([0, 3, 3], device, scale_grad_by_freq=True) == [1, 0, 0, 1]
    assert gradient([[0, 3], [3, 0]], device, scale_grad_by_freq=True, padding_idx=0) == [0, 0, 0, 1]
    assert gradient([0, 3, 3], device, sparse=True) == [1, 0, 0, 2]  # dense all the same
    assert gradient(2, device) == [0, 0, 1, 0]


NORMS = [
    (2.0, np.array([[0.0, 0.4472, 0.8944], [0.4243, 0.5657, 0.7071], [0.5179, 0.5754, 0.6330]])),
    (1, np.array([[0.0, 0.3333, 0.6667], [0.2500, 0.3333, 0.4167], [0.3000, 0.3333, 0.3667]])),
    (float("inf"), np.array([[0.0, 0.5, 1.0], [0.6, 0.8, 1.0], [0.8182, 0.9091, 1.0]])),
    (3.0, None),
]


@pytest.mark.parametrize("p, want", NORMS)
def test_max_norm(p, want, device):
    w = table(device, requires_grad=True)
    version = w._version
    made = F.embedding(nnlite.tensor([0, 1, 3, 3], device=device), w, max_norm=1.0, norm_type=p)
    rows = w.detach().cpu().numpy()
    np.testing.assert_array_equal(made.detach().cpu().numpy(), rows[[0, 1, 3, 3]])
    np.testing.assert_array_equal(rows[2], TABLE[2])  # not looked up
    np.testing.assert_allclose(np.linalg.norm(rows[[0, 1, 3]], p, axis=1), 1, rtol=1e-5)
    if want is not None:
        np.testing.assert_allclose(rows[[0, 1, 3]], want, atol=1e-4)
    assert w._version == version + 1
    made.sum().backward()  # the rows were changed before the look-up, outside of the graph
    assert w.grad.cpu().numpy()[:, 0].tolist() == [1, 1, 0, 2]


def test_max_norm_leaves_small_rows(device):
    w = table(device)
    F.embedding(nnlite.tensor([0, 1, 3], device=device), w, max_norm=8.0)
    np.testing.assert_array_equal(w.cpu().numpy()[:3], TABLE[:3])
    assert F.embedding(nnlite.zeros(0, dtype=nnlite.int64, device=device), w, max_norm=1.0).shape == (0, 3)


def test_max_norm_of_16_bits(device):
    w = nnlite.full((1, 1000), 100.0, device=device).half()  # its squares add up to more than float16 holds
    F.embedding(nnlite.tensor([0], device=device), w, max_norm=1.0)
    np.testing.assert_allclose(w.float().cpu().numpy(), 1000**-0.5, rtol=1e-3)


@pytest.mark.parametrize("indices", [[4], [0, -1]])
def test_rows_that_there_are_not(indices, device):
    w, i = table(device), nnlite.tensor(indices, device=device)
    if device == "cpu":
        with pytest.raises(IndexError, match="index out of range in self"):
            F.embedding(i, w)
        return
    made = F.embedding(i, w)
    with pytest.raises(IndexError, match=r"embedding.*out of bounds"):
        made.cpu()


def test_errors(device):
    w, i = table(device), nnlite.tensor([0], device=device)
    for kind in ("Short", "Byte", "Bool", "Float"):
        with pytest.raises(
            RuntimeError, match=rf"'indices' to have one of .* Long, Int; but got torch\..*{kind}Tensor"
        ):
            F.embedding(getattr(i, kind.lower())(), w)
    for bad in (w[0], w[None]):
        with pytest.raises(RuntimeError, match="'weight' must be 2-D"):
            F.embedding(i, bad)
    for padding in (4, -5):
        with pytest.raises(AssertionError, match="Padding_idx must be within num_embeddings"):
            F.embedding(i, w, padding_idx=padding)
    with pytest.raises(TypeError, match=r"argument .\w+. \(position 1\) must be Tensor, not list"):
        F.embedding([0], w)
    with pytest.raises(TypeError, match=r"argument .*position 2\) must be Tensor.*, not list"):
        F.embedding(i, [[1.0]])
    assert F.embedding(i, w.requires_grad_()).grad_fn.name() == "EmbeddingBackward0"


def test_two_devices():
    with pytest.raises(RuntimeError, match=r"Expected all tensors to be on the same device.*strict.*cpu"):
        F.embedding(nnlite.tensor([0]), table("strict"))


@pytest.mark.parametrize("options", [{}, {"padding_idx": 0, "max_norm": 1.0, "scale_grad_by_freq": True}], ids=str)
def test_no_synchronisation(options):
    w, i = table("strict", requires_grad=True), nnlite.tensor([0, 3, 3], device="strict")
    with forbid_synchronize():
        F.embedding(i, w, **options).sum().backward()
    assert w.grad.shape == (4, 3)


@given(st.integers(1, 6), st.integers(0, 4), st.lists(st.integers(0, 5), max_size=20))
def test_gradient_counts_rows(rows, size, numbers):
    numbers = [n % rows for n in numbers]
    w = nnlite.zeros(rows, size, requires_grad=True)
    F.embedding(nnlite.tensor(numbers, dtype=nnlite.int64), w).sum().backward()
    assert (w.grad.numpy() == np.bincount(np.asarray(numbers, np.int64), minlength=rows)[:, None]).all()
