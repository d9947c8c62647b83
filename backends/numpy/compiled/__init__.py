"""Compiled kernels for the CPU: the extra ``fast``, which brings numba.

The files here say which arguments each compiled kernel takes and share its work out to threads; the kernels are in
``kernels/``. Without numba nothing here is imported, and everything runs on NumPy alone; so it does with
``NNLITE_COMPILED=0`` in the environment. ``NNLITE_COMPILED=all``, for tests, takes compiled kernels for small arrays
too, where they are slower.
"""

from __future__ import annotations

from ..first_use import available
from ..threads import sgemm_address

if not available():  # importing the files below registers their kernels
    raise ModuleNotFoundError("compiled kernels need numba, and that NNLITE_COMPILED is not 0", name="numba")

from . import indexing as indexing  # these register their kernels
from . import normalization as normalization
from . import pointwise as pointwise
from . import pooling as pooling
from . import random as random
from . import recurrent as recurrent
from . import rows as rows
from . import running as running
from . import updates as updates

if sgemm_address():
    from . import attention as attention
    from . import convolution as convolution


def warm_up() -> None:
    """Compile all kernels, or load those that are kept from an earlier run."""
    indexing.warm_up()
    normalization.warm_up()
    pointwise.warm_up()
    pooling.warm_up()
    random.warm_up()
    recurrent.warm_up()
    rows.warm_up()
    running.warm_up()
    updates.warm_up()
    if sgemm_address():
        attention.warm_up()
        convolution.warm_up()
