"""Inverse hyperbolic functions, signs, parts and neighbours of floating point numbers, shifts of integers."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite

from .base import OpSpec, distinct, normal, of, uniform


def _one(low: float, high: float) -> Any:
    return lambda rng: [of(uniform(rng, low, high, 2, 3))]


def _pairs(rng: np.random.Generator) -> list[Any]:
    return [
        of(normal(rng, 2, 3), normal(rng, 2, 3)),
        of(normal(rng, 2, 3), normal(rng, 3)),
        of(normal(rng, 2, 1), normal(rng, 2, 2, 3)),
    ]


def _apart(rng: np.random.Generator) -> list[Any]:
    return [
        of(distinct(rng, 2, 3), distinct(rng, 2, 3) + 0.0625),
        of(distinct(rng, 2, 3), distinct(rng, 3) + 0.0625),
    ]


def _whole(rng: np.random.Generator) -> list[Any]:
    return [
        of(rng.integers(-20, 20, (2, 3)), rng.integers(-20, 20, 3)),
        of(rng.integers(0, 20, 4).astype(np.uint8), rng.integers(0, 20, 4).astype(np.uint8)),
    ]


def _shifts(rng: np.random.Generator) -> list[Any]:
    return [
        of(rng.integers(-20, 20, (2, 3)), rng.integers(0, 9, 3)),
        of(rng.integers(-20, 20, 4), 3),
        of(rng.integers(-20, 20, 4).astype(np.int32), np.array([31, 32, 40, 0], np.int32)),
    ]


def _binary(name: str, reference: Any, samples: Any = _pairs, **options: Any) -> OpSpec:
    return OpSpec(name, getattr(nnlite, name), samples, reference, elementwise=True, **options)


def _integer(name: str, reference: Any, samples: Any) -> OpSpec:
    return OpSpec(
        name,
        getattr(nnlite, name),
        samples,
        reference,
        inputs=(),
        dtypes=("float64",),
        edges=lambda rng: [of(np.array(6), np.array(4)), of(np.zeros((0, 2), np.int64), np.array([1, 2]))],
    )


SPECS = [
    OpSpec("acosh", nnlite.acosh, _one(1.5, 4), np.arccosh, elementwise=True, covers=("acosh_slope",)),
    OpSpec("asinh", nnlite.asinh, lambda rng: [of(normal(rng, 2, 3))], np.arcsinh, elementwise=True),
    OpSpec("atanh", nnlite.atanh, _one(-0.8, 0.8), np.arctanh, elementwise=True),
    OpSpec(
        "signbit",
        nnlite.signbit,
        lambda rng: [of(normal(rng, 2, 3)), of(rng.integers(-3, 3, 5)), of(np.array([True, False]))],
        lambda x: np.signbit(x) if x.dtype.kind == "f" else x < 0 if x.dtype.kind == "i" else np.zeros(x.shape, bool),
        inputs=(),
        result="bool",
        elementwise=True,
    ),
    _binary("fmax", np.fmax, _apart, covers=("zero_where", "isnan", "logical_not")),
    _binary("fmin", np.fmin, _apart),
    _binary("copysign", np.copysign, lambda rng: [*_pairs(rng), of(normal(rng, 3), -2.0)]),
    _binary("hypot", np.hypot),
    _binary("nextafter", np.nextafter, inputs=(), dtypes=("float64",)),
    _binary("ldexp", lambda x, y: x * np.exp2(y)),
    _binary("logaddexp", np.logaddexp),
    _binary("logaddexp2", np.logaddexp2),
    _binary(
        "heaviside",
        lambda x, y: np.where(x == 0, y, x > 0),
        lambda rng: [of(np.array([-1.0, 0.0, 2.0]), normal(rng, 3)), of(np.array([[0.0], [-0.5]]), normal(rng, 3))],
        inputs=(),
    ),
    OpSpec(
        "frexp",
        nnlite.frexp,
        lambda rng: [of(normal(rng, 2, 3) * 100)],
        np.frexp,
        elementwise=True,
        covers=("ldexp",),
        extreme=False,  # what the exponent of inf and nan is depends on the array library
    ),
    OpSpec(
        "nan_to_num",
        nnlite.nan_to_num,
        lambda rng: [of(normal(rng, 2, 3)), of(normal(rng, 4), 2.0, 3.0), of(normal(rng, 4), neginf=-1.0)],
        lambda x, nan=0.0, posinf=None, neginf=None: np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf),
        elementwise=True,
        covers=("zero_where",),
        extreme=False,  # the largest number is the dtype's
    ),
    _integer("gcd", np.gcd, _whole),
    _integer("lcm", np.lcm, _whole),
    _integer("bitwise_left_shift", np.left_shift, _shifts),
    _integer("bitwise_right_shift", np.right_shift, _shifts),
    OpSpec(
        "clamp_between",
        nnlite.clamp,
        lambda rng: [
            of(distinct(rng, 2, 3), distinct(rng, 3) - 0.4, distinct(rng, 2, 1) + 0.7),
            of(distinct(rng, 2, 3), distinct(rng, 2, 3) + 0.03125),
            of(distinct(rng, 2, 3), None, distinct(rng, 3) + 0.03125),
        ],
        lambda x, low=None, high=None: np.minimum(
            x if low is None else np.maximum(x, low), np.inf if high is None else high
        ),
        elementwise=True,
        covers=("zero_where",),
    ),
]
