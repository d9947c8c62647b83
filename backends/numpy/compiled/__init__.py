"""Compiled kernels for the CPU: the extra ``fast``, which brings numba.

The files here say which arguments each compiled kernel takes and share its work out to threads; the kernels are in
``kernels/``. Without numba nothing here is imported, and everything runs on NumPy alone; so it does with
``NNLITE_COMPILED=0`` in the environment. ``NNLITE_COMPILED=all``, for tests, takes compiled kernels for small arrays
too, where they are slower.
"""

from __future__ import annotations

import importlib

from .. import plain as plain  # the kernels that lie beneath
from ..first_use import available
from ..threads import sgemm_address

if not available():  # importing the files below registers their kernels
    raise ModuleNotFoundError("compiled kernels need numba, and that NNLITE_COMPILED is not 0", name="numba")

FILES = [  # those that take longest to compile first
    *(["convolution"] if sgemm_address() else []), "products", "indexing", "recurrent",
    *(["attention"] if sgemm_address() else []), "normalization", "running",
    "pointwise", "rows", "pooling", "updates", "random",
]  # fmt: skip
"""The files beside this one that hold kernels' wrappers; importing them registers the kernels."""

for _name in FILES:
    importlib.import_module(f"{__name__}.{_name}")


def warm_up(name: str) -> None:
    """Compile the kernels of one of `FILES`, or load what is kept from an earlier run."""
    importlib.import_module(f"{__name__}.{name}").warm_up()
