"""Functions that make tensors: of data, of a pattern, of a range, of random numbers."""

from __future__ import annotations

from . import draws, gammas, patterns, ranges, refills
from .data import as_tensor, asarray, from_dlpack, from_numpy, frombuffer, scalar_tensor, tensor
from .patterns import empty, empty_like, full, full_like, ones, ones_like, zeros, zeros_like
from .ranges import arange, linspace

__all__ = [
    "arange",
    "as_tensor",
    "asarray",
    "draws",
    "empty",
    "empty_like",
    "from_dlpack",
    "from_numpy",
    "frombuffer",
    "full",
    "full_like",
    "gammas",
    "linspace",
    "ones",
    "ones_like",
    "patterns",
    "ranges",
    "refills",
    "scalar_tensor",
    "tensor",
    "zeros",
    "zeros_like",
]
