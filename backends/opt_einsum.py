"""The order of the products in ``einsum``, which finds it by itself: opt_einsum is not used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["enabled", "flags", "get_opt_einsum", "is_available", "set_flags", "strategy"]

enabled = False
strategy: str | None = None

_STRATEGIES = (None, "auto", "greedy", "optimal", "dp", "branch-all", "branch-2")


def is_available() -> bool:
    """False: the package opt_einsum is not used."""
    return False


def get_opt_einsum() -> Any:
    """None: the package opt_einsum is not used."""
    return None


def set_flags(_enabled: bool | None = None, _strategy: str | None = None) -> tuple[bool, str | None]:
    """Remember the settings; the result is the values before.

    Raises:
        ValueError: opt_einsum is to be used, or there is no such strategy.
    """
    global enabled, strategy
    if _enabled:
        raise ValueError("Cannot set `enabled` to True: opt_einsum is not available; einsum orders products itself")
    if _strategy not in _STRATEGIES:
        raise ValueError(f"`strategy` must be one of the following: {_STRATEGIES[1:]} but is {_strategy}")
    before = enabled, strategy
    enabled, strategy = enabled if _enabled is None else _enabled, _strategy
    return before


@contextmanager
def flags(enabled: bool | None = None, strategy: str | None = None) -> Iterator[None]:
    """These settings inside a ``with`` statement."""
    before = set_flags(enabled, strategy)
    try:
        yield
    finally:
        set_flags(*before)
