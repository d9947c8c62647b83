"""autocast: which dtypes come out, contexts, the cache, gradients, and what is refused."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import nnlite
from nnlite.amp._install import _functions_of
from nnlite.amp._lists import CPU, DEVICE
from nnlite.nn import functional as F

LOWER = {"cpu": nnlite.bfloat16}
"""The lower precision by device; float16 for others."""


def lower_of(device):
    return LOWER.get(device, nnlite.float16)


@pytest.mark.parametrize("name", sorted({*CPU, *DEVICE}))
def test_every_name_of_the_table_is_a_function(name):
    assert list(_functions_of(name))


def products(a, b):
    """One product in every form that users have."""
    layer = nnlite.nn.Linear(3, 3, device=a.device)
    yield a @ b
    yield a.__rmatmul__(b)
    yield nnlite.matmul(a, b)
    yield a.matmul(b)
    yield nnlite.mm(a, b)
    yield nnlite.linalg.matmul(a, b)
    yield F.linear(a, b)
    yield layer(a)
    yield nnlite.einsum("ij,jk->ik", a, b)
    yield nnlite.addmm(a, b, a)
    yield nnlite.bmm(a[None], b[None])
    yield nnlite.nn.Conv1d(3, 2, 1, device=a.device)(a)
    yield F.scaled_dot_product_attention(a, b, b)
    yield nnlite.nn.LSTM(3, 2, device=a.device)(a)[0]


def test_products_in_the_lower_precision(device):
    a, b = nnlite.randn(3, 3, device=device), nnlite.randn(3, 3, device=device)
    before = [each.dtype for each in products(a, b)]
    with nnlite.autocast(device):
        inside = [each.dtype for each in products(a, b)]
        mixed = [each.dtype for each in products(a.to(lower_of(device)), b)]
    after = [each.dtype for each in products(a, b)]
    assert set(before) == set(after) == {nnlite.float32}
    assert set(inside) == set(mixed) == {lower_of(device)}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_dtype_is_chosen(device, dtype):
    chosen = getattr(nnlite, dtype)
    x = nnlite.ones(2, 2, device=device)
    with nnlite.autocast(device, dtype=chosen):
        assert nnlite.get_autocast_dtype(device) is chosen
        assert (x @ x).dtype is chosen
    assert nnlite.get_autocast_dtype(device) is lower_of(device)


def test_losses_in_float32(device):
    x = nnlite.randn(4, 3, device=device).to(lower_of(device))
    labels = nnlite.tensor([0, 1, 2, 0], device=device)
    with nnlite.autocast(device):
        found = [F.cross_entropy(x, labels), F.mse_loss(x, x), F.l1_loss(x, x.float()), F.kl_div(x, x, reduction="sum"),
                 nnlite.nn.NLLLoss()(x, labels), nnlite.nn.BCEWithLogitsLoss()(x, x)]  # fmt: skip
    assert {each.dtype for each in found} == {nnlite.float32}
    assert F.mse_loss(x, x).dtype is x.dtype


def test_what_needs_range_is_float32_on_devices_alone():
    """The CPU's table leaves these in the dtype they have, as PyTorch's does."""
    for device, wanted in (("cpu", nnlite.bfloat16), ("strict", nnlite.float32)):
        x = nnlite.ones(2, 3, device=device).to(lower_of(device))
        with nnlite.autocast(device):
            found = [x.exp(), nnlite.exp(x), x**2, 2**x, 1 / x, x.log_softmax(-1), F.softmax(x, -1), x.sum(),
                     nnlite.pow(x, 2), nnlite.nn.LayerNorm(3, device=device)(x), x.norm()]  # fmt: skip
        assert {each.dtype for each in found} == {wanted}, device
        assert x.exp().dtype is lower_of(device)


def test_a_dtype_that_is_named_is_kept():
    x = nnlite.ones(2, 3, dtype=nnlite.float16, device="strict")
    with nnlite.autocast("strict"):
        assert x.sum(dtype=nnlite.float16).dtype is nnlite.float16
        assert F.softmax(x, -1, dtype=nnlite.float16).dtype is nnlite.float16


def test_the_widest(device):
    low = nnlite.ones(2, 3, device=device).to(lower_of(device))
    with nnlite.autocast(device):
        for given in ([low, low], [low, low.float()]):
            kind = given[1].dtype
            results = [nnlite.stack(given), nnlite.cat(given)] if device == "cpu" else [
                nnlite.atan2(*given), nnlite.addcmul(given[0], *given), nnlite.tensordot(given[0], given[1].T, 1),
            ]  # fmt: skip
            assert {each.dtype for each in results} == {kind}


def test_binary_cross_entropy_is_refused_on_devices():
    x = nnlite.full((2,), 0.5, device="strict")
    with nnlite.autocast("strict"), pytest.raises(RuntimeError, match="binary_cross_entropy_with_logits"):
        F.binary_cross_entropy(x, x)
    half = nnlite.full((2,), 0.5, dtype=nnlite.bfloat16)
    with nnlite.autocast("cpu"):
        assert F.binary_cross_entropy(half, half).dtype is nnlite.float32


@pytest.mark.parametrize("dtype", ["float64", "int64", "complex64"])
def test_other_dtypes_are_left_alone(device, dtype):
    x = nnlite.ones(2, 2, dtype=getattr(nnlite, dtype), device=device)
    with nnlite.autocast(device):
        assert (x @ x).dtype is x.dtype


def test_in_place_and_out_are_left_alone(device):
    x, out = nnlite.ones(2, 2, device=device), nnlite.zeros(2, 2, device=device)
    half = x.to(lower_of(device))
    with nnlite.autocast(device):
        assert nnlite.mm(x, x, out=out) is out and out.dtype is nnlite.float32
        assert x.addmm_(x, x).dtype is nnlite.float32
        assert half.exp_().dtype is lower_of(device)


def test_other_devices_are_left_alone():
    x = nnlite.ones(2, 2)
    with nnlite.autocast("strict"):
        assert (x @ x).dtype is nnlite.float32
    y = nnlite.ones(2, 2, device="strict")
    with nnlite.autocast("cpu"):
        assert (y @ y).dtype is nnlite.float32
        with nnlite.autocast("strict"):
            assert ((x @ x).dtype, (y @ y).dtype) == (nnlite.bfloat16, nnlite.float16)


# Contexts


def test_nested(device):
    x = nnlite.ones(2, 2, device=device)
    context = nnlite.autocast(device)
    with context:
        with nnlite.autocast(device, enabled=False):
            assert not nnlite.is_autocast_enabled(device) and (x @ x).dtype is nnlite.float32
            with context:  # once more, inside itself
                assert (x @ x).dtype is lower_of(device)
            assert (x @ x).dtype is nnlite.float32
        assert nnlite.is_autocast_enabled(device) and (x @ x).dtype is lower_of(device)
    assert not nnlite.is_autocast_enabled(device) and (x @ x).dtype is nnlite.float32


def test_an_error_leaves_the_context(device):
    x = nnlite.ones(2, 3, device=device)
    with nnlite.autocast(device):
        with pytest.raises(RuntimeError, match="cannot be multiplied"):
            x @ x
        assert (x @ x.T).dtype is lower_of(device)
    with pytest.raises(KeyError), nnlite.autocast(device):
        raise KeyError
    assert not nnlite.is_autocast_enabled(device)
    assert (x @ x.T).dtype is nnlite.float32


def test_decorator(device):
    @nnlite.autocast(device)
    def product(x, depth=2):
        """A product."""
        return product(x, depth - 1) if depth else x @ x

    assert product(nnlite.ones(2, 2, device=device)).dtype is lower_of(device)
    assert product.__doc__ == "A product." and not nnlite.is_autocast_enabled(device)


def test_other_threads_are_left_alone(device):
    x = nnlite.ones(2, 2, device=device)
    found = []
    with nnlite.autocast(device):
        thread = threading.Thread(target=lambda: found.append((x @ x).dtype))
        thread.start()
        thread.join()
    assert found == [nnlite.float32]


def test_functions_of_the_state(device):
    x = nnlite.ones(2, 2, device=device)
    nnlite.set_autocast_enabled(device, True)
    try:
        assert (x @ x).dtype is lower_of(device)
        nnlite.set_autocast_dtype(device, nnlite.float16)
        assert (x @ x).dtype is nnlite.float16
    finally:
        nnlite.set_autocast_enabled(device, False)
        nnlite.set_autocast_dtype(device, lower_of(device))
    assert (x @ x).dtype is nnlite.float32
    assert nnlite.is_autocast_enabled() is False  # CUDA's
    assert nnlite.amp.is_autocast_available(device)
    assert nnlite.get_autocast_cpu_dtype() is nnlite.bfloat16 and nnlite.get_autocast_gpu_dtype() is nnlite.float16
    assert nnlite.autocast_increment_nesting() == 1 and nnlite.autocast_decrement_nesting() == 0


def test_names_imported_before_cast_too(device):
    code = (
        "import nnlite\nfrom nnlite import matmul, exp\nfrom nnlite.nn.functional import linear\n"
        f"x = nnlite.ones(2, 2, device={device!r})\n"
        f"with nnlite.autocast({device!r}):\n"
        "    print(matmul(x, x).dtype, linear(x, x).dtype, exp(x.half()).dtype)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60,
                          cwd=Path(__file__).parent.parent.parent)  # fmt: skip
    third = "torch.float16" if device == "cpu" else "torch.float32"
    assert done.stdout.split() == [repr(lower_of(device))] * 2 + [third], done.stderr


def test_modules_imported_later_cast_too(device, monkeypatch):
    import types

    from nnlite.ops.linalg.matmul import linear

    x = nnlite.ones(2, 2, device=device)
    with nnlite.autocast(device):
        for i in range(1 + len(device)):  # another number for each device, since modules are counted
            late = types.ModuleType(f"nnlite.nn._late_{device}_{i}")
            late.linear = linear
            monkeypatch.setitem(sys.modules, late.__name__, late)
        with nnlite.autocast(device):
            assert late.linear(x, x).dtype is lower_of(device)


def test_vmap(device):
    x = nnlite.ones(4, 2, 2, device=device)
    with nnlite.autocast(device):
        assert nnlite.vmap(lambda a: a @ a)(x).dtype is lower_of(device)


# Gradients and the cache


def test_gradients_are_float32_and_near(device):
    layer = nnlite.nn.Linear(8, 4).to(device)
    x = nnlite.randn(16, 8, device=device)
    layer(x).square().mean().backward()
    exact = {name: p.grad.cpu().numpy() for name, p in layer.named_parameters()}
    layer.zero_grad()
    with nnlite.autocast(device):
        loss = layer(x).square().mean()
    loss.backward()
    for name, p in layer.named_parameters():
        assert p.grad.dtype is nnlite.float32
        np.testing.assert_allclose(p.grad.cpu().numpy(), exact[name], rtol=0.05, atol=0.01)


def casts_of(parameter, *results):
    """How many different cast nodes of a parameter lead to results."""
    found, todo = set(), [result.grad_fn for result in results]
    while todo:
        node = todo.pop()
        for following, _ in node.next_functions:
            if following is None:
                continue
            if getattr(following, "variable", None) is parameter:
                found.add(id(node))
            todo.append(following)
    return len(found)


def test_a_parameter_is_cast_once(device):
    w = nnlite.nn.Parameter(nnlite.randn(3, 3, device=device))
    x = nnlite.randn(2, 3, device=device)
    with nnlite.autocast(device):
        with nnlite.autocast(device):
            first = x @ w
        second = x @ w
        assert casts_of(w, first, second) == 1
        with nnlite.autocast(device, cache_enabled=False):
            assert casts_of(w, first, x @ w) == 2
        nnlite.clear_autocast_cache()
        assert casts_of(w, first, x @ w) == 2
    with nnlite.autocast(device):
        third = x @ w
    assert casts_of(w, first, third) == 2
    (first + second).float().sum().backward()
    np.testing.assert_allclose(
        w.grad.cpu().numpy(), np.repeat(2 * x.cpu().numpy().sum(0)[:, None], 3, 1), rtol=0.02, atol=0.02
    )


def test_a_parameter_that_was_written_to_is_cast_anew(device):
    w = nnlite.nn.Parameter(nnlite.ones(1, 1, device=device))
    x = nnlite.ones(1, 1, device=device)
    with nnlite.autocast(device):
        assert (x @ w).item() == 1
        with nnlite.no_grad():
            w.fill_(2)
        assert (x @ w).item() == 2


def test_what_was_cast_without_recording_has_its_gradient_later(device):
    w = nnlite.nn.Parameter(nnlite.ones(1, 1, device=device))
    x = nnlite.ones(1, 1, device=device)
    with nnlite.autocast(device):
        with nnlite.no_grad():
            x @ w
        (x @ w).sum().backward()
    assert w.grad.item() == 1


def test_checkpointed_blocks_keep_the_precision(device):
    layer = nnlite.nn.Linear(3, 3).to(device)
    x = nnlite.randn(2, 3, device=device, requires_grad=True)
    with nnlite.autocast(device):
        nnlite.utils.checkpoint.checkpoint(layer, x, use_reentrant=False).float().sum().backward()
    assert layer.weight.grad.dtype is nnlite.float32


# custom_fwd and custom_bwd


def function_of(device, seen, **settings):
    class Product(nnlite.autograd.Function):
        @staticmethod
        @nnlite.amp.custom_fwd(device_type=device, **settings)
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            seen.append((nnlite.is_autocast_enabled(device), a.dtype))
            return a @ b

        @staticmethod
        @nnlite.amp.custom_bwd(device_type=device)
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            seen.append((nnlite.is_autocast_enabled(device), g.dtype))
            return g @ b.T, a.T @ g

    return Product


def test_custom_functions(device):
    low = lower_of(device)
    for settings, wanted in (
        ({}, [(True, nnlite.float32), (True, low)]),
        ({"cast_inputs": nnlite.float32}, [(False, nnlite.float32), (False, nnlite.float32)]),
        ({"cast_inputs": nnlite.float16}, [(False, nnlite.float16), (False, nnlite.float16)]),
    ):
        seen: list = []
        a = nnlite.ones(2, 2, device=device, requires_grad=True)
        with nnlite.autocast(device):
            out = function_of(device, seen, **settings).apply(a, a)
        out.backward(nnlite.ones_like(out))
        assert seen == wanted and a.grad.dtype is nnlite.float32
    seen = []
    function_of(device, seen, cast_inputs=nnlite.float16).apply(a, a).sum().backward()
    assert seen == [(False, nnlite.float32)] * 2


# Wrong arguments


def test_wrong_arguments():
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        nnlite.autocast(nnlite.device("cpu"))
    with pytest.raises(RuntimeError, match="device type at start of device string: foo"):
        nnlite.autocast("foo")
    with pytest.raises(RuntimeError, match="device type at start of device string: foo"):
        nnlite.is_autocast_enabled("foo")
    with pytest.raises(TypeError, match="must be bool, not int"):
        nnlite.set_autocast_enabled("cpu", 1)
    with pytest.raises(TypeError, match=r"must be torch\.dtype, not str"):
        nnlite.set_autocast_dtype("cpu", "float16")
    with pytest.raises(ValueError, match="of type `str`"):
        nnlite.amp.custom_fwd(device_type=3)


@pytest.mark.parametrize("dtype", [nnlite.float32, nnlite.float64, nnlite.int8])
def test_a_dtype_that_is_not_lower_disables(device, dtype):
    with pytest.warns(UserWarning, match="target dtype is not supported. Disabling autocast"):
        context = nnlite.autocast(device, dtype=dtype)
    with context:
        assert not nnlite.is_autocast_enabled(device)


@pytest.mark.skipif(nnlite.cuda.is_available(), reason="this machine has a CUDA device")
def test_without_cuda_it_is_disabled():
    with pytest.warns(UserWarning, match="CUDA is not available"):
        context = nnlite.autocast("cuda")
    with context:
        assert not nnlite.is_autocast_enabled("cuda")


def test_older_names_warn():
    from nnlite.cpu.amp import autocast as on_cpu
    from nnlite.cuda.amp import GradScaler, autocast

    with pytest.warns(FutureWarning, match=r"torch\.cuda\.amp\.autocast"):
        assert isinstance(autocast(enabled=False), nnlite.autocast)
    with pytest.warns(FutureWarning, match=r"torch\.cuda\.amp\.GradScaler"):
        assert not GradScaler(enabled=False).is_enabled()
    with pytest.warns(FutureWarning, match=r"torch\.cpu\.amp\.autocast"), on_cpu():
        assert nnlite.is_autocast_enabled("cpu")


def test_nothing_is_installed_without_autocast():
    code = (
        "import sys, nnlite\nnnlite.is_autocast_enabled('cpu')\nnnlite.amp.GradScaler('cpu')\n"
        "print('nnlite.amp._install' in sys.modules, hasattr(nnlite.Tensor.__matmul__, '__wrapped__'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60,
                          cwd=Path(__file__).parent.parent.parent)  # fmt: skip
    assert done.stdout.split() == ["False", "False"], done.stderr
