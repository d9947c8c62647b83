"""What a spec says about an operation, and the makers of its samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Sample = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional arguments and keyword arguments. Float64 arrays among them become tensors of the dtype under test, other
arrays tensors of their own dtype; everything else is passed as it is."""

FLOATS = ("float64", "float32", "float16", "bfloat16")
SINGLES = ("float64", "float32")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8")

TOLERANCE = {"float64": 1e-10, "float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}
"""Relative and absolute difference from the reference that a spec's ``loose`` multiplies."""


@dataclass(frozen=True)
class OpSpec:
    """One operation: how to call it, on what, and what comes out.

    Attributes:
        name: the operation in the kernel table that the call runs.
        call: the public function.
        samples: a maker of inputs from a NumPy generator: small, and with every argument that changes the path.
        reference: the same in NumPy, on float64.
        title: the test id; the name unless given.
        covers: other operations that the derivatives run (the tests check that they do).
        inputs: positions of the arguments that the operation can be differentiated by; None for all float arrays.
        dtypes: the dtypes in which the forward is checked.
        result: the dtype of the result: ``"same"`` as the input, or a name.
        loose: factor on the tolerances.
        elementwise: 0-d, empty and extreme inputs are made of the first sample; others list theirs in ``edges``.
        edges: samples with 0-d and empty arrays, and inputs at the borders.
        extreme: whether inf, nan and huge numbers give what NumPy gives (else only that they do not raise).
        view: the result shares the input's storage.
        second: whether the gradient is checked against differences as well.
        layouts: whether it takes inputs in any memory layout.
    """

    name: str
    call: Callable[..., Any]
    samples: Callable[[np.random.Generator], list[Sample]]
    reference: Callable[..., Any]
    title: str = ""
    covers: tuple[str, ...] = ()
    inputs: tuple[int, ...] | None = None
    dtypes: tuple[str, ...] = FLOATS
    result: str = "same"
    loose: float = 1.0
    elementwise: bool = False
    edges: Callable[[np.random.Generator], list[Sample]] = field(default=lambda rng: [])
    extreme: bool = True
    view: bool = False
    second: bool = True
    layouts: bool = True

    @property
    def id(self) -> str:
        return self.title or self.name

    @property
    def differentiable(self) -> bool:
        return self.inputs != ()


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Normal numbers, exact in bfloat16 so that no dtype starts from rounded inputs."""
    return rounded(rng.standard_normal(shape))


def uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> np.ndarray:
    """Numbers in [low, high], exact in bfloat16."""
    return rounded(rng.uniform(low, high, shape))


def rounded(x: np.ndarray) -> np.ndarray:
    """The nearest numbers of 7 significant bits."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(mantissa * 128) / 128, exponent)


def distinct(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Numbers no two of which are nearer than 1/8: for operations that compare."""
    n = int(np.prod(shape))
    return ((rng.permutation(n) - n // 2) / 8 + 0.0625).reshape(shape)


def of(*arrays: Any, **kwargs: Any) -> Sample:
    """A sample."""
    return arrays, kwargs
