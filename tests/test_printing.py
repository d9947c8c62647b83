"""The text of tensors. The expected texts are what PyTorch 2.13 prints."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

import nnlite
from nnlite import nn
from nnlite._printing import format_array, get_printoptions, printoptions, set_printoptions

INF, NAN = math.inf, math.nan


@pytest.fixture(autouse=True)
def _default_options():
    yield
    set_printoptions(profile="default")


def with_device(text, device):
    """``text`` of a tensor on the CPU as it is on ``device``: the device comes first after the numbers."""
    if device == "cpu":
        return text
    name = str(nnlite.zeros(0, device=device).device)
    end = text.rindex("]") + 1 if "]" in text else len(text) - 1
    return f"{text[:end]}, device='{name}'{text[end:]}"


NUMBERS = [
    ([1.0, 2.0], "float32", "[1., 2.]"),
    ([0.0, -0.0], "float32", "[0., -0.]"),
    ([1.0, -10.0], "float32", "[  1., -10.]"),
    (3.0, "float32", "3."),
    (-0.5, "float32", "-0.5000"),
    ([100000000.0, 1000000.0], "float32", "[100000000.,   1000000.]"),
    ([100000000.0, 1.0], "float32", "[1.0000e+08, 1.0000e+00]"),
    ([1000000000.0, 1000000000.0], "float32", "[1.0000e+09, 1.0000e+09]"),
    ([1000.0, 1.0], "float32", "[1000.,    1.]"),
    ([1001.0, 1.0], "float32", "[1.0010e+03, 1.0000e+00]"),
    ([0.5, 1.0], "float32", "[0.5000, 1.0000]"),
    ([1000.0, 0.5], "float32", "[1.0000e+03, 5.0000e-01]"),
    ([0.0001, 0.001], "float32", "[1.0000e-04, 1.0000e-03]"),
    ([0.0001, 0.001], "float64", "[0.0001, 0.0010]"),
    ([1e-05, 0.001], "float32", "[1.0000e-05, 1.0000e-03]"),
    ([0.1, -12.5], "float32", "[  0.1000, -12.5000]"),
    ([0.0, 0.5], "float32", "[0.0000, 0.5000]"),
    ([NAN, 1.0], "float32", "[nan, 1.]"),
    ([NAN, INF, -INF], "float32", "[nan, inf, -inf]"),
    ([0.0, NAN, -INF], "float32", "[0., nan, -inf]"),
    ([1.5, NAN, -INF], "float32", "[1.5000,    nan,   -inf]"),
    ([10000000000.0, NAN, -INF, 0.0], "float32", "[1.0000e+10,        nan,       -inf, 0.0000e+00]"),
    ([1e-45, 0.0], "float32", "[1.4013e-45, 0.0000e+00]"),
    ([3.4e38], "float32", "[3.4000e+38]"),
    ([1e308, 1e-308], "float64", "[1.0000e+308, 1.0000e-308]"),
    ([0.1], "float16", "[0.1000]"),
    ([65504.0, 1.0], "float16", "[6.5504e+04, 1.0000e+00]"),
    ([0.1, 100.0], "bfloat16", "[  0.1001, 100.0000]"),
    ([0.3333333333333333], "float64", "[0.3333]"),
    ([1, -100], "int64", "[   1, -100]"),
    (7, "int64", "7"),
    ([0, 255], "uint8", "[  0, 255]"),
    ([-128, 127], "int8", "[-128,  127]"),
    ([9223372036854775807, -9223372036854775808], "int64", "[ 9223372036854775807, -9223372036854775808]"),
    ([True, False], "bool", "[ True, False]"),
    (True, "bool", "True"),
    ([False], "bool", "[False]"),
    ([(1 + 2j), (-3 - 4.5j)], "complex64", "[ 1.+2.0000j, -3.-4.5000j]"),
    ((1 - 2j), "complex64", "1.-2.j"),
    ([1e-08 + 1j, complex(NAN, INF)], "complex64", "[1.0000e-08+1.j,        nan+infj]"),
    ([(0.5 + 1j), (1 - 0.25j)], "complex128", "[0.5000+1.0000j, 1.0000-0.2500j]"),
    ([[1.0, 2.5], [-3.0, 4.0]], "float32", "[[ 1.0000,  2.5000],\n        [-3.0000,  4.0000]]"),
    (
        [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
        "int64",
        "[[[1, 2],\n         [3, 4]],\n\n        [[5, 6],\n         [7, 8]]]",
    ),
    ([[[[1]]]], "int64", "[[[[1]]]]"),
]


@pytest.mark.parametrize(("values", "dtype", "text"), NUMBERS)
def test_numbers(values, dtype, text, device):
    t = nnlite.tensor(values, dtype=getattr(nnlite, dtype), device=device)
    shown = "" if dtype in ("float32", "int64", "bool", "complex64") else f", dtype=torch.{dtype}"
    where = "" if device == "cpu" else f", device='{t.device}'"
    with printoptions(linewidth=120):
        assert repr(t) == str(t) == f"tensor({text}{where}{shown})"


@pytest.mark.parametrize(
    ("shape", "dtype", "text"),
    [
        ((0,), "float32", "tensor([])"),
        ((0, 3), "float32", "tensor([], size=(0, 3))"),
        ((2, 0), "int64", "tensor([], size=(2, 0), dtype=torch.int64)"),
        ((0,), "int32", "tensor([], dtype=torch.int32)"),
        ((1, 0), "complex64", "tensor([], size=(1, 0), dtype=torch.complex64)"),
    ],
)
def test_empty(shape, dtype, text, device):
    assert repr(nnlite.zeros(shape, dtype=getattr(nnlite, dtype), device=device)) == with_device(text, device)


def test_rows_and_blocks():
    assert repr(nnlite.zeros(2, 1, 2, 2)) == (
        "tensor([[[[0., 0.],\n          [0., 0.]]],\n\n\n        [[[0., 0.],\n          [0., 0.]]]])"
    )


def test_long_lines_are_broken():
    assert repr(nnlite.arange(30)) == (
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
        "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])"
    )


def test_large_tensors_are_summarised(device):
    assert repr(nnlite.arange(2000, device=device)) == with_device(
        "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])", device
    )
    assert repr(nnlite.arange(1200.0, device=device).reshape(400, 3)) == with_device(
        "tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00],\n"
        "        [3.0000e+00, 4.0000e+00, 5.0000e+00],\n"
        "        [6.0000e+00, 7.0000e+00, 8.0000e+00],\n"
        "        ...,\n"
        "        [1.1910e+03, 1.1920e+03, 1.1930e+03],\n"
        "        [1.1940e+03, 1.1950e+03, 1.1960e+03],\n"
        "        [1.1970e+03, 1.1980e+03, 1.1990e+03]])",
        device,
    )
    assert "..." not in repr(nnlite.arange(1000, device=device))


def test_wide_rows_are_summarised_and_broken():
    assert repr(nnlite.arange(2000.0).reshape(2, 1000)) == (
        "tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 9.9700e+02, 9.9800e+02,\n"
        "         9.9900e+02],\n"
        "        [1.0000e+03, 1.0010e+03, 1.0020e+03,  ..., 1.9970e+03, 1.9980e+03,\n"
        "         1.9990e+03]])"
    )


def test_only_the_edges_of_a_large_tensor_are_copied(device):
    t = nnlite.zeros(400, 300, 50, device=device)
    repr(t)
    tracemalloc.start()
    repr(t)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < t.numel() * t.element_size() / 10


def test_gradients_are_told(device):
    w = nnlite.ones(2, requires_grad=True, device=device)
    assert repr(w) == with_device("tensor([1., 1.], requires_grad=True)", device)
    assert repr(w * 2) == with_device("tensor([2., 2.], grad_fn=<MulBackward0>)", device)
    assert repr(w.detach()) == with_device("tensor([1., 1.])", device)


def test_parameter(device):
    p = nn.Parameter(nnlite.ones(2, device=device))
    assert repr(p) == "Parameter containing:\n" + with_device("tensor([1., 1.], requires_grad=True)", device)


def test_notes_go_to_a_new_line_where_they_do_not_fit():
    w = nnlite.zeros(0, 3, 4, 5, dtype=nnlite.float64, requires_grad=True)
    set_printoptions(linewidth=30)
    assert repr(w) == "tensor([], size=(0, 3, 4, 5),\n       dtype=torch.float64,\n       requires_grad=True)"


def test_default_dtype_goes_without_saying():
    nnlite.set_default_dtype(nnlite.float64)
    try:
        assert repr(nnlite.ones(1)) == "tensor([1.])"
        assert repr(nnlite.ones(1, dtype=nnlite.float32)) == "tensor([1.], dtype=torch.float32)"
        assert repr(nnlite.ones(1, dtype=nnlite.complex128)) == "tensor([1.+0.j])"
    finally:
        nnlite.set_default_dtype(nnlite.float32)


def test_subclass_prints_its_name():
    class Image(nnlite.Tensor):
        pass

    assert (
        repr(nnlite.Tensor._make_subclass(Image, nnlite.tensor([[1, 2], [3, 4]]))) == "Image([[1, 2],\n       [3, 4]])"
    )


def test_inside_text():
    assert f"{nnlite.tensor(3.14159):.2f}" == "3.14"
    assert f"{nnlite.tensor([1.5])}" == "tensor([1.5000])"
    assert str([nnlite.tensor(2)]) == "[tensor(2)]"


X = np.array([1.23456, 100000.0, NAN])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "[1.2346e+00, 1.0000e+05,        nan]"),
        ({"precision": 2}, "[1.23e+00, 1.00e+05,      nan]"),
        ({"sci_mode": False}, "[     1.2346, 100000.0000,         nan]"),
        ({"precision": 1, "sci_mode": True}, "[1.2e+00, 1.0e+05,     nan]"),
        ({"linewidth": 20}, "[1.2346e+00,\n 1.0000e+05,\n        nan]"),
        ({"threshold": 2, "edgeitems": 1}, "[1.2346,  ...,    nan]"),
        ({"threshold": 2, "edgeitems": 0}, "[...]"),
        ({"profile": "short"}, "[1.23e+00, 1.00e+05,      nan]"),
    ],
)
def test_options(options, text):
    set_printoptions(**options)
    assert format_array(X) == text


def test_options_stay_and_go_back():
    with printoptions(precision=2, threshold=5):
        assert get_printoptions()["precision"] == 2
        with pytest.raises(ZeroDivisionError), printoptions(profile="full"):
            assert get_printoptions()["threshold"] == INF
            raise ZeroDivisionError
        assert get_printoptions() == {
            "precision": 2,
            "threshold": 5,
            "edgeitems": 3,
            "linewidth": 80,
            "sci_mode": None,
        }
    assert get_printoptions()["precision"] == 4
    set_printoptions(sci_mode=True)
    set_printoptions(precision=3)
    assert get_printoptions()["sci_mode"] is None


def test_unknown_profile():
    with pytest.raises(ValueError, match="default, short, full"):
        set_printoptions(profile="tiny")


def test_size_is_told_where_no_items_are():
    set_printoptions(edgeitems=0, threshold=5)
    assert repr(nnlite.zeros(7, dtype=nnlite.float64)) == "tensor([...], size=(7,), dtype=torch.float64)"
