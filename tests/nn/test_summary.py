"""Tables of models and pictures of graphs."""

from __future__ import annotations

import shutil

import pytest

import nnlite
from nnlite import nn
from nnlite.utils import _graph_drawing, draw_graph, summary


def test_numbers_of_lenet(device, capsys):
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    ).to(device)  # fmt: skip
    net[0].bias.requires_grad_(False)
    found = summary(net, (2, 1, 28, 28))
    assert found.total_params == 61706 and found.trainable_params == 61700
    # LeNet's multiply-adds: 28^2 6 5^2 + 10^2 16 6 5^2 + 400 120 + 120 84 + 84 10, for each of two images
    assert found.total_mult_adds == 2 * (117600 + 240000 + 48000 + 10080 + 840)
    assert found.layers[1].output_shape == [2, 6, 28, 28]
    assert [layer.parameters for layer in found.layers if layer.parameters] == [156, 2416, 48120, 10164, 850]
    text = capsys.readouterr().out
    assert text == f"{found}\n" and "61,706 (61,700 trainable, 246.8 KB)" in text and "0: Conv2d" in text


def test_the_model_is_as_before(device):
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5).eval(), nn.LazyLinear(2)).to(device)
    found = summary(net, input_data=nnlite.ones(4, 3, device=device), verbose=False)
    assert net.training and not net[1].training
    assert net[0].running_mean.tolist() == [0, 0, 0] and net[0].num_batches_tracked == 0
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert found.layers[3].kind == "Linear" and found.layers[3].parameters == 8


@pytest.mark.parametrize(
    "layer, shape, mult_adds",
    [
        (nn.ConvTranspose2d(2, 3, 2, groups=1), (1, 2, 4, 4), 16 * 2 * 3 * 4),
        (nn.Conv1d(4, 6, 3, groups=2), (2, 4, 5), 2 * 3 * 6 * 2 * 3),
        (nn.GRU(3, 4, bidirectional=True), (5, 2, 3), 10 * 2 * 3 * 4 * (3 + 4)),
        (nn.LSTM(3, 4, 2, proj_size=2), (5, 3), 5 * (16 * (3 + 2) + 8 + 16 * (2 + 2) + 8)),
        (nn.LSTMCell(3, 4), (2, 3), 2 * 16 * 7),
        (nn.Linear(3, 4), (3,), 12),
        (nn.ReLU(), (3,), 0),
    ],
    ids=str,
)
def test_multiply_adds(layer, shape, mult_adds):
    assert summary(layer, shape, verbose=False).total_mult_adds == mult_adds


def test_parts_that_are_not_called_and_layers_that_are_called_twice():
    attention = nn.MultiheadAttention(8, 2)
    x = nnlite.ones(5, 1, 8)
    found = summary(attention, [(5, 1, 8)] * 3, verbose=False)
    assert found.layers[0].parameters == found.total_params == sum(p.numel() for p in attention.parameters())
    assert found.total_mult_adds == 4 * 5 * 64 + 2 * 5 * 5 * 8
    shared = nn.Linear(8, 8)
    found = summary(nn.Sequential(shared, shared), input_data=x, verbose=False)
    assert [layer.parameters for layer in found.layers] == [0, 72, 0] and found.total_params == 72
    assert found.layers[2].repeated and found.total_mult_adds == 2 * 5 * 64


def test_depth_dtypes_and_errors():
    net = nn.Sequential(nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2)))
    found = summary(net, (2, 3), dtypes=[nnlite.int64], depth=1, verbose=False)
    assert "Embedding" not in str(found) and found.layers[2].output_shape == [2, 3, 4]
    with pytest.raises(ValueError, match="input_size or input_data"):
        summary(net)
    with pytest.raises(ValueError, match="there are 1 inputs, but 2 dtypes"):
        summary(net, (2, 3), dtypes=[nnlite.int64] * 2)


def test_graph_of_a_module(device):
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).to(device)
    source = draw_graph(net, nnlite.ones(4, 2, device=device)).source
    for text in ("0.weight\\n3x2", "0.bias\\n3", "2.weight\\n1x3", "2.bias\\n1", "output\\n4x1", "TanhBackward0"):
        assert f'"{text}"' in source
    edges = [line.split() for line in source.splitlines() if "->" in line]
    ends = {line[0] for line in edges} | {line[2] for line in edges}
    declared = {line.split()[0] for line in source.splitlines() if line.startswith("  n") and "->" not in line}
    assert ends - {"out0"} == declared - {"node"}


def test_a_tensor_used_twice_is_drawn_once():
    x = nnlite.ones(2, requires_grad=True)
    y = x.exp()
    source = draw_graph([y * y, y], names={"x": x, "y": y}).source
    assert source.count("ExpBackward0") == 1 and source.count('"x\\n2"') == 1 and source.count("shape=box") == 3


def test_a_deep_graph():
    x = nnlite.ones(1, requires_grad=True)
    y = x
    for _ in range(3000):
        y = y + 1
    assert draw_graph(y).source.count("AddBackward0") == 3000


def test_files(tmp_path, monkeypatch):
    x = nnlite.ones(2, requires_grad=True)
    assert draw_graph(x * 2, path=tmp_path / "graph.dot").path.read_text().startswith("digraph {")
    if shutil.which("dot"):
        assert b"<svg" in draw_graph(x * 2, path=tmp_path / "graph.svg").path.read_bytes()
        assert draw_graph(x * 2, path=str(tmp_path / "graph.png")).path.read_bytes().startswith(b"\x89PNG")
        assert "<svg" in draw_graph(x * 2)._repr_svg_()
    monkeypatch.setattr(_graph_drawing.shutil, "which", lambda name: None)
    made = draw_graph(x * 2, path=tmp_path / "other.svg")
    assert made.path == tmp_path / "other.dot" and made.path.read_text() == made.source
    assert made._repr_svg_() is None
    with pytest.raises(ValueError, match=r"ends in \.svg"):
        draw_graph(x * 2, path="graph.jpg")
    with pytest.raises(ValueError, match="nothing was recorded"):
        draw_graph(nnlite.ones(2))
    with pytest.raises(ValueError, match="inputs are for a module"):
        draw_graph(x * 2, x)
