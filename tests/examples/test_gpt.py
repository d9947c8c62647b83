"""examples/gpt.py: the perplexity falls, the future is not seen, and the first and last layer are one table."""

from __future__ import annotations

from example_program import assert_pictures, load, runner

import nnlite

run = runner("gpt")


def test_gpt(run, device, tmp_path, capsys):
    results = run(device, "--steps", "30", "--length", "30")
    assert results["perplexity"] < results["first"]
    assert results["perplexity"] < results["characters"] / 2
    assert len(results["written"]) == 34
    assert "written by the model" in capsys.readouterr().out
    assert_pictures(tmp_path, "perplexity.png")


def test_the_future_is_not_seen(device):
    model = load("gpt").GPT(20, context=16, size=16, heads=2, layers=2).to(device).eval()
    x = nnlite.randint(20, (2, 16), device=device)
    changed = x.clone()
    changed[:, 9] = (x[:, 9] + 1) % 20
    differs = (model(x) != model(changed)).any(-1).any(0).tolist()
    assert differs[:9] == [False] * 9
    assert any(differs[9:])
    assert model.head.weight is model.character.weight
    assert model.generate(x, 5).shape == (2, 21)  # longer than the context


def test_what_decays(device):
    gpt = load("gpt")
    model = gpt.GPT(20, context=16, size=16, heads=2, layers=2).to(device)
    matrices, others = gpt.optimizer_of(model, 0.1).param_groups
    assert (matrices["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert len(matrices["params"]) + len(others["params"]) == len(list(model.parameters()))
