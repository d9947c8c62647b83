"""Functions of the array namespace on traced arrays, by the operations that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._traced import TracedArray, plain

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""Function -> ``rule(recording, *args, **kwargs)``."""


def _rule(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def define(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            FUNCTIONS[name] = function
        return function

    return define


def _traced(recording: Any, x: Any) -> Any:
    return recording.as_traced(x, getattr(x, "dtype", None))


@_rule("asarray", "ascontiguousarray", "asanyarray")
def _(recording: Any, x: Any, dtype: Any = None, **options: Any) -> Any:
    return x if dtype is None else x.astype(dtype, copy=False)


@_rule("array", "copy")
def _(recording: Any, x: Any, dtype: Any = None, **options: Any) -> Any:
    x = x.copy()
    return x if dtype is None else x.astype(dtype, copy=False)


@_rule("reshape")
def _(recording: Any, x: Any, shape: Any, **options: Any) -> Any:
    return x.reshape(shape)


@_rule("ravel")
def _(recording: Any, x: Any) -> Any:
    return x.reshape(-1)


@_rule("transpose", "permute_dims")
def _(recording: Any, x: Any, axes: Any = None) -> Any:
    return x.transpose(axes or tuple(reversed(range(x.ndim))))


@_rule("swapaxes")
def _(recording: Any, x: Any, a: int, b: int) -> Any:
    return x.swapaxes(a, b)


@_rule("moveaxis")
def _(recording: Any, x: Any, source: Any, target: Any) -> Any:
    places = np.moveaxis(np.empty(tuple(range(2, x.ndim + 2)), np.bool_), source, target).shape
    return x.transpose(tuple(n - 2 for n in places))


def _by_shape(name: str) -> None:
    def rule(recording: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        return x.reshape(getattr(np, name)(np.broadcast_to(np.bool_(False), x.shape), *args, **kwargs).shape)

    FUNCTIONS[name] = rule


for _name in ("expand_dims", "squeeze", "atleast_1d", "atleast_2d"):
    _by_shape(_name)


@_rule("broadcast_to")
def _(recording: Any, x: Any, shape: Any, **options: Any) -> Any:
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return recording.run("broadcast_to", (x,), {"shape": shape})


@_rule("where")
def _(recording: Any, condition: Any, x: Any, y: Any) -> Any:
    kind = np.result_type(*(plain(v) for v in (x, y)))
    return recording.run("where", (_traced(recording, condition), *(recording.as_traced(v, kind) for v in (x, y))), {})


@_rule("concatenate")
def _(recording: Any, arrays: Any, axis: int = 0, **options: Any) -> Any:
    return recording.run("concatenate", tuple(_traced(recording, a) for a in arrays), {"axis": axis})


@_rule("stack")
def _(recording: Any, arrays: Any, axis: int = 0) -> Any:
    arrays = [_traced(recording, a) for a in arrays]
    ndim = arrays[0].ndim + 1
    axis %= ndim
    parts = [a.reshape(*a.shape[:axis], 1, *a.shape[axis:]) for a in arrays]
    return recording.run("concatenate", tuple(parts), {"axis": axis})


@_rule("take")
def _(recording: Any, x: Any, index: Any, axis: Any = None) -> Any:
    if axis is None:
        x, axis = _traced(recording, x).reshape(-1), 0
    return recording.run("index", (_traced(recording, x),), {"index": (slice(None),) * (axis % x.ndim) + (index,)})


@_rule("take_along_axis")
def _(recording: Any, x: Any, index: Any, axis: int) -> Any:
    return recording.run("take_along_axis", (_traced(recording, x), index), {"axis": axis % x.ndim})


def _axes(axis: Any, ndim: int) -> Any:
    if axis is None:
        return None
    return tuple(a % ndim for a in (axis if isinstance(axis, tuple | list) else (axis,)))


def _reduction(name: str, op: str) -> None:
    def rule(
        recording: Any, x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None, **options: Any
    ) -> Any:
        wide = x if dtype is None else x.astype(dtype, copy=False)
        if dtype is None and name in ("sum", "prod") and x.dtype.kind in "bu":
            wide = x.astype(np.int64)
        made = recording.run(op, (wide,), {"axis": _axes(axis, x.ndim), "keepdims": keepdims})
        out = options.get("out")
        if out is None:
            return made
        out[...] = made
        return out

    FUNCTIONS[name] = rule


for _name, _op in (("sum", "sum"), ("prod", "prod"), ("mean", "mean"), ("max", "amax"), ("min", "amin"),
                   ("amax", "amax"), ("amin", "amin"), ("any", "any"), ("all", "all")):  # fmt: skip
    _reduction(_name, _op)


def _position(name: str, largest: bool) -> None:
    def rule(recording: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        attrs = {"axis": None if axis is None else axis % x.ndim, "keepdims": keepdims, "largest": largest}
        return recording.run("index_of_extreme", (x,), attrs)

    FUNCTIONS[name] = rule


_position("argmax", True)
_position("argmin", False)


@_rule("cumsum")
def _(recording: Any, x: Any, axis: Any = None, dtype: Any = None) -> Any:
    x = x if dtype is None else x.astype(dtype, copy=False)
    return recording.run("cumsum", (x,), {"axis": axis % x.ndim})


@_rule("clip")
def _(recording: Any, x: Any, low: Any = None, high: Any = None) -> Any:
    return recording.run("clamp", (x,), {"min": low, "max": high})


def _triangle(name: str, upper: bool) -> None:
    FUNCTIONS[name] = lambda recording, x, k=0: recording.run("triangle", (x,), {"diagonal": k, "upper": upper})


_triangle("triu", True)
_triangle("tril", False)


@_rule("matmul", "dot")
def _(recording: Any, x: Any, y: Any, out: Any = None) -> Any:
    return recording.run("matmul", (_traced(recording, x), _traced(recording, y)), {}, out)


@_rule("result_type")
def _(recording: Any, *values: Any) -> Any:
    return np.result_type(*(v.dtype if isinstance(v, TracedArray) else v for v in values))


@_rule("shape")
def _(recording: Any, x: Any) -> Any:
    return x.shape


@_rule("flip")
def _(recording: Any, x: Any, axis: Any = None) -> Any:
    axes = tuple(range(x.ndim)) if axis is None else _axes(axis, x.ndim)
    return recording.run("flip", (x,), {"axis": axes})


@_rule("count_nonzero")
def _(recording: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    found = recording.run("cast", (x != 0,), {"dtype": np.dtype(np.int64), "source": np.dtype(bool)})
    return recording.run("sum", (found,), {"axis": _axes(axis, x.ndim), "keepdims": keepdims})
