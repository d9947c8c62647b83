"""A language model of characters: an LSTM learns to continue an English text, letter by letter.

    python examples/char_lm.py

The text is what ``help()`` of Python tells about the language, 465,000 characters that come with Python. The network
sees a character and its own state, and gives a probability to each character that may follow. How good it is, the
perplexity tells: between how many characters it is undecided, on average, on the last tenth of the text, which it does
not learn from.

The text is cut into 32 strips that are read side by side. The state at the end of a piece of 64 characters is where the
next piece goes on; its gradient is not (``detach``). Gradients are clipped, as those of recurrent networks jump.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from common import parse, progress, pyplot, save_picture

import nnlite as torch
from nnlite import nn
from nnlite.datasets import Vocabulary, load_english_text

State = tuple[torch.Tensor, torch.Tensor]


class CharLSTM(nn.Module):
    def __init__(self, characters: int, hidden: int):
        super().__init__()
        self.embedding = nn.Embedding(characters, 64)
        self.lstm = nn.LSTM(64, hidden, num_layers=1, batch_first=True)
        self.dropout = nn.Dropout(0.2)
        self.output = nn.Linear(hidden, characters)

    def forward(self, x: torch.Tensor, state: State | None = None) -> tuple[torch.Tensor, State]:
        """Scores (strips, characters, vocabulary) for what follows each character, and the state at the end."""
        out, state = self.lstm(self.embedding(x), state)
        return self.output(self.dropout(out)), state


def pieces(numbers: torch.Tensor, strips: int, length: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Inputs and what follows each, both (strips, length), piece after piece."""
    width = (len(numbers) - 1) // strips
    inputs = numbers[: strips * width].reshape(strips, width)
    targets = numbers[1 : strips * width + 1].reshape(strips, width)
    for start in range(0, width - length + 1, length):
        yield inputs[:, start : start + length], targets[:, start : start + length]


@torch.no_grad()
def perplexity(model: CharLSTM, numbers: torch.Tensor) -> float:
    model.eval()
    state, losses = None, []
    for x, y in pieces(numbers, 8, 64):
        scores, state = model(x, state)
        losses.append(nn.functional.cross_entropy(scores.flatten(0, 1), y.flatten()))
    return math.exp(torch.stack(losses).mean().item())


@torch.no_grad()
def write(model: CharLSTM, vocabulary: Vocabulary, start: str, length: int, temperature: float) -> str:
    """A text of the model's own. A low temperature prefers what is likely; 1 draws as the model believes."""
    model.eval()
    device = next(model.parameters()).device
    scores, state = model(vocabulary.encode(start).to(device)[None])
    written = []
    for _ in range(length):
        following = torch.multinomial(torch.softmax(scores[:, -1] / temperature, -1), 1)
        written.append(following)
        scores, state = model(following, state)
    return start + "".join(vocabulary.decode(torch.cat(written, 1)[0].cpu()))


def main(arguments: list[str] | None = None) -> dict:
    options = parse(__doc__, "char_lm", arguments, epochs=12, hidden=256, lr=4e-3, length=300, start="The ")
    text = load_english_text()
    if options.quick:
        text, options.epochs, options.hidden = text[:30_000], min(options.epochs, 2), 64
    vocabulary = Vocabulary(text)
    numbers = vocabulary.encode(text).to(options.device)
    border = len(numbers) * 9 // 10
    train, held_out = numbers[:border], numbers[border:]
    model = CharLSTM(len(vocabulary), options.hidden).to(options.device)
    count = sum(p.numel() for p in model.parameters())
    print(f"{len(train)} characters to learn from, {len(vocabulary)} different ones; {count} parameters")

    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr)
    batches = list(pieces(train, 32, 64))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs * len(batches))
    curves: list[tuple[float, float]] = []
    for epoch in range(1, options.epochs + 1):
        model.train()
        state, losses = None, torch.zeros((), device=options.device)
        for x, y in progress(batches, f"epoch {epoch}", options):
            scores, state = model(x, state)
            state = tuple(part.detach() for part in state)  # backward ends here
            loss = nn.functional.cross_entropy(scores.flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses += loss.detach()
        curves.append((math.exp(losses.item() / len(batches)), perplexity(model, held_out)))
        print(f"epoch {epoch:2}  perplexity learnt {curves[-1][0]:.3f}, held out {curves[-1][1]:.3f}", flush=True)

    written = {
        temperature: write(model, vocabulary, options.start, options.length, temperature) for temperature in (0.5, 1)
    }
    for temperature, sample in written.items():
        print(f"\n--- written at a temperature of {temperature} ---\n{sample}")
    (options.out / "written.txt").write_text("\n\n".join(written.values()), encoding="utf-8")
    torch.save({"model": model.state_dict(), "characters": vocabulary.tokens}, options.out / "char_lm.pt")
    draw(curves, options)
    return {"perplexity": curves[-1][1], "first": curves[0][1], "written": written, "characters": len(vocabulary)}


def draw(curves: list[tuple[float, float]], options) -> None:
    plt = pyplot()
    if plt is None:
        return
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, values in zip(("text learnt from", "held-out text"), zip(*curves, strict=True), strict=True):
        axes.plot(range(1, len(curves) + 1), values, ".-", label=name)
    axes.set(xlabel="epoch", ylabel="perplexity", title="Between how many characters the model is undecided")
    axes.grid(alpha=0.3)
    axes.legend()
    save_picture(figure, options.out / "perplexity.png")


if __name__ == "__main__":
    main()
