"""Several views by one operation: their place in the graph, and writing to them."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite

MULTIPLE = {
    "Split": lambda x: x.split(2),
    "SplitWithSizes": lambda x: x.split([1, 3]),
    "Unbind": lambda x: x.unbind(0),
}


def graph_tensor(device):
    """A tensor that is no leaf, so that it may be written to."""
    return nnlite.arange(12.0, device=device).reshape(4, 3).requires_grad_() * 1


@pytest.mark.parametrize("name", MULTIPLE)
def test_parts_are_views_of_one_node(name, device):
    x = graph_tensor(device)
    first, second, *_ = MULTIPLE[name](x)
    assert first.grad_fn is second.grad_fn
    assert first.grad_fn.name() == f"{name}Backward0"
    assert (first.output_nr, second.output_nr) == (0, 1)
    assert first._base is x
    assert first._version == x._version


@pytest.mark.parametrize("name", MULTIPLE)
def test_recorded_writes_to_parts_are_refused(name, device):
    parts = MULTIPLE[name](graph_tensor(device))
    for write in (lambda: parts[1].mul_(2), lambda: parts[1][0].zero_(), lambda: parts[1].unsqueeze_(0)):
        with pytest.raises(RuntimeError, match=f"Output 1 of {name} is a view and is being modified inplace"):
            write()


@pytest.mark.parametrize("name", MULTIPLE)
def test_parts_are_stale_after_a_recorded_write_to_the_base(name, device):
    x = graph_tensor(device)
    part = MULTIPLE[name](x)[0]
    x.mul_(2)
    with pytest.raises(RuntimeError, match="its base or another view of its base has been modified inplace"):
        part.sum().backward()


@pytest.mark.parametrize("name", MULTIPLE)
def test_parts_of_a_tensor_without_a_graph_may_be_written_to(name, device):
    x = nnlite.zeros(4, 3, device=device)
    part = MULTIPLE[name](x)[0]
    part.add_(1)
    assert x.sum().item() == part.numel()
    assert part._version == x._version == 1
    leaf = nnlite.zeros(4, 3, device=device, requires_grad=True)
    with nnlite.no_grad():
        MULTIPLE[name](leaf)[0].add_(1)
    assert leaf.sum().item() == part.numel()


def test_some_parts_only(device):
    """Parts that do not matter get zeros; a part used twice gets the sum."""
    x = nnlite.arange(6.0, device=device).requires_grad_()
    a, b, _ = x.split(2)
    (a * a + b).sum().backward()
    np.testing.assert_array_equal(x.grad.cpu().numpy(), [0, 2, 1, 1, 0, 0])


def test_unsafe_parts_stand_alone(device):
    x = graph_tensor(device)
    part = x.unsafe_chunk(2)[0]
    assert part._base is None
    part.zero_()
    assert (x._version, part._version) == (0, 1)
    assert part.grad_fn is not None


def test_parts_of_a_reshaped_base(device):
    """The base may be reshaped in place; its parts go on from the former shape."""
    x = graph_tensor(device)
    a, _ = x.split(2)
    x.unsqueeze_(0)
    assert a.shape == (2, 3)
    a.sum().backward()
