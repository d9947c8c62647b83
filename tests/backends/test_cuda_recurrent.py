"""LSTM and GRU of emulated CUDA kernels beside the generic bodies."""

from __future__ import annotations

import numpy as np
import pytest
from on_emulator import ANY_KIND, check, needs_compiler, numbers, run, taken

pytestmark = needs_compiler

SIZES = pytest.mark.parametrize("sizes", [(3, 3, 3), (1,), (5, 4, 4, 2, 1), (2, 1), (300,)], ids=str)
REVERSE = pytest.mark.parametrize("reverse", [False, True])
BIASES = pytest.mark.parametrize("biases", [True, False])

GATES = {"lstm": 4, "gru": 3}
LOOSE = {"float64": 10, "float32": 10, "float16": 4, "bfloat16": 4}
"""Products in 16 bits round where the generic bodies, in float32, do not."""


def arrays(layer, kind, sizes, biases, width=5, units=7):
    gates, rows, sequences = GATES[layer] * units, sum(sizes), sizes[0]
    shapes = [(rows, width), *[(sequences, units)] * (1 + (layer == "lstm")), (gates, width), (gates, units)]
    shapes += [(gates,)] * 2
    made = [(0.5 * numbers("float64", *s, seed=i)).astype(numbers(kind, 1).dtype) for i, s in enumerate(shapes)]
    if not biases:
        made[-2:] = None, None
    return [*made, None] if layer == "lstm" else made


@pytest.mark.parametrize("layer", GATES)
@ANY_KIND
@SIZES
@REVERSE
@BIASES
def test_all_steps_and_their_gradients(layer, kind, sizes, reverse, biases):
    given = arrays(layer, kind, sizes, biases)
    options = {"sizes": sizes, "reverse": reverse}
    results = check(f"{layer}_scan", *given, kind=kind, loose=LOOSE[kind], **options)
    incoming = [numbers(kind, *r.shape, seed=i + 20) for i, r in enumerate(results[:-2])]
    check(
        f"{layer}_scan_gradient", *incoming, *given, results[0], *results[-2:],
        kind=kind, loose=4 * LOOSE[kind], **options, wanted=True,
    )  # fmt: skip


@pytest.mark.parametrize("layer", GATES)
@pytest.mark.parametrize("missing", [{0}, {1}, {0, 1}])
@REVERSE
def test_gradients_that_did_not_come(layer, missing, reverse):
    given = arrays(layer, "float32", (5, 4, 2), True)
    options = {"sizes": (5, 4, 2), "reverse": reverse}
    results = run(f"{layer}_scan", *given, **options)
    incoming = [None if i in missing else numbers("float32", *r.shape, seed=i) for i, r in enumerate(results[:-2])]
    if layer == "lstm" and 1 in missing:
        incoming[2] = None
    wanted = check(
        f"{layer}_scan_gradient", *incoming, *given, results[0], *results[-2:], kind="float32", loose=20, **options,
        wanted=False,
    )  # fmt: skip
    assert wanted[0] is None


@pytest.mark.parametrize("layer", GATES)
def test_arrays_with_gaps(layer):
    given = arrays(layer, "float32", (4, 3), True)
    spread = [None if a is None else np.repeat(a, 2, axis=-1)[..., ::2] for a in given]
    options = {"sizes": (4, 3), "reverse": False}
    results = run(f"{layer}_scan", *given, **options)
    for one, other in zip(results, run(f"{layer}_scan", *spread, **options), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    incoming = [numbers("float32", *r.shape, seed=i) for i, r in enumerate(results[:-2])]
    turned = [np.asfortranarray(g) for g in incoming]
    for one, other in zip(
        run(f"{layer}_scan_gradient", *incoming, *given, results[0], *results[-2:], **options, wanted=True),
        run(f"{layer}_scan_gradient", *turned, *spread, results[0], *results[-2:], **options, wanted=True),
        strict=True,
    ):
        if one is not None:
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_the_state_of_half_precision_is_carried_on_in_float32():
    """Small steps of c would be lost in bfloat16."""
    units, steps = 2, 64
    x, h, c = (np.zeros(s, numbers("bfloat16", 1).dtype) for s in [(steps, 1), (1, units), (1, units)])
    w_ih, w_hh = np.zeros((4 * units, 1), x.dtype), np.zeros((4 * units, units), x.dtype)
    # i = sigmoid(-7), f = sigmoid(20) = 1, g = tanh(1)
    b = np.repeat(np.array([-7, 20, 1, 0], np.float32), units).astype(x.dtype)
    c[...] = 1
    given = (x, h, c, w_ih, w_hh, b, np.zeros_like(b), None)
    cells = run("lstm_scan", *given, sizes=(1,) * steps, reverse=False)[-1]
    assert cells.dtype == np.float32
    np.testing.assert_allclose(cells[-1], 1 + steps * np.tanh(1) / (1 + np.exp(7)), rtol=1e-4)


def test_what_is_left_to_the_generic_bodies():
    options = {"sizes": (3, 3), "reverse": False}
    *given, _ = arrays("lstm", "float32", (3, 3), True)
    assert taken("lstm_scan", *given, None, **options)
    assert not taken("lstm_scan", *given, numbers("float32", 2, 7), **options)  # a projection
    given[1] = given[1].astype(np.float64)
    assert not taken("lstm_scan", *given, None, **options)
    given = arrays("gru", "float32", (3, 3), True)
    assert taken("gru_scan", *given, **options)
    assert not taken("gru_scan", *[None if a is None else a.astype(np.complex64) for a in given], **options)
