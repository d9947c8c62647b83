"""examples/weight_decay.py: the penalty in the loss and the optimizer's are one; it shrinks weights and errors."""

from __future__ import annotations

from example_program import assert_pictures, runner

run = runner("weight_decay")


def test_weight_decay(run, device, tmp_path, capsys):
    results = run(device, "--steps", "150")
    assert results["difference"] < 1e-5
    decays, learnt, _, norms = zip(*results["table"], strict=True)
    assert decays[0] == 0
    assert list(learnt) == sorted(learnt)
    assert list(norms) == sorted(norms, reverse=True)
    assert results["best"][0] > 0
    assert results["norms"]["AdamW"] != results["norms"]["Adam"]
    assert "best with a decay of" in capsys.readouterr().out
    assert_pictures(tmp_path, "weight_decay.png")
