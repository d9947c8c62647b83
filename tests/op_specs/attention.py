"""Specs of attention and of normalisation within each example."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import nnlite.nn.functional as F

from .base import FLOATS, OpSpec, normal, of


def attention(
    q: Any, k: Any, v: Any, mask: Any = None, dropout_p: float = 0, is_causal: bool = False, scale: Any = None
) -> Any:
    scores = q @ k.swapaxes(-1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if is_causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    weights = np.exp(scores - np.maximum(scores.max(-1, keepdims=True), -1e300))
    return weights / np.maximum(weights.sum(-1, keepdims=True), 1e-300) @ v


def standardised(x: Any, axes: tuple[int, ...], eps: float) -> Any:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def layer_norm(x: Any, shape: Any, weight: Any = 1.0, bias: Any = 0.0, eps: float = 1e-5) -> Any:
    return standardised(x, tuple(range(-len(shape), 0)), eps) * weight + bias


def rms_norm(x: Any, shape: Any, weight: Any = 1.0, eps: float = 2.0**-52) -> Any:
    axes = tuple(range(-len(shape), 0))
    return x / np.sqrt((x * x).mean(axes, keepdims=True) + eps) * weight


def group_norm(x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    shape = (1, -1) + (1,) * (x.ndim - 2)
    out = standardised(x.reshape(len(x), groups, -1), (2,), eps).reshape(x.shape)
    return out if weight is None else out * weight.reshape(shape) + bias.reshape(shape)


def norm(name: str, samples: Any, reference: Any) -> OpSpec:
    return OpSpec(
        "row_norm",
        getattr(F, name),
        samples,
        reference,
        title=name,
        covers=("row_norm_gradient",),
        dtypes=FLOATS,
        loose=10,
        extreme=False,
        edges=lambda rng: [of(*samples(rng)[0][0][:2])] if name != "group_norm" else [],
    )


SPECS = [
    OpSpec(
        "attention",
        F.scaled_dot_product_attention,
        lambda rng: [
            of(normal(rng, 1, 2, 3, 2), normal(rng, 1, 2, 4, 2), normal(rng, 1, 2, 4, 1)),
            of(normal(rng, 3, 2), normal(rng, 3, 2), normal(rng, 3, 2), is_causal=True),
            of(normal(rng, 2, 2, 2), normal(rng, 2, 3, 2), normal(rng, 2, 3, 2), normal(rng, 2, 3), scale=0.3),
            of(normal(rng, 2, 2), normal(rng, 3, 2), normal(rng, 3, 2), np.array([[1, 0, 1], [0, 0, 0]], bool)),
        ],
        attention,
        covers=("attention_gradient",),
        dtypes=FLOATS,
        loose=10,
        extreme=False,
    ),
    norm(
        "layer_norm",
        lambda rng: [
            of(normal(rng, 2, 4), (4,)),
            of(normal(rng, 2, 2, 2), (2, 2), normal(rng, 2, 2), normal(rng, 2, 2), eps=0.1),
        ],
        layer_norm,
    ),
    norm(
        "rms_norm",
        lambda rng: [of(normal(rng, 2, 3), (3,), eps=0.1), of(normal(rng, 2, 3), (3,), normal(rng, 3), eps=0.5)],
        rms_norm,
    ),
    norm(
        "group_norm",
        lambda rng: [
            of(normal(rng, 2, 4), 2, eps=0.1),
            of(normal(rng, 1, 4, 3), 2, normal(rng, 4), normal(rng, 4)),
        ],
        group_norm,
    ),
]
