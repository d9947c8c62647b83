"""examples/schedules.py: the rates follow their formulas; frozen layers stay."""

from __future__ import annotations

import math

import pytest
from example_program import assert_pictures, load, runner

import nnlite

run = runner("schedules")


def test_schedules(run, device, tmp_path, capsys):
    results = run(device, "--steps", "20", "--lr", "0.1")
    rates = {name: found[0] for name, found in results["schedules"].items()}
    assert rates["constant"] == [0.1] * 20
    assert rates["StepLR"] == pytest.approx([0.1] * 6 + [0.02] * 6 + [0.004] * 6 + [0.0008] * 2)
    assert rates["ExponentialLR"] == pytest.approx([0.1 * 0.02 ** (i / 20) for i in range(20)])
    assert rates["CosineAnnealingLR"] == pytest.approx([0.05 * (1 + math.cos(math.pi * i / 20)) for i in range(20)])
    assert rates["warm-up, then cosine"][:3] == pytest.approx([0.005, 0.0525, 0.1])
    assert max(rates["OneCycleLR"]) == pytest.approx(0.2, rel=0.05)
    assert len(results["fine-tuning"]) == 4
    assert "the last layer alone" in capsys.readouterr().out
    assert_pictures(tmp_path, "schedules.png")


def test_ways_to_tune(device):
    schedules = load("schedules")
    model = schedules.network(5).to(device)
    ways = schedules.ways(model, 0.9)
    assert [group["lr"] for group in ways["each layer a third of the next one's"]] == pytest.approx(
        [1 / 30, 0.1, 0.3, 0.9]
    )
    before = [p.detach().clone() for p in model.parameters()]
    data = nnlite.rand(60, 1, 8, 8, device=device), nnlite.randint(5, (60,), device=device)
    schedules.train(model, schedules.ways(model, 0.9)["the last layer alone"], data, 3, schedules.SCHEDULES["constant"])
    same = [nnlite.equal(old, new) for old, new in zip(before, model.parameters(), strict=True)]
    assert same == [True] * (len(same) - 2) + [False] * 2
