"""Dropout: set elements to zero at random and enlarge the others, so that the expected values stay."""

from __future__ import annotations

import warnings
from typing import Any

from .._core import rng
from .._core.op import TensorBase, in_place, not_a_tensor, op
from .._core.tensor_base import wrap
from ..backends import backend_of
from .activation import title_of


@op(saves=("keep",), title="MulBackward0")
def _dropout(xp: Any, x: Any, keep: Any, *, scale: float) -> Any:
    out = xp.asarray(x * scale).astype(x.dtype, copy=False)  # bfloat16 times a number is float32 in NumPy
    out *= keep
    return out


@_dropout.vjp
def _(f: Any, g: Any, node: Any, keep: Any) -> tuple[Any, ...]:
    return f.dropout(g, keep, scale=node.attrs["scale"]), None


def _check_probability(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _drop(name: str, input: Any, p: float, training: bool, inplace: bool, whole_channels: bool) -> Any:
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    if not training or not p:
        return input
    a = input._a
    if a.dtype.kind not in "fcV":
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {title_of(a)} ({name} needs floating-point "
            "numbers: call .float())"
        )
    shape = a.shape
    if whole_channels:
        if a.ndim < 2:
            raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
        shape = (*shape[:2], *(1,) * (a.ndim - 2))
    p = float(p)  # a NumPy number would make float64 of float32
    if p == 1:
        keep, scale = backend_of(a).xp.zeros(shape, "bool"), 0.0
    else:
        keep, scale = backend_of(a).xp.asarray(rng.mask(shape, 1 - p, a)), 1 / (1 - p)
    if inplace:
        return in_place(_dropout, input, wrap(keep), scale=scale)
    return _dropout(input, wrap(keep), scale=scale)


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Set each element to 0 with probability ``p`` and divide the others by 1 - p.

    Args:
        p: the probability of 0.
        training: False returns the input itself.
        inplace: write the result into the input.

    Shape: any; the result has the input's.

    Raises:
        ValueError: ``p`` is not between 0 and 1.
        RuntimeError: the input holds integers.

    Example:
        >>> import nnlite
        >>> y = nnlite.nn.functional.dropout(nnlite.ones(1000), p=0.5)
        >>> bool(((y == 0) | (y == 2)).all())
        True
    """
    _check_probability(p)
    return _drop("dropout", input, p, training, inplace, False)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Set whole channels to 0 with probability ``p`` and divide the others by 1 - p.

    Args:
        p: the probability of 0.
        training: False returns the input itself.
        inplace: write the result into the input.

    Shape: (N, C, H, W). As in PyTorch, (N, C, L) is taken too, and other numbers of dimensions from 2 on, both with a
    warning. The result has the input's shape.

    Raises:
        ValueError: ``p`` is not between 0 and 1.
        RuntimeError: the input has fewer than 2 dimensions, or holds integers.

    Example:
        >>> import nnlite
        >>> y = nnlite.nn.functional.dropout2d(nnlite.ones(3, 4, 5, 5))
        >>> bool((y == y[:, :, :1, :1]).all())
        True
    """
    _check_probability(p)
    if not isinstance(input, TensorBase):
        raise not_a_tensor("dropout2d", 0, input)
    ndim = input._a.ndim
    if ndim not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {ndim}-D input to dropout2d, which is deprecated and will result in an error in a "
            "future release. Whole channels are dropped of (N, C, H, W); dropout drops single elements of any shape.",
            stacklevel=2,
        )
    if ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired "
            "- input is interpreted as shape (N, C, L), where C is the channel dim. Pass (1, C, H, W) to drop the "
            "channels of one image.",
            stacklevel=2,
        )
    return _drop("dropout2d", input, p, training, inplace, True)
