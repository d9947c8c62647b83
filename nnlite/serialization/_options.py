"""The settings of ``save`` and ``load`` that hold for the whole program, under PyTorch's names."""

from __future__ import annotations

import mmap
from enum import Enum
from typing import Any


class LoadEndianness(Enum):
    """The byte order of files that do not say theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


_crc32 = True
_mmap_flags = getattr(mmap, "MAP_PRIVATE", 2)
_endianness: LoadEndianness | None = None


def get_crc32_options() -> bool:
    """Whether ``save`` computes check sums."""
    return _crc32


def set_crc32_options(compute_crc32: bool) -> None:
    """Say whether ``save`` computes check sums; without them it is faster, and damage goes unnoticed."""
    global _crc32
    _crc32 = bool(compute_crc32)


def get_default_mmap_options() -> int:
    """How ``load(mmap=True)`` maps files: ``mmap.MAP_PRIVATE`` or ``mmap.MAP_SHARED``."""
    return _mmap_flags


def maps_are_shared() -> bool:
    """Whether writing to a mapped tensor changes the file."""
    return _mmap_flags == getattr(mmap, "MAP_SHARED", 1)


class set_default_mmap_options:
    """Say how ``load(mmap=True)`` maps files, from now on or within a ``with`` block.

    Args:
        flags: ``mmap.MAP_PRIVATE``: writing to the tensors leaves the file as it is; ``mmap.MAP_SHARED``: it changes
            the file.

    Raises:
        ValueError: other flags.
    """

    def __init__(self, flags: int) -> None:
        global _mmap_flags
        allowed = (getattr(mmap, "MAP_PRIVATE", 2), getattr(mmap, "MAP_SHARED", 1))
        if flags not in allowed:
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, "
                f"but got {flags}"
            )
        self._before = _mmap_flags
        _mmap_flags = flags

    def __enter__(self) -> None:
        return None

    def __exit__(self, *raised: Any) -> None:
        global _mmap_flags
        _mmap_flags = self._before


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order of files that do not say theirs; None is the machine's, as NATIVE is."""
    return _endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Say in which byte order ``load`` reads files that do not say theirs: those from before PyTorch 2.1.

    Raises:
        TypeError: it is neither a ``LoadEndianness`` nor None.
    """
    global _endianness
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError(
            "Invalid argument type in function set_default_load_endianness: expected LoadEndianness or None, got "
            f"{type(endianness).__name__}"
        )
    _endianness = endianness
