"""Lazy layers become, on their first input or when a state is loaded, what PyTorch's become."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import nnlite

torch = pytest.importorskip("torch")

LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("LazyLinear", (4,), {}, (2, 3)),
    ("LazyLinear", (4,), {"bias": False}, (3,)),
    ("LazyBatchNorm1d", (), {}, (4, 3)),
    ("LazyBatchNorm2d", (), {"affine": False}, (4, 3, 2, 2)),
    ("LazyBatchNorm3d", (), {"track_running_stats": False, "bias": False}, (4, 3, 2, 2, 2)),
    ("LazyInstanceNorm1d", (), {}, (4, 3, 5)),
    ("LazyInstanceNorm2d", (), {"affine": False}, (4, 3, 2, 2)),
    ("LazyInstanceNorm3d", (), {"track_running_stats": False}, (4, 3, 2, 2, 2)),
]
for d in (1, 2, 3):
    for kind in ("Conv", "ConvTranspose"):
        LAYERS += [
            (f"Lazy{kind}{d}d", (6, 2), {}, (2, 4) + (5,) * d),
            (f"Lazy{kind}{d}d", (6, 2, 2, 1), {"groups": 2, "bias": False}, (4,) + (5,) * d),
            (f"Lazy{kind}{d}d", (6, 2, 1, 0, 1 if kind == "Conv" else 0, 1, True), {}, (2, 4) + (5,) * d),
        ]

each = pytest.mark.parametrize("name, args, kwargs, shape", LAYERS)


def make(library: Any, name: str, args: Any, kwargs: Any) -> Any:
    with warnings.catch_warnings(action="ignore"):
        return getattr(library.nn, name)(*args, **kwargs)


@each
def test_first_call(name, args, kwargs, shape, device):
    ours, theirs = make(nnlite, name, args, kwargs).to(device), make(torch, name, args, kwargs)
    assert repr(ours) == repr(theirs)
    assert [(k, str(v)) for k, v in ours.state_dict().items() if k != "num_batches_tracked"] == [
        (k, str(v)) for k, v in theirs.state_dict().items() if k != "num_batches_tracked"
    ]
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    weights = list(ours.parameters())
    ours(nnlite.tensor(x, device=device))
    theirs(torch.tensor(x))
    assert type(ours) is getattr(nnlite.nn, name.replace("Lazy", ""))
    assert repr(ours) == repr(theirs)
    assert all(p is q for p, q in zip(weights, ours.parameters(), strict=True))
    ours.load_state_dict({k: nnlite.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    a, b = ours(nnlite.tensor(x, device=device)), theirs(torch.tensor(x))
    np.testing.assert_allclose(a.detach().cpu().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-5)
    assert not ours._forward_pre_hooks and not ours._load_state_dict_pre_hooks
    if list(ours.parameters()):
        (a * a).sum().backward()
    assert all(p.grad is not None for p in ours.parameters())


@each
def test_load(name, args, kwargs, shape, device):
    x = nnlite.randn(*shape, device=device)
    used = make(nnlite, name, args, kwargs).to(device)
    used(x)
    lazy = make(nnlite, name, args, kwargs).to(device)
    lazy.load_state_dict(used.state_dict())
    assert not lazy.has_uninitialized_params()
    np.testing.assert_allclose(lazy(x).tolist(), used(x).tolist(), rtol=1e-5)
    assert repr(lazy) == repr(used)
    fresh = make(nnlite, name, args, kwargs)
    fresh.load_state_dict(make(nnlite, name, args, kwargs).state_dict())
    if fresh.state_dict():
        assert fresh.has_uninitialized_params() == make(nnlite, name, args, kwargs).has_uninitialized_params()


@each
def test_copies(name, args, kwargs, shape):
    lazy = make(nnlite, name, args, kwargs).double()
    for copied in (copy.deepcopy(lazy), pickle.loads(pickle.dumps(lazy))):
        out = copied(nnlite.randn(*shape, dtype=nnlite.float64))
        assert out.dtype is nnlite.float64 and "Lazy" not in type(copied).__name__
        assert lazy.has_uninitialized_params() == make(nnlite, name, args, kwargs).has_uninitialized_params()


@pytest.mark.parametrize("library", [torch, nnlite])
def test_uninitialised_parameters(library):
    p = library.nn.parameter.UninitializedParameter()
    assert repr(p) == "<UninitializedParameter>" and isinstance(p, library.nn.Parameter) and p.requires_grad
    assert library.nn.parameter.is_lazy(p) and p.dtype == library.float32
    for use in (lambda: p + 1, lambda: p.sum(), lambda: library.nn.functional.linear(library.ones(1), p), lambda: p[0]):
        with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
            use()
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
        _ = p.shape
    with pytest.raises(RuntimeError, match="Can't share memory on an uninitialized parameter"):
        p.share_memory_()
    p.materialize((2, 3), dtype=library.float64)
    assert type(p) is library.nn.Parameter and p.shape == (2, 3) and p.dtype == library.float64
    (p.detach() * 0 + p).sum().backward()
    assert p.grad.tolist() == [[1, 1, 1]] * 2
    b = library.nn.parameter.UninitializedBuffer()
    assert repr(b) == "<UninitializedBuffer>" and not b.requires_grad
    b.materialize((2,))
    assert b.shape == (2,) and type(b) is library.Tensor


@pytest.mark.parametrize("library", [torch, nnlite])
def test_errors(library):
    with warnings.catch_warnings(action="ignore"):
        layer = library.nn.LazyConv2d(4, 2)
        with pytest.raises(RuntimeError, match=r"Expected 3D \(unbatched\) or 4D \(batched\) input to LazyConv2d"):
            layer(library.ones(2, 2))
        with pytest.raises(ValueError, match="in_channels must be divisible by groups"):
            library.nn.LazyConv2d(4, 2, groups=2)(library.ones(1, 3, 4, 4))
        with pytest.raises(RuntimeError):
            library.nn.Linear(2, 2).load_state_dict(library.nn.LazyLinear(2).state_dict())

        class Unfinished(library.nn.modules.lazy.LazyModuleMixin, library.nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = library.nn.parameter.UninitializedParameter()

            def forward(self, x):
                return x

        with pytest.raises(NotImplementedError):
            Unfinished()(library.ones(1))
        Unfinished.initialize_parameters = lambda self, x: None
        with pytest.raises(RuntimeError, match="module Unfinished has not been fully initialized"):
            Unfinished()(library.ones(1))
