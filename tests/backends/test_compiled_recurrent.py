"""Compiled LSTM and GRU beside the generic bodies in float64: lengths, directions, threads, what is not a number."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.backends.numpy import first_use

pytest.importorskip("numba")
compiled = pytest.importorskip("nnlite.backends.numpy.compiled.recurrent")

SHAPES = [
    # steps, batch, inputs, size, options
    (35, 20, 64, 96, {}),
    (5, 1, 6, 6, {}),
    (1, 3, 5, 1, {}),
    (12, 13, 7, 33, {"bidirectional": True}),
    (9, 30, 8, 17, {"bias": False}),
    (7, 5, 8, 40, {"num_layers": 2, "batch_first": True}),
]
TOLERANCE = 1e-5


@pytest.fixture(autouse=True)
def every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_use, "EVERY_SIZE", True)
    monkeypatch.setattr(compiled, "GRAIN", 1)


@pytest.fixture
def ran(noted) -> list[str]:
    """The names of the compiled functions that ran."""
    return noted("recurrent", "lstm", "lstm_gradient", "gru", "gru_gradient")


def results(model, x, states=None, lengths=None, uses_output=True):
    """Output, last states and all gradients."""
    model.zero_grad()
    x = x.clone().requires_grad_()
    given = x if lengths is None else nnlite.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    out, last = model(given, states)
    last = last if isinstance(last, tuple) else (last,)
    made = [out if lengths is None else out.data, *last]
    loss = sum(
        (a * nnlite.arange(a.numel(), dtype=a.dtype).reshape(a.shape).cos()).sum() for a in made[not uses_output :]
    )
    loss.backward()
    return [a.detach().numpy() for a in made] + [x.grad.numpy()] + [p.grad.numpy() for p in model.parameters()]


def compare(kind, shape, ran, **options):
    steps, batch, inputs, size, settings = shape
    nnlite.manual_seed(1)
    model = getattr(nnlite.nn, kind)(inputs, size, **settings)
    x = nnlite.randn(batch, steps, inputs) if settings.get("batch_first") else nnlite.randn(steps, batch, inputs)
    found = results(model, x, **options)
    assert set(ran) == {kind.lower(), f"{kind.lower()}_gradient"}
    ran.clear()
    expected = results(model.double(), x.double(), **options)
    assert not ran
    for mine, other in zip(found, expected, strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=TOLERANCE * max(1, np.abs(other).max()))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_agrees_with_the_generic_body(kind, shape, count, ran, thread_count):
    thread_count(count)
    compare(kind, shape, ran)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_sequences_of_unequal_lengths(kind, count, ran, thread_count):
    thread_count(count)
    lengths = nnlite.tensor([3, 9, 1, 9, 4, 4, 2, 8, 1, 5])
    compare(kind, (9, 10, 6, 19, {"bidirectional": True}), ran, lengths=lengths)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_only_the_last_states_are_used(kind, ran):
    compare(kind, (6, 4, 5, 8, {}), ran, uses_output=False)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_the_same_bits_for_any_number_of_threads(kind, thread_count):
    nnlite.manual_seed(0)
    model, x = getattr(nnlite.nn, kind)(16, 24), nnlite.randn(5, 31, 16)
    made = []
    for count in (1, 2, 5):
        thread_count(count)
        made.append(results(model, x))
    for other in made[1:]:
        for a, b in zip(made[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_inputs_stay_as_they_are(kind, ran):
    model, x = getattr(nnlite.nn, kind)(4, 6), nnlite.randn(3, 2, 4)
    states = [nnlite.randn(1, 2, 6) for _ in range(2)]
    before = [a.clone() for a in (x, *states, *model.parameters())]
    out, _ = model(x, tuple(states) if kind == "LSTM" else states[0])
    out.sum().backward()
    assert ran
    for a, b in zip((x, *states, *model.parameters()), before, strict=True):
        assert nnlite.equal(a, b)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_what_is_not_a_number_stays_in_its_sequence(kind, ran):
    """Infinite inputs end in states of -1 or 1, as they do in the generic body."""
    model, x = getattr(nnlite.nn, kind)(4, 6), nnlite.randn(5, 3, 4)
    x[2, 1, 0], x[1, 2, 0] = float("nan"), float("inf")
    out = model(x)[0].detach().numpy()
    assert ran
    assert np.isfinite(out[:, 0]).all()
    assert np.isfinite(out[:2, 1]).all() and np.isnan(out[2:, 1]).all()
    expected = model.double()(x.double())[0].detach().numpy()
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=TOLERANCE)


def test_functions_of_the_gates():
    """tanh within 6 units in the last place, the sigmoid function within 2e-7, and both at the ends."""
    numba = pytest.importorskip("numba")
    module = first_use.load("recurrent")
    x = np.concatenate([np.linspace(-12, 12, 200_001), np.geomspace(1e-30, 1, 10_000), np.linspace(-85, 95, 20_000)])
    x, ends = x.astype(np.float32), np.array([np.inf, -np.inf, np.nan, 0], np.float32)
    tanh, sigmoid = (numba.vectorize(["float32(float32)"])(f.py_func) for f in (module.tanh, module.sigmoid))
    right = np.tanh(x.astype(np.float64))
    assert (np.abs(tanh(x) - right) / np.spacing(np.abs(right).astype(np.float32))).max() < 6
    assert np.abs(sigmoid(x) - 1 / (1 + np.exp(-x.astype(np.float64)))).max() < 2e-7
    assert sigmoid(x).min() >= 0 and sigmoid(x).max() <= 1 and np.abs(tanh(x)).max() <= 1
    np.testing.assert_array_equal(tanh(ends), [1, -1, np.nan, 0])
    np.testing.assert_array_equal(sigmoid(ends), [1, 0, np.nan, 0.5])


def test_projections_and_float64_stay_with_numpy(ran):
    nnlite.nn.LSTM(4, 6, proj_size=3)(nnlite.randn(5, 2, 4))
    nnlite.nn.GRU(4, 6).double()(nnlite.randn(5, 2, 4).double())
    assert not ran
