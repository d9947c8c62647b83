"""autograd.Function, gradcheck and gradgradcheck."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.autograd import Function, GradcheckError, gradcheck, gradgradcheck, once_differentiable


def leaf(values, device):
    return nnlite.tensor(values, dtype=nnlite.float64, device=device, requires_grad=True)


def values(t):
    return t.detach().cpu().numpy()


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


class Exp(Function):
    """Saves its output."""

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


class Scale(Function):
    """In the newer form, with an argument that is no tensor."""

    @staticmethod
    def forward(x, factor):
        return x * factor

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.factor = inputs[1]

    @staticmethod
    def backward(ctx, g):
        return g * ctx.factor, None


class Split(Function):
    """Two outputs."""

    @staticmethod
    def forward(ctx, x):
        return x * 2, x * 3

    @staticmethod
    def backward(ctx, a, b):
        return a * 2 + b * 3


@pytest.mark.parametrize(
    "function", [Cube.apply, Exp.apply, lambda x: Scale.apply(x, 2.5), lambda x: Split.apply(x)[1]]
)
def test_derivatives(function, device):
    x = leaf([0.5, -1.5, 2.0], device)
    assert gradcheck(function, x)
    assert gradgradcheck(function, x)


def test_forward_is_not_recorded_and_the_result_has_its_name(device):
    x = leaf([2.0], device)
    y = Cube.apply(x)
    assert y.grad_fn.name() == "CubeBackward" and y.grad_fn.next_functions[0][0].variable is x
    with nnlite.no_grad():
        assert not Cube.apply(x).requires_grad
    assert not Cube.apply(x.detach()).requires_grad


def test_needs_input_grad(device):
    seen = []

    class Product(Function):
        @staticmethod
        def forward(ctx, x, y):
            seen.append(ctx.needs_input_grad)
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return (g * y if ctx.needs_input_grad[0] else None), (g * x if ctx.needs_input_grad[1] else None)

    x, y = leaf([2.0], device), nnlite.tensor([3.0], dtype=nnlite.float64, device=device)
    Product.apply(x, y).backward()
    assert seen == [(True, False)] and x.grad.item() == 3


def test_missing_gradients_are_zeros_or_none(device):
    seen = []

    class Two(Split):
        @staticmethod
        def backward(ctx, a, b):
            seen.append(None if b is None else values(b).tolist())
            return a * 2

    class TwoNone(Two):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

    x = leaf([1.0], device)
    Two.apply(x)[0].backward()
    TwoNone.apply(x)[0].backward()
    assert seen == [[0.0], None]


def test_outputs_without_gradient(device):
    class Sort(Function):
        @staticmethod
        def forward(ctx, x):
            largest, where = x.max(0)
            ctx.mark_non_differentiable(where)
            ctx.save_for_backward(where)
            ctx.size = x.shape[0]
            return largest, where

        @staticmethod
        def backward(ctx, g, _):
            (where,) = ctx.saved_tensors
            out = nnlite.zeros(ctx.size, dtype=g.dtype, device=g.device)
            out[where] = g
            return out

    x = leaf([1.0, 7.0, 3.0], device)
    largest, where = Sort.apply(x)
    assert largest.requires_grad and not where.requires_grad
    largest.backward()
    np.testing.assert_array_equal(values(x.grad), [0, 1, 0])


def test_inputs_written_in_place(device):
    class Double(Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf([1.0, 2.0, 3.0], device)
    y = x * 1
    out = Double.apply(y)
    assert out is y and y._version == 1
    y.sum().backward()
    np.testing.assert_array_equal(values(x.grad), [2, 2, 2])
    x.grad = None
    y = x * 1
    Double.apply(y[1:])
    y.sum().backward()
    np.testing.assert_array_equal(values(x.grad), [1, 2, 2])
    with pytest.raises(RuntimeError, match="leaf Variable"):
        Double.apply(x)


def test_a_written_input_that_is_saved(device):
    class ExpInPlace(Function):
        @staticmethod
        def forward(ctx, x):
            x.exp_()
            ctx.mark_dirty(x)
            ctx.save_for_backward(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = leaf([0.5, -1.0], device)
    assert gradcheck(lambda t: ExpInPlace.apply(t * 1), x)
    assert gradgradcheck(lambda t: ExpInPlace.apply(t * 1), x)


def test_an_input_that_is_returned(device):
    class Same(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5

    x = leaf([1.0], device)
    y = Same.apply(x)
    assert y is not x and x.is_leaf
    y.backward()
    assert x.grad.item() == 5


def test_gradients_are_summed_to_their_inputs_shape(device):
    class Add(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return g, g

    x, y = leaf([[1.0], [2.0]], device), leaf([1.0, 2.0, 3.0], device)
    Add.apply(x, y).sum().backward()
    np.testing.assert_array_equal(values(x.grad), [[3], [3]])
    np.testing.assert_array_equal(values(y.grad), [2, 2, 2])


@pytest.mark.parametrize(
    "result, error, text",
    [
        (lambda g: (g, g), RuntimeError, "returned an incorrect number of gradients"),
        (lambda g: g.reshape(1, 2, 1), RuntimeError, "returned an invalid gradient at index 0"),
        (lambda g: 2.0, TypeError, "expected Variable or None"),
    ],
)
def test_wrong_gradients(result, error, text, device):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return result(g)

    x = leaf([1.0, 2.0], device)
    with pytest.raises(error, match=text):
        Wrong.apply(x).sum().backward()


def test_saved_tensors(device):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3)
            return x

    with pytest.raises(TypeError, match="can only save variables"):
        Wrong.apply(leaf([1.0], device))
    x = leaf([2.0], device)
    h = x * 1
    y = Cube.apply(h)
    h.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
    y = Cube.apply(x)
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_missing_methods(device):
    class Nothing(Function):
        pass

    class ForwardOnly(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    with pytest.raises(NotImplementedError, match="forward"):
        Nothing.apply(leaf([1.0], device))
    with pytest.raises(NotImplementedError, match="backward"):
        ForwardOnly.apply(leaf([1.0], device)).backward()


def test_once_differentiable(device):
    class Once(Cube):
        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x**2 * g

    x = leaf([2.0], device)
    (g,) = nnlite.autograd.grad(Once.apply(x), x)
    assert g.item() == 12
    incoming = leaf([1.0], device)
    (g,) = nnlite.autograd.grad(Once.apply(x), x, incoming, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.backward()


class TestGradcheck:
    class Off(Function):
        """A derivative that is a tenth too large."""

        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2.2

    def test_finds_wrong_gradients(self, device):
        x = leaf([1.0, 2.0], device)
        with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
            gradcheck(self.Off.apply, x)
        assert gradcheck(self.Off.apply, x, raise_exception=False) is False
        assert gradcheck(self.Off.apply, x, rtol=0.2)

    def test_finds_wrong_second_gradients(self, device):
        class WrongTwice(Cube):
            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return 3 * x.detach() ** 2 * g

        x = leaf([1.0, 2.0], device)
        assert gradcheck(WrongTwice.apply, x)
        with pytest.raises(GradcheckError):
            gradgradcheck(WrongTwice.apply, x)

    def test_several_inputs_and_outputs(self, device):
        x, y = leaf([[1.0, 2.0]], device), leaf([[3.0], [4.0]], device)
        assert gradcheck(lambda a, b: (a @ b, a * 2, b.t() + a), (x, y))
        assert gradgradcheck(lambda a, b: (a @ b, a * a), (x, y))

    def test_inputs_are_restored(self, device):
        x = leaf([1.0, 2.0], device)
        gradcheck(nnlite.sin, x)
        np.testing.assert_array_equal(values(x), [1, 2])
        assert x.grad is None

    def test_needs_a_gradient_to_check(self, device):
        with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
            gradcheck(nnlite.sin, nnlite.ones(2, dtype=nnlite.float64, device=device))
