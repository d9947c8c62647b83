"""Positions as tensors, copies of views, and tensors of other sizes."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.ops.index.places import one_hot
from nnlite.ops.shape.copies import _VIEWS


def host(t):
    return t.cpu().numpy()


def test_positions_of_what_is_not_zero(device):
    x = nnlite.tensor([[0, 5, 0], [7, 0, 9]], device=device)
    want = np.argwhere(host(x))
    np.testing.assert_array_equal(host(nnlite.argwhere(x)), want)
    np.testing.assert_array_equal(host(nnlite.nonzero_static(x, size=2)), want[:2])
    filled = host(nnlite.nonzero_static(x, size=5, fill_value=-7))
    np.testing.assert_array_equal(filled[:3], want)
    assert (filled[3:] == -7).all()


def test_nonzero_static_does_not_wait():
    from nnlite.backends.strict.sync import forbid_synchronize

    x = nnlite.tensor([[0, 5], [7, 0]], device="strict")
    with forbid_synchronize():
        found = nnlite.nonzero_static(x, size=3)
    np.testing.assert_array_equal(host(found), [[0, 1], [1, 0], [-1, -1]])


def test_unravel_index(device):
    parts = nnlite.unravel_index(nnlite.arange(24, device=device), (2, 3, 4))
    for mine, theirs in zip(parts, np.unravel_index(np.arange(24), (2, 3, 4)), strict=True):
        np.testing.assert_array_equal(host(mine), theirs)


@pytest.mark.parametrize("offset", [-5, -1, 0, 2, 5])
def test_triangles(offset, device):
    for mine, theirs in ((nnlite.tril_indices, np.tril_indices), (nnlite.triu_indices, np.triu_indices)):
        np.testing.assert_array_equal(host(mine(3, 4, offset, device=device)), theirs(3, offset, 4))


def test_one_hot(device):
    numbers = nnlite.tensor([[2, 0], [1, 2]], device=device)
    np.testing.assert_array_equal(host(one_hot(numbers)), np.eye(3, dtype=np.int64)[host(numbers)])
    assert one_hot(numbers, 5).shape == (2, 2, 5)
    with pytest.raises(RuntimeError, match="num_classes should be positive"):
        one_hot(numbers, 0)
    with pytest.raises(RuntimeError):
        one_hot(numbers, 2).sum().item()


def test_repeat_interleave_of_counts(device):
    counts = nnlite.tensor([2, 0, 1], device=device)
    np.testing.assert_array_equal(host(nnlite.repeat_interleave(counts)), [0, 0, 2])
    with pytest.raises(RuntimeError):
        nnlite.repeat_interleave(nnlite.tensor([1, -1], device=device)).sum().item()


ARGUMENTS = {
    "alias": (), "as_strided": ((2, 2), (1, 2)), "detach": (), "diagonal": (1,), "expand": ((2, 2, 4),),
    "narrow": (1, 1, 2), "permute": ((1, 0),), "select": (0, 1), "split": (3, 1), "split_with_sizes": ((1, 3), 1),
    "squeeze": (), "t": (), "transpose": (0, 1), "unbind": (1,), "unfold": (1, 2, 1), "unsqueeze": (1,),
    "view": ((4, 2),), "view_as_real": (), "view_as_complex": (),
}  # fmt: skip


@pytest.mark.parametrize("name", _VIEWS)
def test_copies_share_nothing(name, device):
    x = nnlite.arange(8.0, device=device).reshape(2, 4)
    if name == "view_as_real":
        x = nnlite.view_as_complex(x.reshape(2, 2, 2))
    elif name == "view_as_complex":
        x = x.reshape(2, 2, 2)
    shown, copies = _VIEWS[name](x, *ARGUMENTS[name]), getattr(nnlite, name + "_copy")(x, *ARGUMENTS[name])
    pairs = list(zip(shown, copies, strict=True)) if isinstance(shown, tuple) else [(shown, copies)]
    before = [host(view).copy() for view, _ in pairs]
    x.zero_()
    for (_, copy), values in zip(pairs, before, strict=True):
        np.testing.assert_array_equal(host(copy), values)
        assert not copy._is_view()


def test_resize(device):
    x = nnlite.arange(6, device=device)
    assert x.resize_(2, 2) is x
    np.testing.assert_array_equal(host(x), [[0, 1], [2, 3]])
    x.resize_(3, 3)
    assert x.shape == (3, 3)
    np.testing.assert_array_equal(host(x).ravel()[:4], [0, 1, 2, 3])
    base = nnlite.arange(6, device=device)
    part = base[1:3]
    part.resize_(4)
    part.zero_()
    np.testing.assert_array_equal(host(base), [0, 0, 0, 0, 0, 5])
    with pytest.raises(RuntimeError, match="cannot resize variables that require grad"):
        nnlite.zeros(2, device=device, requires_grad=True).resize_(3)


def test_writing_through_strided_views(device):
    """A recorded write to windows that do not overlap reaches the base and its gradient."""
    x = nnlite.arange(6.0, device=device).requires_grad_()
    y = x * 1
    y.unfold(0, 2, 3)[1].mul_(10)
    nnlite.as_strided(y, (2,), (5,)).zero_()
    y.sum().backward()
    np.testing.assert_array_equal(host(y.detach()), [0, 1, 2, 30, 40, 0])
    np.testing.assert_array_equal(host(x.grad), [0, 1, 1, 10, 10, 0])


def test_writing_to_a_diagonal(device):
    x = nnlite.ones(3, 3, device=device).requires_grad_()
    y = x * 1
    y.diagonal().mul_(nnlite.tensor([1.0, 2.0, 3.0], device=device))
    y.sum().backward()
    np.testing.assert_array_equal(host(x.grad), np.ones((3, 3)) + np.diag([0.0, 1.0, 2.0]))


def test_fill_diagonal_wrapped(device):
    x = nnlite.zeros(7, 3, device=device).fill_diagonal_(4, wrap=True)
    want = np.zeros((7, 3))
    np.fill_diagonal(want, 4, wrap=True)
    np.testing.assert_array_equal(host(x), want)
