"""The Transformer class of the document, trained to write a row of numbers backwards."""

import nnlite as torch

START, LENGTH, NUMBERS, SIZE = 0, 6, 8, 32


class Reverser(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(NUMBERS + 1, SIZE)
        self.position = torch.nn.Parameter(torch.randn(LENGTH, SIZE) * 0.3)
        self.transformer = torch.nn.Transformer(
            SIZE, nhead=4, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=64, dropout=0.0, batch_first=True
        )
        self.output = torch.nn.Linear(SIZE, NUMBERS + 1)

    def forward(self, source, target):
        mask = torch.nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        out = self.transformer(
            self.embedding(source) + self.position,
            self.embedding(target) + self.position[: target.shape[1]],
            tgt_mask=mask,
            tgt_is_causal=True,
        )
        return self.output(out)


def rows(count):
    source = torch.randint(1, NUMBERS + 1, (count, LENGTH))
    return source, source.flip(1)


def write(model, source):
    """The model's own row, one number after the other."""
    written = torch.full((len(source), 1), START, dtype=torch.int64)
    for _ in range(LENGTH):
        following = model(source, written)[:, -1].argmax(1, keepdim=True)
        written = torch.cat([written, following], 1)
    return written[:, 1:]


_ = torch.manual_seed(0)
model = Reverser()
print(f"{sum(p.numel() for p in model.parameters())} parameters")
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_function = torch.nn.CrossEntropyLoss()
for step in range(300):
    source, target = rows(64)
    start = torch.full((64, 1), START, dtype=torch.int64)
    scores = model(source, torch.cat([start, target[:, :-1]], 1))
    loss = loss_function(scores.flatten(0, 1), target.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"loss in the last step: {loss.item():.3f}")

_ = model.eval()
with torch.no_grad():
    example = torch.tensor([[3, 5, 8, 7, 1, 2]])
    print(example.tolist(), "->", write(model, example).tolist())
    source, target = rows(200)
    print(f"numbers right: {(write(model, source) == target).float().mean():.2%}")
