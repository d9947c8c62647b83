"""Single operations and layers through onnxruntime, with another size of the dynamic batch."""

from __future__ import annotations

import pytest
from exported import Of, check

import nnlite
import nnlite.nn.functional as F
from nnlite import nn

POINTWISE = [
    "abs", "acos", "asin", "asinh", "atan", "ceil", "cos", "cosh", "erf", "exp", "exp2", "expm1", "floor", "frac",
    "isfinite", "isinf", "isnan", "neg", "reciprocal", "relu", "round", "sigmoid", "sign", "sin", "sinh", "square",
    "tan",
    "tanh", "trunc", "logical_not", "sinc",
]  # fmt: skip

FORMULAS = {
    "acosh": lambda x: nnlite.acosh(x.abs() + 1), "atanh": lambda x: nnlite.atanh(x / 4),
    "log": lambda x: nnlite.log(x.abs() + 0.1), "log2": lambda x: nnlite.log2(x.abs() + 0.1),
    "log10": lambda x: nnlite.log10(x.abs() + 0.1), "log1p": lambda x: nnlite.log1p(x.abs() * 4),
    "sqrt": lambda x: nnlite.sqrt(x.abs()), "rsqrt": lambda x: nnlite.rsqrt(x.abs() + 1),
    "pow": lambda x: x.abs() ** 1.5, "power of": lambda x: 2**x, "remainder": lambda x: x % 0.7,
    "remainder of integers": lambda x: (x * 5).long() % 3, "floor division": lambda x: x // 0.3,
    "floor division of integers": lambda x: (x * 5).long() // 3, "fmod": lambda x: nnlite.fmod(x, 0.7),
    "atan2": lambda x: nnlite.atan2(x, x.roll(1, 1)), "maximum": lambda x: nnlite.maximum(x, x * x),
    "comparisons": lambda x: (x > 0, x >= x[0], x < 0.5, x <= 0, x == x.abs(), x != 0),
    "logic": lambda x: ((x > 0) & (x < 1), (x > 0) | (x < -1), (x > 0) ^ (x < 1), ~(x > 0)),
    "bits": lambda x: ((x * 9).long() & 3, (x * 9).int() | 4, (x * 9).long() ^ 5, ~(x * 9).long()),
    "where": lambda x: (nnlite.where(x > 0, x, -1.0), nnlite.where(x > 0, x < 0.5, x > -0.5)),
    "masked_fill": lambda x: x.masked_fill(x > 0, -9.0),
    "clamp": lambda x: (x.clamp(-0.5, 0.5), x.clamp(min=0), x.clamp(max=x.mean())),
    "lerp": lambda x: nnlite.lerp(x, x * 2, 0.3), "addcmul": lambda x: nnlite.addcmul(x, x, x, value=0.5),
    "casts": lambda x: (x.int(), x.double(), x > 0, (x > 0).float(), x.half().float()),
    "numbers": lambda x: (1 - x, 2 / (x.abs() + 1), x * 3, -x + 1, (x * 9).long() * 2 + 1),
}  # fmt: skip

ACTIVATIONS = [
    "leaky_relu", "elu", "selu", "celu", "silu", "mish", "hardtanh", "relu6", "hardsigmoid", "hardswish", "softplus",
    "logsigmoid", "softshrink", "hardshrink", "tanhshrink", "softsign", "gelu", "glu", "normalize",
]  # fmt: skip

OTHERS = {
    "celu of 2": lambda x: F.celu(x, 2.0), "softplus of 2": lambda x: F.softplus(x, 2.0),
    "gelu by tanh": lambda x: F.gelu(x, approximate="tanh"), "threshold": lambda x: F.threshold(x, 0.1, -3.0),
    "log_softmax": lambda x: F.log_softmax(x, 1), "pad": lambda x: F.pad(x, (1, 2), value=3.0),
    "one_hot": lambda x: F.one_hot(x.argmax(1), 4), "mse": lambda x: F.mse_loss(x, x * 2),
    "cross entropy": lambda x: F.cross_entropy(x, nnlite.softmax(x * 2, 1)),
    "bce": lambda x: F.binary_cross_entropy_with_logits(x, (x > 0).float()),
    "cosine": lambda x: F.cosine_similarity(x, x * x), "embedding": lambda x: F.embedding(x.argmax(1), nnlite.eye(4)),
}  # fmt: skip

REDUCTIONS = {
    "sum": lambda x: (x.sum(), x.sum(1), x.sum((0, 1), keepdim=True), (x > 0).sum(1)),
    "mean": lambda x: (x.mean(), x.mean(0), x.mean(1, keepdim=True)), "prod": lambda x: (x.prod(), x.prod(1)),
    "extremes": lambda x: (x.max(), x.min(), *x.max(1), *x.min(0, keepdim=True), x.amax(1), x.amin((0, 1))),
    "argmax": lambda x: (x.argmax(), x.argmax(1), x.argmin(1, keepdim=True), x.argmax(keepdim=True)),
    "any": lambda x: ((x > 0).any(), (x > 0).any(1), (x > -9).all(1, keepdim=True)),
    "var": lambda x: (x.var(1), x.std(1, unbiased=False), *nnlite.var_mean(x, 1)),
    "norm": lambda x: (x.norm(), x.norm(dim=1), x.norm(1, dim=1), x.norm(3, dim=1), nnlite.linalg.vector_norm(x,
        dim=1)),
    "logsumexp": lambda x: nnlite.logsumexp(x, 1), "cumsum": lambda x: (x.cumsum(1), x.cumsum(0)),
    "topk": lambda x: (*x.topk(2, 1), *x.topk(2, 1, largest=False)), "sort": lambda x: (*x.sort(1), x.argsort(1)),
    "kthvalue": lambda x: x.kthvalue(2, 1),
}  # fmt: skip

SHAPES = {
    "view": lambda x: (x.view(-1), x.view(-1, 2, 2), x.reshape(x.shape[0], 1, -1), x.flatten()),
    "ones": lambda x: (x.unsqueeze(0), x[:, None, :, None], x.unsqueeze(2).squeeze(2), x.unsqueeze(1).squeeze()),
    "transpose": lambda x: (x.t(), x.unsqueeze(0).permute(2, 0, 1), x.transpose(0, 1).contiguous(), x.mT),
    "expand": lambda x: (x.unsqueeze(0).expand(3, -1, -1), x.repeat(2, 3), x.repeat_interleave(2, 1)),
    "join": lambda x: (nnlite.cat([x, x * 2], 0), nnlite.stack([x, x], 1), nnlite.hstack([x, x])),
    "part": lambda x: (*x.split(2, 1), *x.chunk(2, 1), *x.split([1, 3], 1), *x.unbind(1), x.narrow(1, 1, 2)),
    "slices": lambda x: (x[:, 1:], x[:, -1], x[0], x[1:], x[:-1, ::2], x[..., :2], x[:, None, 1], x[:1]),
    "arrays": lambda x: (x[:, [2, 0]], x[[1, 0]], x[[0, 1], [2, 3]], x[:, nnlite.tensor([[0, 1], [2, -1]])]),
    "gather": lambda x: (x.gather(1, x.argsort(1)), x.index_select(1, nnlite.tensor([3, 1])),
        x.take_along_dim(x.argsort(1), 1)),
    "flip": lambda x: (x.flip(1), x.flip((0, 1)), x.roll(1, 1), x.roll(-1, 0)),
    "triangle": lambda x: (nnlite.tril(x), nnlite.triu(x, 1)), "like": lambda x: (nnlite.zeros_like(x) + x,
        nnlite.ones_like(x)),
    "sizes less one": lambda x: (x[: x.shape[0] - 1] + x[1:], x[nnlite.arange(len(x)), x.argmax(1)]),
    "new": lambda x: (x.new_zeros(x.shape[0]) + x[:, 0], nnlite.full((x.shape[0], 2), 3.0) * x[:, :2]),
    "later": lambda x: (x @ x.t()).masked_fill(nnlite.triu(nnlite.ones(len(x), len(x)), 1).bool(), -1e9),
    "range": lambda x: nnlite.arange(x.shape[0])[:, None] + nnlite.arange(4) * x,
    "sizes as numbers": lambda x: (x / x.shape[0], x.sum() / (x.shape[0] * x.shape[1]), x * float(2 * x.shape[0])),
    "einsum": lambda x: (nnlite.einsum("bi,bj->bij", x, x), nnlite.einsum("bi,bi->b", x, x), x @ x.t(), x @ x[0]),
    "constant": lambda x: (x, nnlite.tensor([1.0, 2.0]), x), "nothing": lambda x: x.clone(),
}  # fmt: skip


def _written(x):
    x = x.clone()
    row = x[0]
    x += 1
    x[:, 1] = 5.0
    x[1, 2:] *= 3
    x.t()[0] = 7.0
    x.view(-1, 2, 2)[:, 1, 1] = x[:, 0]
    x[:, [0, 3]] = x[:, [3, 0]]
    return x, row, x.relu_()


def _made(x):
    out = nnlite.zeros(x.shape[0], 4, 3)
    for i in range(3):
        out[:, :, i] = x * i
    total = nnlite.ones(x.shape[0], 4)
    total += x
    total.mul_(2)
    return out, total, total.masked_fill_(x > 0, 0.0)


MORE = {
    "scatter": lambda x: (
        x.scatter(1, nnlite.tensor([[0, 1], [1, 0]]), 5.0), x.scatter_add(1, nnlite.tensor([[0, 1], [1, 0]]), x),
        x.index_add(1, nnlite.tensor([0, 0]), x[:, :2]), x.index_fill(1, nnlite.tensor([1]), 3.0),
    ),
    "unfold": lambda x: (x.unfold(1, 2, 1), x[:, :, None].unfold(1, 3, 1)), "kron": lambda x: nnlite.kron(x, x),
    "outer": lambda x: nnlite.outer(x[0], x[1]), "meshgrid": lambda x: nnlite.meshgrid(x[0], x[1], indexing="ij"),
    "cdist": lambda x: nnlite.cdist(x, x), "hypot": lambda x: nnlite.hypot(x, x * 2),
    "logaddexp": lambda x: nnlite.logaddexp(x, x * 2), "nan_to_num": lambda x: nnlite.nan_to_num(x * 0 / 0),
    "cummax": lambda x: x.cummax(1), "bilinear": lambda x: F.bilinear(x, x, nnlite.ones(2, 4, 4)),
    "batch statistics": lambda x: F.batch_norm(x, None, None, training=True),
    "kl_div": lambda x: F.kl_div(F.log_softmax(x, 1), F.softmax(x * 2, 1), reduction="sum"),
    "smooth l1": lambda x: F.smooth_l1_loss(x, x * 3), "erfinv": lambda x: nnlite.erfinv(x),
    "grid": lambda x: F.grid_sample(x[None, None], nnlite.zeros(1, 2, 2, 2) + 0.3, align_corners=False),
}  # fmt: skip

WRITES = {"written": _written, "made": _made}

FUNCTIONS = {
    **{name: getattr(nnlite, name) for name in POINTWISE},
    **{name: getattr(F, name) for name in ACTIVATIONS},
    **FORMULAS, **OTHERS, **REDUCTIONS, **SHAPES, **MORE, **WRITES,
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    nnlite.manual_seed(1)
    calls = [(nnlite.rand(n, 4) * 1.8 - 0.9,) for n in (2, 5)]
    if name == "relu":
        check(Of(lambda x: (nnlite.relu(x), nnlite.relu((x * 5).long()))), *calls, dynamic_axes={"x": {0: "n"}})
    check(Of(FUNCTIONS[name]), *calls, dynamic_axes={"x": {0: "n"}})


LAYERS = [
    "PixelShuffle(2)", "PixelUnshuffle(2)", "ChannelShuffle(2)", "ReflectionPad2d(1)", "ReplicationPad2d(1)",
    "ZeroPad2d((1, 0, 2, -1))", "ConstantPad2d(1, 3.0)", "Softmax2d()", "LPPool2d(2, 2)", "AdaptiveAvgPool2d(3)",
    "AdaptiveAvgPool2d((1, 4))", "AdaptiveMaxPool2d(3)", "AdaptiveMaxPool2d(2)", "Upsample(scale_factor=2)",
    "Upsample(size=(5, 7), mode='bicubic')", "Upsample(size=(5, 7), mode='bilinear', align_corners=True)",
    "MaxPool2d(2, return_indices=True)", "MaxPool2d(3, 2, ceil_mode=True)", "MaxPool2d(3, 1, 1, dilation=2)",
    "AvgPool2d(3, 2, ceil_mode=True)", "AvgPool2d(3, 2, 1, count_include_pad=False)", "Unfold(2)",
    "LocalResponseNorm(2)",
    "RMSNorm(8)", "LayerNorm(8)", "LayerNorm([4, 8, 8])", "LayerNorm(8, elementwise_affine=False)", "GroupNorm(2, 4)",
    "InstanceNorm2d(4, affine=True)", "BatchNorm2d(4)", "BatchNorm2d(4, affine=False)", "GLU(1)", "PReLU(4)", "RReLU()",
    "Conv2d(4, 4, 3, groups=2, dilation=2)", "Conv2d(4, 2, 3, padding='same')",
    "Conv2d(4, 2, 3, 2, (1, 0), bias=False)",
    "Conv2d(4, 2, 3, padding=1, padding_mode='reflect')", "ConvTranspose2d(4, 3, 3, 2)",
    "ConvTranspose2d(4, 2, 3, 2, 1, output_padding=1, groups=2)", "Linear(8, 3)", "Flatten()", "Dropout2d()",
    "Identity()",
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS)
def test_layer(layer):
    nnlite.manual_seed(2)
    model = eval(f"nn.{layer}")
    calls = [(nnlite.randn(n, 4, 8, 8),) for n in (2, 3)]
    check(Of(model), *calls, dynamic_axes={"x": {0: "n"}})


ONE_D = ["Conv1d(4, 3, 3)", "ConvTranspose1d(4, 3, 3, 2)", "MaxPool1d(2)", "AvgPool1d(2)", "BatchNorm1d(4)",
         "InstanceNorm1d(4)", "AdaptiveAvgPool1d(1)", "Upsample(scale_factor=2, mode='linear')"]  # fmt: skip


@pytest.mark.parametrize("layer", ONE_D)
def test_layer_of_signals(layer):
    nnlite.manual_seed(3)
    calls = [(nnlite.randn(n, 4, 8),) for n in (2, 3)]
    check(Of(eval(f"nn.{layer}")), *calls, dynamic_axes={"x": {0: "n"}})


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("masked", [None, "bool", "float"])
def test_attention(device, causal, masked):
    if causal and masked:
        with pytest.raises(RuntimeError, match="is_causal"):
            _attention(device, causal, masked)
        return
    _attention(device, causal, masked)


def _attention(device, causal, masked):
    nnlite.manual_seed(4)
    mask = None
    if masked:
        mask = nnlite.randn(6, 6, device=device)
        mask = mask > 0 if masked == "bool" else mask
        mask[2] = False if masked == "bool" else -float("inf")  # a query that sees no key

    def attend(x):
        return F.scaled_dot_product_attention(x, x * 2, x + 1, mask, is_causal=causal)

    calls = [(nnlite.randn(n, 2, 6, 4, device=device),) for n in (2, 3)]
    check(Of(attend), *calls, dynamic_axes={"x": {0: "n"}})


def test_fold_and_unfold():
    model = nn.Sequential(nn.Unfold(2, stride=2), nn.Fold((8, 8), 2, stride=2))
    check(model, (nnlite.randn(2, 3, 8, 8),), (nnlite.randn(4, 3, 8, 8),), dynamic_axes={"input": {0: "n"}})
