"""OpenMP, which nothing here uses."""

from __future__ import annotations

__all__ = ["is_available"]


def is_available() -> bool:
    """False: the only threads are those of NumPy's BLAS; see ``nnlite.set_num_threads``."""
    return False
