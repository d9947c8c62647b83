"""A variational autoencoder: draws pictures of its own, and lays out the pictures that it knows on a map.

    python examples/vae.py

The encoder makes of a picture a distribution over a few numbers, a mean and a deviation for each. The decoder makes a
picture of numbers drawn from it. Both learn to return the picture while the distribution stays close to the standard
normal one, so that numbers drawn from that give pictures too. The draw is written as mean + deviation * noise: the
noise does not depend on the network, so that the gradient flows through mean and deviation.

Source: D. Kingma, M. Welling, "Auto-encoding variational Bayes", 2014.
"""

from __future__ import annotations

from common import images, parse, progress, pyplot, save_picture, show_grid

import nnlite as torch
import nnlite.nn.functional as F
from nnlite import nn
from nnlite.utils.data import DataLoader, TensorDataset

PIXELS = 28 * 28


class VAE(nn.Module):
    def __init__(self, hidden: int = 400, latent: int = 16):
        super().__init__()
        self.latent = latent
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent))
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, PIXELS), nn.Unflatten(1, (1, 28, 28))
        )

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and logarithm of the variance of each number."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Pixels, as the logarithms of odds: a sigmoid makes grey values of them."""
        return self.decoder(z)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        mean, log_variance = self.encode(x)
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        return self.decode(z), mean, log_variance


def losses(model: VAE, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Per picture: what the pixels still cost when the numbers are known, and what the numbers cost.

    The second is the Kullback-Leibler divergence of N(mean, variance) from N(0, 1). The sum of both bounds the
    logarithm of the picture's probability from above (in nats, with the sign turned).
    """
    pixels, mean, log_variance = model(x)
    reconstruction = F.binary_cross_entropy_with_logits(pixels, x, reduction="sum") / len(x)
    divergence = (mean**2 + log_variance.exp() - 1 - log_variance).sum() / 2 / len(x)
    return reconstruction, divergence


@torch.no_grad()
def evaluate(model: VAE, data: TensorDataset, device: torch.device) -> float:
    model.eval()
    total = torch.zeros((), device=device)
    for x, _ in DataLoader(data, 500):
        total += sum(losses(model, x.to(device))) * len(x)
    return total.item() / len(data)


def main(arguments: list[str] | None = None) -> dict:
    options = parse(__doc__, "vae", arguments, data="any", epochs=10, latent=16, lr=2e-3)
    if options.quick:
        options.epochs = min(options.epochs, 3)
    train, test, _ = images(options)
    model = VAE(latent=options.latent).to(options.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr)
    curve = []
    for epoch in range(1, options.epochs + 1):
        model.train()
        totals = torch.zeros(2, device=options.device)
        for x, _ in progress(DataLoader(train, 128, shuffle=True), f"epoch {epoch}", options):
            reconstruction, divergence = losses(model, x.to(options.device))
            loss = reconstruction + divergence
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            totals += torch.stack([reconstruction.detach(), divergence.detach()]) * len(x)
        pixels, numbers = (totals / len(train)).tolist()
        curve.append((pixels + numbers, evaluate(model, test, options.device)))
        print(
            f"epoch {epoch:2}  pixels {pixels:.2f} + numbers {numbers:.2f} = {pixels + numbers:.2f}, "
            f"test images {curve[-1][1]:.2f}",
            flush=True,
        )
    draw(model, test, options)
    return {"curve": curve}


@torch.no_grad()
def draw(model: VAE, test: TensorDataset, options) -> None:
    plt = pyplot()
    if plt is None:
        return
    model.eval()
    x = test.tensors[0][:40].to(options.device)
    mean, _ = model.encode(x)
    again = model.decode(mean).sigmoid()
    drawn = model.decode(torch.randn(80, model.latent, device=options.device)).sigmoid()
    # From one picture to another, in a straight line through the numbers.
    share = torch.linspace(0, 1, 10, device=options.device)[None, :, None]
    lines = mean[:8, None] * (1 - share) + mean[8:16, None] * share
    between = model.decode(lines.flatten(0, 1)).sigmoid()
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.4), layout="constrained")
    pairs = torch.stack([x.reshape(4, 10, 1, 28, 28), again.reshape(4, 10, 1, 28, 28)], 1)
    show_grid(axes[0], pairs.flatten(0, 2), 10, "test images, and below each what came back")
    show_grid(axes[1], drawn, 10, "drawn by the model")
    show_grid(axes[2], between, 10, "from one test image to another")
    save_picture(figure, options.out / "vae.png")


if __name__ == "__main__":
    main()
