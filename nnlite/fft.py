"""Discrete Fourier transforms under the names of ``torch.fft``."""

from __future__ import annotations

from typing import Any

from ._core import dtypes
from .creation import arange
from .ops._arguments import guard_all as _guard_all
from .ops._public import put
from .ops.fourier.fft import (
    fft,
    fft2,
    fftn,
    fftshift,
    hfft,
    hfft2,
    hfftn,
    ifft,
    ifft2,
    ifftn,
    ifftshift,
    ihfft,
    ihfft2,
    ihfftn,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftn,
)

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "hfft2",
    "hfftn",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "ihfft2",
    "ihfftn",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]


def _frequencies(name: str, n: int, d: float, out: Any, options: dict[str, Any]) -> Any:

    kind = options.get("dtype") or dtypes.default.float
    if kind.category < dtypes.FLOAT:
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    options["dtype"] = kind
    requires_grad = options.pop("requires_grad", False)
    steps = arange(n // 2 + 1 if name == "rfftfreq" else n, **options)
    if name == "fftfreq":
        steps[(n + 1) // 2 :] -= n
    result = steps * (1.0 / (n * d)) if n else steps
    if out is not None:
        return put(result, out)
    return result.requires_grad_() if requires_grad else result


def fftfreq(n: int, d: float = 1.0, *, out: Any = None, **options: Any) -> Any:
    """The frequencies of the n coefficients of :func:`fft`, for points ``d`` apart: [0, 1, ..., -2, -1] / (n d).

    ``options`` are ``dtype``, ``device`` and ``requires_grad``.

    Raises:
        RuntimeError: the dtype is an integer type.

    Example:
        >>> import nnlite
        >>> nnlite.fft.fftfreq(4)
        tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    return _frequencies("fftfreq", n, d, out, options)


def rfftfreq(n: int, d: float = 1.0, *, out: Any = None, **options: Any) -> Any:
    """The frequencies of the n // 2 + 1 coefficients of :func:`rfft`; arguments as :func:`fftfreq`.

    Example:
        >>> import nnlite
        >>> nnlite.fft.rfftfreq(4)
        tensor([0.0000, 0.2500, 0.5000])
    """
    return _frequencies("rfftfreq", n, d, out, options)


_guard_all(globals(), __name__)
