"""examples/vae.py: the bound falls, and the divergence is that of normal distributions."""

from __future__ import annotations

import pytest
from example_program import assert_pictures, load, runner

import nnlite

run = runner("vae")


def test_vae(run, device, tmp_path, capsys):
    curve = run(device, "--data", "digits", "--epochs", "3")["curve"]
    assert curve[-1][0] < curve[0][0]
    assert curve[-1][1] < curve[0][1] < 28 * 28
    assert "drawn" not in capsys.readouterr().err
    assert_pictures(tmp_path, "vae.png")


def test_divergence(device):
    vae = load("vae")
    model = vae.VAE(hidden=8, latent=2).to(device)
    mean, log_variance = nnlite.tensor([[0.5, -1.0]], device=device), nnlite.tensor([[0.2, -0.7]], device=device)
    model.encode = lambda x: (mean, log_variance)
    _, divergence = vae.losses(model, nnlite.rand(1, 1, 28, 28, device=device))
    # The mean of log q(z) - log p(z) over z drawn from q.
    z = mean.cpu() + nnlite.exp(log_variance.cpu() / 2) * nnlite.randn(200_000, 2)
    log_q = -((z - mean.cpu()) ** 2) / log_variance.cpu().exp() / 2 - log_variance.cpu() / 2
    drawn = (log_q + z**2 / 2).sum(1).mean().item()
    assert divergence.item() == pytest.approx(drawn, abs=0.02)
