"""Questions about CUDA that programs ask seldom."""

from __future__ import annotations

from typing import Any

__all__ = [
    "can_device_access_peer",
    "device_of",
    "get_arch_list",
    "get_gencode_flags",
    "init",
    "is_tf32_supported",
]


def init() -> None:
    """Look for the devices.

    Raises:
        DeviceUnavailableError: there are none.
    """
    from . import _required

    _required()


def is_tf32_supported() -> bool:
    """Whether the current GPU multiplies in TF32 where that is allowed (compute capability 8.0 and newer)."""
    from . import get_device_capability, is_available

    return is_available() and get_device_capability()[0] >= 8


def get_arch_list() -> list[str]:
    """The architectures that kernels were compiled for: none, they are compiled when they are first used."""
    return []


def get_gencode_flags() -> str:
    """The compiler's flags for :func:`get_arch_list`: none."""
    return ""


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether a device can read the memory of another.

    Raises:
        DeviceUnavailableError: there is no such device.
    """
    from . import _index, _number, _required

    numbers = _number(device), _number(peer_device)
    backend: Any = _required()
    return backend.can_access_peer(*(_index(backend, number) for number in numbers))


class device_of:
    """A context in which the device of a tensor is the current one; nothing changes for a tensor on the CPU.

    Example:
        >>> import nnlite
        >>> with nnlite.cuda.device_of(nnlite.zeros(2)):
        ...     x = nnlite.ones(2)
    """

    def __init__(self, obj: Any) -> None:
        from . import device

        self._inside = device(obj.get_device() if obj.is_cuda else -1)

    def __enter__(self) -> None:
        self._inside.__enter__()

    def __exit__(self, *exc: Any) -> None:
        self._inside.__exit__(*exc)
