"""What ``nnlite`` has and loads at first use, so that ``import nnlite`` stays quick."""

from __future__ import annotations

import importlib
from typing import Any

MODULES = {
    "accelerator",
    "compiler",
    "cpu",
    "hub",
    "jit",
    "torch_version",
    "types",
}
"""Modules and packages of ``nnlite`` that are imported when their name is first asked for."""

NAMES = {
    "compile": "compiler",
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
    raise AttributeError(f"module 'nnlite' has no attribute {name!r}")
