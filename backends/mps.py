"""Apple's GPUs: there is no backend for them."""

from __future__ import annotations

__all__ = ["get_core_count", "get_name", "is_available", "is_built", "is_macos13_or_newer", "is_macos_or_newer"]


def is_available() -> bool:
    """False.

    Example:
        >>> import nnlite
        >>> "mps" if nnlite.backends.mps.is_available() else "cpu"
        'cpu'
    """
    return False


def is_built() -> bool:
    """False."""
    return False


def is_macos_or_newer(major: int, minor: int) -> bool:
    """False: it asks for a device on such a system."""
    return False


def is_macos13_or_newer(minor: int = 0) -> bool:
    """False: it asks for a device on such a system."""
    return False


def get_name() -> str:
    """The empty string: there is no such GPU."""
    return ""


def get_core_count() -> int:
    """0: there is no such GPU."""
    return 0
