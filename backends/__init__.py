"""Array backends: one folder for each array library, and the registry and kernel table that choose between them."""

if __name__ != "nnlite.backends":
    raise ImportError(
        "backends/ is part of nnlite and imports as nnlite.backends; importing it under another name would load a "
        "second copy of the device registry. Use `import nnlite.backends`."
    )

import importlib
from typing import Any

from .base import Backend, DeviceUnavailableError
from .kernels import KernelTable, kernel
from .registry import backend_for, backend_of, register_backend, table_for

__all__ = [
    "Backend",
    "DeviceUnavailableError",
    "KernelTable",
    "backend_for",
    "backend_of",
    "kernel",
    "register_backend",
    "table_for",
]

_SETTINGS = ("cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "nnpack", "openmp", "opt_einsum", "quantized")
"""Modules with the settings that PyTorch has as ``torch.backends.*``; imported at first use."""


def __getattr__(name: str) -> Any:
    if name in _SETTINGS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SETTINGS})
