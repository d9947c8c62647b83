"""Elementwise operations made public with a whole docstring: formula, shapes, errors and an example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core import dtypes
from .._core.op import TensorBase
from ._public import FUNCTIONS, METHODS, elementwise, elementwise_pair

_ONE = "The result has the input's shape{floats}."
_TWO = "The shapes are broadcast together{floats}."
_FLOATS = "; integers become the default float type"


def docstring(summary: str, call: str, result: str, *, shapes: str = "", raises: str = "") -> str:
    """A docstring: what the function gives, its shapes and errors, and ``nnlite.`` ``call`` with what it prints."""
    parts = [summary]
    if shapes:
        parts.append(shapes)
    if raises:
        parts.append("Raises:\n" + "\n".join("    " + line for line in raises.splitlines()))
    lines = "\n".join("    " + line for line in result.splitlines())
    parts.append(f"Example:\n    >>> import nnlite\n    >>> nnlite.{call}\n{lines}")
    return "\n\n".join(parts)


def one(
    call: Callable[..., Any],
    summary: str,
    example: tuple[str, str],
    *,
    names: tuple[str, ...] = (),
    inplace: bool = True,
    floats: bool = True,
    raises: str = "",
) -> None:
    """``elementwise`` with a whole docstring; ``floats`` says that integers become floats."""
    shapes = _ONE.format(floats=_FLOATS if floats else "")
    elementwise(call, docstring(summary, *example, shapes=shapes, raises=raises), names=names, inplace=inplace)


def two(
    call: Callable[..., Any],
    summary: str,
    example: tuple[str, str],
    *,
    names: tuple[str, ...] = (),
    numbers: str = "",
    dunder: str = "",
    inplace: bool = True,
    floats: bool = False,
    function_in_place: bool = False,
    raises: str = "",
) -> None:
    """``elementwise_pair`` with a whole docstring; see there for ``numbers`` and ``dunder``.

    ``function_in_place`` makes the in-place form a function of ``nnlite`` too.
    """
    elementwise_pair(call, summary, names=names, numbers=numbers, dunder=dunder)
    name = call.__name__
    shapes = _TWO.format(floats=_FLOATS if floats else "")
    FUNCTIONS[name].__doc__ = call.__doc__ = docstring(summary, *example, shapes=shapes, raises=raises)
    for alias in (name, *names):
        if not inplace:
            del METHODS[alias + "_"]
        elif function_in_place:
            FUNCTIONS[alias + "_"] = METHODS[alias + "_"]


def not_implemented(name: str, x: Any) -> NotImplementedError:
    """PyTorch's error for a raw array, or a tensor, of a dtype that an operation does not take."""
    kind = (x._a if isinstance(x, TensorBase) else x).dtype
    title = dtypes.TITLES[dtypes.from_numpy[kind].name]
    return NotImplementedError(f"\"{name}\" not implemented for '{title}' (convert the tensor with .to(dtype))")


def taking(kinds: str, name: str, body: Any) -> Callable[..., Any]:
    """A body that refuses arrays whose dtypes are not of these NumPy kinds, instead of computing in another dtype."""

    def checked(xp: Any, *arrays: Any) -> Any:
        if arrays[0].dtype.kind not in kinds:
            raise not_implemented(name, arrays[0])
        return getattr(xp, body)(*arrays) if isinstance(body, str) else body(xp, *arrays)

    return checked


def underivable(name: str) -> Callable[..., Any]:
    """In place of a derivative that PyTorch has not either."""

    def derivative(f: Any, g: Any) -> Any:
        raise NotImplementedError(
            f"the derivative for '{name}' is not implemented (detach() the input where it should count as constant)"
        )

    return derivative
