"""Settings of cuDNN, which nothing here uses: they can be made and asked for, and change no result.

Programs set ``benchmark`` for speed and ``deterministic`` for the same bits in each run. The operations here choose no
algorithms by trial, so that neither is needed; what ``nnlite.use_deterministic_algorithms`` says of CUDA holds.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from ._flags import checked, for_a_while, set_all

__all__ = [
    "allow_tf32",
    "benchmark",
    "benchmark_limit",
    "deterministic",
    "enabled",
    "flags",
    "is_acceptable",
    "is_available",
    "set_flags",
    "version",
]

_CHECKED = {"allow_tf32": bool, "benchmark": bool, "benchmark_limit": int, "deterministic": bool, "enabled": bool}

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True
fp32_precision = "none"


def is_available() -> bool:
    """False: convolutions and recurrent layers have kernels of their own."""
    return False


def version() -> int | None:
    """None, as in a PyTorch without cuDNN."""
    return None


def is_acceptable(tensor: Any) -> bool:
    """Whether cuDNN could take the tensor: no."""
    return False


def set_flags(
    _enabled: bool | None = None,
    _benchmark: bool | None = None,
    _benchmark_limit: int | None = None,
    _deterministic: bool | None = None,
    _allow_tf32: bool | None = None,
) -> tuple[Any, ...]:
    """Set what is not None.

    Returns:
        The values before, in the same order.

    Raises:
        RuntimeError: a value is of the wrong type; nothing is set then.
    """
    return set_all(
        __name__,
        enabled=_enabled,
        benchmark=_benchmark,
        benchmark_limit=_benchmark_limit,
        deterministic=_deterministic,
        allow_tf32=_allow_tf32,
    )


def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
) -> AbstractContextManager[None]:
    """These settings inside a ``with`` statement.

    Example:
        >>> import nnlite
        >>> with nnlite.backends.cudnn.flags(enabled=True, deterministic=True):
        ...     nnlite.backends.cudnn.deterministic
        True
        >>> nnlite.backends.cudnn.deterministic
        False
    """
    return for_a_while(
        __name__,
        enabled=enabled,
        benchmark=benchmark,
        benchmark_limit=benchmark_limit,
        deterministic=deterministic,
        allow_tf32=allow_tf32,
    )


checked(__name__)
