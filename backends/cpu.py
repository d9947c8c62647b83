"""What the processor can do."""

from __future__ import annotations

import functools
import importlib
from typing import Any

__all__ = ["get_cpu_capability"]


@functools.cache
def get_cpu_capability() -> str:
    """The widest vector instructions of the processor: ``AVX512``, ``AVX2``, or ``DEFAULT``.

    Example:
        >>> import nnlite
        >>> nnlite.backends.cpu.get_cpu_capability() in ("AVX512", "AVX2", "DEFAULT")
        True
    """
    known: Any = importlib.import_module("numpy._core._multiarray_umath").__cpu_features__
    if known.get("AVX512F") and known.get("AVX512_SKX", True):
        return "AVX512"
    return "AVX2" if known.get("AVX2") and known.get("FMA3", True) else "DEFAULT"
