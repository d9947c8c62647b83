"""Names of types for annotations."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import TypeAlias

from ._core.device import device as _device
from ._core.size import Size
from .storage import UntypedStorage as Storage
from .tensor import Tensor

__all__ = ["Device", "FileLike", "Number", "Size", "Storage"]

_bool, _float, _int, _complex = builtins.bool, builtins.float, builtins.int, builtins.complex

_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
_size: TypeAlias = Size | list[int] | tuple[int, ...]
_symsize = _size
_dispatchkey: TypeAlias = str
Number: TypeAlias = int | float | bool
"""What stands for one number."""
Device: TypeAlias = _device | str | int | None
"""What names a device."""
FileLike: TypeAlias = str | bytes | object
"""A path or an open file."""
IntLikeType: TypeAlias = int
FloatLikeType: TypeAlias = float
BoolLikeType: TypeAlias = bool
