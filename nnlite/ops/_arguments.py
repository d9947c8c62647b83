"""Errors for arguments of a wrong type, worked out only after a call has failed.

Functions do not look at the types of their arguments: that would cost more than many of them take. ``guarded`` makes a
function that looks when the call has raised: an argument that PyTorch's functions would not take is what was wrong, and
the error is the TypeError that names it. What an argument has to be is read from the annotation of its parameter, and
where that is ``Any``, from its name.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from .._core.dtypes import dtype
from .._core.op import TensorBase
from .._core.operands import of_device
from ._public import FUNCTIONS

_TENSORS = frozenset((
    "A", "B", "LD", "LU", "LU_data", "LU_pivots", "anchor", "batch1", "batch2", "boundaries", "grid", "index",
    "indices", "input", "input1", "input2", "log_probs", "mask", "mat", "mat1", "mat2", "negative", "offsets",
    "pivots", "positive", "target", "tau", "tensor1", "tensor2", "vec", "vec1", "vec2",
    "x", "x1", "x2", "y",
))  # fmt: skip
"""Parameters without an annotation that are tensors (or None, if that is their default)."""

_NUMBERS = frozenset(("alpha", "beta", "eps", "p", "value"))
_SIZES = frozenset((
    "dilation", "dim", "dim0", "dim1", "dim2", "dimension", "dims", "kernel_size", "normalized_shape", "output_padding",
    "output_size", "pad", "padding", "physical_layout", "shape", "shifts", "size", "sizes", "split_size", "split_sizes",
    "step", "storage_offset", "stride",
))  # fmt: skip


def _is_tensor(value: Any) -> bool:
    return isinstance(value, TensorBase)


def _is_int(value: Any) -> bool:
    if isinstance(value, TensorBase):
        return not value._a.ndim and value._a.dtype.kind in "iu"
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_float(value: Any) -> bool:
    if isinstance(value, TensorBase):
        return not value._a.ndim
    return isinstance(value, int | float | np.number) and not isinstance(value, np.complexfloating)


def _is_ints(value: Any) -> bool:
    return _is_int(value) or (isinstance(value, tuple | list) and all(map(_is_int, value)))


_TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "int": ("int", _is_int),
    "number": ("Number", lambda v: _is_float(v) or isinstance(v, complex | TensorBase)),
    "float": ("float", _is_float),
    "bool": ("bool", lambda v: isinstance(v, bool | np.bool_)),
    "str": ("str", lambda v: isinstance(v, str)),
    "tensor": ("Tensor", _is_tensor),
    "ints": ("tuple of ints", _is_ints),
    "dtype": ("torch.dtype", lambda v: isinstance(v, dtype | type)),
    "out": ("Tensor", lambda v: isinstance(v, TensorBase | tuple | list)),
    "tensors": ("tuple of Tensors", lambda v: not isinstance(v, dict) and all(map(_is_tensor, v))),
}


_SCALARS = (_TYPES["float"], _TYPES["number"])


def _wanted(parameter: inspect.Parameter) -> tuple[str, Callable[[Any], bool]] | None:
    """What an argument has to be: words and a test; None where nothing is known."""
    annotation = parameter.annotation if isinstance(parameter.annotation, str) else ""
    kind = annotation.removesuffix(" | None")
    name = parameter.name
    if name == "reduction":
        return None  # PyTorch says which words there are, whatever it is
    if kind in ("int", "float", "bool", "str"):
        return _TYPES[kind]
    if name in ("dtype", "out", "tensors"):
        return _TYPES[name]
    if name in _TENSORS and kind in ("Any", "Tensor", ""):
        return _TYPES["tensor"]
    if name in ("other", "src", "weight") and kind in ("Any", ""):
        return "Tensor or Number", lambda v: isinstance(v, TensorBase | int | float | complex | np.generic)
    if name in ("source", "destination"):  # of elements, or of dimensions that move
        return "Tensor or tuple of ints", lambda v: isinstance(v, TensorBase) or _is_ints(v)
    if name in _NUMBERS and kind in ("Any", ""):
        return _TYPES["number"]
    if name in _SIZES and kind in ("Any", ""):
        return _TYPES["ints"]
    if isinstance(parameter.default, bool):
        return _TYPES["bool"]
    return None


_INTERNAL = (AttributeError, KeyError, UnboundLocalError, NameError, RecursionError, StopIteration)
"""What a function raises that did not expect its arguments."""

_CONVERSIONS = ("Boolean value of Tensor", "only one element tensors", "invalid literal for int", "could not convert",
                "cannot convert float", "truth value of an array")  # fmt: skip
"""Texts of errors that come from an argument that was taken for a number."""

_SHAPES = ("objects cannot be broadcast", "values to unpack", "zip() argument")
"""Texts of errors that come from a shape that was not expected."""


def _described(value: Any) -> str:
    return "Tensor" if isinstance(value, TensorBase) else type(value).__name__


def explained(function: Callable[..., Any], error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The error to raise in place of one that a call raised; None for that one itself."""
    name = function.__name__
    if isinstance(error, MemoryError | RuntimeError):
        better = of_device(error)
        if better is not None:
            return better
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError as mismatch:
        return TypeError(f"{name}() received an invalid combination of arguments: {mismatch}")
    for position, (key, value) in enumerate(bound.arguments.items()):
        parameter = bound.signature.parameters[key]
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        wanted = _wanted(parameter)
        if wanted is None or value is parameter.default or _fits(wanted[1], value):
            continue
        place = f" (position {position + 1})" if position < len(args) else ""
        return TypeError(f"{name}(): argument '{key}'{place} must be {wanted[0]}, not {_described(value)}")
    if isinstance(error, NotImplementedError):
        return None
    for key, value in bound.arguments.items():
        if _too_large(value):
            kind = OverflowError if _wanted(bound.signature.parameters[key]) in _SCALARS else ValueError
            return kind(f"{name}(): Overflow when unpacking long long: {key} does not fit in 64 bits")
    if isinstance(error, np.exceptions.AxisError):
        return IndexError(f"Dimension out of range ({name}(): {error})")
    if any(text in str(error) for text in _SHAPES):
        return RuntimeError(f"{name}(): {error}")
    foreign = isinstance(error, _INTERNAL) or type(error).__module__.startswith("numpy")
    if foreign or any(text in str(error) for text in _CONVERSIONS):
        given = ", ".join(map(_described, (*args, *kwargs.values())))
        return TypeError(f"{name}() received an invalid combination of arguments - got ({given}): {error}")
    return None


def _fits(test: Callable[[Any], bool], value: Any) -> bool:
    try:
        return test(value)
    except TypeError:
        return False


def _too_large(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return any(map(_too_large, value))
    return isinstance(value, int) and not -(1 << 63) <= value < 1 << 64


LIGHT = frozenset((
    "clone", "contiguous", "detach", "dim", "expand", "flatten", "item", "masked_fill", "mean", "permute", "reshape",
    "select", "size", "squeeze", "sum", "t", "transpose", "unsqueeze", "view", "view_as",
))  # fmt: skip
"""Methods that take little more time than the guard (0.3 us), and that look at their arguments themselves."""


@functools.cache
def guarded(function: Callable[..., Any], home: str) -> Callable[..., Any]:
    """The function with errors that speak of its arguments. ``home`` is the module in which users find it."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            better = explained(function, error, args, kwargs)
            if better is None:
                raise
            raise better from error

    call.__module__ = home
    return call


def guard(name: str, value: Any, home: str) -> Any:
    """What stands as ``name`` in the module ``home``: a function of ours guarded, anything else as it is.

    Elementwise operations look at their operands themselves.
    """
    if (
        isinstance(value, FunctionType)
        and name[0] != "_"
        and value.__module__.startswith(("nnlite.ops.", "nnlite.creation.", "nnlite.signal.", "nnlite._queries"))
        and value.__module__ != "nnlite.ops._public"
        and not hasattr(value, "op")
    ):
        return guarded(value, "nnlite" if name in FUNCTIONS.places and FUNCTIONS.find(name) is value else home)
    return value


def guard_all(names: dict[str, Any], home: str) -> None:
    """Guard the functions in the dictionary of a module."""
    for name, value in names.items():
        names[name] = guard(name, value, home)
