"""How the kernel table finds the function of an operation, and how operations are defined on it."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import nnlite
from nnlite._core.op import OPS, op, unary
from nnlite.autograd import gradcheck, gradgradcheck
from nnlite.backends import backend_for
from nnlite.backends.kernels import GENERIC, KernelTable, Override, kernel
from nnlite.backends.registry import known_device_types, table_for, tables


@pytest.fixture
def generic(monkeypatch):
    """An operation that is only in the table of generic bodies."""
    monkeypatch.setitem(GENERIC, "twice", lambda xp, x, *, times=2: xp.multiply(x, times))
    return "twice"


def table(overrides=None):
    return KernelTable(backend_for("cpu"), overrides)


class TestLookup:
    def test_generic_body_is_bound_to_the_namespace(self, generic):
        assert table().twice(np.ones(2), times=3).tolist() == [3, 3]

    def test_resolved_once(self, generic):
        t = table()
        assert t.twice is t.twice and "twice" in vars(t)

    def test_names_of_array_functions(self):
        assert table().exp is np.exp and table().add is np.add

    def test_override(self, generic):
        overrides: dict[str, Override] = {}

        @kernel("twice", table=overrides)
        def twice(x, *, times=2):
            return "fast"

        assert table(overrides).twice(np.ones(2)) == "fast"
        with pytest.raises(ValueError, match="registered twice"):
            kernel("twice", table=overrides)(twice)

    def test_condition(self, generic):
        overrides: dict[str, Override] = {}

        @kernel("twice", table=overrides, when=lambda x, *, times=2: x.size > 2)
        def twice(x, *, times=2):
            return "fast"

        t = table(overrides)
        assert t.twice(np.ones(3)) == "fast" and t.twice(np.ones(2), times=3).tolist() == [3, 3]

    def test_unknown_names(self):
        with pytest.raises(AttributeError, match="no operation is called 'nothing'"):
            table().nothing  # noqa: B018

    def test_array_classes(self, device):
        array = nnlite.ones(1, device=device)._a
        assert table_for(array) is tables[type(array)] and table_for(array).backend_ is backend_for(
            device.split(":")[0]
        )
        with pytest.raises(TypeError, match=r"not an array of a registered backend.*as_tensor"):
            table_for([1])

    def test_device_types(self):
        assert {"cpu", "cuda", "strict"} <= set(known_device_types())

    def test_explain(self):
        """NNLITE_EXPLAIN=1 says which kernel ran."""
        code = "import nnlite; nnlite.ones(2, 3).exp(); nnlite.ones(2, 2) @ nnlite.ones(2, 2)"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "NNLITE_EXPLAIN": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "nnlite: cpu.exp generic (2, 3)" in done.stderr
        assert "nnlite: cpu.matmul override (2, 2), (2, 2)" in done.stderr


@pytest.fixture
def new_names():
    """Takes the operations that a test defines out of the tables again."""
    before = set(OPS)
    yield
    for name in set(OPS) - before:
        del OPS[name], GENERIC[name]


@pytest.mark.usefixtures("new_names")
class TestDefining:
    def test_a_unary_operation(self, device):
        cube = unary("test_cube", lambda xp, x: x * x * x, lambda f, g, x: g * 3 * x * x)
        x = nnlite.tensor([0.5, -2.0], dtype=nnlite.float64, device=device, requires_grad=True)
        assert cube(x).tolist() == [0.125, -8] and cube(x).grad_fn.name() == "TestCubeBackward0"
        assert gradcheck(cube, x) and gradgradcheck(cube, x)

    def test_saved_inputs_outputs_and_residuals(self, device):
        @op(saves=("x", "out", "half"), residuals=("half",))
        def _test_scaled_exp(xp, x, *, scale):
            half = xp.exp(x)
            return half * scale, half

        @_test_scaled_exp.vjp
        def _(f, g, node, x, out, half):
            assert x.shape == out.shape == half.shape
            return (g * out,)

        x = nnlite.tensor([0.5, -1.0], dtype=nnlite.float64, device=device, requires_grad=True)
        y = _test_scaled_exp(x, scale=2)
        y.sum().backward()
        np.testing.assert_allclose(x.grad.tolist(), 2 * np.exp([0.5, -1.0]))

    def test_several_outputs(self, device):
        @op(outputs=2)
        def _test_both(xp, x):
            return x * 2, x * 3

        @_test_both.vjp
        def _(f, g, node):
            one, two = g
            return ((0 if one is None else one * 2) + (0 if two is None else two * 3),)

        x = nnlite.ones(2, dtype=nnlite.float64, device=device, requires_grad=True)
        a, b = _test_both(x)
        assert (a.output_nr, b.output_nr) == (0, 1) and a.grad_fn is b.grad_fn
        (a + b).sum().backward()
        assert x.grad.tolist() == [5, 5]
        x.grad = None
        _test_both(x)[1].sum().backward()
        assert x.grad.tolist() == [3, 3]

    def test_composite(self, device):
        """A rule with residuals, and the expression that double backward differentiates in its place."""

        @op(saves=("x", "tail"), residuals=("tail",))
        def _test_power(xp, x, *, power):
            tail = x ** (power - 1)
            return tail * x, tail

        @_test_power.vjp
        def _(f, g, node, x, tail):
            return (g * node.attrs["power"] * tail,)

        @_test_power.composite
        def _(x, *, power):
            return x**power

        x = nnlite.tensor([0.5, 2.0], dtype=nnlite.float64, device=device, requires_grad=True)
        call = lambda t: _test_power(t, power=3)  # noqa: E731
        assert gradcheck(call, x) and gradgradcheck(call, x)

    def test_without_a_derivative(self, device):
        @op()
        def _test_no_rule(xp, x):
            return x + 1

        x = nnlite.ones(2, device=device, requires_grad=True)
        with pytest.raises(NotImplementedError, match="derivative of test_no_rule is not implemented"):
            _test_no_rule(x).sum().backward()

    def test_names_are_taken_once(self):
        unary("test_name", "exp")
        with pytest.raises(ValueError, match="defined twice"):
            unary("test_name", "exp")

    def test_inputs_that_are_no_tensors(self):
        @op()
        def _test_two(xp, x, y):
            return x + y

        with pytest.raises(TypeError, match=r"test_two\(\): argument 2 must be Tensor, not float"):
            _test_two(nnlite.ones(1), 2.0)
