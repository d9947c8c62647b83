"""nnlite.Size: what torch.Size does."""

# ruff: noqa: RUF005
from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import nnlite
from nnlite import Size


def test_is_a_tuple_that_prints_as_a_size():
    size = Size([2, 3])
    assert isinstance(size, tuple)
    assert size == (2, 3)
    assert hash(size) == hash((2, 3))
    assert repr(size) == str(size) == "torch.Size([2, 3])"
    assert repr(Size()) == "torch.Size([])"


@pytest.mark.parametrize(("sizes", "numel"), [((), 1), ((3,), 3), ((2, 3, 4), 24), ((2, 0), 0)])
def test_numel(sizes, numel):
    assert Size(sizes).numel() == numel


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda s: s[:1], (2,)),
        (lambda s: s[::-1], (3, 2)),
        (lambda s: s[5:], ()),
        (lambda s: s + (4,), (2, 3, 4)),
        (lambda s: (4,) + s, (4, 2, 3)),
        (lambda s: s + s, (2, 3, 2, 3)),
        (lambda s: s * 2, (2, 3, 2, 3)),
        (lambda s: 2 * s, (2, 3, 2, 3)),
        (lambda s: copy.deepcopy(s), (2, 3)),
        (lambda s: copy.copy(s), (2, 3)),
        (lambda s: pickle.loads(pickle.dumps(s)), (2, 3)),
        (lambda s: Size(n for n in s), (2, 3)),
        (lambda s: Size(np.array(s)), (2, 3)),
        (lambda s: Size([nnlite.tensor(2), 3]), (2, 3)),
    ],
)
def test_operations_give_a_size(made, expected):
    result = made(Size([2, 3]))
    assert type(result) is Size
    assert result == expected
    assert all(type(n) is int for n in result)


def test_items_are_ints():
    assert Size([2, 3])[1] == 3
    assert Size([2, 3])[-1] == 3
    assert type(Size([True])[0]) is int
    with pytest.raises(IndexError, match="tuple index out of range"):
        Size([2, 3])[2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Size([1.5]), r"item 0 is 'float'"),
        (lambda: Size([1, "a"]), r"item 1 is 'str'"),
        (lambda: Size([None]), r"item 0 is 'NoneType'"),
        (lambda: Size(3), r"not iterable"),
        (lambda: Size([1]) + (1.5,), r"item 1 is 'float'"),
        (lambda: ("a",) + Size([1]), r"item 0 is 'str'"),
        (lambda: Size([1]) + [2], r"can only concatenate tuple \(not list\) to torch.Size"),
        (lambda: [2] + Size([1]), r"can only concatenate list"),
        (lambda: Size([1]) * 1.5, r"can't multiply sequence"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_shape_of_a_tensor_is_a_size(device):
    shape = nnlite.zeros(2, 3, device=device).shape
    assert type(shape) is Size
    assert shape == (2, 3)
    assert shape.numel() == 6
