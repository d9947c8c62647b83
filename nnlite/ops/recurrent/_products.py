"""What all recurrent layers share: the products of the inputs of all steps with the weights, and their gradients."""

from __future__ import annotations

from typing import Any

from ..activation.softmax import widen


def wide(*arrays: Any) -> list[Any]:
    """16-bit numbers in float32, everything else as it is."""
    return [None if a is None else widen(a) for a in arrays]


def narrow(arrays: tuple[Any, ...], kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arrays in the dtypes of the arrays that they belong to."""
    return tuple(
        None if a is None or like is None else a.astype(like.dtype, copy=False)
        for a, like in zip(arrays, kinds, strict=True)
    )


def products(xp: Any, x: Any, weight: Any, *biases: Any) -> Any:
    """x weight^T + biases, for all steps at once."""
    out = xp.matmul(x, weight.T)
    for bias in biases:
        if bias is not None:
            out += bias
    return out


def gradients(xp: Any, g: Any, x: Any, weight: Any, bias: Any, wanted: bool = True) -> tuple[Any, Any, Any]:
    """The gradients of input (where wanted), weight and bias of `products`."""
    return (
        xp.matmul(g, weight) if wanted else None,
        xp.matmul(g.T, x),
        None if bias is None else xp.sum(g, axis=0),
    )


def start(xp: Any, g: Any, like: Any) -> Any:
    """A fresh array to sum up a state's gradient in, from what came for the last state."""
    return xp.zeros(like.shape, like.dtype) if g is None else g.astype(like.dtype)
