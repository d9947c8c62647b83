"""Convolution on CUDA without cuDNN: columns and products of matrices, and kernels of one channel."""

from __future__ import annotations

import numpy as np
import pytest
from on_emulator import ANY_KIND, check, needs_compiler, numbers, run, taken

from nnlite.backends.cupy import convolution, windows

pytestmark = needs_compiler

# Images (N, C, *sizes), weight (O, C / groups, *kernel), stride, padding, dilation, groups
CASES = {
    "one axis": ((2, 3, 9), (4, 3, 3), (1,), ((1, 1),), (1,), 1),
    "uneven padding": ((2, 3, 9), (4, 3, 4), (2,), ((1, 2),), (1,), 1),
    "two axes": ((2, 3, 7, 6), (5, 3, 3, 2), (2, 1), ((1, 1), (0, 1)), (1, 2), 1),
    "groups": ((2, 6, 5, 5), (4, 3, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 2),
    "three axes": ((2, 4, 4, 5, 3), (6, 2, 2, 3, 2), (1, 2, 1), ((0, 0), (1, 1), (1, 0)), (1, 1, 2), 2),
    "one tap": ((3, 4, 5, 7), (6, 4, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "one tap, few positions": ((3, 4, 5, 4), (6, 4, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "one tap, step 2": ((3, 4, 5, 4), (6, 4, 1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1), 1),
    "one image": ((1, 4, 5, 4), (6, 4, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "depthwise": ((2, 5, 7, 6), (5, 1, 3, 3), (2, 1), ((1, 1), (1, 1)), (1, 2), 5),
    "depthwise, two each": ((2, 3, 7), (6, 1, 3), (1,), ((2, 0),), (1,), 3),
    "one channel": ((3, 1, 6, 6), (4, 1, 3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "one place": ((5, 3, 1, 1), (4, 3, 1, 1), (2, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "one position": ((4, 3, 3, 3), (5, 3, 3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "padding beyond the image": ((2, 2, 2, 3), (3, 2, 2, 2), (3, 3), ((4, 5), (3, 3)), (1, 2), 1),
}
ANY_CASE = pytest.mark.parametrize("case", list(CASES.values()), ids=list(CASES))


def check_all(case, kind="float32", bias=True, loose=4.0):
    shape, of_weight, stride, padding, dilation, groups = case
    attributes = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x, weight = numbers(kind, *shape), numbers(kind, *of_weight, seed=1)
    b = numbers(kind, of_weight[0], seed=2) if bias else None
    (out,) = check("convolution", x, weight, b, kind=kind, loose=loose, **attributes)
    g = numbers(kind, *out.shape, seed=3)
    check("convolution_input", g, weight, kind=kind, loose=loose, sizes=shape[2:], **attributes)
    check("convolution_weight", x, g, kind=kind, loose=loose, kernel=of_weight[2:], **attributes)


@ANY_CASE
@ANY_KIND
def test_convolution_and_its_gradients(case, kind):
    check_all(case, kind)


@ANY_CASE
def test_without_bias(case):
    check_all(case, bias=False)


@ANY_CASE
def test_64_bit_counts(case, monkeypatch):
    """The kernels that large arrays take give the same."""
    monkeypatch.setattr(convolution, "counter", lambda *sizes: "int64")
    check_all(case)


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
@pytest.mark.parametrize("workspace", [1, 2000, 9000])
def test_columns_in_slices(workspace, kind, monkeypatch):
    """Slices of positions (images for the gradient of the input, and of channels where one image is too much)."""
    monkeypatch.setattr(convolution, "WORKSPACE", workspace)
    monkeypatch.setattr(convolution, "ALIGNED", 8)
    for name in ("two axes", "groups", "three axes", "one image"):
        check_all(CASES[name], kind, loose=8)


@pytest.mark.parametrize("name", ["one tap", "one place", "one position"])
def test_no_columns_where_images_are_columns(name, monkeypatch):
    def refuse(*arguments, **more):
        raise AssertionError("columns were made")

    monkeypatch.setattr(convolution, "_start", refuse)
    shape, of_weight, stride, padding, dilation, groups = CASES[name]
    attributes = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x, weight = numbers("float32", *shape), numbers("float32", *of_weight)
    (out,) = run("convolution", x, weight, None, **attributes)
    run("convolution_input", out, weight, sizes=shape[2:], **attributes)
    if name != "one tap":
        run("convolution_weight", x, out, kernel=of_weight[2:], **attributes)


def test_a_slice_never_takes_more_than_the_workspace(monkeypatch):
    monkeypatch.setattr(convolution, "WORKSPACE", 1 << 14)
    shape, of_weight, *rest = CASES["groups"]
    sizes = convolution._Sizes((9, *shape[1:]), of_weight, *rest, 4)
    slices = list(sizes.slices())
    assert len(slices) > 1
    assert all(count * sizes.channels * sizes.taps * 4 <= 1 << 14 for _, count in slices)
    assert all(count % convolution.ALIGNED == 0 for _, count in slices[:-1])
    ends = [first + count for first, count in slices]
    assert [first for first, _ in slices] == [0, *ends[:-1]]
    assert ends[-1] == 9 * sizes.positions


def test_many_outputs_of_one_channel_go_by_matrices(monkeypatch):
    monkeypatch.setattr(convolution, "MOST_SUMS", 8)
    check_all(CASES["one channel"])
    check_all(CASES["depthwise"])


@pytest.mark.parametrize("name", ["two axes", "depthwise"])
def test_layouts(name):
    shape, of_weight, stride, padding, dilation, groups = CASES[name]
    attributes = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x = numbers("float32", *shape[::-1]).T
    weight = numbers("float32", *of_weight)[::-1]
    (out,) = check("convolution", x, weight, None, kind="float32", loose=4, **attributes)
    g = np.broadcast_to(numbers("float32", 1), out.shape)
    check("convolution_input", g, weight, kind="float32", loose=4, sizes=shape[2:], **attributes)
    check("convolution_weight", x, g, kind="float32", loose=4, kernel=of_weight[2:], **attributes)


def test_places_of_the_input_that_no_window_meets():
    """The transposed convolution may have more of them at the end."""
    g, weight = numbers("float32", 2, 3, 2, 2), numbers("float32", 3, 2, 2, 2)
    attributes = {"stride": (3, 3), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    (gx,) = check("convolution_input", g, weight, kind="float32", loose=4, sizes=(7, 6), **attributes)
    assert not gx[:, :, 2].any() and not gx[:, :, 6].any()


def test_what_is_not_finite_stays_where_it_is():
    shape, of_weight, stride, padding, dilation, groups = CASES["depthwise"]
    x = numbers("float32", *shape)
    x[0, 0, 3, 3], x[1, 2, 0, 0] = np.nan, np.inf
    attributes = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    check("convolution", x, numbers("float32", *of_weight), None, kind="float32", loose=4, **attributes)


def test_what_is_left_to_the_generic_body():
    attributes = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,), "groups": 1}
    x, weight = np.zeros((2, 3, 4), np.float32), np.zeros((5, 3, 2), np.float32)
    takes = convolution._takes_convolution  # that of the kernel under any other
    assert takes(x, weight, None, **attributes)
    assert not takes(x[:0], weight, None, **attributes)
    assert not takes(x.astype(np.int64), weight.astype(np.int64), None, **attributes)
    assert not takes(x, weight, None, **{**attributes, "stride": (windows.NARROW,)})


@ANY_KIND
@pytest.mark.parametrize(
    "sizes, kernel, dilation, padding, stride",
    [
        ((5, 6), (3, 2), (1, 2), (1, 0), (2, 1)),
        ((4, 4), (2, 2), (1, 1), (0, 0), (2, 2)),
        ((3, 7), (1, 3), (1, 1), (0, 1), (1, 3)),
        ((2, 2), (5, 5), (1, 1), (3, 3), (2, 2)),
    ],
)
def test_folding(sizes, kernel, dilation, padding, stride, kind):
    x = numbers(kind, 2, 3, *sizes)
    attributes = {"kernel": kernel, "dilation": dilation, "padding": padding, "stride": stride}
    (columns,) = check("im2col", x, kind=kind, **attributes)
    check("col2im", columns, kind=kind, sizes=sizes, **attributes)
    check("im2col", x.transpose(0, 1, 3, 2)[:, ::-1], kind=kind, **attributes)
    assert not taken("im2col", x[:0], **attributes)
