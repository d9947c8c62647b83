"""Layers under the paths of the files that PyTorch has them in."""

from __future__ import annotations

import nnlite


def test_multihead_attention_is_an_activation_too():
    assert nnlite.nn.modules.activation.MultiheadAttention is nnlite.nn.MultiheadAttention


def test_default_activation_of_transformer_layers_is_the_public_function():
    """Files of whole models name it, and programs allow it by that name."""
    for layer in (nnlite.nn.TransformerEncoderLayer, nnlite.nn.TransformerDecoderLayer):
        assert layer(4, 2, 8).activation is nnlite.nn.functional.relu
