"""Elementwise functions that are formulas of others, and sums and extremes of two or more kinds at once."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, as_array, not_a_tensor
from ..._core.tensor_base import wrap
from ...backends.registry import tables
from .._axes import axes_of, axis_of
from .._formula import formula
from .._public import FUNCTIONS, METHODS, public, put
from ..reduction import reduce
from ..shape.views import squeeze
from . import elementwise as e
from .arithmetic import clamp, where
from .complex import real


def _formula(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register ``name(input, ..., out=None)`` and ``input.name_(...)`` of a function of tensors."""
    name = function.__name__

    def call(input: Any, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        result = function(input, *args, **kwargs)
        return result if out is None else put(result, out)

    def method(input: Any, *args: Any, **kwargs: Any) -> Any:
        return input.copy_(_fitting(input, function(input, *args, **kwargs), name))

    call.__name__ = call.__qualname__ = name
    method.__name__ = method.__qualname__ = name + "_"
    call.__doc__ = function.__doc__
    method.__doc__ = f"``{name}`` in place; see :func:`nnlite.{name}`."
    public(call)
    FUNCTIONS[name + "_"] = METHODS[name + "_"] = method
    return call


def _fitting(input: Any, result: Any, name: str) -> Any:
    """The result, if its dtype may be written into the input."""
    if result.dtype.category > input.dtype.category:
        titles = [dtypes.TITLES[x.dtype.name] for x in (result, input)]
        raise RuntimeError(f"result type {titles[0]} can't be cast to the desired output type {titles[1]} ({name}_)")
    return result


def _floating(x: Any) -> Any:
    return x if x._a.dtype.kind in "fcV" else x.to(dtypes.default.float)


@_formula
def deg2rad(input: Any) -> Any:
    """Degrees as radians."""
    return input * (math.pi / 180)


@_formula
def rad2deg(input: Any) -> Any:
    """Radians as degrees."""
    return input * (180 / math.pi)


@_formula
def frac(input: Any) -> Any:
    """x - trunc(x), the part after the point, with the sign of x."""
    if input._a.dtype.kind not in "fV":
        raise NotImplementedError(f'"frac" not implemented for {input.dtype} (integers have no fraction)')
    return input - e.trunc(input)


@_formula
def logit(input: Any, eps: float | None = None) -> Any:
    """log(x / (1 - x)); with ``eps`` of x limited to [eps, 1 - eps]."""
    x = _floating(input)
    x = x if eps is None else clamp(x, eps, 1 - eps)
    return e.log(x / (1 - x))


def _finite_gradient(f: Any, g: Any, x: Any, *, nan: float, low: float, high: float, largest: float) -> Any:
    return f.zero_where(g, x - x != 0)  # inf - inf is not a number


@formula(_finite_gradient, name="nan_to_num")
def _nan_to_num(xp: Any, x: Any, *, nan: float, low: float, high: float, largest: float) -> Any:
    if high == largest and low == -largest:
        out = xp.clip(x, low, high)
    else:
        out = xp.where(x == -math.inf, low, xp.where(x == math.inf, high, x))
    return xp.where(xp.isnan(x), nan, out)


@_formula
def nan_to_num(input: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Any:
    """The input with numbers in place of nan (0) and the infinities (the largest and smallest of the dtype)."""
    if input._a.dtype.kind not in "fV":
        return input.clone()
    largest = float(_largest(input))
    bounds = (-largest if neginf is None else neginf, largest if posinf is None else posinf)
    nan, low, high = (float(v) for v in (0.0 if nan is None else nan, *bounds))
    return _nan_to_num(input, nan=nan, low=low, high=high, largest=largest)


def _largest(x: Any) -> float:
    """The largest finite number of a tensor's dtype."""
    return dtypes._LARGEST.get(x.dtype.name, 1.7976931348623157e308)


@_formula
def float_power(input: Any, exponent: Any) -> Any:
    """x to the power y in float64, or complex128 where an operand is complex."""
    operands = tuple(v._a if isinstance(v, TensorBase) else v for v in (input, exponent))
    kind = dtypes.complex128 if dtypes.result(operands).is_complex else dtypes.float64
    x, y = (v.to(kind) if isinstance(v, TensorBase) else v for v in (input, exponent))
    return FUNCTIONS["pow"](x, y)


@_formula
def clamp_min(input: Any, min: Any) -> Any:
    """The input where it is not below ``min``, else ``min``."""
    _check_tensor("clamp_min", input)
    return clamp(input, min=min)


@_formula
def clamp_max(input: Any, max: Any) -> Any:
    """The input where it is not above ``max``, else ``max``."""
    _check_tensor("clamp_max", input)
    return clamp(input, max=max)


def _check_tensor(name: str, input: Any) -> None:
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)


@public
def positive(input: Any) -> Any:
    """The tensor itself.

    Raises:
        RuntimeError: it holds bools.
    """
    if input._a.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@public
def isposinf(input: Any, *, out: Any = None) -> Any:
    """Whether x is plus infinity."""
    return _test("isposinf", input, math.inf, out)


@public
def isneginf(input: Any, *, out: Any = None) -> Any:
    """Whether x is minus infinity."""
    return _test("isneginf", input, -math.inf, out)


def _test(name: str, input: Any, value: float, out: Any) -> Any:
    if input._a.dtype.kind == "c":
        raise RuntimeError(f"{name} does not support complex inputs.")
    result = input == value
    return result if out is None else put(result, out)


@public
def isreal(input: Any) -> Any:
    """Whether x has no imaginary part."""
    return input.imag == 0 if input._a.dtype.kind == "c" else e.eq(e.zeros_like(input), 0)


# ---------------------------------------------------------------------------------------------------------------------
# Reductions


@public(numpy_names=True)
def logsumexp(input: Any, dim: Any, keepdim: bool = False, *, out: Any = None) -> Any:
    """log(sum e^x) over ``dim``, without overflow.

    Example:
        >>> import nnlite
        >>> nnlite.logsumexp(nnlite.tensor([1000.0, 0.0]), 0)
        tensor(1000.)
    """
    x = _floating(input)
    axes = axes_of(dim, x._a.ndim)
    if not x._a.size:
        result = e.log(reduce.sum(e.exp(x), axes, keepdim))
        return result if out is None else put(result, out)
    largest = reduce.amax(real(x.detach()), () if axes is None else axes, True)
    largest = where(e.abs(largest) == math.inf, 0.0, largest).to(x.dtype)
    total = e.log(reduce.sum(e.exp(x - largest), axes, True)) + largest
    result = total if keepdim else total.reshape(()) if axes is None else squeeze(total, axes)
    return result if out is None else put(result, out)


@public
def var_mean(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Any, Any]:
    """The variance and the mean over ``dim``."""
    return _with_mean(reduce.var, input, dim, unbiased, keepdim, correction)


@public
def std_mean(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Any, Any]:
    """The standard deviation and the mean over ``dim``."""
    return _with_mean(reduce.std, input, dim, unbiased, keepdim, correction)


def _with_mean(function: Any, input: Any, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> tuple[Any, Any]:
    spread = function(input, dim, unbiased, keepdim, correction=correction)
    return spread, reduce.mean(input, None if isinstance(dim, bool) else dim, keepdim)


@public(numpy_names=True)
def count_nonzero(input: Any, dim: Any = None) -> Any:
    """How many elements over ``dim`` are not 0."""
    a = input._a
    counted = tables[type(a)].backend_.xp.count_nonzero(a, axis=axes_of(dim, a.ndim))
    return wrap(as_array(counted, a).astype("int64", copy=False))


@public(numpy_names=True)
def nansum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The sum over ``dim`` of the elements that are numbers."""
    return reduce.sum(_without_nan(input), dim, keepdim, dtype=dtype)


@public(numpy_names=True)
def nanmean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The mean over ``dim`` of the elements that are numbers."""
    if input._a.dtype.kind not in "fcV":
        raise RuntimeError(f"nanmean(): expected input to have floating point or complex dtype but got {input.dtype}")
    count = reduce.sum(e.logical_not(e.isnan(input)).to(dtypes.int64), dim, keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / count


def _without_nan(input: Any) -> Any:
    return e._zero_where(input, e.isnan(input)) if input._a.dtype.kind in "fV" else input


@public
def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The p-norm of input - other."""
    return reduce.norm(input - other, p)


@public(numpy_names=True)
def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None, *, out: Any = None) -> Any:
    """The ``n``-th differences of neighbours along ``dim``, of the input between ``prepend`` and ``append``."""
    if not input._a.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if n == 0:
        return input.clone() if out is None else put(input, out)
    axis = axis_of(dim, input._a.ndim)
    parts = [part for part in (prepend, input, append) if part is not None]
    x = FUNCTIONS["cat"](parts, axis) if len(parts) > 1 else input
    for _ in builtins.range(builtins.min(n, x._a.shape[axis])):
        cut: Any = (slice(None),) * axis
        later, earlier = x[(*cut, slice(1, None))], x[(*cut, slice(None, -1))]
        x = e.logical_xor(later, earlier) if x._a.dtype.kind == "b" else later - earlier
    return x if out is None else put(x, out)
