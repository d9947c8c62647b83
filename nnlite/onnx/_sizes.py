"""Sizes that differ between inputs: what several recordings of one model with other sizes have in common.

A forward pass computes with sizes as ordinary integers, so one recording cannot tell which of its numbers follow the
input. Several with different sizes can: a number that is the same in all is a constant, another is a :class:`Dim`, for
which the file needs a formula. The formula must be right in all recordings, and there are more of these than a formula
has numbers to choose.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ._recording import Call, Constant
from ._traced import Value
from .errors import DynamicSizeError

RECORDINGS = 4
"""A formula a + b m has two numbers to choose; the other recordings say whether it is right."""


class Dim:
    """An integer that has another value in each recording."""

    __slots__ = ("values",)

    def __init__(self, values: Sequence[int]) -> None:
        self.values = tuple(values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and self.values == other.values

    def __hash__(self) -> int:
        return hash(self.values)

    def __repr__(self) -> str:
        return f"Dim{self.values}"

    def __bool__(self) -> bool:
        raise DynamicSizeError("a decision depends on a dynamic dimension")

    __index__ = __int__ = __float__ = __bool__


def _dim_operator(name: str, swap: bool = False) -> Callable[..., Any]:
    def method(self: Dim, other: Any) -> Any:
        if not isinstance(other, int | Dim):
            return NotImplemented
        others = other.values if isinstance(other, Dim) else (other,) * len(self.values)
        pairs = zip(others, self.values, strict=True) if swap else zip(self.values, others, strict=True)
        return merged_ints([getattr(int, name)(a, b) for a, b in pairs])

    return method


for _name in ("__add__", "__sub__", "__mul__", "__floordiv__", "__mod__"):
    setattr(Dim, _name, _dim_operator(_name))
    setattr(Dim, "__r" + _name[2:], _dim_operator(_name, swap=True))
setattr(Dim, "__neg__", lambda self: Dim([-v for v in self.values]))  # noqa: B010


def merged_ints(values: Sequence[int]) -> Any:
    """The integer that all recordings have, or what stands for several."""
    return values[0] if all(v == values[0] for v in values) else Dim(values)


class Varying:
    """Constants that differ between recordings: one for each."""

    __slots__ = ("arrays",)

    def __init__(self, arrays: list[np.ndarray]) -> None:
        self.arrays = arrays


class Each:
    """Attributes that differ in more than their integers: one for each recording."""

    __slots__ = ("values",)

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = tuple(values)


def merge(values: Sequence[Any]) -> Any:
    """What stands for the same operand or attribute in all recordings."""
    first = values[0]
    if isinstance(first, Value):
        if any(not isinstance(v, Value) or v.key != first.key for v in values):
            raise DynamicSizeError("the recordings do not use the same values")
        return first
    if isinstance(first, Constant):
        if any(not isinstance(v, Constant) for v in values):
            raise DynamicSizeError("the recordings do not use the same values")
        arrays = [v.array for v in values]
        return first if all(_same(first.array, a) for a in arrays) else Varying(arrays)
    if isinstance(first, bool) or not isinstance(first, int | tuple | slice):
        if all(v is first or _equal(v, first) for v in values):
            return first
        return Each(values)
    if isinstance(first, slice):
        parts = [merge([getattr(v, part) for v in values]) for part in ("start", "stop", "step")]
        return slice(*parts)
    if isinstance(first, int):
        return merged_ints([int(v) for v in values]) if all(isinstance(v, int) for v in values) else Each(values)
    if any(type(v) is not type(first) or len(v) != len(first) for v in values):
        return Each(values)
    return tuple(merge(parts) for parts in zip(*values, strict=True))


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _equal(a: Any, b: Any) -> bool:
    try:
        return type(a) is type(b) and bool(a == b)
    except Exception:
        return False


class Merged:
    """A call as all recordings have it."""

    __slots__ = ("args", "attrs", "calls", "dtypes", "name", "outs", "shapes")

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = tuple(calls)
        first = calls[0]
        self.name = first.name
        self.args = merge([c.args for c in calls])
        self.attrs = {key: merge([c.attrs[key] for c in calls]) for key in first.attrs}
        self.outs = first.outs
        self.shapes = [merge([c.outs[i].shape for c in calls]) for i in range(len(first.outs))]
        self.dtypes = [out.dtype for out in first.outs]


def merge_calls(recordings: Sequence[Any]) -> Iterator[Merged]:
    """The calls of all recordings, side by side."""
    for calls in itertools.zip_longest(*(r.calls for r in recordings)):
        first = next(c for c in calls if c is not None)
        if any(c is None or c.name != first.name or len(c.outs) != len(first.outs) for c in calls):
            raise DynamicSizeError(
                f"nnlite.onnx.export(): how many operations run, or which, depends on a dynamic dimension: "
                f"{first.name} ({first.place()}) is not in every recording. A Python loop over that dimension, or a "
                "condition on it, is unrolled for one size; make it fixed, or use one operation for the whole of it"
            )
        try:
            yield Merged(calls)
        except DynamicSizeError as error:
            raise DynamicSizeError(f"nnlite.onnx.export(): {error}: {first.name} ({first.place()})") from None


# ---------------------------------------------------------------------------------------------------------------------
# Formulas


class Symbol(NamedTuple):
    """A dynamic dimension of an input: its name, where it stands, and its size in each recording."""

    name: str
    input: int
    axis: int
    values: tuple[int, ...]


class Formula(NamedTuple):
    """offset + factor * the product of ``terms``, each a pair (value key, axis)."""

    offset: int
    factor: int
    terms: tuple[tuple[Any, int], ...]


def _line(products: Sequence[int], values: Sequence[int]) -> tuple[int, int] | None:
    """Integers a, b with values = a + b products, None if there are none."""
    other = next((i for i, m in enumerate(products) if m != products[0]), None)
    if other is None:
        return None
    b = Fraction(values[other] - values[0], products[other] - products[0])
    if b.denominator != 1 or not b:
        return None
    a = values[0] - int(b) * products[0]
    return (a, int(b)) if all(a + int(b) * m == v for m, v in zip(products, values, strict=True)) else None


def formula(
    values: Sequence[int], symbols: Sequence[Symbol], near: Sequence[tuple[Any, int, tuple[int, ...]]]
) -> Formula | None:
    """A formula for a number with these values: of the inputs' dimensions, or of those of the values ``near`` it.

    What equals a dimension exactly is preferred to what is computed from one.
    """
    names: dict[str, Symbol] = {}
    for symbol in symbols:
        names.setdefault(symbol.name, symbol)
    inputs = [((("input", s.input), s.axis), s.values) for s in names.values()]
    others = [((key, axis), found) for key, axis, found in near]
    for term, found in (*inputs, *others):
        if found == tuple(values):
            return Formula(0, 1, (term,))
    for count in (1, 2, 3):
        for chosen in itertools.combinations_with_replacement(inputs, count):
            line = _line([math.prod(n) for n in zip(*(f for _, f in chosen), strict=True)], values)
            if line is not None:
                return Formula(*line, tuple(term for term, _ in chosen))
    for count in (1, 2, 3):
        for chosen in itertools.combinations((*inputs, *others[:8]), count):
            products = [math.prod(n) for n in zip(*(f for _, f in chosen), strict=True)]
            line = _line(products, values)
            if line is not None and (count == 1 or line[0] == 0):
                return Formula(*line, tuple(term for term, _ in chosen))
    return None


def plans(size: int, position: int) -> list[tuple[int, ...]]:
    """Sizes for the recordings of a dimension, the most likely to be possible first.

    ``position`` numbers the dimensions: no two change in the same way, so that their formulas can be told apart.
    """
    orders = list(itertools.permutations(range(3)))
    order = orders[position % len(orders)]
    base = max(size, 2)
    changes = [(1, 2, 3), (base, 2 * base, 3 * base), (1, -1, 2), (-1, 1, -2), (-1, -2, -3)]
    far = 3 * (position // len(orders))  # more dimensions than orders
    found = [(base, *(base + (far + 1) * steps[i] for i in order)) for steps in changes]
    return [sizes for sizes in found if min(sizes) > 1]
