"""Specs of pooling other than max pooling over images."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

import nnlite.nn.functional as F

from .base import FLOATS, OpSpec, distinct, normal, of, uniform

Windows = list[list[tuple[int, int]]]


def reduced(x: np.ndarray, windows: Windows, function: Any) -> np.ndarray:
    """``function(window, place)`` for each window, given by its (start, end) along each of the last axes."""
    dims = len(windows)
    out = np.zeros((*x.shape[:-dims], *map(len, windows)))
    for place in itertools.product(*(range(len(along)) for along in windows)):
        part = tuple(slice(*along[i]) for i, along in zip(place, windows, strict=True))
        out[(..., *place)] = function(x[(..., *part)], place)
    return out


def sliding(
    x: np.ndarray, dims: int, kernel: int, stride: int | None = None, padding: int = 0, ceil: bool = False
) -> tuple[Windows, Windows]:
    """Windows on the input, and with the padding."""
    stride = kernel if stride is None else stride
    inside, padded = [], []
    for n in x.shape[-dims:]:
        span = (n + 2 * padding - kernel) / stride
        starts = [i * stride - padding for i in range((math.ceil if ceil else math.floor)(span) + 1)]
        starts = [start for start in starts if start < n]
        ends = [min(start + kernel, n + padding) for start in starts]
        padded.append(list(zip(starts, ends, strict=True)))
        inside.append([(max(start, 0), min(end, n)) for start, end in padded[-1]])
    return inside, padded


def average(
    x: np.ndarray,
    kernel: int,
    stride: int | None = None,
    padding: int = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    dims: int = 2,
) -> np.ndarray:
    inside, padded = sliding(x, dims, kernel, stride, padding, ceil_mode)
    axes = tuple(range(-dims, 0))

    def mean(part: np.ndarray, place: Any) -> np.ndarray:
        counted = padded if count_include_pad else inside
        count = math.prod(along[i][1] - along[i][0] for i, along in zip(place, counted, strict=True))
        return part.sum(axes) / count

    return reduced(x, inside, mean)


def adaptive(x: np.ndarray, out: Any, function: Any, dims: int) -> np.ndarray:
    sizes = (out,) * dims if isinstance(out, int) else out
    windows = [
        [(i * n // o, -(-(i + 1) * n // o)) for i in range(o)] for n, o in zip(x.shape[-dims:], sizes, strict=True)
    ]
    axes = tuple(range(-dims, 0))
    return reduced(x, windows, lambda part, place: function(part, axes))


def unpooled(x: np.ndarray, indices: np.ndarray, kernel: int) -> np.ndarray:
    out = np.zeros((*x.shape[:2], x.shape[2] * kernel * x.shape[3] * kernel))
    np.put_along_axis(out, indices.reshape(*x.shape[:2], -1), x.reshape(*x.shape[:2], -1), -1)
    return out.reshape(*x.shape[:2], x.shape[2] * kernel, x.shape[3] * kernel)


def spec(name: str, operation: str, samples: Any, reference: Any, **more: Any) -> OpSpec:
    return OpSpec(
        operation, getattr(F, name), samples, reference, title=name, dtypes=FLOATS, loose=4, extreme=False, **more
    )


SPECS = [
    spec(
        "avg_pool2d",
        "window_sum",
        lambda rng: [
            of(normal(rng, 1, 2, 4, 5), 2),
            of(normal(rng, 2, 5, 4), 3, 2, 1, count_include_pad=False),
            of(normal(rng, 1, 1, 5, 4), 3, 2, 1, True),
        ],
        average,
        covers=("window_spread",),
        edges=lambda rng: [of(np.zeros((0, 2, 2, 2)), 2)],
    ),
    spec(
        "avg_pool1d",
        "window_sum",
        lambda rng: [of(normal(rng, 2, 5), 2, 1)],
        lambda *args, **kwargs: average(*args, dims=1, **kwargs),
    ),
    spec(
        "avg_pool3d",
        "window_sum",
        lambda rng: [of(normal(rng, 1, 3, 3, 2), 2, 1)],
        lambda *args, **kwargs: average(*args, dims=3, **kwargs),
    ),
    spec(
        "adaptive_avg_pool2d",
        "window_sum",
        lambda rng: [of(normal(rng, 1, 5, 4), 3), of(normal(rng, 1, 1, 2, 3), (3, 1))],
        lambda x, out: adaptive(x, out, np.mean, 2),
    ),
    spec(
        "adaptive_max_pool2d",
        "take_along_axis",
        lambda rng: [of(distinct(rng, 1, 5, 4), 3)],
        lambda x, out: adaptive(x, out, np.max, 2),
    ),
    spec(
        "lp_pool2d",
        "window_sum",
        lambda rng: [of(uniform(rng, 0.5, 2, 1, 4, 4), 3, 2)],
        lambda x, p, kernel: (average(x**p, kernel) * kernel**2) ** (1 / p),
    ),
    spec(
        "max_unpool2d",
        "put_",
        lambda rng: [of(normal(rng, 1, 1, 2, 2), np.array([[[[0, 3], [9, 14]]]]), 2)],
        unpooled,
    ),
]
