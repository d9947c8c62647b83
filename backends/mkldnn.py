"""Settings of oneDNN, which nothing here uses: they can be made and asked for, and change no result."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from ._flags import checked, for_a_while, set_all
from .mkl import verbose

__all__ = ["VERBOSE_OFF", "VERBOSE_ON", "VERBOSE_ON_CREATION", "allow_tf32", "deterministic", "enabled", "flags",
           "is_available", "set_flags", "verbose"]  # fmt: skip

VERBOSE_OFF, VERBOSE_ON, VERBOSE_ON_CREATION = 0, 1, 2
_CHECKED = {"allow_tf32": bool, "deterministic": bool, "enabled": bool}

enabled = True
deterministic = False
allow_tf32 = True
fp32_precision = "none"


def is_available() -> bool:
    """False: convolutions are NumPy's products of matrices."""
    return False


def is_acl_available() -> bool:
    """False: the same for Arm's library."""
    return False


def set_flags(
    _enabled: bool | None = None, _deterministic: bool | None = None, _allow_tf32: bool | None = None
) -> tuple[Any, ...]:
    """Set what is not None; the result is the values before, in the same order."""
    return set_all(__name__, enabled=_enabled, deterministic=_deterministic, allow_tf32=_allow_tf32)


def flags(enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True) -> AbstractContextManager[None]:
    """These settings inside a ``with`` statement.

    Example:
        >>> import nnlite
        >>> with nnlite.backends.mkldnn.flags(enabled=False):
        ...     nnlite.backends.mkldnn.enabled
        False
    """
    return for_a_while(__name__, enabled=enabled, deterministic=deterministic, allow_tf32=allow_tf32)


checked(__name__)
