"""Resampling and padding along one axis after the other: one launch for each axis."""

from __future__ import annotations

import functools
import weakref
from typing import Any

import numpy as np

from ..kernels import kernel
from .geometry import FLOATS
from .overrides import OVERRIDES
from .pooling import NUMBERS, sum_runs
from .windows import Table

Pads = tuple[tuple[int, int], ...]

_plans: weakref.WeakKeyDictionary[Any, dict[bool, tuple[Any, ...]]] = weakref.WeakKeyDictionary()


def _plan(taps: Any, double: bool) -> tuple[Any, ...]:
    """The taps that are there, row by row: start, stop, place and weight of each."""
    kept = _plans.setdefault(taps, {})
    if double not in kept:
        held = taps.places < taps.size
        stop = np.cumsum(held.sum(axis=1))
        weight = None if taps.weights is None else Table(taps.weights[held], np.float64 if double else np.float32)
        kept[double] = Table(stop - held.sum(axis=1)), Table(stop), Table(taps.places[held]), weight
    return kept[double]


def _takes_resample(x: Any, *, axis: int, taps: Any, title: str, back: bool) -> bool:
    return x.dtype.name in FLOATS or (x.dtype.name in NUMBERS and taps.weights is None)


@kernel("resample", table=OVERRIDES, when=_takes_resample)
def resample(gpu: Any, x: Any, *, axis: int, taps: Any, title: str, back: bool) -> Any:
    """One launch; the generic body copies the plan to the device at each call and takes three launches for each tap."""
    return sum_runs(gpu, x, axis, *_plan(taps, x.dtype.name == "float64"))


# ---------------------------------------------------------------------------------------------------------------------
# Padding with what is there


def _sources(n: int, low: int, high: int, mode: str) -> np.ndarray:
    """The position of the input that each position of the output repeats, along an axis of ``n``."""
    at = np.arange(-low, n + high)
    if mode == "replicate":
        return np.clip(at, 0, n - 1)
    if mode == "reflect":
        return np.where(at < 0, -at, np.where(at >= n, 2 * (n - 1) - at, at))
    first, last = max(-low, 0), n - max(-high, 0)  # what is cut off does not come round again
    return first + (at - first) % max(last - first, 1)


@functools.lru_cache(256)
def _padding(n: int, low: int, high: int, mode: str, back: bool) -> tuple[Table, ...]:
    """Start, stop and place of the sums along an axis; ``back`` for the transpose."""
    source = _sources(n, low, high, mode)
    if not back:
        at = np.arange(len(source))
        return Table(at), Table(at + 1), Table(source)
    counts = np.bincount(source, minlength=n)
    stop = np.cumsum(counts)
    return Table(stop - counts), Table(stop), Table(np.argsort(source, kind="stable"))


def _along_axes(gpu: Any, x: Any, pads: Pads, mode: str, sizes: tuple[int, ...], back: bool) -> Any:
    for axis, (n, (low, high)) in enumerate(zip(sizes, pads, strict=True), x.ndim - len(pads)):
        if low or high:
            x = sum_runs(gpu, x, axis, *_padding(n, low, high, mode, back))
    return x


def _takes_pad(x: Any, *, pads: Pads, mode: str, value: Any) -> bool:
    return mode != "constant" and x.dtype.name in NUMBERS | {"bool"} and any(map(any, pads))


@kernel("pad", table=OVERRIDES, when=_takes_pad)
def pad(gpu: Any, x: Any, *, pads: Pads, mode: str, value: Any) -> Any:
    """One launch for each axis that grows; the generic body takes one for each row that is put around. (Padding with a
    constant takes two launches either way.)"""
    return _along_axes(gpu, x, pads, mode, x.shape[x.ndim - len(pads) :], False)


def _takes_fold(g: Any, *, pads: Pads, mode: str, sizes: tuple[int, ...]) -> bool:
    return mode != "constant" and g.dtype.name in NUMBERS and any(map(any, pads))


@kernel("pad_fold", table=OVERRIDES, when=_takes_fold)
def pad_fold(gpu: Any, g: Any, *, pads: Pads, mode: str, sizes: tuple[int, ...]) -> Any:
    """The same with the positions that repeat each one; 16-bit numbers are added up in float32."""
    return _along_axes(gpu, g, pads, mode, sizes, True)
