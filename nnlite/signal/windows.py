"""Window functions under the names of ``torch.signal.windows``.

Each takes the number of points ``M`` and, by name, ``sym`` (symmetric, else periodic: the first M points of M + 1),
``dtype`` (float32 or float64), ``layout``, ``device`` and ``requires_grad``. Where they divide by M - 1 and M is 1, the
window is one 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.layout import strided
from ..ops._arguments import guard_all as _guard_all
from ._samples import Formula, cosines, made, triangle
from ._samples import kaiser as _kaiser

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


def _window(name: str, formula: Formula, M: int, sym: bool, options: dict[str, Any]) -> Any:
    dtype = options.pop("dtype", None)
    layout = options.pop("layout", strided)
    device, requires_grad = options.pop("device", None), options.pop("requires_grad", False)
    if options:
        raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(options))}'")
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    kind = dtypes.default.float if dtype is None else dtype
    if kind not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {kind}")
    return made(formula, M, sym, kind, device, requires_grad)


def bartlett(M: int, *, sym: bool = True, **options: Any) -> Any:
    """The triangle: 1 - |2 k / (M - 1) - 1|.

    Example:
        >>> import nnlite
        >>> nnlite.signal.windows.bartlett(5)
        tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _window("bartlett", triangle, M, sym, options)


def general_cosine(M: int, *, a: Iterable[float], sym: bool = True, **options: Any) -> Any:
    """A sum of cosines: sum_i (-1)^i a_i cos(2 pi i k / (M - 1)).

    Raises:
        TypeError: the coefficients ``a`` are no sequence. ValueError: there is none.

    Example:
        >>> import nnlite
        >>> nnlite.signal.windows.general_cosine(3, a=[0.5, 0.5])
        tensor([0., 1., 0.])
    """
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    coefficients = list(a)
    if not coefficients:
        raise ValueError("Coefficients cannot be empty")
    return _window("general_cosine", cosines(coefficients), M, sym, options)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Any:
    """alpha - (1 - alpha) cos(2 pi k / (M - 1)).

    Example:
        >>> import nnlite
        >>> nnlite.signal.windows.general_hamming(3, alpha=0.75)
        tensor([0.5000, 1.0000, 0.5000])
    """
    return general_cosine(M, a=[alpha, 1 - alpha], sym=sym, **options)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Any:
    """0.54 - 0.46 cos(2 pi k / (M - 1)).

    Example:
        >>> import nnlite
        >>> nnlite.signal.windows.hamming(3)
        tensor([0.0800, 1.0000, 0.0800])
    """
    return general_hamming(M, sym=sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Any:
    """0.5 - 0.5 cos(2 pi k / (M - 1)).

    Example:
        >>> import nnlite
        >>> nnlite.signal.windows.hann(5)
        tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return general_hamming(M, alpha=0.5, sym=sym, **options)


def blackman(M: int, *, sym: bool = True, **options: Any) -> Any:
    """0.42 - 0.5 cos(2 pi k / (M - 1)) + 0.08 cos(4 pi k / (M - 1)).

    Example:
        >>> import nnlite
        >>> nnlite.signal.windows.blackman(6, sym=False).sum()
        tensor(2.5200)
    """
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, **options)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Any:
    """The sum of four cosines whose side lobes are the smallest.

    Example:
        >>> import nnlite
        >>> nnlite.signal.windows.nuttall(8, sym=False).sum()
        tensor(2.9087)
    """
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, **options)


def cosine(M: int, *, sym: bool = True, **options: Any) -> Any:
    """sin(pi (k + 0.5) / M).

    Example:
        >>> import nnlite
        >>> nnlite.signal.windows.cosine(3)
        tensor([0.5000, 1.0000, 0.5000])
    """
    return _window("cosine", lambda k, n: np.sin(np.pi * (k + 0.5) / n), M, sym, options)


def exponential(M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, **options: Any) -> Any:
    """e^(-|k - center| / tau); the center is (M - 1) / 2 for a symmetric window, M / 2 for a periodic one.

    Raises:
        ValueError: ``tau`` is not positive, or a center is given for a symmetric window.

    Example:
        >>> import nnlite
        >>> nnlite.signal.windows.exponential(3, tau=1.4427)
        tensor([0.5000, 1.0000, 0.5000])
    """
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    middle = (M if not sym and M > 1 else M - 1) / 2 if center is None else center
    return _window("exponential", lambda k, n: np.exp(-np.abs(k - middle) / tau), M, sym, options)


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, **options: Any) -> Any:
    """e^(-((k - c) / std)^2 / 2) around the middle c of the window.

    Raises:
        ValueError: ``std`` is not positive.

    Example:
        >>> import nnlite
        >>> nnlite.signal.windows.gaussian(3)
        tensor([0.6065, 1.0000, 0.6065])
    """
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    return _window("gaussian", lambda k, n: np.exp(-(((k - (n - 1) / 2) / std) ** 2) / 2), M, sym, options)


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, **options: Any) -> Any:
    """I0(beta sqrt(1 - (2 k / (M - 1) - 1)^2)) / I0(beta), I0 the modified Bessel function of order 0.

    Raises:
        ValueError: ``beta`` is negative.

    Example:
        >>> import nnlite
        >>> nnlite.signal.windows.kaiser(3, beta=0.0)
        tensor([1., 1., 1.])
    """
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    return _window("kaiser", _kaiser(beta), M, sym, options)


_guard_all(globals(), __name__)
