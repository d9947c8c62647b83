"""examples/custom_layers.py: layers, a derivative and files do what the program says of them."""

from __future__ import annotations

from example_program import assert_pictures, load, runner

import nnlite

run = runner("custom_layers")


def test_custom_layers(run, device, tmp_path, capsys):
    results = run(device, "--steps", "60")
    assert results["tied"]
    assert results["error"] < 0.8
    assert results["missing"] == ["head.weight", "head.bias"]
    assert results["unexpected"] == []
    assert results["frozen stayed"]
    assert results["frozen"] > 0.2
    assert results["thawed"] > 0.4
    assert results["resumed"]
    assert "970 parameters to learn, 6304 frozen, 128 numbers in buffers" in capsys.readouterr().out
    assert_pictures(tmp_path, "autoencoder.png")


def test_straight_through(device):
    x = nnlite.tensor([-2.0, -0.5, 0.5, 2.0], device=device, requires_grad=True)
    out = load("custom_layers").StraightThrough.apply(x)
    out.backward(nnlite.tensor([1.0, 2.0, 3.0, 4.0], device=device))
    assert out.tolist() == [0, 0, 1, 1]
    assert x.grad.tolist() == [0, 2, 3, 0]


def test_buffers_are_saved_and_not_learnt(device):
    layer = load("custom_layers").Standardize(3).to(device)
    X = nnlite.randn(50, 3, device=device) * 5 + 2
    layer.fit(X)
    assert list(layer.state_dict()) == ["scale", "mean", "deviation"]
    assert [name for name, _ in layer.named_parameters()] == ["scale"]
    assert layer(X).mean(0).abs().max().item() < 1e-5
    assert layer.mean.device.type == device
