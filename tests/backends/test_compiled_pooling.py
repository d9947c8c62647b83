"""Compiled max pooling beside the generic bodies: the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.backends.kernels import GENERIC
from nnlite.backends.numpy import first_use
from nnlite.backends.numpy.namespace import xp
from nnlite.backends.registry import tables
from nnlite.ops.pooling.largest import out_size

pytest.importorskip("numba")
compiled = pytest.importorskip("nnlite.backends.numpy.compiled.pooling")

CASES = [
    # shape, kernel, stride, padding, dilation, ceil
    ((4, 3, 24, 24), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((4, 3, 13, 17), (2, 2), (2, 2), (0, 0), (1, 1), True),
    ((2, 5, 32, 31), (3, 3), (2, 2), (1, 1), (1, 1), False),
    ((3, 9, 7), (3, 2), (1, 1), (1, 0), (1, 2), False),
    ((2, 2, 12, 12), (3, 3), (1, 1), (1, 1), (2, 2), True),
    ((2, 2, 5, 5), (2, 2), (3, 3), (0, 0), (1, 1), False),
    ((2, 2, 3, 5), (3, 5), (1, 1), (0, 0), (1, 1), False),
    ((1, 1, 40, 40), (16, 16), (5, 7), (8, 8), (1, 1), False),
    ((0, 3, 8, 8), (2, 2), (2, 2), (0, 0), (1, 1), False),
]


def geometry_of(case):
    shape, kernel, stride, padding, dilation, ceil = case
    sizes = zip(shape[-2:], kernel, stride, padding, dilation, strict=True)
    out = tuple(out_size(*numbers, ceil) for numbers in sizes)
    return {"out": out, "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}


def numbers(shape, kind):
    """Whole numbers, of which many are equal, with NaN and infinity among them."""
    draw = np.random.default_rng(3)
    x = draw.integers(-4, 4, shape).astype(np.float32)
    if kind == "special":
        x[draw.random(shape) < 0.1] = np.nan
        x[draw.random(shape) < 0.3] = -np.inf
        x[draw.random(shape) < 0.05] = np.inf
    if kind == "lowest":
        x[...] = -np.inf
    return x


def same(name, arguments, attributes):
    """The compiled kernel and the generic body give the same bits."""
    assert tables[np.ndarray].overrides_[name].function is getattr(compiled, name)
    found = getattr(compiled, name)(*arguments, **attributes)
    expected = GENERIC[name](xp, *arguments, **attributes)
    several = isinstance(found, tuple)
    for mine, other in zip(found if several else [found], expected if several else [expected], strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_array_equal(mine, other)
    return found


@pytest.mark.parametrize("kind", ["equal", "special", "lowest"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_agrees_with_the_generic_bodies(case, kind, number_of_threads):
    x, geometry = numbers(case[0], kind), geometry_of(case)
    values, where = same("max_pool", (x,), geometry)
    same("max_pool_values", (x,), geometry)
    same("max_pool_indices", (x,), geometry)
    g = np.random.default_rng(1).integers(-9, 9, values.shape).astype(np.float32)
    same("max_pool_scatter", (g, where), {"sizes": case[0][-2:], **geometry})
    g[...] = np.inf
    same("max_pool_scatter", (g, where), {"sizes": case[0][-2:], **geometry})


@pytest.mark.parametrize("layout", ["transposed", "sliced", "repeated"])
def test_strided_inputs(layout):
    x, geometry = numbers((4, 3, 24, 24), "special"), geometry_of(CASES[0])
    strided = {
        "transposed": x.swapaxes(2, 3),
        "sliced": np.repeat(x, 2, axis=3)[..., ::2],
        "repeated": np.broadcast_to(x[:, :1], x.shape),
    }[layout]
    _, where = same("max_pool", (strided,), geometry)
    same("max_pool_scatter", (strided[..., ::2, 1::2], where), {"sizes": (24, 24), **geometry})


def test_the_functions_use_them(noted, monkeypatch):
    monkeypatch.setattr(first_use, "EVERY_SIZE", True)
    called = noted("pooling", "largest", "positions_of", "scatter")
    x = nnlite.arange(16.0).reshape(1, 4, 4).requires_grad_()
    out, where = nnlite.nn.functional.max_pool2d(x, 2, return_indices=True)
    assert where.tolist() == [[[5, 7], [13, 15]]]
    out.sum().backward()
    assert x.grad.nonzero().tolist() == [[0, 1, 1], [0, 1, 3], [0, 3, 1], [0, 3, 3]]
    assert called == ["largest", "positions_of", "scatter"]


def test_what_they_refuse(monkeypatch):
    monkeypatch.setattr(first_use, "EVERY_SIZE", False)
    when, geometry = tables[np.ndarray].overrides_["max_pool"].when, geometry_of(CASES[0])
    assert when(np.zeros((4, 3, 24, 24), np.float32), **geometry)
    assert not when(np.zeros((1, 1, 4, 4), np.float32), **geometry)
    assert not when(np.zeros((4, 3, 24, 24), np.float64), **geometry)
    assert not when(np.zeros((4, 3, 24, 24), np.float32), **{**geometry, "kernel": (17, 17)})
