"""Conv2d, MaxPool2d, BatchNorm1d, BatchNorm2d: arguments, parameters, state, text, and training with them."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

import nnlite
import nnlite.nn.functional as F
from nnlite import nn
from nnlite.backends.strict import forbid_synchronize


@pytest.mark.parametrize(
    "layer, text",
    [
        (nn.Conv2d(1, 2, 3), "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))"),
        (
            nn.Conv2d(1, 2, (3, 2), stride=2, padding=1, dilation=2, bias=False),
            "Conv2d(1, 2, kernel_size=(3, 2), stride=(2, 2), padding=(1, 1), dilation=(2, 2), bias=False)",
        ),
        (
            nn.Conv2d(2, 2, 3, groups=2, padding="same", padding_mode="reflect"),
            "Conv2d(2, 2, kernel_size=(3, 3), stride=(1, 1), padding=same, groups=2, padding_mode=reflect)",
        ),
        (nn.Conv2d(1, 2, 3, padding="valid"), "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=valid)"),
        (nn.MaxPool2d(2), "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"),
        (
            nn.MaxPool2d((2, 3), stride=(1, 2), padding=1, dilation=2, return_indices=True, ceil_mode=True),
            "MaxPool2d(kernel_size=(2, 3), stride=(1, 2), padding=1, dilation=2, ceil_mode=True)",
        ),
        (
            nn.BatchNorm1d(3),
            "BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)",
        ),
        (
            nn.BatchNorm2d(3, 1e-3, None, affine=False, track_running_stats=False),
            "BatchNorm2d(3, eps=0.001, momentum=None, affine=False, bias=False, track_running_stats=False)",
        ),
        (
            nn.BatchNorm2d(3, bias=False),
            "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=False, track_running_stats=True)",
        ),
    ],
    ids=str,
)
def test_text(layer, text):
    assert repr(layer) == text
    assert repr(pickle.loads(pickle.dumps(layer))) == repr(copy.deepcopy(layer)) == text


# ---------------------------------------------------------------------------------------------------------------------
# Conv2d


def test_conv_attributes(device):
    layer = nn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), groups=2, device=device, dtype=nnlite.float64)
    assert layer.kernel_size == (3, 2) and layer.stride == (2, 2) and layer.padding == (1, 0)
    assert layer.dilation == (1, 1) and layer.output_padding == (0, 0) and not layer.transposed
    assert layer._reversed_padding_repeated_twice == (0, 0, 1, 1)
    assert {name: tuple(p.shape) for name, p in layer.state_dict().items()} == {"weight": (6, 2, 3, 2), "bias": (6,)}
    assert all(p.dtype is nnlite.float64 and p.device == nnlite.device(device) for p in layer.parameters())
    plain = nn.Conv2d(1, 1, 2, bias=False)
    assert plain.bias is None and list(plain.state_dict()) == ["weight"]


def test_conv_initial_values():
    layer = nn.Conv2d(8, 64, 5, groups=2)
    bound = 1 / math.sqrt(4 * 25)
    values = layer.weight.detach().numpy()
    assert np.abs(values).max() <= bound and np.abs(layer.bias.detach().numpy()).max() <= bound
    np.testing.assert_allclose([values.mean(), values.std()], [0, bound / math.sqrt(3)], atol=bound / 40)
    before = values.copy()
    layer.reset_parameters()
    assert (layer.weight.detach().numpy() != before).all()


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [(2, 1), "same"])
def test_conv_padding_modes(mode, padding, device):
    layer = nn.Conv2d(2, 3, (4, 3), padding=padding, padding_mode=mode, device=device)
    x = nnlite.randn(2, 2, 6, 5, device=device)
    sizes = (1, 1, 2, 2) if padding != "same" else (1, 1, 1, 2)
    around = F.pad(x, sizes, mode="constant" if mode == "zeros" else mode)
    want = F.conv2d(around, layer.weight, layer.bias)
    np.testing.assert_allclose(layer(x).detach().cpu().numpy(), want.detach().cpu().numpy(), atol=1e-6)
    assert layer(x[0]).shape == layer(x).shape[1:]


@pytest.mark.parametrize(
    "arguments, options, message",
    [
        ((3, 4, 3), {"groups": 2}, "in_channels must be divisible by groups"),
        ((4, 3, 3), {"groups": 2}, "out_channels must be divisible by groups"),
        ((4, 4, 3), {"groups": 0}, "groups must be a positive integer"),
        ((4, 4, 3), {"padding": "full"}, "Invalid padding string 'full', should be one of"),
        ((4, 4, 3), {"padding": "same", "stride": 2}, "padding='same' is not supported for strided convolutions"),
        ((4, 4, 3), {"padding_mode": "edge"}, "padding_mode must be one of .*, but got padding_mode='edge'"),
    ],
)
def test_conv_refuses(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        nn.Conv2d(*arguments, **options)


# ---------------------------------------------------------------------------------------------------------------------
# MaxPool2d


def test_max_pool(device):
    x = nnlite.arange(16.0, device=device).reshape(1, 1, 4, 4)
    assert nn.MaxPool2d(2)(x).tolist() == [[[[5, 7], [13, 15]]]]
    assert nn.MaxPool2d(2, 1)(x).shape == (1, 1, 3, 3)
    values, places = nn.MaxPool2d((2, 4), return_indices=True)(x)
    assert values.tolist() == [[[[7], [15]]]] and places.tolist() == [[[[7], [15]]]]
    assert nn.MaxPool2d(3, 2, ceil_mode=True)(x).shape == (1, 1, 2, 2)
    assert list(nn.MaxPool2d(2).state_dict()) == []


# ---------------------------------------------------------------------------------------------------------------------
# BatchNorm


def test_batch_norm_state(device):
    layer = nn.BatchNorm2d(3, device=device, dtype=nnlite.float64)
    state = layer.state_dict()
    assert list(state) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert [v.tolist() for v in state.values()] == [[1] * 3, [0] * 3, [0] * 3, [1] * 3, 0]
    assert state["num_batches_tracked"].dtype is nnlite.int64 and state["running_var"].dtype is nnlite.float64
    assert all(v.device == nnlite.device(device) for v in state.values())
    assert state._metadata[""]["version"] == 2
    layer.half()
    assert layer.num_batches_tracked.dtype is nnlite.int64 and layer.running_mean.dtype is nnlite.float16
    bare = nn.BatchNorm2d(3, affine=False, track_running_stats=False)
    assert list(bare.state_dict()) == [] and bare.weight is bare.running_var is bare.num_batches_tracked is None


def test_batch_norm_counts_and_forgets(device):
    layer = nn.BatchNorm1d(2, device=device)
    x = nnlite.tensor([[1.0, 2.0], [3.0, 6.0]], device=device)
    layer(x), layer(x)
    assert layer.num_batches_tracked.item() == 2
    np.testing.assert_allclose(layer.running_mean.tolist(), [0.38, 0.76], rtol=1e-6)
    np.testing.assert_allclose(layer.running_var.tolist(), [1.19, 2.33], rtol=1e-6)
    layer.eval()
    held = layer.state_dict()["running_mean"].tolist()
    out = layer(x)
    assert layer.num_batches_tracked.item() == 2 and layer.running_mean.tolist() == held
    np.testing.assert_allclose(out[0, 0].item(), (1 - 0.38) / math.sqrt(1.19 + 1e-5), rtol=1e-5)
    layer.weight.data.fill_(5)
    layer.reset_parameters()
    assert [v.tolist() for v in layer.state_dict().values()] == [[1] * 2, [0] * 2, [0] * 2, [1] * 2, 0]


@pytest.mark.parametrize("kind", [nnlite.float32, nnlite.float64])
def test_batch_norm_mean_of_all_batches(kind, device):
    layer = nn.BatchNorm1d(2, momentum=None, device=device, dtype=kind)
    batches = [np.random.default_rng(i).standard_normal((4, 2)) for i in range(5)]
    for batch in batches:
        layer(nnlite.tensor(batch, dtype=kind, device=device))
    tolerance = 1e-6 if kind is nnlite.float32 else 1e-12
    np.testing.assert_allclose(layer.running_mean.tolist(), np.mean(batches, (0, 1)), rtol=tolerance, atol=tolerance)
    want = np.mean([b.var(0, ddof=1) for b in batches], 0)
    np.testing.assert_allclose(layer.running_var.tolist(), want, rtol=tolerance)


def test_batch_norm_without_running_statistics(device):
    layer = nn.BatchNorm1d(2, track_running_stats=False, device=device).eval()
    x = nnlite.randn(8, 2, device=device)
    np.testing.assert_allclose(layer(x).mean(0).tolist(), [0, 0], atol=1e-6)


def test_batch_norm_reads_what_did_not_count():
    """Files of version 1 have no num_batches_tracked."""
    layer = nn.BatchNorm1d(2)
    layer(nnlite.randn(4, 2))
    state = layer.state_dict()
    del state["num_batches_tracked"]
    with pytest.raises(RuntimeError, match=r"Missing key.*num_batches_tracked"):
        layer.load_state_dict(state)
    state._metadata[""]["version"] = 1
    layer.load_state_dict(state)
    assert layer.num_batches_tracked.item() == 1
    nn.BatchNorm1d(2, track_running_stats=False, affine=False).load_state_dict({})


@pytest.mark.parametrize(
    "layer, shape, message",
    [
        (nn.BatchNorm1d, (3,), r"expected 2D or 3D input \(got 1D input\)"),
        (nn.BatchNorm1d, (2, 3, 4, 5), r"expected 2D or 3D input \(got 4D input\)"),
        (nn.BatchNorm2d, (2, 3, 4), r"expected 4D input \(got 3D input\)"),
        (nn.BatchNorm2d, (1, 3, 1, 1), "Expected more than 1 value per channel when training"),
    ],
)
def test_batch_norm_refuses(layer, shape, message, device):
    module = layer(3, device=device)
    with pytest.raises(ValueError, match=message):
        module(nnlite.ones(*shape, device=device))
    assert module.running_mean.tolist() == [0] * 3


# ---------------------------------------------------------------------------------------------------------------------
# Together


def network(device):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4, momentum=None), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 10),
        nn.BatchNorm1d(10),
    ).to(device)  # fmt: skip


def test_a_training_step_does_not_wait_for_the_device():
    model = network("strict")
    optimizer = nnlite.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x, labels = nnlite.randn(16, 1, 8, 8, device="strict"), nnlite.arange(16, device="strict") % 10
    with forbid_synchronize():
        for _ in range(2):
            optimizer.zero_grad()
            F.cross_entropy(model(x), labels).backward()
            optimizer.step()


def test_training_learns_which_half_is_bright(device):
    rng = np.random.default_rng(0)
    images = rng.standard_normal((32, 1, 8, 8)).astype(np.float32)
    labels = np.arange(32) % 2
    for image, label in zip(images, labels, strict=True):
        image[0, :, 4 * label : 4 * label + 4] += 2
    model = network(device)
    optimizer = nnlite.optim.Adam(model.parameters(), lr=0.05)
    x, y = nnlite.tensor(images, device=device), nnlite.tensor(labels, device=device)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    assert model(x).argmax(1).tolist() == labels.tolist()
    assert model[1].num_batches_tracked.item() == 16


def test_devices_agree():
    model = network("cpu")
    x = nnlite.randn(4, 1, 8, 8)
    results = []
    for device in ("cpu", "strict"):
        net = copy.deepcopy(model).to(device)
        net(x.to(device)).square().mean().backward()
        results.append([p.grad.cpu().numpy() for p in net.parameters()] + [net[5].running_var.cpu().numpy()])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
