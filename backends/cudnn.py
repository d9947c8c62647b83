"""cuDNN: settings that say how it is used for convolution and attention on CUDA, and what there is of it.

``enabled`` lets it be used at all. ``benchmark`` measures the first ``benchmark_limit`` algorithms (0: all) for each
new shape and keeps the fastest; otherwise cuDNN's own choice is taken. ``deterministic`` leaves out algorithms that add
in any order. ``allow_tf32`` lets convolutions of float32 multiply in TF32, with 10 bits of mantissa; as in PyTorch it
is on.

Where cuDNN is not installed, or has no algorithm for an operation, kernels of nnlite's own take it; `explain` says why.
"""

from __future__ import annotations

import importlib
import warnings
from contextlib import AbstractContextManager
from typing import Any

from ._flags import checked, for_a_while, set_all

__all__ = [
    "allow_tf32",
    "benchmark",
    "benchmark_limit",
    "deterministic",
    "enabled",
    "explain",
    "flags",
    "is_acceptable",
    "is_available",
    "set_flags",
    "version",
]

_CHECKED = {"allow_tf32": bool, "benchmark": bool, "benchmark_limit": int, "deterministic": bool, "enabled": bool}

_DTYPES = ("torch.float16", "torch.bfloat16", "torch.float32", "torch.float64")

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True
fp32_precision = "none"


def is_available() -> bool:
    """Whether cuDNN and its Python frontend are installed and can be loaded; there may be no GPU."""
    return _library().found() is not None


def version() -> int | None:
    """The version of cuDNN, 91900 for 9.19.0; None where it is not available."""
    found = _library().found()
    return None if found is None else found.version


def is_acceptable(tensor: Any) -> bool:
    """Whether cuDNN could take the tensor: it is on CUDA, of a dtype that cuDNN convolves, and cuDNN is enabled."""
    if not enabled or tensor.device.type != "cuda" or str(tensor.dtype) not in _DTYPES:
        return False
    if not is_available():
        warnings.warn(f"cuDNN is not available: {_library().reason()}", stacklevel=2)
        return False
    return True


def explain() -> str:
    """What is used of cuDNN, and why not more: its version, the graphs that are kept, the operations it refused.

    Example:
        >>> import nnlite
        >>> print(nnlite.backends.cudnn.explain())  # doctest: +ELLIPSIS
        cuDNN ...
    """
    library, plans = _library(), importlib.import_module("nnlite.backends.cupy.cudnn.plans")
    found = library.found()
    if found is None:
        return f"cuDNN is not used: {library.reason()}"
    lines = [f"cuDNN {found.version}, {'enabled' if enabled else 'not enabled'}"]
    lines += [f"kept: {plan.label} by {plan.name}, {plan.workspace} bytes of workspace" for plan in plans.kept()]
    lines += [f"refused: {label}: {reason}" for label, reason in plans.refused.items()]
    return "\n".join(lines)


def _library() -> Any:
    return importlib.import_module("nnlite.backends.cupy.cudnn.library")


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
