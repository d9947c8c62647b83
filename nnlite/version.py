"""The version of the package, under the names that ``torch.version`` has."""

from __future__ import annotations

import importlib.util
from typing import Any

from ._version import __version__ as nnlite
from .torch_version import __version__ as _full

__all__ = ["__version__", "cuda", "debug", "git_version", "hip", "nnlite", "rocm", "xpu"]

__version__ = str(_full)
"""The version of PyTorch's API, with the version of this package as its local part; ``nnlite`` is the latter alone."""

debug = False
git_version = None
"""Not known: the package does not carry the commit it was made of."""
hip = None
rocm = None
xpu = None

cuda: Any


def __getattr__(name: str) -> Any:
    if name != "cuda":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # The version of the CUDA runtime that CuPy uses, as "13.0"; None without CuPy. Asked for late: CuPy loads slowly.
    if importlib.util.find_spec("cupy") is None:
        return None
    import cupy

    number = cupy.cuda.runtime.runtimeGetVersion()
    return f"{number // 1000}.{number % 1000 // 10}"
