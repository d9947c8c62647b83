"""Names of PyTorch's graphs of Python functions, which are not offered."""

from __future__ import annotations

from .._unavailable import module_getattr

__getattr__ = module_getattr(
    __name__,
    ("CodeGen", "Graph", "GraphModule", "Interpreter", "Node", "PH", "Proxy", "ProxyableClassMeta", "Tracer",
     "Transformer", "has_side_effect", "map_arg", "replace_pattern", "symbolic_trace", "wrap"),
    "functions stay Python; nnlite.onnx exports a recorded forward pass, nnlite.utils.draw_graph shows the graph",
)  # fmt: skip
