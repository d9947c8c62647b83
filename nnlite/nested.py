"""Names of tensors of unequal rows, which are not offered."""

from __future__ import annotations

from ._unavailable import module_getattr

__getattr__ = module_getattr(
    __name__,
    ("as_nested_tensor", "masked_select", "narrow", "nested_tensor", "nested_tensor_from_jagged",
     "to_padded_tensor"),
    "use nnlite.nn.utils.rnn.pad_sequence and a mask",
)  # fmt: skip
