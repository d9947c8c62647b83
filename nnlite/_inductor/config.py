"""Settings of PyTorch's compiler: any can be made, none changes anything."""

from __future__ import annotations

from ..compiler import Options

coordinate_descent_tuning = False
fx_graph_cache = False
max_autotune = False
triton = Options(unique_kernel_names=False, cudagraphs=False)
cpp = Options()
