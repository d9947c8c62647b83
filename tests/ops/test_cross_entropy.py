"""nll_loss and cross_entropy: the definition written out with loops, PyTorch's conventions, derivatives, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlite
import nnlite.nn.functional as F
from nnlite.autograd import gradcheck, gradgradcheck
from nnlite.backends.strict import forbid_synchronize

IGNORED = -100
SHAPES = [(5,), (3, 5), (2, 4, 3), (2, 3, 2, 2), (2, 3, 1, 2, 2)]
"""Of inputs; the axis of classes is the second, or the only one."""

shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)
reductions = pytest.mark.parametrize("reduction", ["none", "sum", "mean"])


def classes_of(shape):
    return shape[1] if len(shape) > 1 else shape[0]


def labels_of(shape, ignored=False, seed=0):
    draws = np.random.default_rng(seed)
    labels = draws.integers(0, classes_of(shape), shape[:1] + shape[2:] if len(shape) > 1 else ())
    if ignored and labels.size > 1:
        labels[draws.random(labels.shape) < 0.4] = IGNORED
        labels.flat[0] = 0
    return np.asarray(labels)


def log_softmax(x):
    axis = 1 if x.ndim > 1 else 0
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def reference(logp, labels, weight=None, reduction="mean", smoothing=0.0):
    """The losses by the definition, one position after the other."""
    count = classes_of(logp.shape)
    weight = np.ones(count) if weight is None else weight
    losses, total = np.zeros(labels.shape), 0.0
    for at in np.ndindex(labels.shape):
        label = labels[at]
        if label == IGNORED:
            continue
        row = logp[(at[0], slice(None), *at[1:])] if logp.ndim > 1 else logp
        losses[at] = (1 - smoothing) * -weight[label] * row[label] - smoothing / count * (weight * row).sum()
        total += weight[label]
    if reduction == "none":
        return losses
    return losses.sum() / total if reduction == "mean" else losses.sum()


def tensors(device, *arrays):
    return [nnlite.tensor(a, device=device) for a in arrays]


@shapes
@reductions
@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_values(shape, reduction, ignored, weighted, smoothing, device):
    logits, labels = np.random.default_rng(2).standard_normal(shape), labels_of(shape, ignored)
    weight = np.arange(1.0, classes_of(shape) + 1) if weighted else None
    logp = log_softmax(logits)
    x, lp, t = tensors(device, logits, logp, labels)
    w = None if weight is None else nnlite.tensor(weight, device=device)
    made = F.cross_entropy(x, t, w, reduction=reduction, label_smoothing=smoothing)
    want = reference(logp, labels, weight, reduction, smoothing)
    assert made.shape == want.shape and made.dtype is nnlite.float64
    np.testing.assert_allclose(made.cpu().numpy(), want, rtol=1e-12, atol=1e-12)
    if not smoothing:
        made = F.nll_loss(lp, t, w, reduction=reduction)
        assert made.shape == want.shape
        np.testing.assert_allclose(made.cpu().numpy(), want, rtol=1e-12, atol=1e-12)


@shapes
@reductions
@pytest.mark.parametrize("weighted, smoothing, ignored", [(0, 0, 0), (1, 0, 1), (0, 0.2, 1), (1, 0.2, 0), (1, 0.2, 1)])
def test_derivatives(shape, reduction, weighted, smoothing, ignored, device):
    if math.prod(shape) > 20 and reduction == "sum":
        shape = shape[:1] + shape[1:2]  # the sum differs from the mean by a number; a small case shows it
    x = nnlite.tensor(np.random.default_rng(3).standard_normal(shape), device=device, requires_grad=True)
    t = nnlite.tensor(labels_of(shape, bool(ignored)), device=device)
    w = nnlite.arange(1.0, classes_of(shape) + 1, device=device).double() if weighted else None

    def function(a):
        return F.cross_entropy(a, t, w, reduction=reduction, label_smoothing=smoothing)

    assert gradcheck(function, x)
    assert gradgradcheck(function, x)
    if not smoothing:

        def function(a):
            return F.nll_loss(a, t, w, reduction=reduction)

        assert gradcheck(function, x)
        assert gradgradcheck(function, x)


def test_gradient_is_softmax_minus_onehot(device):
    x = nnlite.randn(4, 6, device=device, requires_grad=True)
    t = nnlite.tensor([0, 5, 2, 2], device=device)
    F.cross_entropy(x, t, reduction="sum").backward()
    want = x.detach().softmax(1).cpu().numpy()
    want[np.arange(4), [0, 5, 2, 2]] -= 1
    np.testing.assert_allclose(x.grad.cpu().numpy(), want, atol=1e-6)


def test_target_of_one_sample_in_a_vector(device):
    x = nnlite.randn(5, device=device)
    for function in (F.nll_loss, F.cross_entropy):
        for reduction in ("none", "mean", "sum"):
            one = function(x, nnlite.tensor([3], device=device), reduction=reduction)
            assert one.shape == () and one == function(x, nnlite.tensor(3, device=device), reduction=reduction)


def test_uint8_labels(device):
    x = nnlite.randn(3, 5, device=device, requires_grad=True)
    t = nnlite.tensor([0, 4, 1], device=device)
    for function in (F.nll_loss, F.cross_entropy):
        assert function(x, t.byte()) == function(x, t)
        function(x, t.byte()).backward()


def test_large_logits(device):
    inf = float("inf")
    x = nnlite.tensor([[1e4, -1e4], [0.0, -inf]], device=device, requires_grad=True)
    assert F.cross_entropy(x, nnlite.tensor([0, 0], device=device), reduction="none").tolist() == [0.0, 0.0]
    assert F.cross_entropy(x, nnlite.tensor([1, 1], device=device), reduction="none").tolist() == [2e4, inf]
    F.cross_entropy(x, nnlite.tensor([1, 1], device=device), reduction="sum").backward()
    assert x.grad.tolist() == [[1.0, -1.0], [1.0, -1.0]]


@pytest.mark.parametrize("function", [F.nll_loss, F.cross_entropy])
def test_all_ignored(function, device):
    x = nnlite.randn(3, 5, device=device, requires_grad=True)
    t = nnlite.full((3,), IGNORED, device=device)
    assert function(x, t).isnan()
    assert function(x, t, reduction="sum").item() == 0
    assert function(x, t, reduction="none").tolist() == [0.0] * 3
    function(x, t).backward()
    assert x.grad.tolist() == [[0.0] * 5] * 3


@pytest.mark.parametrize("function", [F.nll_loss, F.cross_entropy])
def test_weights_that_add_up_to_zero(function, device):
    x = nnlite.randn(2, 3, device=device, requires_grad=True)
    w = nnlite.tensor([0.0, 0.0, 1.0], device=device)
    loss = function(x, nnlite.tensor([0, 1], device=device), w)
    assert loss.isnan()
    loss.backward()
    # The log likelihood reaches the labels alone; the softmax spreads the NaN over the row.
    assert x.grad.isnan().sum().item() == (2 if function is F.nll_loss else 6)


@pytest.mark.parametrize("function", [F.nll_loss, F.cross_entropy])
def test_ignored_positions_may_hold_anything(function, device):
    x = nnlite.tensor([[0.0, 1.0], [float("nan"), float("inf")]], device=device)
    t = nnlite.tensor([0, IGNORED], device=device)
    assert function(x, t) == function(x[:1], t[:1])
    assert function(x, t, reduction="none")[1].item() == 0


@pytest.mark.parametrize("function", [F.nll_loss, F.cross_entropy])
@pytest.mark.parametrize("index", [1, 9, -1])
def test_ignore_index(function, index, device):
    x = nnlite.randn(3, 5, device=device)
    t = nnlite.tensor([0, index, 4], device=device)
    rest = nnlite.tensor([0, 4], device=device)
    assert function(x, t, ignore_index=index).item() == pytest.approx(function(x[[0, 2]], rest).item())


@pytest.mark.parametrize("function", [F.nll_loss, F.cross_entropy])
@pytest.mark.parametrize("shape", [(0, 5), (0, 5, 2), (0, 5, 2, 2), (2, 5, 0, 3)])
def test_empty(function, shape, device):
    x = nnlite.zeros(shape, device=device, requires_grad=True)
    t = nnlite.zeros(shape[:1] + shape[2:], dtype=nnlite.int64, device=device)
    assert function(x, t).isnan()
    assert function(x, t, reduction="sum").item() == 0
    assert function(x, t, reduction="none").shape == t.shape
    function(x, t).backward()
    assert x.grad.shape == shape


@pytest.mark.parametrize("kind, digits", [(nnlite.float16, 2e-3), (nnlite.bfloat16, 1e-2)])
def test_16_bits(kind, digits, device):
    wide = nnlite.randn(6, 50, device=device)
    x = wide.to(kind).requires_grad_()
    t = nnlite.tensor([0, 1, 2, 3, 49, IGNORED], device=device)
    w = nnlite.ones(50, device=device).to(kind)
    for smoothing in (0.0, 0.1):
        made = F.cross_entropy(x, t, w, label_smoothing=smoothing)
        exact = x.detach().float().requires_grad_()
        want = F.cross_entropy(exact, t, label_smoothing=smoothing)
        assert made.dtype is kind
        assert made.item() == pytest.approx(want.item(), rel=digits)
        x.grad = None
        made.backward()
        want.backward()
        assert x.grad.dtype is kind
        np.testing.assert_allclose(x.grad.float().cpu().numpy(), exact.grad.cpu().numpy(), rtol=digits, atol=1e-6)
    assert F.nll_loss(x, t, w).dtype is kind
    F.nll_loss(x, t, w).backward()


# ---------------------------------------------------------------------------------------------------------------------
# Targets that are probabilities


def onehot(labels, count):
    return np.moveaxis(np.eye(count)[labels], -1, 1 if labels.ndim else 0)


@shapes
@reductions
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_probabilities(shape, reduction, weighted, smoothing, device):
    draws = np.random.default_rng(4)
    logits, count = draws.standard_normal(shape), classes_of(shape)
    axis = 1 if len(shape) > 1 else 0
    p = np.exp(log_softmax(draws.standard_normal(shape)))
    w = np.arange(1.0, count + 1) if weighted else np.ones(count)
    smooth = p * (1 - smoothing) + smoothing / count
    want = -(log_softmax(logits) * smooth * w.reshape((-1,) + (1,) * (len(shape) - axis - 1))).sum(axis)
    want = {"none": want, "sum": want.sum(), "mean": want.mean()}[reduction]
    x, t = tensors(device, logits, p)
    weight = nnlite.tensor(w, device=device) if weighted else None
    made = F.cross_entropy(x, t, weight, reduction=reduction, label_smoothing=smoothing)
    assert made.shape == want.shape
    np.testing.assert_allclose(made.cpu().numpy(), want, rtol=1e-12)


@reductions
def test_onehot_probabilities_are_labels(reduction, device):
    shape = (3, 4, 2)
    labels = labels_of(shape)
    x, t, p = tensors(device, np.random.default_rng(5).standard_normal(shape), labels, onehot(labels, 4))
    made, want = F.cross_entropy(x, p, reduction=reduction), F.cross_entropy(x, t, reduction=reduction)
    np.testing.assert_allclose(made.cpu().numpy(), want.cpu().numpy(), rtol=1e-12)


@reductions
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 2)])
def test_derivatives_of_probabilities(shape, reduction, device):
    draws = np.random.default_rng(6)
    x, p = (
        nnlite.tensor(v, device=device, requires_grad=True)
        for v in (draws.standard_normal(shape), np.exp(log_softmax(draws.standard_normal(shape))))
    )
    w = nnlite.tensor(np.arange(1.0, 4.0), device=device, requires_grad=True)

    def function(a, b, c):
        return F.cross_entropy(a, b, c, reduction=reduction, label_smoothing=0.1)

    assert gradcheck(function, (x, p, w))
    assert gradgradcheck(function, (x, p, w))


def test_dtypes_of_probabilities(device):
    x, p = nnlite.randn(2, 3, device=device), nnlite.full((2, 3), 1 / 3, device=device)
    assert F.cross_entropy(x, p.double()).dtype is nnlite.float64
    assert F.cross_entropy(x.half(), p).dtype is nnlite.float32
    assert F.cross_entropy(x.half(), p.half()).dtype is nnlite.float16


# ---------------------------------------------------------------------------------------------------------------------
# Printed names, errors


def test_names_of_derivatives(device):
    def names(function, shape, **options):
        x = nnlite.zeros(shape, device=device, requires_grad=True)
        t = nnlite.tensor(labels_of(shape), device=device)
        return [function(x, t, reduction=r, **options).grad_fn.name() for r in ("mean", "sum", "none")]

    for function in (F.nll_loss, F.cross_entropy):
        assert names(function, (5,)) == names(function, (3, 5)) == ["NllLossBackward0"] * 3
        assert names(function, (2, 3, 2, 2)) == ["NllLoss2DBackward0"] * 3
        assert names(function, (2, 3, 4)) == ["NllLoss2DBackward0"] * 2 + ["ViewBackward0"]
        assert names(function, (2, 3, 1, 2, 2)) == ["NllLoss2DBackward0"] * 2 + ["ViewBackward0"]
    assert names(F.cross_entropy, (3, 5), label_smoothing=0.1) == ["AddBackward0"] * 3
    x = nnlite.zeros(2, 3, device=device, requires_grad=True)
    p = nnlite.ones(2, 3, device=device)
    made = [F.cross_entropy(x, p, reduction=r).grad_fn.name() for r in ("mean", "sum", "none")]
    assert made == ["DivBackward1", "NegBackward0", "NegBackward0"]


OUT_OF_RANGE = [
    ((3, 5), [0, 1, 10], "Target 10 is out of bounds"),
    ((3, 5), [0, 1, -2], "Target -2 is out of bounds"),
    ((5,), 5, "Target 5 is out of bounds"),
    ((2, 3, 1, 1), [[[0]], [[7]]], "Target 7 is out of bounds"),
]


@pytest.mark.parametrize("function", [F.nll_loss, F.cross_entropy])
@pytest.mark.parametrize("shape, labels, text", OUT_OF_RANGE)
def test_labels_out_of_range(function, shape, labels, text, device):
    x, t = nnlite.zeros(shape, device=device), nnlite.tensor(labels, device=device)
    if device == "cpu":
        with pytest.raises(IndexError, match=text):
            function(x, t)
        return
    # A device that works on its own tells when the host next waits for it.
    loss = function(x, t)
    with pytest.raises(IndexError, match=f"{function.__name__}.*out of bounds"):
        loss.item()
    assert nnlite.zeros(1, device=device).item() == 0


@pytest.mark.parametrize("function", [F.nll_loss, F.cross_entropy])
def test_ignored_labels_are_not_out_of_range(function, device):
    x, t = nnlite.zeros(3, 5, device=device), nnlite.tensor([0, 255, 4], device=device)
    assert function(x, t, ignore_index=255).isfinite()


@pytest.mark.parametrize("function", [F.nll_loss, F.cross_entropy])
@pytest.mark.parametrize(
    "shape, target, error, text",
    [
        ((3, 5), (4,), ValueError, r"Expected input batch_size \(3\) to match target batch_size \(4\)."),
        ((3, 5), (), ValueError, r"Expected input batch_size \(3\) to match target batch_size \(0\)."),
        ((3, 5), (3, 1), RuntimeError, "0D or 1D target tensor expected, multi-target not supported"),
        ((5,), (2,), ValueError, "For 1D input, 1D target must have size 1, but got target size: 2"),
        ((5,), (1, 1), RuntimeError, "0D or 1D target tensor expected, multi-target not supported"),
        ((2, 3, 4), (2, 5), RuntimeError, r"Expected target size \[2, 4\], got \[2, 5\]"),
        ((2, 3, 4), (2,), RuntimeError, r"Expected target size \[2, 4\], got \[2\]"),
        ((2, 3, 4, 5), (2, 4, 6), RuntimeError, r"size mismatch \(got input: \[2, 3, 4, 5\] , target: \[2, 4, 6\]"),
        ((2, 3, 4, 5), (2, 4), RuntimeError, r"only batches of spatial targets supported \(3D tensors\)"),
        ((2, 3, 4, 5, 2), (2, 4, 5, 3), RuntimeError, r"Expected target size \[2, 4, 5, 2\], got \[2, 4, 5, 3\]"),
    ],
)
def test_shapes_that_do_not_fit(function, shape, target, error, text, device):
    with pytest.raises(error, match=text):
        function(nnlite.zeros(shape, device=device), nnlite.zeros(target, dtype=nnlite.int64, device=device))


@pytest.mark.parametrize("function", [F.nll_loss, F.cross_entropy])
def test_dtypes_that_do_not_fit(function, device):
    x, t = nnlite.zeros(3, 5, device=device), nnlite.tensor([0, 1, 4], device=device)
    for kind, title in ((nnlite.int32, "Int"), (nnlite.float32, "Float"), (nnlite.bool, "Bool")):
        with pytest.raises(RuntimeError, match=f"expected target dtype to be Long or Byte, but got {title}"):
            function(x, t.to(kind))
    with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
        function(x.long(), t)
    with pytest.raises(RuntimeError, match="expected scalar type Float but found Double"):
        function(x, t, nnlite.ones(5, device=device).double())


@pytest.mark.parametrize("function", [F.nll_loss, F.cross_entropy])
def test_weights_that_do_not_fit(function, device):
    x, t = nnlite.zeros(3, 5, device=device), nnlite.tensor([0, 1, 4], device=device)
    with pytest.raises(RuntimeError, match=r"for all 5 classes or no classes but got weight tensor of shape: \[4\]"):
        function(x, t, nnlite.ones(4, device=device))
    with pytest.raises(RuntimeError, match="either for all or no classes"):
        function(x[:, :, None], t[:, None], nnlite.ones(4, device=device))
    with pytest.raises(RuntimeError, match="not differentiable with respect to argument 'weight'"):
        function(x, t, nnlite.ones(5, device=device, requires_grad=True))
    with pytest.raises(TypeError, match=r"argument .*position 3\) must be Tensor"):
        function(x, t, [1.0] * 5)


@pytest.mark.parametrize("function", [F.nll_loss, F.cross_entropy])
def test_other_errors(function, device):
    x, t = nnlite.zeros(3, 5, device=device), nnlite.tensor([0, 1, 4], device=device)
    with pytest.raises(ValueError, match="avg is not a valid value for reduction"):
        function(x, t, reduction="avg")
    with pytest.raises(TypeError, match=r"argument .*position 2\) must be Tensor, not list"):
        function(x, [0, 1, 2])
    with pytest.warns(UserWarning, match="please use reduction='sum' instead") as caught:
        assert function(x, t, size_average=False) == function(x, t, reduction="sum")
    assert caught[0].filename == __file__


def test_errors_of_cross_entropy(device):
    x, t = nnlite.zeros(3, 5, device=device), nnlite.tensor([0, 1, 4], device=device)
    with pytest.raises(RuntimeError, match=r"label_smoothing must be between 0.0 and 1.0. Got: 1.5"):
        F.cross_entropy(x, t, label_smoothing=1.5)
    assert F.cross_entropy(x, t, label_smoothing=-0.5) == F.cross_entropy(x, t)  # as in PyTorch
    with pytest.raises(
        RuntimeError, match="Expected floating point type for target with class probabilities, got Long"
    ):
        F.cross_entropy(x, nnlite.zeros(3, 5, device=device).long())
    with pytest.raises(RuntimeError, match="ignore_index is not supported for floating point target"):
        F.cross_entropy(x, x, ignore_index=1)
    with pytest.raises(RuntimeError, match="cross_entropy: weight tensor should be defined either for all 5 classes"):
        F.cross_entropy(x, x, nnlite.ones(4, device=device))
    with pytest.raises(ValueError, match="Expected 1 or more dimensions"):
        F.nll_loss(nnlite.tensor(1.0, device=device), nnlite.tensor(0, device=device))


@pytest.mark.parametrize("function", [F.nll_loss, F.cross_entropy])
def test_two_devices(function):
    x, t = nnlite.zeros(3, 5), nnlite.tensor([0, 1, 4])
    for arguments in ((x.to("strict"), t), (x, t.to("strict")), (x, t, nnlite.ones(5, device="strict"))):
        with pytest.raises(
            RuntimeError, match=r"Expected all tensors to be on the same device.*cpu.*strict|strict.*cpu"
        ):
            function(*arguments)


@pytest.mark.parametrize("function", [F.nll_loss, F.cross_entropy])
@pytest.mark.parametrize("options", [{}, {"reduction": "sum"}, {"ignore_index": 1}])
@pytest.mark.parametrize("weighted", [False, True])
def test_no_synchronisation(function, options, weighted):
    x = nnlite.randn(3, 5, device="strict", requires_grad=True)
    t = nnlite.tensor([0, 1, 4], device="strict")
    w = nnlite.ones(5, device="strict") if weighted else None
    if function is F.cross_entropy:
        options = {**options, "label_smoothing": 0.1}
    with forbid_synchronize():
        function(x, t, w, **options).backward()
    assert x.grad.isfinite().all()


def test_what_may_change_before_backward():
    x = nnlite.zeros(2, 3, requires_grad=True)
    t, w = nnlite.tensor([0, 1]), nnlite.ones(3)
    y = x * 2
    loss = F.cross_entropy(y, t, w)
    y += 1  # the logits themselves are not kept
    loss.backward()
    assert x.grad.abs().sum().item() == pytest.approx(8 / 3)
    for kept in (t, w):
        loss = F.cross_entropy(x, t, w)
        kept += 1
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()
        kept -= 1
    loss = F.nll_loss(x, t)
    t += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_third_derivative(device):
    x = nnlite.tensor([0.3, -0.2, 1.0], dtype=nnlite.float64, device=device, requires_grad=True)
    t = nnlite.tensor(1, device=device)

    def second(a):
        (first,) = nnlite.autograd.grad(F.cross_entropy(a, t, label_smoothing=0.1), a, create_graph=True)
        return nnlite.autograd.grad((first * first).sum(), a, create_graph=True)[0]

    assert gradcheck(second, x)


def test_double_backward_of_16_bits(device):
    x = nnlite.zeros(2, 3, device=device).half().requires_grad_()
    loss = F.cross_entropy(x, nnlite.tensor([0, 1], device=device), label_smoothing=0.1)
    (first,) = nnlite.autograd.grad(loss, x, create_graph=True)
    assert first.dtype is nnlite.float16
    (first * first).sum().backward()
    assert x.grad.dtype is nnlite.float16 and x.grad.abs().sum() > 0


@given(st.integers(1, 4), st.integers(1, 5), st.floats(0, 1), st.integers(0, 1000))
def test_smoothing_is_a_mixture_of_probabilities(n, count, smoothing, seed):
    draws = np.random.default_rng(seed)
    labels = draws.integers(0, count, n)
    x = nnlite.tensor(draws.standard_normal((n, count)))
    p = nnlite.tensor(onehot(labels, count) * (1 - smoothing) + smoothing / count)
    a = F.cross_entropy(x, nnlite.tensor(labels), label_smoothing=smoothing).item()
    if count > 1 or n > 1:
        assert a == pytest.approx(F.cross_entropy(x, p).item(), abs=1e-9)
    assert a >= -1e-12
