"""Exchange of memory with other libraries through DLPack."""

from __future__ import annotations

import enum
from typing import Any

from ..creation import from_dlpack as _from_dlpack

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]


class DLDeviceType(enum.IntEnum):
    """The numbers of kinds of devices in DLPack."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLROCM = 10
    kDLOneAPI = 14


def from_dlpack(ext_tensor: Any) -> Any:
    """A tensor over the memory of another library's array; see :func:`nnlite.from_dlpack`."""
    return _from_dlpack(ext_tensor)


def to_dlpack(tensor: Any) -> Any:
    """The capsule of a tensor's memory.

    Example:
        >>> import nnlite
        >>> type(nnlite.utils.dlpack.to_dlpack(nnlite.ones(2))).__name__
        'PyCapsule'
    """
    return tensor.__dlpack__()
