"""How kernels are compiled."""

from __future__ import annotations

from typing import Any

from numba import njit

FAST = {"reassoc", "contract", "nsz", "arcp"}
"""Sums may be taken in any order; what is not finite keeps its meaning."""


def compiled(function: Any) -> Any:
    """Compile at the first call for the types that come, without the interpreter's lock, and keep it on disk."""
    return njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)(function)


def in_order(function: Any) -> Any:
    """The same with sums in the order that is written, for formulas that depend on it."""
    return njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})(function)


def exact(function: Any) -> Any:
    """Compile every operation as it stands."""
    return njit(nogil=True, cache=True, error_model="numpy")(function)


def inlined(function: Any) -> Any:
    """Compile a small function of numbers as part of each loop that calls it; it has no file of its own."""
    return njit(nogil=True, error_model="numpy", fastmath={"contract", "nsz"})(function)
