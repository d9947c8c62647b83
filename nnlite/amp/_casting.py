"""How an operation of the table casts its operands: one function for each rule."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .._core import dtypes
from .._core.autocast import autocast as state
from .._core.operands import all_examples
from .._core.tensor_base import TensorBase
from ..backends import backend_of

Operands = tuple[tuple[Any, ...], dict[str, Any]]
Rule = Callable[[str, Any, Any], Operands]
"""``rule(device_type, args, kwargs)`` gives the arguments to call the operation with."""


def device_type_of(x: TensorBase) -> str:
    """The type of a tensor's device; under ``vmap`` that of the array of all examples."""
    name: str = backend_of(all_examples(x._a)).name
    return name


def _tensors(values: Any) -> Any:
    """The tensors among values and in lists of them."""
    for value in values:
        if isinstance(value, TensorBase):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _eligible(x: TensorBase, device_type: str) -> bool:
    kind = x._a.dtype
    return kind.kind in "fV" and kind.itemsize < 8 and device_type_of(x) == device_type


def _cast(value: Any, device_type: str, target: dtypes.dtype) -> Any:
    if isinstance(value, TensorBase):
        return state.converted(value, target) if _eligible(value, device_type) else value
    if isinstance(value, list) or type(value) is tuple:
        return type(value)([_cast(each, device_type, target) for each in value])
    return value


def _all_to(device_type: str, args: Any, kwargs: Any, target: dtypes.dtype) -> Operands:
    return (
        tuple([_cast(value, device_type, target) for value in args]),
        {key: _cast(value, device_type, target) for key, value in kwargs.items()},
    )


def lower(device_type: str, args: Any, kwargs: Any) -> Operands:
    """All in the lower precision."""
    return _all_to(device_type, args, kwargs, state.dtypes[device_type])


def single(device_type: str, args: Any, kwargs: Any) -> Operands:
    """All in float32."""
    return _all_to(device_type, args, kwargs, dtypes.float32)


def single_unless_told(device_type: str, args: Any, kwargs: Any) -> Operands:
    """All in float32, unless the call names a dtype."""
    if kwargs.get("dtype") is not None or any(isinstance(value, dtypes.dtype) for value in args):
        return args, kwargs
    return single(device_type, args, kwargs)


def widest(device_type: str, args: Any, kwargs: Any) -> Operands:
    """All in float32 if one is, else in the lower precision."""
    found = [x for x in _tensors((*args, *kwargs.values())) if _eligible(x, device_type)]
    wide = any(x._a.dtype.itemsize == 4 for x in found)
    return _all_to(device_type, args, kwargs, dtypes.float32 if wide else state.dtypes[device_type])


def as_first(device_type: str, args: Any, kwargs: Any) -> Operands:
    """All in the dtype of the first."""
    first = next((x for x in _tensors((*args, *kwargs.values())) if _eligible(x, device_type)), None)
    if first is None:
        return args, kwargs
    return _all_to(device_type, args, kwargs, dtypes.from_numpy[first._a.dtype])


def refused(device_type: str, args: Any, kwargs: Any) -> Operands:
    """For ``binary_cross_entropy``: logarithms of numbers that float16 has rounded to 0 or 1."""
    raise RuntimeError(
        "torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are unsafe to autocast: sigmoid in the lower "
        "precision rounds to 0 or 1. Leave the sigmoid out and use binary_cross_entropy_with_logits or "
        "BCEWithLogitsLoss, or call it under autocast(enabled=False)."
    )


def unchanged(device_type: str, args: Any, kwargs: Any) -> Operands:
    """As they are."""
    return args, kwargs


def when(condition: Callable[..., bool], rule: Rule, otherwise: Rule = unchanged) -> Rule:
    """The rule for calls whose arguments fulfil a condition, and that for others."""

    def chosen(device_type: str, args: Any, kwargs: Any) -> Operands:
        return (rule if condition(*args, **kwargs) else otherwise)(device_type, args, kwargs)

    return chosen


def casting(function: Callable[..., Any], on_cpu: Rule | None, on_device: Rule | None) -> Callable[..., Any]:
    """The function, casting its operands where autocast is on."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not state.on or kwargs.get("out") is not None:
            return function(*args, **kwargs)
        first = next(_tensors((*args, *kwargs.values())), None)
        if first is None:
            return function(*args, **kwargs)
        device_type = device_type_of(first)
        rule = on_cpu if device_type == "cpu" else on_device
        if rule is None or not state.enabled[device_type]:
            return function(*args, **kwargs)
        args, kwargs = rule(device_type, args, kwargs)
        state.on = False
        try:
            return function(*args, **kwargs)
        finally:
            state.on = True

    return call
