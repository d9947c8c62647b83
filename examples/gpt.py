"""A small GPT: a decoder-only Transformer learns to continue an English text, letter by letter.

    python examples/gpt.py

The text and the task are those of char_lm.py; the network looks back at the 128 characters before with attention, in
place of carrying a state. Everything is here: the block with masked attention (``scaled_dot_product_attention``), the
weights shared by the first and the last layer, the groups of parameters with and without weight decay, the warm-up of
the learning rate, and drawing from the k most likely characters.

Sources: A. Radford et al., "Language models are unsupervised multitask learners", 2019 (the architecture, GPT-2);
A. Vaswani et al., "Attention is all you need", 2017.
"""

from __future__ import annotations

import math

from common import parse, progress, pyplot, save_picture

import nnlite as torch
import nnlite.nn.functional as F
from nnlite import nn
from nnlite.datasets import Vocabulary, load_english_text


class Block(nn.Module):
    """Attention to what came before, then a network for each place; each adds to its input."""

    def __init__(self, size: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.p = heads, dropout
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.qkv = nn.Linear(size, 3 * size)
        self.out = nn.Linear(size, size)
        self.mlp = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))
        self.dropout = nn.Dropout(dropout)

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, size = x.shape
        parts = self.qkv(x).reshape(batch, length, 3, self.heads, size // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)  # each (batch, heads, length, size of a head)
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=self.p if self.training else 0.0, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(batch, length, size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.dropout(self.attend(self.norm1(x)))
        return x + self.dropout(self.mlp(self.norm2(x)))


class GPT(nn.Module):
    def __init__(self, characters: int, context: int, size: int, heads: int, layers: int, dropout: float = 0.1):
        super().__init__()
        self.context = context
        self.character = nn.Embedding(characters, size)
        self.place = nn.Embedding(context, size)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(Block(size, heads, dropout) for _ in range(layers)))
        self.norm = nn.LayerNorm(size)
        self.head = nn.Linear(size, characters, bias=False)
        self.head.weight = self.character.weight  # one table for reading and for writing
        self.apply(self.initialise)
        for name, p in self.named_parameters():
            if name.endswith(("out.weight", "mlp.2.weight")):  # what is added up over the layers starts smaller
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * layers))

    @staticmethod
    def initialise(module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (batch, length, characters) for what follows each of (batch, length) characters."""
        places = torch.arange(x.shape[1], device=x.device)
        return self.head(self.norm(self.blocks(self.dropout(self.character(x) + self.place(places)))))

    @torch.no_grad()
    def generate(self, x: torch.Tensor, count: int, temperature: float = 1.0, top_k: int = 20) -> torch.Tensor:
        """``x`` and ``count`` further characters, each drawn from the ``top_k`` most likely ones."""
        self.eval()
        for _ in range(count):
            scores = self(x[:, -self.context :])[:, -1] / temperature
            best = scores.topk(min(top_k, scores.shape[-1]))
            chosen = torch.multinomial(torch.softmax(best.values, -1), 1)
            x = torch.cat([x, best.indices.gather(-1, chosen)], 1)
        return x


def optimizer_of(model: GPT, lr: float) -> torch.optim.Optimizer:
    """AdamW; matrices decay, biases and the scales of LayerNorm do not."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95))


def batch(numbers: torch.Tensor, size: int, context: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pieces of the text from random places, and what follows each character."""
    starts = torch.randint(len(numbers) - context, (size, 1))
    rows = (starts + torch.arange(context + 1)).to(numbers.device)
    pieces = numbers[rows]
    return pieces[:, :-1], pieces[:, 1:]


@torch.no_grad()
def perplexity(model: GPT, numbers: torch.Tensor, most: int = 100) -> float:
    model.eval()
    losses = []
    pieces = numbers[: len(numbers) // (model.context + 1) * (model.context + 1)].reshape(-1, model.context + 1)
    for part in pieces[:most].split(20):
        losses.append(F.cross_entropy(model(part[:, :-1]).flatten(0, 1), part[:, 1:].flatten()))
    model.train()
    return math.exp(torch.stack(losses).mean().item())


def main(arguments: list[str] | None = None) -> dict:
    options = parse(
        __doc__,
        "gpt",
        arguments,
        steps=600,
        lr=3e-3,
        context=128,
        size=128,
        heads=4,
        layers=3,
        batch_size=12,
        length=400,
    )
    text = load_english_text()
    if options.quick:
        text = text[:30_000]
        options.steps, options.context, options.size, options.layers = min(options.steps, 40), 32, 32, 2
        options.length = min(options.length, 60)
    vocabulary = Vocabulary(text)
    numbers = vocabulary.encode(text).to(options.device)
    border = len(numbers) * 9 // 10
    train, held_out = numbers[:border], numbers[border:]
    model = GPT(len(vocabulary), options.context, options.size, options.heads, options.layers).to(options.device)
    count = sum(p.numel() for p in model.parameters())
    print(f"{len(train)} characters to learn from, {len(vocabulary)} different ones; {count} parameters")

    optimizer = optimizer_of(model, options.lr)
    warm = max(1, options.steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: (
            (step + 1) / warm
            if step < warm
            else 0.05 + 0.95 * (1 + math.cos(math.pi * (step - warm) / (options.steps - warm))) / 2
        ),
    )
    every = max(1, options.steps // 10)
    curve, losses = [], []
    for step in progress(range(1, options.steps + 1), "steps", options):
        x, y = batch(train, options.batch_size, options.context)
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.detach())
        if step % every == 0 or step == options.steps:
            learnt = math.exp(torch.stack(losses).mean().item())
            losses = []
            curve.append((step, learnt, perplexity(model, held_out)))
            print(f"step {step:5}  perplexity learnt {learnt:.3f}, held out {curve[-1][2]:.3f}", flush=True)

    start = vocabulary.encode("The ").to(options.device)[None]
    written = "".join(vocabulary.decode(model.generate(start, options.length, 0.8)[0].cpu()))
    print(f"\n--- written by the model ---\n{written}")
    (options.out / "written.txt").write_text(written, encoding="utf-8")
    torch.save({"model": model.state_dict(), "characters": vocabulary.tokens}, options.out / "gpt.pt")
    draw(curve, options)
    return {"perplexity": curve[-1][2], "first": curve[0][2], "written": written, "characters": len(vocabulary)}


def draw(curve: list[tuple[int, float, float]], options) -> None:
    plt = pyplot()
    if plt is None:
        return
    steps, learnt, held = zip(*curve, strict=True)
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.plot(steps, learnt, ".-", label="text learnt from")
    axes.plot(steps, held, ".-", label="held-out text")
    axes.set(
        xlabel="step", ylabel="perplexity", yscale="log", title="Between how many characters the model is undecided"
    )
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    save_picture(figure, options.out / "perplexity.png")


if __name__ == "__main__":
    main()
