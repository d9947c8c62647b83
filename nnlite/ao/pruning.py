"""Names of PyTorch's sparsifiers, which are not offered."""

from __future__ import annotations

from .._unavailable import module_getattr

__getattr__ = module_getattr(
    __name__,
    ("BaseScheduler", "BaseSparsifier", "WeightNormSparsifier"),
    "use nnlite.nn.utils.prune",
)  # fmt: skip
