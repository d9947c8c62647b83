"""max_pool2d: which number counts, where it was, gradients, dtypes, errors. (op_specs has the formula.)"""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from op_specs.images import max_pool2d as reference

import nnlite
import nnlite.nn.functional as F
from nnlite.autograd import gradcheck, gradgradcheck
from nnlite.backends.strict import forbid_synchronize

NAN, INF = math.nan, math.inf


def host(t):
    return t.detach().cpu().numpy()


@given(data=st.data())
def test_any_geometry(data, device):
    """Values, positions and gradients, for windows that overlap, leave gaps and reach out of the input."""

    def pair(low, high):
        return data.draw(st.tuples(st.integers(low, high), st.integers(low, high)))

    kernel, stride, dilation = pair(1, 3), pair(1, 3), pair(1, 2)
    padding = data.draw(st.tuples(*(st.integers(0, k // 2) for k in kernel)))
    sizes, ceil = pair(1, 8), data.draw(st.booleans())
    assume(all(n + 2 * p > d * (k - 1) for n, p, d, k in zip(sizes, padding, dilation, kernel, strict=True)))
    # Some windows then have no position on the input.
    assume(all(p == 0 or n > d - p for n, p, d in zip(sizes, padding, dilation, strict=True)))
    shape = (*data.draw(st.sampled_from([(2,), (1, 2), (2, 3)])), *sizes)
    rng = np.random.default_rng(len(shape))
    array = rng.integers(0, 4, shape).astype(float)  # many equal numbers
    x = nnlite.tensor(array, device=device, requires_grad=True)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil}
    values, indices = F.max_pool2d(x, kernel, return_indices=True, **options)
    want, places = reference(array, kernel, return_indices=True, **options)
    assert indices.dtype is nnlite.int64 and not indices.requires_grad
    np.testing.assert_array_equal(host(values), want)
    np.testing.assert_array_equal(host(indices), places)
    np.testing.assert_array_equal(host(F.max_pool2d(x.detach(), kernel, **options)), want)
    g = rng.standard_normal(want.shape)
    gx = np.zeros((math.prod(shape[:-2]), math.prod(sizes)))
    for plane, (spots, numbers) in enumerate(zip(places.reshape(len(gx), -1), g.reshape(len(gx), -1), strict=True)):
        np.add.at(gx[plane], spots, numbers)
    for out in (values, F.max_pool2d(x, kernel, **options)):
        x.grad = None
        out.backward(nnlite.tensor(g, device=device))
        np.testing.assert_allclose(host(x.grad), gx.reshape(shape), atol=1e-12)


@pytest.mark.parametrize(
    "window, place",
    [
        ([1.0, 3.0, 3.0, 2.0], 1),
        ([0.0, 0.0, 0.0, 0.0], 0),
        ([-0.0, 0.0, 0.0, 0.0], 0),
        ([-INF, -INF, -INF, -INF], 0),
        ([NAN, 1.0, NAN, 2.0], 2),
        ([5.0, NAN, 1.0, 9.0], 1),
        ([1.0, INF, NAN, INF], 2),
    ],
)
def test_which_number_counts(window, place, device):
    """The first of equal ones, the last NaN."""
    x = nnlite.tensor(window, device=device, requires_grad=True)
    values, indices = F.max_pool2d(x.reshape(1, 2, 2), 2, return_indices=True)
    np.testing.assert_array_equal(values.item(), window[place])
    assert indices.item() == place
    values.backward(nnlite.ones(1, 1, 1, device=device))
    assert x.grad.tolist() == [float(i == place) for i in range(4)]
    np.testing.assert_array_equal(F.max_pool2d(x.detach().reshape(1, 2, 2), 2).item(), window[place])


def test_what_is_around_the_input_never_counts(device):
    x = nnlite.full((1, 3, 3), -INF, device=device, requires_grad=True)
    values, indices = F.max_pool2d(x, 3, 2, 1, return_indices=True)
    assert values.tolist() == [[[-INF] * 2] * 2]
    assert indices.tolist() == [[[0, 1], [3, 4]]]
    low = nnlite.full((1, 2, 2), -128, dtype=nnlite.int8, device=device)
    assert F.max_pool2d(low, 2, 1, 1, return_indices=True)[1].tolist() == [[[0, 0, 1], [0, 0, 1], [2, 2, 3]]]


@pytest.mark.parametrize(
    "kind", [nnlite.float16, nnlite.bfloat16, nnlite.float32, nnlite.int64, nnlite.int16, nnlite.uint8]
)
def test_dtypes(kind, device):
    x = nnlite.tensor([[[1, 7, 3, 4], [5, 6, 8, 2]]], dtype=kind, device=device)
    if kind.is_floating_point:
        x.requires_grad_()
    out = F.max_pool2d(x, 2)
    assert out.dtype is kind and out.tolist() == [[[7, 8]]]
    if kind.is_floating_point:
        (out * out).sum().backward()
        assert x.grad.dtype is kind and x.grad.tolist() == [[[0, 14, 0, 0], [0, 0, 16, 0]]]


def test_large_integers_are_compared_exactly(device):
    big = 2**53
    x = nnlite.tensor([[[big, big + 1]]], device=device)
    assert F.max_pool2d(x, (1, 2)).item() == big + 1


@pytest.mark.parametrize(
    "options", [{}, {"stride": 1}, {"padding": 1, "stride": 2}, {"dilation": 2}, {"ceil_mode": True}]
)
def test_derivatives(options, device):
    array = np.random.default_rng(0).permutation(2 * 5 * 5).reshape(2, 5, 5) / 8
    x = nnlite.tensor(array, device=device, requires_grad=True)
    assert gradcheck(lambda x: F.max_pool2d(x, 2, **options), x)
    assert gradgradcheck(lambda x: F.max_pool2d(x, 2, **options) ** 2, x)
    assert gradgradcheck(lambda x: F.max_pool2d(x, 2, return_indices=True, **options)[0] ** 3, x)


def test_windows_of_many_places(device):
    """More places than a byte can number."""
    array = np.random.default_rng(0).permutation(2 * 20 * 20).reshape(1, 2, 20, 20).astype(float)
    x = nnlite.tensor(array, device=device, requires_grad=True)
    values, indices = F.max_pool2d(x, 20, return_indices=True)
    assert values.flatten().tolist() == array.max((2, 3)).ravel().tolist()
    assert indices.flatten().tolist() == array.reshape(2, -1).argmax(1).tolist()
    values.sum().backward()
    assert (host(x.grad) == (array == array.max((2, 3), keepdims=True))).all()


def test_infinite_gradients_stay_where_they_belong(device):
    x = nnlite.tensor([[[1.0, 2.0], [3.0, 4.0]]], device=device, requires_grad=True)
    for options in ({}, {"stride": 1, "padding": 1}):
        x.grad = None
        out = F.max_pool2d(x, 2, **options)
        out.backward(nnlite.full(out.shape, INF, device=device))
        assert not bool(x.grad.isnan().any()) and x.grad[0, 1, 1].item() == INF


def test_nodes(device):
    x = nnlite.ones(1, 2, 2, device=device, requires_grad=True)
    out = F.max_pool2d(x, 2)
    values, indices = F.max_pool2d(x, 2, return_indices=True)
    assert out.grad_fn.name() == values.grad_fn.name() == "MaxPool2DWithIndicesBackward0"
    assert indices.grad_fn is None and out.is_contiguous()


def test_the_input_may_be_written_afterwards(device):
    """Backward needs the places alone."""
    x = nnlite.tensor([[[1.0, 2.0], [3.0, 4.0]]], device=device, requires_grad=True)
    y = x * 1
    out = F.max_pool2d(y, 2)
    with nnlite.no_grad():
        y.zero_()
    out.sum().backward()
    assert x.grad.tolist() == [[[0, 0], [0, 1]]]


def test_no_synchronisation():
    x = nnlite.randn(2, 3, 7, 7, device="strict", requires_grad=True)
    with forbid_synchronize():
        F.max_pool2d(x, 3, 2, 1, ceil_mode=True).sum().backward()
        F.max_pool2d(x, 2, return_indices=True)
        F.max_pool2d(x.detach(), 2)


def test_a_byte_for_each_output_is_kept():
    x = nnlite.ones(8, 4, 64, 64, requires_grad=True)
    F.max_pool2d(x, 2)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        out = F.max_pool2d(x, 2)
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held < out.nbytes + 1.2 * out.numel()


@pytest.mark.parametrize(
    "shape, kernel, options, message",
    [
        ((4, 4), 2, {}, r"non-empty 3D or 4D \(batch mode\) tensor expected for input"),
        ((1, 0, 4, 4), 2, {}, r"optional 0 dim batch size for input, but got:\[1, 0, 4, 4\]"),
        ((1, 4, 4), (2, 2, 2), {}, "max_pool2d: kernel_size must either be a single int, or a tuple of two ints"),
        ((1, 4, 4), 2, {"stride": (1, 1, 1)}, "stride must either be omitted, a single int, or a tuple of two ints"),
        ((1, 4, 4), 2, {"padding": (1, 1, 1)}, "padding must either be a single int, or a tuple of two ints"),
        ((1, 4, 4), 2, {"stride": 0}, "stride should not be zero"),
        ((1, 4, 4), 2, {"stride": -1}, "stride should be greater than zero, but got dH: -1 dW: -1"),
        ((1, 4, 4), 0, {"stride": 1}, "kernel size should be greater than zero, but got kH: 0 kW: 0"),
        ((1, 4, 4), 2, {"dilation": 0}, "dilation should be greater than zero, but got dilationH: 0 dilationW: 0"),
        (
            (1, 4, 4),
            2,
            {"padding": 2},
            "pad should be at most half of effective kernel size, but got pad=2, kernel_size=2",
        ),
        ((1, 6, 6), 3, {"padding": 2, "dilation": 2}, "pad should be smaller than or equal to half of kernel size"),
        ((1, 4, 4), 2, {"padding": -1}, "pad must be non-negative, but got pad: -1"),
        ((3, 1, 4), 2, {}, r"Given input size: \(3x1x4\). Calculated output size: \(3x0x2\). Output size is too small"),
    ],
)
def test_sizes_that_do_not_fit(shape, kernel, options, message, device):
    with pytest.raises(RuntimeError, match=message):
        F.max_pool2d(nnlite.ones(*shape, device=device), kernel, **options)


def test_types_that_do_not_fit(device):
    x = nnlite.ones(1, 4, 4, device=device)
    with pytest.raises(TypeError, match=r"argument .input. \(position 1\) must be Tensor, not list"):
        F.max_pool2d([1.0], 2)
    with pytest.raises(TypeError, match=r"'kernel_size' \(position 2\) must be tuple of ints, not float"):
        F.max_pool2d(x, 2.0)
    with pytest.raises(NotImplementedError, match="\"max_pool2d\" not implemented for 'Bool'"):
        F.max_pool2d(x.bool(), 2)
