"""Specs of looking up images and volumes at positions."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

import nnlite
import nnlite.nn.functional as F

from .base import OpSpec, normal, of, uniform


def _reflect(c: float, low: float, high: float) -> float:
    if low == high:
        return 0.0
    while not low <= c <= high:
        c = 2 * low - c if c < low else 2 * high - c
    return c


def _pad(c: float, n: int, padding: str, aligned: bool) -> float:
    if padding == "reflection":
        c = _reflect(c, 0, n - 1) if aligned else _reflect(c, -0.5, n - 0.5)
    return c if padding == "zeros" else min(max(c, 0), n - 1)


def _cubic(x: float) -> float:
    x, a = abs(x), -0.75
    return (a + 2) * x**3 - (a + 3) * x**2 + 1 if x < 1 else a * (x**3 - 5 * x**2 + 8 * x - 4)


def _neighbours(g: float, n: int, mode: str, padding: str, aligned: bool) -> list[tuple[int, float]]:
    """Indices and weights along one axis."""
    c = (g + 1) / 2 * (n - 1) if aligned else ((g + 1) * n - 1) / 2
    if mode == "bicubic":
        low = math.floor(c)
        return [(int(_pad(low + i, n, padding, aligned)), _cubic(c - low - i)) for i in range(-1, 3)]
    c = _pad(c, n, padding, aligned)
    if mode == "nearest":
        return [(round(c), 1.0)]
    low = math.floor(c)
    return [(low, low + 1 - c), (low + 1, c - low)]


def grid_sample(
    x: np.ndarray, grid: np.ndarray, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool = False
) -> np.ndarray:
    sizes = x.shape[2:]
    out = np.zeros((*x.shape[:2], *grid.shape[1:-1]))
    for place in itertools.product(*map(range, grid.shape[:-1])):
        along = [
            _neighbours(g, n, mode, padding_mode, align_corners) for g, n in zip(grid[place][::-1], sizes, strict=True)
        ]
        for corner in itertools.product(*along):
            where = tuple(index for index, _ in corner)
            if all(0 <= index < n for index, n in zip(where, sizes, strict=True)):
                out[(place[0], slice(None), *place[1:])] += (
                    math.prod(weight for _, weight in corner) * x[(place[0], slice(None), *where)]
                )
    return out


def grid(rng: np.random.Generator, sizes: tuple[int, ...], *shape: int) -> np.ndarray:
    """Positions that are nowhere near the places where the neighbours change."""
    for _ in range(1000):
        g = uniform(rng, -1.6, 1.6, *shape, len(sizes))
        n = np.array(sizes[::-1])
        both = np.stack([(g + 1) / 2 * (n - 1), ((g + 1) * n - 1) / 2]) * 2
        if not np.any(np.abs(both - np.round(both)) < 0.04):
            return g
    raise ValueError(f"no such positions for the sizes {sizes}")


def _samples(mode: str, padding: str) -> Any:
    def make(rng: np.random.Generator) -> list[Any]:
        options = {"mode": mode, "padding_mode": padding}
        made = [
            of(normal(rng, 2, 2, 3, 3), grid(rng, (3, 3), 2, 2, 1), align_corners=False, **options),
            of(normal(rng, 1, 1, 4, 2), grid(rng, (4, 2), 1, 1, 2), align_corners=True, **options),
        ]
        if mode != "bicubic":
            made.append(
                of(normal(rng, 1, 1, 2, 3, 2), grid(rng, (2, 3, 2), 1, 1, 2, 1), align_corners=False, **options)
            )
        return made

    return make


def _affine(theta: np.ndarray, size: Any, align_corners: bool = False) -> np.ndarray:
    dims = len(size) - 2
    out = np.zeros((*[size[0]], *size[2:], dims))
    for place in itertools.product(*map(range, out.shape[:-1])):
        position = []
        for i, n in zip(place[:0:-1], size[:1:-1], strict=True):
            if align_corners:
                position.append(2 * i / (n - 1) - 1 if n > 1 else 0.0)
            else:
                position.append((2 * i + 1) / n - 1)
        out[place] = theta[place[0]] @ [*position, 1]
    return out


SPECS = [
    OpSpec(
        "grid_sampler",
        F.grid_sample,
        _samples(mode, padding),
        grid_sample,
        title=f"grid_sample-{mode}-{padding}",
        covers=("grid_sampler_input", "grid_sampler_grid"),
        loose=8,
        extreme=False,
        edges=lambda rng, mode=mode, padding=padding: [
            of(np.zeros((0, 2, 3, 3)), np.zeros((0, 2, 2, 2)), mode=mode, padding_mode=padding, align_corners=False),
            of(np.zeros((1, 2, 1, 1)), np.zeros((1, 0, 2, 2)), mode=mode, padding_mode=padding, align_corners=True),
            of(np.ones((1, 2, 1, 1)), np.zeros((1, 1, 1, 2)), mode=mode, padding_mode=padding, align_corners=True),
        ],
    )
    for mode in ("bilinear", "nearest", "bicubic")
    for padding in ("zeros", "border", "reflection")
] + [
    OpSpec(
        "matmul",
        nnlite.affine_grid_generator,
        lambda rng: [
            of(normal(rng, 2, 2, 3), (2, 1, 3, 2), False),
            of(normal(rng, 1, 2, 3), (1, 1, 2, 3), True),
            of(normal(rng, 1, 3, 4), (1, 1, 2, 3, 2), False),
        ],
        _affine,
        title="affine_grid",
        loose=2,
        extreme=False,
    )
]
