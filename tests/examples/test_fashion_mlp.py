"""examples/fashion_mlp.py: all three networks learn; dropout written out keeps the mean and is off in evaluation."""

from __future__ import annotations

import pytest
from example_program import assert_pictures, load, runner

import nnlite

run = runner("fashion_mlp")


def test_it_learns(run, device, tmp_path, capsys):
    results = run(device, "--data", "digits", "--epochs", "2", "--hidden", "64")
    assert list(results) == ["without dropout", "dropout written out", "nn.Dropout"]
    for curves in results.values():
        assert len(curves["train"]) == len(curves["test"]) == 2
        assert curves["test"][-1] > 0.2  # 0.1 is a guess
    assert "nn.Dropout            accuracy on the training images" in capsys.readouterr().out
    assert_pictures(tmp_path, "accuracy.png")


@pytest.mark.parametrize("p", [0, 0.3, 1])
def test_dropout_layer(device, p):
    X = nnlite.ones(40, 1000, device=device)
    out = load("fashion_mlp").dropout_layer(X, p)
    assert (out == 0).float().mean().item() == pytest.approx(p, abs=0.02)
    if p < 1:
        assert out.mean().item() == pytest.approx(1, abs=0.03)


def test_data_that_nobody_knows(run):
    with pytest.raises(SystemExit, match="--data clothes: expected any, fashion, mnist5k, digits"):
        run("cpu", "--data", "clothes")


def test_wrong_device(run, capsys):
    with pytest.raises(SystemExit):
        run("quantum")
    assert "--device: " in capsys.readouterr().err
