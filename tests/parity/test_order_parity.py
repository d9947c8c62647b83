"""Sorting, selection, counting and running results on NaN, infinities, both zeros and equal numbers, as in PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnlite

torch = pytest.importorskip("torch")

SHAPES = ((), (0,), (7,), (4, 5), (2, 3, 4), (3, 0, 2))
DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "uint8", "bool")
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 1.0])

CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "sort": lambda m, x: m.sort(x, stable=True, dim=0),
    "sort down": lambda m, x: m.sort(x, stable=True, dim=-1, descending=True),
    "argsort": lambda m, x: m.argsort(x, dim=-1, stable=True),
    "topk": lambda m, x: m.topk(x, 1)[0],
    "topk low": lambda m, x: m.topk(x, 2, 0, False)[0],
    "kthvalue": lambda m, x: m.kthvalue(x, 2)[0],
    "median": lambda m, x: m.median(x),
    "nanmedian": lambda m, x: m.nanmedian(x),
    "median along": lambda m, x: m.median(x, 0)[0],
    "nanmedian along": lambda m, x: m.nanmedian(x, -1, True)[0],
    "quantile": lambda m, x: m.quantile(x, 0.3),
    "quantile along": lambda m, x: m.quantile(x, 0.8, 0, interpolation="midpoint"),
    "nanquantile": lambda m, x: m.nanquantile(x, 0.6, -1, True, interpolation="higher"),
    "unique": lambda m, x: m.unique(x),
    "unique_consecutive": lambda m, x: m.unique_consecutive(x, return_inverse=True, return_counts=True),
    "bincount": lambda m, x: m.bincount(x, minlength=3),
    "histc": lambda m, x: m.histc(x.to(m.float32), 7, -2, 3),
    "aminmax": lambda m, x: m.aminmax(x, dim=0),
    "cummax": lambda m, x: m.cummax(x, 0),
    "cummin": lambda m, x: m.cummin(x, -1),
    "logcumsumexp": lambda m, x: m.logcumsumexp(x, 0),
    "trapezoid": lambda m, x: m.trapezoid(x, dim=0),
    "cumulative_trapezoid": lambda m, x: m.cumulative_trapezoid(x, dx=0.5, dim=-1),
    "combinations": lambda m, x: m.combinations(x, 2),
}
SMOOTH: dict[str, Callable[[Any, Any], Any]] = {
    **{name: call for name, call in CALLS.items() if name not in ("unique", "unique_consecutive", "bincount", "histc")},
    "cumprod": lambda m, x: m.cumprod(x, 0),
    "cumprod with zeros": lambda m, x: m.cumprod(x * (x > 0), -1),
    "trapezoid at": lambda m, x: m.trapezoid(x, x * x),
    "gradient": lambda m, x: m.gradient(x, dim=0),
    "gradient at": lambda m, x: m.gradient(x, dim=0, spacing=(x.detach().reshape(-1)[: x.shape[0]] * 2,), edge_order=2),
    "cov": lambda m, x: m.cov(x),
    "renorm": lambda m, x: m.renorm(x, 2, 0, 1.5),
}


def drawn(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    rng = np.random.default_rng(3)
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if dtype in ("int64", "uint8"):
        return rng.integers(0 if dtype == "uint8" else -4, 5, shape)
    return np.where(rng.random(shape) < 0.4, rng.choice(SPECIAL, shape), rng.standard_normal(shape) * 3)


def outcome(call: Callable[[Any, Any], Any], m: Any, x: Any) -> Any:
    """The results in a tuple, or the class of the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = call(m, x)
    except Exception as error:
        return type(error)
    return tuple(result) if isinstance(result, tuple | list) else (result,)


def values_of(t: Any) -> np.ndarray:
    t = t.detach().cpu()
    return (t.double() if t.is_floating_point() else t).numpy()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CALLS)
def test_special_values(name, dtype, device):
    for shape in SHAPES:
        a = drawn(shape, dtype)
        theirs = outcome(CALLS[name], torch, torch.tensor(a).to(getattr(torch, dtype)))
        mine = outcome(CALLS[name], nnlite, nnlite.tensor(a).to(getattr(nnlite, dtype)).to(device))
        if isinstance(theirs, type) or isinstance(mine, type):
            if dtype != "bool":  # which of several errors of a bool tensor comes first is not compared
                assert mine is theirs, shape
            continue
        tolerance = {"bfloat16": 2e-2, "float16": 2e-3, "float32": 1e-5}.get(dtype, 1e-12)
        for one, other in zip(mine, theirs, strict=True):
            assert str(one.dtype) == str(other.dtype)
            np.testing.assert_allclose(values_of(one), values_of(other), tolerance, tolerance, err_msg=str(a))


def gradients(m: Any, call: Callable[[Any, Any], Any], x: Any) -> list[np.ndarray]:
    """The gradient of the sum of the results' cubes, and that of the sum of its squares."""
    outs = outcome(call, m, x)
    assert isinstance(outs, tuple)
    total = sum((y**3).sum() for y in outs if y.requires_grad)
    (first,) = m.autograd.grad(total, x, create_graph=True)
    (second,) = m.autograd.grad((first * first).sum(), x)
    return [values_of(first), values_of(second)]


@pytest.mark.parametrize("name", sorted(SMOOTH.keys() - {"argsort"}))
def test_first_and_second_gradients(name, device):
    for shape in ((6,),) if name == "combinations" else ((3, 4),) if name == "renorm" else ((6,), (3, 4)):
        a = np.random.default_rng(4).permutation(np.arange(1.0, 13)[: int(np.prod(shape))]).reshape(shape) / 4 - 1.6
        theirs = gradients(torch, SMOOTH[name], torch.tensor(a, requires_grad=True))
        mine = gradients(nnlite, SMOOTH[name], nnlite.tensor(a, device=device, requires_grad=True))
        for one, other in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(one, other, 1e-9, 1e-9)
