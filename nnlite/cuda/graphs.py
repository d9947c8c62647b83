"""CUDA graphs, which are not offered."""

from __future__ import annotations

from .._unavailable import Unavailable

__all__ = ["CUDAGraph", "graph", "graph_pool_handle", "make_graphed_callables"]

_INSTEAD = "call the function as it is; CUDA graphs are not captured"

CUDAGraph = Unavailable("torch.cuda.CUDAGraph", _INSTEAD)
graph = Unavailable("torch.cuda.graph", _INSTEAD)
graph_pool_handle = Unavailable("torch.cuda.graph_pool_handle", _INSTEAD)
make_graphed_callables = Unavailable("torch.cuda.make_graphed_callables", _INSTEAD)
