"""Every operation of the table in ``op_specs`` through the same checks, on every device."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from op_specs import NO_SPEC, SPECS
from op_specs.base import SINGLES, TOLERANCE, OpSpec, Sample
from spec_runs import draws, fresh_table, inputs_of, is_float, operations_run, several, tensors

import nnlite
import nnlite.optim  # its update rules stand in the kernel table
from nnlite._core.op import OPS
from nnlite._core.tensor_base import wrap
from nnlite.autograd import gradcheck, gradgradcheck
from nnlite.backends import backend_for
from nnlite.backends.kernels import GENERIC
from nnlite.backends.registry import tables

ALL = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
DIFFERENTIABLE = pytest.mark.parametrize("spec", [s for s in SPECS if s.differentiable], ids=lambda spec: spec.id)
DTYPES = pytest.mark.parametrize(
    "spec, dtype",
    [(s, d) for s in SPECS for d in s.dtypes],
    ids=lambda value: value if isinstance(value, str) else value.id,
)


def host(t: Any) -> np.ndarray:
    return np.asarray(t.detach().cpu().to(nnlite.float64 if t.is_floating_point() else t.dtype).numpy())


def expected(spec: OpSpec, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[np.ndarray, ...]:
    with np.errstate(all="ignore"):
        return tuple(np.asarray(r) for r in several(spec.reference(*args, **kwargs)))


def check_forward(spec: OpSpec, sample: Sample, device: str, dtype: str) -> None:
    args, kwargs = sample
    given = tensors(spec, args, device, dtype)
    before = [host(t).copy() if isinstance(t, nnlite.Tensor) else None for t in given]
    results = several(spec.call(*given, **kwargs))
    wants = expected(spec, args, kwargs)
    assert len(results) == len(wants)
    tolerance = TOLERANCE[dtype] * spec.loose
    for result, want in zip(results, wants, strict=True):
        assert str(result.device).split(":")[0] == device.split(":")[0]
        assert tuple(result.shape) == want.shape
        np.testing.assert_allclose(host(result), want, rtol=tolerance, atol=tolerance)
    for t, old in zip(given, before, strict=True):
        if old is not None:
            np.testing.assert_array_equal(host(t), old, err_msg="the operation changed its input")
    floats = [t for t in given if isinstance(t, nnlite.Tensor) and t.is_floating_point()]
    first = results[0]
    if spec.result != "same":
        assert first.dtype is getattr(nnlite, spec.result)
    elif floats:
        assert first.dtype is floats[0].dtype


@DTYPES
def test_forward(spec, dtype, device):
    """The result is the reference's, in the input's dtype and shape; the inputs stay as they were."""
    for sample in spec.samples(draws()):
        check_forward(spec, sample, device, dtype)


@ALL
def test_no_dimensions_and_no_elements(spec, device):
    """0-d and empty inputs."""
    samples = list(spec.edges(draws()))
    if spec.elementwise:
        (args, kwargs), *_ = spec.samples(draws())
        for shape in ((), (0,), (2, 0)):
            # Every second number of the sample, so that no two operands are the same.
            filled = [np.resize(a.ravel()[i:], shape) if is_float(a) else a for i, a in enumerate(args)]
            samples.append((tuple(filled), kwargs))
    for args, kwargs in samples:
        check_forward(spec, (args, kwargs), device, "float64")
        if spec.differentiable:
            given = tensors(spec, args, device, grad=True)
            results = [r for r in several(spec.call(*given, **kwargs)) if r.requires_grad]
            sum(r.sum() for r in results).backward()
            for i in inputs_of(spec, args):
                assert given[i].grad is None or given[i].grad.shape == given[i].shape


def with_leaves(spec: OpSpec, args: list[Any], kwargs: dict[str, Any]) -> tuple[Any, list[Any]]:
    """The call as a function of the leaves alone, and the leaves."""
    places = [i for i, a in enumerate(args) if isinstance(a, nnlite.Tensor) and a.requires_grad]

    def function(*leaves: Any) -> Any:
        full = list(args)
        for place, leaf in zip(places, leaves, strict=True):
            full[place] = leaf
        return spec.call(*full, **kwargs)

    return function, [args[i] for i in places]


@DIFFERENTIABLE
def test_gradient(spec, device):
    """Backward on the CPU against differences of the function, and on other devices against the CPU's."""
    for args, kwargs in spec.samples(draws()):
        if device != "cpu":
            agree(
                *(run(spec, tensors(spec, args, d, grad=True), kwargs, inputs_of(spec, args)) for d in ("cpu", device))
            )
            continue
        function, leaves = with_leaves(spec, tensors(spec, args, device, grad=True), kwargs)
        if leaves:
            assert gradcheck(function, leaves)


@pytest.mark.parametrize("spec", [s for s in SPECS if s.differentiable and s.second], ids=lambda spec: spec.id)
def test_second_gradient(spec, device):
    """Double backward on the CPU against differences of backward, and on other devices against the CPU's."""
    for args, kwargs in spec.samples(draws())[:3]:
        if device != "cpu":
            agree(*(run_twice(spec, tensors(spec, args, d, grad=True), kwargs) for d in ("cpu", device)))
            continue
        function, leaves = with_leaves(spec, tensors(spec, args, device, grad=True), kwargs)
        if leaves:
            assert gradgradcheck(function, leaves)


def agree(ones: list[Any], others: list[Any]) -> None:
    for one, other in zip(ones, others, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-7, atol=1e-9)


def run_twice(spec: OpSpec, given: list[Any], kwargs: dict[str, Any]) -> list[np.ndarray]:
    """The gradients of the gradients, by inputs and incoming gradients, for certain incoming ones of both."""
    seeds = np.random.default_rng(3)

    def seed(r: Any) -> Any:
        return nnlite.tensor(seeds.standard_normal(tuple(r.shape)), dtype=r.dtype, device=r.device)

    leaves = [t for t in given if isinstance(t, nnlite.Tensor) and t.requires_grad]
    outs = [r for r in several(spec.call(*given, **kwargs)) if r.requires_grad]
    if not outs or not leaves:
        return []
    incoming = [seed(r).requires_grad_() for r in outs]
    first = nnlite.autograd.grad(outs, leaves, incoming, create_graph=True, allow_unused=True)
    grads = [g for g in first if g is not None and g.requires_grad]
    if not grads:
        return []
    wanted = [*leaves, *incoming]
    second = nnlite.autograd.grad(grads, wanted, [seed(g) for g in grads], allow_unused=True)
    zeros = [np.zeros(tuple(t.shape)) for t in wanted]
    return [zero if g is None else host(g) for g, zero in zip(second, zeros, strict=True)]


@DIFFERENTIABLE
def test_dtype_of_gradients(spec, device):
    """Gradients have their inputs' dtype, before backward converts what it adds to ``.grad``."""
    for dtype in spec.dtypes:
        for args, kwargs in spec.samples(draws()):
            given = tensors(spec, args, device, dtype, grad=True)
            seen = []
            for i in inputs_of(spec, args):
                # bfloat16 is not an own type of NumPy's: Python numbers turn it into float32 there.
                given[i].register_hook(lambda g, seen=seen: seen.append(g.dtype))
            results = [r for r in several(spec.call(*given, **kwargs)) if r.requires_grad]
            sum(r.sum() for r in results).backward()
            kind = getattr(nnlite, dtype)
            for i in inputs_of(spec, args):
                assert given[i].grad is None or given[i].grad.dtype is kind
            if dtype != "bfloat16":
                assert set(seen) <= {kind}


def strided(t: Any) -> Iterator[Any]:
    """The same values in other layouts: columns first, every second element, backwards, one element repeated."""
    a = t._a
    if not a.ndim:
        return
    axes = tuple(range(a.ndim))[::-1]
    yield wrap(a.transpose(axes).copy().transpose(axes))
    spaced = nnlite.zeros(*(2 * n for n in a.shape), dtype=t.dtype, device=t.device)._a
    spaced[tuple(slice(None, None, 2) for _ in a.shape)] = a
    yield wrap(spaced[tuple(slice(None, None, 2) for _ in a.shape)])
    backwards = tuple(slice(None, None, -1) for _ in a.shape)
    yield wrap(a[backwards].copy()[backwards])


@pytest.mark.parametrize("spec", [s for s in SPECS if s.differentiable and s.layouts], ids=lambda spec: spec.id)
def test_layouts(spec, device):
    """Values and gradients do not depend on how inputs and incoming gradients lie in memory."""
    for args, kwargs in spec.samples(draws()):
        plain = tensors(spec, args, device, grad=True)
        variants = [
            list(strided(t)) if isinstance(t, nnlite.Tensor) and t.dtype is nnlite.float64 else [t] for t in plain
        ]
        wanted = inputs_of(spec, args)
        first = run(spec, plain, kwargs, wanted)
        for k in range(3):
            others = [v[k % len(v)] if v else plain[i] for i, v in enumerate(variants)]
            leaves = [o.detach().requires_grad_() if i in wanted else o for i, o in enumerate(others)]
            for one, other in zip(first, run(spec, leaves, kwargs, wanted, k), strict=True):
                np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-12)


def run(
    spec: OpSpec, given: list[Any], kwargs: dict[str, Any], wanted: tuple[int, ...], layout: int | None = None
) -> list[Any]:
    """Results, and the gradients for a certain incoming gradient."""
    results = several(spec.call(*given, **kwargs))
    seeds = np.random.default_rng(3)
    outs = [r for r in results if r.requires_grad]
    incoming = [nnlite.tensor(seeds.standard_normal(tuple(r.shape)), dtype=r.dtype, device=r.device) for r in outs]
    if layout is not None:
        incoming = [(list(strided(g)) or [g] * 3)[layout] for g in incoming]
    leaves = [given[i] for i in wanted if isinstance(given[i], nnlite.Tensor)]
    grads = nnlite.autograd.grad(outs, leaves, incoming, allow_unused=True) if outs and leaves else ()
    return [host(r) for r in results] + [host(g) for g in grads if g is not None]


EXTREMES = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e300, -1e300, 1.0, -1.0, 5e-324, 0.5, 2.0])


@ALL
def test_extreme_values(spec, device):
    """Infinite, huge and missing numbers go through; elementwise operations treat them as NumPy does."""
    for args, kwargs in spec.samples(draws())[: 2 if spec.elementwise else 4]:
        count = sum(map(is_float, args))
        grid = iter(np.meshgrid(*[EXTREMES] * count) if spec.elementwise and count else ())
        rng = draws()
        full = tuple(
            (next(grid).ravel() if spec.elementwise else rng.choice(EXTREMES, a.shape)) if is_float(a) else a
            for a in args
        )
        if spec.elementwise and any(isinstance(a, np.ndarray) and not is_float(a) for a in args):
            full = tuple(rng.choice(EXTREMES, a.shape) if is_float(a) else a for a in args)
        given = tensors(spec, full, device, grad=True)
        results = several(spec.call(*given, **kwargs))
        if spec.extreme:
            for result, want in zip(results, expected(spec, full, kwargs), strict=True):
                np.testing.assert_allclose(host(result), want, rtol=1e-10, err_msg=str(full))
        outs = [r for r in results if r.requires_grad]
        if outs:
            sum(r.sum() for r in outs).backward()


@pytest.mark.parametrize("spec", [s for s in SPECS if s.view], ids=lambda spec: spec.id)
def test_views_share_storage(spec, device):
    for args, kwargs in spec.samples(draws()):
        given = tensors(spec, args, device)
        (x,) = (t for t in given if isinstance(t, nnlite.Tensor))
        view = spec.call(*given, **kwargs)
        assert view._is_view()
        x.fill_(42)
        assert bool((view == 42).all())
        assert view._version == x._version == 1


# ---------------------------------------------------------------------------------------------------------------------
# The kernel table


@DIFFERENTIABLE
def test_overrides_agree_with_the_generic_bodies(spec, device):
    """Faster kernels of a device give what the generic expression gives, forward and backward."""
    for dtype in [d for d in spec.dtypes if d in SINGLES]:
        for args, kwargs in spec.samples(draws()):
            wanted = inputs_of(spec, args)
            fast = run(spec, tensors(spec, args, device, dtype, grad=True), kwargs, wanted)
            with fresh_table(device, overrides=False):
                plain = run(spec, tensors(spec, args, device, dtype, grad=True), kwargs, wanted)
            tolerance = TOLERANCE[dtype]
            for one, other in zip(fast, plain, strict=True):
                np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def test_overrides_fit_their_operations(device):
    """An override has the name and the parameters of a generic body, and its condition takes the same."""
    for name, override in tables[backend_for(device.split(":")[0]).array_type].overrides_.items():
        body = GENERIC[name]
        for function in (override.function, *([override.when] if override.when else [])):
            mine = list(inspect.signature(function).parameters.values())
            if isinstance(body, str):
                assert len(mine) == getattr(np, body).nin
                continue
            theirs = list(inspect.signature(body).parameters.values())[1:]
            assert [(p.name, p.kind, p.default) for p in mine] == [(p.name, p.kind, p.default) for p in theirs], name


@ALL
def test_a_spec_runs_what_it_says(spec, monkeypatch):
    names = operations_run(spec, "cpu", monkeypatch)
    assert {spec.name, *spec.covers} <= names, f"not run: {({spec.name, *spec.covers}) - names}"


def test_every_operation_has_a_spec():
    """A new operation needs a spec, or a place among the ``covers`` of the one whose derivative it is."""
    covered = {name for spec in SPECS for name in (spec.name, *spec.covers)}
    assert not set(OPS) - covered - set(NO_SPEC), "operations without a spec in tests/op_specs"
    assert not covered - set(OPS), "specs of operations that do not exist"
    assert not set(NO_SPEC) & covered
    assert all(NO_SPEC.values())


def test_titles_are_unique():
    titles = [spec.id for spec in SPECS]
    assert len(set(titles)) == len(titles)
