"""Operations of one and two operands, element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import nnlite

from .base import SINGLES, OpSpec, distinct, normal, of, uniform

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _one(draw: Any) -> Any:
    return lambda rng: [of(draw(rng, 2, 3))]


def _between(low: float, high: float) -> Any:
    return _one(lambda rng, *shape: uniform(rng, low, high, *shape))


def _away_from_zero(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return uniform(rng, 0.4, 2.0, *shape) * rng.choice([-1, 1], shape)


def _unary(name: str, reference: Any, samples: Any = None, call: str = "", **options: Any) -> OpSpec:
    return OpSpec(name, getattr(nnlite, call or name), samples or _one(normal), reference, elementwise=True, **options)


UNARY = [
    _unary("neg", np.negative),
    _unary("exp", np.exp),
    _unary("exp2", np.exp2),
    _unary("expm1", np.expm1),
    _unary("log", np.log, _between(0.3, 3)),
    _unary("log2", np.log2, _between(0.3, 3)),
    _unary("log10", np.log10, _between(0.3, 3)),
    _unary("log1p", np.log1p, _between(-0.6, 3)),
    _unary("sqrt", np.sqrt, _between(0.3, 3)),
    _unary("rsqrt", lambda x: 1 / np.sqrt(x), _between(0.3, 3)),
    _unary("reciprocal", np.reciprocal, _one(_away_from_zero)),
    _unary("square", np.square),
    _unary("sin", np.sin),
    _unary("cos", np.cos),
    _unary("tan", np.tan, _between(-1, 1)),
    _unary("asin", np.arcsin, _between(-0.8, 0.8), covers=("rsqrt",)),
    _unary("acos", np.arccos, _between(-0.8, 0.8)),
    _unary("atan", np.arctan),
    _unary("sinh", np.sinh),
    _unary("cosh", np.cosh),
    _unary("tanh", np.tanh, covers=("tanh_backward",)),
    _unary("erf", _erf),
    _unary("sigmoid", lambda x: 1 / (1 + np.exp(-x)), loose=2, covers=("sigmoid_backward",)),
    _unary("relu", lambda x: np.maximum(x, 0), _one(_away_from_zero), covers=("relu_backward", "zero_where")),
    _unary("abs", np.abs, _one(_away_from_zero), covers=("sgn",)),
    _unary("sgn", np.sign, _one(_away_from_zero), covers=("zeros_like",)),
    _unary("sign", np.sign, _one(_away_from_zero)),
    _unary("floor", np.floor, _one(_away_from_zero)),
    _unary("ceil", np.ceil, _one(_away_from_zero)),
    _unary("trunc", np.trunc, _one(_away_from_zero)),
    _unary("round", np.rint, _one(_away_from_zero)),
    _unary("isnan", np.isnan, inputs=(), result="bool"),
    _unary("isinf", np.isinf, inputs=(), result="bool"),
    _unary("isfinite", np.isfinite, inputs=(), result="bool"),
    _unary("logical_not", np.logical_not, inputs=(), result="bool"),
    OpSpec(
        "bitwise_not",
        nnlite.bitwise_not,
        lambda rng: [of(rng.integers(-9, 9, (2, 3))), of(np.array([True, False]))],
        np.invert,
        inputs=(),
        dtypes=("float64",),
        edges=lambda rng: [of(np.zeros((0, 2), np.int64)), of(np.array(3))],
    ),
    OpSpec("cast", lambda x: x.to(nnlite.complex128).to(x.dtype), _one(normal), lambda x: x, elementwise=True),
    OpSpec(
        "clone", nnlite.clone, lambda rng: [of(normal(rng, 2, 3)), of(normal(rng, 3, 2).T)], np.copy, elementwise=True
    ),
    OpSpec(
        "clamp",
        nnlite.clamp,
        lambda rng: [of(distinct(rng, 3, 3), -0.3, 0.2), of(distinct(rng, 6), min=0.1), of(distinct(rng, 6), max=0.1)],
        lambda x, min=None, max=None: np.clip(x, min, max),
        elementwise=True,
        covers=("zero_where",),
    ),
]


def _tensors(rng: np.random.Generator, draw: Any = normal) -> list[Any]:
    return [
        of(draw(rng, 2, 3), draw(rng, 2, 3)),
        of(draw(rng, 2, 3), draw(rng, 3)),
        of(draw(rng, 2, 1), draw(rng, 2, 2, 3)),
        of(draw(rng, 3), draw(rng)),
    ]


def _pair(rng: np.random.Generator, draw: Any = normal) -> list[Any]:
    return [*_tensors(rng, draw), of(draw(rng, 3), 1.5)]


def _pairs(draw: Any) -> Any:
    return lambda rng: _pair(rng, draw)


def _apart(rng: np.random.Generator) -> list[Any]:
    """Operands that are nowhere nearer than 1/8."""
    return [
        of(distinct(rng, 2, 3), distinct(rng, 2, 3) + 0.0078125 * 8),
        of(distinct(rng, 2, 3), distinct(rng, 3) + 0.0625),
    ]


def _binary(name: str, reference: Any, samples: Any = _pair, **options: Any) -> OpSpec:
    return OpSpec(name, getattr(nnlite, name), samples, reference, elementwise=True, **options)


def _integer_pairs(rng: np.random.Generator) -> list[Any]:
    return [of(rng.integers(-9, 9, (2, 3)), rng.integers(1, 9, 3)), of(rng.integers(-9, 9, 4), 3)]


def _bits(rng: np.random.Generator) -> list[Any]:
    mask = lambda: rng.integers(0, 2, (2, 3)).astype(bool)  # noqa: E731
    return [*_integer_pairs(rng), of(mask(), mask()), of(mask(), True)]


def _power(rng: np.random.Generator) -> list[Any]:
    positive = lambda *shape: uniform(rng, 0.4, 2, *shape)  # noqa: E731
    return [
        of(positive(2, 3), normal(rng, 2, 3)),
        of(positive(2, 3), normal(rng, 3)),
        of(normal(rng, 2, 3), 2),
        of(normal(rng, 2, 3), 3),
        of(positive(3), 0.5),
        of(positive(3), -1.5),
        of(normal(rng, 3), 0),
        of(2.0, normal(rng, 3)),
    ]


_COMPARED: dict[str, Any] = {"inputs": (), "result": "bool"}

BINARY = [
    _binary("add", np.add),
    _binary("sub", np.subtract),
    _binary("mul", np.multiply),
    _binary("div", np.divide, _pairs(_away_from_zero)),
    _binary("pow", np.power, _power, covers=("log_or_zero", "where"), loose=4),
    _binary("maximum", np.maximum, _apart, covers=("zero_where", "where")),
    _binary("minimum", np.minimum, _apart),
    _binary("atan2", np.arctan2, lambda rng: _pair(rng, _away_from_zero)[:-1]),
    _binary(
        "remainder",
        np.remainder,
        lambda rng: [of(distinct(rng, 2, 3), uniform(rng, 0.6, 0.9, 3)), of(distinct(rng, 4), -0.7)],
        covers=("floor_divide",),
        extreme=False,
        dtypes=SINGLES,
    ),
    _binary(
        "fmod",
        np.fmod,
        lambda rng: [of(distinct(rng, 2, 3), uniform(rng, 0.6, 0.9, 3)), of(distinct(rng, 4), -0.7)],
        covers=("trunc",),
        extreme=False,
        dtypes=SINGLES,
    ),
    _binary("floor_divide", np.floor_divide, _pairs(_away_from_zero), extreme=False, dtypes=SINGLES),
    OpSpec(
        "floor_divide",
        nnlite.floor_divide,
        _integer_pairs,
        np.floor_divide,
        title="floor_divide of integers",
        inputs=(),
        dtypes=("float64",),
    ),
    OpSpec(
        "remainder",
        nnlite.remainder,
        _integer_pairs,
        np.remainder,
        title="remainder of integers",
        inputs=(),
        dtypes=("float64",),
    ),
    _binary("eq", np.equal, **_COMPARED),
    _binary("ne", np.not_equal, **_COMPARED),
    _binary("lt", np.less, **_COMPARED),
    _binary("le", np.less_equal, **_COMPARED),
    _binary("gt", np.greater, **_COMPARED),
    _binary("ge", np.greater_equal, **_COMPARED),
    _binary("logical_and", np.logical_and, _tensors, **_COMPARED),
    _binary("logical_or", np.logical_or, _tensors, **_COMPARED),
    _binary("logical_xor", np.logical_xor, _tensors, **_COMPARED),
    OpSpec("bitwise_and", nnlite.bitwise_and, _bits, np.bitwise_and, inputs=(), dtypes=("float64",)),
    OpSpec("bitwise_or", nnlite.bitwise_or, _bits, np.bitwise_or, inputs=(), dtypes=("float64",)),
    OpSpec("bitwise_xor", nnlite.bitwise_xor, _bits, np.bitwise_xor, inputs=(), dtypes=("float64",)),
    OpSpec(
        "where",
        nnlite.where,
        lambda rng: [
            of(rng.random((2, 3)) < 0.5, normal(rng, 2, 3), normal(rng, 3)),
            of(rng.random(3) < 0.5, normal(rng, 2, 1), normal(rng)),
            of(rng.random(3) < 0.5, normal(rng, 3), 2.0),
        ],
        np.where,
        covers=("zeros_like",),
        edges=lambda rng: [
            of(np.array(True), normal(rng), normal(rng)),
            of(np.zeros((0, 2), bool), normal(rng, 2), 0.0),
        ],
    ),
    OpSpec(
        "where",
        lambda x, mask, value: x.masked_fill(mask, value),
        lambda rng: [
            of(normal(rng, 2, 3), rng.random((2, 3)) < 0.5, 7.0),
            of(normal(rng, 2, 3), rng.random(3) < 0.5, -1),
        ],
        lambda x, mask, value: np.where(mask, value, x),
        title="masked_fill",
    ),
]

SPECS = [*UNARY, *BINARY]
