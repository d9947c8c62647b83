"""The functions ``name_copy``: what the view ``name`` shows, as a new tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._public import public, put
from ..index import indexing as index
from ..pointwise import complex as complex_views
from . import diagonals, parts, strides
from . import views as shape


def _alias(input: Any) -> Any:
    return input.view(input._a.shape)


def _expand(input: Any, size: Any, *, implicit: bool = False) -> Any:
    return shape.expand(input, size)


def _view(input: Any, *size: Any, dtype: Any = None) -> Any:
    return input.view(dtype) if dtype is not None else input.view(*size)


def _narrow(input: Any, dim: int, start: Any, length: int) -> Any:
    if dim >= input._a.ndim:
        raise RuntimeError(f"narrow_copy(): dim {dim} is out of range for a tensor of {input._a.ndim} dimensions")
    return index.narrow(input, dim, start, length)


_VIEWS: dict[str, Callable[..., Any]] = {
    "alias": _alias,
    "as_strided": strides.as_strided,
    "detach": lambda input: input.detach(),
    "diagonal": diagonals.diagonal,
    "expand": _expand,
    "narrow": _narrow,
    "permute": shape.permute,
    "select": index.select,
    "split": parts.split,
    "split_with_sizes": parts.split_with_sizes,
    "squeeze": shape.squeeze,
    "t": shape.t,
    "transpose": shape.transpose,
    "unbind": parts.unbind,
    "unfold": strides.unfold,
    "unsqueeze": shape.unsqueeze,
    "view": _view,
    "view_as_complex": complex_views.view_as_complex,
    "view_as_real": complex_views.view_as_real,
}


def _register(name: str, view: Callable[..., Any]) -> None:
    def function(input: Any, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        result = view(input, *args, **kwargs)
        if isinstance(result, tuple):
            copies = tuple(part.contiguous() if out is not None else part.clone() for part in result)
            if out is None:
                return copies
            for part, target in zip(copies, out, strict=True):
                put(part, target)
            return None
        return result.clone() if out is None else put(result.clone(), out)

    function.__name__ = function.__qualname__ = name + "_copy"
    function.__doc__ = f"What ``{name}`` with the same arguments shows, as a new tensor."
    public(function, method=name == "narrow")


for _name, _function in _VIEWS.items():
    _register(_name, _function)
