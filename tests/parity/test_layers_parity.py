"""Layers, losses, embedding and dropout beside PyTorch's: values, gradients, printed text, signatures, errors."""

from __future__ import annotations

import inspect
import re
import warnings

import numpy as np
import pytest

import nnlite
import nnlite.nn.functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional

KINDS = {"float32": 1e-5, "float64": 1e-11}


def on(lib, value, device="cpu"):
    """A NumPy array as a tensor of either library; other values as they are."""
    if isinstance(value, np.ndarray):
        t = lib.from_numpy(value.copy())
        return t.to(device) if lib is nnlite else t
    return value


def compare(function, arrays, device, needs_grad=(0,), tolerance=1e-5, **options):
    """Run one function of nn.functional in both libraries; compare values, dtypes, names, gradients."""
    made = []
    for lib in (nnlite, torch):
        tensors = [on(lib, a, device) for a in arrays]
        for i in needs_grad:
            tensors[i].requires_grad_()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            out = getattr(lib.nn.functional, function)(*tensors, **{k: on(lib, v, device) for k, v in options.items()})
        seed = np.random.default_rng(9).standard_normal(tuple(out.shape)).astype(str(out.dtype).split(".")[1])
        out.backward(on(lib, np.asarray(seed), device))
        made.append((out, [tensors[i].grad for i in needs_grad]))
    (a, a_grads), (b, b_grads) = made
    assert tuple(a.shape) == tuple(b.shape) and str(a.dtype) == str(b.dtype)
    assert a.grad_fn.name() == b.grad_fn.name()
    np.testing.assert_allclose(a.detach().cpu().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)
    for g, h in zip(a_grads, b_grads, strict=True):
        assert str(g.dtype) == str(h.dtype)
        np.testing.assert_allclose(g.cpu().numpy(), h.numpy(), rtol=tolerance, atol=tolerance)


def normal(*shape, kind="float32", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(kind)


kinds = pytest.mark.parametrize("kind", KINDS)
reductions = pytest.mark.parametrize("reduction", ["none", "sum", "mean"])


@kinds
@pytest.mark.parametrize("function", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape, dim", [((), 0), ((5,), 0), ((3, 4), 1), ((3, 4), 0), ((2, 3, 4), -2)])
def test_softmax(function, shape, dim, kind, device):
    compare(function, [np.asarray(normal(*shape, kind=kind) * 5)], device, tolerance=KINDS[kind], dim=dim)


@kinds
@pytest.mark.parametrize("function", ["relu", "sigmoid", "tanh"])
def test_activations(function, kind, device):
    compare(function, [normal(3, 4, kind=kind)], device, tolerance=KINDS[kind])


@kinds
@reductions
@pytest.mark.parametrize("function", ["mse_loss", "l1_loss"])
@pytest.mark.parametrize("shapes", [((), ()), ((3, 2), (3, 2)), ((3,), (2, 1))])
def test_differences(function, shapes, reduction, kind, device):
    arrays = [np.asarray(normal(*s, kind=kind, seed=i)) for i, s in enumerate(shapes)]
    compare(function, arrays, device, (0, 1), KINDS[kind], reduction=reduction)
    if shapes[0] == shapes[1]:
        weight = np.asarray(np.abs(normal(*shapes[0], kind=kind, seed=5)))
        compare(function, arrays, device, (0, 1), KINDS[kind], reduction=reduction, weight=weight)


SHAPES = [(5,), (3, 5), (2, 4, 3), (2, 3, 2, 2), (2, 3, 1, 2, 2)]


def labels_for(shape, ignored):
    draws = np.random.default_rng(1)
    labels = draws.integers(
        0, shape[1] if len(shape) > 1 else shape[0], shape[:1] + shape[2:] if len(shape) > 1 else ()
    )
    labels = np.asarray(labels)
    if ignored and labels.size > 1:
        labels.flat[1] = -100
    return labels


@kinds
@reductions
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_labels(shape, ignored, weighted, reduction, kind, device):
    x, labels = normal(*shape, kind=kind), labels_for(shape, ignored)
    weight = np.arange(1, (shape[1] if len(shape) > 1 else shape[0]) + 1).astype(kind) if weighted else None
    options = {"weight": weight, "reduction": reduction}
    compare("nll_loss", [x, labels], device, tolerance=KINDS[kind], **options)
    for smoothing in (0.0, 0.2, 1.0):
        compare("cross_entropy", [x, labels], device, (0,), KINDS[kind], label_smoothing=smoothing, **options)


@kinds
@reductions
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_probabilities(shape, weighted, reduction, kind, device):
    x, p = normal(*shape, kind=kind), np.abs(normal(*shape, kind=kind, seed=3))
    weight = np.arange(1, (shape[1] if len(shape) > 1 else shape[0]) + 1).astype(kind) if weighted else None
    for smoothing in (0.0, 0.2):
        compare("cross_entropy", [x, p], device, (0, 1), KINDS[kind], weight=weight, reduction=reduction,
                label_smoothing=smoothing)  # fmt: skip


@pytest.mark.parametrize("options", [
    {},
    {"padding_idx": -1},
    {"scale_grad_by_freq": True, "padding_idx": 0},
    {"max_norm": 1.0},
    {"max_norm": 1.5, "norm_type": 1.0},
    {"max_norm": 1.0, "norm_type": float("inf")},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("indices", [np.array(2), np.array([0, 3, 3]), np.array([[1, 3], [3, 0]], np.int32)], ids=str)
def test_embedding(options, indices, device):
    compare("embedding", [indices, normal(4, 3)], device, (1,), **options)


@kinds
@pytest.mark.parametrize("shape", [(4, 3), (2, 4, 3)])
@pytest.mark.parametrize("bias", [False, True])
def test_linear(shape, bias, kind, device):
    arrays = [normal(*shape, kind=kind), normal(2, 3, kind=kind, seed=1)]
    compare("linear", [*arrays, normal(2, kind=kind, seed=2)] if bias else arrays, device,
            (0, 1, 2) if bias else (0, 1), KINDS[kind])  # fmt: skip


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
@pytest.mark.parametrize("function", ["softmax", "log_softmax", "cross_entropy", "nll_loss", "mse_loss", "l1_loss"])
def test_16_bits(function, kind, device):
    """As exact as PyTorch's, measured by what PyTorch computes in float64 from the same 16-bit numbers."""

    def run(lib, *, exact=False):
        a = on(lib, normal(5, 40), device).to(getattr(lib, kind))
        a = (a.double() if exact else a).requires_grad_()
        if function in ("cross_entropy", "nll_loss"):
            arguments = (on(lib, labels_for((5, 40), True), device),)
        else:
            arguments = (1,) if "softmax" in function else (a.detach() * 2,)
        out = getattr(lib.nn.functional, function)(a, *arguments)
        g = on(lib, np.asarray(normal(*out.shape, seed=7)), device).to(getattr(lib, kind))
        out.backward(g.double() if exact else g)
        assert str(out.dtype) == str(a.grad.dtype) == ("torch.float64" if exact else f"torch.{kind}")
        return [v.detach().double().cpu().numpy() for v in (out, a.grad)]

    ulp = {"float16": 2.0**-11, "bfloat16": 2.0**-8}[kind]
    for ours, theirs, exact in zip(run(nnlite), run(torch), run(torch, exact=True), strict=True):
        assert np.abs(ours - exact).max() <= 1.5 * np.abs(theirs - exact).max() + ulp * np.abs(exact).max()


def test_double_backward(device):
    x, labels = normal(3, 5, kind="float64"), labels_for((3, 5), True)
    made = []
    for lib in (nnlite, torch):
        a, t = on(lib, x, device).requires_grad_(), on(lib, labels, device)
        total = 0
        for loss in (
            lib.nn.functional.cross_entropy(a, t, label_smoothing=0.1),
            lib.nn.functional.nll_loss(a.log_softmax(1), t),
            lib.nn.functional.mse_loss(a.softmax(1), a.detach()),
            lib.nn.functional.l1_loss(a.softmax(1), a.detach()),
        ):
            (g,) = lib.autograd.grad(loss, a, create_graph=True)
            total = total + (g * g).sum()
        total.backward()
        made.append(a.grad.cpu().numpy())
    np.testing.assert_allclose(*made, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name, shape", [("dropout", (200, 100)), ("dropout2d", (200, 100, 2, 2))])
def test_dropout(name, shape, p):
    """The numbers drawn differ; how many, what they become and what carries the graph does not."""
    made = []
    for lib in (nnlite, torch):
        x = lib.ones(*shape, requires_grad=True)
        y = getattr(lib.nn.functional, name)(x, p)
        y.sum().backward()
        values = sorted({round(v, 5) for v in y.detach().flatten().tolist()})
        made.append((y is x, values, y.grad_fn and y.grad_fn.name(), bool((x.grad == y).all())))
        assert abs((y == 0).float().mean().item() - p) < 0.02
    assert made[0] == made[1]


# ---------------------------------------------------------------------------------------------------------------------
# Modules

MODULES = {
    "Linear": [{"in_features": 2, "out_features": 3}, {"in_features": 2, "out_features": 3, "bias": False}],
    "Identity": [{}, {"anything": 1}],
    "ReLU": [{}, {"inplace": True}],
    "Sigmoid": [{}],
    "Tanh": [{}],
    "Softmax": [{}, {"dim": 1}],
    "LogSoftmax": [{}, {"dim": -1}],
    "MSELoss": [{}, {"reduction": "sum"}],
    "L1Loss": [{}, {"reduction": "none"}],
    "NLLLoss": [{}, {"ignore_index": 3, "reduction": "sum"}],
    "CrossEntropyLoss": [{}, {"label_smoothing": 0.1, "ignore_index": 2}],
    "Embedding": [
        {"num_embeddings": 4, "embedding_dim": 3},
        {"num_embeddings": 4, "embedding_dim": 3, "padding_idx": -1, "max_norm": 2.0, "norm_type": 1.0},
        {"num_embeddings": 4, "embedding_dim": 3, "scale_grad_by_freq": True, "sparse": True, "dtype": "float64"},
    ],
    "Dropout": [{}, {"p": 0.2, "inplace": True}, {"p": 0}],
    "Dropout2d": [{}, {"p": 0.25}],
    "Flatten": [{}, {"start_dim": 0, "end_dim": 2}],
    "Unflatten": [{"dim": 1, "unflattened_size": (2, -1)}, {"dim": 0, "unflattened_size": [2, 3]}],
}

modules = pytest.mark.parametrize("name, options", [(n, o) for n, cases in MODULES.items() for o in cases], ids=str)


def build(lib, name, options):
    options = {k: getattr(lib, v) if k == "dtype" else v for k, v in options.items()}
    return getattr(lib.nn, name)(**options)


@modules
def test_modules(name, options):
    ours, theirs = (build(lib, name, options) for lib in (nnlite, torch))
    assert repr(ours) == repr(theirs)
    plain = (type(None), bool, int, float, str, tuple, list)
    a, b = (
        {k: v for k, v in vars(m).items() if not k.startswith("_") and isinstance(v, plain)} for m in (ours, theirs)
    )
    assert a == b
    a, b = ({k: (tuple(v.shape), str(v.dtype)) for k, v in m.state_dict().items()} for m in (ours, theirs))
    assert list(a.items()) == list(b.items())
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert list(ours._buffers) == list(theirs._buffers)
    assert sorted(getattr(ours, "__constants__", [])) == sorted(getattr(theirs, "__constants__", []))


def parameters(function):
    return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", list(MODULES))
def test_signatures_of_modules(name):
    ours, theirs = getattr(nnlite.nn, name), getattr(torch.nn, name)
    assert parameters(ours) == parameters(theirs)
    assert parameters(ours.forward) == parameters(theirs.forward)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "mse_loss", "l1_loss", "nll_loss", "cross_entropy",
                                  "embedding", "dropout", "dropout2d", "relu", "sigmoid", "tanh"])  # fmt: skip
def test_signatures_of_functions(name):
    assert parameters(getattr(F, name)) == parameters(getattr(TF, name))


def test_weights_of_pytorch_load_and_compute_the_same(device):
    made = []
    weights = None
    words, labels = np.random.default_rng(0).integers(0, 9, (6, 4)), np.array([0, 1, 2, 3, -100, 1])
    for lib in (torch, nnlite):
        nn = lib.nn
        model = nn.Sequential(
            nn.Embedding(9, 5, padding_idx=0), nn.Flatten(), nn.Linear(20, 7), nn.Tanh(), nn.Linear(7, 4, bias=False),
            nn.LogSoftmax(dim=1),
        )  # fmt: skip
        if weights is None:
            weights = {k: v.numpy().copy() for k, v in model.state_dict().items()}
        model.load_state_dict({k: lib.from_numpy(v) for k, v in weights.items()})
        if lib is nnlite:
            model.to(device)
        loss = nn.NLLLoss()(model(on(lib, words, device)), on(lib, labels, device))
        loss.backward()
        made.append([loss.item(), *(p.grad.cpu().numpy() for p in model.parameters())])
    for a, b in zip(*made, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("make", [
    lambda nn: nn.Linear(300, 200).weight,
    lambda nn: nn.Linear(3, 20000).bias,
    lambda nn: nn.Embedding(300, 200).weight,
])  # fmt: skip
def test_initial_values_have_the_same_distribution(make):
    a, b = (np.sort(make(lib.nn).detach().numpy().ravel()) for lib in (nnlite, torch))
    points = np.linspace(0.001, 0.999, 200)
    gap = np.abs(np.quantile(a, points) - np.quantile(b, points)).max()
    assert gap < 0.03 * (b[-1] - b[0])


# ---------------------------------------------------------------------------------------------------------------------
# Bad input: the same type of error, the same beginning of the text


LOGITS = [[0.0, 1.0, 2.0], [1.0, 0.0, -1.0]]
BAD = {
    "softmax dim": lambda t: t.nn.functional.softmax(t.zeros(2, 2), 2),
    "softmax dim type": lambda t: t.nn.functional.softmax(t.zeros(2, 2), 1.5),
    "softmax integers": lambda t: t.nn.functional.softmax(t.zeros(2).long(), 0),
    "softmax bools": lambda t: t.softmax(t.zeros(2, 2).bool(), 0),
    "softmax list": lambda t: t.nn.functional.softmax([1.0], 0),
    "log_softmax integers": lambda t: t.log_softmax(t.zeros(2, 2).int(), 0),
    "torch.softmax without dim": lambda t: t.softmax(t.zeros(2)),
    "softmax method without dim": lambda t: t.zeros(2).softmax(),
    "Softmax dim": lambda t: t.nn.Softmax(2)(t.zeros(2, 2)),
    "relu bools": lambda t: t.nn.functional.relu(t.zeros(2).bool()),
    "relu leaf in place": lambda t: t.nn.functional.relu(t.zeros(2, requires_grad=True), inplace=True),
    "Sigmoid argument": lambda t: t.nn.Sigmoid(3),
    "mse reduction": lambda t: t.nn.functional.mse_loss(t.zeros(2), t.zeros(2), reduction="avg"),
    "mse integers": lambda t: t.nn.functional.mse_loss(t.zeros(2).long(), t.zeros(2).long()),
    "mse shapes": lambda t: t.nn.functional.mse_loss(t.zeros(3), t.zeros(4)),
    "mse weight": lambda t: t.nn.functional.mse_loss(t.zeros(3), t.zeros(3), weight=t.zeros(1)),
    "l1 integers": lambda t: t.nn.functional.l1_loss(t.zeros(2).long(), t.zeros(2).long()),
    "l1 bools": lambda t: t.nn.functional.l1_loss(t.zeros(2).bool(), t.zeros(2).bool()),
    "L1Loss reduction": lambda t: t.nn.L1Loss(reduction="x")(t.zeros(2), t.zeros(2)),
    "ce label": lambda t: t.nn.functional.cross_entropy(t.tensor(LOGITS), t.tensor([0, 10])),
    "ce negative label": lambda t: t.nn.CrossEntropyLoss()(t.tensor(LOGITS), t.tensor([0, -1])),
    "ce label of one sample": lambda t: t.nn.functional.cross_entropy(t.tensor(LOGITS[0]), t.tensor(3)),
    "ce smoothed label": lambda t: t.nn.CrossEntropyLoss(label_smoothing=0.1)(t.tensor(LOGITS), t.tensor([0, 10])),
    "nll label of an image": lambda t: t.nn.functional.nll_loss(t.zeros(1, 3, 1, 1), t.tensor([[[5]]])),
    "ce batch": lambda t: t.nn.functional.cross_entropy(t.zeros(3, 5), t.zeros(4).long()),
    "ce 0-d target": lambda t: t.nn.functional.cross_entropy(t.zeros(3, 5), t.tensor(1)),
    "ce two labels": lambda t: t.nn.functional.cross_entropy(t.zeros(3, 5), t.zeros(3, 1).long()),
    "ce one sample, two labels": lambda t: t.nn.functional.cross_entropy(t.zeros(5), t.zeros(2).long()),
    "ce 3d": lambda t: t.nn.functional.cross_entropy(t.zeros(2, 3, 4), t.zeros(2, 5).long()),
    "ce image": lambda t: t.nn.functional.cross_entropy(t.zeros(2, 3, 4, 5), t.zeros(2, 4, 6).long()),
    "ce image of two": lambda t: t.nn.functional.cross_entropy(t.zeros(2, 3, 4, 5), t.zeros(2, 4).long()),
    "nll 5d": lambda t: t.nn.functional.nll_loss(t.zeros(2, 3, 4, 5, 1), t.zeros(2, 4, 5, 2).long()),
    "nll scalar": lambda t: t.nn.functional.nll_loss(t.tensor(1.0), t.tensor(0)),
    "ce int labels": lambda t: t.nn.functional.cross_entropy(t.zeros(3, 5), t.zeros(3).int()),
    "ce float labels": lambda t: t.nn.functional.cross_entropy(t.zeros(3, 5), t.zeros(3)),
    "ce bool labels": lambda t: t.nn.functional.cross_entropy(t.zeros(3, 5), t.zeros(3).bool()),
    "ce integers": lambda t: t.nn.functional.cross_entropy(t.zeros(3, 5).long(), t.zeros(3).long()),
    "nll integers": lambda t: t.nn.functional.nll_loss(t.zeros(3, 5).long(), t.zeros(3).long()),
    "nll integers of an image": lambda t: t.nn.functional.nll_loss(t.zeros(1, 2, 3, 5).long(), t.zeros(1, 3, 5).long()),
    "ce integer probabilities": lambda t: t.nn.functional.cross_entropy(t.zeros(3, 5), t.zeros(3, 5).long()),
    "ce probabilities ignored": lambda t: t.nn.functional.cross_entropy(t.zeros(3, 5), t.zeros(3, 5), ignore_index=1),
    "ce probabilities weight": lambda t: t.nn.functional.cross_entropy(t.zeros(3, 5), t.zeros(3, 5), t.zeros(4)),
    "ce 0-d": lambda t: t.nn.functional.cross_entropy(t.tensor(1.0), t.tensor(0)),
    "ce smoothing": lambda t: t.nn.functional.cross_entropy(t.zeros(3, 5), t.zeros(3).long(), label_smoothing=1.5),
    "ce weight": lambda t: t.nn.functional.cross_entropy(t.zeros(3, 5), t.zeros(3).long(), t.zeros(4)),
    "ce weight of two": lambda t: t.nn.functional.cross_entropy(t.zeros(3, 5), t.zeros(3).long(), t.zeros(1, 5)),
    "ce weight of an image": lambda t: t.nn.functional.cross_entropy(
        t.zeros(1, 5, 1, 1), t.zeros(1, 1, 1).long(), t.zeros(4)
    ),
    "ce weight dtype": lambda t: t.nn.functional.cross_entropy(t.zeros(3, 5), t.zeros(3).long(), t.zeros(5).double()),
    "ce weight that learns": lambda t: t.nn.functional.cross_entropy(
        t.zeros(3, 5, requires_grad=True), t.zeros(3).long(), t.ones(5, requires_grad=True)
    ),
    "ce list": lambda t: t.nn.functional.cross_entropy([1.0], t.tensor([0])),
    "ce reduction": lambda t: t.nn.functional.cross_entropy(t.zeros(3, 5), t.zeros(3).long(), reduction="avg"),
    "CrossEntropyLoss weight": lambda t: t.nn.CrossEntropyLoss([1.0, 2.0]),
    "embedding row": lambda t: t.nn.functional.embedding(t.tensor([4]), t.zeros(4, 3)),
    "embedding negative row": lambda t: t.nn.Embedding(4, 3)(t.tensor([-1])),
    "embedding short": lambda t: t.nn.Embedding(4, 3)(t.tensor([1]).short()),
    "embedding float": lambda t: t.nn.Embedding(4, 3)(t.tensor([1.0])),
    "embedding vector": lambda t: t.nn.functional.embedding(t.tensor([0]), t.zeros(4)),
    "embedding padding": lambda t: t.nn.functional.embedding(t.tensor([0]), t.zeros(4, 3), padding_idx=4),
    "embedding list": lambda t: t.nn.functional.embedding([0], t.zeros(4, 3)),
    "Embedding padding": lambda t: t.nn.Embedding(4, 3, padding_idx=-5),
    "Embedding weight": lambda t: t.nn.Embedding(4, 3, _weight=t.zeros(3, 3)),
    "Embedding negative": lambda t: t.nn.Embedding(-1, 3),
    "from_pretrained": lambda t: t.nn.Embedding.from_pretrained(t.zeros(3)),
    "dropout p": lambda t: t.nn.functional.dropout(t.zeros(3), -1),
    "dropout2d p": lambda t: t.nn.functional.dropout2d(t.zeros(3, 3, 3, 3), 1.5),
    "Dropout p": lambda t: t.nn.Dropout(1.5),
    "dropout of integers": lambda t: t.nn.functional.dropout(t.ones(3).long()),
    "dropout leaf in place": lambda t: t.nn.functional.dropout(t.ones(3, requires_grad=True), inplace=True),
    "dropout list": lambda t: t.nn.functional.dropout([1.0]),
    "dropout2d vector": lambda t: t.nn.functional.dropout2d(t.ones(3)),
    "Linear features": lambda t: t.nn.Linear(2, 3)(t.ones(4, 5)),
    "Linear of a batch": lambda t: t.nn.Linear(2, 3)(t.ones(4, 5, 6)),
    "Linear negative": lambda t: t.nn.Linear(-1, 3),
    "Linear list": lambda t: t.nn.Linear(2, 3)([1.0, 2.0]),
    "Flatten of a vector": lambda t: t.nn.Flatten()(t.ones(3)),
    "Flatten backwards": lambda t: t.nn.Flatten(2, 1)(t.ones(2, 3, 4)),
    "Unflatten int": lambda t: t.nn.Unflatten(1, 6),
    "Unflatten float": lambda t: t.nn.Unflatten(1, (2.0, 3)),
    "Unflatten sizes": lambda t: t.nn.Unflatten(1, (2, 5))(t.ones(1, 6)),
}
OWN_TEXT = {
    # PyTorch names the argument; nnlite says which place it has and what to make of it.
    "softmax dim type", "softmax list", "torch.softmax without dim", "softmax method without dim", "ce list",
    "embedding list", "dropout list", "Linear list",
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
@pytest.mark.filterwarnings("ignore:Using a target size", "ignore:dropout2d")
def test_bad_input(case):
    found = []
    for lib in (nnlite, torch):
        with pytest.raises(Exception) as caught:  # any type: they are compared below
            BAD[case](lib)
        found.append((type(caught.value), str(caught.value)))
    (our_type, our_text), (their_type, their_text) = found
    assert our_type is their_type, found
    if case not in OWN_TEXT:
        assert beginning(our_text).startswith(beginning(their_text)), found


def beginning(text):
    """The first sentence, without what the two say about themselves."""
    text = re.sub(r"got torch\.\w*|got CPU\w*", "got", text.split("(while")[0])
    return text.rstrip(". ")
