"""Automatic differentiation: ``backward``, ``grad``, custom functions, gradient checks."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .._core.grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .._lazy import names_of

# The file has the name of a function; importing it later would put it in the function's place.
from .gradcheck import GradcheckError, gradcheck, gradgradcheck

if TYPE_CHECKING:  # what loads at first use; the index is made of these lines
    from . import anomaly_mode, forward_ad, functional, grad_mode, graph, variable
    from . import function as function
    from . import run as run
    from .anomaly_mode import detect_anomaly, set_detect_anomaly
    from .function import Function, once_differentiable
    from .run import backward, grad
    from .variable import Variable

__all__ = [
    "Function",
    "anomaly_mode",
    "detect_anomaly",
    "forward_ad",
    "functional",
    "set_detect_anomaly",
    "GradcheckError",
    "Variable",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "grad_mode",
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "once_differentiable",
    "set_grad_enabled",
    "variable",
]


def _others(name: str) -> Any:
    if name == "profiler":  # which stands above this package
        return importlib.import_module("nnlite.profiler.legacy")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__getattr__, __dir__ = names_of(__name__, _others)
