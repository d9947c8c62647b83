"""Formulas of several steps on 16-bit numbers: computed in float32, rounded once, as PyTorch does."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .._core import dtypes
from .._core.op import TensorBase, cast
from ._public import put


def _is_half(value: Any) -> bool:
    return isinstance(value, TensorBase) and value._a.dtype.itemsize == 2 and value._a.dtype.kind in "fV"


def widened(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` of tensors that computes in float32 where they are all float16, or all bfloat16."""

    @functools.wraps(function)
    def call(input: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_half(input):
            return function(input, *args, **kwargs)
        kind = input._a.dtype
        out = kwargs.pop("out", None)
        values = (input, *args, *kwargs.values())
        if any(isinstance(v, TensorBase) and v._a.dtype != kind for v in values):
            return function(input, *args, **(kwargs if out is None else {**kwargs, "out": out}))

        def wide(value: Any) -> Any:
            return cast(value, dtypes.float32.np) if isinstance(value, TensorBase) else value

        result = function(wide(input), *map(wide, args), **{name: wide(v) for name, v in kwargs.items()})
        if isinstance(result, TensorBase) and result._a.dtype.name == "float32":
            result = cast(result, kind)
        return result if out is None else put(result, out)

    return call
