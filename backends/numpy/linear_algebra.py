"""``xp.linalg`` of the CPU: NumPy's, silent about inf and nan."""

from __future__ import annotations

from typing import Any

import numpy as np


class LinearAlgebra:
    """``numpy.linalg``; the determinants do not warn of what they compute with inf and nan."""

    LinAlgError = np.linalg.LinAlgError

    @staticmethod
    def det(a: np.ndarray) -> Any:
        """The determinants of square matrices."""
        with np.errstate(all="ignore"):
            return np.linalg.det(a)

    @staticmethod
    def slogdet(a: np.ndarray) -> Any:
        """The signs of the determinants and the logarithms of their magnitudes."""
        with np.errstate(all="ignore"):
            return np.linalg.slogdet(a)

    def __getattr__(self, name: str) -> Any:
        value = getattr(np.linalg, name)
        setattr(self, name, value)
        return value
