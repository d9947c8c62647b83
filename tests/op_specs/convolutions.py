"""Specs of convolution over one and three axes, and of transposed convolution."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import nnlite.nn.functional as F

from .base import FLOATS, OpSpec, normal, of


def convolve(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> np.ndarray:
    """One place of the kernel after the other."""
    dims = weight.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0)] + [(padding, padding)] * dims)
    kernel = weight.shape[2:]
    out = [(n - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(x.shape[2:], kernel, strict=True)]
    total = np.zeros((x.shape[0], weight.shape[0], *out))
    inputs, outputs = x.shape[1] // groups, weight.shape[0] // groups
    for place in itertools.product(*map(range, kernel)):
        where = tuple(
            slice(i * dilation, i * dilation + (o - 1) * stride + 1, stride) for i, o in zip(place, out, strict=True)
        )
        for g in range(groups):
            mine = slice(g * outputs, (g + 1) * outputs)
            part = x[(slice(None), slice(g * inputs, (g + 1) * inputs), *where)]
            total[:, mine] += np.einsum("nc...,oc->no...", part, weight[(mine, slice(None), *place)])
    return total if bias is None else total + bias.reshape(-1, *(1,) * dims)


def transposed(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    groups: int = 1,
    dilation: int = 1,
) -> np.ndarray:
    """A convolution of the input with zeros between its numbers."""
    dims = weight.ndim - 2
    spread = np.zeros((*x.shape[:2], *((n - 1) * stride + 1 for n in x.shape[2:])))
    spread[(slice(None), slice(None), *(slice(None, None, stride),) * dims)] = x
    reach = [dilation * (k - 1) for k in weight.shape[2:]]
    spread = np.pad(spread, [(0, 0), (0, 0)] + [(r, r + output_padding) for r in reach])
    parts = np.split(weight, groups)
    flipped = np.concatenate([np.flip(part, tuple(range(2, 2 + dims))).swapaxes(0, 1) for part in parts])
    out = convolve(spread, flipped, bias, dilation=dilation, groups=groups)
    cut = tuple(slice(padding, n - padding) for n in out.shape[2:])
    return out[(slice(None), slice(None), *cut)]


def spec(name: str, samples: Any, reference: Any) -> OpSpec:
    operation = "convolution_input" if "transpose" in name else "convolution"
    return OpSpec(operation, getattr(F, name), samples, reference, title=name, dtypes=FLOATS, loose=8, extreme=False)


SPECS = [
    spec(
        "conv1d",
        lambda rng: [
            of(normal(rng, 2, 2, 5), normal(rng, 2, 2, 2), normal(rng, 2)),
            of(normal(rng, 1, 4, 6), normal(rng, 2, 2, 2), None, 2, 1, 2, 2),
        ],
        convolve,
    ),
    spec("conv3d", lambda rng: [of(normal(rng, 1, 2, 2, 3, 3), normal(rng, 2, 2, 2, 2, 1), normal(rng, 2))], convolve),
    spec(
        "conv_transpose1d",
        lambda rng: [
            of(normal(rng, 2, 2, 3), normal(rng, 2, 1, 2), normal(rng, 1)),
            of(normal(rng, 1, 2, 3), normal(rng, 2, 2, 3), normal(rng, 4), 2, 1, 1, 2, 1),
            of(normal(rng, 1, 1, 3), normal(rng, 1, 1, 2), None, 1, 1, 2, 1, 3),
        ],
        transposed,
    ),
    spec(
        "conv_transpose2d",
        lambda rng: [of(normal(rng, 1, 2, 2, 3), normal(rng, 2, 1, 2, 2), normal(rng, 1), stride=2, padding=1)],
        transposed,
    ),
    spec(
        "conv_transpose3d",
        lambda rng: [of(normal(rng, 1, 1, 2, 2, 1), normal(rng, 1, 2, 2, 1, 2), stride=2)],
        transposed,
    ),
]
