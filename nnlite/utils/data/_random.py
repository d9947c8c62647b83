"""The random numbers of samplers, on the host, from a generator or the global one."""

from __future__ import annotations

import numpy as np

from ..._core import rng
from ..._core.device import CPU
from ..._core.dtypes import float64
from ..._core.rng import Generator


def permutation(n: int, generator: Generator | None) -> np.ndarray:
    """The numbers below ``n`` in random order."""
    return rng.permutation(n, CPU, generator)


def integers(high: int, count: int, generator: Generator | None) -> np.ndarray:
    """``count`` random numbers below ``high``."""
    return rng.integers(0, high, (count,), CPU, generator)


def uniform(count: int, generator: Generator | None) -> np.ndarray:
    """``count`` random numbers in [0, 1) in double precision."""
    return rng.uniform((count,), float64, CPU, generator)


def seed(generator: Generator | None = None) -> int:
    """A random seed."""
    return int(rng.integers(0, 2**63 - 1, (), CPU, generator))


def generator_from(seed: int) -> Generator:
    """A generator of its own."""
    return Generator().manual_seed(seed)
