"""LSTM on NumPy alone beside the generic bodies in float64: lengths, directions, panels and whole products."""

from __future__ import annotations

import numpy as np
import pytest

from nnlite.backends.kernels import GENERIC
from nnlite.backends.numpy import recurrent
from nnlite.backends.numpy.namespace import xp

CASES = {
    # steps' sequences, inputs, size, reverse, bias
    "one length": ((20,) * 9, 24, 128, False, True),
    "reverse": ((18,) * 5, 7, 128, True, True),
    "unequal lengths": ((20, 20, 17, 9, 9, 4), 16, 128, False, False),
    "unequal lengths in reverse": ((20, 20, 17, 9, 9, 4), 16, 128, True, True),
    "no whole panels": ((30, 30, 30), 8, 100, False, True),
    "many sequences": ((300, 300), 8, 128, False, True),
    "one step": ((60,), 8, 96, False, True),
}


@pytest.fixture(params=CASES, ids=str)
def case(request, thread_count):
    """(arguments of the scan by name in order, attributes), for one thread and for two."""
    sizes, inputs, size, reverse, bias = CASES[request.param]
    draw = np.random.default_rng(0)

    def numbers(*shape):
        return (draw.standard_normal(shape) * 0.2).astype(np.float32)

    sequences = sizes[0]
    biases = (numbers(4 * size), numbers(4 * size)) if bias else (None, None)
    weights = numbers(4 * size, inputs), numbers(4 * size, size)
    states = numbers(sequences, size), numbers(sequences, size)
    thread_count(2)
    return (numbers(sum(sizes), inputs), *states, *weights, *biases, None), {"sizes": sizes, "reverse": reverse}


def in_double(arrays):
    return [None if a is None else a.astype(np.float64) for a in arrays]


def compare(found, expected):
    for mine, other in zip(found, expected, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            assert mine.dtype == np.float32
            np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-5 * max(1, np.abs(other).max()))


def test_forward(case):
    arrays, attributes = case
    before = [None if a is None else a.copy() for a in arrays]
    assert recurrent._takes(*arrays, **attributes)
    compare(recurrent.lstm_scan(*arrays, **attributes), GENERIC["lstm_scan"](xp, *in_double(arrays), **attributes))
    for a, b in zip(arrays, before, strict=True):
        assert a is b or np.array_equal(a, b)


@pytest.mark.parametrize("given", ["all", "outputs", "states"])
@pytest.mark.parametrize("wanted", [True, False])
def test_gradient(case, given, wanted):
    arrays, attributes = case
    out, h, c, gates, cells = recurrent.lstm_scan(*arrays, **attributes)
    g_out, g_h, g_c = (np.cos(np.arange(a.size, dtype=np.float32)).reshape(a.shape) for a in (out, h, c))
    came = {"all": (g_out, g_h, g_c), "outputs": (g_out, None, None), "states": (None, g_h, None)}[given]
    arguments = (*came, *arrays, out, gates, cells)
    assert recurrent._takes_gradient(*arguments, **attributes, wanted=wanted)
    found = recurrent.lstm_scan_gradient(*arguments, **attributes, wanted=wanted)
    expected = GENERIC["lstm_scan_gradient"](xp, *in_double(arguments), **attributes, wanted=wanted)
    assert (found[0] is not None) == wanted
    compare(found, expected)


def test_what_is_not_a_number_stays_in_its_sequence():
    draw = np.random.default_rng(0)
    x, h = (draw.standard_normal(shape).astype(np.float32) for shape in ((60, 8), (20, 128)))
    w_ih, w_hh = (draw.standard_normal(shape).astype(np.float32) * np.float32(0.1) for shape in ((512, 8), (512, 128)))
    x[23, 0], x[24, 0] = np.nan, np.inf
    out = recurrent.lstm_scan(x, h, h, w_ih, w_hh, None, None, None, sizes=(20, 20, 20), reverse=False)[0]
    assert np.isnan(out[[23, 43]]).all() and np.isfinite(np.delete(out, [23, 43], 0)).all()


def test_what_is_left_to_the_generic_bodies():
    h, weight = np.zeros((20, 256), np.float32), np.zeros((1024, 256), np.float32)
    attributes = {"sizes": (20,), "reverse": False}
    assert recurrent._takes(h, h, h, weight, weight, None, None, None, **attributes)
    assert not recurrent._takes(h, h, h, weight, weight, None, None, weight, **attributes)
    assert not recurrent._takes(h.astype(np.float64), h, h, weight, weight, None, None, None, **attributes)
    assert not recurrent._takes(h[:2], h[:2], h[:2], weight, weight, None, None, None, **attributes)
