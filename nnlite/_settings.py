"""Settings of the whole process that PyTorch's programs make."""

from __future__ import annotations

import importlib
from typing import Any

from ._core import dtypes
from ._core.device import set_default_device
from .backends import deterministic
from .backends._flags import Precision, shared
from .typed import _TypedTensor

__all__ = [
    "are_deterministic_algorithms_enabled",
    "compiled_with_cxx11_abi",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_vulkan_available",
    "is_warn_always_enabled",
    "set_default_tensor_type",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_warn_always",
    "use_deterministic_algorithms",
]

_MODES = ("default", "warn", "error")
_PRECISIONS: tuple[Precision, ...] = ("highest", "high", "medium")


class _Settings:
    deterministic = 0
    """The position in ``_MODES``."""
    warn_always = False


_settings = _Settings()


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for operations that give the same bits in every run.

    All operations on the CPU do so in any case. On CUDA, additions at repeated positions (the gradients of indexing and
    embeddings, ``index_add_``, ``scatter_add_``) come in any order; where this is asked for, they are sorted first,
    which is slower. So no operation has to be refused.

    Args:
        warn_only: PyTorch warns of operations that it would refuse. Here there are none; kept for the functions that
            ask.

    Example:
        >>> import nnlite
        >>> nnlite.use_deterministic_algorithms(True)
        >>> nnlite.are_deterministic_algorithms_enabled()
        True
        >>> nnlite.use_deterministic_algorithms(False)
    """
    _set_deterministic(0 if not mode else 1 if warn_only else 2)


def _set_deterministic(level: int) -> None:
    _settings.deterministic = level
    deterministic.mode.on = level > 0


def are_deterministic_algorithms_enabled() -> bool:
    """Whether ``use_deterministic_algorithms(True)`` counts."""
    return _settings.deterministic > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether deterministic operations were asked for with ``warn_only``."""
    return _settings.deterministic == 1


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """``use_deterministic_algorithms`` by one word or number: ``"default"`` (0), ``"warn"`` (1), ``"error"`` (2).

    Raises:
        RuntimeError: another word or number. TypeError: neither.
    """
    if not isinstance(debug_mode, int | str):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in _MODES:
            raise RuntimeError("invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got "
                               f"{debug_mode}")  # fmt: skip
        debug_mode = _MODES.index(debug_mode)
    if debug_mode not in range(len(_MODES)):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    _set_deterministic(int(debug_mode))


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2; see :func:`nnlite.set_deterministic_debug_mode`."""
    return _settings.deterministic


def set_float32_matmul_precision(precision: Precision) -> None:
    """How precise products of float32 matrices have to be: ``"highest"``, ``"high"``, ``"medium"``.

    On CUDA the last two let them be multiplied in TF32, with 10 bits of mantissa; elsewhere float32 is right for all
    three.

    Example:
        >>> import nnlite
        >>> nnlite.set_float32_matmul_precision("high")
        >>> nnlite.get_float32_matmul_precision()
        'high'
        >>> nnlite.set_float32_matmul_precision("highest")
    """
    if precision in _PRECISIONS:  # PyTorch says nothing of other words
        shared.matmul_precision = precision


def get_float32_matmul_precision() -> Precision:
    """What :func:`nnlite.set_float32_matmul_precision` was told."""
    return shared.matmul_precision


def set_warn_always(b: bool, /) -> None:
    """Kept for :func:`nnlite.is_warn_always_enabled`: how often a warning is shown is for Python's filters to say."""
    if not isinstance(b, bool):
        raise TypeError(f"setWarnOnlyOnce expects a bool, but got {type(b).__name__}")
    _settings.warn_always = b


def is_warn_always_enabled() -> bool:
    """What :func:`nnlite.set_warn_always` was told."""
    return _settings.warn_always


def set_flush_denormal(mode: bool, /) -> bool:
    """Whether denormal numbers can be set to 0: no, the result is False, unless ``mode`` is False as it is."""
    if not isinstance(mode, bool):
        raise TypeError(f"flush_denormal expects a bool, but got {type(mode).__name__}")
    return not mode


def set_default_tensor_type(t: Any, /) -> None:
    """Set the dtype and device of new tensors by a class such as ``DoubleTensor`` or its name.

    ``set_default_dtype`` and ``set_default_device`` are the newer form.

    Raises:
        TypeError: it is no type of floating-point tensors.

    Example:
        >>> import nnlite
        >>> nnlite.set_default_tensor_type(nnlite.DoubleTensor)
        >>> nnlite.zeros(1).dtype
        torch.float64
        >>> nnlite.set_default_tensor_type("torch.FloatTensor")
    """
    if isinstance(t, str):
        module, _, name = t.rpartition(".")
        home = importlib.import_module(module.replace("torch", "nnlite", 1) or "nnlite")
        t = getattr(home, name, None)
    if not isinstance(t, _TypedTensor):
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    dtypes.set_default_dtype(t.dtype)
    set_default_device(t.device_type)


def compiled_with_cxx11_abi() -> bool:
    """True, as for all of PyTorch's newer versions; nothing here is compiled."""
    return True


def is_vulkan_available() -> bool:
    """False: there is no such backend."""
    return False
