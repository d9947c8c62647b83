"""What the package works with."""

from __future__ import annotations

import platform
import sys
from typing import Any

import numpy as np

from ._threads import get_num_threads
from ._version import __version__
from .backends.registry import known_device_types

__all__ = ["parallel_info", "show"]


def show() -> str:
    """The versions of Python, NumPy and its BLAS, and the devices that can be named, as text.

    Example:
        >>> import nnlite
        >>> nnlite.__config__.show().splitlines()[0].startswith("nnlite")
        True
    """
    blas: Any = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return "\n".join((
        f"nnlite {__version__}",
        f"  - Python {platform.python_version()} on {sys.platform}, {platform.machine()}",
        f"  - NumPy {np.__version__}",
        f"  - BLAS {blas.get('name', 'unknown')} {blas.get('version', '')}",
        f"  - devices: {', '.join(known_device_types())}",
        "",
    ))  # fmt: skip


def parallel_info() -> str:
    """How many threads are used, as text."""
    return f"BLAS threads: {get_num_threads()}\noperations at once: 1\n"
