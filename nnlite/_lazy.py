"""What ``nnlite`` has and loads at first use, so that ``import nnlite`` stays quick."""

from __future__ import annotations

import importlib
from typing import Any

MODULES = {
    "_dynamo",
    "_inductor",
    "accelerator",
    "amp",
    "ao",
    "compiler",
    "cpu",
    "distributed",
    "distributions",
    "export",
    "func",
    "futures",
    "fx",
    "hub",
    "jit",
    "onnx",
    "library",
    "masked",
    "monitor",
    "mps",
    "mtia",
    "multiprocessing",
    "nested",
    "optim",
    "overrides",
    "package",
    "profiler",
    "quantization",
    "return_types",
    "serialization",
    "sparse",
    "testing",
    "torch_version",
    "types",
    "xpu",
}
"""Modules and packages of ``nnlite`` that are imported when their name is first asked for."""

NAMES = {
    "GradScaler": "amp",
    **dict.fromkeys(
        (
            "autocast",
            "autocast_decrement_nesting",
            "autocast_increment_nesting",
            "clear_autocast_cache",
            "get_autocast_cpu_dtype",
            "get_autocast_dtype",
            "get_autocast_gpu_dtype",
            "is_autocast_cache_enabled",
            "is_autocast_cpu_enabled",
            "is_autocast_enabled",
            "set_autocast_cache_enabled",
            "set_autocast_cpu_dtype",
            "set_autocast_cpu_enabled",
            "set_autocast_dtype",
            "set_autocast_enabled",
            "set_autocast_gpu_dtype",
        ),
        "amp.autocast_mode",
    ),
    "compile": "compiler",
    **dict.fromkeys(("Event", "OutOfMemoryError", "Stream"), "cuda"),
    **dict.fromkeys(("ScriptFunction", "ScriptModule", "fork", "wait"), "jit"),
    "Future": "futures",
    **dict.fromkeys(("load", "save"), "serialization"),
    "vmap": "func",
    **dict.fromkeys(
        (
            "adaptive_avg_pool1d",
            "avg_pool1d",
            "conv1d",
            "conv2d",
            "conv3d",
            "conv_tbc",
            "conv_transpose1d",
            "conv_transpose2d",
            "conv_transpose3d",
            "max_pool1d_with_indices",
            "rms_norm",
        ),
        "nn.functional",
    ),
    **dict.fromkeys(
        (
            "adaptive_max_pool1d",
            "batch_norm",
            "cond",
            "convolution",
            "embedding_bag",
            "group_norm",
            "instance_norm",
            "layer_norm",
            "max_pool1d",
            "max_pool2d",
            "max_pool3d",
            "native_batch_norm",
            "native_group_norm",
            "native_layer_norm",
            "norm_except_dim",
            "while_loop",
        ),
        "nn._flat_functions",
    ),
}
"""Functions and classes of ``nnlite`` -> the module that has them."""


def load(name: str) -> Any:
    """What ``nnlite.name`` is.

    Raises:
        AttributeError: there is no such name.
    """
    if name in MODULES:
        return importlib.import_module(f"nnlite.{name}")
    if name in NAMES:
        return getattr(importlib.import_module(f"nnlite.{NAMES[name]}"), name)
    if not name.startswith("_"):
        seldom = importlib.import_module("nnlite._seldom")
        if hasattr(seldom, name):
            return getattr(seldom, name)
    raise AttributeError(f"module 'nnlite' has no attribute {name!r}")
