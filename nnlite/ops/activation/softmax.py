"""Activation functions that need more than one elementwise formula: softmax and its logarithm."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, cast, in_place, not_a_tensor, op, recorded
from ..._core.warn import warn
from ...backends.registry import tables
from .._axes import axis_of
from .._public import public, put
from ..pointwise import elementwise


def widen(x: Any) -> Any:
    """The numbers to compute with: 16-bit ones become float32, in which their sums do not lose digits."""
    return x.astype("float32") if x.dtype.itemsize == 2 else x


def title_of(x: Any) -> str:
    """The name that PyTorch's errors give to the dtype of a raw array."""
    return dtypes.TITLES[dtypes.from_numpy[x.dtype].name]


def largest(xp: Any, x: Any, axis: int | None) -> Any:
    """The largest number along an axis, which stays; 0 where there is none to take."""
    return xp.max(x, axis=axis, keepdims=True) if x.size else 0


_FLOAT32 = dtypes.float32.np


def _in_float32(rule: Callable[[Any, Any, Any, int | None], Any]) -> Callable[..., tuple[Any, ...]]:
    """A rule for 16-bit numbers too: their differences would be made of rounding errors. (The operations that stand for
    it outside ``create_graph`` see to that themselves.)"""

    def wide_rule(f: Any, g: Any, node: Any, out: Any) -> tuple[Any, ...]:
        axis = node.attrs["axis"]
        kind = getattr(out, "_a", out).dtype
        if kind.itemsize > 2 or f is not recorded:
            return (rule(f, g, out, axis),)
        g, out = (f.cast(v, dtype=_FLOAT32, source=kind) for v in (g, out))
        return (f.cast(rule(f, g, out, axis), dtype=kind, source=_FLOAT32),)

    return wide_rule


@op(saves=("out",))
def _softmax(xp: Any, x: Any, *, axis: int | None) -> Any:
    wide = widen(x)
    e = xp.asarray(wide - largest(xp, wide, axis))
    xp.exp(e, out=e)
    e /= xp.sum(e, axis=axis, keepdims=True)
    return e.astype(x.dtype, copy=False)


@_softmax.vjp
@_in_float32
def _(f: Any, g: Any, out: Any, axis: int | None) -> Any:
    return _softmax_gradient(f, g, out, axis) if f is recorded else f.softmax_backward(g, out, axis=axis)


def _softmax_gradient(f: Any, g: Any, out: Any, axis: int | None) -> Any:
    return (g - f.sum(g * out, axis=axis, keepdims=True)) * out


@op()
def _softmax_backward(xp: Any, g: Any, out: Any, *, axis: int | None) -> Any:
    f = tables[type(out)]
    if out.dtype.itemsize == 2:
        return f.softmax_backward(widen(g), widen(out), axis=axis).astype(out.dtype)
    return _softmax_gradient(f, g, out, axis)


@op(saves=("out",))
def _log_softmax(xp: Any, x: Any, *, axis: int | None) -> Any:
    wide = widen(x)
    shifted = xp.asarray(wide - largest(xp, wide, axis))
    shifted -= xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))
    return shifted.astype(x.dtype, copy=False)


@_log_softmax.vjp
@_in_float32
def _(f: Any, g: Any, out: Any, axis: int | None) -> Any:
    return _log_softmax_gradient(f, g, out, axis) if f is recorded else f.log_softmax_backward(g, out, axis=axis)


def _log_softmax_gradient(f: Any, g: Any, out: Any, axis: int | None) -> Any:
    # In this order NumPy computes in the memory of the exponential.
    return f.exp(out) * -f.sum(g, axis=axis, keepdims=True) + g


@op()
def _log_softmax_backward(xp: Any, g: Any, out: Any, *, axis: int | None) -> Any:
    f = tables[type(out)]
    if out.dtype.itemsize == 2:
        return f.log_softmax_backward(widen(g), widen(out), axis=axis).astype(out.dtype)
    return _log_softmax_gradient(f, g, out, axis)


def _normalise(call: Any, input: Any, dim: Any, dtype: Any) -> Any:
    name = call.op.name
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    a = input._a
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise TypeError(f"{name}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}")
    axis = axis_of(operator.index(dim), a.ndim)
    if dtype is not None:
        kind = dtypes.as_dtype(dtype, name).np
        if kind != a.dtype:
            input = cast(input, kind)
            a = input._a
    if a.dtype.kind not in "fV":
        kernel = f"{name}_lastdim_kernel_impl" if axis >= a.ndim - 1 else f"{name}_kernel_impl"
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{title_of(a)}' ({name} needs floating-point numbers: pass dtype=)"
        )
    return call(input, axis=axis if a.ndim else None)


@public
def softmax(input: Any, dim: int, dtype: Any = None, *, out: Any = None) -> Any:
    """exp(x_i) / sum_j exp(x_j) along ``dim``: numbers in [0, 1] that add up to 1.

    Args:
        dim: the dimension along which they add up to 1.
        dtype: the input is converted to this dtype first.

    Shape: any; the result has the input's.

    Raises:
        IndexError: there is no such dimension.
        NotImplementedError: the numbers are not floating point.

    Example:
        >>> import nnlite
        >>> nnlite.softmax(nnlite.tensor([0.0, 0.0]), dim=0)
        tensor([0.5000, 0.5000])
    """
    result = _normalise(_softmax, input, dim, dtype)
    return result if out is None else put(result, out)


@public
def log_softmax(input: Any, dim: int, dtype: Any = None, *, out: Any = None) -> Any:
    """x_i - log sum_j exp(x_j) along ``dim``: the logarithm of :func:`nnlite.softmax`, accurate where that is tiny.

    Args:
        dim: the dimension along which the exponentials add up to 1.
        dtype: the input is converted to this dtype first.

    Shape: any; the result has the input's.

    Raises:
        IndexError: there is no such dimension.
        NotImplementedError: the numbers are not floating point.

    Example:
        >>> import nnlite
        >>> nnlite.log_softmax(nnlite.tensor([0.0, 1000.0]), dim=0)
        tensor([-1000.,     0.])
    """
    result = _normalise(_log_softmax, input, dim, dtype)
    return result if out is None else put(result, out)


# ---------------------------------------------------------------------------------------------------------------------
# As functions of nn.functional, which have other parameters


def _implicit_dim(name: str, ndim: int) -> int:
    warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax_function(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """exp(x_i) / sum_j exp(x_j) along ``dim``.

    Without ``dim`` it is 0 for inputs of 0, 1 or 3 dimensions and 1 for others, with a warning.

    Args:
        _stacklevel: accepted; warnings name the line of the program.
        dtype: the input is converted to this dtype first.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.softmax(nnlite.zeros(1, 4), dim=1)
        tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """
    if dim is None:
        dim = _implicit_dim("softmax", input.dim())
    return input.softmax(dim, dtype)


def log_softmax_function(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """x_i - log sum_j exp(x_j) along ``dim``.

    Without ``dim`` it is 0 for inputs of 0, 1 or 3 dimensions and 1 for others, with a warning.

    Args:
        _stacklevel: accepted; warnings name the line of the program.
        dtype: the input is converted to this dtype first.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.log_softmax(nnlite.zeros(1, 2), dim=1)
        tensor([[-0.6931, -0.6931]])
    """
    if dim is None:
        dim = _implicit_dim("log_softmax", input.dim())
    return input.log_softmax(dim, dtype)


for _function, _name in ((softmax_function, "softmax"), (log_softmax_function, "log_softmax")):
    _function.__name__ = _function.__qualname__ = _name
    _function.__module__ = "nnlite.nn.functional"


def relu(input: Any, inplace: bool = False) -> Any:
    """max(x, 0), elementwise.

    Args:
        inplace: write the result into the input.

    Raises:
        RuntimeError: the input is a bool tensor.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.relu(nnlite.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    if isinstance(input, TensorBase) and input._a.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return in_place(elementwise.relu, input) if inplace else elementwise.relu(input)


def relu_(input: Any) -> Any:
    """max(x, 0), written into the input.

    Example:
        >>> import nnlite
        >>> x = nnlite.tensor([-1.0, 2.0])
        >>> nnlite.nn.functional.relu_(x) is x
        True
    """
    return relu(input, True)


def sigmoid(input: Any) -> Any:
    """1 / (1 + e^-x), elementwise.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.sigmoid(nnlite.tensor([0.0]))
        tensor([0.5000])
    """
    return elementwise.sigmoid(input)


def tanh(input: Any) -> Any:
    """(e^x - e^-x) / (e^x + e^-x), elementwise.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.tanh(nnlite.tensor([0.0]))
        tensor([0.])
    """
    return elementwise.tanh(input)
