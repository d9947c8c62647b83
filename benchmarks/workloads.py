"""Training steps that both libraries run from one source: ``WORKLOADS[name](torch)`` gives a function for one step.

``torch`` is nnlite or PyTorch. Data and weights are drawn with a seed; no data is read from files. All tensors are made
on the default device of the library.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Step = Callable[[], Any]
WORKLOADS: dict[str, Callable[[Any], Step]] = {}
INFERENCE = ("mlp, one sample", "convnet, one sample")


def workload(name: str) -> Callable[[Callable[[Any], Step]], Callable[[Any], Step]]:
    """Register a workload under the name that the tables show."""

    def register(make: Callable[[Any], Step]) -> Callable[[Any], Step]:
        WORKLOADS[name] = make
        return make

    return register


def training_step(model: Any, optimizer: Any, loss: Callable[[], Any]) -> Step:
    """Gradients cleared, forward, backward, update."""

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def classifier(torch: Any, model: Any, inputs: Any, classes: int, optimizer: Any) -> Step:
    """A step on the cross entropy of random labels."""
    labels = torch.randint(0, classes, (inputs.shape[0],))
    criterion = torch.nn.CrossEntropyLoss()
    return training_step(model, optimizer, lambda: criterion(model(inputs), labels))


def sgd(torch: Any, model: Any) -> Any:
    return torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


def adam(torch: Any, model: Any) -> Any:
    return torch.optim.Adam(model.parameters(), lr=1e-3)


@workload("linear regression 331, batch 64, Adam")
def linear_regression(torch: Any) -> Step:
    model = torch.nn.Linear(331, 1)
    x, y = torch.randn(64, 331), torch.randn(64, 1)
    criterion = torch.nn.MSELoss()
    return training_step(model, adam(torch, model), lambda: criterion(model(x), y))


@workload("MLP 784-256-256-10, batch 256, SGD")
def mlp(torch: Any, width: int = 256, depth: int = 2, batch: int = 256) -> Step:
    nn = torch.nn
    layers: list[Any] = []
    for i in range(depth):
        layers += [nn.Linear(784 if i == 0 else width, width), nn.ReLU(), nn.Dropout(0.2 if i == 0 else 0.5)]
    model = nn.Sequential(*layers, nn.Linear(width, 10))
    return classifier(torch, model, torch.randn(batch, 784), 10, torch.optim.SGD(model.parameters(), lr=0.1))


def mnist_convnet(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(10, 20, 5), nn.Dropout2d(), nn.MaxPool2d(2),
        nn.ReLU(), nn.Flatten(), nn.Linear(320, 50), nn.ReLU(), nn.Dropout(), nn.Linear(50, 10), nn.LogSoftmax(1),
    )  # fmt: skip


@workload("MNIST convnet, batch 64, SGD")
def mnist(torch: Any, batch: int = 64) -> Step:
    model = mnist_convnet(torch)
    x, labels = torch.randn(batch, 1, 28, 28), torch.randint(0, 10, (batch,))
    return training_step(model, sgd(torch, model), lambda: torch.nn.functional.nll_loss(model(x), labels))


@workload("CIFAR convnet 32-64-128, batch 32, Adam")
def cifar(torch: Any, batch: int = 32) -> Step:
    nn = torch.nn

    def block(inputs: int, outputs: int, stride: int) -> list[Any]:
        return [nn.Conv2d(inputs, outputs, 3, stride, 1), nn.BatchNorm2d(outputs), nn.ReLU()]

    model = nn.Sequential(
        *block(3, 32, 1), *block(32, 32, 1), *block(32, 64, 2), *block(64, 64, 1), *block(64, 128, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip
    return classifier(torch, model, torch.randn(batch, 3, 32, 32), 10, adam(torch, model))


def residual_block(torch: Any, inputs: int, outputs: int, stride: int) -> Any:
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.first_norm = nn.BatchNorm2d(outputs)
            self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.second_norm = nn.BatchNorm2d(outputs)
            self.shortcut = (
                nn.Identity()
                if stride == 1 and inputs == outputs
                else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            )

        def forward(self, x: Any) -> Any:
            y = nn.functional.relu(self.first_norm(self.first(x)))
            return nn.functional.relu(self.second_norm(self.second(y)) + self.shortcut(x))

    return Block()


@workload("ResNet-18 stack, 32x32, batch 8, SGD")
def resnet(torch: Any, batch: int = 8) -> Step:
    nn = torch.nn
    blocks = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    channels = 64
    for outputs, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)):
        blocks.append(residual_block(torch, channels, outputs, stride))
        channels = outputs
    model = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))
    return classifier(torch, model, torch.randn(batch, 3, 32, 32), 10, sgd(torch, model))


@workload("LSTM tagger, five words")
def tagger(torch: Any) -> Step:
    nn = torch.nn

    class Tagger(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.lstm, self.out = nn.Embedding(20, 6), nn.LSTM(6, 6), nn.Linear(6, 3)

        def forward(self, sentence: Any) -> Any:
            hidden, _ = self.lstm(self.embedding(sentence).view(len(sentence), 1, -1))
            return nn.functional.log_softmax(self.out(hidden.view(len(sentence), -1)), dim=1)

    model = Tagger()
    words, tags = torch.tensor([0, 1, 2, 3, 4]), torch.tensor([0, 1, 2, 0, 1])
    criterion = nn.NLLLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return training_step(model, optimizer, lambda: criterion(model(words), tags))


@workload("LSTM language model 35x20, 256, 1,000 words")
def language_model(torch: Any, steps: int = 35) -> Step:
    nn = torch.nn
    embedding, lstm, out = nn.Embedding(1000, 256), nn.LSTM(256, 256), nn.Linear(256, 1000)
    model = nn.ModuleList([embedding, lstm, out])
    words, targets = torch.randint(0, 1000, (steps, 20)), torch.randint(0, 1000, (steps * 20,))
    criterion = nn.CrossEntropyLoss()

    def loss() -> Any:
        return criterion(out(lstm(embedding(words))[0]).view(-1, 1000), targets)

    return training_step(model, torch.optim.SGD(model.parameters(), lr=0.1), loss)


@workload("Transformer encoder 2x128, 16x64, Adam")
def encoder(torch: Any) -> Step:
    nn = torch.nn
    layer = nn.TransformerEncoderLayer(128, 4, 512, dropout=0.1, batch_first=True)
    model = nn.TransformerEncoder(layer, 2)
    x, y = torch.randn(16, 64, 128), torch.randn(16, 64, 128)
    criterion = nn.MSELoss()
    return training_step(model, adam(torch, model), lambda: criterion(model(x), y))


def gpt_block(torch: Any, width: int, heads: int) -> Any:
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first_norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: Any) -> Any:
            batch, length, _ = x.shape
            parts = self.qkv(self.first_norm(x)).view(batch, length, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            y = nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=True)
            x = x + self.projection(y.transpose(1, 2).reshape(batch, length, width))
            return x + self.mlp(self.second_norm(x))

    return Block()


@workload("GPT 4x128, 8x128 tokens, AdamW")
def gpt(torch: Any, length: int = 128, depth: int = 4, width: int = 128, heads: int = 4, batch: int = 8) -> Step:
    nn = torch.nn

    class GPT(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.positions = nn.Embedding(256, width), nn.Embedding(length, width)
            self.blocks = nn.Sequential(*[gpt_block(torch, width, heads) for _ in range(depth)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 256, bias=False)

        def forward(self, words: Any) -> Any:
            x = self.tokens(words) + self.positions(torch.arange(words.shape[1]))
            return self.head(self.norm(self.blocks(x)))

    model = GPT()
    words, targets = torch.randint(0, 256, (batch, length)), torch.randint(0, 256, (batch * length,))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    return training_step(model, optimizer, lambda: nn.functional.cross_entropy(model(words).view(-1, 256), targets))


def without_gradients(torch: Any, model: Any, x: Any) -> Step:
    model.eval()

    def step() -> None:
        with torch.no_grad():
            model(x)

    return step


@workload("mlp, one sample")
def mlp_inference(torch: Any) -> Step:
    nn = torch.nn
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    return without_gradients(torch, model, torch.randn(1, 784))


@workload("convnet, one sample")
def convnet_inference(torch: Any) -> Step:
    return without_gradients(torch, mnist_convnet(torch), torch.randn(1, 1, 28, 28))


@workload("chain of 200 small operations")
def chain(torch: Any, length: int = 50) -> Step:
    x = torch.ones(8, requires_grad=True)

    def step() -> None:
        y = x
        for _ in range(length):
            y = (y * 0.5 + 0.1).tanh() - 0.2
        y.sum().backward()
        x.grad = None

    return step


@workload("Adam over 5 M parameters")
def update(torch: Any, times: int = 1) -> Step:
    shapes = ([(1000, 1000)] * 4 + [(500, 1000), (1000,)] * 2) * times
    parameters = [torch.nn.Parameter(torch.randn(*shape)) for shape in shapes]
    for p in parameters:
        p.grad = torch.randn(*p.shape)
    return torch.optim.Adam(parameters, lr=1e-3).step  # type: ignore[no-any-return]
