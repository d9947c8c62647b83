"""Activation functions with parameters, and those of several steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import nnlite
import nnlite.nn.functional as F

from .base import OpSpec, distinct, normal, of, uniform

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _gelu(x: np.ndarray, approximate: str = "none") -> np.ndarray:
    if approximate == "none":
        return 0.5 * x * (1 + _erf(x / math.sqrt(2)))
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _softplus(x: np.ndarray, beta: float = 1.0, threshold: float = 20.0) -> np.ndarray:
    return np.where(x * beta > threshold, x, np.logaddexp(0, beta * x) / beta)


def _mish(x: np.ndarray) -> np.ndarray:
    return x * np.tanh(np.logaddexp(0, x))


def _exponential(x: np.ndarray, alpha: float = 1.0, scale: float = 1.0, divisor: float = 1.0) -> np.ndarray:
    return scale * np.where(x <= 0, alpha * np.expm1(x / divisor), x)


def _hard(x: np.ndarray) -> np.ndarray:
    return np.clip(x + 3, 0, 6) / 6


def _prelu(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    if x.ndim > 1:
        weight = weight.reshape((-1,) + (1,) * (x.ndim - 2))
    return np.where(x > 0, x, x * weight)


def _rrelu(x: Any) -> Any:
    nnlite.manual_seed(5)
    return F.rrelu(x, 0.1, 0.6, training=True)


def _drawn(x: np.ndarray) -> np.ndarray:
    nnlite.manual_seed(5)
    slopes = F.rrelu(-nnlite.ones(x.shape, dtype=nnlite.float64), 0.1, 0.6, training=True)
    return x * np.where(x > 0, 1, -slopes.numpy())


def _glu(x: np.ndarray, dim: int = -1) -> np.ndarray:
    a, b = np.split(x, 2, dim)
    return a * _sigmoid(b)


def _spec(name: str, reference: Any, *options: dict[str, Any], call: Any = None, **more: Any) -> OpSpec:
    """An elementwise function: without options, and with each of these."""

    def samples(rng: np.random.Generator) -> list[Any]:
        return [of(distinct(rng, 3, 5) * 2, **given) for given in ({}, *options)]

    return OpSpec(name, call or getattr(F, name), samples, reference, elementwise=True, **more)


SPECS = [
    _spec("gelu", _gelu, {"approximate": "tanh"}, loose=4, covers=("gelu_cdf", "gelu_backward", "exp", "tanh")),
    _spec("silu", lambda x: x * _sigmoid(x), loose=4, covers=("sigmoid", "silu_backward")),
    _spec("mish", _mish, loose=4, covers=("clamp", "mish_backward")),
    _spec("softplus", _softplus, {"beta": 2.0}, {"threshold": 0.5}, loose=4, covers=("softplus_backward",)),
    _spec("logsigmoid", lambda x: -np.logaddexp(0, -x), loose=4, covers=("logsigmoid_backward",)),
    _spec("tanhshrink", lambda x: x - np.tanh(x), loose=4, covers=("tanhshrink_backward",)),
    _spec("softsign", lambda x: x / (1 + np.abs(x)), loose=4, covers=("softsign_backward",)),
    _spec("leaky_relu", lambda x, slope=0.01: np.where(x > 0, x, slope * x), covers=("leaky_relu_backward",)),
    OpSpec(
        "leaky_relu",
        F.leaky_relu,
        lambda rng: [of(distinct(rng, 3, 4), slope) for slope in (0.5, -0.5, 2.0)],
        lambda x, slope: np.where(x > 0, x, slope * x),
        title="leaky_relu of other slopes",
        elementwise=True,
    ),
    OpSpec(
        "prelu_kernel",
        F.prelu,
        lambda rng: [
            of(distinct(rng, 2, 3, 2), uniform(rng, 0.1, 0.9, 3)),
            of(distinct(rng, 4), uniform(rng, 0.1, 0.9, 1)),
            of(distinct(rng, 2, 3), uniform(rng, 0.1, 0.9)),
        ],
        _prelu,
        title="prelu",
        loose=4,
        extreme=False,
        edges=lambda rng: [of(normal(rng), normal(rng)), of(np.zeros((0, 3)), normal(rng, 3))],
    ),
    OpSpec(
        "rrelu_with_noise",
        _rrelu,
        lambda rng: [of(distinct(rng, 3, 4))],
        _drawn,
        title="rrelu",
        dtypes=("float64",),
        extreme=False,
        edges=lambda rng: [of(np.zeros((0, 3))), of(normal(rng))],
    ),
    _spec(
        "rrelu_fixed",
        lambda x: np.where(x > 0, x, x * (11 / 48)),
        call=F.rrelu,
        title="rrelu in evaluation",
        loose=4,
        covers=("rrelu_fixed_backward",),
    ),
    _spec("elu", _exponential, {"alpha": 0.5}, loose=4, covers=("elu_backward",)),
    _spec("elu", lambda x: _exponential(x, 1.6732632423543772, 1.0507009873554805), call=F.selu, title="selu", loose=4),
    _spec(
        "celu",
        lambda x, alpha=1.0: _exponential(x, alpha, divisor=alpha),
        {"alpha": 0.5},
        loose=4,
        covers=("celu_backward",),
    ),
    _spec(
        "hardtanh",
        lambda x, min_val=-1.0, max_val=1.0: np.clip(x, min_val, max_val),
        {"min_val": -0.3, "max_val": 2.2},
        covers=("zero_where", "hardtanh_backward"),
    ),
    _spec("hardtanh", lambda x: np.clip(x, 0, 6), call=F.relu6, title="relu6"),
    _spec("hardsigmoid", _hard, loose=4, covers=("hardsigmoid_backward",)),
    _spec("hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6, loose=4, covers=("hardswish_backward",)),
    _spec(
        "threshold",
        lambda x, threshold=0.1, value=9.0: np.where(x <= threshold, value, x),
        call=lambda x, threshold=0.1, value=9.0: F.threshold(x, threshold, value),
        covers=("threshold_backward",),
    ),
    _spec(
        "hardshrink",
        lambda x, lambd=0.5: np.where(np.abs(x) <= lambd, 0, x),
        {"lambd": 0.2},
        covers=("hardshrink_backward",),
    ),
    _spec(
        "softshrink",
        lambda x, lambd=0.5: x - np.clip(x, -lambd, lambd),
        {"lambd": 0.2},
        loose=4,
        covers=("softshrink_backward",),
    ),
    OpSpec(
        "glu",
        F.glu,
        lambda rng: [of(normal(rng, 3, 4)), of(normal(rng, 4, 3), 0), of(normal(rng, 2, 2, 3), 1)],
        _glu,
        loose=4,
        extreme=False,
        covers=("sigmoid", "concatenate", "glu_backward"),
        edges=lambda rng: [of(np.zeros((0, 4))), of(np.zeros((3, 0)))],
    ),
]
