"""How many elements or slices ``prune`` takes away, and which."""

from __future__ import annotations

import numbers
from typing import Any


def check_init(amount: Any) -> None:
    """Raise for an amount that no tensor can have."""
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    whole, number = isinstance(amount, numbers.Integral), float(amount)
    if number < 0 or (not whole and number > 1):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def count_of(amount: Any, size: int) -> int:
    """An amount of ``size`` things as a number of them."""
    if not isinstance(amount, numbers.Integral):
        return round(amount * size)
    if int(amount) > size:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={size}")
    return int(amount)


def check_tensor(t: Any) -> None:
    """Raise for a tensor that has no slices."""
    if len(t.shape) <= 1:
        raise ValueError(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
            f"{t.shape} with {len(t.shape)} dims"
        )


def check_dim(t: Any, dim: int) -> None:
    """Raise for a dimension that there is not."""
    if dim >= t.dim():
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")


def positions(scores: Any, count: int) -> Any:
    """Where the ``count`` lowest scores are."""
    return scores.topk(count, largest=False).indices


def slices(t: Any, dim: int, which: Any) -> tuple[Any, ...]:
    """The index of these slices along ``dim``."""
    return (slice(None),) * (dim % t.dim()) + (which,)
