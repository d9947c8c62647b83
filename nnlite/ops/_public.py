"""The registry of what users call: functions of ``nnlite`` and methods of ``Tensor``.

``@public`` puts a function into both under its own name. ``nnlite/_functions.py`` and ``nnlite/_methods.py`` read the
registry; ``python -m nnlite._stubs`` writes the index of it, and the type stubs of both.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from .._core.in_place import check_no_element_twice
from .._core.op import TensorBase, in_place, not_a_tensor
from ._registry import FUNCTIONS as FUNCTIONS
from ._registry import METHODS as METHODS

_F = TypeVar("_F", bound=Callable[..., Any])


def public(
    function: Any = None,
    *,
    names: tuple[str, ...] = (),
    method: bool = True,
    only_method: bool = False,
    numpy_names: bool = False,
) -> Any:
    """Register a function under its own name and ``names``, as a function, a method, or both.

    With ``numpy_names`` it takes ``axis`` for ``dim`` and ``keepdims`` for ``keepdim``, as PyTorch's functions do.
    """

    def register(f: _F) -> _F:
        if numpy_names:
            f = _with_numpy_names(f)
        for name in (f.__name__, *names):
            if not only_method:
                FUNCTIONS[name] = f
            if method or only_method:
                METHODS[name] = f
        return f

    return register if function is None else register(function)


def _with_numpy_names(f: Any) -> Any:
    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        if "axis" in kwargs:
            kwargs["dim"] = kwargs.pop("axis")
        if "keepdims" in kwargs:
            kwargs["keepdim"] = kwargs.pop("keepdims")
        return f(*args, **kwargs)

    return call


def elementwise(call: Callable[..., Any], doc: str, *, names: tuple[str, ...] = (), inplace: bool = True) -> None:
    """Make ``nnlite.name(input, *, out=None)``, ``Tensor.name()`` and ``Tensor.name_()`` of a unary operation."""
    name = call.__name__

    def function(input: Any, *, out: Any = None) -> Any:
        return call(input) if out is None else put(call(input), out)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    call.__doc__ = doc
    for alias in (name, *names):
        FUNCTIONS[alias] = function
        METHODS[alias] = call
        if inplace:
            _register_in_place(call, alias, FUNCTIONS, METHODS)


def _register_in_place(call: Any, name: str, *registries: dict[str, Any]) -> None:
    def method(input: Any) -> Any:
        return in_place(call, input)

    method.__name__ = method.__qualname__ = name + "_"
    method.__doc__ = f"``{name}`` in place; see :func:`nnlite.{name}`."
    for registry in registries:
        registry[name + "_"] = method


def elementwise_pair(
    call: Callable[..., Any],
    doc: str,
    *,
    names: tuple[str, ...] = (),
    dunder: str = "",
    comparison: bool = False,
    numbers: str = "right",
) -> None:
    """Make ``nnlite.name(input, other, *, out=None)``, the methods and the operators of a binary operation.

    ``numbers`` says which operand may be a number: ``"right"``, ``"both"`` (one of them), or ``""``. The operators take
    numbers on both sides.
    """
    name = call.__name__

    def function(input: Any, other: Any, *, out: Any = None) -> Any:
        if not isinstance(input, TensorBase) and numbers != "both":
            raise not_a_tensor(name, 0, input)
        if not numbers and not isinstance(other, TensorBase):
            raise not_a_tensor(name, 1, other)
        result = call(input, other)
        if result is NotImplemented:
            raise not_a_tensor(name, 1, other)
        return result if out is None else put(result, out)

    def method(input: Any, other: Any) -> Any:
        return in_place(call, input, other)

    function.__name__ = function.__qualname__ = name
    method.__name__ = method.__qualname__ = name + "_"
    function.__doc__ = call.__doc__ = doc[:1].upper() + doc[1:] + ", elementwise, with broadcasting."
    method.__doc__ = f"``{name}`` in place; see :func:`nnlite.{name}`."
    for alias in (name, *names):
        FUNCTIONS[alias] = METHODS[alias] = function
        METHODS[alias + "_"] = method
    if comparison:
        METHODS[f"__{name}__"] = call
    if dunder:
        operators(call, dunder, method)


def operators(call: Callable[..., Any], dunder: str, method: Callable[..., Any]) -> None:
    """Register ``x @ y``, ``y @ x`` and ``x @= y`` for an operator called ``dunder``."""

    def reflected(input: Any, other: Any) -> Any:
        if not isinstance(input, TensorBase):
            raise not_a_tensor(f"__r{dunder}__", 0, input)
        return call(other, input)

    METHODS[f"__{dunder}__"] = call
    METHODS[f"__r{dunder}__"] = reflected
    METHODS[f"__i{dunder}__"] = method


def put(result: Any, out: Any, *apart: Any, exact: bool = False) -> Any:
    """Write ``result`` to ``out=`` as PyTorch does: resized where the shape differs, no gradient.

    Args:
        apart: operands whose memory ``out`` may not be.
        exact: ``out`` has to have the dtype of the result.

    Raises:
        RuntimeError: an argument requires grad, ``out`` is of the wrong dtype, or shares its memory with ``apart``.
    """
    check_no_element_twice("out", out._a)
    if exact and result.dtype is not out.dtype:
        raise RuntimeError(f"Expected out tensor to have dtype {result.dtype}, but got {out.dtype} instead")
    if any(x._vc is out._vc for x in apart):
        raise RuntimeError(
            "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    if result.requires_grad or out.requires_grad:
        raise RuntimeError("functions with out=... arguments don't support automatic differentiation, but one of the "
                           "arguments requires grad.")  # fmt: skip
    if result.shape != out.shape:
        out.data = result.to(out.dtype)
        return out
    return out.copy_(result)
