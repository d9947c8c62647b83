"""Sorting, selection and counting beyond the table of ``op_specs``: names, ``out=``, dtypes, errors, waiting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnlite
from nnlite.backends.strict import forbid_synchronize

DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")


def numbers(dtype: str, device: str, *shape: int) -> Any:
    """Numbers with many equal ones; among floats both zeros, both infinities and NaN of several bit patterns."""
    rng = np.random.default_rng(5)
    values = rng.integers(0, 9, shape).astype("float64")
    if dtype.startswith(("float", "bfloat")):
        special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, -3.5, 1.25])
        values = np.where(rng.random(shape) < 0.5, rng.choice(special, shape), values)
    elif not dtype.startswith(("u", "b")):
        values -= 4
    return nnlite.tensor(values).to(getattr(nnlite, dtype)).to(device)


def on_host(t: Any) -> np.ndarray:
    return t.cpu().to(nnlite.float64 if t.is_floating_point() else t.dtype).numpy()


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_order_is_stable_in_every_dtype(dtype, descending, device):
    x = numbers(dtype, device, 3, 50)
    values, where = nnlite.sort(x, 1, descending, stable=True)
    a = on_host(x)
    if descending:
        want = 49 - np.flip(np.argsort(np.flip(a, 1), axis=1, kind="stable"), 1)
    else:
        want = np.argsort(a, axis=1, kind="stable")
    np.testing.assert_array_equal(where.cpu().numpy(), want)
    np.testing.assert_array_equal(on_host(values), np.take_along_axis(a, want, 1))
    if x.is_floating_point():
        sorted_signs = np.take_along_axis(np.signbit(a), want, 1)
        np.testing.assert_array_equal(np.signbit(on_host(values)), sorted_signs)  # -0 stays -0
    np.testing.assert_array_equal(nnlite.argsort(x.t(), 0, descending).cpu().numpy(), want.T)


def test_large_integers_are_in_order(device):
    x = nnlite.tensor([2**62, -(2**62), 2**62 + 1, 0, -(2**62)], device=device)
    assert nnlite.sort(x).indices.tolist() == [1, 4, 3, 0, 2]
    assert nnlite.topk(x.repeat(9), 2).values.tolist() == [2**62 + 1] * 2


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bool"])
def test_topk_is_the_start_of_the_order(dtype, largest, device):
    x = numbers(dtype, device, 4, 60)
    for k in (1, 3, 40):
        found = nnlite.topk(x, k, 1, largest).values
        np.testing.assert_array_equal(on_host(found), on_host(nnlite.sort(x, 1, largest).values)[:, :k])


@pytest.mark.parametrize(
    "name, call, fields",
    [
        ("sort", lambda x, **k: nnlite.sort(x, 0, **k), ("values", "indices")),
        ("topk", lambda x, **k: nnlite.topk(x, 2, **k), ("values", "indices")),
        ("kthvalue", lambda x, **k: nnlite.kthvalue(x, 2, **k), ("values", "indices")),
        ("median", lambda x, **k: nnlite.median(x, 0, **k), ("values", "indices")),
        ("nanmedian", lambda x, **k: nnlite.nanmedian(x, 0, **k), ("values", "indices")),
        ("mode", lambda x, **k: nnlite.mode(x, **k), ("values", "indices")),
        ("cummax", lambda x, **k: nnlite.cummax(x, 0, **k), ("values", "indices")),
        ("cummin", lambda x, **k: nnlite.cummin(x, 0, **k), ("values", "indices")),
        ("aminmax", lambda x, **k: nnlite.aminmax(x, **k), ("min", "max")),
        ("histogram", lambda x, **k: nnlite.histogram(x, 2, **k), ("hist", "bin_edges")),
    ],
)
def test_named_results(name, call, fields, device):
    x = nnlite.tensor([3.0, 1.0, 2.0], device=device)
    result = call(x)
    assert [getattr(result, field) is part for field, part in zip(fields, result, strict=True)] == [True, True]
    assert repr(result) == f"torch.return_types.{name}(\n{fields[0]}={result[0]!r},\n{fields[1]}={result[1]!r})"
    outs = tuple(nnlite.empty(0, dtype=part.dtype, device=device) for part in result)
    written = call(x, out=outs)
    for out, again, part in zip(outs, written, result, strict=True):
        assert again is out
        assert out.tolist() == part.tolist()
    with pytest.raises(RuntimeError, match="Expected out tensor to have dtype"):
        call(x, out=tuple(nnlite.empty(0, dtype=nnlite.int32, device=device) for _ in result))
    with pytest.raises(TypeError, match="out"):
        call(x, out=nnlite.empty(0, device=device))


def test_indices_that_were_changed_are_noticed_in_backward(device):
    x = nnlite.tensor([3.0, 1.0, 2.0], device=device, requires_grad=True)
    values, where = nnlite.sort(x)
    where.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        values.sum().backward()


def test_in_place_forms(device):
    x = nnlite.tensor([[3.0, 4.0], [0.1, 0.2]], device=device)
    kept = x
    x.cumprod_(1)
    np.testing.assert_allclose(x.cpu().numpy(), [[3, 12], [0.1, 0.02]], rtol=1e-6)
    x.cumsum_(0)
    np.testing.assert_allclose(x.cpu().numpy(), [[3, 12], [3.1, 12.02]], rtol=1e-6)
    assert x.renorm_(2, 0, 1.0) is kept
    np.testing.assert_allclose(np.linalg.norm(x.cpu().numpy(), axis=1), [1, 1], rtol=1e-5)


def test_unique_of_slices(device):
    x = nnlite.tensor([[1, 2], [0, 5], [1, 2], [0, 4]], device=device)
    values, number, counts = nnlite.unique(x, return_inverse=True, return_counts=True, dim=0)
    assert values.tolist() == [[0, 4], [0, 5], [1, 2]]
    assert number.tolist() == [2, 1, 2, 0]
    assert counts.tolist() == [1, 1, 2]
    values, number, counts = nnlite.unique_consecutive(x[[0, 2, 1, 0]], return_inverse=True, return_counts=True, dim=0)
    assert values.tolist() == [[1, 2], [0, 5], [1, 2]]
    assert number.tolist() == [0, 0, 1, 2]
    assert counts.tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x: nnlite.topk(x, 4), RuntimeError, "selected index k out of range"),
        (lambda x: nnlite.topk(x, 1.0), TypeError, "must be int"),
        (lambda x: nnlite.kthvalue(x, 0), RuntimeError, "selected number k out of range"),
        (lambda x: nnlite.sort(x, 3), IndexError, "Dimension out of range"),
        (lambda x: nnlite.sort(x.to(nnlite.complex64)), RuntimeError, "does not support complex"),
        (lambda x: nnlite.median(x[:0], 0), IndexError, "non-zero size"),
        (lambda x: nnlite.quantile(x, 1.5), RuntimeError, r"range \[0, 1\]"),
        (lambda x: nnlite.quantile(x.to(nnlite.int64), 0.5), RuntimeError, "float or double"),
        (lambda x: nnlite.bincount(x), NotImplementedError, "bincount_cpu"),
        (lambda x: nnlite.bincount(-x.to(nnlite.int64)), RuntimeError, "non-negative"),
        (lambda x: nnlite.histc(x, 0), RuntimeError, "bins must be > 0"),
        (lambda x: nnlite.histc(x / 0), RuntimeError, "not finite"),
        (lambda x: nnlite.searchsorted(x, x, side="left", right=True), RuntimeError, "opposites"),
        (lambda x: nnlite.bucketize(x, x.reshape(1, 3)), RuntimeError, "must be 1 dimension"),
        (lambda x: nnlite.isin(1, 1), TypeError, "must be Tensor"),
        (lambda x: nnlite.logcumsumexp(x.to(nnlite.int64), 0), NotImplementedError, "not implemented for 'Long'"),
        (lambda x: nnlite.renorm(x, 2, 0, 1), RuntimeError, "at least 2 dimensions"),
        (lambda x: nnlite.trapezoid(x, x[:2]), RuntimeError, "one `x` value for each sample point"),
        (lambda x: nnlite.gradient(x, edge_order=3), RuntimeError, "edge_order=1 and edge_order=2"),
        (lambda x: nnlite.combinations(x, -1), RuntimeError, "non-negative number"),
    ],
)
def test_errors(call, error, text, device):
    with pytest.raises(error, match=text):
        call(nnlite.tensor([3.0, 1.0, 2.0], device=device))


@pytest.mark.parametrize(
    "call",
    [
        nnlite.sort,
        nnlite.median,
        nnlite.nanmedian,
        nnlite.mode,
        nnlite.aminmax,
        lambda x: nnlite.topk(x, 2),
        lambda x: nnlite.quantile(x, 0.3),
        lambda x: nnlite.cumprod(x, 0),
        lambda x: nnlite.cummax(x, 0),
        lambda x: nnlite.logcumsumexp(x, 0),
        lambda x: nnlite.histc(x, 3, 0, 4),
        lambda x: nnlite.bucketize(x, x),
        lambda x: nnlite.renorm(x.reshape(2, 2), 2, 0, 1.0),
        lambda x: nnlite.trapezoid(x, x),
    ],
)
def test_the_host_does_not_wait(call):
    """Neither forward nor backward looks at values, so that a device that works on its own goes on working."""
    x = nnlite.tensor([3.0, 1.0, 2.0, 0.0], device="strict", requires_grad=True)
    with forbid_synchronize():
        result = call(x)
        first = result[0] if isinstance(result, tuple) else result
        if first.requires_grad:
            first.sum().backward()
