"""How many threads the products of matrices use: NumPy's BLAS is the only part that uses more than one."""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["get_num_interop_threads", "get_num_threads", "set_num_interop_threads", "set_num_threads"]

_PREFIXES = ("", "scipy_")
_SUFFIXES = ("", "64_", "_64")


def _libraries() -> Iterator[Path]:
    """OpenBLAS as NumPy's wheels bring it, on Linux, Windows and macOS."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".libs", package / ".dylibs"):
        if folder.is_dir():
            yield from sorted(p for p in folder.iterdir() if "openblas" in p.name)


Control = tuple[Callable[[], int], Callable[[int], Any]]


@functools.cache
def _control() -> Control | None:
    """How to ask and set the number of BLAS's threads; None where that is not known."""
    for path in _libraries():
        try:
            library = ctypes.CDLL(str(path))  # NumPy has loaded it: this is the same one
        except OSError:
            continue
        for prefix in _PREFIXES:
            for suffix in _SUFFIXES:
                ask = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
                tell = getattr(library, f"{prefix}openblas_set_num_threads{suffix}", None)
                if ask is not None and tell is not None:
                    return ask, tell
    return _by_threadpoolctl()


def _by_threadpoolctl() -> Control | None:
    """The same for any BLAS, by the package threadpoolctl where it is installed."""
    if importlib.util.find_spec("threadpoolctl") is None:
        return None
    threadpoolctl: Any = importlib.import_module("threadpoolctl")

    def ask() -> int:
        found = [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
        return max(found, default=1)

    return ask, lambda n: threadpoolctl.threadpool_limits(n, user_api="blas")


def get_num_threads() -> int:
    """How many threads the products of matrices on the CPU use; everything else uses one.

    Example:
        >>> import nnlite
        >>> nnlite.get_num_threads() >= 1
        True
    """
    control = _control()
    return control[0]() if control is not None else os.cpu_count() or 1


def set_num_threads(num: int, /) -> None:
    """Set how many threads the products of matrices on the CPU use, those of NumPy alone included.

    It sets OpenBLAS, which NumPy's wheels bring; another BLAS needs the package threadpoolctl. It counts for the whole
    process. Small products are faster with one thread, and so is all work in several processes at once.

    Raises:
        RuntimeError: no positive integer. NotImplementedError: NumPy's BLAS cannot be told.

    Example:
        >>> import nnlite
        >>> nnlite.set_num_threads(1)
        >>> nnlite.get_num_threads()
        1
    """
    _check("set_num_threads", num)
    control = _control()
    if control is None:
        raise NotImplementedError("set_num_threads(): NumPy's BLAS is no OpenBLAS that could be told; install "
                                  "threadpoolctl, or set OMP_NUM_THREADS before Python starts")  # fmt: skip
    control[1](int(num))


def _check(name: str, num: Any) -> None:
    if not isinstance(num, int) or isinstance(num, bool):
        raise RuntimeError(f"{name} expects an int, but got {type(num).__name__}")
    if num <= 0:
        raise RuntimeError(f"{name} expects a positive integer, got {num}")


def get_num_interop_threads() -> int:
    """1: operations run one after the other."""
    return 1


def set_num_interop_threads(num: int, /) -> None:
    """Nothing: operations run one after the other.

    Raises:
        RuntimeError: no positive integer.
    """
    _check("set_num_interop_threads", num)
