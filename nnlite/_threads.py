"""How many threads operations use on the CPU."""

from __future__ import annotations

from typing import Any

from .backends.numpy import threads

__all__ = ["get_num_interop_threads", "get_num_threads", "set_num_interop_threads", "set_num_threads"]


def get_num_threads() -> int:
    """How many threads the products of matrices and the compiled kernels use on the CPU; everything else uses one.

    Example:
        >>> import nnlite
        >>> nnlite.get_num_threads() >= 1
        True
    """
    return threads.count()


def set_num_threads(num: int, /) -> None:
    """Set how many threads the products of matrices, those of NumPy alone included, and the compiled kernels use.

    It sets OpenBLAS, which NumPy's wheels bring; another BLAS needs the package threadpoolctl. It counts for the whole
    process. Small products are faster with one thread, and so is all work in several processes at once.

    Threads that help with compiled kernels look for work for 2 ms before they sleep, since they are needed again soon.
    Where other programs need the processors, ``OMP_WAIT_POLICY=PASSIVE`` in the environment, before the program starts,
    makes them sleep at once.

    Raises:
        RuntimeError: no positive integer. NotImplementedError: NumPy's BLAS cannot be told.

    Example:
        >>> import nnlite
        >>> nnlite.set_num_threads(1)
        >>> nnlite.get_num_threads()
        1
    """
    _check("set_num_threads", num)
    if not threads.set_count(int(num)):
        raise NotImplementedError("set_num_threads(): NumPy's BLAS is no OpenBLAS that could be told; install "
                                  "threadpoolctl, or set OMP_NUM_THREADS before Python starts")  # fmt: skip


def _check(name: str, num: Any) -> None:
    if not isinstance(num, int) or isinstance(num, bool):
        raise RuntimeError(f"{name} expects an int, but got {type(num).__name__}")
    if num <= 0:
        raise RuntimeError(f"{name} expects a positive integer, got {num}")


def get_num_interop_threads() -> int:
    """1: operations run one after the other."""
    return 1


def set_num_interop_threads(num: int, /) -> None:
    """Nothing: operations run one after the other.

    Raises:
        RuntimeError: no positive integer.
    """
    _check("set_num_interop_threads", num)
