"""torch.func, autograd.functional and forward_ad next to PyTorch: the same values and errors."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np
import pytest

import nnlite

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4)).astype("f4")
W = RNG.standard_normal((4, 5)).astype("f4")
V = RNG.standard_normal(4).astype("f4")
S = np.float32(0.3)


def flat(value: Any) -> list[Any]:
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in flat(part)]
    return [leaf for part in value.values() for leaf in flat(part)] if isinstance(value, dict) else [value]


def check(run: Any, *arrays: np.ndarray, flags: bool = True) -> None:
    """``run(library, *tensors)`` gives the same numbers, or the same type of error, in both libraries.

    With ``flags`` results require grad where PyTorch's do. (PyTorch's jacobian leaves some recorded that are constant,
    or were not to be recorded.)
    """
    results: list[Any] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's forward mode compiles something in a way that it warns of itself
        for library in (torch, nnlite):
            try:
                results.append(flat(run(library, *(library.tensor(a) for a in arrays))))
            except Exception as error:
                results.append(error)
    theirs, ours = results
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), f"PyTorch raises {theirs!r}, nnlite {ours!r}"
        return
    if isinstance(ours, Exception):
        raise ours
    assert len(theirs) == len(ours)
    for a, b in zip(theirs, ours, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert tuple(a.shape) == tuple(b.shape) and str(a.dtype) == str(b.dtype)
            assert not flags or a.requires_grad == b.requires_grad
            np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=2e-4, atol=2e-5)


def outer_backward(L: Any, w: Any, x: Any) -> Any:
    w = w.requires_grad_()
    g = L.func.vmap(L.func.grad(lambda x: (x @ w).tanh().sum()))(x)
    g.pow(2).sum().backward()
    return w.grad


def shared_results(L: Any, w: Any, x: Any) -> Any:
    w = w.requires_grad_()
    u = w * 2
    y, z = L.func.vmap(lambda x: ((x @ u).tanh(), u.sum() * 3), out_dims=(1, None))(x)
    (y.sum() * z).backward()
    return w.grad


def both(run: Any) -> Any:
    return lambda L, v: (lambda pair: (pair[0], pair[1](v)))(run(L, v))


TRANSFORMS = {
    "grad": (lambda L, x: L.func.grad(lambda x: (x.sin() * x).sum())(x), X),
    "grad of grad": (lambda L, x: L.func.grad(L.func.grad(lambda x: x.sin() * x**3))(x), S),
    "third derivative": (lambda L, x: L.func.grad(L.func.grad(L.func.grad(lambda x: x.sin() * x**3)))(x), S),
    "gradient of each example": (
        lambda L, w, x: L.func.vmap(L.func.grad(lambda w, x: ((x @ w).tanh() ** 2).sum()), (None, 0))(w, x), W, X,
    ),
    "jacrev": (lambda L, w, x: L.func.jacrev(lambda x: (x @ w).tanh())(x), W, X),
    "jacfwd": (lambda L, w, x: L.func.jacfwd(lambda x: (x @ w).tanh())(x), W, X),
    "jacrev of two": (lambda L, w, x: L.func.jacrev(lambda x, w: (x @ w).tanh(), (0, 1))(x, w), W, X),
    "jacfwd of two": (lambda L, w, x: L.func.jacfwd(lambda x, w: (x @ w).tanh(), (0, 1))(x, w), W, X),
    "jacrev in chunks": (lambda L, w, x: L.func.jacrev(lambda x: (x @ w).tanh(), chunk_size=4)(x), W, X),
    "jacrev of vmap": (lambda L, w, x: L.func.jacrev(lambda w: L.func.vmap(lambda x: (x @ w).tanh())(x))(w), W, X),
    "vmap of jacrev": (lambda L, w, x: L.func.vmap(L.func.jacrev(lambda x: (x @ w).tanh()))(x), W, X),
    "vmap of jacfwd": (lambda L, w, x: L.func.vmap(L.func.jacfwd(lambda x: (x @ w).tanh()))(x), W, X),
    "hessian": (lambda L, v: L.func.hessian(lambda x: (x**3 * x.sin()).sum() * x.prod())(v), V),
    "vmap of hessian": (lambda L, x: L.func.vmap(L.func.hessian(lambda x: (x**3 * x.sin()).sum() * x.prod()))(x), X),
    "hessian of vmap": (
        lambda L, w, x: L.func.hessian(lambda w: L.func.vmap(lambda x: (x @ w).tanh().sum())(x).sum())(w), W, X,
    ),
    "jvp": (lambda L, v: L.func.jvp(lambda x: x.sin() * x.sum(), (v,), (v * 2,)), V),
    "grad of jvp": (
        lambda L, v: L.func.grad(lambda v: L.func.jvp(lambda x: x.sin() * x.sum(), (v,), (v * 2,))[1].sum())(v), V,
    ),
    "linearize": (both(lambda L, v: L.func.linearize(lambda x: x.sin() * x.sum(), v)), V),
    "vjp": (both(lambda L, v: L.func.vjp(lambda x: x.sin() * x.sum(), v)), V),
    "vmap of vjp": (lambda L, x: L.func.vmap(
        lambda v: both(lambda L, v: L.func.vjp(lambda x: x.sin() * x.sum(), v))(L, v))(x), X),
    "grad of vmap": (
        lambda L, w, x: L.func.grad(lambda w: L.func.vmap(lambda x: (x @ w).tanh().sum())(x).sum())(w), W, X,
    ),
    "grad of vmap of grad": (
        lambda L, w, x: L.func.grad(
            lambda w: L.func.vmap(L.func.grad(lambda x: (x @ w).tanh().sum()))(x).pow(2).sum())(w), W, X,
    ),
    "grad_and_value with aux": (
        lambda L, x: L.func.grad_and_value(lambda x: ((x.sin() * x).sum(), x * 2), has_aux=True)(x), X,
    ),
    "backward through vmap of grad": (outer_backward, W, X),
    "results that all share": (shared_results, W, X),
    "grad under no_grad": (lambda L, v: _under_no_grad(L, v), V),
    "grad of what requires grad": (lambda L, v: L.func.grad(lambda x: (x**3).sum())(v.requires_grad_()), V),
    "nested containers": (lambda L, w, x: L.func.vmap(
        lambda d: {"a": d["x"] @ d["w"], "b": (d["x"],)}, in_dims=({"x": 0, "w": None},))({"x": x, "w": w}), W, X),
    "vmap in chunks": (lambda L, w, x: L.func.vmap(
        lambda x: (x @ w, x.sum()), in_dims=1, out_dims=(1, 0), chunk_size=2)(L.cat([x] * 3).T), W, X),
    "vmap of vmap": (lambda L, v: L.vmap(L.vmap(lambda a, b: a * b, (None, 0)), (0, None))(v, v), V),
    "index for each example": (lambda L, x: L.vmap(lambda x, i: x[i] * 2)(x, L.tensor([0, 3, 1])), X),
    "rows for each example": (lambda L, w: L.vmap(lambda i: w[i])(L.tensor([[0, 3], [1, 1]])), W),
    "columns for each example": (lambda L, w: L.vmap(lambda i: w[:, i])(L.tensor([[0, 3], [1, 1]])), W),
    "same numbers": (lambda L, x: L.vmap(lambda x: x * 0 + L.rand(4), randomness="same")(x).std(0), X),
}  # fmt: skip


def _under_no_grad(L: Any, v: Any) -> Any:
    with L.no_grad():
        return L.func.grad(lambda x: (x**3).sum())(v)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name):
    run, *arrays = TRANSFORMS[name]
    check(run, *arrays)


ERRORS = {
    "item": lambda L, x: L.vmap(lambda x: x.sum().item())(x),
    "branch": lambda L, x: L.vmap(lambda x: x if x.sum() > 0 else -x)(x),
    "mask": lambda L, x: L.vmap(lambda x: x[x > 0])(x),
    "nonzero": lambda L, x: L.vmap(lambda x: L.nonzero(x))(x),
    "random": lambda L, x: L.vmap(lambda x: x + L.rand(4))(x),
    "write to what is shared": lambda L, x: L.vmap(lambda x: L.ones(4).add_(x))(x),
    "no inputs": lambda L, x: L.vmap(lambda: x)(),
    "no tensors": lambda L, x: L.vmap(lambda x: x, in_dims=None)(x),
    "sizes": lambda L, x: L.vmap(lambda a, b: a)(x, x[:2]),
    "in_dims out of range": lambda L, x: L.vmap(lambda a: a, in_dims=2)(x),
    "in_dims of another form": lambda L, x: L.vmap(lambda a: a, in_dims=(0, 0))(x),
    "in_dims of another type": lambda L, x: L.vmap(lambda a: a, in_dims="0")(x),
    "out_dims None": lambda L, x: L.vmap(lambda a: a, out_dims=None)(x),
    "output of another type": lambda L, x: L.vmap(lambda a: 3)(x),
    "out_dims of another form": lambda L, x: L.vmap(lambda a: a, out_dims=(0, 0))(x),
    "randomness": lambda L, x: L.vmap(lambda a: a, randomness="some")(x),
    "chunk_size": lambda L, x: L.vmap(lambda a: a, chunk_size=0)(x),
    "grad of a vector": lambda L, x: L.func.grad(lambda x: x)(x),
    "grad of no tensor": lambda L, x: L.func.grad(lambda x: 3.0)(x),
    "argnums": lambda L, x: L.func.grad(lambda x: x.sum(), argnums=1)(x),
    "aux": lambda L, x: L.func.grad(lambda x: x.sum(), has_aux=True)(x),
    "jvp of a tensor": lambda L, x: L.func.jvp(lambda x: x, x, x),
    "tangent of another shape": lambda L, x: L.func.jvp(lambda x: x, (x,), (x[0],)),
    "cotangents": lambda L, x: L.func.vjp(lambda x: (x, x), x)[1](x),
    "grad of integers": lambda L, x: L.func.grad(lambda x: x.sum())(x.long()),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    with pytest.raises(Exception) as theirs:
        ERRORS[name](torch, torch.tensor(X))
    with pytest.raises(type(theirs.value)):
        ERRORS[name](nnlite, nnlite.tensor(X))


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("vectorize", [False, True])
class TestFunctional:
    def test_jacobian(self, create_graph, vectorize):
        def run(L: Any, x: Any, w: Any) -> Any:
            return L.autograd.functional.jacobian(
                lambda x, w: ((x @ w).tanh(), x.sum()), (x, w), create_graph=create_graph, vectorize=vectorize
            )

        check(run, X, W, flags=False)

    def test_hessian(self, create_graph, vectorize):
        def run(L: Any, v: Any) -> Any:
            return L.autograd.functional.hessian(
                lambda x, y: (x**3 * y.sin()).sum(), (v, v * 2), create_graph=create_graph, vectorize=vectorize
            )

        check(run, V)


FUNCTIONAL = {
    "jacobian forward": lambda L, v: L.autograd.functional.jacobian(
        lambda x: x.sin() * x.sum(), v, vectorize=True, strategy="forward-mode"),
    "hessian forward": lambda L, v: L.autograd.functional.hessian(
        lambda x: (x**3).sum(), v, vectorize=True, outer_jacobian_strategy="forward-mode"),
    "jacobian of a constant": lambda L, v: L.autograd.functional.jacobian(lambda x: L.ones(2), v),
    "vjp": lambda L, v: L.autograd.functional.vjp(lambda x: x.sin() * x.sum(), v, v * 2),
    "vjp recorded": lambda L, v: L.autograd.functional.vjp(
        lambda x: x.sin() * x.sum(), v.requires_grad_(), v.detach() * 2, create_graph=True),
    "jvp": lambda L, v: L.autograd.functional.jvp(lambda x: x.sin() * x.sum(), v, v * 2),
    "hvp": lambda L, v: L.autograd.functional.hvp(lambda x: (x**3 * x.sin()).sum() * x.sum(), v, v * 2),
    "vhp": lambda L, v: L.autograd.functional.vhp(lambda x: (x**3 * x.sin()).sum() * x.sum(), v, v * 2),
    "hvp of a linear one": lambda L, v: L.autograd.functional.hvp(lambda x: x.sum(), v, v * 2),
    "vhp of a linear one": lambda L, v: L.autograd.functional.vhp(lambda x: x.sum(), v, v * 2),
    "hvp strict": lambda L, v: L.autograd.functional.hvp(lambda x: x.sum(), v, v * 2, strict=True),
    "vhp strict": lambda L, v: L.autograd.functional.vhp(lambda x: x.sum(), v, v * 2, strict=True),
    "vjp of a constant, strict": lambda L, v: L.autograd.functional.vjp(lambda x: L.ones(1), v, strict=True),
    "no v": lambda L, v: L.autograd.functional.vjp(lambda x: x * 2, v),
    "v of another size": lambda L, v: L.autograd.functional.jvp(lambda x: x * 2, v, v[:2]),
    "output no tensor": lambda L, v: L.autograd.functional.jacobian(lambda x: 3, v),
    "input no tensor": lambda L, v: L.autograd.functional.jacobian(lambda x: x, 3),
    "hessian of a vector": lambda L, v: L.autograd.functional.hessian(lambda x: x, v),
    "strict and vectorize": lambda L, v: L.autograd.functional.jacobian(lambda x: x, v, strict=True, vectorize=True),
    "strategy": lambda L, v: L.autograd.functional.jacobian(lambda x: x, v, strategy="sideways"),
    "batched grad": lambda L, v: L.autograd.grad(
        (lambda x: x.sin())(v.requires_grad_()), v, L.eye(4), is_grads_batched=True),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_functional(name):
    check(FUNCTIONAL[name], V, flags=False)


def test_dual_numbers():
    def run(L: Any, v: Any) -> Any:
        forward = importlib.import_module(f"{L.__name__}.autograd.forward_ad")
        with forward.dual_level():
            dual = forward.make_dual(v, v * 2)
            assert forward.unpack_dual(v).tangent is None
            return tuple(part.detach() for part in forward.unpack_dual(dual.sin() * dual.sum()))

    check(run, V)


class TestModules:
    def test_ensemble(self):
        def run(L: Any, x: Any, w: Any, b: Any) -> Any:
            models = []
            for k in range(3):
                layer = L.nn.Linear(4, 5)
                with L.no_grad():
                    layer.weight.copy_(w.T * (k + 1))
                    layer.bias.copy_(b)
                models.append(layer)
            params, buffers = L.func.stack_module_state(models)
            return L.vmap(lambda p, x: L.func.functional_call(models[0], (p, buffers), (x,)), (0, None))(params, x)

        check(run, X, W, RNG.standard_normal(5).astype("f4"))

    def test_gradient_of_each_example(self):
        def run(L: Any, x: Any, w: Any) -> Any:
            layer = L.nn.Linear(4, 5, bias=False)
            params = {"weight": w.T.detach()}

            def loss(p: Any, x: Any) -> Any:
                return L.func.functional_call(layer, p, (x,)).tanh().sum()

            return L.vmap(L.func.grad(loss), (None, 0))(params, x)

        check(run, X, W)

    def test_unknown_names(self):
        for L in (torch, nnlite):
            layer = L.nn.Linear(2, 2)
            with pytest.raises(RuntimeError):
                L.func.functional_call(layer, {"weight": L.ones(2, 2)}, L.ones(2), strict=True)
            with pytest.raises(ValueError):
                L.func.functional_call(layer, [{"weight": L.ones(2, 2)}, {"weight": L.ones(2, 2)}], L.ones(2))
            before = layer.weight
            with pytest.raises(RuntimeError):
                L.func.functional_call(layer, {"weight": L.ones(3, 3)}, L.ones(2))
            assert layer.weight is before
