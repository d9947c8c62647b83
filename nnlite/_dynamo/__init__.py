"""PyTorch's compiler front end under the names that programs touch; nothing is compiled (see ``nnlite.compiler``)."""

from __future__ import annotations

import importlib
from typing import Any

from ..compiler import (
    allow_in_graph,
    assume_constant_result,
    compile,
    disable,
    is_compiling,
    list_backends,
    reset,
)

__all__ = [
    "OptimizedModule",
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "config",
    "disable",
    "explain",
    "graph_break",
    "is_compiling",
    "list_backends",
    "mark_dynamic",
    "mark_static",
    "maybe_mark_dynamic",
    "optimize",
    "reset",
]


class OptimizedModule:
    """The class of compiled modules in PyTorch. Here a compiled module keeps its class, and nothing is of this one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("OptimizedModule is not made in nnlite: compile(module) is the module itself")


def optimize(backend: Any = "inductor", **kwargs: Any) -> Any:
    """A decorator that leaves its function as it is."""
    return compile(backend=backend)


def graph_break(msg: str = "") -> None:
    """Nothing: there are no graphs."""


def mark_dynamic(t: Any, index: Any, **kwargs: Any) -> None:
    """Nothing: all sizes can change."""


def maybe_mark_dynamic(t: Any, index: Any, **kwargs: Any) -> None:
    """Nothing: all sizes can change."""


def mark_static(t: Any, index: Any = None) -> None:
    """Nothing: all sizes can change."""


def explain(f: Any, *args: Any, **kwargs: Any) -> Any:
    """Not offered.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("torch._dynamo.explain is not available in nnlite: nothing is compiled, there is nothing "
                              "to explain; NNLITE_EXPLAIN=1 prints which kernels run")  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in ("config", "eval_frame"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
