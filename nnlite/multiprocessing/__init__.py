"""Python's ``multiprocessing``, and :func:`spawn`.

Tensors go through queues and pipes as copies: the memory of a tensor belongs to one process. The data loader's workers
share memory with the main process by themselves.
"""

from __future__ import annotations

import multiprocessing as _multiprocessing
from multiprocessing import *  # noqa: F403
from typing import Any

from .spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [  # with the names that the standard library lists
    *_multiprocessing.__all__,
    "ProcessContext",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "init_reductions",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]

_STRATEGIES = {"file_descriptor", "file_system"}
_chosen = "file_descriptor"


def get_all_sharing_strategies() -> set[str]:
    """PyTorch's names of ways to share memory."""
    return set(_STRATEGIES)


def get_sharing_strategy() -> str:
    """What :func:`set_sharing_strategy` was told."""
    return _chosen


def set_sharing_strategy(new_strategy: str) -> None:
    """Remember a way to share memory; tensors are copied in any case.

    Raises:
        AssertionError: there is no such way.

    Example:
        >>> import nnlite.multiprocessing as mp
        >>> mp.set_sharing_strategy("file_system")
        >>> mp.get_sharing_strategy()
        'file_system'
        >>> mp.set_sharing_strategy("file_descriptor")
    """
    global _chosen
    if new_strategy not in _STRATEGIES:
        raise AssertionError(f"invalid sharing strategy {new_strategy!r}, expected one of {sorted(_STRATEGIES)}")
    _chosen = new_strategy


def init_reductions() -> None:
    """Nothing: tensors are pickled as everything else."""


def __getattr__(name: str) -> Any:
    return getattr(_multiprocessing, name)
