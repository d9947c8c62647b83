"""Intel's MKL as NumPy's BLAS."""

from __future__ import annotations

import functools
from types import TracebackType
from typing import Any

import numpy as np

__all__ = ["VERBOSE_OFF", "VERBOSE_ON", "is_available", "verbose"]

VERBOSE_OFF, VERBOSE_ON = 0, 1


@functools.cache
def is_available() -> bool:
    """Whether NumPy is built with MKL; NumPy's wheels have OpenBLAS.

    Example:
        >>> import nnlite
        >>> nnlite.backends.mkl.is_available() in (True, False)
        True
    """
    told: Any = np.show_config(mode="dicts")
    return "mkl" in str(told["Build Dependencies"]["blas"].get("name", "")).lower()


class verbose:
    """A context that prints nothing: MKL's messages are switched on by ``MKL_VERBOSE=1`` in the environment."""

    def __init__(self, enable: int) -> None:
        self.enable = enable

    def __enter__(self) -> verbose:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None
