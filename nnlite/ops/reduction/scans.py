"""Running results along a dimension: products, extremes, sums of exponentials."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, cast, conjugate, op
from ..._core.tensor_base import wrap
from ...backends.registry import backend_of, tables
from .._axes import axis_of
from .._public import public, put
from .._results import named, put_all
from ..order.sorting import checked, pick, with_dimension

return_cummax = named(__name__, "cummax", "values", "indices")
return_cummin = named(__name__, "cummin", "values", "indices")


def _part(axis: int, start: int | None, stop: int | None) -> tuple[Any, ...]:
    return (slice(None),) * axis + (slice(start, stop),)


def doubling(xp: Any, x: Any, axis: int, combine: Callable[[Any, Any], Any]) -> Any:
    """The running result of an associative function, in log2(n) steps over whole arrays.

    Source: W. D. Hillis and G. L. Steele, "Data parallel algorithms", Communications of the ACM 29 (1986), 1170-1183.
    """
    step = 1
    while step < x.shape[axis]:
        later = combine(x[_part(axis, None, -step)], x[_part(axis, step, None)])
        x = xp.concatenate([x[_part(axis, None, step)], later], axis=axis)
        step *= 2
    return x


# ---------------------------------------------------------------------------------------------------------------------
# Products


@op(saves=("x", "out"), title="CumprodBackward0")
def _cumprod(xp: Any, x: Any, *, axis: int) -> Any:
    wide = "float32" if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x.dtype
    return xp.multiply.accumulate(x, axis, wide).astype(x.dtype)


@_cumprod.vjp
def _(f: Any, g: Any, node: Any, x: Any, out: Any) -> tuple[Any, ...]:
    axis = node.attrs["axis"]
    x, out = conjugate(f, x), conjugate(f, out)
    if not isinstance(g, TensorBase):
        return (f.cumprod_gradient(g, x, out, axis=axis),)
    return (_of_product(f, g, x, out, axis, (1, 2)),)


@op()
def _cumprod_gradient(xp: Any, g: Any, x: Any, out: Any, *, axis: int) -> Any:
    return _of_product(tables[type(g)], g, x, out, axis, (1,))


def _of_product(f: Any, g: Any, x: Any, out: Any, axis: int, zeros: tuple[int, ...]) -> Any:
    """The gradient of a running product.

    gx_i is the sum over k >= i of g_k times the product of all x_j, j <= k, but x_i. Where x_i is not 0 that is the sum
    of g_k out_k, divided by x_i. For the first zero it is a product of its own, in which the zero is replaced by 1. At
    the second zero such a product is 0, but has a derivative to the first zero, which double backward needs. ``zeros``
    are the numbers of the zeros to be looked at.
    """
    zero = x == 0
    gx = _after(f, g * out, axis) / f.where(zero, x * 0 + 1, x)
    number = f.cumsum(f.cast(zero, dtype=_INT64, source=_BOOL), axis=axis)
    for nth in zeros:
        here = zero & (number == nth)
        others = f.cumprod(f.where(here, x * 0 + 1, x), axis=axis)
        total = f.sum(f.where(number >= nth, g * others, x * 0), axis=(axis,), keepdims=True)
        gx = f.where(here, total, gx)
    return f.where(zero & (number > zeros[-1]), x * 0, gx)


_INT64, _BOOL = dtypes.int64.np, dtypes.bool_.np


def _after(f: Any, x: Any, axis: int) -> Any:
    """The sum of each element and those after it."""
    return f.flip(f.cumsum(f.flip(x, axis=(axis,)), axis=axis), axis=(axis,))


# ---------------------------------------------------------------------------------------------------------------------
# Extremes


@op()
def _running_extreme(xp: Any, x: Any, *, axis: int, largest: bool) -> Any:
    """The largest or smallest element so far; NaN from the first NaN on."""
    return doubling(xp, x, axis, xp.maximum if largest else xp.minimum)


@op()
def _last_extreme(xp: Any, x: Any, *, axis: int, largest: bool) -> Any:
    """The positions of the extremes so far: of the last of equal ones, and of the last NaN where there is one."""
    f = tables[type(x)]
    mine = (x == f.running_extreme(x, axis=axis, largest=largest)) | (x != x)
    n = x.shape[axis]
    places = xp.arange(n).reshape((n,) + (1,) * (x.ndim - axis - 1))
    return f.running_extreme(xp.where(mine, places, 0), axis=axis, largest=True)


def _cumulative_extreme(name: str, input: Any, dim: int, largest: bool, out: Any) -> Any:
    x, axis = with_dimension(checked(name, input, "c"), dim)
    kind = return_cummax if largest else return_cummin
    if not x._a.size:
        result = kind((x.clone(), wrap(backend_of(x._a).xp.zeros(x._a.shape, "int64"))))
    else:
        where = wrap(tables[type(x._a)].last_extreme(x._a, axis=axis, largest=largest))
        values = pick(x, where, axis=axis, title=f"{name.capitalize()}Backward0", unique=False)
        result = kind((values, where) if input._a.ndim else (values.reshape(()), where.reshape(())))
    return result if out is None else put_all(name, result, out, input)


# ---------------------------------------------------------------------------------------------------------------------
# Sums of exponentials


def log_add_exp(xp: Any, x: Any, y: Any) -> Any:
    """log(e^x + e^y); infinite operands too, and complex ones."""
    first = x.real >= y.real if x.dtype.kind == "c" else x >= y
    large, small = xp.where(first, x, y), xp.where(first, y, x)
    same = (large == small) & (abs(large) == math.inf)
    return xp.where(same, large, large + xp.log1p(xp.exp(xp.where(same, 0, small - large))))


@op(saves=("x", "out"), title="LogcumsumexpBackward0")
def _logcumsumexp(xp: Any, x: Any, *, axis: int) -> Any:
    wide = x.astype("float32") if x.dtype.itemsize == 2 else x
    return doubling(xp, wide, axis, lambda a, b: log_add_exp(xp, a, b)).astype(x.dtype)


@_logcumsumexp.vjp
def _(f: Any, g: Any, node: Any, x: Any, out: Any) -> tuple[Any, ...]:
    """gx_i = e^(x_i - out_i) times the sum over k >= i of g_k e^(out_i - out_k)."""
    x, out = conjugate(f, x), conjugate(f, out)
    return (f.exp(x - out) * f.decayed_sum(g, out, axis=node.attrs["axis"], after=True),)


@op(saves=("x", "height", "out"))
def _decayed_sum(xp: Any, x: Any, height: Any, *, axis: int, after: bool) -> Any:
    """The sum over k >= i of x_k e^(h_i - h_k), or (``after`` false) over k <= i of x_k e^(h_k - h_i).

    ``h`` does not decrease, so that no exponential exceeds 1: nothing overflows, as it would with the factors apart.
    Log2(n) steps: twice as long a sum is this one plus the weighted one that begins where it ends.
    """
    dtype = x.dtype
    if dtype.itemsize == 2:
        x, height = x.astype("float32"), height.astype("float32")
    step = 1
    while step < x.shape[axis]:
        low, high = _part(axis, None, -step), _part(axis, step, None)
        weight = xp.exp(height[low] - height[high])
        if after:
            x = xp.concatenate([x[low] + weight * x[high], x[_part(axis, -step, None)]], axis=axis)
        else:
            x = xp.concatenate([x[_part(axis, None, step)], x[high] + weight * x[low]], axis=axis)
        step *= 2
    return x.astype(dtype)


@_decayed_sum.vjp
def _(f: Any, g: Any, node: Any, x: Any, height: Any, out: Any) -> tuple[Any, ...]:
    """The sums over k <= i are the transpose of those over k >= i."""
    axis, after = node.attrs["axis"], node.attrs["after"]
    x, height, out = (conjugate(f, v) for v in (x, height, out))
    gx = f.decayed_sum(g, height, axis=axis, after=not after)
    gh = g * out - x * gx
    return gx, gh if after else -gh


# ---------------------------------------------------------------------------------------------------------------------
# Public functions


def _multipliable(name: str, input: Any, dtype: Any) -> Any:
    """The input in the dtype asked for; int64 for bool and integers."""
    checked(name, input)
    if dtype is not None:
        return input.to(dtype)
    return cast(input, _INT64) if input._a.dtype.kind in "biu" else input


@public(numpy_names=True)
def cumprod(input: Any, dim: int, *, dtype: Any = None, out: Any = None) -> Any:
    """The running product along ``dim``: y_i = x_0 x_1 ... x_i.

    The gradient is right at zeros too, also in double backward.

    Raises:
        IndexError: there is no such dimension.

    Example:
        >>> import nnlite
        >>> nnlite.cumprod(nnlite.tensor([1.0, 2.0, 3.0]), 0)
        tensor([1., 2., 6.])
    """
    x = _multipliable("cumprod", input, dtype)
    axis = axis_of(dim, x._a.ndim)
    result = _cumprod(x, axis=axis) if x._a.ndim else x.clone()
    return result if out is None else put(result, out)


@public(only_method=True, numpy_names=True)
def cumprod_(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """``cumprod`` in place."""
    if dtype is not None and dtype is not input.dtype:
        raise RuntimeError(
            f"Bad in-place call: input tensor dtype {input.dtype} and output tensor dtype {dtype} should match"
        )
    return input.copy_(cumprod(input, dim, dtype=input.dtype))


@public(numpy_names=True)
def cummax(input: Any, dim: int, *, out: Any = None) -> Any:
    """The largest element so far along ``dim``, and where the last of them is: a pair (values, indices).

    From a NaN on the largest is NaN.

    Raises:
        IndexError: there is no such dimension.
        NotImplementedError: the numbers are complex.

    Example:
        >>> import nnlite
        >>> nnlite.cummax(nnlite.tensor([1.0, 3.0, 2.0, 3.0]), 0)
        torch.return_types.cummax(
        values=tensor([1., 3., 3., 3.]),
        indices=tensor([0, 1, 1, 3]))
    """
    return _cumulative_extreme("cummax", input, dim, True, out)


@public(numpy_names=True)
def cummin(input: Any, dim: int, *, out: Any = None) -> Any:
    """The smallest element so far along ``dim``, and where the last of them is: a pair (values, indices).

    From a NaN on the smallest is NaN.

    Raises:
        IndexError: there is no such dimension.
        NotImplementedError: the numbers are complex.

    Example:
        >>> import nnlite
        >>> nnlite.cummin(nnlite.tensor([3.0, 1.0, 2.0]), 0).values
        tensor([3., 1., 1.])
    """
    return _cumulative_extreme("cummin", input, dim, False, out)


@public(numpy_names=True)
def logcumsumexp(input: Any, dim: int, *, out: Any = None) -> Any:
    """The logarithm of the running sum of e^x along ``dim``, without overflow: y_i = log(e^x_0 + ... + e^x_i).

    Raises:
        IndexError: there is no such dimension.
        NotImplementedError: the numbers are integers.

    Example:
        >>> import nnlite
        >>> nnlite.logcumsumexp(nnlite.tensor([0.0, 1000.0, 1000.0]), 0)
        tensor([   0.0000, 1000.0000, 1000.6932])
    """
    checked("logcumsumexp_out", input, "biu")
    axis = axis_of(dim, input._a.ndim)
    result = _logcumsumexp(input, axis=axis) if input._a.ndim else input.clone()
    return result if out is None else put(result, out)
