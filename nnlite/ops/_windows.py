"""Arguments of operations that slide a window over spatial axes."""

from __future__ import annotations

import operator
from typing import Any


def as_ints(name: str, argument: str, position: int, value: Any, count: int, message: str) -> tuple[int, ...]:
    """A number for each of ``count`` axes, from one number or from 1 or ``count`` of them.

    Args:
        position: of the argument, counted from 1.
        message: of the error for another count, with places for argument, count and value.

    Raises:
        TypeError: not an integer or several.
        ValueError: a number does not fit in 64 bits.
        RuntimeError: neither 1 nor ``count`` of them.
    """
    if value.__class__ is int and -(1 << 63) <= value < 1 << 63:
        return (value,) * count
    if value.__class__ is tuple and len(value) == count:  # as layers have them: nothing to convert
        for v in value:
            if v.__class__ is not int or not -(1 << 63) <= v < 1 << 63:
                break
        else:
            return value
    several = isinstance(value, tuple | list)
    try:
        numbers = tuple(operator.index(v) for v in value) if several else (operator.index(value),)
    except TypeError:
        wrong = next(type(v) for v in (value if several else [value]) if not hasattr(v, "__index__"))
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be tuple of ints, not {wrong.__name__}"
        ) from None
    if any(not -(1 << 63) <= n < 1 << 63 for n in numbers):
        raise ValueError(f"{name}(): Overflow when unpacking long long: {argument} does not fit in 64 bits")
    if len(numbers) == count:
        return numbers
    if len(numbers) == 1:
        return numbers * count
    raise RuntimeError(message.format(argument=argument, count=count, value=list(numbers)))
