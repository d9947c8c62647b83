"""examples/gan.py: the pictures move from noise towards the real ones, and each step changes one network."""

from __future__ import annotations

from example_program import assert_pictures, load, runner

import nnlite

run = runner("gan")


def test_gan(run, device, tmp_path, capsys):
    results = run(device, "--data", "digits", "--epochs", "2")
    assert results["drawn"].shape == (100, 1, 28, 28)
    assert 0 <= results["drawn"].min().item() <= results["drawn"].max().item() <= 1
    d_loss, g_loss, on_real, on_drawn = results["curves"][-1]
    assert 0 < d_loss < 3
    assert 0 < g_loss < 10
    assert on_real > on_drawn
    assert "D takes for real" in capsys.readouterr().out
    assert_pictures(tmp_path, "gan.png")


def test_shapes(device):
    gan = load("gan")
    G, D = gan.generator(3).to(device), gan.discriminator(3).to(device)
    pictures = G(nnlite.randn(5, gan.NOISE, device=device))
    assert pictures.shape == (5, 1, 28, 28)
    assert D(pictures).shape == (5, 1)
    assert gan.verdict(D(pictures), 1.0).item() > 0
