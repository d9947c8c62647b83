"""Convolution and attention of the sizes that cuDNN takes, beside float64 on the CPU. On CUDA with cuDNN these are the
first numbers that its plans compute; on other devices the same is asked of their kernels."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nnlite
from nnlite.backends import cudnn
from nnlite.backends.cupy.cudnn import attention
from nnlite.nn import functional as F

TOLERANCE = {nnlite.float64: 1e-10, nnlite.float32: 2e-5, nnlite.float16: 1e-2, nnlite.bfloat16: 6e-2}
DTYPES = list(TOLERANCE)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Graphs of attention are built for the first call of a shape."""
    monkeypatch.setattr(attention, "WORTH", 0)


def check(got, expected, dtype):
    got, expected = got.detach().cpu().double().numpy(), expected.detach().numpy()
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(got / scale, expected / scale, rtol=0, atol=TOLERANCE[dtype])


def gradients(function, inputs):
    """The result of a function and the gradients of its inputs for a loss that weighs every number differently."""
    out = function(*inputs)
    ramp = nnlite.linspace(-1, 1, out.numel(), dtype=nnlite.float64).reshape(out.shape)
    (out * ramp.to(out.device, out.dtype)).sum().backward()
    return [out, *(x.grad for x in inputs)]


def check_function(function, shapes, device, dtype, layout=None):
    nnlite.manual_seed(0)
    values = [nnlite.randn(shape, dtype=nnlite.float64).to(dtype) for shape in shapes]
    exact = [v.double().clone().requires_grad_() for v in values]
    given = [v.to(device) for v in values]
    if layout is not None:
        given = [v.contiguous(memory_format=layout) for v in given]
    found = gradients(function, [v.detach().requires_grad_() for v in given])
    for got, expected in zip(found, gradients(function, exact), strict=True):
        check(got, expected, dtype)
    if device == "cuda" and cudnn.is_available():
        assert "kept: " in cudnn.explain()
    return found[0]


LAYERS = {
    "3x3": ((4, 16, 12, 10), (24, 16, 3, 3), {"padding": 1}),
    "step 2": ((4, 16, 12, 10), (24, 16, 3, 3), {"padding": 1, "stride": 2}),
    "dilated": ((2, 8, 14, 14), (8, 8, 3, 3), {"padding": 2, "dilation": 2}),
    "same, uneven": ((2, 8, 14, 14), (8, 8, 2, 4), {"padding": "same"}),
    "groups": ((2, 12, 9, 9), (18, 4, 3, 3), {"groups": 3}),
    "depthwise": ((2, 16, 9, 9), (16, 1, 5, 5), {"groups": 16, "padding": 2}),
    "line": ((4, 8, 60), (16, 8, 5), {"padding": 2}),
    "solid": ((2, 4, 6, 7, 8), (8, 4, 3, 3, 3), {"padding": 1}),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_convolution(device, dtype, name):
    x, weight, geometry = LAYERS[name]
    convolve = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[len(x)]
    check_function(lambda x, w, b: convolve(x, w, b, **geometry), [x, weight, (weight[0],)], device, dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_channels_last(device, dtype):
    x, weight, geometry = LAYERS["3x3"]
    out = check_function(
        lambda x, w: F.conv2d(x, w, **geometry), [x, weight], device, dtype, layout=nnlite.channels_last
    )
    if device == "cuda" and cudnn.is_available():
        assert out.is_contiguous(memory_format=nnlite.channels_last)


def test_transposed_convolution(device):
    check_function(
        lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1, output_padding=1),
        [(4, 16, 7, 7), (16, 8, 3, 3)],
        device,
        nnlite.float32,
    )


@pytest.mark.parametrize("flag", ["benchmark", "deterministic"])
def test_settings_do_not_change_the_numbers(device, flag):
    x, weight, geometry = LAYERS["3x3"]
    with cudnn.flags(enabled=True, allow_tf32=False, **{flag: True}):
        for _ in range(2):
            check_function(lambda x, w: F.conv2d(x, w, **geometry), [x, weight], device, nnlite.float32)


# Attention, of 2^20 scores and more

SHAPES = [(2, 4, 384, 16), (2, 4, 344, 16), (2, 4, 344, 24)]


@pytest.mark.parametrize("dtype", [nnlite.float16, nnlite.bfloat16], ids=str)
@pytest.mark.parametrize("kind", ["all keys", "causal", "mask", "numbers", "rows that see nothing"])
def test_attention(device, dtype, kind):
    nnlite.manual_seed(1)
    rows, keys = SHAPES[0][2], SHAPES[1][2]
    seen = nnlite.rand(2, 1, rows, keys) < 0.8
    seen[..., 0] = True
    if kind == "rows that see nothing":
        seen[:, :, 5] = False
    numbers = nnlite.where(seen, nnlite.randn(seen.shape), -math.inf).to(dtype)

    def attend(q, k, v):
        mask = {"all keys": None, "causal": None, "numbers": numbers.to(q.dtype)}.get(kind, seen)
        mask = None if mask is None else mask.to(q.device)
        return F.scaled_dot_product_attention(q, k, v, mask, is_causal=kind == "causal")

    check_function(attend, SHAPES, device, dtype)


def test_dropout_of_attention_is_the_same_for_the_kernel_and_its_parts(device):
    """What backward differentiates, and what double backward does, see the same mask."""
    nnlite.manual_seed(2)
    q, k, v = (nnlite.randn(2, 2, 512, 16, device=device).half().requires_grad_() for _ in range(3))
    out = F.scaled_dot_product_attention(q, k, v, dropout_p=0.25)
    g = nnlite.randn(out.shape, device=device).half()
    once = nnlite.autograd.grad(out, (q, k, v), g, retain_graph=True)
    parts = nnlite.autograd.grad(out, (q, k, v), g, create_graph=True)
    for one, other in zip(once, parts, strict=True):
        scale = max(1.0, other.abs().max().item())
        assert (one - other).abs().max().item() < 2e-2 * scale
