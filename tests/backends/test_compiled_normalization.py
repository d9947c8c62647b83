"""Compiled batch norm and normalisation of rows beside the generic bodies."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.backends.kernels import GENERIC
from nnlite.backends.numpy import first_use
from nnlite.backends.numpy.namespace import xp
from nnlite.backends.registry import tables

pytest.importorskip("numba")
compiled = pytest.importorskip("nnlite.backends.numpy.compiled.normalization")

BATCHES = [(32, 16, 12, 13), (3, 5, 7), (1, 4, 100, 101), (2, 3, 1, 1), (300, 70), (2, 1), (5, 8, 2, 3, 4), (4, 6, 1)]
ROWS = [
    # shape, rows, affine
    ((40, 6, 50), 240, (50,)),
    ((200, 7), 200, (7,)),
    ((3, 20000), 3, (20000,)),
    ((50, 4, 5), 50, (4, 5)),
    ((50, 5, 1), 50, (5, 1)),
    ((6, 12, 9, 8), 18, (12, 1, 1)),  # three groups of four channels
    ((6, 12), 18, (12,)),
    ((5, 4, 33), 20, (4, 1)),  # instance norm
    ((700, 96), 700, (96,)),
]


def normal(shape, seed=0, mean=0.0):
    return (np.random.default_rng(seed).standard_normal(shape) + mean).astype(np.float32)


def wide(arguments):
    return [None if a is None else a.astype(np.float64) for a in arguments]


def compare(name, arguments, attributes, tolerance=1e-5):
    """The compiled kernel in float32 against the generic body in float64."""
    assert tables[np.ndarray].overrides_[name].function is getattr(compiled, name)
    found = getattr(compiled, name)(*arguments, **attributes)
    expected = GENERIC[name](xp, *wide(arguments), **attributes)
    if not isinstance(found, tuple):
        found, expected = (found,), (expected,)
    assert len(found) == len(expected)
    for mine, other in zip(found, expected, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            assert mine.dtype == np.float32
            assert mine.shape == other.shape
            largest = np.abs(other).max()
            np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance * max(largest, 0.1))
    return found


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", BATCHES, ids=str)
def test_batch_norm(shape, affine, number_of_threads):
    x, g = normal(shape, mean=2.0), normal(shape, 1)
    w, b = (normal(shape[1], 2), normal(shape[1], 3)) if affine else (None, None)
    _, mean, _, _, inverse = compare("batch_norm", (x, w, b), {"eps": 1e-3})
    for training in (True, False):
        for wanted in (True, False):
            compare("batch_norm_gradient", (g, x, w, b, mean, inverse), {"training": training, "wanted": wanted}, 3e-5)
    compare("batch_norm_fixed", (x, w, b, mean, inverse), {})


@pytest.mark.parametrize("kind", ["affine", "weight", "plain"])
@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize(("shape", "rows", "affine"), ROWS, ids=str)
def test_rows(shape, rows, affine, centred, kind, number_of_threads):
    x, g = normal(shape, mean=1.0), normal(shape, 1)
    w = None if kind == "plain" else normal(affine, 2)
    b = normal(affine, 3) if kind == "affine" else None
    attributes = {"rows": rows, "affine": affine, "eps": 1e-3, "centred": centred, "title": ""}
    _, mean, inverse = compare("row_norm", (x, w, b), attributes)
    for wanted in (True, False):
        compare("row_norm_gradient", (g, x, w, b, mean, inverse), {"affine": affine, "wanted": wanted}, 3e-5)


def test_results_do_not_depend_on_the_number_of_threads(thread_count):
    x, g, w = normal((640, 96)), normal((640, 96), 1), normal(96, 2)
    found = []
    for count in (1, 2, 3):
        thread_count(count)
        out, mean, inverse = compiled.row_norm(x, w, w, rows=640, affine=(96,), eps=1e-5, centred=True, title="")
        rows = compiled.row_norm_gradient(g, x, w, w, mean, inverse, affine=(96,), wanted=True)
        batch = compiled.batch_norm(x, w, w, eps=1e-5)
        gradients = compiled.batch_norm_gradient(g, x, w, w, batch[1], batch[4], training=True, wanted=True)
        found.append([out, *rows, *batch, *gradients])
    for other in found[1:]:
        for mine, first in zip(other, found[0], strict=True):
            np.testing.assert_array_equal(mine, first)


def test_large_mean_beside_small_deviation():
    """The mean is taken away before numbers are squared."""
    x = normal((64, 4, 16, 16)) + np.float32(1e4)
    out = compiled.batch_norm(x, None, None, eps=1e-5)[0]
    np.testing.assert_allclose(out.var(axis=(0, 2, 3)), 1, rtol=1e-3)
    rows = x.reshape(64, -1)
    out = compiled.row_norm(rows, None, None, rows=64, affine=(1024,), eps=1e-5, centred=True, title="")[0]
    np.testing.assert_allclose(out.var(axis=1), 1, rtol=1e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("shape", [(8, 4, 6, 6), (32, 48)], ids=str)
def test_not_a_number_stays_in_its_channel_or_row(shape, value):
    x = normal(shape)
    x[3, 2] = value
    out = compiled.batch_norm(x, None, None, eps=1e-5)[0]
    assert np.isnan(out[3, 2]).all()
    assert np.isfinite(np.delete(out, 2, axis=1)).all()
    flat = x.reshape(len(x), -1)
    out = compiled.row_norm(flat, None, None, rows=len(x), affine=flat.shape[1:], eps=1e-5, centred=True, title="")[0]
    assert np.isnan(out[3]).any()
    assert np.isfinite(np.delete(out, 3, axis=0)).all()


@pytest.mark.parametrize("layout", ["channels last", "sliced", "repeated"])
def test_strided_inputs(layout, monkeypatch):
    monkeypatch.setattr(first_use, "EVERY_SIZE", True)
    x = normal((8, 6, 10, 10))
    if layout == "channels last":
        strided = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    else:
        strided = np.repeat(x, 2, axis=3)[..., ::2] if layout == "sliced" else np.broadcast_to(x[:, :1], x.shape)
    x = np.ascontiguousarray(strided)
    function = nnlite.nn.functional.batch_norm
    out = function(nnlite.from_numpy(strided.copy("K")), None, None, training=True)
    np.testing.assert_array_equal(out.numpy(), function(nnlite.from_numpy(x), None, None, training=True).numpy())
    g = np.broadcast_to(np.float32(2), x.shape)
    c = np.ones(6, np.float32)
    gradient = compiled.batch_norm_gradient(g, strided, c, c, c, c, training=True, wanted=True)
    again = compiled.batch_norm_gradient(g.copy(), x, c, c, c, c, training=True, wanted=True)
    for mine, other in zip(gradient, again, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_the_layers_use_them_and_running_statistics_move(monkeypatch):
    monkeypatch.setattr(first_use, "EVERY_SIZE", True)
    x = normal((16, 5, 4, 4), mean=3.0)
    layer = nnlite.nn.BatchNorm2d(5)
    layer(nnlite.from_numpy(x))
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.1 * x.mean(axis=(0, 2, 3)), rtol=1e-5)
    expected = 0.9 + 0.1 * x.var(axis=(0, 2, 3), ddof=1)
    np.testing.assert_allclose(layer.running_var.numpy(), expected, rtol=1e-5)
    empty = nnlite.zeros(0, 5, 4, 4)
    assert layer.eval()(empty).shape == (0, 5, 4, 4)
    assert nnlite.nn.LayerNorm(4)(nnlite.zeros(0, 4)).shape == (0, 4)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        layer.train()(nnlite.zeros(1, 5, 1, 1))


def test_what_they_refuse(monkeypatch):
    monkeypatch.setattr(first_use, "EVERY_SIZE", False)
    when = tables[np.ndarray].overrides_["batch_norm"].when
    assert not when(np.zeros((2, 4), np.float32), None, None, eps=1e-5)
    assert not when(np.zeros((200, 40), np.float64), None, None, eps=1e-5)
    assert not when(np.zeros((200, 40), np.float16), np.zeros(40, np.float32), None, eps=1e-5)
    assert when(np.zeros((200, 40), np.float32), None, None, eps=1e-5)
    when = tables[np.ndarray].overrides_["row_norm_gradient"].when
    for shape, taken in (((400, 1), False), ((200, 2), True)):
        x, column = np.zeros(shape, np.float32), np.zeros((shape[0], 1), np.float32)
        assert when(x, x, None, None, column, column, affine=shape[1:], wanted=True) == taken
