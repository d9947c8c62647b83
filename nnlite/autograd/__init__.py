"""Automatic differentiation: ``backward``, ``grad``, custom functions, gradient checks."""

from __future__ import annotations

import importlib
from typing import Any

from .._core.grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from . import anomaly_mode, forward_ad, functional, graph
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function, once_differentiable
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .run import backward, grad

__all__ = [
    "Function",
    "anomaly_mode",
    "detect_anomaly",
    "forward_ad",
    "functional",
    "set_detect_anomaly",
    "GradcheckError",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "once_differentiable",
    "set_grad_enabled",
]


def __getattr__(name: str) -> Any:
    if name == "profiler":  # which stands above this package
        return importlib.import_module("nnlite.profiler.legacy")
    if name in ("grad_mode", "variable"):
        return importlib.import_module(f"{__name__}.{name}")
    if name == "Variable":
        return importlib.import_module(f"{__name__}.variable").Variable
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
