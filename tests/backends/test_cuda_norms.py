"""Kernels of batch, layer, group, instance and RMS norm."""

from __future__ import annotations

import numpy as np
import pytest
from on_emulator import ANY_KIND, check, close, generic, host, kernels, needs_compiler, numbers, run, taken

from nnlite.backends.strict.array import from_host, wrap

pytestmark = needs_compiler

SIZES = (5, 31, 33, 256, 1023, 1025, 4097)


def rows_of(kind, shape, affine, count, weights=True, centred=True, mixed=False):
    """Forward and backward of a row norm."""
    own = "float32" if mixed else kind
    w, b = (numbers(own, *affine, seed=s) for s in (1, 2)) if weights else (None, None)
    x, g = numbers(kind, *shape), numbers(kind, *shape, seed=3)
    if not centred:
        b = None
    attrs = {"rows": count, "affine": affine, "eps": 1e-5, "centred": centred, "title": ""}
    _, mean, inverse = check("row_norm", x, w, b, kind=kind, loose=2, **attrs)
    for wanted in (True, False):
        check("row_norm_gradient", g, x, w, b, mean, inverse, affine=affine, wanted=wanted, kind=kind, loose=4)


@ANY_KIND
@pytest.mark.parametrize("n", SIZES)
def test_layer_and_rms_norm(n, kind):
    rows_of(kind, (5, n), (n,), 5)
    rows_of(kind, (2, 3, n), (n,), 6, centred=False)


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_other_forms_of_layer_norm(kind):
    rows_of(kind, (3, 40), (40,), 3, weights=False)
    rows_of(kind, (3, 40), (40,), 3, weights=False, centred=False)
    rows_of(kind, (4, 3, 8), (3, 8), 4)
    rows_of(kind, (2, 9000), (9000,), 2)  # longer than the registers of a block
    rows_of(kind, (2, 9000), (9000,), 2, centred=False)
    rows_of(kind, (700, 24), (24,), 700)  # weights' gradients in several parts
    rows_of(kind, (1, 3), (3,), 1)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_16_bits_beside_weights_of_float32(kind):
    rows_of(kind, (6, 64), (64,), 6, mixed=True)
    rows_of(kind, (6, 33), (33,), 6, mixed=True)
    rows_of(kind, (2, 4, 5, 5), (1, 4, 1, 1), 4, mixed=True)


@pytest.mark.parametrize("kind", ["float32", "float16"])
@pytest.mark.parametrize("shape", [(2, 6, 5, 5), (3, 4, 8), (2, 12), (1, 6, 40, 60), (2, 2, 1, 7)])
@pytest.mark.parametrize("groups", [1, 2])
def test_group_norm(shape, groups, kind):
    affine = (1, shape[1], *(1,) * (len(shape) - 2))
    rows_of(kind, shape, affine, shape[0] * groups)


def test_instance_norm():
    rows_of("float32", (3, 5, 16), (1, 5, 1), 15)
    rows_of("float32", (3, 1, 17), (1, 1, 1), 3)


def test_means_far_from_zero():
    """The variance of numbers near 1,000 keeps its digits."""
    x = numbers("float32", 3, 500) + np.float32(1000)
    attrs = {"rows": 3, "affine": (500,), "eps": 1e-5, "centred": True, "title": ""}
    out, *_ = run("row_norm", x, None, None, **attrs)
    wide = x.astype(np.float64)
    want = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(out, want, atol=2e-4)
    out, *_ = run("batch_norm", np.ascontiguousarray(x.T.reshape(500, 3, 1)), None, None, eps=1e-5)
    np.testing.assert_allclose(out[:, :, 0].T, want, atol=2e-4)


def channels_of(kind, shape, weights=True, mixed=False, turned=False):
    own = "float32" if mixed else kind
    c = shape[1]
    w, b = (numbers(own, c, seed=s) for s in (1, 2)) if weights else (None, None)
    x, g = numbers(kind, *shape), numbers(kind, *shape, seed=3)
    if turned:  # channels last in memory
        x, g = (np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1) for a in (x, g))
    _, mean, _, _, inverse = check("batch_norm", x, w, b, eps=1e-5, kind=kind, loose=4)
    for training in (True, False):
        for wanted in (True, False):
            arrays = (g, x, w, b, mean, inverse)
            check("batch_norm_gradient", *arrays, training=training, wanted=wanted, kind=kind, loose=8)
    check("batch_norm_fixed", x, w, b, mean, inverse, kind=kind, loose=4)


@ANY_KIND
@pytest.mark.parametrize(
    "shape", [(5, 3), (33, 65), (7, 1), (3, 5, 7), (2, 3, 4, 4), (5, 2, 9, 9), (1, 3, 1025), (300, 40), (1, 2, 31, 33)]
)
def test_batch_norm(shape, kind):
    channels_of(kind, shape)


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (3, 33, 5, 7), (2, 1, 3, 3), (4, 8, 9)])
def test_channels_last(shape):
    for kind in ("float32", "float16"):
        channels_of(kind, shape, turned=True)
    last = np.moveaxis(np.zeros((2, 4, 4, 3), np.float32), -1, 1)
    out, *_ = kernels(False)["batch_norm"].function(wrap(last), None, None, eps=1.0)
    assert out.strides == last.strides


def test_channels_in_several_parts():
    channels_of("float32", (2, 2, 100, 100))
    channels_of("float32", (600, 3))
    channels_of("float16", (3, 2, 8192), weights=False)


def test_batch_norm_of_16_bits_beside_weights_of_float32():
    for kind in ("float16", "bfloat16"):
        channels_of(kind, (4, 3, 5, 5), mixed=True)
        channels_of(kind, (40, 7), mixed=True)


def test_other_layouts():
    x = numbers("float32", 6, 8, 4)
    for a in (x[::2], x[:, ::2], x[:, :, ::-1], x.transpose(2, 1, 0)):
        check("batch_norm", a, None, None, eps=1e-5, kind="float32", loose=4)
        rows = a.shape[0] * a.shape[1]
        attrs = {"rows": rows, "affine": (a.shape[2],), "eps": 1e-5, "centred": True, "title": ""}
        check("row_norm", a, None, None, kind="float32", loose=4, **attrs)


def test_what_is_not_finite_stays_in_its_row_or_channel():
    x = numbers("float32", 4, 3, 6)
    x[0, 1, 2], x[2, 0, 1] = np.nan, np.inf
    out, *_ = run("batch_norm", x, None, None, eps=1e-5)
    close([out], generic("batch_norm", x, None, None, eps=1e-5)[:1], "float32", 4)
    assert np.isfinite(out[:, 2]).all() and np.isnan(out[:, 1]).all()
    attrs = {"rows": 12, "affine": (6,), "eps": 1e-5, "centred": True, "title": ""}
    out, *_ = check("row_norm", x, None, None, kind="float32", loose=4, **attrs)
    assert np.isnan(out[0, 1]).all() and np.isfinite(out[1]).all()


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@pytest.mark.parametrize("on_device", [False, True])
def test_running_statistics(kind, on_device):
    wide = "float64" if kind == "float64" else "float32"
    step = np.asarray(0.25, np.float32) if on_device else None
    results = []
    for function in (kernels(False)["move_statistics"].function, kernels(True)["move_statistics"].function, None):
        mean, variance = (from_host(numbers(kind, 300, seed=s)) for s in (0, 1))
        batch = [from_host(numbers(wide, 300, seed=s)) for s in (2, 3)]
        arrays = (mean, variance, *batch, None if step is None else from_host(step))
        if function is None:
            generic("move_statistics", *arrays, momentum=0.1, factor=1.5)
        else:
            function(*arrays, momentum=0.1, factor=1.5)
        results.append((host(mean), host(variance)))
    close(results[0], results[2], kind)
    for one, other in zip(results[0], results[1], strict=True):
        assert one.tobytes() == other.tobytes()


def test_what_is_left_to_the_generic_body():
    attrs = {"affine": (1,), "eps": 1e-5, "centred": True, "title": ""}
    x = np.ones((3, 1), np.float32)
    assert not taken("row_norm", x, None, None, rows=3, **attrs)
    assert not taken("batch_norm", np.ones((0, 3), np.float32), None, None, eps=1e-5)
    w, b = np.ones(3, np.float16), np.ones(3, np.float32)
    assert not taken("batch_norm", np.ones((2, 3), np.float16), w, b, eps=1e-5)  # weight and bias of two dtypes
