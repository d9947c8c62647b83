"""Wrappers of modules for several devices, which run the module on the one device it is on."""

from __future__ import annotations

from ..._unavailable import Unavailable
from . import data_parallel as _data_parallel
from . import distributed as distributed
from .distributed import DistributedDataParallel

DataParallel = _data_parallel.DataParallel
data_parallel = _data_parallel.data_parallel
DistributedDataParallelCPU = DistributedDataParallel

_INSTEAD = "a model runs on one device; move it with .to(device)"
gather = Unavailable("torch.nn.parallel.gather", _INSTEAD)
parallel_apply = Unavailable("torch.nn.parallel.parallel_apply", _INSTEAD)
replicate = Unavailable("torch.nn.parallel.replicate", _INSTEAD)
scatter = Unavailable("torch.nn.parallel.scatter", _INSTEAD)

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel", "gather", "parallel_apply", "replicate",
           "scatter"]  # fmt: skip
