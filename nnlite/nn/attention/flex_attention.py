"""Names of attention with a score function of one's own, which is not offered."""

from __future__ import annotations

from ..._unavailable import module_getattr

__getattr__ = module_getattr(
    __name__,
    ("AuxOutput", "AuxRequest", "BlockMask", "FlexKernelOptions", "and_masks", "create_block_mask", "create_mask",
     "create_nested_block_mask", "flex_attention", "noop_mask", "or_masks"),
    "give scaled_dot_product_attention an attn_mask: a bool mask, or the change of the scores as a float tensor",
)  # fmt: skip
