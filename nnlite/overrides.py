"""Functions about classes that stand in for tensors. Nothing is overridden: there is no ``__torch_function__``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ._unavailable import Unavailable
from .tensor import Tensor

__all__ = [
    "get_default_nowrap_functions",
    "get_ignored_functions",
    "get_overridable_functions",
    "handle_torch_function",
    "has_torch_function",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "resolve_name",
    "wrap_torch_function",
]

_INSTEAD = "there is no __torch_function__ protocol; write a function that calls the operation"
TorchFunctionMode = Unavailable("torch.overrides.TorchFunctionMode", _INSTEAD)
handle_torch_function = Unavailable("torch.overrides.handle_torch_function", _INSTEAD)
wrap_torch_function = Unavailable("torch.overrides.wrap_torch_function", _INSTEAD)


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """False: no class overrides functions."""
    return False


def has_torch_function_unary(tensor: Any) -> bool:
    """False."""
    return False


def has_torch_function_variadic(*tensors: Any) -> bool:
    """False."""
    return False


def is_tensor_like(inp: Any) -> bool:
    """Whether it is a tensor, or its class says that it behaves as one.

    Example:
        >>> import nnlite
        >>> from nnlite.overrides import is_tensor_like
        >>> is_tensor_like(nnlite.ones(2)), is_tensor_like(3.0)
        (True, False)
    """
    return isinstance(inp, Tensor) or hasattr(type(inp), "__torch_function__")


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether a function is a method of Tensor."""
    name = getattr(func, "__name__", "")
    return getattr(Tensor, name, None) is func


def get_default_nowrap_functions() -> set[Any]:
    """The empty set."""
    return set()


def get_ignored_functions() -> set[Any]:
    """The empty set."""
    return set()


def get_overridable_functions() -> dict[Any, list[Any]]:
    """The empty dictionary: no function can be overridden."""
    return {}


def resolve_name(f: Any) -> str | None:
    """The full name of a function; None where it has none."""
    name = getattr(f, "__qualname__", None)
    return None if name is None else f"{f.__module__}.{name}"
