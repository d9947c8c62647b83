"""Elementwise functions whose arguments need more than one operation's call: alpha, rounding modes, bounds, masks."""

from __future__ import annotations

import functools
from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, cast, check_same_device, in_place, not_a_tensor, op, unbroadcast
from ..._core.operands import numbers_moved
from ..._core.tensor_base import wrap
from ...backends import backend_of
from .._public import FUNCTIONS, METHODS, operators, public, put
from .._wide import widened
from . import elementwise as e


def _pair(call: Any, name: str, input: Any, other: Any, out: Any = None) -> Any:
    result = call(input, other)
    if result is NotImplemented:
        raise not_a_tensor(name, 1, other)
    return result if out is None else put(result, out)


def _scaled(other: Any, alpha: Any) -> Any:
    return other if alpha == 1 else other * alpha


def _times_alpha(input: Any, other: Any, alpha: Any) -> Any:
    """``alpha * other``; PyTorch refuses an alpha of a higher category than the result.

    Raises:
        RuntimeError: a float as alpha of integers, or a complex number as alpha of real numbers.
    """
    if type(alpha) is not int:
        kind = dtypes.result(tuple(v._a if isinstance(v, TensorBase) else v for v in (input, other)))
        if isinstance(alpha, complex) and not kind.is_complex:
            raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
        if isinstance(alpha, float) and kind.category < dtypes.FLOAT:
            raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return _scaled(other, alpha)


@public
def add(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """x + alpha y, elementwise, with broadcasting.

    Example:
        >>> import nnlite
        >>> nnlite.add(nnlite.tensor([1.0, 2.0]), 3)
        tensor([4., 5.])
    """
    if alpha != 1:
        other = _times_alpha(input, other, alpha)
    return _pair(e.add, "add", input, other, out)


@public(only_method=True)
def add_(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """x + alpha y in place."""
    return in_place(e.add, input, other if alpha == 1 else _times_alpha(input, other, alpha))


@public(names=("subtract",))
def sub(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """x - alpha y, elementwise, with broadcasting."""
    return _pair(e.sub, "sub", input, other if alpha == 1 else _times_alpha(input, other, alpha), out)


@public(only_method=True, names=("subtract_",))
def sub_(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """x - alpha y in place."""
    return in_place(e.sub, input, other if alpha == 1 else _times_alpha(input, other, alpha))


@public(method=True)
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """y - alpha x, elementwise."""
    if not isinstance(input, TensorBase):
        raise not_a_tensor("rsub", 0, input)
    return _pair(e.sub, "rsub", other, _scaled(input, alpha))


def _towards_zero(input: Any, other: Any) -> Any:
    """x / y without its fraction; of integers exactly."""
    kind = dtypes.result(tuple(v._a if isinstance(v, TensorBase) else v for v in (input, other)))
    if kind.category < dtypes.FLOAT:
        return e.floor_divide(e.sub(input, e.fmod(input, other)), other)
    quotient = e.div(input, other)
    return quotient if quotient is NotImplemented else e.trunc(quotient)


_ROUNDING = {None: e.div, "floor": e.floor_divide, "trunc": _towards_zero}


@public(names=("divide", "true_divide"))
def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Any = None) -> Any:
    """x / y, elementwise; ``rounding_mode`` is None, ``"trunc"`` or ``"floor"``.

    The shapes are broadcast together; without a rounding mode integers become the default float type.

    Raises:
        RuntimeError: the rounding mode is another, or integers are rounded that were divided by 0 on the CPU.

    Example:
        >>> import nnlite
        >>> nnlite.div(nnlite.tensor([7, -7]), 2, rounding_mode="trunc")
        tensor([ 3, -3])
    """
    if rounding_mode not in _ROUNDING:
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    if rounding_mode is not None:
        _check_integers(f"div_{rounding_mode}", input, other)
    return _pair(_ROUNDING[rounding_mode], "div", input, other, out)


@public(only_method=True, names=("divide_", "true_divide_"))
def div_(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """x / y in place."""
    if rounding_mode is None:
        if input._a.dtype.kind not in "fcV":
            raise RuntimeError("result type Float can't be cast to the desired output type "
                               + {"int64": "Long", "int32": "Int"}.get(str(input._a.dtype), "integer"))  # fmt: skip
        return in_place(e.div, input, other)
    return input.copy_(div(input, other, rounding_mode=rounding_mode))


operators(e.add, "add", add_)
operators(e.sub, "sub", sub_)
operators(e.div, "truediv", div_)
METHODS["__neg__"] = e.neg
METHODS["__abs__"] = e.abs


def _invert(input: Any) -> Any:
    """The bits of x inverted."""
    if input._a.dtype.kind not in "biu":
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return e.bitwise_not(input)


def _is_bool(value: Any) -> bool:
    return value._a.dtype.kind == "b" if isinstance(value, TensorBase) else isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return value._a.dtype.kind in "biu" if isinstance(value, TensorBase) else isinstance(value, int)


def _check_integers(name: str, input: Any, other: Any) -> None:
    """Refuse what PyTorch refuses of integers and an array library computes in its own way.

    Raises:
        NotImplementedError: both operands are bools.
        RuntimeError: a negative number as the exponent, or a 0 as or in the divisor. (A device that works on its own
            divides by a tensor's 0 without an error, as PyTorch's CUDA does.)
    """
    if not (_is_integer(input) and _is_integer(other)):
        return
    if _is_bool(input) and _is_bool(other):
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool' (convert one operand with .int())")
    if name == "pow":
        if type(other) is int and other < 0:
            raise RuntimeError(
                "Integers to negative integer powers are not allowed. (pow: convert the base with .float())"
            )
    elif _has_zero(other):
        raise RuntimeError(f"ZeroDivisionError ({name} of integers by 0; mask the zeros or convert with .float())")


def _has_zero(divisor: Any) -> bool:
    """Whether a number or an element of an integer tensor is 0, as far as the host can tell without waiting."""
    if not isinstance(divisor, TensorBase):
        return not divisor
    places = backend_of(divisor._a).positions((divisor._a == 0).reshape(-1))
    return places is not None and len(places) > 0


def _checked(name: str, call: Any) -> Any:
    """``call(x, y)`` after the check of integers; floating point numbers cost it one look."""

    @functools.wraps(call)
    def checked(input: Any, other: Any, **options: Any) -> Any:
        if type(input) is int or (isinstance(input, TensorBase) and input._a.dtype.kind in "biu"):
            _check_integers(name, input, other)
        return call(input, other, **options)

    return checked


def _checked_reflected(name: str, call: Any) -> Any:
    """``call(x, y)`` for ``y / x`` and its like."""

    @functools.wraps(call)
    def checked(input: Any, other: Any) -> Any:
        if input._a.dtype.kind in "biu":
            _check_integers(name, other, input)
        return call(input, other)

    return checked


METHODS["__invert__"] = _invert
for _name, _dunder, _call in (("pow", "pow", e.pow_), ("floor_divide", "floordiv", e.floor_divide),
                              ("remainder", "mod", e.remainder), ("fmod", "", e.fmod)):  # fmt: skip
    FUNCTIONS[_name] = METHODS[_name] = _checked(_name, FUNCTIONS[_name])
    METHODS[_name + "_"] = _checked(_name, METHODS[_name + "_"])
    if _dunder:
        METHODS[f"__{_dunder}__"] = _checked(_name, _call)
        METHODS[f"__i{_dunder}__"] = _checked(_name, METHODS[f"__i{_dunder}__"])
    if _dunder in ("floordiv", "mod"):
        METHODS[f"__r{_dunder}__"] = _checked_reflected(_name, METHODS[f"__r{_dunder}__"])


@public(only_method=True)
def __pos__(input: Any) -> Any:
    """The tensor itself."""
    return input


@op(saves=("condition",))
def _where(xp: Any, condition: Any, x: Any, y: Any) -> Any:
    return xp.where(condition, x, y)


@_where.vjp
def _(f: Any, g: Any, node: Any, condition: Any) -> tuple[Any, ...]:
    _, xn, yn = node.edges
    zero = f.zeros_like(g)
    gx = None if xn is None else unbroadcast(f, f.where(condition, g, zero), node.shapes[1])
    gy = None if yn is None else unbroadcast(f, f.where(condition, zero, g), node.shapes[2])
    return None, gx, gy


@public(method=False)
def where(condition: Any, input: Any | complex = None, other: Any | complex = None, *, out: Any = None) -> Any:
    """``input`` where ``condition`` is true, ``other`` elsewhere; with the condition alone, ``nonzero(as_tuple=True)``.

    Example:
        >>> import nnlite
        >>> nnlite.where(nnlite.tensor([True, False]), 1.0, 2.0)
        tensor([1., 2.])
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if not isinstance(condition, TensorBase):
        raise not_a_tensor("where", 0, condition)
    if condition._a.dtype.name not in ("bool", "uint8"):
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{dtypes.TITLES[dtypes.from_numpy[condition._a.dtype].name]} (compare: condition != 0)"
        )
    condition, input, other = numbers_moved((condition, input, other)) or (condition, input, other)
    raws = tuple(v._a if isinstance(v, TensorBase) else v for v in (input, other))
    check_same_device("where", (condition._a, *raws))
    kind = dtypes.result(raws)
    xp = backend_of(condition._a).xp
    x, y = (
        cast(v, kind.np) if isinstance(v, TensorBase) and v._a.dtype != kind.np
        else v if isinstance(v, TensorBase) else wrap(xp.asarray(dtypes.number(v, kind), dtype=kind.np))
        for v in (input, other)
    )  # fmt: skip
    mask = condition if condition._a.dtype.kind == "b" else wrap(condition._a != 0)
    result = _where(mask, x, y)
    return result if out is None else put(result, out)


@public(only_method=True, names=())
def _where_method(self: Any, condition: Any, other: Any) -> Any:
    """``self`` where ``condition`` is true, ``other`` elsewhere."""
    return where(condition, self, other)


METHODS["where"] = METHODS.pop("_where_method")


@op(saves=("x",))
def _clamp(xp: Any, x: Any, *, min: Any, max: Any) -> Any:
    kind = x.dtype
    if min is not None and max is not None and kind.kind == "f":
        return xp.clip(x, min, max)
    if min is not None:
        x = xp.maximum(x, min)
    if max is not None:
        x = xp.minimum(x, max)
    return x.astype(kind, copy=False)


@_clamp.vjp
def _(f: Any, g: Any, node: Any, x: Any) -> tuple[Any, ...]:
    low, high = node.attrs["min"], node.attrs["max"]
    if low is not None:
        g = f.zero_where(g, ~(x >= low))  # also where x is not a number
    return (g if high is None else f.zero_where(g, ~(x <= high)),)


@op(saves=("x", "low", "high"), title="ClampBackward0")
def _clamp_between(xp: Any, x: Any, low: Any, high: Any) -> Any:
    if low is not None:
        x = xp.maximum(x, low)
    return x if high is None else xp.minimum(x, high)


@_clamp_between.vjp
def _(f: Any, g: Any, node: Any, x: Any, low: Any, high: Any) -> tuple[Any, ...]:
    """A bound gets the gradient where it was put in; where they cross, the upper one."""
    xn, low_node, high_node = node.edges
    gx = low_gradient = high_gradient = None
    if xn is not None:
        gx = g if low is None else f.zero_where(g, ~(x >= low))
        gx = unbroadcast(f, gx if high is None else f.zero_where(gx, ~(x <= high)), node.shapes[0])
    if low_node is not None:
        off = ~(x < low) if high is None else ~((x < low) & (low < high))
        low_gradient = unbroadcast(f, f.zero_where(g, off), node.shapes[1])
    if high_node is not None:
        off = ~(x > high) if low is None else ~((x > high) | (high < low))
        high_gradient = unbroadcast(f, f.zero_where(g, off), node.shapes[2])
    return gx, low_gradient, high_gradient


def _no_complex_bounds(*values: Any) -> None:
    if any(isinstance(v, complex) or (isinstance(v, TensorBase) and v._a.dtype.kind == "c") for v in values):
        raise NotImplementedError("clamp is not supported for complex types (clamp .real, .imag or .abs())")


def _within(input: Any, *bounds: Any) -> Any:
    """The input limited by tensors, numbers or None, in the dtype that they have in common."""
    given = numbers_moved((input, *bounds)) or [input, *bounds]
    raws = tuple(v._a if isinstance(v, TensorBase) else v for v in given if v is not None)
    check_same_device("clamp", raws)
    kind = dtypes.result(raws)
    x = given[0] if given[0]._a.dtype == kind.np else cast(given[0], kind.np)
    xp = backend_of(x._a).xp
    return _clamp_between(x, *(
        v if v is None
        else wrap(xp.asarray(dtypes.number(v, kind), dtype=kind.np)) if not isinstance(v, TensorBase)
        else v if v._a.dtype == kind.np else cast(v, kind.np)
        for v in given[1:]
    ))  # fmt: skip


@public(names=("clip",))
def clamp(input: Any, min: Any = None, max: Any = None, *, out: Any = None) -> Any:
    """The input limited to [min, max], elementwise; a bound is a number, a tensor, or None.

    The shapes are broadcast together; the dtype is the one that the arguments have in common.

    Raises:
        RuntimeError: both bounds are None.
        NotImplementedError: an argument is complex.

    Example:
        >>> import nnlite
        >>> nnlite.clamp(nnlite.tensor([-2.0, 0.5, 3.0]), 0, 1)
        tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    _no_complex_bounds(input, min, max)
    if isinstance(min, TensorBase) or isinstance(max, TensorBase):
        result = _within(input, min, max)
    else:
        bounds = tuple(b for b in (min, max) if b is not None)
        kind = dtypes.result((input._a, *bounds))
        low, high = (b if b is None else dtypes.number(b, kind) for b in (min, max))
        result = _clamp(input if input._a.dtype == kind.np else cast(input, kind.np), min=low, max=high)
    return result if out is None else put(result, out)


@public(names=("clip_",))
def clamp_(input: Any, min: Any = None, max: Any = None) -> Any:
    """``clamp`` in place."""
    _no_complex_bounds(input, min, max)
    if isinstance(min, TensorBase) or isinstance(max, TensorBase):
        return input.copy_(clamp(input, min, max))
    return in_place(_clamp, input, min=min, max=max)


@public
def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """``value`` where ``mask`` is true, the input elsewhere; shapes broadcast."""
    if not isinstance(value, TensorBase):
        value = _like(input, value)
    if value._a.ndim:
        raise RuntimeError(
            f"masked_fill only supports a 0-dimensional value tensor, but got tensor with {value._a.ndim} dimension(s)."
        )
    if value._a.dtype.kind == "c" and input._a.dtype.kind != "c":
        raise RuntimeError(f"value cannot be converted to type {input.dtype} without overflow")
    return where(mask, value.to(input.dtype), input)


@public(only_method=True)
def masked_fill_(input: Any, mask: Any, value: Any) -> Any:
    """``masked_fill`` in place."""
    return input.copy_(masked_fill(input, mask, value))


def _like(input: Any, value: Any) -> Any:
    """A 0-d tensor of a number, of the input's dtype and device."""
    number = dtypes.number(value, dtypes.from_numpy[input._a.dtype])
    return wrap(backend_of(input._a).xp.asarray(number, dtype=input._a.dtype))


@public
@widened
def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight (end - input)."""
    return input + weight * (end - input)


@public
@widened
def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """input + value tensor1 tensor2."""
    return input + _scaled(tensor1 * tensor2, value)


@public
@widened
def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """input + value tensor1 / tensor2."""
    return input + _scaled(tensor1 / tensor2, value)


@public(only_method=True)
def addcmul_(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """``addcmul`` in place."""
    return add_(input, _scaled(tensor1 * tensor2, value))


@public(only_method=True)
def addcdiv_(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """``addcdiv`` in place."""
    return add_(input, _scaled(tensor1 / tensor2, value))


@public(only_method=True)
def lerp_(input: Any, end: Any, weight: Any) -> Any:
    """``lerp`` in place."""
    return add_(input, weight * (end - input))


@public
def round(input: Any, *, decimals: int = 0, out: Any = None) -> Any:
    """The nearest number with ``decimals`` digits after the point; halves go to the even one.

    Example:
        >>> import nnlite
        >>> nnlite.round(nnlite.tensor([1.25, 2.5]), decimals=1)
        tensor([1.2000, 2.5000])
    """
    if decimals:
        scale = 10.0 ** abs(decimals)
        result = e.round_(input * scale) / scale if decimals > 0 else e.round_(input / scale) * scale
    else:
        result = e.round_(input)
    return result if out is None else put(result, out)


@public
def round_(input: Any, *, decimals: int = 0) -> Any:
    """``round`` in place."""
    return input.copy_(round(input, decimals=decimals)) if decimals else in_place(e.round_, input)


@public
def equal(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape and values."""
    return input.shape == other.shape and bool((input == other).all().item())


@public
def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Whether |x - y| <= atol + rtol |y|, elementwise.

    Raises:
        RuntimeError: the dtypes differ, or ``rtol`` or ``atol`` is negative.
    """
    for position, value in enumerate((input, other)):
        if not isinstance(value, TensorBase):
            raise not_a_tensor("isclose", position, value)
    if input._a.dtype != other._a.dtype:
        raise RuntimeError(f"{input.dtype} did not match {other.dtype} (isclose: convert one with .to(dtype))")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}")
    if input._a.dtype.kind == "b":
        return input == other
    close = (input == other) | ((input - other).abs() <= atol + rtol * other.abs()) & other.isfinite()
    return close | (input.isnan() & other.isnan()) if equal_nan else close


@public
def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close, see :func:`isclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all().item())
