"""Specs of windows as columns, and of channels that move."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import nnlite.nn.functional as F

from .base import OpSpec, normal, of


def _two(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _places(sizes: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> list[list[list[int]]]:
    """For each axis and window, the positions of the image that it meets; outside of it too."""
    return [
        [[i * s - p + t * d for t in range(k)] for i in range((n + 2 * p - d * (k - 1) - 1) // s + 1)]
        for n, k, d, p, s in zip(sizes, *map(_two, (kernel, dilation, padding, stride)), strict=True)
    ]


def unfold(x: np.ndarray, kernel: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> np.ndarray:
    if x.ndim == 3:
        return unfold(x[None], kernel, dilation, padding, stride)[0]
    rows, columns = _places(x.shape[2:], kernel, dilation, padding, stride)
    padded = np.pad(x, [(0, 0), (0, 0), (9, 9), (9, 9)])
    depth = x.shape[1] * int(np.prod(_two(kernel)))
    found = [
        padded[:, :, np.array(ys)[:, None] + 9, np.array(xs) + 9].reshape(len(x), depth)
        for ys, xs in itertools.product(rows, columns)
    ]
    return np.stack(found, -1)


def fold(x: np.ndarray, size: Any, kernel: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> np.ndarray:
    if x.ndim == 2:
        return fold(x[None], size, kernel, dilation, padding, stride)[0]
    rows, columns = _places(_two(size), kernel, dilation, padding, stride)
    height, width = _two(size)
    channels = x.shape[1] // np.prod(_two(kernel))
    out = np.zeros((len(x), channels, height + 18, width + 18))
    for i, (ys, xs) in enumerate(itertools.product(rows, columns)):
        out[:, :, np.array(ys)[:, None] + 9, np.array(xs) + 9] += x[:, :, i].reshape(-1, channels, len(ys), len(xs))
    return out[:, :, 9 : 9 + height, 9 : 9 + width]


def pixel_shuffle(x: np.ndarray, r: int) -> np.ndarray:
    *lead, c, h, w = x.shape
    out = np.zeros((*lead, c // r**2, h * r, w * r))
    for i, j in itertools.product(range(r), repeat=2):
        out[..., i::r, j::r] = x[..., i * r + j :: r * r, :, :]
    return out


def pixel_unshuffle(x: np.ndarray, r: int) -> np.ndarray:
    *lead, c, h, w = x.shape
    out = np.zeros((*lead, c * r * r, h // r, w // r))
    for i, j in itertools.product(range(r), repeat=2):
        out[..., i * r + j :: r * r, :, :] = x[..., i::r, j::r]
    return out


def channel_shuffle(x: np.ndarray, groups: int) -> np.ndarray:
    each = x.shape[1] // groups
    return x[:, [g * each + i for i in range(each) for g in range(groups)]]


SPECS = [
    OpSpec(
        "im2col",
        F.unfold,
        lambda rng: [
            of(normal(rng, 2, 2, 3, 4), 2),
            of(normal(rng, 1, 2, 4, 3), (2, 1), (2, 1), (1, 0), (1, 2)),
            of(normal(rng, 2, 4, 4), 2, stride=2),
            of(normal(rng, 1, 1, 3, 3), 3, padding=2, stride=3),
        ],
        unfold,
        covers=("col2im",),
        edges=lambda rng: [of(np.zeros((0, 2, 3, 3)), 2), of(normal(rng, 1, 1, 1), 1)],
    ),
    OpSpec(
        "col2im",
        F.fold,
        lambda rng: [
            of(normal(rng, 2, 8, 6), (3, 4), 2),
            of(normal(rng, 1, 4, 8), (4, 3), (2, 1), (2, 1), (1, 0), (1, 2)),
            of(normal(rng, 8, 4), 4, 2, stride=2),
            of(normal(rng, 1, 4, 4), 4, 2, padding=1, stride=3),
        ],
        fold,
        covers=("im2col",),
        loose=2,
        edges=lambda rng: [of(np.zeros((0, 4, 4)), 3, 2), of(normal(rng, 1, 1), 1, 1)],
        extreme=False,
    ),
    OpSpec(
        "regroup",
        F.pixel_shuffle,
        lambda rng: [of(normal(rng, 2, 8, 2, 3), 2), of(normal(rng, 9, 1, 2), 3), of(normal(rng, 2, 2, 2), 1)],
        pixel_shuffle,
        title="pixel_shuffle",
        edges=lambda rng: [of(np.zeros((0, 4, 2, 2)), 2)],
    ),
    OpSpec(
        "regroup",
        F.pixel_unshuffle,
        lambda rng: [of(normal(rng, 2, 2, 4, 6), 2), of(normal(rng, 1, 3, 6), 3)],
        pixel_unshuffle,
        title="pixel_unshuffle",
        edges=lambda rng: [of(np.zeros((2, 0, 2, 2)), 2)],
    ),
    OpSpec(
        "regroup",
        F.channel_shuffle,
        lambda rng: [of(normal(rng, 2, 6, 2), 2), of(normal(rng, 1, 6, 1, 2), 3)],
        channel_shuffle,
        title="channel_shuffle",
        edges=lambda rng: [of(np.zeros((2, 0, 2)), 2)],
    ),
]
