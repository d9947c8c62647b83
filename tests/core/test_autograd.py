"""backward and grad: what they compute, add, keep, free and refuse."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.autograd import grad


def leaf(values, device, dtype=nnlite.float64):
    return nnlite.tensor(values, dtype=dtype, device=device, requires_grad=True)


def values(t):
    return t.detach().cpu().numpy()


class TestBackward:
    def test_adds_to_grad(self, device):
        x = leaf([1.0, 2.0], device)
        (x * x).sum().backward()
        first = x.grad
        (3 * x).sum().backward()
        assert x.grad is first, "backward adds in place"
        np.testing.assert_array_equal(values(x.grad), [5, 7])

    def test_a_leaf_is_its_own_root(self, device):
        x = leaf([1.0, 2.0], device)
        x.backward(nnlite.ones_like(x))
        np.testing.assert_array_equal(values(x.grad), [1, 1])

    def test_the_users_gradient_is_not_kept_or_written(self, device):
        x, g = leaf([1.0, 2.0], device), nnlite.ones(2, dtype=nnlite.float64, device=device)
        x.backward(g)
        x.backward(g)
        np.testing.assert_array_equal(values(g), [1, 1])
        g.add_(5)
        np.testing.assert_array_equal(values(x.grad), [2, 2])

    def test_gradients_of_two_leaves_are_not_one_array(self, device):
        x, y = leaf([1.0, 2.0], device), leaf([1.0, 2.0], device)
        g = nnlite.ones(2, dtype=nnlite.float64, device=device)
        (x + y).backward(g)
        x.grad.add_(1)
        np.testing.assert_array_equal(values(y.grad), [1, 1])
        np.testing.assert_array_equal(values(g), [1, 1])

    def test_gradient_of_an_expanded_leaf_can_be_written_to(self, device):
        x = leaf([1.0, 2.0], device)
        x.sum().backward()
        x.grad.add_(1)
        x.grad[0] = 7
        np.testing.assert_array_equal(values(x.grad), [7, 2])

    def test_one_node_reached_on_several_ways(self, device):
        x = leaf([0.5, 1.5], device)
        h = x * 2
        y = h * h + h.exp() + h
        y.sum().backward()
        want = 2 * (2 * values(h) + np.exp(values(h)) + 1)
        np.testing.assert_allclose(values(x.grad), want)

    def test_inputs_limits_what_is_added_to(self, device):
        x, y = leaf([1.0], device), leaf([2.0], device)
        (x * y).sum().backward(inputs=[y])
        assert x.grad is None
        np.testing.assert_array_equal(values(y.grad), [1])
        h = x * 3
        (h * y).sum().backward(inputs=[h])
        np.testing.assert_array_equal(values(h.grad), [2])

    def test_no_inputs_is_refused(self, device):
        x = leaf([1.0], device)
        with pytest.raises(RuntimeError, match="cannot be empty"):
            x.sum().backward(inputs=[])

    def test_several_roots(self, device):
        x = leaf([1.0, 2.0, 3.0], device)
        nnlite.autograd.backward([x.sum(), x.prod()])
        np.testing.assert_allclose(values(x.grad), [7, 4, 3])
        x.grad = None
        nnlite.autograd.backward([x * 1, x * 2], [nnlite.ones_like(x), nnlite.ones_like(x)])
        np.testing.assert_allclose(values(x.grad), [3, 3, 3])

    def test_roots_and_gradients_have_to_pair(self, device):
        x = leaf([1.0], device)
        with pytest.raises(RuntimeError, match="2 tensors and 1 gradients"):
            nnlite.autograd.backward([x * 1, x * 1], [nnlite.ones_like(x)])

    def test_gradient_takes_the_roots_dtype(self, device):
        x = leaf([1.0, 2.0], device, nnlite.float32)
        (x * x).backward(nnlite.ones(2, dtype=nnlite.float64, device=device))
        assert x.grad.dtype is nnlite.float32

    def test_a_leaf_that_stopped_requiring_grad_gets_none(self, device):
        x = leaf([1.0], device)
        y = x * 2
        x.requires_grad_(False)
        y.sum().backward()
        assert x.grad is None

    def test_zero_dimensions(self, device):
        x = leaf(3.0, device)
        (x * x * x).backward()
        assert x.grad.shape == () and x.grad.item() == 27

    def test_no_elements(self, device):
        x = nnlite.zeros(0, 3, device=device, requires_grad=True)
        (x * 2).sum().backward()
        assert x.grad.shape == (0, 3)

    def test_broadcast_operands_get_their_shape(self, device):
        x, y, z = leaf([[1.0], [2.0]], device), leaf([1.0, 2.0, 3.0], device), leaf(2.0, device)
        (x * y * z).sum().backward()
        np.testing.assert_allclose(values(x.grad), [[12], [12]])
        np.testing.assert_allclose(values(y.grad), [6, 6, 6])
        assert z.grad.shape == () and z.grad.item() == 18


class TestRefused:
    def test_second_backward(self, device):
        x = leaf([1.0, 2.0], device)
        y = (x * x).sum()
        y.backward()
        with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time") as info:
            y.backward()
        assert "retain_graph=True" in str(info.value) and "test_autograd.py" in str(info.value)

    def test_second_backward_without_saved_values_runs(self, device):
        x = leaf([1.0, 2.0], device)
        y = (x + 1).sum()
        y.backward()
        y.backward()
        np.testing.assert_array_equal(values(x.grad), [2, 2])

    def test_retain_graph(self, device):
        x = leaf([1.0, 2.0], device)
        y = (x * x).sum()
        y.backward(retain_graph=True)
        y.backward()
        np.testing.assert_array_equal(values(x.grad), [4, 8])

    def test_not_a_scalar(self, device):
        x = leaf([1.0, 2.0], device)
        with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
            (x * x).backward()

    def test_gradient_of_another_shape(self, device):
        x = leaf([1.0, 2.0], device)
        with pytest.raises(RuntimeError, match="Mismatch in shape"):
            (x * x).backward(nnlite.ones(3, dtype=nnlite.float64, device=device))

    def test_gradient_that_is_no_tensor(self, device):
        x = leaf([1.0, 2.0], device)
        with pytest.raises(TypeError, match="gradients can be either Tensors or None"):
            (x * x).sum().backward(1)

    def test_no_graph(self, device):
        with pytest.raises(RuntimeError, match="does not require grad and does not have a grad_fn"):
            nnlite.ones(1, device=device).backward()

    def test_errors_name_the_line_of_the_forward_operation(self, device):
        class Wrong(nnlite.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2

            @staticmethod
            def backward(ctx, g):
                raise KeyError("no")

        x = leaf([1.0], device)
        y = Wrong.apply(x)
        with pytest.raises(KeyError) as info:
            y.sum().backward()
        assert any("WrongBackward" in note and "test_autograd.py:" in note for note in info.value.__notes__)

    def test_the_mode_is_restored_after_an_error(self, device):
        x = leaf([1.0], device)
        y = (x * x).sum()
        y.backward()
        with pytest.raises(RuntimeError):
            y.backward()
        assert nnlite.is_grad_enabled() and (x * 2).requires_grad


class TestGrad:
    def test_does_not_touch_grad(self, device):
        x = leaf([1.0, 2.0], device)
        (g,) = grad((x * x).sum(), x)
        np.testing.assert_array_equal(values(g), [2, 4])
        assert x.grad is None and not g.requires_grad

    def test_of_an_intermediate_tensor(self, device):
        x = leaf([1.0, 2.0], device)
        h = x * 3
        gh, gx = grad((h * h).sum(), [h, x])
        np.testing.assert_array_equal(values(gh), [6, 12])
        np.testing.assert_array_equal(values(gx), [18, 36])

    def test_of_the_output_itself(self, device):
        x = leaf([1.0, 2.0], device)
        y = (x * x).sum()
        gy, gx = grad(y, [y, x])
        assert gy.item() == 1
        np.testing.assert_array_equal(values(gx), [2, 4])

    def test_twice_the_same_input(self, device):
        x = leaf([1.0, 2.0], device)
        one, two = grad((x * x).sum(), (x, x))
        np.testing.assert_array_equal(values(one), values(two))

    def test_unused(self, device):
        x, y = leaf([1.0], device), leaf([2.0], device)
        with pytest.raises(RuntimeError, match="allow_unused=True"):
            grad((x * x).sum(), y)
        assert grad((x * x).sum(), y, allow_unused=True) == (None,)
        (g,) = grad((x * x).sum(), y, materialize_grads=True)
        np.testing.assert_array_equal(values(g), [0])

    def test_not_differentiable_input(self, device):
        x = leaf([1.0], device)
        with pytest.raises(RuntimeError, match="does not require grad"):
            grad((x * x).sum(), nnlite.ones(1, device=device))

    def test_no_inputs(self, device):
        with pytest.raises(RuntimeError, match="cannot be empty"):
            grad(leaf([1.0], device).sum(), ())

    def test_leaves_that_were_not_asked_for_are_not_computed(self, device):
        x, y = leaf([1.0], device), leaf([2.0], device)
        seen = []
        y.register_hook(seen.append)
        grad((x * y).sum(), x)
        assert not seen

    def test_higher_derivatives(self, device):
        x = leaf([0.5, 1.5], device)
        y = (x**5).sum()
        for factor, power in ((5, 4), (20, 3), (60, 2), (120, 1)):
            (y,) = grad(y.sum(), x, create_graph=True)
            np.testing.assert_allclose(values(y), factor * np.array([0.5, 1.5]) ** power)

    def test_create_graph_keeps_the_first_graph(self, device):
        x = leaf([1.0, 2.0], device)
        y = (x * x * x).sum()
        (g,) = grad(y, x, create_graph=True)
        y.backward()
        np.testing.assert_allclose(values(x.grad), values(g))

    def test_gradient_penalty(self, device):
        x, w = leaf([[1.0, 2.0], [3.0, 4.0]], device), leaf([0.5, -0.5], device)
        out = (x @ w).tanh().sum()
        (gx,) = grad(out, x, create_graph=True)
        penalty = (gx * gx).sum()
        penalty.backward()
        step, base = 1e-6, values(w)

        def value(weights):
            h = 1 - np.tanh(values(x) @ weights) ** 2
            return ((h[:, None] * weights) ** 2).sum()

        want = [(value(base + step * e) - value(base - step * e)) / (2 * step) for e in np.eye(2)]
        np.testing.assert_allclose(values(w.grad), want, rtol=1e-6)

    def test_batched_gradients(self, device):
        x = nnlite.ones(3, device=device, requires_grad=True)
        (g,) = nnlite.autograd.grad(x * 2, x, nnlite.eye(3, device=device), is_grads_batched=True)
        assert g.tolist() == [[2, 0, 0], [0, 2, 0], [0, 0, 2]]


class TestLeaves:
    def test_flags(self, device):
        x = leaf([1.0], device)
        y = x * 2
        assert x.is_leaf and not y.is_leaf and y.requires_grad and x.grad_fn is None
        assert y.detach().is_leaf and not y.detach().requires_grad
        assert str(y.grad_fn).startswith("<MulBackward0 object")
        assert y.grad_fn.next_functions[0][0].variable is x and y.grad_fn.next_functions[1] == (None, 0)

    @pytest.mark.parametrize("dtype", [nnlite.int64, nnlite.bool, nnlite.uint8])
    def test_only_floats_require_grad(self, dtype, device):
        with pytest.raises(RuntimeError, match="floating point"):
            nnlite.ones(2, dtype=dtype, device=device).requires_grad_()
        with pytest.raises(RuntimeError, match="floating point"):
            nnlite.ones(2, dtype=dtype, device=device, requires_grad=True)

    def test_flags_of_computed_tensors_cannot_change(self, device):
        y = leaf([1.0], device) * 2
        for change in (lambda: y.requires_grad_(False), lambda: setattr(y, "requires_grad", False)):
            with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
                change()
        with pytest.raises(RuntimeError, match="must be a bool"):
            leaf([1.0], device).requires_grad = "yes"

    def test_assigned_grad_is_checked(self, device):
        x = leaf([1.0, 2.0], device, nnlite.float32)
        with pytest.raises(RuntimeError, match="different size"):
            x.grad = nnlite.ones(3, device=device)
        with pytest.raises(RuntimeError, match="dtype"):
            x.grad = nnlite.ones(2, dtype=nnlite.float64, device=device)
        with pytest.raises(TypeError, match="Tensor or None"):
            x.grad = 1
        with pytest.raises(RuntimeError, match="its own grad"):
            x.grad = x
        g = nnlite.ones(2, device=device)
        x.grad = g
        x.sum().backward()
        assert x.grad is g and g[0].item() == 2
        del x.grad
        assert x.grad is None

    def test_retain_grad(self, device):
        x = leaf([1.0, 2.0], device)
        y = x * 2
        y.retain_grad()
        y.retain_grad()
        z = (y * y).sum()
        z.backward(retain_graph=True)
        z.backward()
        np.testing.assert_array_equal(values(y.grad), [8, 16])
        assert y.retains_grad and not x.retains_grad
        x.retain_grad()
        with pytest.raises(RuntimeError, match="can't retain_grad"):
            nnlite.ones(1, device=device).retain_grad()

    def test_grad_of_a_computed_tensor_warns(self, device):
        y = leaf([1.0], device) * 2
        with pytest.warns(UserWarning, match="not a leaf Tensor is being accessed"):
            assert y.grad is None

    def test_detach_in_place(self, device):
        y = leaf([1.0], device) * 2
        y.detach_()
        assert y.is_leaf and not y.requires_grad
        v = (leaf([1.0, 2.0], device) * 2)[:1]
        with pytest.raises(RuntimeError, match="Can't detach views"):
            v.detach_()
