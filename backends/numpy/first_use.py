"""Whether compiled kernels are used, and what is said when they are compiled for the first time."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from functools import cache
from typing import Any

SETTING = os.environ.get("NNLITE_COMPILED", "1")
EVERY_SIZE = SETTING == "all"


def available() -> bool:
    """Whether compiled kernels are to be used: numba is installed, and the environment does not say no."""
    return SETTING != "0" and importlib.util.find_spec("numba") is not None


def worth(size: int, least: int) -> bool:
    """Whether an array is large enough for a compiled kernel."""
    return size >= least or EVERY_SIZE


@cache
def load(name: str) -> Any:
    """The kernels of a file of ``kernels/``.

    What is compiled is kept beside the source or in the user's cache folder; only where nothing is kept yet does
    compiling take a while, and a line on the error stream says so.
    """
    return importlib.import_module(f"{__package__}.compiled.native").Kernels(name)


class _Announcement:
    """The line about compiling, once in a process."""

    made = False

    def __call__(self) -> None:
        if not self.made:
            self.made = True
            print("nnlite: compiling kernels for this processor, once for all later runs (python -m nnlite.warmup does "
                  "it ahead; NNLITE_COMPILED=0 goes without)", file=sys.stderr)  # fmt: skip


announce = _Announcement()
