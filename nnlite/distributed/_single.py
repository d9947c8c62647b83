"""A process group of one process."""

from __future__ import annotations

import enum
from typing import Any


class ReduceOp(enum.Enum):
    """How values of several processes are put together; over one process all are the same."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8


class Work:
    """An operation that was to run by itself, and is done."""

    def __init__(self, result: Any = None) -> None:
        self._result = result

    def wait(self, timeout: Any = None) -> bool:
        """True: it is done."""
        return True

    def is_completed(self) -> bool:
        """True."""
        return True

    def is_success(self) -> bool:
        """True."""
        return True

    def result(self) -> Any:
        """The tensor, or tensors, that it wrote to."""
        return self._result


class ProcessGroup:
    """The group of the one process."""

    def __init__(self, backend: str) -> None:
        self.backend = backend

    def rank(self) -> int:
        """0."""
        return 0

    def size(self) -> int:
        """1."""
        return 1


def require_one(name: str, rank: int | None) -> int:
    """0, which is the only rank.

    Raises:
        ValueError: another rank is meant.
    """
    if rank not in (None, 0):
        raise ValueError(f"{name}: rank {rank} is not in a world of size 1")
    return 0
