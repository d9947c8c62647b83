"""Convolution, max pooling, batch normalisation and padding beside PyTorch's: numbers, errors, layers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nnlite

torch = pytest.importorskip("torch")

LIBRARIES = (torch, nnlite)
TOLERANCE = {"float64": 1e-11, "float32": 3e-5, "float16": 4e-3}


def host(t):
    return t.detach().cpu().numpy()


def compare(call, arrays, wanted, device, dtype="float64", seed=3, tolerance=None):
    """The outputs and the gradients of both libraries; the first output's gradient is random."""
    results = []
    for lib in LIBRARIES:
        where = {} if lib is torch else {"device": device}
        leaves = [
            a if a is None else lib.tensor(a.astype(dtype) if a.dtype.kind == "f" else a, **where) for a in arrays
        ]
        for i in wanted:
            if leaves[i] is not None:
                leaves[i].requires_grad_()
        outs = call(lib, *leaves)
        outs = outs if isinstance(outs, tuple) else (outs,)
        if wanted:
            up = np.random.default_rng(seed).standard_normal(tuple(outs[0].shape)).astype(dtype)
            outs[0].backward(lib.tensor(up, **where))
        grads = [leaves[i].grad for i in wanted if leaves[i] is not None]
        results.append([host(t) for t in (*outs, *grads)])
    tolerance = tolerance or TOLERANCE[dtype]
    for one, other in zip(*results, strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape
        scale = max(1.0, np.abs(one[np.isfinite(one)]).max(initial=0))
        np.testing.assert_allclose(other, one, rtol=tolerance, atol=tolerance * scale)


def draw(*shapes):
    rng = np.random.default_rng(0)
    return [None if shape is None else rng.standard_normal(shape) for shape in shapes]


CONVOLUTIONS = [
    # (N, C, H, W), (O, kH, kW), options
    ((2, 1, 9, 8), (3, 5, 5), {}),
    ((3, 4, 8, 8), (5, 3, 3), {"padding": 1}),
    ((2, 9, 8, 8), (5, 3, 3), {"padding": 1}),
    ((2, 9, 7, 20), (4, 2, 3), {"padding": (0, 2)}),
    ((2, 12, 9, 9), (6, 3, 3), {"stride": 2, "padding": 1, "groups": 3}),
    ((2, 18, 9, 9), (6, 3, 3), {"stride": 2, "padding": 1, "groups": 2}),
    ((2, 6, 9, 9), (6, 3, 3), {"groups": 6, "dilation": 2}),
    ((2, 6, 9, 20), (12, 3, 3), {"groups": 6, "padding": 2}),
    ((2, 8, 11, 5), (4, 3, 1), {"stride": (3, 2), "dilation": (2, 3)}),
    ((4, 16, 5, 5), (8, 1, 1), {}),
    ((4, 16, 5, 5), (8, 1, 1), {"stride": 2, "padding": 1}),
    ((2, 3, 6, 7), (4, 6, 7), {}),
    ((2, 3, 6, 7), (4, 4, 3), {"padding": "same", "dilation": (1, 2)}),
    ((2, 10, 6, 7), (4, 2, 3), {"padding": "same"}),
    ((2, 3, 6, 7), (4, 2, 3), {"padding": "valid"}),
    ((0, 3, 6, 7), (4, 2, 3), {}),
    ((3, 6, 7), (4, 2, 3), {"padding": 1}),
    ((1, 1, 1, 30), (2, 1, 4), {"stride": (1, 3)}),
    ((1, 1, 30, 1), (2, 4, 1), {"stride": (3, 1)}),
]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("bias", [True, False], ids=["bias", ""])
@pytest.mark.parametrize("shape, kernel, options", CONVOLUTIONS, ids=str)
def test_conv2d(shape, kernel, options, bias, dtype, device):
    outputs, *sizes = kernel
    weight = (outputs, shape[-3] // options.get("groups", 1), *sizes)
    arrays = draw(shape, weight, (outputs,) if bias else None)
    compare(lambda lib, x, w, b: lib.nn.functional.conv2d(x, w, b, **options), arrays, (0, 1, 2), device, dtype)


def test_conv2d_second_gradient(device):
    """The derivative of a penalty on gradients, as some losses have it."""

    def penalty(lib, x, w, b):
        out = lib.nn.functional.conv2d(x, w, b, stride=2, padding=1, groups=2)
        gx, gw = lib.autograd.grad((out**3).sum(), (x, w), create_graph=True)
        return (gx**2).sum() + (gw**2).sum()

    compare(penalty, draw((2, 4, 5, 6), (4, 2, 3, 2), (4,)), (0, 1, 2), device)


POOLS = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": (2, 3), "stride": (2, 1), "ceil_mode": True},
    {"kernel_size": 3, "stride": 3, "ceil_mode": True, "padding": 1},
    {"kernel_size": 2, "stride": 3, "dilation": 2},
    {"kernel_size": (3, 2), "stride": 1, "dilation": (1, 2), "padding": 1},
    {"kernel_size": 5, "stride": 4, "padding": 2, "ceil_mode": True},
]
FILLINGS = {
    "normal": lambda rng, x: x,
    "equal": lambda rng, x: np.sign(x),
    "nan": lambda rng, x: np.where(rng.random(x.shape) < 0.3, np.nan, x),
    "minus infinity": lambda rng, x: np.where(rng.random(x.shape) < 0.7, -np.inf, x),
    "integers": lambda rng, x: (x * 3).astype(np.int64),
}


@pytest.mark.parametrize("filling", FILLINGS)
@pytest.mark.parametrize("shape", [(2, 3, 8, 9), (3, 7, 6), (1, 1, 5, 5), (0, 2, 6, 6)], ids=str)
@pytest.mark.parametrize("options", POOLS, ids=str)
def test_max_pool2d(options, shape, filling, device):
    """Values and positions are the same, also of equal numbers and of several NaN; gradients too."""
    array = FILLINGS[filling](np.random.default_rng(1), *draw(shape))
    wanted = () if filling == "integers" else (0,)
    for both in (True, False):
        compare(
            lambda lib, x, i=both: lib.nn.functional.max_pool2d(x, **options, return_indices=i), [array], wanted, device
        )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("training", [True, False], ids=["training", ""])
@pytest.mark.parametrize("affine", list(itertools.product([True, False], repeat=2)), ids=str)
@pytest.mark.parametrize("shape", [(6, 4), (3, 4, 5), (2, 4, 3, 5), (2, 4, 2, 3, 2), (2, 4, 70, 70)], ids=str)
def test_batch_norm(shape, affine, training, dtype, device):
    arrays = draw(shape, 4, 4, 4 if affine[0] else None, 4 if affine[1] else None)
    arrays[2] = np.abs(arrays[2]) + 0.5

    def normalise(lib, x, mean, var, weight, bias):
        out = lib.nn.functional.batch_norm(x, mean, var, weight, bias, training, 0.3, 1e-3)
        return out, mean, var

    compare(normalise, arrays, (0, 3, 4), device, dtype, tolerance=TOLERANCE[dtype] * 2)


def test_batch_norm_second_gradient(device):
    def penalty(lib, x, w, b):
        out = lib.nn.functional.batch_norm(x, None, None, w, b, True)
        gx, gw = lib.autograd.grad((out**3).sum(), (x, w), create_graph=True)
        return (gx**2).sum() + (gw**2).sum()

    compare(penalty, draw((5, 3, 2), 3, 3), (0, 1, 2), device)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("pad", [(1, 2), (2, 1, 0, 2), (-1, 2, 1, -1), (0, 0, 2, 2)], ids=str)
def test_pad(pad, mode, device):
    for shape in ((2, 3, 4), (1, 2, 3, 4)):
        if mode != "constant" and len(shape) - len(pad) // 2 > 2:
            continue
        compare(lambda lib, x: lib.nn.functional.pad(x, pad, mode), draw(shape), (0,), device)


# ---------------------------------------------------------------------------------------------------------------------
# Errors

ERRORS = {
    "conv: 2-d": lambda lib, F: F.conv2d(lib.ones(3, 3), lib.ones(1, 1, 2, 2)),
    "conv: 5-d": lambda lib, F: F.conv2d(lib.ones(1, 1, 1, 3, 3), lib.ones(1, 1, 2, 2)),
    "conv: channels": lambda lib, F: F.conv2d(lib.ones(1, 2, 3, 3), lib.ones(1, 1, 2, 2)),
    "conv: groups": lambda lib, F: F.conv2d(lib.ones(1, 4, 3, 3), lib.ones(2, 4, 2, 2), groups=2),
    "conv: groups of outputs": lambda lib, F: F.conv2d(lib.ones(1, 4, 3, 3), lib.ones(3, 2, 2, 2), groups=2),
    "conv: no groups": lambda lib, F: F.conv2d(lib.ones(1, 4, 3, 3), lib.ones(3, 4, 2, 2), groups=0),
    "conv: kernel": lambda lib, F: F.conv2d(lib.ones(1, 1, 3, 3), lib.ones(1, 1, 7, 7), padding=1),
    "conv: bias": lambda lib, F: F.conv2d(lib.ones(1, 1, 3, 3), lib.ones(2, 1, 2, 2), lib.ones(3)),
    "conv: stride": lambda lib, F: F.conv2d(lib.ones(1, 1, 3, 3), lib.ones(2, 1, 2, 2), stride=0),
    "conv: strides": lambda lib, F: F.conv2d(lib.ones(1, 1, 3, 3), lib.ones(2, 1, 2, 2), stride=(1, 1, 1)),
    "conv: padding": lambda lib, F: F.conv2d(lib.ones(1, 1, 3, 3), lib.ones(2, 1, 2, 2), padding=-1),
    "conv: padding text": lambda lib, F: F.conv2d(lib.ones(1, 1, 3, 3), lib.ones(2, 1, 2, 2), padding="full"),
    "conv: same": lambda lib, F: F.conv2d(lib.ones(1, 1, 3, 3), lib.ones(2, 1, 2, 2), padding="same", stride=2),
    "conv: dilation": lambda lib, F: F.conv2d(lib.ones(1, 1, 3, 3), lib.ones(2, 1, 2, 2), dilation=0),
    "conv: empty": lambda lib, F: F.conv2d(lib.ones(1, 1, 0, 3), lib.ones(2, 1, 2, 2), padding=2),
    "conv: bias dtype": lambda lib, F: F.conv2d(lib.ones(1, 1, 3, 3), lib.ones(2, 1, 2, 2), lib.ones(2).double()),
    "pool: 2-d": lambda lib, F: F.max_pool2d(lib.ones(3, 3), 2),
    "pool: padding": lambda lib, F: F.max_pool2d(lib.ones(1, 1, 4, 4), 2, padding=2),
    "pool: padding and dilation": lambda lib, F: F.max_pool2d(lib.ones(1, 1, 6, 6), 3, padding=2, dilation=2),
    "pool: negative padding": lambda lib, F: F.max_pool2d(lib.ones(1, 1, 4, 4), 2, padding=-1),
    "pool: kernel": lambda lib, F: F.max_pool2d(lib.ones(1, 1, 4, 4), 0),
    "pool: stride": lambda lib, F: F.max_pool2d(lib.ones(1, 1, 4, 4), 2, stride=-1),
    "pool: dilation": lambda lib, F: F.max_pool2d(lib.ones(1, 1, 4, 4), 2, dilation=0),
    "pool: small": lambda lib, F: F.max_pool2d(lib.ones(2, 1, 4), 2),
    "pool: kernels": lambda lib, F: F.max_pool2d(lib.ones(1, 1, 4, 4), (2, 2, 2)),
    "pool: float": lambda lib, F: F.max_pool2d(lib.ones(1, 1, 4, 4), 2.0),
    "pool: bool": lambda lib, F: F.max_pool2d(lib.ones(1, 4, 4).bool(), 2),
    "pool: empty": lambda lib, F: F.max_pool2d(lib.ones(1, 0, 4, 4), 2),
    "norm: one number": lambda lib, F: F.batch_norm(lib.ones(1, 3), None, None, training=True),
    "norm: mean": lambda lib, F: F.batch_norm(lib.ones(2, 3), lib.ones(4), lib.ones(3)),
    "norm: weight": lambda lib, F: F.batch_norm(lib.ones(2, 3), lib.ones(3), lib.ones(3), lib.ones(4)),
    "norm: none": lambda lib, F: F.batch_norm(lib.ones(2, 3), None, None),
    "norm: one": lambda lib, F: F.batch_norm(lib.ones(2, 3), lib.ones(3), None, training=True),
    "norm: eps": lambda lib, F: F.batch_norm(lib.ones(2, 3), lib.ones(3), lib.ones(3), eps=-1.0),
    "norm: no eps": lambda lib, F: F.batch_norm(lib.ones(2, 3), lib.ones(3), lib.ones(3), training=True, eps=0.0),
    "norm: long": lambda lib, F: F.batch_norm(lib.ones(2, 3).long(), lib.ones(3), lib.ones(3)),
    "norm: gradient": lambda lib, F: F.batch_norm(lib.ones(2, 3), lib.ones(3, requires_grad=True), lib.ones(3)),
    "pad: odd": lambda lib, F: F.pad(lib.ones(2, 3), (1,)),
    "pad: many": lambda lib, F: F.pad(lib.ones(2, 3), (1,) * 6),
    "pad: mode": lambda lib, F: F.pad(lib.ones(2, 3), (1, 1), "edge"),
    "pad: reflect": lambda lib, F: F.pad(lib.ones(2, 3), (3, 1), "reflect"),
    "pad: dimensions": lambda lib, F: F.pad(lib.ones(2, 3), (1,) * 4, "reflect"),
    "pad: value": lambda lib, F: F.pad(lib.ones(2, 3), (1, 1), "reflect", 1.0),
    "pad: round": lambda lib, F: F.pad(lib.ones(2, 3), (4, 1), "circular"),
    "Conv2d: in": lambda lib, F: lib.nn.Conv2d(3, 4, 3, groups=2),
    "Conv2d: out": lambda lib, F: lib.nn.Conv2d(4, 3, 3, groups=2),
    "Conv2d: groups": lambda lib, F: lib.nn.Conv2d(4, 3, 3, groups=0),
    "Conv2d: same": lambda lib, F: lib.nn.Conv2d(4, 3, 3, padding="same", stride=2),
    "Conv2d: input": lambda lib, F: lib.nn.Conv2d(1, 3, 3)(lib.ones(1, 2, 5, 5)),
    "BatchNorm1d: input": lambda lib, F: lib.nn.BatchNorm1d(3)(lib.ones(3, 4, 5, 6)),
    "BatchNorm2d: input": lambda lib, F: lib.nn.BatchNorm2d(3)(lib.ones(3, 4)),
    "BatchNorm2d: features": lambda lib, F: lib.nn.BatchNorm2d(3)(lib.ones(3, 4, 5, 6)),
    "BatchNorm1d: one number": lambda lib, F: lib.nn.BatchNorm1d(3)(lib.ones(1, 3)),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    """The type is the same, and the text begins with the same words (what to do may follow)."""
    caught = []
    for lib in LIBRARIES:
        with pytest.raises(Exception) as info:
            ERRORS[case](lib, lib.nn.functional)
        caught.append(info.value)
    assert type(caught[0]) is type(caught[1])
    assert str(caught[1]).startswith(str(caught[0]).split("\n")[0])


# ---------------------------------------------------------------------------------------------------------------------
# Layers

LAYERS = [
    lambda nn: nn.Conv2d(1, 2, 3),
    lambda nn: nn.Conv2d(2, 4, (3, 2), (2, 1), 1, 2, 2, False),
    lambda nn: nn.Conv2d(2, 4, 3, padding="same", padding_mode="circular"),
    lambda nn: nn.Conv2d(2, 4, 3, padding=(1, 2), padding_mode="reflect"),
    lambda nn: nn.MaxPool2d(2),
    lambda nn: nn.MaxPool2d((2, 3), (1, 2), 1, 2, True, True),
    lambda nn: nn.BatchNorm1d(3),
    lambda nn: nn.BatchNorm2d(3, 1e-3, None, False, False),
    lambda nn: nn.BatchNorm2d(3, bias=False),
]


@pytest.mark.parametrize("make", LAYERS)
def test_layers_have_the_same_text_and_state(make):
    theirs, ours = (make(lib.nn) for lib in LIBRARIES)
    assert repr(theirs) == repr(ours)
    names = ("kernel_size", "stride", "padding", "dilation", "groups", "output_padding", "transposed", "padding_mode",
             "_reversed_padding_repeated_twice", "return_indices", "ceil_mode", "eps", "momentum", "affine",
             "track_running_stats", "num_features", "_version")  # fmt: skip
    for name in names:
        assert getattr(theirs, name, None) == getattr(ours, name, None), name
    state = [{k: (tuple(v.shape), str(v.dtype)) for k, v in layer.state_dict().items()} for layer in (theirs, ours)]
    assert state[0] == state[1] and list(state[0]) == list(state[1])


def network(lib):
    nn = lib.nn
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2, padding_mode="reflect"), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, bias=False), nn.BatchNorm2d(12, momentum=None), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        nn.Flatten(), nn.Linear(12 * 9, 10), nn.BatchNorm1d(10),
    )  # fmt: skip


def test_a_network_trains_alike(device):
    """The same weights, data and steps give the same parameters and statistics."""
    models = [network(lib) for lib in LIBRARIES]
    start = {k: host(v).copy() for k, v in models[0].state_dict().items()}
    models[1].load_state_dict({k: nnlite.tensor(v) for k, v in start.items()})
    models[1].to(device)
    x, labels = draw((16, 1, 14, 14))[0].astype(np.float32), np.arange(16) % 10
    ends = []
    for lib, model in zip(LIBRARIES, models, strict=True):
        where = {} if lib is torch else {"device": device}
        optimizer = lib.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        for _ in range(3):
            optimizer.zero_grad()
            out = model(lib.tensor(x, **where))
            lib.nn.functional.cross_entropy(out, lib.tensor(labels, **where)).backward()
            optimizer.step()
        model.eval()
        ends.append([host(v) for v in model.state_dict().values()] + [host(model(lib.tensor(x, **where)))])
    for one, other in zip(*ends, strict=True):
        np.testing.assert_allclose(other, one, rtol=2e-3, atol=2e-4)
