"""Recurrent layers beyond what the comparison with PyTorch's database shows."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import nnlite
from nnlite import nn
from nnlite.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence


def test_length_beyond_the_input():
    with pytest.raises(RuntimeError, match="at most 4 steps, but got 5"):
        pack_padded_sequence(nnlite.ones(4, 3), [5, 2, 1])


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_packed_is_each_sequence_alone(kind, device):
    layer = kind(2, 3, bidirectional=True).to(device)
    sequences = [nnlite.randn(n, 2, device=device) for n in (2, 4, 1)]
    out, _ = layer(pack_sequence(sequences, enforce_sorted=False))
    padded, lengths = pad_packed_sequence(out, batch_first=True)
    assert lengths.tolist() == [2, 4, 1]
    for row, sequence in zip(padded, sequences, strict=True):
        alone, _ = layer(sequence)
        np.testing.assert_allclose(row[: len(sequence)].tolist(), alone.tolist(), rtol=1e-5, atol=1e-6)
        assert not row[len(sequence) :].any()


def test_a_cell_is_a_step_of_the_layer(device):
    layer, cell = nn.LSTM(2, 3).to(device), nn.LSTMCell(2, 3).to(device)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    x = nnlite.randn(4, 1, 2, device=device)
    out, _ = layer(x)
    state = None
    for t in range(4):
        state = cell(x[t], state)
        np.testing.assert_allclose(state[0].tolist(), out[t].tolist(), rtol=1e-5, atol=1e-6)


def test_dropout_between_layers_in_training_only(device):
    layer = nn.GRU(3, 50, num_layers=2, dropout=0.5).to(device)
    x = nnlite.randn(2, 1, 3, device=device)
    assert not nnlite.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert nnlite.equal(layer(x)[0], layer(x)[0])


@pytest.mark.parametrize("dtype", [nnlite.float16, nnlite.bfloat16])
def test_half_precision(dtype, device):
    layer = nn.LSTM(4, 8).to(device)
    x = nnlite.randn(6, 2, 4, device=device)
    want = layer(x)[0]
    out, (h, c) = layer.to(dtype)(x.to(dtype))
    assert out.dtype is h.dtype is c.dtype is dtype
    np.testing.assert_allclose(out.float().tolist(), want.tolist(), atol=0.02)


def test_packed_sequences_move_and_pickle(device):
    packed = pack_sequence([nnlite.tensor([1.0, 2.0]), nnlite.tensor([3.0, 4.0, 5.0])], enforce_sorted=False)
    moved = packed.to(device)
    assert moved.data.device == moved.sorted_indices.device == nnlite.device(device)
    assert moved.batch_sizes.device.type == "cpu"
    assert packed.to("cpu") is packed
    assert moved.double().data.dtype is nnlite.float64
    again = pickle.loads(pickle.dumps(packed))
    assert isinstance(again, PackedSequence)
    assert again.data.tolist() == packed.data.tolist()


def test_it_learns_to_remember(device):
    """The first of six numbers decides, so that the gradient has to come through all steps."""
    nnlite.manual_seed(0)
    layer, head = nn.LSTM(1, 16).to(device), nn.Linear(16, 1).to(device)
    optimizer = nnlite.optim.Adam([*layer.parameters(), *head.parameters()], lr=0.02)
    x = nnlite.randn(6, 64, 1, device=device)
    target = (x[0] > 0).float()
    for _ in range(200):
        optimizer.zero_grad()
        _, (h, _) = layer(x)
        loss = ((head(h[0]) - target) ** 2).mean()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02


def test_weights_are_not_written_to(device):
    layer = nn.LSTM(2, 2, proj_size=1).to(device)
    before = layer.weight_hh_l0.detach().clone()
    layer(nnlite.ones(3, 1, 2, device=device))
    assert nnlite.equal(layer.weight_hh_l0, before)
