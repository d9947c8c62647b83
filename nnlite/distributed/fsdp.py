"""Models split over several processes, which are not offered."""

from __future__ import annotations

from .._unavailable import module_getattr

__getattr__ = module_getattr(
    __name__,
    ("BackwardPrefetch", "CPUOffload", "FSDPModule", "FullStateDictConfig", "FullyShardedDataParallel",
     "MixedPrecision", "MixedPrecisionPolicy", "ShardingStrategy", "StateDictType", "fully_shard"),
    "nnlite runs one process; use the module as it is",
)  # fmt: skip
