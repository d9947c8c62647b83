"""Attributes that say on which kind of device or in which layout a tensor is."""

from __future__ import annotations

import pytest

import nnlite


@pytest.mark.parametrize("name", ["ipu", "maia", "mps", "mtia", "vulkan", "xla", "xpu", "sparse", "quantized", "meta"])
def test_tensors_are_of_no_other_kind(name, device):
    assert getattr(nnlite.ones(2, device=device), f"is_{name}") is False
