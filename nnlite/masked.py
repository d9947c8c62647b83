"""Names of tensors with masks, which are not offered."""

from __future__ import annotations

from ._unavailable import module_getattr

__getattr__ = module_getattr(
    __name__,
    ("MaskedTensor", "amax", "amin", "argmax", "argmin", "as_masked_tensor", "cumprod", "cumsum",
     "is_masked_tensor", "log_softmax", "logaddexp", "logsumexp", "masked_tensor", "mean", "median", "norm",
     "normalize", "prod", "softmax", "softmin", "std", "sum", "var"),
    "use where(mask, x, value) before the operation",
)  # fmt: skip
