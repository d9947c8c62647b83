"""Masks of causal attention as objects, which are not offered."""

from __future__ import annotations

from ..._unavailable import module_getattr

__getattr__ = module_getattr(
    __name__,
    ("CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"),
    "use scaled_dot_product_attention(..., is_causal=True), or a bool attn_mask",
)
