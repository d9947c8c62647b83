"""Recurrent functions, packed sequences and padding give what PyTorch gives."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import nnlite

torch = pytest.importorskip("torch")

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
LAYERS, BATCH, TIME, FEATURES, HIDDEN = 2, 3, 4, 3, 4
SIZES = np.array([3, 3, 2, 1])

CASES = [
    (kind, *rest)
    for kind in GATES
    for rest in itertools.product((False, True), (True, False), (0, 2) if kind == "lstm" else (0,), (False, True))
]


def arrays(kind: str, bidirectional: bool, bias: bool, projection: int, packed: bool) -> tuple[Any, Any, Any]:
    """Input, states and parameters."""
    rng = np.random.default_rng(3)
    directions = 2 if bidirectional else 1
    out, rows = projection or HIDDEN, GATES[kind] * HIDDEN
    params = []
    for layer in range(LAYERS):
        for _ in range(directions):
            shapes: list[Any] = [(rows, out * directions if layer else FEATURES), (rows, out)]
            shapes += [rows, rows] if bias else []
            shapes += [(projection, HIDDEN)] if projection else []
            params += [rng.standard_normal(shape) for shape in shapes]
    states = [rng.standard_normal((LAYERS * directions, BATCH, out))]
    if kind == "lstm":
        states.append(rng.standard_normal((LAYERS * directions, BATCH, HIDDEN)))
    x = rng.standard_normal((SIZES.sum(), FEATURES) if packed else (TIME, BATCH, FEATURES))
    return x, states, params


def run(library: Any, device: str, case: tuple[Any, ...], create_graph: bool = False) -> list[np.ndarray]:
    """Outputs and gradients."""
    kind, bidirectional, bias, _, packed = case
    x, states, params = arrays(*case)

    def made(a: np.ndarray) -> Any:
        return library.tensor(a, device=device).requires_grad_()

    x, states, params = made(x), [made(s) for s in states], [made(p) for p in params]
    settings = (params, bias, LAYERS, 0.0, True, bidirectional)
    hx = tuple(states) if kind == "lstm" else states[0]
    function = getattr(library, kind)
    if packed:
        results = function(x, library.tensor(SIZES), hx, *settings)
    else:
        results = function(x, hx, *settings, False)
    loss = sum((r * r.detach().cos()).sum() for r in results)
    gradients = library.autograd.grad(loss, [x, *states, *params], create_graph=create_graph)
    return [r.detach().cpu().numpy() for r in (*results, *gradients)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_functions(case, device):
    want = run(torch, "cpu", case)
    for create_graph in (False, True):
        for a, b in zip(run(nnlite, device, case, create_graph), want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


def test_a_module_on_packed_sequences(device):
    theirs = torch.nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2)
    ours = nnlite.nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2).to(device)
    ours.load_state_dict({name: nnlite.tensor(p.numpy()) for name, p in theirs.state_dict().items()})
    data, lengths = np.random.default_rng(0).standard_normal((5, 4, 3)).astype("f"), [2, 5, 3, 1]

    def outputs(library: Any, module: Any, device: str) -> list[np.ndarray]:
        utils = library.nn.utils.rnn
        packed = utils.pack_padded_sequence(library.tensor(data, device=device), lengths, enforce_sorted=False)
        out, (h, c) = module(packed)
        padded, sizes = utils.pad_packed_sequence(out, padding_value=-1.0, total_length=6)
        return [v.detach().cpu().numpy() for v in (padded, sizes, h, c, out.data, out.batch_sizes)]

    for a, b in zip(outputs(nnlite, ours, device), outputs(torch, theirs, "cpu"), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("enforce_sorted", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_packing(batch_first, enforce_sorted, seed, device):
    rng = np.random.default_rng(seed)
    time, batch = rng.integers(1, 6, 2)
    lengths = rng.integers(1, time + 1, batch)
    if enforce_sorted:
        lengths = np.sort(lengths)[::-1].copy()
    shape = (batch, time) if batch_first else (time, batch)
    data = rng.standard_normal((*shape, *rng.integers(1, 3, rng.integers(0, 3))))

    def outputs(library: Any, device: str) -> Any:
        utils = library.nn.utils.rnn
        x = library.tensor(data, device=device).requires_grad_()
        packed = utils.pack_padded_sequence(x, library.tensor(lengths), batch_first, enforce_sorted)
        padded, sizes = utils.pad_packed_sequence(packed, batch_first, 2.0)
        (gradient,) = library.autograd.grad((padded * padded).sum(), [x])
        parts = utils.unpack_sequence(packed)
        again = utils.pad_sequence(parts, batch_first, 3.0, padding_side="left")
        apart = utils.unpad_sequence(again.clone(), sizes, batch_first)  # PyTorch transposes what it is given, in place
        tensors = [*packed, padded, sizes, gradient, again, *parts, *apart]
        return [None if t is None else t.detach().cpu().numpy() for t in tensors]

    for a, b in zip(outputs(nnlite, device), outputs(torch, "cpu"), strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


def wrong(library: Any) -> list[Any]:
    utils, x, nn = library.nn.utils.rnn, library.ones(4, 3, 2), library.nn
    packed = utils.pack_padded_sequence(x, [4, 2, 1])
    return [
        lambda: utils.pack_padded_sequence(x, [1, 2, 4]),
        lambda: utils.pack_padded_sequence(x, [4, 2, 0]),
        lambda: utils.pack_padded_sequence(x, [4, 2]),
        lambda: utils.pad_packed_sequence(packed, total_length=2),
        lambda: utils.pad_sequence([]),
        lambda: utils.pad_sequence(3),
        lambda: utils.pad_sequence([library.ones(2, 3), library.ones(2, 4)]),
        lambda: utils.pad_sequence([library.ones(2)], padding_side="middle"),
        lambda: nn.LSTM(3, 4)(packed),
        lambda: nn.GRU(2, 4)(packed, library.ones(1, 2, 4)),
        lambda: nn.GRU(2, 4)(library.ones(0, 3, 2)),
        lambda: nn.GRU(2, 4)(library.ones(3, 2, dtype=library.float64)),
        lambda: nn.RNN(2, 4, proj_size=2),
        lambda: nn.RNN(2, 4, nonlinearity="sin"),
        lambda: nn.LSTM(2, 4, proj_size=4),
        lambda: nn.RNNCell(2, 3, nonlinearity="sin")(library.ones(1, 2)),
        lambda: library.lstm(x, (x, x), [x], True, 1, 0.0, True, False, False),
        lambda: library.gru_cell(library.ones(2, 3), library.ones(2, 4), library.ones(12, 2), library.ones(12, 4)),
        lambda: library.gru_cell(library.ones(3, 2), library.ones(2, 4), library.ones(12, 2), library.ones(12, 4)),
    ]


@pytest.mark.parametrize("number", range(len(wrong(nnlite))))
def test_errors(number):
    with pytest.raises(Exception) as theirs:
        wrong(torch)[number]()
    with pytest.raises(theirs.type):
        wrong(nnlite)[number]()
