"""NNPACK, which nothing here uses."""

from __future__ import annotations

from contextlib import AbstractContextManager

from ._flags import checked, for_a_while, set_all

__all__ = ["enabled", "flags", "is_available", "set_flags"]

_CHECKED = {"enabled": bool}
enabled = False


def is_available() -> bool:
    """False."""
    return False


def set_flags(_enabled: bool) -> tuple[bool, ...]:
    """Remember the setting; the result is the value before."""
    return set_all(__name__, enabled=_enabled)


def flags(enabled: bool = False) -> AbstractContextManager[None]:
    """The setting inside a ``with`` statement."""
    return for_a_while(__name__, enabled=enabled)


checked(__name__)
