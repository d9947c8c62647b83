"""examples/hooks.py: the hooks see what they should, change what they should, and go away."""

from __future__ import annotations

from example_program import assert_pictures, load, runner

import nnlite
from nnlite import nn

run = runner("hooks")


def test_hooks(run, device, tmp_path, capsys):
    results = run(device, "--epochs", "2")
    sigmoid, relu = results["norms"]["sigmoid"], results["norms"]["ReLU"]
    assert len(sigmoid) == len(relu) == 8
    assert sigmoid[0] < sigmoid[-1] / 1000
    assert relu[0] > relu[-1] / 10
    assert results["seen"]["noisy"] == results["seen"]["steps"] == 46
    assert 0 < results["seen"]["largest"] <= 0.01 + 1e-6
    assert results["accuracy"] > 0.6
    assert results["same"] > 0.6
    assert "looked up by their features" in capsys.readouterr().out
    assert_pictures(tmp_path, "hooks.png")


def test_recorded_hooks_are_removed(device):
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)).to(device)
    x = nnlite.randn(2, 3, device=device, requires_grad=True)
    with load("hooks").recorded(model, nn.Linear) as (outputs, gradients):
        out = model(x)
        out.sum().backward()
        assert nnlite.equal(outputs["2"], out)
        assert gradients["2"].tolist() == [[1.0], [1.0]]
        outputs.clear()
    model(x)
    assert outputs == {}
