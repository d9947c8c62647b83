"""The values of window functions, in float64 on the host: n numbers, made once, rounded to the dtype of the tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._core import dtypes
from ..creation import tensor

Formula = Callable[[np.ndarray, int], np.ndarray]
"""``formula(k, n)``: the values at positions k of a symmetric window of n points."""


def cosines(coefficients: Sequence[float]) -> Formula:
    """sum_i (-1)^i a_i cos(2 pi i k / (n - 1))."""

    def formula(k: np.ndarray, n: int) -> np.ndarray:
        phase = 2 * np.pi * k / (n - 1)
        return np.sum([(-1) ** i * a * np.cos(i * phase) for i, a in enumerate(coefficients)], axis=0)

    return formula


def triangle(k: np.ndarray, n: int) -> np.ndarray:
    """1 - |2 k / (n - 1) - 1|."""
    return 1 - np.abs(2 * k / (n - 1) - 1)


def kaiser(beta: float) -> Formula:
    """I0(beta sqrt(1 - (2 k / (n - 1) - 1)^2)) / I0(beta)."""
    return lambda k, n: np.i0(beta * np.sqrt(np.clip(1 - (2 * k / (n - 1) - 1) ** 2, 0, 1))) / np.i0(beta)


def made(formula: Formula, size: int, symmetric: bool, dtype: Any, device: Any, requires_grad: bool) -> Any:
    """The tensor of a window; one that is not symmetric is the beginning of a symmetric one with a point more."""
    points = size if symmetric else size + 1
    values = np.ones(size) if size <= 1 else formula(np.arange(size, dtype=np.float64), points)
    kind = dtypes.default.float if dtype is None else dtype
    return tensor(values, dtype=kind, device=device, requires_grad=requires_grad)
