"""``xp.linalg`` of CUDA: CuPy's, which tells of singular matrices as NumPy does."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

_SILENT = frozenset(("det", "slogdet"))
"""Functions that give a result for every matrix."""


class LinearAlgebra:
    """``cupy.linalg``; a function that finds no result raises LinAlgError.

    CuPy otherwise returns what the solver left. To raise it has to wait for the device, as PyTorch does where it checks
    for errors.
    """

    LinAlgError = np.linalg.LinAlgError

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._cupy.linalg, name)
        value = function if name in _SILENT else _raising(function)
        setattr(self, name, value)
        return value


def _raising(function: Any) -> Any:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        import cupyx

        with cupyx.errstate(linalg="raise"):
            return function(*args, **kwargs)

    return call
