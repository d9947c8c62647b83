"""Random bits and numbers, each kind in one launch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..capture import Place
from ..kernels import kernel
from .launch import THREADS, blocks_for
from .overrides import OVERRIDES

_MASK = (1 << 64) - 1


def place_of(seed: int, counter: int) -> tuple[Any, ...]:
    """A place in a stream as kernels take it: key, counter, and where a captured place counts from."""
    if type(counter) is Place:
        return np.uint64(0), np.uint64(0), np.uint64(int(counter)), np.uint64(0), counter.origin
    return (*(np.uint64(v & _MASK) for v in (seed, seed >> 64, counter, counter >> 64)), None)


def launch(gpu: Any, function: str, out: Any, numbers: int, *arguments: Any, kind: Any = "float32") -> Any:
    """Start a kernel that fills an array, a thread for each ``numbers`` of them; returns the array."""
    if out.size:
        gpu.launch("random", function, blocks_for(-(-out.size // numbers)), THREADS, out, out.size, *arguments, T=kind)
    return out


def bits(gpu: Any, seed: int, counter: int, n: int) -> Any:
    """``n`` words of 32 random bits."""
    return launch(gpu, "bits", gpu.xp.empty(n, np.uint32), 8, *place_of(seed, counter))


@kernel("random_uniform", table=OVERRIDES)
def random_uniform(gpu: Any, seed: int, counter: int, n: int, *, kind: Any) -> Any:
    """The CPU's bits."""
    out = gpu.xp.empty(n, kind)
    return launch(gpu, "uniform", out, 4 if out.itemsize == 8 else 8, *place_of(seed, counter), kind=out.dtype)


@kernel("random_normal", table=OVERRIDES)
def random_normal(gpu: Any, seed: int, counter: int, n: int, *, kind: Any) -> Any:
    """The CPU's numbers to a few units in the last place: log, cos and sin are another library's."""
    out = gpu.xp.empty(n, kind)
    return launch(gpu, "normal", out, 8 if out.itemsize == 8 else 16, *place_of(seed, counter), kind=out.dtype)


@kernel("random_integers", table=OVERRIDES)
def random_integers(gpu: Any, seed: int, counter: int, n: int, *, low: int, span: int) -> Any:
    """The CPU's bits."""
    out = gpu.xp.empty(n, np.int64)
    numbers = 8 if span <= 1 << 32 else 4
    return launch(gpu, "integers", out, numbers, int(low), np.uint64(span & _MASK), *place_of(seed, counter))


@kernel("random_mask", table=OVERRIDES)
def random_mask(gpu: Any, seed: int, counter: int, n: int, *, limit: int) -> Any:
    """The CPU's bits."""
    return launch(gpu, "mask", gpu.xp.empty(n, np.bool_), 8, np.uint64(limit), *place_of(seed, counter))


@kernel("random_exponential", table=OVERRIDES)
def random_exponential(gpu: Any, seed: int, counter: int, n: int, *, scale: float, kind: Any) -> Any:
    """The CPU's numbers to a few units in the last place."""
    out = gpu.xp.empty(n, kind)
    place = np.float64(scale), *place_of(seed, counter)
    return launch(gpu, "exponential", out, 4 if out.itemsize == 8 else 8, *place, kind=out.dtype)
