"""Whole modules and optimizers that PyTorch pickled, read by nnlite."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import nnlite  # noqa: E402


def torch_file(obj):
    file = io.BytesIO()
    torch.save(obj, file)
    return file.getvalue()


def test_whole_modules_of_theirs():
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
    data = torch_file(theirs)
    with pytest.raises(pickle.UnpicklingError, match=r"torch\.nn\.modules"):
        nnlite.load(io.BytesIO(data))
    ours = nnlite.load(io.BytesIO(data), weights_only=False)
    assert type(ours) is nnlite.nn.Sequential
    x = np.array([[1.0, -2.0]], np.float32)
    expected = theirs(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(ours(nnlite.tensor(x)).detach().numpy(), expected, rtol=1e-6)
    with pytest.raises(pickle.UnpicklingError, match=r"torch\.fx\.graph\.Graph.*no counterpart"):
        nnlite.load(io.BytesIO(torch_file(torch.fx.Graph)), weights_only=False)


MODULES = {
    "linear": lambda nn: nn.Linear(2, 3), "conv": lambda nn: nn.Conv2d(1, 2, 3, padding="same"),
    "transposed": lambda nn: nn.ConvTranspose2d(1, 2, 3), "batch_norm": lambda nn: nn.BatchNorm2d(2),
    "layer_norm": lambda nn: nn.LayerNorm(3), "embedding": lambda nn: nn.Embedding(3, 4, padding_idx=0),
    "dropout": lambda nn: nn.Dropout(0.3), "lstm": lambda nn: nn.LSTM(2, 3, 2, bidirectional=True),
    "gru": lambda nn: nn.GRU(2, 3), "cell": lambda nn: nn.LSTMCell(2, 3),
    "attention": lambda nn: nn.MultiheadAttention(4, 2), "lists": lambda nn: nn.ModuleList([nn.ReLU(), nn.GELU()]),
    "encoder": lambda nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2),
    "transformer": lambda nn: nn.Transformer(4, 2, 1, 1, 8, batch_first=True),
    "parameters": lambda nn: nn.ParameterDict({"a": nn.Parameter(nn.Linear(1, 1).weight.detach())}),
    "pooling": lambda nn: nn.Sequential(nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Upsample(scale_factor=2)),
    "losses": lambda nn: nn.ModuleDict({"ce": nn.CrossEntropyLoss(label_smoothing=0.1), "mse": nn.MSELoss()}),
}  # fmt: skip
INPUTS = {
    "linear": (4, 2), "conv": (1, 1, 5, 5), "transposed": (1, 1, 4, 4), "batch_norm": (2, 2, 3, 3),
    "layer_norm": (2, 3), "dropout": (3,), "lstm": (4, 2, 2), "gru": (4, 2, 2), "cell": (3, 2), "encoder": (2, 3, 4),
    "pooling": (1, 1, 4, 4),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_whole_modules_of_many_kinds(name):
    theirs = MODULES[name](torch.nn).eval()
    ours = nnlite.load(io.BytesIO(torch_file(theirs)), weights_only=False)
    fresh = MODULES[name](nnlite.nn)
    assert repr(ours) == repr(theirs)
    assert type(ours) is type(fresh)
    assert ours.training is False
    assert [key for key, _ in ours.named_parameters()] == [key for key, _ in theirs.named_parameters()]
    fresh.load_state_dict(ours.state_dict())
    if name in INPUTS:
        x = np.random.default_rng(0).standard_normal(INPUTS[name]).astype(np.float32)
        expected, found = theirs(torch.tensor(x)), ours(nnlite.tensor(x))
        while isinstance(expected, tuple):
            expected, found = expected[0], found[0]
        np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-4, atol=1e-5)
    ours.train().requires_grad_(False)


def test_whole_optimizers_of_theirs():
    layer = torch.nn.Linear(2, 3)
    ours = nnlite.load(
        io.BytesIO(torch_file([torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9), layer])), weights_only=False
    )
    assert type(ours[0]) is nnlite.optim.SGD
    assert ours[0].param_groups[0]["params"][0] is ours[1].weight
    ours[1].weight.sum().backward()
    before = ours[1].weight.tolist()
    ours[0].step()
    np.testing.assert_allclose(ours[1].weight.detach().numpy(), np.array(before) - 0.1, rtol=1e-5)
