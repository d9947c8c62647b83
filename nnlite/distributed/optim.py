"""Optimizers over several processes, which are not offered."""

from __future__ import annotations

from .._unavailable import module_getattr

__getattr__ = module_getattr(
    __name__,
    ("DistributedOptimizer", "PostLocalSGDOptimizer", "ZeroRedundancyOptimizer"),
    "nnlite runs one process; use the optimizers of nnlite.optim",
)
