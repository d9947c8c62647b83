"""Data loading, checkpoints, handles of hooks, tables of models and pictures of graphs.

The submodules are imported at first use: the lowest layers of the package need ``nnlite.utils.hooks``, which itself
needs nothing, and must not bring in the data loader, which stands above them.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "_pytree", "backcompat", "benchmark", "checkpoint", "collect_env", "cpp_extension", "data", "deterministic",
    "dlpack", "draw_graph", "hooks", "mobile_optimizer", "model_zoo", "summary", "swap_tensors", "tensorboard",
]  # fmt: skip

_FUNCTIONS = {"draw_graph": "_graph_drawing", "summary": "_model_summary", "swap_tensors": "_swap"}
"""Name -> the file that has it."""


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"{__name__}.{_FUNCTIONS[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
