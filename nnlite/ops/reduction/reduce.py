"""Reductions: sums, means, extremes and where they are."""

from __future__ import annotations

import builtins
import math
from typing import Any

from ..._core import dtypes
from ..._core.op import cast, conjugate, not_a_tensor, op
from ..._core.operands import no_order
from ..._core.tensor_base import TensorBase, wrap
from ...backends import backend_of
from .._axes import axes_of, axis_of, restore
from .._public import public, put
from .._results import named
from .._wide import widened
from ..pointwise import elementwise as e
from ..pointwise.complex import imag, real


def _wide(x: Any) -> Any:
    """The dtype in which 16-bit numbers are added up."""
    return "float32" if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else None


def as_numbers(f: Any, mask: Any, like: Any) -> Any:
    """A mask as 0 and 1 in the dtype of ``like``."""
    return f.cast(mask, dtype=getattr(like, "_a", like).dtype, source=dtypes.bool_.np)


@op(title=lambda node: "SumBackward0" if node.attrs["axis"] is None else "SumBackward1")
def _sum(xp: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    if x.dtype.itemsize != 2:
        return xp.add.reduce(x, axis, None, None, keepdims)
    return xp.add.reduce(x, axis, _wide(x), None, keepdims).astype(x.dtype)


@_sum.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    shape, attrs = node.shapes[0], node.attrs
    return (f.spread(restore(f, g, shape, attrs["axis"], attrs["keepdims"]), shape=shape),)


@op(title=lambda node: "MeanBackward0" if node.attrs["axis"] is None else "MeanBackward1")
def _mean(xp: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    total = xp.add.reduce(x, axis, _wide(x), None, keepdims)
    return (total / _count(x.shape, axis)).astype(x.dtype)


@_mean.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    shape, attrs = node.shapes[0], node.attrs
    g = restore(f, g, shape, attrs["axis"], attrs["keepdims"]) / _count(shape, attrs["axis"])
    return (f.spread(g, shape=shape),)


def _count(shape: tuple[int, ...], axis: Any) -> float:
    """How many elements go into one result; NaN for none, as 0 / 0 is."""
    sizes = shape if axis is None else [shape[a] for a in axis]
    return math.prod(sizes) or math.nan


def _squared_distance(xp: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The sum of (x - mean)^2."""
    distance = x - xp.add.reduce(x, axis, None, None, True) / _count(x.shape, axis)
    distance *= distance
    return xp.add.reduce(distance, axis, None, None, keepdims)


@op(saves=("x",), title="VarBackward0")
def _var(xp: Any, x: Any, *, axis: Any, keepdims: bool, correction: float) -> Any:
    total = _squared_distance(xp, x, axis, keepdims)
    return total / _freedom(x.shape, axis, correction)


@op(saves=("x", "out"), title="StdBackward0")
def _std(xp: Any, x: Any, *, axis: Any, keepdims: bool, correction: float) -> Any:
    total = _squared_distance(xp, x, axis, keepdims)
    return xp.sqrt(total / _freedom(x.shape, axis, correction))


def _freedom(shape: tuple[int, ...], axis: Any, correction: float) -> float:
    """What the sum of squares is divided by."""
    count = _count(shape, axis)
    return builtins.max(count - correction, 0.0) if count == count else count


def _of_var(f: Any, g: Any, node: Any, x: Any) -> Any:
    """g 2 (x - mean) / (n - correction)."""
    shape, axis = node.shapes[0], node.attrs["axis"]
    freedom = _count(shape, axis) - node.attrs["correction"]
    g, distance = restore(f, g, shape, axis, node.attrs["keepdims"]), x - f.mean(x, axis=axis, keepdims=True)
    if axis is None and freedom <= 0:
        return g * (f.abs(distance) * math.inf)
    return g * (2 / freedom if freedom else math.inf) * distance


@_var.vjp
def _(f: Any, g: Any, node: Any, x: Any) -> tuple[Any, ...]:
    return (_of_var(f, g, node, x),)


@_std.vjp
def _(f: Any, g: Any, node: Any, x: Any, out: Any) -> tuple[Any, ...]:
    """At 0 the root has no derivative; PyTorch takes 0."""
    return (_of_var(f, f.where(out == 0, out * 0, g / (out * 2)), node, x),)


@op(saves=("x", "out"), title="ProdBackward0")
def _prod(xp: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    return xp.prod(x, axis=axis, keepdims=keepdims, dtype=_wide(x) or x.dtype).astype(x.dtype)


@_prod.vjp
def _(f: Any, g: Any, node: Any, x: Any, out: Any) -> tuple[Any, ...]:
    shape, axis, keepdims = node.shapes[0], node.attrs["axis"], node.attrs["keepdims"]
    # The product of the others: divide, except at zeros, where they are multiplied up with the zero replaced by 1.
    x = conjugate(f, x)
    zero = x == 0
    filled = f.where(zero, x * 0 + 1, x)
    others = f.prod(filled, axis=axis, keepdims=True)
    zeros = f.sum(as_numbers(f, zero, x), axis=axis, keepdims=True)
    g = restore(f, g, shape, axis, keepdims)
    return (g * (others / filled) * ((zeros == 0) | (zero & (zeros == 1))),)


@op(saves=("x", "out"), title=lambda node: "MaxBackward1" if node.attrs["axis"] is None else "AmaxBackward0")
def _amax(xp: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    return xp.max(x, axis=axis, keepdims=keepdims)


@op(saves=("x", "out"), title=lambda node: "MinBackward1" if node.attrs["axis"] is None else "AminBackward0")
def _amin(xp: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    return xp.min(x, axis=axis, keepdims=keepdims)


def _extreme_rule(f: Any, g: Any, node: Any, x: Any, out: Any) -> tuple[Any, ...]:
    """Elements that share the extreme share the gradient."""
    shape, axis, keepdims = node.shapes[0], node.attrs["axis"], node.attrs["keepdims"]
    g, out = (restore(f, v, shape, axis, keepdims) for v in (g, out))
    mine = as_numbers(f, x == out, x)
    return (g * (mine / f.sum(mine, axis=axis, keepdims=True)),)


_amax.vjp(_extreme_rule)
_amin.vjp(_extreme_rule)


@op(outputs=2, residuals=("where",), saves=("where",), title=lambda node: node.attrs["title"])
def _extreme_at(xp: Any, x: Any, *, axis: int, keepdims: bool, largest: bool, title: str) -> Any:
    """The extreme along an axis and its first index; the gradient goes to that one element."""
    where = xp.expand_dims((xp.argmax if largest else xp.argmin)(x, axis=axis), axis)
    values = xp.take_along_axis(x, where, axis=axis)
    if keepdims:
        return values, where, where
    return values.squeeze(axis), where.squeeze(axis), where


@_extreme_at.vjp
def _(f: Any, g: Any, node: Any, where: Any) -> tuple[Any, ...]:
    axis = node.attrs["axis"]
    values = g[0]
    if not node.attrs["keepdims"]:
        shape = node.shapes[0]
        values = f.reshape(values, shape=tuple(1 if i == axis else n for i, n in enumerate(shape)))
    return (f.put_along_axis(values, where, axis=axis, shape=node.shapes[0]),)


@op()
def _index_of_extreme(xp: Any, x: Any, *, axis: Any, keepdims: bool, largest: bool) -> Any:
    where = (xp.argmax if largest else xp.argmin)(x, axis=axis)
    if keepdims:
        where = where.reshape((1,) * x.ndim) if axis is None else xp.expand_dims(where, axis)
    return where


@op()
def _any(xp: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    return xp.any(x, axis=axis, keepdims=keepdims)


@op()
def _all(xp: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    return xp.all(x, axis=axis, keepdims=keepdims)


@op(title="CumsumBackward0")
def _cumsum(xp: Any, x: Any, *, axis: int) -> Any:
    return xp.cumsum(x, axis=axis, dtype=_wide(x) or x.dtype).astype(x.dtype, copy=False)


@_cumsum.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    axis = node.attrs["axis"]
    return (f.flip(f.cumsum(f.flip(g, axis=(axis,)), axis=axis), axis=(axis,)),)


# ---------------------------------------------------------------------------------------------------------------------
# Public functions


def _tensor(name: str, input: Any) -> Any:
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    return input


def _summable(input: Any, dtype: Any) -> Any:
    """The input in the dtype that it is added up in: the one asked for; int64 for bool and integers."""
    if dtype is not None:
        return input.to(dtype)
    kind = dtypes.from_numpy[input._a.dtype]
    return cast(input, dtypes.int64.np) if kind.category < dtypes.FLOAT and kind is not dtypes.int64 else input


@public
def sum(
    input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None, axis: Any = None,
    keepdims: bool | None = None,
) -> Any:  # fmt: skip
    """The sum over dimension(s) ``dim``, or over all.

    Example:
        >>> import nnlite
        >>> nnlite.sum(nnlite.ones(2, 3), dim=1)
        tensor([3., 3.])
    """
    x = _tensor("sum", input)
    if dtype is not None or x._a.dtype.kind in "biu":
        x = _summable(x, dtype)
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    if type(keepdim) is not bool:
        raise _not_bool("sum", keepdim)
    result = _sum(x, axis=None if dim is None else axes_of(dim, x._a.ndim), keepdims=keepdim)
    if dtype is not None and result.dtype is not dtype:  # NumPy adds small integers up in int64
        result = result.to(dtype)
    return result if out is None else put(result, out)


def _not_bool(name: str, keepdim: Any) -> TypeError:
    return TypeError(
        f"{name}(): argument 'keepdim' must be bool, not {type(keepdim).__name__}; give several dimensions as a tuple"
    )


@public
def mean(
    input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None, axis: Any = None,
    keepdims: bool | None = None,
) -> Any:  # fmt: skip
    """The mean over dimension(s) ``dim``, or over all.

    Raises:
        RuntimeError: the input is neither floating point nor complex.
    """
    x = _tensor("mean", input) if dtype is None else input.to(dtype)
    kind = dtypes.from_numpy[x._a.dtype]
    if kind.category < dtypes.FLOAT:
        raise RuntimeError(
            f"mean(): could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be either a "
            f"floating point or complex dtype. Got: {dtypes.TITLES[kind.name]}"
        )
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    if type(keepdim) is not bool:
        raise _not_bool("mean", keepdim)
    result = _mean(x, axis=axes_of(dim, x._a.ndim), keepdims=keepdim)
    return result if out is None else put(result, out)


@public(numpy_names=True)
def prod(input: Any, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The product over dimension ``dim``, or over all."""
    x = _summable(_tensor("prod", input), dtype)
    return _prod(x, axis=None if dim is None else axis_of(dim, x._a.ndim), keepdims=keepdim)


@public(numpy_names=True)
def var(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """The variance over ``dim``: the sum of squared distances from the mean over (n - correction), correction = 1."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    axes, correction = _spread_of(input, dim, unbiased, correction)
    if input._a.dtype.kind != "c":
        return _spread(input, _var, axes, keepdim, correction)
    centred = input - _mean(input, axis=axes, keepdims=True)
    total = _sum(_squares(centred), axis=axes, keepdims=keepdim)
    return total / _freedom(input._a.shape, axes, correction)


def _spread_of(input: Any, dim: Any, unbiased: bool | None, correction: float | None) -> tuple[Any, float]:
    """The axes, and what is taken off the number of elements."""
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    if input._a.dtype.kind not in "fcV":
        raise RuntimeError("std and var only support floating point and complex dtypes (convert with .float())")
    return axes_of(dim, input._a.ndim), correction


@widened
def _spread(input: Any, function: Any, axes: Any, keepdim: bool, correction: float) -> Any:
    return function(input, axis=axes, keepdims=keepdim, correction=correction)


def _squares(x: Any) -> Any:
    """|x|^2."""
    if x._a.dtype.kind != "c":
        return x * x
    a, b = real(x), imag(x)
    return a * a + b * b


@public(numpy_names=True)
def std(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """The standard deviation over ``dim``: the square root of :func:`nnlite.var`, whose gradient at 0 is 0."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    axes, correction = _spread_of(input, dim, unbiased, correction)
    if input._a.dtype.kind == "c":
        return e.sqrt(var(input, axes, keepdim=keepdim, correction=correction))
    return _spread(input, _std, axes, keepdim, correction)


@public(numpy_names=True)
def amax(input: Any, dim: Any = (), keepdim: bool = False, *, out: Any = None) -> Any:
    """The largest element over ``dim``; equal ones share the gradient."""
    _not_empty("amax", input, dim)
    result = _amax(input, axis=axes_of(dim if dim != () else None, input._a.ndim), keepdims=keepdim)
    return result if out is None else put(result, out, exact=True)


@public(numpy_names=True)
def amin(input: Any, dim: Any = (), keepdim: bool = False, *, out: Any = None) -> Any:
    """The smallest element over ``dim``; equal ones share the gradient."""
    _not_empty("amin", input, dim)
    result = _amin(input, axis=axes_of(dim if dim != () else None, input._a.ndim), keepdims=keepdim)
    return result if out is None else put(result, out, exact=True)


def _not_empty(name: str, input: Any, dim: Any, whole: type[Exception] = RuntimeError) -> None:
    a = _tensor(name, input)._a
    if a.dtype.kind == "c":
        raise no_order(name, a)
    axes = axes_of(dim if dim != () else None, a.ndim)
    if 0 in (a.shape if axes is None else [a.shape[i] for i in axes]):
        if axes is None:
            raise whole(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            )
        raise IndexError(f"{name}(): Expected reduction dim {axes[0]} to have non-zero size.")


def _extreme(name: str, input: Any, dim: Any, keepdim: bool, largest: bool) -> Any:
    x = _tensor(name, input)
    if isinstance(dim, TensorBase):
        return (e.maximum if largest else e.minimum)(x, dim)
    _not_empty(name, x, () if dim is None else dim)
    if dim is None:
        return (_amax if largest else _amin)(x, axis=None, keepdims=False)
    axis = axis_of(dim, x._a.ndim)
    if not x._a.ndim:
        return (return_max if largest else return_min)((x.clone(), wrap(backend_of(x._a).xp.zeros((), "int64"))))
    title = f"{name.capitalize()}Backward0"
    return (return_max if largest else return_min)(
        _extreme_at(x, axis=axis, keepdims=keepdim, largest=largest, title=title)
    )


return_max = named(__name__, "max", "values", "indices")
return_min = named(__name__, "min", "values", "indices")


@public(numpy_names=True)
def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; along ``dim`` a pair (values, indices); with a tensor as ``dim``, the elementwise maximum.

    Example:
        >>> import nnlite
        >>> nnlite.tensor([[1, 5], [7, 2]]).max(dim=1).indices
        tensor([1, 0])
    """
    return _extreme("max", input, dim, keepdim, True)


@public(numpy_names=True)
def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; along ``dim`` a pair (values, indices); with a tensor as ``dim``, the elementwise
    minimum."""
    return _extreme("min", input, dim, keepdim, False)


@public(numpy_names=True)
def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The index of the largest element along ``dim``, or in the flattened input."""
    return _position("argmax", input, dim, keepdim, True)


@public(numpy_names=True)
def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The index of the smallest element along ``dim``, or in the flattened input."""
    return _position("argmin", input, dim, keepdim, False)


def _position(name: str, input: Any, dim: int | None, keepdim: bool, largest: bool) -> Any:
    kind = _tensor(name, input)._a.dtype.kind
    if kind in "bc":
        what, how = ("bool", "convert it with .int()") if kind == "b" else ("complex", "take .abs(), .real or .imag")
        raise RuntimeError(f"{name}(): does not support {what} input ({how})")
    _not_empty(name, input, () if dim is None else dim, IndexError)
    axis = None if dim is None else axis_of(dim, input._a.ndim)
    return _index_of_extreme(input, axis=axis if input._a.ndim else None, keepdims=keepdim, largest=largest)


@public(numpy_names=True)
def any(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether one element over ``dim`` is not zero."""
    if dim == ():
        return input != 0
    return _any(input, axis=axes_of(dim, input._a.ndim), keepdims=keepdim)


@public(numpy_names=True)
def all(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether no element over ``dim`` is zero."""
    if dim == ():
        return input != 0
    return _all(input, axis=axes_of(dim, input._a.ndim), keepdims=keepdim)


@public(numpy_names=True)
def cumsum(input: Any, dim: int, *, dtype: Any = None, out: Any = None) -> Any:
    """The running sum along ``dim``."""
    x = _summable(_tensor("cumsum", input), dtype)
    axis = axis_of(dim, x._a.ndim)
    result = _cumsum(x, axis=axis) if x._a.ndim else x.clone()
    return result if out is None else put(result, out)


@public(only_method=True)
def cumsum_(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """``cumsum`` in place."""
    if dtype is not None and dtype is not input.dtype:
        raise RuntimeError(
            f"Bad in-place call: input tensor dtype {input.dtype} and output tensor dtype {dtype} should match"
        )
    return input.copy_(cumsum(input, dim, dtype=dtype))


def norm(input: Any, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    """The p-norm over ``dim`` of the elements, taken as one vector: (sum |x|^p)^(1/p). ``nnlite.norm`` is made of it.

    ``p`` is a number, or ``inf``/``-inf`` for the largest or smallest magnitude.
    """
    p = float(p)
    if input._a.dtype.kind == "c" and p in (0, 1, math.inf, -math.inf):
        input = e.abs(input)
    if math.isinf(p):
        return (amax if p > 0 else amin)(e.abs(input), () if dim is None else dim, keepdim)
    if p == 0:
        return sum((input != 0).to(input.dtype) + e.zeros_like(input), dim, keepdim)
    if p == 1:
        return sum(e.abs(input), dim, keepdim)
    axes = axes_of(dim, input._a.ndim)
    return _norm2(input, axis=axes, keepdims=keepdim) if p == 2 else _p_norm(input, p, axes, keepdim)


@widened
def _p_norm(input: Any, p: float, axes: Any, keepdim: bool) -> Any:
    return _norm_p(input, p=p, axis=axes, keepdims=keepdim)


@op(saves=("x", "out"), title="LinalgVectorNormBackward0")
def _norm_p(xp: Any, x: Any, *, p: float, axis: Any, keepdims: bool) -> Any:
    sizes = xp.absolute(x)
    return xp.sum(sizes**p, axis=axis, keepdims=keepdims) ** (1 / p)


@_norm_p.vjp
def _(f: Any, g: Any, node: Any, x: Any, out: Any) -> tuple[Any, ...]:
    """g sgn(x) |x|^(p-1) out^(1-p), and 0 where x or the norm is 0, as PyTorch has it."""
    shape, axis, keepdims, p = node.shapes[0], node.attrs["axis"], node.attrs["keepdims"], node.attrs["p"]
    g, out = (restore(f, v, shape, axis, keepdims) for v in (g, out))
    sizes = f.abs(x)
    powers = f.zero_where(f.pow(f.where(sizes == 0, sizes + 1, sizes), p - 1), sizes == 0)
    factor = f.zero_where(g * f.pow(f.where(out == 0, out + 1, out), 1 - p), out == 0)
    return (f.sgn(x) * (powers * factor),)


@op(saves=("x", "out"), title="LinalgVectorNormBackward0")
def _norm2(xp: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    sizes = xp.absolute(x) if x.dtype.kind == "c" else x
    return xp.sqrt(xp.sum(xp.square(sizes), axis=axis, keepdims=keepdims, dtype=_wide(x))).astype(sizes.dtype)


@_norm2.vjp
def _(f: Any, g: Any, node: Any, x: Any, out: Any) -> tuple[Any, ...]:
    shape, axis, keepdims = node.shapes[0], node.attrs["axis"], node.attrs["keepdims"]
    g, out = (restore(f, v, shape, axis, keepdims) for v in (g, out))
    # At 0 the norm has no derivative; PyTorch takes 0.
    return (x * f.where(out == 0, out * 0, g / out),)
