"""Layers under the paths of the files that PyTorch has them in."""

from __future__ import annotations

import nnlite


def test_multihead_attention_is_an_activation_too():
    assert nnlite.nn.modules.activation.MultiheadAttention is nnlite.nn.MultiheadAttention
