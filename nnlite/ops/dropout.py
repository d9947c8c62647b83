"""Dropout: set elements to zero at random and enlarge the others, so that the expected values stay."""

from __future__ import annotations

import math
from typing import Any

from .._core import rng
from .._core.op import TensorBase, in_place, not_a_tensor, op
from .._core.tensor_base import wrap
from .._core.warn import warn
from ..backends import backend_of
from ._public import FUNCTIONS
from .activation.softmax import title_of
from .pointwise.elementwise import add, mul
from .transfer import clone


def _kept_of(xp: Any, x: Any, keep: Any, scale: float) -> Any:
    out = xp.asarray(x * scale).astype(x.dtype, copy=False)  # bfloat16 times a number is float32 in NumPy
    out *= keep
    return out


@op(saves=("keep",), title="MulBackward0")
def _dropout(xp: Any, x: Any, keep: Any, *, scale: float) -> Any:
    return _kept_of(xp, x, keep, scale)


@_dropout.vjp
def _(f: Any, g: Any, node: Any, keep: Any) -> tuple[Any, ...]:
    return f.dropout(g, keep, scale=node.attrs["scale"]), None


@op(title="MulBackward0")
def _drawn_dropout(xp: Any, x: Any, *, scale: float, limit: int, seed: int, counter: int) -> Any:
    """Dropout that draws where it keeps an element: where a word of the stream of ``seed`` from block ``counter`` on is
    below ``limit``. The gradient draws the same words again, so nothing is kept for it."""
    words = xp.random_bits(seed, counter, x.size, x)
    keep = words < limit if limit < 1 << 32 else words >= 0
    return _kept_of(xp, x, keep.reshape(x.shape), scale)


@_drawn_dropout.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.drawn_dropout(g, **node.attrs),)


def _check_probability(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _checked(name: str, input: Any) -> Any:
    """The raw array of numbers that can be multiplied with a factor."""
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    a = input._a
    if a.dtype.kind not in "fcV":
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {title_of(a)} ({name} needs floating-point "
            "numbers: call .float())"
        )
    return a


def _kept(a: Any, p: float, whole: int) -> Any:
    """True where elements stay, with probability 1 - p; with ``whole``, one draw for each place of the first ``whole``
    dimensions."""
    shape = a.shape
    if whole:
        if a.ndim < 2:
            raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
        shape = (*shape[:whole], *(1,) * (a.ndim - whole))
    xp = backend_of(a).xp
    return xp.zeros(shape, "bool") if p == 1 else xp.asarray(rng.mask(shape, 1 - p, a))


def _drop(name: str, input: Any, p: float, training: bool, inplace: bool, whole: int) -> Any:
    """Dropout of elements, or of all that lies behind the first ``whole`` dimensions."""
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    if not training or not p:
        return input
    a = _checked(name, input)
    p = float(p)  # a NumPy number would make float64 of float32
    if backend_of(a).draws_again and not whole and p < 1:
        place = rng.place(a, a.size)
        attrs = {"scale": 1 / (1 - p), "limit": int((1 - p) * 2**32), **place}
        return in_place(_drawn_dropout, input, **attrs) if inplace else _drawn_dropout(input, **attrs)
    keep, scale = wrap(_kept(a, p, whole)), 0.0 if p == 1 else 1 / (1 - p)
    return in_place(_dropout, input, keep, scale=scale) if inplace else _dropout(input, keep, scale=scale)


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
    return _drop("dropout", input, p, training, inplace, 0)


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
        warn(
            f"dropout2d: Received a {ndim}-D input to dropout2d, which is deprecated and will result in an error in a "
            "future release. Whole channels are dropped of (N, C, H, W); dropout drops single elements of any shape."
        )
    if ndim == 3:
        warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired "
            "- input is interpreted as shape (N, C, L), where C is the channel dim. Pass (1, C, H, W) to drop the "
            "channels of one image."
        )
    return _drop("dropout2d", input, p, training, inplace, 2)


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Set whole channels to 0 with probability ``p`` and divide the others by 1 - p.

    Args:
        p: the probability of 0.
        training: False returns the input itself.
        inplace: write the result into the input.

    Shape: (N, C, L) or (C, L); the result has the input's.

    Raises:
        ValueError: ``p`` is not between 0 and 1.
        RuntimeError: the input has another number of dimensions, or holds integers.

    Example:
        >>> import nnlite
        >>> y = nnlite.nn.functional.dropout1d(nnlite.ones(3, 4, 5))
        >>> bool((y == y[:, :, :1]).all())
        True
    """
    _check_probability(p)
    if not isinstance(input, TensorBase):
        raise not_a_tensor("dropout1d", 0, input)
    ndim = input._a.ndim
    if ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that dropout1d exists to provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch "
            "dimension (i.e. 2D or 3D inputs)."
        )
    return _drop("dropout1d", input, p, training, inplace, ndim - 1)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Set whole channels to 0 with probability ``p`` and divide the others by 1 - p.

    Args:
        p: the probability of 0.
        training: False returns the input itself.
        inplace: write the result into the input.

    Shape: (N, C, D, H, W) or (C, D, H, W); other numbers of dimensions from 2 on are taken with a warning. The result
    has the input's shape.

    Raises:
        ValueError: ``p`` is not between 0 and 1.
        RuntimeError: the input has fewer than 2 dimensions, or holds integers.

    Example:
        >>> import nnlite
        >>> y = nnlite.nn.functional.dropout3d(nnlite.ones(3, 4, 2, 2, 2))
        >>> bool((y == y[:, :, :1, :1, :1]).all())
        True
    """
    _check_probability(p)
    if not isinstance(input, TensorBase):
        raise not_a_tensor("dropout3d", 0, input)
    ndim = input._a.ndim
    if ndim not in (4, 5):
        warn(
            f"dropout3d: Received a {ndim}-D input to dropout3d, which is deprecated and will result in an error in a "
            "future release. Whole channels are dropped of (N, C, D, H, W) and (C, D, H, W); dropout drops single "
            "elements of any shape."
        )
    return _drop("dropout3d", input, p, training, inplace, 1 if ndim == 4 else 2)


# ---------------------------------------------------------------------------------------------------------------------
# Dropout that keeps mean and variance of what SELU gives

_LOWEST = -1.7580993408473766
"""The limit of SELU at minus infinity, which dropped elements are set to."""


def _alpha_drop(name: str, input: Any, p: float, training: bool, inplace: bool, whole: int) -> Any:
    _check_probability(p)
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    if not training or not p:
        return input
    a = _checked(name, input)
    p = float(p)
    if p == 1:
        return in_place(mul, input, 0.0) if inplace else mul(input, 0.0)
    scale = 1 / math.sqrt((1 - p) * (1 + p * _LOWEST * _LOWEST))
    keep = _kept(a, p, whole)
    # x where it is kept and the limit elsewhere, then times scale and moved to mean 0.
    asarray = backend_of(a).xp.asarray  # NumPy makes numbers of arrays without dimensions
    factor = wrap(asarray(keep * scale).astype(a.dtype, copy=False))
    shift = wrap(asarray((1 - p - keep.astype("float32")) * (_LOWEST * scale)).astype(a.dtype, copy=False))
    if inplace:
        return in_place(add, in_place(mul, input, factor), shift)
    return add(mul(input, factor), shift)


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Dropout for networks with SELU: dropped elements get its lowest value, and mean and variance stay.

    Args:
        p: the probability that an element is dropped.
        training: False returns the input itself.
        inplace: write the result into the input.

    Shape: any; the result has the input's.

    Raises:
        ValueError: ``p`` is not between 0 and 1.
        RuntimeError: the input holds integers.

    Source: G. Klambauer and others, "Self-Normalizing Neural Networks", 2017.

    Example:
        >>> import nnlite
        >>> y = nnlite.nn.functional.alpha_dropout(nnlite.zeros(10000), training=True)
        >>> bool(y.mean().abs() < 0.1)
        True
    """
    return _alpha_drop("alpha_dropout", input, p, training, inplace, 0)


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """:func:`alpha_dropout` of whole channels.

    Args:
        p: the probability that a channel is dropped.
        training: False returns the input itself.
        inplace: write the result into the input.

    Shape: (N, C, ...); the result has the input's.

    Raises:
        ValueError: ``p`` is not between 0 and 1.
        RuntimeError: the input has fewer than 2 dimensions, or holds integers.

    Example:
        >>> import nnlite
        >>> y = nnlite.nn.functional.feature_alpha_dropout(nnlite.ones(3, 4, 5), training=True)
        >>> bool((y == y[:, :, :1]).all())
        True
    """
    return _alpha_drop("feature_alpha_dropout", input, p, training, inplace, 2)


# ---------------------------------------------------------------------------------------------------------------------
# As functions of nnlite: (input, p, train)


def _register(name: str, run: Any, inplace: bool, summary: str) -> None:
    def function(input: Any, p: float, train: bool) -> Any:
        return run(input, p, train, inplace)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = summary
    FUNCTIONS[name] = function


def _feature_dropout(input: Any, p: float, train: bool, inplace: bool) -> Any:
    _check_probability(p)
    return _drop("feature_dropout", input, p, train, inplace, 2)


for _name, _run in (
    ("dropout", dropout),
    ("feature_dropout", _feature_dropout),
    ("alpha_dropout", alpha_dropout),
    ("feature_alpha_dropout", feature_alpha_dropout),
):
    _register(_name, _run, False, f"``{_name}`` of ``input`` while ``train`` is true; see nnlite.nn.functional.")
    _register(_name + "_", _run, True, f"``{_name}`` in place.")


def _native_dropout(input: Any, p: float, train: bool | None) -> Any:
    """Dropout and the mask of the elements that stay; everything stays unless ``train`` is true or None."""
    _check_probability(p)
    a = _checked("native_dropout", input)
    xp = backend_of(a).xp
    if train is not None and not train:
        return clone(input), wrap(xp.ones(a.shape, "bool"))
    keep = wrap(_kept(a, float(p), 0) if p else xp.ones(a.shape, "bool"))
    return _dropout(input, keep, scale=0.0 if p == 1 else 1 / (1 - float(p))), keep


FUNCTIONS["native_dropout"] = _native_dropout
_native_dropout.__name__ = _native_dropout.__qualname__ = "native_dropout"
