"""Hooks: to look into a network while it computes, and to change what flows through it, without touching its code.

    python examples/hooks.py

1. Forward hooks keep what each layer puts out; the picture shows how its distribution changes from layer to layer.
2. Full backward hooks keep the gradient that reaches each layer. In a deep network of sigmoids it vanishes on the way
   to the first layers, which therefore do not learn; with ReLU and matching initial weights it does not.
3. A forward pre-hook adds noise to the input while the network trains, a tensor hook keeps single gradients small, and
   a hook of the optimizer counts its steps.
4. A forward hook makes a trained network a source of features: images with like features are looked up for one another.

Every ``register_...`` returns a handle, and ``handle.remove()`` takes the hook away again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, contextmanager

from common import parse, pyplot, save_picture, show_grid

import nnlite as torch
from nnlite import datasets, nn
from nnlite.utils.data import DataLoader, TensorDataset

DEPTH = 8


def deep_network(activation: type[nn.Module], initialise: Callable[[torch.Tensor], object]) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    size = 64
    for _ in range(DEPTH):
        layers += [nn.Linear(size, 100), activation()]
        size = 100
    model = nn.Sequential(*layers, nn.Linear(size, 10))
    for layer in model:
        if isinstance(layer, nn.Linear):
            initialise(layer.weight)
            nn.init.zeros_(layer.bias)
    return model


@contextmanager
def recorded(model: nn.Module, kind: type[nn.Module]):
    """While the block runs: what every layer of a kind puts out, and the gradient that reaches it, by its name."""
    outputs: dict[str, torch.Tensor] = {}
    gradients: dict[str, torch.Tensor] = {}

    def keep_output(name: str):
        def hook(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
            outputs[name] = output.detach()

        return hook

    def keep_gradient(name: str):
        def hook(module: nn.Module, grad_input: tuple, grad_output: tuple) -> None:
            gradients[name] = grad_output[0].detach()

        return hook

    with ExitStack() as handles:  # a handle is a context manager that removes its hook
        for name, module in model.named_modules():
            if isinstance(module, kind):
                handles.enter_context(module.register_forward_hook(keep_output(name)))
                handles.enter_context(module.register_full_backward_hook(keep_gradient(name)))
        yield outputs, gradients


def look_inside(x: torch.Tensor, y: torch.Tensor, options) -> dict[str, tuple[list, list]]:
    """Outputs and norms of the gradients of each hidden layer, for two networks as they are at the beginning."""
    networks = {
        "sigmoid": (nn.Sigmoid, nn.init.xavier_normal_),
        "ReLU": (nn.ReLU, lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu")),
    }
    found = {}
    for text, (activation, initialise) in networks.items():
        torch.manual_seed(options.seed)
        model = deep_network(activation, initialise).to(options.device)
        with recorded(model, activation) as (outputs, gradients):
            nn.functional.cross_entropy(model(x), y).backward()
        norms = [gradients[name].norm().item() for name in outputs]
        found[text] = ([output.cpu() for output in outputs.values()], norms)
        print(f"{text:8} norm of the gradient at hidden layer 1: {norms[0]:.1e}, at layer {DEPTH}: {norms[-1]:.1e}")
        model(x)  # the hooks are gone
    return found


def train_with_hooks(data: TensorDataset, options) -> tuple[nn.Sequential, dict]:
    """A small network that is trained with noise on its input and with small gradients; what the hooks saw."""
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 64), nn.ReLU(),
        nn.Linear(64, 10),
    ).to(options.device)  # fmt: skip
    seen = {"noisy": 0, "steps": 0, "largest": 0.0}

    def add_noise(module: nn.Module, inputs: tuple) -> tuple | None:
        if not module.training:
            return None  # the input stays
        seen["noisy"] += 1
        return (inputs[0] + 0.1 * torch.randn_like(inputs[0]),)

    def keep_small(gradient: torch.Tensor) -> torch.Tensor:
        return gradient.clamp(-0.01, 0.01)

    def count(optimizer: torch.optim.Optimizer, args: tuple, kwargs: dict) -> None:
        seen["steps"] += 1
        seen["largest"] = max(seen["largest"], model[-1].weight.grad.abs().max().item())

    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    handles = [
        model.register_forward_pre_hook(add_noise),
        model[-1].weight.register_hook(keep_small),
        optimizer.register_step_post_hook(count),
    ]
    for _ in range(options.epochs):
        for x, y in DataLoader(data, 64, shuffle=True):
            loss = nn.functional.cross_entropy(model(x.to(options.device)), y.to(options.device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for handle in handles:
        handle.remove()
    return model.eval(), seen


@torch.no_grad()
def features(model: nn.Sequential, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What ``layer`` puts out when the model sees x."""
    kept: list[torch.Tensor] = []
    with layer.register_forward_hook(lambda module, inputs, output: kept.append(output)):
        model(x)
    return kept[0]


def main(arguments: list[str] | None = None) -> dict:
    options = parse(__doc__, "hooks", arguments, epochs=10)
    if options.quick:
        options.epochs = min(options.epochs, 2)
    images, labels = datasets.load_digits()
    train_rows, test_rows = datasets.stratified_split(labels, 0.2)
    images, labels = images.to(options.device), labels.to(options.device)
    inside = look_inside(images[:200], labels[:200], options)

    train_rows, test_rows = train_rows.to(options.device), test_rows.to(options.device)
    model, seen = train_with_hooks(TensorDataset(images[train_rows], labels[train_rows]), options)
    x, y = images[test_rows], labels[test_rows]
    with torch.no_grad():
        accuracy = (model(x).argmax(1) == y).float().mean().item()
    print(
        f"{seen['steps']} steps, {seen['noisy']} noisy batches, no gradient of the last weights above "
        f"{seen['largest']:.4f}; test accuracy {accuracy:.2%}"
    )

    known, asked = (nn.functional.normalize(features(model, model[4], part)) for part in (images[train_rows], x))
    nearest = (asked @ known.T).topk(9).indices
    same = (labels[train_rows][nearest] == y[:, None]).float().mean().item()
    print(f"looked up by their features: {same:.2%} of the nine most alike images are the same digit")
    draw(inside, x[:10], images[train_rows][nearest[:10]], options)
    return {
        "norms": {text: norms for text, (_, norms) in inside.items()},
        "seen": seen,
        "accuracy": accuracy,
        "same": same,
    }


def draw(inside: dict[str, tuple[list, list]], asked: torch.Tensor, alike: torch.Tensor, options) -> None:
    plt = pyplot()
    if plt is None:
        return
    figure, axes = plt.subplots(1, 4, figsize=(16, 4.2), layout="constrained")
    for place, (text, (outputs, _)) in zip(axes, inside.items(), strict=False):
        for i in (0, DEPTH // 2 - 1, DEPTH - 1):
            place.hist(outputs[i].numpy().ravel(), bins=50, histtype="step", label=f"layer {i + 1}", density=True)
        place.set(title=f"What {text} layers put out", yscale="log")
        place.legend()
    for text, (_, norms) in inside.items():
        axes[2].semilogy(range(1, DEPTH + 1), norms, "o-", label=text)
    axes[2].set(xlabel="layer", title="Norm of the gradient")
    axes[2].grid(alpha=0.3)
    axes[2].legend()
    rows = torch.cat([asked[:, None], alike], 1).flatten(0, 1)
    show_grid(axes[3], rows, 10, "an image (left), and those most like it")
    save_picture(figure, options.out / "hooks.png")


if __name__ == "__main__":
    main()
