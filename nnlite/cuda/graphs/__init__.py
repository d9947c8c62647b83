"""CUDA graphs: work that is captured once and replayed, without the host saying it all again.

`graph` captures a block, `make_graphed_callables` the forward and backward of modules, `compile_step` whole training
steps. The device ``strict`` captures too, so that programs can be tested without a GPU.
"""

from __future__ import annotations

from .callables import make_graphed_callables
from .graph import CUDAGraph, graph, graph_pool_handle, is_current_stream_capturing
from .step import CompiledStep, compile_step

__all__ = [
    "CUDAGraph",
    "CompiledStep",
    "compile_step",
    "graph",
    "graph_pool_handle",
    "is_current_stream_capturing",
    "make_graphed_callables",
]
