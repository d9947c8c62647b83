"""Specs of resizing: each axis by the matrix of its weights, made one number after the other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import nnlite.nn.functional as F

from .base import OpSpec, normal, of


def _cubic(x: float, a: float) -> float:
    x = abs(x)
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


KERNELS = {
    "linear": (1, lambda x: max(0.0, 1 - abs(x))),
    "cubic": (2, lambda x: _cubic(x, -0.75)),
    "cubic smooth": (2, lambda x: _cubic(x, -0.5)),
    "lanczos": (3, lambda x: float(np.sinc(x) * np.sinc(x / 3)) if abs(x) < 3 else 0.0),
}


def matrix(mode: str, n: int, out: int, aligned: bool, smooth: bool) -> np.ndarray:
    """The weights of the numbers of the input in each number of the output."""
    if aligned:
        scale = (n - 1) / (out - 1) if out > 1 else 0.0
    else:
        scale = n / out
    weights = np.zeros((out, n))
    for i in range(out):
        if mode == "nearest":
            weights[i, math.floor(i * scale)] = 1
        elif mode == "nearest-exact":
            weights[i, math.floor((i + 0.5) * scale)] = 1
        elif smooth:
            reach, kernel = KERNELS["cubic smooth" if mode == "cubic" else mode]
            stretch = max(scale, 1)
            weights[i] = [kernel((j + 0.5 - (i + 0.5) * scale) / stretch) for j in range(n)]
            weights[i] /= weights[i].sum()
        else:
            reach, kernel = KERNELS[mode]
            at = i * scale if aligned else (i + 0.5) * scale - 0.5
            for j in range(math.floor(at) - reach, math.floor(at) + reach + 1):
                weights[i, min(max(j, 0), n - 1)] += kernel(at - j)
    return weights


ALONG = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}


def interpolate(
    x: np.ndarray,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool = False,
    antialias: bool = False,
) -> np.ndarray:
    dims = x.ndim - 2
    if size is None:
        size = [int(n * scale_factor) for n in x.shape[2:]]
    sizes = [size] * dims if isinstance(size, int) else size
    for axis, out in enumerate(sizes, 2):
        weights = matrix(ALONG.get(mode, mode), x.shape[axis], out, align_corners, antialias)
        x = np.moveaxis(np.moveaxis(x, axis, -1) @ weights.T, -1, axis)
    return x


def _samples(mode: str, *shapes: tuple[int, ...], **options: Any) -> Any:
    def make(rng: np.random.Generator) -> list[Any]:
        made = []
        for *shape, size in shapes:
            made.append(of(normal(rng, *shape), size, mode=mode, **options))
        made.append(of(normal(rng, *shapes[0][:-1]), scale_factor=2, mode=mode, **options))
        return made

    return make


def spec(mode: str, *shapes: Any, title: str = "", **options: Any) -> OpSpec:
    dims = len(shapes[0]) - 3
    return OpSpec(
        "resample",
        F.interpolate,
        _samples(mode, *shapes, **options),
        interpolate,
        title=f"interpolate-{title or mode}{dims}d",
        dtypes=("float64", "float32") if options.get("antialias") else ("float64", "float32", "float16", "bfloat16"),
        loose=8,
        extreme=False,
        edges=lambda rng: [of(np.zeros((0, 1, *[2] * dims)), 3, mode=mode, **options)],
    )


SPECS = [
    spec("nearest", (2, 2, 4, 7), (1, 2, 5, 3)),
    spec("nearest", (1, 2, 2, 3, (5, 2))),
    spec("nearest", (1, 1, 2, 1, 3, (3, 2, 4))),
    spec("nearest-exact", (1, 2, 4, 3, (7, 2))),
    spec("linear", (2, 1, 4, 7), (1, 2, 12, 3), (1, 1, 1, 12)),
    spec("linear", (1, 2, 4, 7), (1, 1, 5, 1), title="linear-aligned", align_corners=True),
    spec("bilinear", (1, 2, 3, 4, (5, 2)), (1, 1, 3, 2, (3, 3))),
    spec("trilinear", (1, 1, 2, 3, 2, (3, 2, 4))),
    spec("bicubic", (1, 1, 4, 3, (6, 2))),
    spec("bicubic", (1, 1, 3, 4, (4, 3)), title="bicubic-aligned", align_corners=True),
    spec("bilinear", (1, 1, 7, 3, (3, 5)), title="bilinear-smooth", antialias=True),
    spec("bicubic", (1, 1, 6, 4, (2, 5)), title="bicubic-smooth", antialias=True),
    spec("lanczos", (1, 1, 9, 3, (2, 5)), title="lanczos", antialias=True),
]
