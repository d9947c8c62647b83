"""Attention in blocks of any size gives what PyTorch gives, with its gradients."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import nnlite
from nnlite.autograd import gradcheck, gradgradcheck
from nnlite.ops.attention import scaled_dot_product as attention

torch = pytest.importorskip("torch")

MASKS = ("none", "causal", "bool", "bool per batch", "float", "float per key", "a row that sees nothing")


def run(library: Any, device: str, arrays: list[np.ndarray], mask: Any, causal: bool) -> list[np.ndarray]:
    tensors = [library.tensor(a, device=device).requires_grad_() for a in arrays]
    given = None if mask is None else library.tensor(mask, device=device)
    if mask is not None and mask.dtype != bool:
        tensors.append(given.requires_grad_())
    function = library.nn.functional.scaled_dot_product_attention
    out = function(*tensors[:3], attn_mask=given, is_causal=causal)
    gradients = library.autograd.grad((out * out.detach().cos()).sum(), tensors)
    return [t.detach().cpu().numpy() for t in (out, *gradients)]


def mask_of(kind: str, rng: Any, lead: tuple[int, ...], rows: int, keys: int) -> Any:
    if kind.startswith("bool"):
        own = (*lead[:-1], *(1,) * bool(lead)) if kind == "bool per batch" else ()
        mask = rng.random((*own, rows, keys)) < 0.7
        mask[..., 0] = True
        return mask
    if kind == "a row that sees nothing":
        return np.arange(rows)[:, None].repeat(keys, 1) != 1
    if kind == "float per key":
        return rng.standard_normal((*lead[:1], *(1,) * len(lead[1:]), 1, keys))
    return rng.standard_normal((*lead, rows, keys)) if kind == "float" else None


@pytest.mark.parametrize("lead", [(), (3,), (2, 3), (2, 2, 3)], ids=str)
@pytest.mark.parametrize("block", [1 << 20, 200, 20, 3])
@pytest.mark.parametrize("kind", MASKS)
def test_blocks(lead, block, kind, device, monkeypatch):
    monkeypatch.setattr(attention, "BLOCK", block)
    rng = np.random.default_rng(2)
    for rows, keys in ((5, 7), (6, 6)):
        arrays = [rng.standard_normal((*lead, n, size)) for n, size in ((rows, 4), (keys, 4), (keys, 3))]
        mask = mask_of(kind, rng, lead, rows, keys)
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            want = run(torch, "cpu", arrays, mask, kind == "causal")
        for a, b in zip(run(nnlite, device, arrays, mask, kind == "causal"), want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("block", [1 << 20, 9])
def test_dropout_draws_the_same_mask_again(block, device, monkeypatch):
    monkeypatch.setattr(attention, "BLOCK", block)
    rng = np.random.default_rng(0)
    inputs = [nnlite.tensor(rng.standard_normal((1, 2, 3, 2)), device=device, requires_grad=True) for _ in range(3)]

    def drop(*inputs: Any) -> Any:
        nnlite.manual_seed(3)
        return nnlite.nn.functional.scaled_dot_product_attention(*inputs, dropout_p=0.3, is_causal=True)

    assert not nnlite.allclose(drop(*inputs), nnlite.nn.functional.scaled_dot_product_attention(*inputs))
    assert gradcheck(drop, inputs)
    assert gradgradcheck(drop, inputs)


def test_dropout_keeps_the_expected_value(device):
    q = nnlite.zeros(1, 1, 200, 4, device=device)
    v = nnlite.ones(1, 1, 300, 1, device=device)
    out = nnlite.nn.functional.scaled_dot_product_attention(
        q, nnlite.ones(1, 1, 300, 4, device=device), v, dropout_p=0.5
    )
    np.testing.assert_allclose(out.mean().item(), 1.0, atol=0.02)
    assert out.std().item() > 0.02


def test_memory_grows_linearly_with_the_length():
    def peak(length: int) -> int:
        inputs = [nnlite.randn(1, 1, length, 8, requires_grad=True) for _ in range(3)]
        tracemalloc.start()
        try:
            nnlite.nn.functional.scaled_dot_product_attention(*inputs).sum().backward()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(4096)  # loads and allocates what later calls use again
    assert peak(8192) < 2.2 * peak(4096)
    assert peak(8192) < 8192 * 8192 * 4 / 8


def test_grouped_queries():
    q, kv = torch.randn(2, 6, 5, 4), torch.randn(2, 2, 7, 4)
    want = torch.nn.functional.scaled_dot_product_attention(q, kv, kv, enable_gqa=True)
    own = nnlite.tensor(q.numpy()), nnlite.tensor(kv.numpy())
    out = nnlite.nn.functional.scaled_dot_product_attention(own[0], own[1], own[1], enable_gqa=True)
    np.testing.assert_allclose(out.numpy(), want.numpy(), rtol=1e-5, atol=1e-6)


def wrong(library: Any) -> list[Any]:
    attend, x = library.nn.functional.scaled_dot_product_attention, library.ones(2, 3, 4)
    return [
        lambda: attend(x, x, x.double()),
        lambda: attend(x[0, 0], x, x),
        lambda: attend(x, x, x, library.ones(3, 3), is_causal=True),
        lambda: attend(x, x, x, library.ones(3, 3, dtype=library.float64)),
        lambda: attend(x, library.ones(2, 3, 5), x),
        lambda: attend(x, library.ones(5, 3, 4), x),
        lambda: attend(x, x, x, library.ones(4, 3)),
        lambda: attend(x, x, 3),
        lambda: library.nn.MultiheadAttention(5, 2),
        lambda: library.nn.MultiheadAttention(0, 2),
        lambda: library.nn.MultiheadAttention(4, 2)(x, x, x, attn_mask=library.ones(3, 3)),
        lambda: library.nn.MultiheadAttention(4, 2)(x, x, x, is_causal=True),
        lambda: library.nn.MultiheadAttention(4, 2)(x, x, x, key_padding_mask=library.ones(5, 5)),
        lambda: library.nn.TransformerEncoderLayer(4, 2, activation="sin"),
    ]


@pytest.mark.parametrize("number", range(len(wrong(nnlite))))
def test_errors(number):
    with pytest.raises(Exception) as theirs:
        wrong(torch)[number]()
    with pytest.raises(theirs.type):
        wrong(nnlite)[number]()
