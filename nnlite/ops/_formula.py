"""Elementwise operations with parameters: a formula and its gradient, each worked through in blocks.

A block's temporary arrays stay in the processor's cache, so that a formula of many steps reads and writes main memory
once, and blocks are shared out to threads. 16-bit numbers are computed with in float32.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.op import TensorBase, in_place, not_a_tensor, op, recorded
from ..backends.registry import tables
from ._blocks import each_block

_TEMPORARIES = 4
"""How many temporary arrays a formula has at a time, roughly."""

_FLOAT32 = dtypes.float32.np


def is_half(kind: Any) -> bool:
    """Whether a dtype has 16 bits and is computed with in float32."""
    return kind.itemsize == 2 and kind.kind in "fV"


def _flat(arrays: tuple[Any, ...]) -> list[Any] | None:
    """The arrays as vectors without a copy, in the order of their memory; None where their layouts differ."""
    first = arrays[0]
    if all(a.flags.c_contiguous for a in arrays):
        return [a.reshape(-1) for a in arrays]
    if any(a.strides != first.strides for a in arrays):
        return None
    order = sorted(range(first.ndim), key=lambda i: -first.strides[i])
    turned = [a.transpose(order) for a in arrays]
    return [a.reshape(-1) for a in turned] if all(a.flags.c_contiguous for a in turned) else None


def apply(xp: Any, function: Callable[..., Any], *arrays: Any, **attrs: Any) -> Any:
    """``function`` of arrays of one shape and dtype, element by element; the result has the first one's dtype."""
    first = arrays[0]
    kind = first.dtype
    half = is_half(kind)
    cache = getattr(xp, "cache_bytes", None)
    if cache is not None and first.nbytes * _TEMPORARIES > cache:
        out = xp.empty_like(first)
        parts = _flat((*arrays, out))
        if parts is not None:
            *flats, target = parts

            def compute(part: slice) -> None:
                cut = [a[part].astype(_FLOAT32) if half else a[part] for a in flats]
                target[part] = function(*cut, **attrs)

            each_block(xp, first.size, kind.itemsize * _TEMPORARIES, compute)
            return out
    if half:
        arrays = tuple(a.astype(_FLOAT32) for a in arrays)
    return xp.asarray(function(*arrays, **attrs)).astype(kind, copy=False)


def _gradient_operation(name: str, gradient: Callable[..., Any]) -> None:
    """Make the gradient an operation of its own, which has a place in the kernel table."""

    @functools.wraps(gradient)
    def whole(xp: Any, g: Any, x: Any, **attrs: Any) -> Any:
        return apply(xp, functools.partial(gradient, tables[type(x)]), g, x, **attrs)

    op(name)(whole)


def formula(
    gradient: Callable[..., Any], *, name: str | None = None, title: str | None = None, kernel: str | None = None
) -> Callable[[Callable[..., Any]], Any]:
    """Make an operation of ``body(xp, x, *, ...)``, one element at a time.

    ``gradient(f, g, x, *, ...)`` is written with ``f.<operation>``: it is worked through in blocks on arrays, and
    recorded under ``create_graph``. ``kernel`` is its name in the kernel table, where a backend may compute it at once.
    """
    if kernel is not None:
        _gradient_operation(kernel, gradient)

    def define(body: Callable[..., Any]) -> Any:
        @functools.wraps(body)
        def whole(xp: Any, x: Any, **attrs: Any) -> Any:
            return apply(xp, functools.partial(body, xp), x, **attrs)

        call = op(name, saves=("x",), title=title)(whole)

        def rule(f: Any, g: Any, node: Any, x: Any) -> tuple[Any, ...]:
            if f is not recorded:
                if kernel is not None:
                    return (getattr(f, kernel)(g, x, **node.attrs),)
                return (apply(f.backend_.xp, functools.partial(gradient, f), g, x, **node.attrs),)
            kind = x._a.dtype
            if not is_half(kind):
                return (gradient(f, g, x, **node.attrs),)
            wide = [f.cast(v, dtype=_FLOAT32, source=kind) for v in (g, x)]
            return (f.cast(gradient(f, *wide, **node.attrs), dtype=kind, source=_FLOAT32),)

        call.vjp(rule)
        return call

    return define


def run(call: Any, input: Any, inplace: bool, **attrs: Any) -> Any:
    """The result of an operation, written into the input if ``inplace`` says so."""
    return in_place(call, input, **attrs) if inplace else call(input, **attrs)


def check_float(name: str, input: Any, kernel: str = "", kinds: str = "fV") -> None:
    """Raise unless ``input`` is a tensor of floating-point numbers; ``kernel`` is PyTorch's name in the error."""
    if not isinstance(input, TensorBase):
        raise _no_tensor(name, "input", 1, input)
    kind = input._a.dtype
    if kind.kind not in kinds:
        raise NotImplementedError(
            f"\"{kernel or name + '_cpu'}\" not implemented for '{dtypes.TITLES[dtypes.from_numpy[kind].name]}' "
            f"({name} needs floating-point numbers: call .float())"
        )


def _no_tensor(name: str, argument: str, position: int, value: Any) -> TypeError:
    hint = str(not_a_tensor(name, position - 1, value)).partition(";")[2]
    return TypeError(
        f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}"
        + (hint and ";" + hint)
    )


def number(name: str, argument: str, position: int, value: Any) -> Any:
    """An argument that has to be a number, as a Python number: NumPy's would make float64 of float32.

    Raises:
        TypeError: it is none.
    """
    if type(value) is float or type(value) is int:
        return value
    if isinstance(value, bool | int | float | complex):
        return value
    if isinstance(value, np.generic) or (isinstance(value, TensorBase) and not value._a.ndim):
        return value.item()
    raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be Number, not {type(value).__name__}")
