"""Whole models: onnxruntime computes what they do, with other sizes of the dynamic dimensions too."""

from __future__ import annotations

import math

import pytest
from exported import check, nodes, sizes

import nnlite
import nnlite.nn.functional as F
from nnlite import nn


@pytest.fixture(autouse=True)
def _seed():
    nnlite.manual_seed(0)


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.avg_pool2d(nnlite.sigmoid(self.conv1(x)), 2, 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), (2, 2))
        x = x.view(-1, self.num_flat_features(x))
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))

    def num_flat_features(self, x):
        count = 1
        for n in x.size()[1:]:
            count *= n
        return count


def test_lenet(device):
    images = [nnlite.randn(n, 1, 28, 28, device=device) for n in (2, 5, 1)]
    model = LeNet().to(device)
    program = check(model, *[(x,) for x in images], dynamic_axes={"x": {0: "batch"}}, output_names=["scores"])
    assert sizes(program.model_proto.graph.input) == {"x": ["batch", 1, 28, 28]}
    assert sizes(program.model_proto.graph.output) == {"scores": ["batch", 10]}
    assert [t.name for t in program.model_proto.graph.initializer if "." in t.name] == list(model.state_dict())
    assert nodes(program).count("Gemm") == 3


def convnet():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1),
        nn.Dropout(0.5), nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.AvgPool2d(3, 2, 1),
        nn.Conv2d(8, 8, 3, groups=2), nn.LeakyReLU(0.1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
        nn.LogSoftmax(1),
    )  # fmt: skip
    model[1].running_mean.normal_()
    model[1].running_var.uniform_(0.5, 2)
    return model


def test_convnet(device):
    model = convnet().to(device)
    program = check(
        model,
        (nnlite.randn(2, 3, 16, 16, device=device),),
        (nnlite.randn(3, 3, 16, 16, device=device),),
        dynamic_axes={"input": {0: "n"}},
    )
    assert "Dropout" not in nodes(program)
    norm = next(node for node in program.model_proto.graph.node if node.op_type == "BatchNormalization")
    assert list(norm.input)[1:] == ["1.weight", "1.bias", "1.running_mean", "1.running_var"]


def test_spatial_sizes_may_be_dynamic(device):
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.InstanceNorm2d(4), nn.PReLU(4), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, 2, 1),
        nn.ConvTranspose2d(8, 4, 2, 2), nn.AdaptiveAvgPool2d(1),
    ).to(device)  # fmt: skip
    check(
        model,
        (nnlite.randn(2, 1, 16, 16, device=device),),
        (nnlite.randn(3, 1, 24, 20, device=device),),
        dynamic_axes={"input": {0: "n", 2: "h", 3: "w"}},
    )


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_recurrent_layers_are_one_node_each(device, kind):
    model = getattr(nn, kind)(5, 6, 2, bidirectional=True, batch_first=True).to(device)
    program = check(
        model,
        (nnlite.randn(2, 4, 5, device=device),),
        (nnlite.randn(3, 4, 5, device=device),),
        (nnlite.randn(3, 7, 5, device=device),),
        dynamic_axes={"input": {0: "batch", 1: "time"}},
    )
    assert nodes(program).count(kind) == 4


def test_states_of_a_recurrent_layer_are_inputs(device):
    model = nn.LSTM(5, 6, bias=False).to(device)
    args = [
        (nnlite.randn(4, n, 5, device=device), tuple(nnlite.randn(1, n, 6, device=device) for _ in range(2)))
        for n in (2, 3)
    ]
    axes = {"input": {1: "batch"}, "hx_0": {1: "batch"}, "hx_1": {1: "batch"}}
    program = check(model, *args, dynamic_axes=axes)
    assert list(sizes(program.model_proto.graph.input)) == ["input", "hx_0", "hx_1"]


class Tagger(nn.Module):
    """The LSTM tagger: the time axis is the batch of the linear layer."""

    def __init__(self):
        super().__init__()
        self.embedding, self.lstm, self.tags = nn.Embedding(9, 6), nn.LSTM(6, 6), nn.Linear(6, 3)

    def forward(self, sentence):
        found, _ = self.lstm(self.embedding(sentence).view(len(sentence), 1, -1))
        return F.log_softmax(self.tags(found.view(len(sentence), -1)), dim=1)


def test_tagger(device):
    sentences = [nnlite.tensor(words, device=device) for words in ([1, 2, 3, 4], [8, 0, 5, 2, 1, 1, 7], [3])]
    check(Tagger().to(device), *[(s,) for s in sentences], dynamic_axes={"sentence": [0]})


class Cells(nn.Module):
    """Steps written in Python are unrolled."""

    def __init__(self):
        super().__init__()
        self.w, self.u = nn.Parameter(nnlite.randn(5, 7)), nn.Parameter(nnlite.randn(7, 7) * 0.3)
        self.lstm, self.gru = nn.LSTMCell(5, 7), nn.GRUCell(5, 7)

    def forward(self, x):
        h = nnlite.zeros(x.shape[1], 7, device=x.device)
        state, g, outs = (h, h), None, []
        for step in x:
            h = nnlite.tanh(step @ self.w + h @ self.u)
            state, g = self.lstm(step, state), self.gru(step, g)
            outs.append(h)
        return nnlite.stack(outs), state, g


def test_cells(device):
    check(
        Cells().to(device),
        (nnlite.randn(3, 2, 5, device=device),),
        (nnlite.randn(3, 4, 5, device=device),),
        dynamic_axes={"x": {1: "batch"}},
    )


def test_a_loop_over_a_dynamic_dimension_is_refused():
    with pytest.raises(nnlite.onnx.DynamicSizeError, match="Python loop over that dimension") as caught:
        nnlite.onnx.export(Cells(), (nnlite.randn(3, 2, 5),), dynamic_axes={"x": {0: "time"}})
    assert "test_models.py:" in str(caught.value)


@pytest.mark.parametrize("first", [True, False])
def test_transformer_encoder(device, first):
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, norm_first=first, activation="gelu")
    check(
        nn.TransformerEncoder(layer, 2).to(device),
        (nnlite.randn(2, 5, 16, device=device),),
        (nnlite.randn(3, 9, 16, device=device),),
        dynamic_axes={"src": {0: "batch", 1: "time"}},
    )


class Reverser(nn.Module):
    """An encoder and a decoder with a causal mask."""

    def __init__(self):
        super().__init__()
        self.embedding, self.output = nn.Embedding(9, 16), nn.Linear(16, 9)
        self.position = nn.Parameter(nnlite.randn(6, 16) * 0.3)
        self.transformer = nn.Transformer(16, 4, 1, 1, 32, batch_first=True)

    def forward(self, source, target):
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1], device=target.device)
        out = self.transformer(
            self.embedding(source) + self.position,
            self.embedding(target) + self.position[: target.shape[1]],
            tgt_mask=mask,
            tgt_is_causal=True,
        )
        return self.output(out)


@pytest.mark.parametrize("length", [1, 4, 6])
def test_transformer_with_a_mask_of_dynamic_size(device, length):
    def rows(n, length):
        return nnlite.randint(0, 9, (n, length), device=device)

    check(
        Reverser().to(device),
        (rows(2, 6), rows(2, length)),
        (rows(3, 6), rows(3, 2)),
        (rows(1, 6), rows(1, 6)),
        dynamic_axes={"source": {0: "batch"}, "target": {0: "batch", 1: "time"}},
    )


class Block(nn.Module):
    def __init__(self, size, heads, length, fused):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.attention, self.projection = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.mlp = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size), nn.Dropout(0.1))
        self.heads, self.fused = heads, fused
        self.register_buffer("mask", nnlite.tril(nnlite.ones(length, length)).view(1, 1, length, length))

    def forward(self, x):
        batch, time, size = x.size()
        q, k, v = (
            part.view(batch, time, self.heads, size // self.heads).transpose(1, 2)
            for part in self.attention(self.ln1(x)).split(size, dim=2)
        )
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            weights = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            weights = weights.masked_fill(self.mask[:, :, :time, :time] == 0, float("-inf"))
            y = F.softmax(weights, dim=-1) @ v
        x = x + self.projection(y.transpose(1, 2).contiguous().view(batch, time, size))
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    def __init__(self, length=8):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(11, 16), nn.Embedding(length, 16)
        self.blocks = nn.ModuleList([Block(16, 2, length, fused) for fused in (False, True)])
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 11, bias=False)
        self.head.weight = self.wte.weight

    def forward(self, idx):
        x = self.wte(idx) + self.wpe(nnlite.arange(0, idx.shape[1], device=idx.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)), self.head(x[:, [-1], :])


@pytest.mark.parametrize("opset", [18, 19, 20])
@pytest.mark.parametrize("length", [5, 8])
def test_gpt(device, opset, length):
    """With a length of 8 the model takes only shorter ones besides."""
    calls = [(nnlite.randint(0, 11, (n, t), device=device),) for n, t in ((2, length), (3, 8), (1, 2), (1, 1))]
    axes = {"idx": {0: "batch", 1: "time"}}
    program = check(GPT().to(device), *calls, dynamic_axes=axes, opset_version=opset, tolerance=1e-4)
    names = [t.name for t in program.model_proto.graph.initializer]
    assert "wte.weight" in names  # tied: there once
    assert "head.weight" not in names
    assert ("Gelu" in nodes(program)) == (opset == 20)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.to_code = nn.Conv2d(1, 4, 3, 2, 1), nn.Linear(64, 6)
        self.from_code, self.decoder = nn.Linear(3, 64), nn.ConvTranspose2d(4, 1, 3, 2, 1, output_padding=1)

    def forward(self, x):
        mean, log_var = self.to_code(F.leaky_relu(self.encoder(x), 0.2).flatten(1)).chunk(2, 1)
        code = mean + nnlite.exp(0.5 * log_var)
        return nnlite.sigmoid(self.decoder(F.elu(self.from_code(code)).view(-1, 4, 4, 4))), mean, log_var


def test_vae(device):
    calls = [(nnlite.randn(n, 1, 8, 8, device=device),) for n in (2, 5)]
    program = check(VAE().to(device), *calls, dynamic_axes={"x": {0: "batch"}})
    assert sizes(program.model_proto.graph.output) == {
        "output_0": ["batch", 1, 8, 8],
        "output_1": ["batch", 3],
        "output_2": ["batch", 3],
    }
