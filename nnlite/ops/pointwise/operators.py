"""Operators under their old names, the reflected ``@``, and Python functions of one element at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._core.op import TensorBase, not_a_tensor
from .._public import METHODS, public
from ..linalg.matmul import matmul
from . import arithmetic as arithmetic  # registers what gets a second name here

for _new, _old in (("__truediv__", "__div__"), ("__itruediv__", "__idiv__")):
    METHODS[_old] = METHODS[_new]


@public(only_method=True)
def __rmatmul__(input: Any, other: Any) -> Any:
    """``other @ input``."""
    return matmul(other, input)


@public(only_method=True)
def __rdiv__(input: Any, other: Any) -> Any:
    """``other / input``."""
    return input.reciprocal() * other


@public(only_method=True)
def __long__(input: Any) -> int:
    """The one element as an integer."""
    return int(input)


@public(only_method=True)
def __nonzero__(input: Any) -> bool:
    """Whether the one element is not 0."""
    return bool(input)


@public(only_method=True)
def map2_(input: Any, x: Any, y: Any, callable: Callable[[Any, Any, Any], Any]) -> Any:
    """Put ``callable(element, element of x, element of y)`` in the place of each element; see ``apply_``."""
    return _each("map2_", callable, input, x, y)


def _each(name: str, function: Callable[..., Any], *tensors: Any) -> Any:
    for position, t in enumerate(tensors):
        if not isinstance(t, TensorBase):
            raise not_a_tensor(name, position, t)
        if t.requires_grad:
            raise RuntimeError(
                f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead."
            )
    input = tensors[0]
    values = [t.expand(input.shape).reshape(-1).tolist() for t in tensors]
    found = [function(*elements) for elements in zip(*values, strict=True)]
    return input.copy_(input.new_tensor(found).reshape(input.shape))
