"""EmbeddingBag and Bilinear give what PyTorch's give."""

from __future__ import annotations

import itertools
import pickle
from typing import Any

import numpy as np
import pytest

import nnlite

torch = pytest.importorskip("torch")

TABLE = np.random.default_rng(0).standard_normal((7, 3))
NUMBERS = np.array([1, 2, 2, 6, 0, 3, 3, 3, 5, 1])

FORMS: dict[str, tuple[Any, Any]] = {
    "matrix": (NUMBERS.reshape(2, 5), None),
    "empty matrix": (np.zeros((2, 0), "int64"), None),
    "offsets": (NUMBERS, np.array([0, 3, 9])),
    "empty bags": (NUMBERS, np.array([0, 0, 4, 4, 10])),
    "one bag": (NUMBERS, np.array([0])),
    "int32": (NUMBERS.astype("int32"), np.array([0, 5], "int32")),
}


def run(library: Any, device: str, form: str, twice: bool = False, **options: Any) -> list[Any]:
    numbers, offsets = FORMS[form]
    weight = library.tensor(TABLE, device=device).requires_grad_()
    factors = options.pop("factors", None)
    held = [weight]
    if factors is not None:
        factors = library.linspace(-1, 2, numbers.size, dtype=library.float64).reshape(numbers.shape).to(device)
        held.append(factors.requires_grad_())
    given = None if offsets is None else library.tensor(offsets, device=device)
    out = library.nn.functional.embedding_bag(
        library.tensor(numbers, device=device), weight, given, per_sample_weights=factors, **options
    )
    gradients = library.autograd.grad((out * out).sum(), held)
    return [out.detach(), *gradients]


def same(ours: list[Any], theirs: list[Any]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(a.cpu().numpy(), b.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [None, 3, -1])
def test_embedding_bag(form, mode, padding, device):
    if form == "empty matrix":  # where PyTorch raises
        assert run(nnlite, device, form, mode=mode)[0].tolist() == [[0] * 3] * 2
        return
    options = {"mode": mode, "padding_idx": padding}
    same(run(nnlite, device, form, **options), run(torch, "cpu", form, **options))


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "sum", "factors": True},
        {"mode": "sum", "factors": True, "padding_idx": 2},
        {"mode": "sum", "include_last_offset": True},
        {"mode": "mean", "include_last_offset": True},
        {"mode": "max", "include_last_offset": True},
    ],
    ids=str,
)
def test_options(options, device):
    form = "empty bags" if "include_last_offset" in options else "offsets"
    same(run(nnlite, device, form, **options), run(torch, "cpu", form, **options))


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_scale_grad_by_freq(mode, device):
    # PyTorch 2.13 divides by the count of another row on the CPU (it takes counts[indices[i]] for the i-th row met), so
    # the reference is its gradient without scaling, divided by the counts.
    out, gradient = run(nnlite, device, "offsets", mode=mode, scale_grad_by_freq=True)
    want, unscaled = run(torch, "cpu", "offsets", mode=mode)
    counts = torch.tensor(np.bincount(NUMBERS, minlength=len(TABLE))).clamp(min=1)
    same([out, gradient], [want, unscaled / counts.unsqueeze(1)])


def test_max_norm(device):
    made = []
    for library, where in ((nnlite, device), (torch, "cpu")):
        layer = library.nn.EmbeddingBag.from_pretrained(
            library.tensor(TABLE, device=where), freeze=False, max_norm=0.9, norm_type=1.0, mode="sum"
        )
        out = layer(library.tensor(NUMBERS[:5], device=where), library.tensor([0, 2], device=where))
        made.append([out.detach(), layer.weight.detach()])
    same(*made)


@pytest.mark.parametrize(
    "options",
    [{}, {"max_norm": 2.0}, {"mode": "sum", "padding_idx": -1}, {"norm_type": 1.0, "scale_grad_by_freq": True}],
    ids=str,
)
def test_module(options):
    ours, theirs = nnlite.nn.EmbeddingBag(7, 3, **options), torch.nn.EmbeddingBag(7, 3, **options)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    if ours.padding_idx is not None:
        assert ours.padding_idx == theirs.padding_idx and not ours.weight[ours.padding_idx].any()
    assert pickle.loads(pickle.dumps(ours)).mode == theirs.mode


BAD = [
    lambda t, f, w: f(t.tensor([[0, 1]]), w, t.tensor([0])),
    lambda t, f, w: f(t.tensor([0, 1]), w),
    lambda t, f, w: f(t.tensor([0, 1]), w, t.tensor([[0]])),
    lambda t, f, w: f(t.tensor(1), w, t.tensor([0])),
    lambda t, f, w: f(t.tensor([0, 1]), w[0], t.tensor([0])),
    lambda t, f, w: f(t.tensor([0, 1]), w, t.tensor([1])),
    lambda t, f, w: f(t.tensor([0, 1]), w, t.tensor([0, 3])),
    lambda t, f, w: f(t.tensor([0, 7]), w, t.tensor([0])),
    lambda t, f, w: f(t.tensor([0.0, 1.0]), w, t.tensor([0])),
    lambda t, f, w: f(t.tensor([0, 1]), w, t.tensor([0]), mode="min"),
    lambda t, f, w: f(t.tensor([0, 1]), w, t.tensor([0]), mode="max", scale_grad_by_freq=True),
    lambda t, f, w: f(t.tensor([0, 1]), w, t.tensor([0]), mode="max", sparse=True),
    lambda t, f, w: f(t.tensor([0, 1]), w, t.tensor([0]), per_sample_weights=t.ones(2)),
    lambda t, f, w: f(t.tensor([0, 1]), w, t.tensor([0]), mode="sum", per_sample_weights=t.ones(3)),
    lambda t, f, w: f(t.tensor([0, 1]), w, t.tensor([0]), padding_idx=7),
    lambda t, f, w: t.nn.EmbeddingBag(3, 2, padding_idx=3),
    lambda t, f, w: t.nn.EmbeddingBag(3, 2, _weight=w),
    lambda t, f, w: t.nn.EmbeddingBag.from_pretrained(w[0]),
    lambda t, f, w: t.nn.functional.bilinear(t.ones(2, 3), t.ones(3, 4), t.ones(5, 3, 4)),
    lambda t, f, w: t.nn.functional.bilinear(t.ones(2, 3), t.ones(4), t.ones(5, 3, 4)),
    lambda t, f, w: t.nn.functional.bilinear(t.ones(2, 3), t.ones(2, 4), t.ones(5, 3, 5)),
    lambda t, f, w: t.nn.functional.bilinear(t.ones(2, 2), t.ones(2, 4), t.ones(5, 3, 4)),
    lambda t, f, w: t.nn.functional.bilinear(t.ones(2, 3), t.ones(2, 4), t.ones(5, 3, 4), t.ones(4)),
    lambda t, f, w: t.nn.Bilinear(0, 2, 3),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_refuses(number):
    caught = []
    for library in (torch, nnlite):
        try:
            BAD[number](library, library.nn.functional.embedding_bag, library.tensor(TABLE, dtype=library.float32))
        except Exception as error:
            caught.append(error)
    theirs, ours = caught
    assert type(ours) is type(theirs), (ours, theirs)


@pytest.mark.parametrize("shape, bias", list(itertools.product([(), (4,), (2, 3), (0,)], [False, True])))
def test_bilinear(shape, bias, device):
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(s) for s in ((*shape, 2), (*shape, 3), (4, 2, 3), (4,))[: 3 + bias]]
    made = []
    for library, where in ((nnlite, device), (torch, "cpu")):
        held = [library.tensor(a, device=where).requires_grad_() for a in arrays]
        out = library.nn.functional.bilinear(*held)
        first = library.autograd.grad((out**3).sum(), held, create_graph=True)
        second = library.autograd.grad(sum((g * g).sum() for g in first), held)
        made.append([out.detach(), *(g.detach() for g in first), *second])
    same(*made)


def test_gradients_twice(device):
    from nnlite.autograd import gradcheck, gradgradcheck

    numbers, offsets = (nnlite.tensor(v, device=device) for v in FORMS["offsets"])
    factors = nnlite.rand(10, dtype=nnlite.float64, device=device).requires_grad_()
    weight = nnlite.tensor(TABLE, device=device).requires_grad_()
    bag = nnlite.nn.functional.embedding_bag
    for mode in ("sum", "mean", "max"):
        assert gradcheck(lambda w, mode=mode: bag(numbers, w, offsets, mode=mode), (weight,))
        assert gradgradcheck(lambda w, mode=mode: bag(numbers, w, offsets, mode=mode) ** 2, (weight,))
    assert gradgradcheck(
        lambda w, s: bag(numbers, w, offsets, mode="sum", per_sample_weights=s, padding_idx=1), (weight, factors)
    )
