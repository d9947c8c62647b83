"""Layers of one's own, and what can be done with parameters: count, initialise, tie, freeze, save, load in part.

    python examples/custom_layers.py

The network that learns the digits here is made of three layers that no library has in this form: one with a parameter
and a buffer, one with a derivative of its own (``autograd.Function``), and an autoencoder's second half that uses the
weights of the first half, transposed. (examples/seeds/blocks.py, custom_layers.py, parameter_management.py and
read_write.py have the first steps.)

1. The autoencoder learns to return the images, without labels.
2. Its encoder is saved, and loaded into a classifier, which has a layer more (``strict=False``).
3. The classifier is trained on 50 labelled images with the encoder frozen, then with all its layers, and compared with
   one that starts from nothing.
4. A checkpoint with the state of the optimizer goes on exactly where it stopped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import parse, pyplot, save_picture, show_grid

import nnlite as torch
import nnlite.nn.functional as F
from nnlite import datasets, nn


class Standardize(nn.Module):
    """Inputs with mean 0 and deviation 1, by statistics of the data, times a scale for each pixel that is learnt.

    Mean and deviation are buffers: they are saved with the parameters and move to a device with them, and no optimizer
    changes them.
    """

    def __init__(self, features: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))

    def fit(self, X: torch.Tensor) -> None:
        self.mean.copy_(X.mean(0))
        self.deviation.copy_(X.std(0) + 0.1)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.mean) / self.deviation * self.scale

    def extra_repr(self) -> str:
        return f"features={self.scale.numel()}"


class StraightThrough(torch.autograd.Function):
    """0 or 1, whether x is positive. Its derivative is 0 everywhere, and nothing could learn through it; so backward
    takes that of a straight line between -1 and 1 in its place."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() < 1)


class Binary(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return StraightThrough.apply(x)


class Transposed(nn.Module):
    """A linear layer with the transposed weights of another one: tied, so that both learn one matrix."""

    def __init__(self, other: nn.Linear):
        super().__init__()
        self.weight = other.weight  # the same Parameter
        self.bias = nn.Parameter(torch.zeros(other.in_features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight.T, self.bias)


def encoder(bits: int) -> nn.Sequential:
    """An image as a few bits."""
    return nn.Sequential(nn.Flatten(), Standardize(64), nn.Linear(64, bits), Binary())


class Autoencoder(nn.Module):
    def __init__(self, bits: int):
        super().__init__()
        self.encoder = encoder(bits)
        self.decoder = nn.Sequential(Transposed(self.encoder[2]), nn.Unflatten(1, (1, 8, 8)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(x))


class Classifier(nn.Module):
    def __init__(self, bits: int):
        super().__init__()
        self.encoder = encoder(bits)
        self.head = nn.Linear(bits, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(x))


def initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.orthogonal_(module.weight)
        nn.init.zeros_(module.bias)


def count(model: nn.Module) -> str:
    learnt = sum(p.numel() for p in model.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    return (
        f"{learnt} parameters to learn, {frozen} frozen, {sum(b.numel() for b in model.buffers())} numbers in buffers"
    )


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int, optimizer=None) -> torch.optim.Optimizer:
    """Learn y (labels, or pictures) from x; the frozen parameters stay."""
    if optimizer is None:
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    loss_function = F.mse_loss if y.is_floating_point() else F.cross_entropy
    model.train()
    for _ in range(steps):
        rows = torch.randint(len(x), (100,)).to(x.device)
        loss = loss_function(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return optimizer


@torch.no_grad()
def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    return (model.eval()(x).argmax(1) == y).float().mean().item()


def main(arguments: list[str] | None = None) -> dict:
    options = parse(__doc__, "custom_layers", arguments, steps=1500, bits=96)
    if options.quick:
        options.steps = min(options.steps, 60)
    images, labels = datasets.load_digits()
    rows = np.random.default_rng(0).permutation(len(images))
    x, y = images[rows].to(options.device), labels[rows].to(options.device)
    x_train, x_test, y_few, y_test = x[:1300], x[1300:], y[:50], y[1300:]
    results: dict[str, Any] = {}

    autoencoder = Autoencoder(options.bits).to(options.device).apply(initialise)
    autoencoder.encoder[1].fit(x_train.flatten(1))
    print(autoencoder)
    print(count(autoencoder))
    tied = autoencoder.encoder[2].weight is autoencoder.decoder[0].weight
    train(autoencoder, x_train, x_train, options.steps)
    with torch.no_grad():
        returned = autoencoder.eval()(x_test)
        error = (returned - x_test).pow(2).mean().item() / x_test.var().item()
    print(
        f"tied weights: {tied}; from {options.bits} bits an image comes back with {error:.1%} of its variance missing"
    )

    path = options.out / "encoder.pt"
    torch.save({name: value for name, value in autoencoder.state_dict().items() if "encoder." in name}, path)
    classifier = Classifier(options.bits).to(options.device)
    missing, unexpected = classifier.load_state_dict(torch.load(path), strict=False)
    print(f"loaded {path}; not in it: {missing}, not wanted: {unexpected}")
    results |= {"tied": tied, "error": error, "missing": missing, "unexpected": unexpected}

    for p in classifier.encoder.parameters():
        p.requires_grad_(False)
    print(f"frozen: {count(classifier)}")
    before = classifier.encoder[2].weight.clone()
    train(classifier, x[:50], y_few, options.steps // 3)
    results["frozen stayed"] = torch.equal(before, classifier.encoder[2].weight)
    results["frozen"] = accuracy(classifier, x_test, y_test)
    classifier.requires_grad_(True)
    train(classifier, x[:50], y_few, options.steps // 3)
    results["thawed"] = accuracy(classifier, x_test, y_test)
    new = Classifier(options.bits).to(options.device)
    train(new, x[:50], y_few, options.steps * 2 // 3)
    results["new"] = accuracy(new, x_test, y_test)
    for name in ("frozen", "thawed", "new"):
        print(f"accuracy from 50 labelled images, {name:6} {results[name]:.2%}")

    results["resumed"] = resumes_exactly(options, x_train, y[:1300])
    print(f"a run that was stopped and resumed has the same weights: {results['resumed']}")
    draw(x_test, returned, autoencoder.encoder[2].weight, options)
    return results


def resumes_exactly(options, x: torch.Tensor, y: torch.Tensor) -> bool:
    """Train 40 steps, and 20 + 20 with a checkpoint between; compare."""
    path = options.out / "checkpoint.pt"
    torch.manual_seed(1)
    whole = Classifier(options.bits).to(options.device)
    optimizer = train(whole, x, y, 20)
    torch.save(
        {"model": whole.state_dict(), "optimizer": optimizer.state_dict(), "random": torch.get_rng_state()}, path
    )
    train(whole, x, y, 20, optimizer)

    torch.manual_seed(99)
    state = torch.load(path)
    again = Classifier(options.bits).to(options.device)
    again.load_state_dict(state["model"])
    optimizer = torch.optim.Adam(again.parameters())
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    train(again, x, y, 20, optimizer)
    return all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))


def draw(x: torch.Tensor, returned: torch.Tensor, weight: torch.Tensor, options) -> None:
    plt = pyplot()
    if plt is None:
        return
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.7), layout="constrained")
    pairs = torch.stack([x[:40].reshape(4, 10, 1, 8, 8), returned[:40].reshape(4, 10, 1, 8, 8)], 1)
    show_grid(left, pairs.flatten(0, 2), 10, f"images, and what {len(weight)} bits tell of them")
    patterns = weight.detach()[:60].reshape(-1, 1, 8, 8)
    show_grid(right, (patterns / patterns.abs().max() + 1) / 2, 10, "the patterns that the bits stand for")
    save_picture(figure, options.out / "autoencoder.png")


if __name__ == "__main__":
    main()
