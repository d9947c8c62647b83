"""vmap: every operation over a batch gives what it gives for each example, forward and backward, without a loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from op_specs import SPECS
from op_specs.base import OpSpec

import nnlite
from nnlite._core.batched.levels import DynamicShape, VmapError
from nnlite._core.batched.table import fallbacks
from nnlite._core.op import OPS
from nnlite.autograd import grad
from nnlite.backends.kernels import GENERIC

BATCH = 3

FAMILIES = {
    *("arithmetic", "elementwise", "activation", "reduce", "shape", "linalg", "products", "stacking", "loss", "conv"),
    *("pool", "pad"),
}
"""Files of operations that run over the whole batch; others may run once for each example, or refuse."""

REFUSED = {"copy", "as_strided"}
"""What of them cannot: writes to what the examples share, and views of a storage that an example does not have."""

APART = {
    "lstm": "the operation writes to its weights, so that a second run gives something else",
    "as_strided": "an example in a stack has the storage of the stack",
}
"""Specs of which the examples alone cannot tell what the batch has to give."""


def is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.floating) and np.asarray(value).dtype == np.float64


def several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def host(t: Any) -> np.ndarray:
    return t.detach().cpu().numpy()


def cases(spec: OpSpec) -> list[tuple[list[tuple[Any, ...]], dict[str, Any], list[int]]]:
    """For each sample as many draws of it as there are examples, its keywords, and the places that can be batched."""
    draws = [spec.samples(np.random.default_rng(7 + k)) for k in range(BATCH)]
    out = []
    for rows in zip(*draws, strict=True):
        args = [args for args, _ in rows]
        places = [
            i
            for i, a in enumerate(args[0])
            if isinstance(a, np.ndarray)
            and all(isinstance(o[i], np.ndarray) and o[i].shape == a.shape and o[i].dtype == a.dtype for o in args)
        ]
        out.append((args, rows[0][1], [i for i in places if is_float(args[0][i])] or places))
    return out


def tensor(value: Any, device: str) -> Any:
    return nnlite.tensor(np.asarray(value), device=device) if isinstance(value, np.ndarray | np.floating) else value


def run_case(spec: OpSpec, draws: Any, kwargs: Any, places: list[int], device: str) -> None:
    """Forward and gradients of the call over a batch in ``places`` against those of each example."""
    wanted = [i for i in places if is_float(draws[0][i]) and spec.inputs != ()
              and (spec.inputs is None or i in spec.inputs)]  # fmt: skip
    shared = [tensor(a, device) for a in draws[0]]
    batch = {i: nnlite.stack([tensor(args[i], device) for args in draws]) for i in places}
    dims = tuple(0 if i in places else None for i in range(len(shared)))

    def call(*xs: Any) -> Any:
        return spec.call(*xs, **kwargs)

    leaves = {i: batch[i].clone().requires_grad_() for i in wanted}
    try:
        singles = []
        for k in range(BATCH):
            own = {i: leaves[i][k] if i in leaves else batch[i][k] for i in places}
            singles.append(several(call(*[own.get(i, x) for i, x in enumerate(shared)])))
    except (RuntimeError, IndexError, ValueError, TypeError, NotImplementedError):
        return  # these draws do not go together
    want_g = gradients([t for single in singles for t in single], leaves)
    twins = {i: batch[i].clone().requires_grad_() for i in wanted}
    try:
        over = several(nnlite.vmap(call, dims)(*[twins.get(i, batch.get(i, x)) for i, x in enumerate(shared)]))
    except DynamicShape:
        return
    for k, single in enumerate(singles):
        for a, b in zip(over, single, strict=True):
            assert a.dtype == b.dtype and a.shape[1:] == b.shape
            np.testing.assert_allclose(host(a[k]), host(b), rtol=1e-6, atol=1e-8)
    for a, b in zip(gradients(over, twins), want_g, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(host(a), host(b), rtol=1e-6, atol=1e-8)


def gradients(outputs: Any, leaves: dict[int, Any]) -> tuple[Any, ...]:
    recorded = [t for t in outputs if t.requires_grad]
    if not recorded or not leaves:
        return ()
    seeds = [nnlite.ones_like(t) for t in recorded]
    return grad(recorded, list(leaves.values()), seeds, allow_unused=True)


def in_family(name: str) -> bool:
    """Whether an operation is of a family that has to run over the whole batch."""
    module = getattr(GENERIC[name], "__module__", "nnlite.ops.elementwise")
    return OPS[name].elementwise or module.rpartition(".")[2] in FAMILIES


def refuses(error: BaseException | None) -> bool:
    """Whether an error says, by itself or by its cause, that the call needs values or writes to what is shared."""
    while error is not None:
        if isinstance(error, VmapError) or "Batched_" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


@pytest.mark.parametrize("spec", [s for s in SPECS if s.id not in APART], ids=lambda spec: spec.id)
def test_every_operation(spec, device):
    before = dict(fallbacks)
    for draws, kwargs, places in cases(spec):
        for some in {tuple(places), tuple(places[:1]), tuple(places[-1:])} - {()}:
            try:
                run_case(spec, draws, kwargs, list(some), device)
            except Exception as error:
                if not refuses(error):
                    raise
                refused = in_family(spec.name) and spec.name not in REFUSED and len(some) == len(places)
                if refused and "random" not in str(error):
                    raise
    looped = {name for name, count in fallbacks.items() if count != before.get(name, 0) and in_family(name)}
    assert not looped, f"{looped} ran once for each example"


class TestLevels:
    def test_nested_batches_do_not_mix(self, device):
        a = nnlite.arange(3.0, device=device)
        b = nnlite.arange(4.0, device=device)
        out = nnlite.vmap(lambda x: nnlite.vmap(lambda y: (x * y, x + 1))(b))(a)
        assert out[0].tolist() == (a[:, None] * b).tolist()
        assert out[1].tolist() == (a[:, None] + 1).expand(3, 4).tolist()

    def test_three_levels(self, device):
        a = nnlite.arange(2.0, device=device)
        f = nnlite.vmap(lambda x: nnlite.vmap(lambda y: nnlite.vmap(lambda z: x + 10 * y + 100 * z)(a))(a))
        assert f(a).tolist() == (a[:, None, None] + 10 * a[:, None] + 100 * a).tolist()

    def test_operands_of_any_level(self, device):
        x = nnlite.randn(3, 4, device=device)
        w = nnlite.randn(2, 4, 5, device=device)
        out = nnlite.vmap(lambda w: nnlite.vmap(lambda x: x @ w)(x))(w)
        np.testing.assert_allclose(host(out), host(x) @ host(w), rtol=1e-5, atol=1e-6)

    def test_writes_go_through_to_the_input(self, device):
        x = nnlite.zeros(3, 2, device=device)
        nnlite.vmap(lambda row, k: row.add_(k), (1, 0))(x, nnlite.arange(2.0, device=device))
        assert x.tolist() == [[0, 1]] * 3

    def test_nothing_is_left_behind(self, device):
        x = nnlite.ones(3, device=device)
        with pytest.raises(VmapError):
            nnlite.vmap(lambda v: v.item())(x)
        assert (x + 1).tolist() == [2, 2, 2] and nnlite.vmap(lambda v: v * 2)(x).tolist() == [2, 2, 2]

    def test_gradients_of_what_is_shared_are_summed(self, device):
        w = nnlite.ones(2, device=device, requires_grad=True)
        x = nnlite.arange(6.0, device=device).reshape(3, 2)
        nnlite.vmap(lambda row: (row * w * 2).sum())(x).sum().backward()
        assert w.grad.tolist() == [12, 18]

    def test_shared_results(self, device):
        w = nnlite.ones(2, device=device, requires_grad=True)
        x = nnlite.ones(3, 2, device=device)
        y, z = nnlite.vmap(lambda row: (row * w, w * 5), out_dims=(0, None))(x)
        (y.sum() + z.sum()).backward()
        assert z.shape == (2,) and w.grad.tolist() == [8, 8]

    def test_fallback_is_the_same(self, device):
        a = nnlite.randn(3, 4, 4, device=device, dtype=nnlite.float64)
        before = fallbacks.get("row_exchanges", 0)
        p, low, up = nnlite.vmap(lambda m: nnlite.linalg.lu(m))(a)
        assert fallbacks["row_exchanges"] > before
        np.testing.assert_allclose(host(p @ low @ up), host(a), atol=1e-12)

    def test_error_of_one_example(self, device):
        with pytest.raises(RuntimeError, match="must match the size of tensor b"):
            nnlite.vmap(lambda x: x + nnlite.ones(3, device=device))(nnlite.ones(2, 4, device=device))


class TestRandomness:
    @pytest.mark.parametrize("draw", [lambda x: nnlite.rand_like(x), lambda x: nnlite.randn_like(x)])
    def test_different_and_same(self, draw, device):
        x = nnlite.zeros(4, 5, device=device)
        different = nnlite.vmap(lambda v: v + draw(v), randomness="different")(x)
        same = nnlite.vmap(lambda v: v + draw(v), randomness="same")(x)
        assert len({tuple(row) for row in different.tolist()}) == 4
        assert len({tuple(row) for row in same.tolist()}) == 1

    def test_dropout(self, device):
        x = nnlite.ones(6, 50, device=device)
        drop = nnlite.nn.functional.dropout
        out = nnlite.vmap(lambda v: drop(v, 0.5), randomness="different")(x)
        assert len({tuple(row) for row in out.tolist()}) == 6 and set(np.unique(host(out))) == {0, 2}

    def test_refused_unless_asked_for(self, device):
        with pytest.raises(RuntimeError, match="randomness error mode"):
            nnlite.vmap(lambda v: v + nnlite.rand(3, device=device))(nnlite.ones(2, 3, device=device))


class TestCustomFunctions:
    class Cube(nnlite.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x**3

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x * x * g

    class Ruled(Cube):
        generate_vmap_rule = False

        @staticmethod
        def vmap(info, in_dims, x):
            assert info.batch_size == x.shape[in_dims[0]]
            return TestCustomFunctions.Ruled.apply(x), in_dims[0]

    @pytest.mark.parametrize("cls", [Cube, Ruled])
    def test_rules(self, cls, device):
        x = nnlite.arange(3.0, device=device)
        assert nnlite.vmap(cls.apply)(x).tolist() == [0, 1, 8]
        assert nnlite.vmap(nnlite.func.grad(cls.apply))(x).tolist() == [0, 3, 12]

    def test_no_rule(self, device):
        class Bare(self.Cube):
            generate_vmap_rule = False

        with pytest.raises(RuntimeError, match="does not have vmap support"):
            nnlite.vmap(Bare.apply)(nnlite.ones(2, device=device))
        assert nnlite.func.grad(Bare.apply)(nnlite.tensor(2.0, device=device)).item() == 12
