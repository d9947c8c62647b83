"""conv2d: both layouts of its matrices, blocks, memory, gradients, dtypes, errors. (op_specs has the formula.)"""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from op_specs.images import conv2d as reference

import nnlite
import nnlite.nn.functional as F
from nnlite.autograd import gradcheck, gradgradcheck
from nnlite.backends.strict import forbid_synchronize
from nnlite.backends.strict.array import memory
from nnlite.ops.convolution import _columns, conv

LAYOUTS = {"by size": 8, "channels first": 1000, "channels last": 1}


def host(t):
    return t.detach().cpu().numpy()


def run(device, x, w, b, **options):
    """The output and the gradients of a certain weighted sum of it."""
    leaves = [nnlite.tensor(a, device=device, requires_grad=True) for a in (x, w, b)]
    out = F.conv2d(*leaves, **options)
    seed = np.random.default_rng(5).standard_normal(tuple(out.shape))
    out.backward(nnlite.tensor(seed, device=device))
    return [host(out), *(host(t.grad) for t in leaves)]


def draw(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in shapes]


GEOMETRIES = [
    ((3, 4, 7, 6), (4, 4, 3, 2), {}),
    ((3, 4, 7, 6), (4, 2, 3, 2), {"groups": 2, "padding": (2, 1)}),
    ((2, 3, 9, 8), (4, 3, 2, 3), {"stride": 2, "dilation": (2, 1), "padding": 1}),
    ((2, 3, 9, 8), (3, 1, 3, 3), {"stride": (1, 2), "dilation": 2, "groups": 3}),
    ((1, 2, 9, 5), (2, 2, 1, 1), {"stride": 3}),
    ((4, 2, 5, 5), (2, 2, 1, 1), {}),
    ((2, 2, 6, 6), (2, 2, 4, 3), {"padding": "same"}),
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape, kernel, options", GEOMETRIES)
def test_layouts_and_blocks(shape, kernel, options, layout, device, monkeypatch):
    """Neither the layout nor the size of the blocks shows in the result; a block may be a part of one image."""
    monkeypatch.setattr(conv, "FEW_CHANNELS", LAYOUTS[layout])
    inputs = draw(shape, kernel, kernel[:1])
    whole = run(device, *inputs, **options)
    np.testing.assert_allclose(whole[0], reference(*inputs, **options), atol=1e-12)
    for limit in (4000, 1000, 1):
        monkeypatch.setattr(_columns, "COLUMN_BYTES", limit)
        for one, other in zip(whole, run(device, *inputs, **options), strict=True):
            np.testing.assert_allclose(other, one, atol=1e-12)


@given(data=st.data())
def test_any_geometry(data, device):
    def pair(low, high):
        return data.draw(st.tuples(st.integers(low, high), st.integers(low, high)))

    groups, depth = data.draw(st.integers(1, 3)), data.draw(st.sampled_from([1, 2, 9]))
    kernel, stride, padding, dilation = pair(1, 3), pair(1, 3), pair(0, 2), pair(1, 2)
    shape = (data.draw(st.integers(1, 3)), groups * depth, *pair(1, 18))
    assume(all(n + 2 * p > d * (k - 1) for n, p, d, k in zip(shape[2:], padding, dilation, kernel, strict=True)))
    x, w, b = draw(shape, (2 * groups, depth, *kernel), (2 * groups,))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    out, gx, gw, gb = run(device, x, w, b, **options)
    np.testing.assert_allclose(out, reference(x, w, b, **options), atol=1e-12)
    # The gradients are the transposed maps: <conv(x, w), s> is linear in each of x and w.
    seed = np.random.default_rng(5).standard_normal(out.shape)
    linear = ((out - b[:, None, None]) * seed).sum()
    np.testing.assert_allclose([(gx * x).sum(), (gw * w).sum()], [linear] * 2, atol=1e-9)
    np.testing.assert_allclose(gb, seed.sum((0, 2, 3)), atol=1e-12)


@pytest.mark.parametrize("shape, kernel, options", GEOMETRIES[1:4])
def test_derivatives(shape, kernel, options, device):
    x, w, b = (nnlite.tensor(a, device=device, requires_grad=True) for a in draw((1, *shape[1:2], 4, 5), kernel, 4))
    w, b = w.detach()[:, :, :2, :2].requires_grad_(), b.detach()[: kernel[0]].requires_grad_()
    assert gradcheck(lambda *a: F.conv2d(*a, **options), (x, w, b))
    assert gradgradcheck(lambda *a: F.conv2d(*a, **options), (x, w, b))


def test_third_derivative(device):
    """The gradients are operations with gradients of their own kind, to any order."""
    x, w = (nnlite.tensor(a, device=device, requires_grad=True) for a in draw((1, 1, 3, 3), (1, 1, 2, 2)))
    out = (F.conv2d(x, w) ** 3).sum()
    for _ in range(3):
        (out,) = nnlite.autograd.grad(out, w, create_graph=True)
        out = out.sum()
    # A number times x summed over windows to the third power: 6 sum over windows of (sum over the window)^3.
    windows = [host(x)[0, 0, i : i + 2, j : j + 2].sum() for i in (0, 1) for j in (0, 1)]
    np.testing.assert_allclose(out.item(), 6 * sum(s**3 for s in windows))


def test_one_node(device):
    x, w = nnlite.ones(1, 2, 4, 4, device=device), nnlite.ones(3, 2, 2, 2, device=device, requires_grad=True)
    out = F.conv2d(x, w, nnlite.ones(3, device=device), padding="same")
    assert out.grad_fn.name() == "ConvolutionBackward0" and out.is_contiguous()
    assert out.grad_fn.next_functions[0][0] is None
    assert F.conv2d(x[0], w).grad_fn.name() == "SqueezeBackward1"
    (gw,) = nnlite.autograd.grad((out * out).sum(), w, create_graph=True)
    assert gw.grad_fn.name() == "ConvolutionBackwardBackward0"


def test_a_weight_written_before_backward_is_noticed(device):
    x, w = nnlite.ones(1, 1, 3, 3, device=device, requires_grad=True), nnlite.ones(1, 1, 2, 2, device=device)
    out = F.conv2d(x, w)
    w += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_no_synchronisation():
    x = nnlite.randn(2, 9, 6, 6, device="strict", requires_grad=True)
    w, b = (nnlite.randn(*s, device="strict", requires_grad=True) for s in ((4, 9, 3, 3), (4,)))
    with forbid_synchronize():
        F.conv2d(x, w, b, padding=1).sum().backward()
        nnlite.autograd.grad((F.conv2d(x, w, b) ** 2).sum(), (x, w), create_graph=True)[0].sum().backward()


# ---------------------------------------------------------------------------------------------------------------------
# Memory


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_more_columns_than_the_limit(layout, monkeypatch):
    """On a device without a cache to keep to, the temporary arrays for 77 to 230 MB of columns stay below the limit."""
    monkeypatch.setattr(conv, "FEW_CHANNELS", LAYOUTS[layout])
    x, w = nnlite.ones(100, 4, 128, 128, device="strict"), nnlite.ones(2, 4, 3, 3, device="strict")
    before = memory.live
    memory.peak = before
    out = F.conv2d(x, w)
    assert memory.live - before == out.nbytes
    assert memory.peak - before - out.nbytes < 48 << 20


def test_columns_are_not_kept():
    """Between forward and backward there is the output, and nothing else of its size."""
    x, w = nnlite.ones(8, 4, 64, 64), nnlite.ones(4, 4, 5, 5, requires_grad=True)
    F.conv2d(x, w, padding=2)  # compiled kernels keep workspace
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        out = F.conv2d(x, w, padding=2)
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert out.nbytes <= held < 1.1 * out.nbytes


def test_blocks_stay_in_the_cache_of_the_cpu():
    x, w = nnlite.ones(64, 4, 64, 64), nnlite.ones(4, 4, 3, 3)
    F.conv2d(x, w)
    tracemalloc.start()
    try:
        out = F.conv2d(x, w)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - out.nbytes < 4 << 20  # the whole matrix has 13 MB


# ---------------------------------------------------------------------------------------------------------------------
# Inputs


SIXTEEN = pytest.mark.parametrize("kind", [nnlite.float16, nnlite.bfloat16])


@SIXTEEN
@pytest.mark.parametrize(
    "shape, width",
    [((4096, 1, 1), 1), ((1, 64, 64), 64), ((8, 2500, 1), 1), ((8, 2500, 1), 16)],
    ids=["channels", "kernel", "channels last", "channels first"],
)
def test_16_bits_are_added_in_float32(kind, shape, width, device):
    """In float16 2048 + 1 is 2048 again, in bfloat16 256 + 1 is 256: also where windows are added one by one."""
    x = nnlite.ones(1, *shape[:2], width, dtype=kind, device=device, requires_grad=True)
    w = nnlite.full((1, *shape), 0.125 if shape[0] == 8 else 1.0, dtype=kind, device=device, requires_grad=True)
    out = F.conv2d(x, w)
    want = nnlite.tensor(float(np.prod(shape)) * w.flatten()[0].item(), dtype=kind).item()
    assert out.dtype is kind and set(out.flatten().tolist()) == {want}
    out.sum().backward()
    assert x.grad.dtype is w.grad.dtype is kind


@SIXTEEN
def test_16_bit_gradients_are_added_in_float32(kind, device):
    """Over images as over positions; the sum over images alone has one digit too many."""
    images = 2049 if kind is nnlite.float16 else 257
    x = nnlite.ones(images, 1, 1, 3, dtype=kind, device=device)
    w, b = (nnlite.ones(*s, dtype=kind, device=device, requires_grad=True) for s in ((1, 1, 1, 1), (1,)))
    F.conv2d(x, w, b).sum().backward()
    want = nnlite.tensor(3.0 * images, dtype=kind).item()
    assert want != 3 * (images - 1)
    assert w.grad.item() == b.grad.item() == want


@pytest.mark.parametrize("kind", [nnlite.int64, nnlite.uint8])
def test_integers(kind, device):
    x = nnlite.arange(16, device=device).reshape(1, 1, 4, 4).to(kind)
    out = F.conv2d(x, nnlite.ones(1, 1, 2, 2, dtype=kind, device=device), stride=2)
    assert out.dtype is kind and out.tolist() == [[[[10, 18], [42, 50]]]]


def test_gradients_that_repeat_in_memory(device):
    """The gradient of a sum is one number seen everywhere."""
    x, w, b = draw((2, 9, 5, 5), (2, 9, 3, 3), 2)
    leaves = [nnlite.tensor(a, device=device, requires_grad=True) for a in (x, w, b)]
    F.conv2d(*leaves).sum().backward()
    ones = np.ones((2, 2, 3, 3))
    again = [nnlite.tensor(a, device=device, requires_grad=True) for a in (x, w, b)]
    F.conv2d(*again).backward(nnlite.tensor(ones, device=device))
    for one, other in zip(leaves, again, strict=True):
        np.testing.assert_allclose(host(one.grad), host(other.grad))


def test_what_the_stride_leaves_out_has_no_gradient(device):
    x = nnlite.ones(1, 1, 6, 6, device=device, requires_grad=True)
    F.conv2d(x, nnlite.ones(1, 1, 2, 2, device=device), stride=4).sum().backward()
    kept = np.array([1, 1, 0, 0, 1, 1])
    assert x.grad[0, 0].tolist() == np.outer(kept, kept).tolist()


X, W = (1, 2, 5, 5), (4, 2, 3, 3)


@pytest.mark.parametrize(
    "shape, weight, options, message",
    [
        ((5, 5), W, {}, r"Expected 3D \(unbatched\) or 4D \(batched\) input to conv2d, but got input of "
         r"size: \[5, 5\]"),
        (X, (4, 2, 3), {}, r"expected a weight of 4 dimensions .* got weight of size \[4, 2, 3\]"),
        (X, (4, 3, 3, 3), {}, r"Given groups=1, weight of size \[4, 3, 3, 3\], expected input\[1, 2, 5, 5\] to have 3 "
         "channels, but got 2 channels instead"),
        (X, (4, 2, 3, 3), {"groups": 2}, "to have 4 channels, but got 2 channels"),
        (X, (3, 1, 3, 3), {"groups": 2}, r"expected weight to be divisible by 2 at dimension 0, .* \[\[3, 1, 3, 3\]\]"),
        (X, (1, 1, 3, 3), {"groups": 2}, "expected weight to be at least 2 at dimension 0"),
        (X, W, {"groups": 0}, "non-positive groups is not supported"),
        (X, W, {"stride": 0}, "non-positive stride is not supported"),
        (X, W, {"stride": (1, 1, 1)}, r"expected stride to be a single integer value or a list of 2 .*\[1, 1, 1\]"),
        (X, W, {"padding": -1}, "negative padding is not supported"),
        (X, W, {"padding": "full"}, "Invalid padding string: 'full'"),
        (X, W, {"padding": "same", "stride": 2}, "padding='same' is not supported for strided convolutions"),
        (X, W, {"dilation": 0}, "dilation should be greater than zero"),
        (X, (4, 2, 6, 3), {}, r"padded input size per channel: \(5 x 5\). Kernel size: \(6 x 3\). Kernel size can't be "
         "greater than actual input size"),
        (X, W, {"dilation": (1, 4), "padding": (0, 1)}, r"\(5 x 7\). Kernel size: \(3 x 9\)"),
        (X, (4, 2, 0, 3), {}, "kernel size should be greater than zero"),
        ((1, 2, 0, 5), W, {"padding": 2}, "Only zero batch or zero channel inputs are supported"),
        (X, W, {"bias": (3,)}, r"expected bias to be 1-dimensional with 4 elements, but got bias of size \[3\]"),
        (X, W, {"bias": (4, 1)}, "expected bias to be 1-dimensional"),
    ],
)  # fmt: skip
def test_sizes_that_do_not_fit(shape, weight, options, message, device):
    if "bias" in options:
        options = options | {"bias": nnlite.ones(*options["bias"], device=device)}
    with pytest.raises(RuntimeError, match=message):
        F.conv2d(nnlite.ones(*shape, device=device), nnlite.ones(*weight, device=device), **options)


def test_types_that_do_not_fit(device):
    x, w = nnlite.ones(*X, device=device), nnlite.ones(*W, device=device)
    for given_, what in (
        (([1.0], w), r"argument .\w+. \(position 1\) must be Tensor, not list"),
        ((x, w, 1.0), "argument 3 must be Tensor"),
    ):
        with pytest.raises(TypeError, match=what):
            F.conv2d(*given_)
    with pytest.raises(TypeError, match=r"'stride' .*must be tuple of ints, not float"):
        F.conv2d(x, w, stride=1.0)
    with pytest.raises(TypeError, match="'groups' must be int, not float"):
        F.conv2d(x, w, groups=1.0)
    with pytest.raises(RuntimeError, match=r"Input type \(float\) and weight type \(double\) should be the same"):
        F.conv2d(x, w.double())
    with pytest.raises(RuntimeError, match=r"Input type \(float\) and bias type \(c10::Half\) should be the same"):
        F.conv2d(x, w, nnlite.ones(4, device=device).half())
    with pytest.raises(NotImplementedError, match="not implemented for 'Bool'"):
        F.conv2d(x.bool(), w.bool())


def test_complex_numbers(device):
    x, w = (nnlite.randn(*shape, device=device, dtype=nnlite.complex64) for shape in (X, W))
    out = F.conv2d(x, w)
    real = F.conv2d(x.real, w.real) - F.conv2d(x.imag, w.imag)
    np.testing.assert_allclose(out.real.cpu().numpy(), real.cpu().numpy(), rtol=1e-4, atol=1e-5)


def test_devices_that_do_not_fit():
    with pytest.raises(RuntimeError, match=r"same device.* cpu and strict.*\.to\("):
        F.conv2d(nnlite.ones(*X), nnlite.ones(*W, device="strict"))
    with pytest.raises(RuntimeError, match="same device"):
        F.conv2d(nnlite.ones(*X), nnlite.ones(*W), nnlite.ones(4, device="strict"))
