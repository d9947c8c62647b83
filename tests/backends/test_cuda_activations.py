"""Kernels of activation functions and their gradients, and of triangles of matrices."""

from __future__ import annotations

import numpy as np
import pytest
from on_emulator import ANY_KIND, KINDS, check, needs_compiler, numbers, run, taken

pytestmark = needs_compiler

ELU = {"alpha": 1.5, "scale": 1.25, "input_scale": 0.5}

FUNCTIONS = [
    ("relu", {}),
    ("sigmoid", {}),
    ("leaky_relu", {"slope": 0.01}),
    ("leaky_relu", {"slope": -2.0}),
    ("rrelu_fixed", {"slope": 0.3}),
    ("elu", ELU),
    ("elu", {"alpha": 1.0, "scale": 1.0, "input_scale": 1.0}),
    ("celu", ELU),
    ("hardtanh", {"low": -0.5, "high": 0.75}),
    ("hardsigmoid", {}),
    ("hardswish", {}),
    ("threshold", {"threshold": 0.25, "value": 7.0}),
    ("hardshrink", {"lambd": 0.5}),
    ("softshrink", {"lambd": 0.5}),
    ("gelu", {"approximate": "none"}),
    ("gelu", {"approximate": "tanh"}),
    ("silu", {}),
    ("mish", {}),
    ("softplus", {"beta": 1.0, "threshold": 20.0}),
    ("softplus", {"beta": 2.0, "threshold": 1.0}),
    ("logsigmoid", {}),
    ("tanhshrink", {}),
    ("softsign", {}),
]

ALL = pytest.mark.parametrize(("name", "options"), FUNCTIONS, ids=lambda v: v if isinstance(v, str) else "-".join(v))


def both(name, x, options, kind):
    """The function and its gradient, in any kind: computed in float32, so as exact as the generic body or more so."""
    loose = 4 if kind in ("float32", "float64") else 1
    (out,) = check(name, x, kind=kind, loose=loose, **options)
    g = numbers(kind, *x.shape, seed=1)
    saved = out if name in ("relu", "sigmoid") else x
    if name not in ("relu", "sigmoid") or kind in ("float32", "float64"):  # whose generic gradients round in between
        check(f"{name}_backward", g, saved, kind=kind, loose=loose, **options)


@ANY_KIND
@ALL
def test_functions_and_gradients(name, options, kind):
    for n in (1, 31, 1025):
        both(name, numbers(kind, n) * KINDS[kind](3), options, kind)


@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_sizes(kind):
    for n in (2, 7, 8, 9, 33, 255, 1023, 4097, 70001):
        both("hardswish", numbers(kind, n) * KINDS[kind](3), {}, kind)


@ALL
def test_what_is_not_finite(name, options):
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e30, -1e30, 1e-30, 100.0, -100.0, 3.0, -3.0, 40.0], np.float32)
    (out,) = check(name, x, kind="float32", **options)
    saved = out if name in ("relu", "sigmoid") else x
    check(f"{name}_backward", np.ones_like(x), saved, kind="float32", **options)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_gradient_of_tanh(kind):
    out = np.tanh(numbers(kind, 1025))
    check("tanh_backward", numbers(kind, 1025, seed=1), out, kind=kind)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_gradients_of_half_precision_are_rounded_once(kind):
    g, out = numbers(kind, 100), np.tanh(numbers(kind, 100, seed=1).astype(np.float32)).astype(KINDS[kind])
    wide_g, wide = g.astype(np.float32), out.astype(np.float32)
    for name, want in (("tanh", wide_g - wide_g * (wide * wide)), ("sigmoid", wide_g * (wide * (1 - wide)))):
        (gx,) = run(f"{name}_backward", g, out)
        np.testing.assert_array_equal(gx.astype(np.float32), want.astype(KINDS[kind]).astype(np.float32))


def test_layouts():
    x, g = numbers("float32", 5, 6, 7), numbers("float32", 5, 6, 7, seed=1)
    turned = (2, 0, 1)
    check("silu", x.transpose(turned), kind="float32", loose=4)
    check("silu_backward", g.transpose(turned), x.transpose(turned), kind="float32", loose=4)
    check("silu_backward", g.transpose(2, 1, 0), x.transpose(2, 1, 0).copy(), kind="float32", loose=4)
    check("silu", x[:, ::2], kind="float32", loose=4)
    check("silu", x[::-1], kind="float32", loose=4)
    check("silu_backward", np.broadcast_to(g[:1], x.shape), x, kind="float32", loose=4)
    check("silu", x.ravel()[1:40], kind="float32", loose=4)  # does not begin at a multiple of 16 bytes
    check("silu", np.asarray(x[0, 0, 0]), kind="float32", loose=4)


@ANY_KIND
def test_glu(kind):
    for shape, axis in (((3, 4), 1), ((2, 6, 5), 1), ((4, 3), 0), ((2, 3, 130), 2), ((1, 2062), 1), ((64, 16), 1)):
        x, half = numbers(kind, *shape), tuple(n // 2 if i == axis else n for i, n in enumerate(shape))
        check("glu", x, axis=axis, kind=kind, loose=4)
        check("glu_backward", numbers(kind, *half, seed=1), x, axis=axis, kind=kind, loose=4)
    check("glu", numbers(kind, 6, 4).T, axis=0, kind=kind, loose=4)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "int64", "float32", "float64", "complex64", *KINDS])
def test_triangles(dtype):
    for shape in ((5, 7), (3, 8, 16), (2, 33, 31), (1, 1), (4, 1, 6), (32, 64)):
        x = (numbers("float32", *shape) * 10).astype(KINDS.get(dtype, dtype))
        for diagonal in (0, 1, -2, 100, -100):
            for upper in (False, True):
                forms = [run("triangle", x, diagonal=diagonal, upper=upper, backwards=b)[0] for b in (False, True)]
                for out in forms:
                    assert out.dtype == x.dtype
                    np.testing.assert_array_equal(out, (np.triu if upper else np.tril)(x, diagonal))
    run("triangle", x.T, diagonal=0, upper=True)


def test_what_is_left_to_the_generic_body():
    assert not taken("relu", np.zeros(3, np.int64))
    assert not taken("silu", np.zeros(3, np.complex64))
    assert not taken("silu", np.zeros((0, 3), np.float32))
    assert not taken("triangle", np.zeros((2, 2), np.complex128), diagonal=0, upper=True)
    assert not taken("silu_backward", np.zeros(3, np.float32), np.zeros(3, np.float16))
