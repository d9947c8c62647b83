"""The window functions of the top level: periodic unless asked otherwise, in any floating-point dtype."""

from __future__ import annotations

from typing import Any

from ..ops._public import put
from ._samples import Formula, cosines, kaiser, made, triangle


def _window(name: str, formula: Formula, size: Any, periodic: bool, out: Any, options: dict[str, Any]) -> Any:
    if isinstance(size, float) or not hasattr(size, "__index__"):
        raise TypeError(f"{name}(): argument 'window_length' (position 1) must be int, not {type(size).__name__}")
    if size < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={size}")
    dtype, device = options.pop("dtype", None), options.pop("device", None)
    requires_grad = options.pop("requires_grad", False)
    for ignored in ("layout", "pin_memory"):
        options.pop(ignored, None)
    if options:
        raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(options))}'")
    if dtype is not None and not dtype.is_floating_point:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {dtype}")
    result = made(formula, int(size), not periodic, dtype, device, requires_grad)
    return result if out is None else put(result, out)


def bartlett_window(window_length: int, periodic: bool = True, *, out: Any = None, **options: Any) -> Any:
    """The triangle 1 - |2 k / (n - 1) - 1|, n = ``window_length``, or one more for a periodic window.

    ``options`` are ``dtype``, ``device`` and ``requires_grad``.

    Raises:
        RuntimeError: the length is negative, or the dtype is not a floating-point type.

    Example:
        >>> import nnlite
        >>> nnlite.bartlett_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("bartlett_window", triangle, window_length, periodic, out, options)


def blackman_window(window_length: int, periodic: bool = True, *, out: Any = None, **options: Any) -> Any:
    """0.42 - 0.5 cos(2 pi k / (n - 1)) + 0.08 cos(4 pi k / (n - 1)); arguments as :func:`bartlett_window`.

    Example:
        >>> import nnlite
        >>> nnlite.blackman_window(4).sum()
        tensor(1.6800)
    """
    return _window("blackman_window", cosines((0.42, 0.5, 0.08)), window_length, periodic, out, options)


def hann_window(window_length: int, periodic: bool = True, *, out: Any = None, **options: Any) -> Any:
    """0.5 - 0.5 cos(2 pi k / (n - 1)); arguments as :func:`bartlett_window`.

    Example:
        >>> import nnlite
        >>> nnlite.hann_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("hann_window", cosines((0.5, 0.5)), window_length, periodic, out, options)


def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *, out: Any = None,
    **options: Any,
) -> Any:  # fmt: skip
    """alpha - beta cos(2 pi k / (n - 1)); arguments as :func:`bartlett_window`.

    Example:
        >>> import nnlite
        >>> nnlite.hamming_window(4)
        tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _window("hamming_window", cosines((alpha, beta)), window_length, periodic, out, options)


def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, *, out: Any = None, **options: Any
) -> Any:
    """I0(beta sqrt(1 - (2 k / (n - 1) - 1)^2)) / I0(beta); arguments as :func:`bartlett_window`.

    Example:
        >>> import nnlite
        >>> nnlite.kaiser_window(3, beta=0.0)
        tensor([1., 1., 1.])
    """
    return _window("kaiser_window", kaiser(beta), window_length, periodic, out, options)
