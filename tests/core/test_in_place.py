"""Writing in place: versions, views, what backward makes of it, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite


def leaf(values, device):
    return nnlite.tensor(values, dtype=nnlite.float64, device=device, requires_grad=True)


def values(t):
    return t.detach().cpu().numpy()


MODIFIED = "has been modified by an inplace operation"


class TestVersions:
    def test_every_write_counts(self, device):
        x = nnlite.zeros(3, device=device)
        v = x[:2]
        for count, write in enumerate(
            (
                lambda: x.add_(1),
                lambda: v.mul_(2),
                lambda: x.fill_(3),
                lambda: v.__setitem__(0, 5.0),
                lambda: x.zero_(),
            ),
            1,
        ):
            write()
            assert x._version == v._version == count

    def test_data_and_detach_write_through(self, device):
        w = nnlite.nn.Parameter(nnlite.zeros(2, 2, device=device))
        w.data[:] += 1
        w.data[0, 0] = 42
        w.data *= nnlite.tensor([[1.0, 0.0], [1.0, 1.0]], device=device)
        np.testing.assert_array_equal(values(w), [[42, 0], [1, 1]])
        assert w._version == 0, "no graph notices writes to .data"
        w.detach().add_(1)
        assert w._version == 1

    @pytest.mark.parametrize(
        "compute",
        [
            lambda x: x.exp(),
            lambda x: x.sigmoid(),
            lambda x: x.tanh(),
            lambda x: x.sqrt(),
            lambda x: x.softmax(0),
            lambda x: x.reciprocal(),
            lambda x: x.rsqrt(),
            lambda x: nnlite.relu(x),
        ],
    )
    def test_writing_to_a_result_that_was_saved(self, compute, device):
        x = leaf([1.0, 2.0], device)
        y = compute(x)
        z = y * 1
        y.add_(1)
        with pytest.raises(RuntimeError, match=MODIFIED) as info:
            z.sum().backward()
        assert "is at version 1; expected version 0" in str(info.value)

    @pytest.mark.parametrize(
        "compute",
        [
            lambda x: x * x,
            lambda x: x.sin(),
            lambda x: x.log(),
            lambda x: x**2,
            lambda x: x / (x + 1),
            lambda x: x.erf(),
            lambda x: x @ x,
            lambda x: x.clamp(0, 1),
            lambda x: x.abs(),
            lambda x: x.square(),
            lambda x: nnlite.maximum(x, x + 1),
        ],
    )
    def test_writing_to_an_input_that_was_saved(self, compute, device):
        h = leaf([1.0, 2.0], device) * 1
        y = compute(h)
        h.add_(1)
        with pytest.raises(RuntimeError, match=MODIFIED):
            y.sum().backward()

    @pytest.mark.parametrize(
        "compute",
        [
            lambda x: x * 2,
            lambda x: x + x,
            lambda x: x / 3,
            lambda x: -x,
            lambda x: x.sum(0, keepdim=True),
            lambda x: x.clone(),
            lambda x: x.mean(0, keepdim=True),
            lambda x: x[nnlite.tensor([0, 1])],
            lambda x: nnlite.cat([x, x]),
        ],
    )
    def test_writing_to_what_was_not_saved(self, compute, device):
        x = leaf([1.0, 2.0], device)
        h = x * 1
        y = compute(h)
        h.add_(1)
        y.add_(1)
        y.sum().backward()
        assert x.grad is not None

    def test_a_quotient_may_be_written_to(self, device):
        x, w = leaf([1.0, 2.0], device), leaf([4.0, 5.0], device)
        y = x / w
        y.add_(1)
        y.sum().backward()
        np.testing.assert_allclose(values(w.grad), [-1 / 16, -2 / 25])

    def test_only_what_the_gradients_need_is_saved(self, device):
        x, constant = leaf([1.0, 2.0], device), nnlite.ones(2, dtype=nnlite.float64, device=device)
        h = x * 1
        y = h * constant
        h.add_(1)
        y.sum().backward()
        np.testing.assert_array_equal(values(x.grad), [1, 1])

    def test_index_arrays_may_change_after_use(self, device):
        x = leaf([1.0, 2.0, 3.0], device)
        index = nnlite.tensor([0, 2], device=device)
        y = x[index]
        index.fill_(1)
        y.sum().backward()
        np.testing.assert_array_equal(values(x.grad), [1, 0, 1])

    def test_an_operand_that_is_the_target(self, device):
        y = leaf([1.0, 2.0], device) * 1
        y.mul_(y)
        with pytest.raises(RuntimeError, match=MODIFIED):
            y.sum().backward()

    def test_an_operand_that_overlaps_the_target(self, device):
        x = nnlite.arange(6.0, device=device)
        x[1:] = x[:-1]
        np.testing.assert_array_equal(values(x), [0, 0, 1, 2, 3, 4])
        x[:3].add_(x[1:4])
        np.testing.assert_array_equal(values(x), [0, 1, 3, 2, 3, 4])


class TestGradients:
    def test_write_to_a_view_reaches_the_base(self, device):
        x = leaf([1.0, 2.0, 3.0], device)
        y = x * 1
        y[:2].mul_(nnlite.tensor([3.0, 4.0], dtype=nnlite.float64, device=device))
        y.sum().backward()
        np.testing.assert_array_equal(values(x.grad), [3, 4, 1])

    def test_write_to_the_base_reaches_the_view(self, device):
        x = leaf([1.0, 2.0, 3.0], device)
        y = x * 1
        v = y[:2]
        y.mul_(5)
        v.sum().backward()
        np.testing.assert_array_equal(values(x.grad), [5, 5, 0])

    def test_write_to_one_view_reaches_another(self, device):
        x = leaf([1.0, 2.0, 3.0], device)
        y = x * 1
        front, back = y[:2], y[1:]
        back.mul_(7)
        front.sum().backward()
        np.testing.assert_array_equal(values(x.grad), [1, 7, 0])

    def test_views_of_views(self, device):
        x = leaf(np.arange(12.0).reshape(3, 4), device)
        y = x * 1
        v = y.t()[1:].reshape(3, 3)[0]
        v.exp_()
        y.sum().backward()
        want = np.ones((3, 4))
        want[:, 1] = np.exp(np.arange(12.0).reshape(3, 4)[:, 1])
        np.testing.assert_allclose(values(x.grad), want)

    def test_tensors_without_grad_become_part_of_the_graph(self, device):
        x = leaf([1.0, 2.0], device)
        y = nnlite.zeros(3, dtype=nnlite.float64, device=device)
        v = y[:2]
        v.add_(x * x)
        assert y.requires_grad and v.requires_grad and not y.is_leaf
        y.sum().backward()
        np.testing.assert_array_equal(values(x.grad), [2, 4])

    def test_assignment_cuts_off_the_old_values(self, device):
        x, u = leaf([1.0, 2.0, 3.0], device), leaf(5.0, device)
        y = x * 2
        y[1] = u * u
        y[nnlite.tensor([True, False, False], device=device)] = 0.5
        y.sum().backward()
        np.testing.assert_array_equal(values(x.grad), [0, 0, 2])
        assert u.grad.item() == 10

    def test_values_that_are_cut_off_do_not_leak_infinity(self, device):
        x = leaf([1.0, 4.0], device)
        y = x * 2
        y[0] = 1.0
        y.backward(nnlite.tensor([float("inf"), 1.0], dtype=nnlite.float64, device=device))
        np.testing.assert_array_equal(values(x.grad), [0, 2])

    def test_masked_fill_and_copy(self, device):
        x, u = leaf([1.0, 2.0, 3.0], device), leaf([7.0], device)
        y = x * 1
        y.masked_fill_(nnlite.tensor([True, False, False], device=device), 4.0)
        z = y * 1
        z[1:].copy_(u)
        z.sum().backward()
        np.testing.assert_array_equal(values(x.grad), [0, 0, 0])
        np.testing.assert_array_equal(values(u.grad), [2])

    def test_writes_in_a_retained_graph(self, device):
        x = leaf([1.0, 2.0, 3.0], device)
        y = x * 1
        v = y[:2]
        first = (y * y).sum()
        (g1,) = nnlite.autograd.grad(first, x, retain_graph=True)
        v.mul_(3)
        second = y.sum()
        for _ in range(2):
            (g2,) = nnlite.autograd.grad(second, x, retain_graph=True)
        np.testing.assert_array_equal(values(g1), [2, 4, 6])
        np.testing.assert_array_equal(values(g2), [3, 3, 1])
        with pytest.raises(RuntimeError, match=MODIFIED):
            nnlite.autograd.grad(first, x)

    def test_double_backward_through_a_write_to_a_view(self, device):
        x = leaf([1.0, 2.0, 3.0], device)
        y = x * x
        v = y[1:]
        v.mul_(x[1:])
        (g,) = nnlite.autograd.grad(y.sum(), x, create_graph=True)
        np.testing.assert_allclose(values(g), [2, 12, 27])
        g.sum().backward()
        np.testing.assert_allclose(values(x.grad), [2, 12, 18])

    def test_retain_grad_follows_the_write(self, device):
        x = leaf([1.0, 2.0], device)
        y = x * 2
        y.retain_grad()
        y.mul_(3)
        y.sum().backward()
        np.testing.assert_array_equal(values(y.grad), [1, 1])

    def test_strided_bases(self, device):
        """A base that lies columns first in memory."""
        x = leaf(np.arange(6.0).reshape(2, 3), device)
        y = x.t().clone()
        y[1].mul_(4)
        y.view_as(y).sum().backward()
        np.testing.assert_array_equal(values(x.grad), [[1, 4, 1], [1, 4, 1]])


class TestRefused:
    @pytest.mark.parametrize(
        "write",
        [
            lambda x: x.add_(1),
            lambda x: x.__setitem__(0, 1.0),
            lambda x: x.zero_(),
            lambda x: x.mul_(x),
            lambda x: x.uniform_(),
            lambda x: x.__iadd__(1),
            lambda x: x.copy_(nnlite.zeros(2)),
            lambda x: x.clamp_(0, 1),
            lambda x: x.relu_(),
        ],
    )
    def test_leaves(self, write, device):
        x = leaf([1.0, 2.0], device)
        with pytest.raises(
            RuntimeError, match="leaf Variable that requires grad is being used in an in-place operation"
        ) as info:
            write(x)
        assert "no_grad" in str(info.value)
        np.testing.assert_array_equal(values(x), [1, 2])
        with nnlite.no_grad():
            write(x)
        assert x.is_leaf and x.requires_grad and x._version == 1

    def test_views_of_leaves(self, device):
        x = leaf([1.0, 2.0], device)
        for view in (x[:1], x.view(2, 1), x[0], x.t()):
            with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
                view.add_(1)
        np.testing.assert_array_equal(values(x), [1, 2])

    @pytest.mark.parametrize("record", [True, False])
    def test_views_made_under_no_grad(self, record, device):
        y = leaf([1.0, 2.0], device) * 1
        with nnlite.no_grad():
            v = y[:1]
        with pytest.raises(RuntimeError, match="A view was created in no_grad mode"):
            v.add_(y[1:] if record else 1)
        with nnlite.no_grad():
            v.add_(1)
        np.testing.assert_array_equal(values(y), [2, 2])

    @pytest.mark.parametrize(
        "write",
        [
            lambda x: x.add_(nnlite.ones(3)),
            lambda x: x.add_(nnlite.ones(2, 2)),
            lambda x: x.copy_(nnlite.ones(3)),
            lambda x: x.copy_(nnlite.ones(1, 2)),
            lambda x: x.mul_(nnlite.ones(1, 2)),
        ],
    )
    def test_operands_that_do_not_fit(self, write):
        x = nnlite.zeros(2)
        with pytest.raises(RuntimeError, match=r"size of tensor a|output with shape"):
            write(x)
        np.testing.assert_array_equal(values(x), [0, 0])
        assert x._version == 0

    @pytest.mark.parametrize(
        "kind, write, text",
        [
            (nnlite.int64, lambda x: x.add_(1.5), "result type Float can't be cast to the desired output type Long"),
            (nnlite.int64, lambda x: x.div_(2), "result type Float can't be cast to the desired output type Long"),
            (nnlite.bool, lambda x: x.add_(1), "result type Long can't be cast to the desired output type Bool"),
            (
                nnlite.float32,
                lambda x: x.mul_(1j),
                "result type ComplexFloat can't be cast to the desired output type Float",
            ),
        ],
    )
    def test_results_of_a_higher_type(self, kind, write, text, device):
        x = nnlite.ones(2, dtype=kind, device=device)
        with pytest.raises(RuntimeError, match=text):
            write(x)
        assert x.dtype is kind

    def test_results_of_a_lower_type_are_converted(self, device):
        x = nnlite.ones(2, dtype=nnlite.float32, device=device)
        x.add_(nnlite.ones(2, dtype=nnlite.float64, device=device)).mul_(nnlite.tensor(3, device=device))
        assert x.dtype is nnlite.float32 and x[0].item() == 6

    def test_elements_that_stand_twice(self, device):
        x = nnlite.zeros(3, device=device).expand(2, 3)
        with pytest.raises(
            RuntimeError, match="more than one element of the written-to tensor refers to a single memory location"
        ):
            x.add_(nnlite.ones(2, 3, device=device))
        x[0] = 4.0  # within one row no element stands twice
        np.testing.assert_array_equal(values(x), [[4, 4, 4], [4, 4, 4]])


def test_views_taken_before_the_base_was_reshaped_in_place(device):
    x = nnlite.arange(6.0, device=device).reshape(1, 2, 3).requires_grad_()
    base = x * 2
    row = base[0, 1]
    base.squeeze_(0)
    row.mul_(3.0)
    assert base.tolist() == [[0.0, 2.0, 4.0], [18.0, 24.0, 30.0]]
    base.t_()
    base[0].add_(1.0)  # the first column
    (base * base).sum().backward()
    assert x.grad.tolist() == [[[4.0, 8.0, 16.0], [228.0, 288.0, 360.0]]]


def test_a_view_of_zeros_that_was_taken_before_squeeze(device):
    y = nnlite.zeros(1, 3, device=device)
    row = y[0]
    y.squeeze_()
    row.add_(nnlite.ones(3, device=device, requires_grad=True))
    assert y.requires_grad and y.tolist() == [1.0, 1.0, 1.0]
