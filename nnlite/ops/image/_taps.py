"""Which numbers of an axis a resampled number is made of, and with what weights.

The plan of an axis is made on the host, from its two sizes, and kept. Positions are computed in the precision that
PyTorch computes them in, since they decide between neighbours.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np


class Taps:
    """out[i] = sum over t of weights[i, t] x[places[i, t]], where x[size] stands for a tap that is not there.

    Attributes:
        places, weights: (out, t) arrays; weights is None where all are 1.
        size: the size of the axis that is resampled.
        gaps: whether some taps are not there.
    """

    def __init__(self, places: np.ndarray, weights: np.ndarray | None, size: int, gaps: bool = False) -> None:
        self.places, self.weights, self.size, self.gaps = places, weights, size, gaps

    def __len__(self) -> int:
        return len(self.places)

    @functools.cached_property
    def transposed(self) -> Taps:
        """The plan of the transpose, which takes each number back to where it came from."""
        held = self.places < self.size
        target = self.places[held]
        order = np.argsort(target, kind="stable")
        target, source = target[order], np.nonzero(held)[0][order]
        counts = np.bincount(target, minlength=self.size)
        width = int(counts.max(initial=0))
        column = np.arange(len(target)) - (np.cumsum(counts) - counts)[target]
        places = np.full((self.size, width), len(self))
        places[target, column] = source
        weights = None
        if self.weights is not None:
            weights = np.zeros((self.size, width), self.weights.dtype)
            weights[target, column] = self.weights[held][order]
        return Taps(places, weights, len(self), bool((counts < width).any()))


def _scale(n: int, out: int, aligned: bool, factor: float | None, kind: Any) -> Any:
    """The distance of two outputs, in positions of the input."""
    if aligned:
        return kind(n - 1) / kind(out - 1) if out > 1 else kind(0)
    return kind(1.0 / factor) if factor is not None and factor > 0 else kind(n) / kind(out)


def _nearest(n: int, out: int, factor: float | None, exact: bool) -> Taps:
    i = np.arange(out).astype(np.float32) + np.float32(0.5 if exact else 0)
    places = np.floor(i * _scale(n, out, False, factor, np.float32)).astype(np.int64)
    return Taps(np.minimum(places, n - 1)[:, None], None, n)


def _centres(n: int, out: int, aligned: bool, factor: float | None, kind: Any) -> np.ndarray:
    scale = _scale(n, out, aligned, factor, kind)
    i = np.arange(out).astype(kind)
    return i * scale if aligned else scale * (i + kind(0.5)) - kind(0.5)


def _linear(n: int, out: int, aligned: bool, factor: float | None, kind: Any) -> Taps:
    if n == out:
        return Taps(np.arange(n)[:, None], None, n)
    real = np.maximum(_centres(n, out, aligned, factor, kind), kind(0))
    low = np.minimum(real.astype(np.int64), n - 1)
    t = np.clip(real - low.astype(kind), kind(0), kind(1))
    return Taps(np.stack([low, np.minimum(low + 1, n - 1)], 1), np.stack([1 - t, t], 1), n)


def cubic_weights(t: Any, a: float = -0.75) -> tuple[Any, Any, Any, Any]:
    """The weights of the numbers at -1, 0, 1 and 2 for a position t in [0, 1]: the convolution kernel of R. Keys,
    "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29 (1981)."""
    u = 1 - t
    return (
        ((a * (t + 1) - 5 * a) * (t + 1) + 8 * a) * (t + 1) - 4 * a,
        ((a + 2) * t - (a + 3)) * t * t + 1,
        ((a + 2) * u - (a + 3)) * u * u + 1,
        ((a * (u + 1) - 5 * a) * (u + 1) + 8 * a) * (u + 1) - 4 * a,
    )


def _cubic(n: int, out: int, aligned: bool, factor: float | None, kind: Any) -> Taps:
    real = _centres(n, out, aligned, factor, kind)
    low = np.minimum(np.floor(real).astype(np.int64), n - 1)
    t = np.clip(real - low.astype(kind), kind(0), kind(1))
    places = np.clip(low[:, None] + np.arange(-1, 3), 0, n - 1)
    return Taps(places, np.stack(cubic_weights(t), 1).astype(kind), n)


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(x), 0)


def _keys(x: np.ndarray) -> np.ndarray:
    x, a = np.abs(x), -0.5
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


FILTERS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], int]] = {
    "linear": (_triangle, 2),
    "cubic": (_keys, 4),
    "lanczos": (_lanczos, 6),
}
"""Kernels of resampling without aliasing, and how many positions they reach over."""


def _smooth(mode: str, n: int, out: int, aligned: bool, factor: float | None, kind: Any) -> Taps:
    """The kernel, made wider where numbers are lost: each output is a mean over all that lies under it."""
    if n == out:
        return Taps(np.arange(n)[:, None], None, n)
    kernel, reach = FILTERS[mode]
    scale = float(_scale(n, out, aligned, factor, kind))
    support = reach * 0.5 * max(scale, 1.0)
    centre = scale * (np.arange(out) + 0.5)
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    counts = np.minimum((centre + support + 0.5).astype(np.int64), n) - first
    counts = np.clip(counts, 1, math.ceil(support) * 2 + 1)
    steps = np.arange(int(counts.max(initial=1)))
    held = steps < counts[:, None]
    places = np.where(held, first[:, None] + steps, n)
    weights = np.where(held, kernel((steps + first[:, None] - centre[:, None] + 0.5) / max(scale, 1.0)), 0)
    weights /= weights.sum(1, keepdims=True)
    return Taps(places, weights.astype(kind), n, not held.all())


@functools.lru_cache(256)
def taps(mode: str, n: int, out: int, aligned: bool, factor: float | None, smooth: bool, dtype: str) -> Taps:
    """The plan for an axis of ``n`` numbers that becomes one of ``out``.

    Args:
        mode: ``"nearest"``, ``"nearest-exact"``, ``"linear"``, ``"cubic"``, ``"lanczos"``.
        aligned: the first and the last number stay where they are.
        factor: ``out / n`` where the user gave it.
        smooth: without aliasing.
        dtype: of the weights.
    """
    kind = np.dtype(dtype).type
    if mode.startswith("nearest"):
        return _nearest(n, out, factor, mode == "nearest-exact")
    if smooth:
        return _smooth(mode, n, out, aligned, factor, kind)
    return (_linear if mode == "linear" else _cubic)(n, out, aligned, factor, kind)
