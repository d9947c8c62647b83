"""How special functions are made: polynomials and choices over arrays, and their names in ``nnlite.special``.

A function here gets arrays of float32 or float64 and stays in that type. 16-bit numbers are computed with in float32,
large arrays in blocks that fit the processor's cache.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..._core.op import binary, unary
from .._documented import docstring, not_implemented
from .._formula import apply
from .._public import put

SPECIAL: dict[str, Callable[..., Any]] = {}
"""Functions that are in ``nnlite.special`` alone, by name."""

Table = tuple[float, ...]


def polynomial(x: Any, coefficients: Table) -> Any:
    """The polynomial with these coefficients, highest power first, by Horner's rule."""
    value = x * coefficients[0] + coefficients[1]
    for coefficient in coefficients[2:]:
        value *= x
        value += coefficient
    return value


def precise(x: Any, double: Any, single: Any) -> Any:
    """What float64 needs, or what is enough for float32."""
    return double if x.dtype.itemsize == 8 else single


def select(xp: Any, mask: Any, yes: Callable[..., Any], no: Callable[..., Any], *arrays: Any) -> Any:
    """``yes(*arrays)`` where the mask is true, else ``no(*arrays)``, for arrays of the mask's shape.

    Where the host sees results at once each is computed on its own elements only, on other devices both on all.
    """
    if getattr(xp, "cache_bytes", None) is None or not getattr(mask, "ndim", 0):
        return xp.where(mask, yes(*arrays), no(*arrays))
    count = int(xp.count_nonzero(mask))
    if count in (0, mask.size):
        return (yes if count else no)(*arrays)
    out = xp.empty(mask.shape, arrays[0].dtype)
    out[mask] = yes(*(a[mask] for a in arrays))
    rest = ~mask
    out[rest] = no(*(a[rest] for a in arrays))
    return out


def special_unary(name: str, function: Callable[..., Any], d: Callable[..., Any] | None, **options: Any) -> Any:
    """``unary`` of ``function(xp, x)`` for real numbers."""

    def body(xp: Any, x: Any) -> Any:
        if x.dtype.kind not in "fV":
            raise not_implemented(name, x)
        return apply(xp, functools.partial(function, xp), x)

    return unary(name, body, d, to_float=True, **options)


def special_binary(
    name: str,
    function: Callable[..., Any],
    dx: Callable[..., Any],
    dy: Callable[..., Any],
    *,
    for_complex: Callable[..., Any] | None = None,
    **options: Any,
) -> Any:
    """``binary`` of ``function(xp, x, y)`` for real numbers, as arrays of one shape; a number becomes an array."""

    def body(xp: Any, x: Any, y: Any) -> Any:
        if x.dtype.kind == "c" and for_complex is not None:
            return for_complex(xp, x, y)
        if x.dtype.kind not in "fV":
            raise not_implemented(name, x)
        if not hasattr(y, "dtype"):
            y = xp.full((), y, x.dtype)
        if y.shape != x.shape:
            shape = xp.broadcast_shapes(x.shape, y.shape)
            x, y = xp.broadcast_to(x, shape), xp.broadcast_to(y, shape)
        return apply(xp, functools.partial(function, xp), x, y)

    return binary(name, body, dx, dy, **options)


def special_function(call: Callable[..., Any], name: str, doc: str) -> Callable[..., Any]:
    """Make ``nnlite.special.name(input, *, out=None)`` of an operation's call, and note it in ``SPECIAL``."""

    def function(input: Any, *args: Any, out: Any = None) -> Any:
        result = call(input, *args)
        return result if out is None else put(result, out)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "nnlite.special"
    function.__doc__ = doc
    SPECIAL[name] = function
    return function


def special_one(call: Callable[..., Any], name: str, summary: str, example: str, result: str) -> None:
    """``special_function`` of one tensor."""
    shapes = "The result has the input's shape; integers become the default float type."
    special_function(call, name, docstring(summary, f"special.{name}({example})", result, shapes=shapes))
