"""What the host does between steps makes no device wait."""

from __future__ import annotations

import pytest

import nnlite
from nnlite import nn
from nnlite.backends.strict import forbid_synchronize


@pytest.fixture
def net():
    made = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).to("strict")
    made(nnlite.ones(5, 3, device="strict")).sum().backward()
    return made


def test_clipping(net):
    with forbid_synchronize():
        norm = nn.utils.clip_grad_norm_(net.parameters(), 0.1)
        nn.utils.clip_grad_norm_(net.parameters(), 0.1, float("inf"))
        nn.utils.clip_grad_value_(net.parameters(), 0.01)
    assert norm.item() > 0.1
    assert max(p.grad.abs().max().item() for p in net.parameters()) <= 0.01


def test_parameters_as_vectors(net):
    with forbid_synchronize():
        vector = nn.utils.parameters_to_vector(net.parameters())
        nn.utils.vector_to_parameters(vector * 2, net.parameters())
    assert vector.numel() == 26


@pytest.mark.parametrize("wrap", [nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm])
def test_parametrized_layers(wrap):
    layer = wrap(nn.Linear(3, 4).to("strict"))
    x = nnlite.ones(5, 3, device="strict")
    with forbid_synchronize():
        layer(x).sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_embedding_bag(mode):
    layer = nn.EmbeddingBag(7, 3, mode=mode, padding_idx=1).to("strict")
    numbers, offsets = (nnlite.tensor(v, device="strict") for v in ([1, 2, 6, 0], [0, 3]))
    with forbid_synchronize():
        layer(numbers, offsets).sum().backward()
    assert layer.weight.grad.any()


def test_pruned_and_fused_layers(net):
    nn.utils.prune.l1_unstructured(net[0], "weight", 0.5)
    bn = nn.BatchNorm1d(2).to("strict").eval()
    with forbid_synchronize():
        net(nnlite.ones(5, 3, device="strict"))
        nn.utils.fuse_linear_bn_eval(net[1].eval(), bn)
    assert (net[0].weight == 0).sum() == 6
