"""Convolution, max pooling, batch normalisation, padding."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import nnlite.nn.functional as F

from .base import OpSpec, distinct, normal, of, uniform


def _two(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> np.ndarray:
    """One output number after the other."""
    if x.ndim == 3:
        return conv2d(x[None], weight, bias, stride, padding, dilation, groups)[0]
    (sy, sx), (dy, dx) = _two(stride), _two(dilation)
    outputs, depth, height, width = weight.shape
    if padding == "same":
        pads = [(d * (k - 1) // 2, d * (k - 1) - d * (k - 1) // 2) for d, k in ((dy, height), (dx, width))]
    else:
        pads = [(p, p) for p in ((0, 0) if padding == "valid" else _two(padding))]
    x = np.pad(x, [(0, 0), (0, 0), *pads])
    rows = (x.shape[2] - dy * (height - 1) - 1) // sy + 1
    columns = (x.shape[3] - dx * (width - 1) - 1) // sx + 1
    out = np.zeros((x.shape[0], outputs, rows, columns))
    for o, i, j in itertools.product(range(outputs), range(rows), range(columns)):
        first = o // (outputs // groups) * depth
        window = x[:, first : first + depth, i * sy :, j * sx :]
        window = window[:, :, : dy * (height - 1) + 1 : dy, : dx * (width - 1) + 1 : dx]
        out[:, o, i, j] = (window * weight[o]).sum((1, 2, 3)) + (0 if bias is None else bias[o])
    return out


def _conv_samples(rng: np.random.Generator) -> list[Any]:
    weight, bias = normal(rng, 2, 2, 2, 2), normal(rng, 2)
    return [
        of(normal(rng, 2, 2, 3, 4), weight, bias),
        of(normal(rng, 2, 8, 3, 3), normal(rng, 2, 8, 2, 2), bias, padding=1),  # many channels: the other layout
        of(normal(rng, 1, 2, 5, 4), normal(rng, 2, 1, 2, 2), bias, stride=(2, 1), padding=(1, 0), groups=2),
        of(normal(rng, 2, 4, 4), weight, stride=2, dilation=(1, 2), padding=1),
        of(normal(rng, 1, 2, 3, 4), normal(rng, 3, 2, 2, 3), padding="same"),
        of(normal(rng, 1, 16, 4, 3), normal(rng, 2, 8, 2, 1), stride=(2, 1), groups=2, padding="valid"),
        of(normal(rng, 2, 8, 2, 3), normal(rng, 2, 8, 1, 1), bias),
        of(normal(rng, 1, 9, 2, 17), normal(rng, 2, 9, 1, 2)),
    ]


def max_pool2d(
    x: np.ndarray,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """One output number after the other."""
    (ky, kx), (sy, sx) = _two(kernel), _two(kernel if stride is None else stride)
    (py, px), (dy, dx) = _two(padding), _two(dilation)
    height, width = x.shape[-2:]

    def positions(n: int, k: int, s: int, p: int, d: int) -> list[list[int]]:
        span = n + 2 * p - d * (k - 1) - 1
        count = (-(-span // s) if ceil_mode else span // s) + 1
        if ceil_mode and (count - 1) * s >= n + p:
            count -= 1
        return [[t for t in range(i * s - p, i * s - p + d * k, d) if 0 <= t < n] for i in range(count)]

    rows, columns = positions(height, ky, sy, py, dy), positions(width, kx, sx, px, dx)
    values = np.zeros((*x.shape[:-2], len(rows), len(columns)))
    indices = np.zeros(values.shape, np.int64)
    for i, j in itertools.product(range(len(rows)), range(len(columns))):
        window = x[..., rows[i], :][..., columns[j]]
        flat = window.reshape(*x.shape[:-2], window.shape[-2] * window.shape[-1])
        values[..., i, j] = flat.max(-1)
        place = flat.argmax(-1)
        indices[..., i, j] = (
            np.array(rows[i])[place // len(columns[j])] * width + np.array(columns[j])[place % len(columns[j])]
        )
    return (values, indices) if return_indices else values


def _pool_samples(rng: np.random.Generator, **options: Any) -> list[Any]:
    return [
        of(distinct(rng, 2, 1, 4, 4), 2, **options),
        of(distinct(rng, 1, 2, 5, 4), (3, 2), 2, 1, **options),
        of(distinct(rng, 2, 5, 6), 2, (1, 2), (1, 0), (2, 1), **options),
        of(distinct(rng, 1, 1, 5, 5), 2, 2, ceil_mode=True, **options),
        of(distinct(rng, 1, 3, 5), (1, 2), (2, 3), **options),
    ]


def _pool_edges(rng: np.random.Generator) -> list[Any]:
    return [of(np.zeros((0, 2, 4, 4)), 2), of(np.ones((1, 1, 2, 2)), 2)]


def batch_norm(
    x: np.ndarray,
    mean: Any,
    var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> np.ndarray:
    axes = (0, *range(2, x.ndim))
    if training and x.size:
        mean, var = x.mean(axes), x.var(axes)
    if training and not x.size:
        return x

    def along(a: Any) -> np.ndarray:
        return np.reshape(a, (-1,) + (1,) * (x.ndim - 2))

    out = (x - along(mean)) / np.sqrt(along(var) + eps)
    return out * (1 if weight is None else along(weight)) + (0 if bias is None else along(bias))


def _trained(
    x: Any, weight: Any = None, bias: Any = None, running: bool = False, call: Any = F.batch_norm, **options: Any
) -> Any:
    return call(x, None, None, weight, bias, True, **options)


_PADS = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(x: np.ndarray, sizes: Any, mode: str = "constant", value: float | None = None) -> np.ndarray:
    pairs = [*zip(sizes[::2], sizes[1::2], strict=True)][::-1]
    pairs = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    options = {"constant_values": value or 0} if mode == "constant" else {}
    out = np.pad(x, [(max(a, 0), max(b, 0)) for a, b in pairs], mode=_PADS[mode], **options)  # type: ignore[call-overload]
    return out[tuple(slice(max(-a, 0), out.shape[i] - max(-b, 0)) for i, (a, b) in enumerate(pairs))]


SPECS = [
    OpSpec(
        "convolution",
        F.conv2d,
        _conv_samples,
        conv2d,
        covers=("convolution_input", "convolution_weight"),
        loose=8,
        extreme=False,
        edges=lambda rng: [
            of(np.zeros((0, 2, 3, 3)), normal(rng, 2, 2, 2, 2), normal(rng, 2)),
            of(np.zeros((2, 0, 3, 3)), np.zeros((2, 0, 2, 2)), normal(rng, 2)),
            of(normal(rng, 1, 1, 2, 2), normal(rng, 1, 1, 2, 2)),
        ],
    ),
    OpSpec(
        "max_pool",
        F.max_pool2d,
        _pool_samples,
        max_pool2d,
        covers=("max_pool_scatter", "max_pool_gather"),
        edges=_pool_edges,
    ),
    OpSpec("max_pool_values", F.max_pool2d, _pool_samples, max_pool2d, inputs=(), edges=_pool_edges),
    OpSpec(
        "max_pool_indices",
        F.max_pool2d,
        lambda rng: _pool_samples(rng, return_indices=True),
        max_pool2d,
        edges=lambda rng: [of(np.zeros((0, 2, 4, 4)), 2, return_indices=True)],
        extreme=False,  # which of several NaN counts is compared with PyTorch
    ),
    OpSpec(
        "batch_norm",
        _trained,
        lambda rng: [
            of(normal(rng, 4, 2), uniform(rng, 0.5, 1.5, 2), normal(rng, 2)),
            of(normal(rng, 2, 2, 3), eps=0.1),
            of(normal(rng, 2, 2, 2, 2), uniform(rng, 0.5, 1.5, 2)),
            of(normal(rng, 5, 2, 1), None, normal(rng, 2)),
        ],
        lambda *args, **options: _trained(*args, call=batch_norm, **options),
        covers=("batch_norm_gradient",),
        loose=8,
        extreme=False,
        edges=lambda rng: [of(np.zeros((0, 2)), np.ones(2), np.ones(2)), of(np.zeros((0, 2, 3)))],
    ),
    OpSpec(
        "batch_norm_fixed",
        F.batch_norm,
        lambda rng: [
            of(normal(rng, 2, 2), normal(rng, 2), uniform(rng, 0.5, 2, 2), uniform(rng, 0.5, 1.5, 2), normal(rng, 2)),
            of(normal(rng, 1, 2, 2, 3), normal(rng, 2), uniform(rng, 0.5, 2, 2), eps=0.0),
        ],
        batch_norm,
        inputs=(0,),
        loose=8,
        extreme=False,
        edges=lambda rng: [of(np.zeros((0, 2)), np.zeros(2), np.ones(2))],
    ),
    OpSpec(
        "pad",
        F.pad,
        lambda rng: [
            of(normal(rng, 2, 3), (1, 2), value=0.5),
            of(normal(rng, 2, 3), (-1, 1, 1, -1)),
            of(normal(rng, 1, 2, 3, 4), (2, 1, 1, 2), mode="reflect"),
            of(normal(rng, 2, 2, 3), (4, 1, 0, 2), mode="replicate"),
            of(normal(rng, 2, 3), (3, 1), mode="circular"),
        ],
        pad,
        covers=("pad_fold",),
        edges=lambda rng: [of(np.zeros((0, 2)), (1, 1)), of(np.zeros((0, 1, 2)), (1, 1), mode="reflect")],
    ),
]
