"""Whether compiled kernels are used, and what is said when they are compiled for the first time."""

from __future__ import annotations

import glob
import importlib
import importlib.util
import os
import sys
from functools import cache
from types import ModuleType

SETTING = os.environ.get("NNLITE_COMPILED", "1")
EVERY_SIZE = SETTING == "all"


def available() -> bool:
    """Whether compiled kernels are to be used: numba is installed, and the environment does not say no."""
    return SETTING != "0" and importlib.util.find_spec("numba") is not None


def worth(size: int, least: int) -> bool:
    """Whether an array is large enough for a compiled kernel."""
    return size >= least or EVERY_SIZE


@cache
def load(name: str) -> ModuleType:
    """A module of ``kernels/``, imported at the first call, which takes 0.3 s for numba itself.

    numba keeps what it compiles beside the source or in the user's cache folder; only where nothing is kept yet does
    compiling take seconds, and a line on the error stream says so.
    """
    module = importlib.import_module(f"{__package__}.compiled.kernels.{name}")
    functions = [f for f in vars(module).values() if hasattr(f, "py_func") and f.py_func.__module__ == module.__name__]
    kept = any(glob.glob(f"{f.stats.cache_path}/{name}.*.nbi") for f in functions if f.stats.cache_path)
    if functions and not kept:
        announce()
    return module


class _Announcement:
    """The line about compiling, once in a process."""

    made = False

    def __call__(self) -> None:
        if not self.made:
            self.made = True
            print("nnlite: compiling kernels for this processor, once for all later runs (python -m nnlite.warmup does "
                  "it ahead; NNLITE_COMPILED=0 goes without)", file=sys.stderr)  # fmt: skip


announce = _Announcement()
