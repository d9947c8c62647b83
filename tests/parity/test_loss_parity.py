"""Losses against PyTorch: names of derivatives, extreme inputs, second gradients, former arguments, errors, and CTC."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import nnlite  # noqa: E402

REDUCTIONS = ("mean", "sum", "none")

PAIRS = {
    "smooth_l1_loss": ({}, {"beta": 0.5}, {"beta": 0.0}),
    "huber_loss": ({}, {"delta": 0.3}),
    "soft_margin_loss": ({},),
    "hinge_embedding_loss": ({}, {"margin": 0.4}),
    "binary_cross_entropy": ({},),
    "binary_cross_entropy_with_logits": ({},),
    "kl_div": ({}, {"log_target": True}),
    "poisson_nll_loss": ({}, {"log_input": False}, {"full": True}),
    "multilabel_soft_margin_loss": ({},),
}
CASES = [(name, options, r) for name, several in PAIRS.items() for options in several for r in REDUCTIONS]


def host(t):
    t = t.detach().double()
    return t.numpy(force=True) if isinstance(t, torch.Tensor) else t.cpu().numpy()  # some of PyTorch's have no storage


def pair(name, device):
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0.1, 0.9, (2, 4, 5))
    if name in ("soft_margin_loss", "hinge_embedding_loss"):
        y = np.sign(y - 0.5)
    if name == "poisson_nll_loss":
        y = y * 5
    return [
        (t.tensor(x, dtype=t.float64, requires_grad=True, **where), t.tensor(y, dtype=t.float64, **where))
        for t, where in ((torch, {}), (nnlite, {"device": device}))
    ]


@pytest.mark.parametrize("name, options, reduction", CASES)
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_two_gradients_and_names(name, options, reduction, device):
    results = []
    for t, (x, y) in zip((torch, nnlite), pair(name, device), strict=True):
        loss = getattr(t.nn.functional, name)(x, y, reduction=reduction, **options)
        weights = t.arange(1, loss.numel() + 1, dtype=t.float64, device=x.device).reshape(loss.shape)
        (g,) = t.autograd.grad((loss * weights).sum(), x, create_graph=True)
        second = t.autograd.grad((g * g).sum(), x)[0] if g.requires_grad else x.detach() * 0
        results.append((loss, g, second, loss.grad_fn.name()))
    for one, other in zip(*(r[:3] for r in results), strict=True):
        np.testing.assert_allclose(host(other), host(one), rtol=1e-7, atol=1e-9)
    if name != "smooth_l1_loss" or options != {"beta": 0.0}:
        assert results[0][3] == results[1][3]


@pytest.mark.parametrize("name", ["binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div",
                                  "poisson_nll_loss", "smooth_l1_loss", "huber_loss"])  # fmt: skip
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_gradients_of_targets(name, device):
    gradients = []
    for t, (x, y) in zip((torch, nnlite), pair(name, device), strict=True):
        y.requires_grad_()
        getattr(t.nn.functional, name)(x, y).backward()
        gradients.append((host(x.grad), host(y.grad)))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("value", [1000.0, -1000.0, 88.0, -104.0, 1e30])
def test_no_overflow(value, device):
    """Logits and margins far out, where PyTorch's soft margin loss is infinite."""
    for label in (0.0, 1.0):
        x = nnlite.tensor([value], device=device, requires_grad=True)
        y = nnlite.tensor([label], device=device)
        loss = nnlite.nn.functional.binary_cross_entropy_with_logits(x, y)
        loss.backward()
        theirs = torch.tensor([value], requires_grad=True)
        expected = torch.nn.functional.binary_cross_entropy_with_logits(theirs, torch.tensor([label]))
        expected.backward()
        np.testing.assert_allclose(host(loss), host(expected), rtol=1e-6, atol=1e-37)
        np.testing.assert_allclose(host(x.grad), host(theirs.grad), rtol=1e-6, atol=1e-30)
        margin = nnlite.nn.functional.soft_margin_loss(x, 2 * y - 1)
        np.testing.assert_allclose(host(margin), max(0.0, -value * (2 * label - 1)), rtol=1e-6, atol=1e-37)


def test_probabilities_of_zero_and_one(device):
    values, labels = [0.0, 1.0, 0.0, 1.0, 1e-30], [0.0, 1.0, 1.0, 0.0, 0.5]
    results = []
    for t, where in ((torch, {}), (nnlite, {"device": device})):
        x, y = t.tensor(values, requires_grad=True, **where), t.tensor(labels, **where)
        loss = t.nn.functional.binary_cross_entropy(x, y, reduction="none")
        loss.backward(t.ones_like(loss))
        results.append((host(loss), host(x.grad)))
    np.testing.assert_allclose(results[1][0], results[0][0], rtol=1e-6)
    np.testing.assert_allclose(results[1][1], results[0][1], rtol=1e-6)


@pytest.mark.parametrize("name", ["SmoothL1Loss", "BCELoss", "KLDivLoss", "SoftMarginLoss", "MultiLabelSoftMarginLoss",
                                  "HingeEmbeddingLoss", "PoissonNLLLoss", "MarginRankingLoss", "TripletMarginLoss",
                                  "CosineEmbeddingLoss", "MultiMarginLoss", "MultiLabelMarginLoss"])  # fmt: skip
@pytest.mark.parametrize("former", [{"size_average": False}, {"reduce": False}, {"size_average": True, "reduce": True}])
def test_former_arguments(name, former):
    made = []
    for t in (torch, nnlite):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            made.append((getattr(t.nn, name)(**former).reduction, [str(w.message) for w in caught]))
    assert made[0] == made[1]


def test_functions_of_the_package(device):
    """Reductions are numbers there, 0 unless given: none."""
    rng = np.random.default_rng(0)
    a, b, c = rng.standard_normal((3, 4, 5)).astype("float32")
    signs = np.sign(rng.standard_normal(4)).astype("float32")
    calls = [
        lambda t, a, b, c, s: t.binary_cross_entropy_with_logits(a, b.sigmoid(), None, c.exp(), 2),
        lambda t, a, b, c, s: t.kl_div(a, b.sigmoid(), 1),
        lambda t, a, b, c, s: t.kl_div(a, b.sigmoid()),
        lambda t, a, b, c, s: t.triplet_margin_loss(a, b, c),
        lambda t, a, b, c, s: t.kl_div(a, b, 0, log_target=True),
        lambda t, a, b, c, s: t.poisson_nll_loss(a, b.exp(), True, False, 1e-8, 1),
        lambda t, a, b, c, s: t.hinge_embedding_loss(a, b.sign(), 0.7, 2),
        lambda t, a, b, c, s: t.margin_ranking_loss(a[:, 0], b[:, 0], s, 0.2, 0),
        lambda t, a, b, c, s: t.cosine_embedding_loss(a, b, s, 0.1, 1),
        lambda t, a, b, c, s: t.triplet_margin_loss(a, b, c, 1.0, 2.0, 1e-6, True, 0),
        lambda t, a, b, c, s: t.ctc_loss(
            a.unsqueeze(1).log_softmax(2), t.tensor([[1, 2]], device=a.device), (4,), (2,)
        ),
        lambda t, a, b, c, s: t.cosine_similarity(a, b, 0),
        lambda t, a, b, c, s: t.pairwise_distance(a, b, 3.0, keepdim=True),
        lambda t, a, b, c, s: t.nn.functional.normalize(a, 1.0, 0),
    ]
    theirs, mine = (
        [t.tensor(v) for t in (torch,) for v in (a, b, c, signs)],
        [nnlite.tensor(v, device=device) for v in (a, b, c, signs)],
    )
    for call in calls:
        np.testing.assert_allclose(host(call(nnlite, *mine)), host(call(torch, *theirs)), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_ctc(seed, device):
    """Random lengths, blanks, repeated labels, concatenated targets, samples that do not fit; value and gradient."""
    rng = np.random.default_rng(seed)
    times, batch, classes, longest = rng.integers(1, 12), rng.integers(1, 5), rng.integers(2, 6), rng.integers(0, 5)
    blank = int(rng.integers(classes))
    x = rng.standard_normal((times, batch, classes))
    labels = rng.integers(0, classes, (batch, longest))
    labels = np.where(labels == blank, (blank + 1) % classes, labels)
    steps, lengths = rng.integers(0, times + 1, batch), rng.integers(0, longest + 1, batch)
    if seed % 3 == 0:
        labels = np.concatenate([row[:n] for row, n in zip(labels, lengths, strict=True)])
    for reduction in REDUCTIONS:
        for zero_infinity in (False, True):
            results = []
            for t, where in ((torch, {}), (nnlite, {"device": device})):
                logits = t.tensor(x, requires_grad=True, **where)
                sizes = (t.tensor(steps), t.tensor(lengths)) if seed % 2 else (tuple(steps.tolist()), lengths.tolist())
                loss = t.nn.functional.ctc_loss(
                    logits.log_softmax(2), t.tensor(labels, **where), *sizes, blank, reduction, zero_infinity
                )
                loss.sum().backward()
                results.append((host(loss), host(logits.grad)))
            for one, other in zip(*results, strict=True):
                np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-10)


ERRORS = [
    (lambda t, x, y: t.nn.functional.ctc_loss(x, y, (5, 6), (3, 3)), "Expected input_lengths to have value at most 5"),
    (lambda t, x, y: t.nn.functional.ctc_loss(x, y, (5, 5), (3, 4)), "at least 4 at dimension 1, but got size 3"),
    (lambda t, x, y: t.nn.functional.ctc_loss(x, y, (5,), (3, 3)), "input_lengths must be of size batch_size"),
    (lambda t, x, y: t.nn.functional.ctc_loss(x, y, (5, 5), (3,)), "target_lengths must be of size batch_size"),
    (lambda t, x, y: t.nn.functional.ctc_loss(x, y, (5, 5), (3, 3), 4), "blank must be in label range"),
    (lambda t, x, y: t.nn.functional.ctc_loss(x, y.reshape(-1)[:5], (5, 5), (3, 3)), "have size 6 at dimension 0"),
    (lambda t, x, y: t.nn.functional.ctc_loss(x[:0], y, (0, 0), (3, 3)), "log_probs tensor must not be empty"),
    (lambda t, x, y: t.nn.functional.ctc_loss(x, y, (5, -1), (3, 3)), "input_lengths to have value at least 0"),
    (lambda t, x, y: t.nn.functional.ctc_loss(x, y, (5, 5), (3, 3), reduction="x"), "not a valid value for reduction"),
    (lambda t, x, y: t.nn.functional.ctc_loss(x, y, 5, 3), "ctc_loss"),
    (lambda t, x, y: t.nn.functional.binary_cross_entropy(x + 9, x), "all elements of input should be between 0 and 1"),
    (lambda t, x, y: t.nn.functional.binary_cross_entropy(x, x[:1]), "Using a target size"),
    (lambda t, x, y: t.nn.functional.binary_cross_entropy_with_logits(x, x[:1]), "Target size .* must be the same"),
    (lambda t, x, y: t.nn.functional.huber_loss(x, x, delta=0.0), "does not support non-positive values for delta"),
    (lambda t, x, y: t.nn.functional.smooth_l1_loss(x, x, beta=-1.0), "does not support negative values for beta"),
    (lambda t, x, y: t.nn.functional.smooth_l1_loss(x, x, reduction="x"), "not a valid value for reduction"),
    (lambda t, x, y: t.nn.functional.kl_div(y, y, reduction="sum"), "Integral inputs not supported"),
    (lambda t, x, y: t.nn.functional.gaussian_nll_loss(x, x, -x - 9), "var has negative entry/entries"),
    (lambda t, x, y: t.nn.functional.triplet_margin_loss(x, x, x, margin=0.0), "margin must be greater than 0, got 0"),
    (lambda t, x, y: t.nn.TripletMarginLoss(margin=0.0), "margin to be greater than 0, got 0.0 instead"),
    (lambda t, x, y: t.nn.functional.multi_margin_loss(x[0], y[0], p=3), "only p == 1 and p == 2 supported"),
    (lambda t, x, y: t.nn.functional.multi_margin_loss(x[0], y[:, 0] + 9), "target out of range"),
    (lambda t, x, y: t.nn.functional.multilabel_margin_loss(x[0], y), "inconsistent target size"),
    (lambda t, x, y: t.nn.functional.cosine_embedding_loss(x[0], x[0], x[0]), "multi-target not supported"),
    (lambda t, x, y: t.nn.functional.margin_ranking_loss(x, x, x[0]), "All input tensors should have same dimension"),
    (lambda t, x, y: t.nn.functional.cosine_similarity(y, y), "expected common dtype to be floating point"),
    (lambda t, x, y: t.nn.AdaptiveLogSoftmaxWithLoss(8, 10, []), "a sequence of length larger than 0"),
    (lambda t, x, y: t.nn.AdaptiveLogSoftmaxWithLoss(8, 10, [5, 3]), "a sequence of unique, positive"),
    (lambda t, x, y: t.nn.AdaptiveLogSoftmaxWithLoss(4, 9, [3])(x[0], y[:, 0] + 9), "Target values should be in"),
    (lambda t, x, y: t.nn.AdaptiveLogSoftmaxWithLoss(4, 9, [3])(x[0], y), "0D or 1D target tensor expected"),
    (lambda t, x, y: t.nn.AdaptiveLogSoftmaxWithLoss(4, 9, [3])(x[0, 0], y[:1, 0]), "same size in the batch"),
]  # fmt: skip


@pytest.mark.parametrize("call, message", ERRORS, ids=[f"{i}-{m[:30]}" for i, (_, m) in enumerate(ERRORS)])
def test_errors(call, message):
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0.1, 0.9, (5, 2, 4)).astype("float32"), rng.integers(1, 4, (2, 3))
    with pytest.raises(Exception, match=message) as theirs:
        call(torch, torch.tensor(x), torch.tensor(y))
    with pytest.raises(theirs.type, match=message):
        call(nnlite, nnlite.tensor(x), nnlite.tensor(y))


def test_adaptive_softmax(device):
    """Outputs, loss, gradients, all log probabilities and predictions beside PyTorch's, batched and not."""
    rng = np.random.default_rng(2)
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(16, 40, [4, 12, 30], div_value=2.0, head_bias=True)
    mine = nnlite.nn.AdaptiveLogSoftmaxWithLoss(16, 40, [4, 12, 30], div_value=2.0, head_bias=True).to(device)
    assert repr(mine) == repr(theirs)
    mine.load_state_dict({k: nnlite.tensor(v.numpy(), device=device) for k, v in theirs.state_dict().items()})
    x, y = rng.standard_normal((50, 16)).astype("float32"), rng.integers(0, 40, 50)
    for pick in (slice(None), slice(0, 1), 7):
        a, b = torch.tensor(x[pick], requires_grad=True), nnlite.tensor(x[pick], device=device, requires_grad=True)
        one, other = theirs(a, torch.tensor(y[pick])), mine(b, nnlite.tensor(y[pick], device=device))
        np.testing.assert_allclose(host(other.output), host(one.output), rtol=1e-5)
        np.testing.assert_allclose(host(other.loss), host(one.loss), rtol=1e-5)
        assert tuple(other.output.shape) == tuple(one.output.shape)
        one.loss.backward(), other.loss.backward()
        np.testing.assert_allclose(host(b.grad), host(a.grad), rtol=1e-4, atol=1e-6)
    for (name, p), q in zip(theirs.named_parameters(), mine.parameters(), strict=True):
        np.testing.assert_allclose(host(q.grad), host(p.grad), rtol=1e-4, atol=1e-6, err_msg=name)
    a, b = torch.tensor(x), nnlite.tensor(x, device=device)
    np.testing.assert_allclose(host(mine.log_prob(b)), host(theirs.log_prob(a)), rtol=1e-5)
    np.testing.assert_array_equal(host(mine.predict(b)), host(theirs.predict(a)))
