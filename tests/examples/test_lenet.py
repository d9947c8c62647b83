"""examples/lenet.py: it learns, counts its confusions, and leaves weights that load."""

from __future__ import annotations

from example_program import assert_pictures, load, runner

import nnlite

run = runner("lenet")


def test_lenet(run, device, tmp_path, capsys):
    results = run(device, "--data", "digits", "--epochs", "2", "--batch-size", "20", "--lr", "0.004")
    assert results["accuracy"] > 0.4  # 0.1 is a guess
    assert results["counts"].sum().item() == 200
    assert "61706 parameters" in capsys.readouterr().out
    model = load("lenet").LeNet()
    model.load_state_dict(nnlite.load(tmp_path / "lenet.pt", map_location="cpu"))
    assert model(nnlite.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert_pictures(tmp_path, "lenet.png")
