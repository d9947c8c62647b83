"""Covariances, integrals and slopes of samples, limited norms, and choices of elements."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core import dtypes
from ..._core.op import TensorBase, check_same_device
from ..._core.tensor_base import wrap
from ..._core.warn import warn
from ...backends.registry import backend_of
from .._axes import axis_of
from .._public import FUNCTIONS, public, put
from ..linalg.matmul import mm
from ..order.sorting import checked
from ..pointwise import elementwise as e
from ..pointwise.arithmetic import clamp, where
from . import reduce

# ---------------------------------------------------------------------------------------------------------------------
# Covariance


def _check_weights(input: Any, fweights: Any, aweights: Any, count: int) -> None:
    for name, weights, kinds, what in (
        ("fweights", fweights, "iu", "integral"),
        ("aweights", aweights, "fV", "floating point"),
    ):
        if weights is None:
            continue
        w = weights._a
        if w.ndim > 1:
            raise RuntimeError(f"cov(): expected {name} to have one or fewer dimensions but got {w.ndim} dimensions")
        if w.dtype.kind not in kinds:
            raise RuntimeError(f"cov(): expected {name} to have {what} dtype but got {weights.dtype}")
        if w.size != count:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are observations in the input but got "
                f"{w.size} != {count}"
            )
        check_same_device("cov", (input._a, w))
        if w.size and bool((weights < 0).any()):
            raise RuntimeError(f"cov(): {name} cannot be negative")


def _conjugate_transpose(x: Any) -> Any:
    return x.t().conj() if x._a.dtype.kind == "c" else x.t()


@public
def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """The covariances of variables, one to each row; the columns are observations. A vector is one variable.

    C_ij = sum_k w_k (x_ik - m_i) (x_jk - m_j) / (sum_k w_k - correction), with m_i the weighted mean of x_i.

    Args:
        fweights: how often each observation occurred, integers.
        aweights: the weight of each observation; the correction is then multiplied by sum w a / sum w.

    Raises:
        RuntimeError: the input has more than two dimensions or holds bools, or the weights do not fit it.

    Example:
        >>> import nnlite
        >>> nnlite.cov(nnlite.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    checked("cov", input)
    if input._a.ndim > 2:
        raise RuntimeError(f"cov(): expected input to have two or fewer dimensions but got an input with "
                           f"{input._a.ndim} dimensions")  # fmt: skip
    if input._a.dtype.kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input (convert it with .int())")
    x = input if input._a.ndim == 2 else input.reshape(1, -1)
    count = x._a.shape[1]
    _check_weights(input, fweights, aweights, count)
    weights = aweights if fweights is None else fweights if aweights is None else fweights * aweights
    total = count if weights is None else weights.sum()
    mean = reduce.sum(x if weights is None else x * weights, 1) / total
    degrees = total - correction
    if aweights is not None and correction:
        degrees = total - correction * (weights * aweights).sum() / total
    if bool(degrees <= 0):
        warn("cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations.")
        degrees = 0
    x = x - mean.unsqueeze(1)
    product = mm(x, _conjugate_transpose(x if weights is None else x * weights))
    return (product / degrees).squeeze()


@public
def corrcoef(input: Any) -> Any:
    """The correlations of variables, one to each row: R_ij = C_ij / sqrt(C_ii C_jj) of their covariances C.

    Raises:
        RuntimeError: the input has more than two dimensions or holds bools.

    Example:
        >>> import nnlite
        >>> nnlite.corrcoef(nnlite.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    checked("corrcoef", input)
    if input._a.ndim > 2:
        raise RuntimeError(f"corrcoef(): expected input to have two or fewer dimensions but got an input with "
                           f"{input._a.ndim} dimensions")  # fmt: skip
    c = cov(input)
    if not c._a.ndim:
        return c / c
    variance = c.diagonal()
    deviation = e.sqrt(variance.real if c._a.dtype.kind == "c" else variance)
    c = c / deviation.unsqueeze(1) / deviation.unsqueeze(0)
    return c if c._a.dtype.kind == "c" else clamp(c, -1, 1)


# ---------------------------------------------------------------------------------------------------------------------
# Integrals


def _neighbours(y: Any, axis: int) -> Any:
    """The sums of neighbours along an axis."""
    return y.narrow(axis, 0, max(y._a.shape[axis] - 1, 0)) + _later(y, axis)


def _steps(name: str, y: Any, x: Any, dx: Any, dim: int) -> tuple[Any, int]:
    """The distances of neighbours along a dimension, and its axis."""
    checked(name, y)
    if x is not None and dx is not None:
        raise TypeError(f"{name}() received an invalid combination of arguments: give x or dx, not both")
    for letter, value in (("y", y), ("x", x)):
        if isinstance(value, TensorBase) and value._a.dtype.kind == "b":
            raise RuntimeError(f"{name}: received a bool input for `{letter}`, but bool is not supported")
    if not y._a.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions ({name})")
    axis = axis_of(dim, y._a.ndim)
    if x is not None:
        return _distances(name, y, x, axis), axis
    return 1 if dx is None else dx, axis


def _later(x: Any, axis: int) -> Any:
    n = x._a.shape[axis]
    return x.narrow(axis, min(n, 1), max(n - 1, 0))


def _distances(name: str, y: Any, x: Any, axis: int) -> Any:
    if x._a.ndim == 1:
        if x._a.shape[0] != y._a.shape[axis]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        x = x.reshape((-1,) + (1,) * (y._a.ndim - axis - 1))
        return _later(x, 0) - x.narrow(0, 0, max(x._a.shape[0] - 1, 0))
    x = x.reshape((1,) * (y._a.ndim - x._a.ndim) + tuple(x._a.shape))
    size = x._a.shape[axis]
    return _later(x, axis) - x.narrow(axis, 0, max(size - 1, 0))


@public(names=("trapz",), method=False, numpy_names=True)
def trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    """The integral along ``dim`` by the trapezoidal rule: the sum of (y_i + y_i+1) / 2 times the distance.

    Points lie ``dx`` (1) apart, or at ``x``: a vector, or a tensor that can be broadcast to ``y``.

    Raises:
        RuntimeError: ``x`` does not fit ``y``, or one holds bools.

    Example:
        >>> import nnlite
        >>> nnlite.trapezoid(nnlite.tensor([0.0, 1.0, 4.0]), nnlite.tensor([0.0, 1.0, 3.0]))
        tensor(5.5000)
    """
    step, axis = _steps("trapezoid", y, x, dx, dim)
    n = y._a.shape[axis]
    if not n:
        return reduce.sum(y, axis).to(y.dtype)
    if isinstance(step, TensorBase):
        return reduce.sum(_neighbours(y, axis) * step, axis) / 2.0
    return (reduce.sum(y, axis) - (y.select(axis, 0) + y.select(axis, n - 1)) * 0.5) * step


@public(method=False, numpy_names=True)
def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    """The running integral along ``dim`` by the trapezoidal rule; one element less than ``y`` has.

    Raises:
        RuntimeError: ``x`` does not fit ``y``, or one holds bools.

    Example:
        >>> import nnlite
        >>> nnlite.cumulative_trapezoid(nnlite.tensor([1.0, 2.0, 4.0]))
        tensor([1.5000, 4.5000])
    """
    step, axis = _steps("cumulative_trapezoid", y, x, dx, dim)
    sums = _neighbours(y, axis)
    if isinstance(step, TensorBase):
        return reduce.cumsum(sums * step, axis) / 2.0
    return reduce.cumsum(sums * (step / 2.0), axis)


# ---------------------------------------------------------------------------------------------------------------------
# Slopes


def _gradient_axes(input: Any, spacing: Any, dim: Any, edge_order: int) -> tuple[list[int], list[Any]]:
    """The axes, and for each the spacing: a number or the coordinates of the points."""
    ndim = input._a.ndim
    dims = list(range(ndim)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    axes = [axis_of(d, ndim) for d in dims]
    for axis in axes:
        if axes.count(axis) > 1:
            raise RuntimeError(f"dim {axis} appears multiple times in the list of dims")
        if input._a.shape[axis] < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    single = spacing is None or not isinstance(spacing, list | tuple)
    spacings = [1 if spacing is None else spacing] * len(axes) if single else list(spacing)
    if len(spacings) != len(axes):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or a list of length equal to the number of "
            f"dimensions ({len(axes)}), but got a list of length {len(spacings)}"
        )
    tensors = [s for s in spacings if isinstance(s, TensorBase)]
    if any(t.device != input.device for t in tensors):
        raise RuntimeError("torch.gradient expected each tensor to be on the same device, but got devices "
                           f"{', '.join(str(t.device) for t in (input, *tensors))}")  # fmt: skip
    return axes, spacings


def _between(x: Any, axis: int, start: int, stop: int) -> Any:
    """The elements from ``start`` on, without the last ``-stop``."""
    return x.narrow(axis, start, x._a.shape[axis] + stop - start)


def _slope(x: Any, h: Any, axis: int, edge_order: int) -> Any:
    """The derivative along one axis; ``h`` is the distance of neighbours, or distances along the axis."""
    n = x._a.shape[axis]
    parts = [x.narrow(axis, i, 1) for i in (0, 1, 2, n - 3, n - 2, n - 1) if 0 <= i < n]
    if not isinstance(h, TensorBase):
        inner = (_between(x, axis, 2, 0) - _between(x, axis, 0, -2)) / (h * 2.0)
        if edge_order == 1:
            ends = (parts[1] - parts[0]) / h, (parts[-1] - parts[-2]) / h
        else:
            ends = (
                (parts[1] * 2 - parts[0] * 1.5 - parts[2] * 0.5) / h,
                (parts[-1] * 1.5 - parts[-2] * 2 + parts[-3] * 0.5) / h,
            )
        return FUNCTIONS["cat"]([ends[0], inner, ends[1]], axis)
    return _uneven_slope(x, h, axis, edge_order, parts)


def _uneven_slope(x: Any, h: Any, axis: int, edge_order: int, parts: list[Any]) -> Any:
    """The slope at the middle one of three points by the parabola through them, and at the ends."""
    a, b = _between(h, axis, 0, -1), _between(h, axis, 1, 0)
    inner = (
        _between(x, axis, 1, -1) * ((b - a) / (a * b))
        - _between(x, axis, 0, -2) * (b / (a * (a + b)))
        + _between(x, axis, 2, 0) * (a / (b * (a + b)))
    )
    m = h._a.shape[axis]
    first, last = h.narrow(axis, 0, 1), h.narrow(axis, m - 1, 1)
    if edge_order == 1:
        ends = (parts[1] - parts[0]) / first, (parts[-1] - parts[-2]) / last
    else:
        ends = (
            _end(parts[0], parts[1], parts[2], first, h.narrow(axis, 1, 1)),
            -_end(parts[-1], parts[-2], parts[-3], last, h.narrow(axis, m - 2, 1)),
        )
    return FUNCTIONS["cat"]([ends[0], inner, ends[1]], axis)


def _end(x: Any, second: Any, third: Any, a: Any, b: Any) -> Any:
    """The slope at the first of three points that lie ``a`` and ``b`` apart, by the parabola through them."""
    return second * ((a + b) / (a * b)) - x * ((a * 2 + b) / (a * (a + b))) - third * (a / (b * (a + b)))


@public(method=False)
def gradient(input: Any, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> Any:
    """The derivative of a sampled function along each dimension (of ``dim``): a tuple of tensors of the input's shape.

    Inside by central differences, which are of second order; at the ends one-sided ones of order ``edge_order``.

    Args:
        spacing: the distance of samples (1), for all dimensions or a list with one for each; or a list of vectors, the
            coordinates of the samples.

    Raises:
        RuntimeError: ``spacing`` does not fit, a dimension is given twice or too small.
        IndexError: there is no such dimension.

    Example:
        >>> import nnlite
        >>> nnlite.gradient(nnlite.tensor([1.0, 2.0, 4.0, 8.0]))
        (tensor([1.0000, 1.5000, 3.0000, 4.0000]),)
    """
    checked("gradient", input)
    if input.dtype is dtypes.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input. (Convert it with .int().)")
    if input._a.dtype.kind == "b":
        raise RuntimeError("Subtraction, the `-` operator, with two bool tensors is not supported. Convert them first.")
    axes, spacings = _gradient_axes(input, spacing, dim, edge_order)
    x = input if input._a.dtype.kind in "fcV" else input.to(dtypes.default.float)
    out = []
    for axis, step in zip(axes, spacings, strict=True):
        if isinstance(step, TensorBase) and step._a.ndim:
            h: Any = step if step._a.dtype.kind in "fcV" else step.to(x.dtype)
            h = (h[1:] - h[:-1]).reshape((1,) * axis + (-1,) + (1,) * (x._a.ndim - axis - 1))
            out.append(_slope(x, h, axis, edge_order))
        else:
            out.append(_slope(x, float(step) if isinstance(step, TensorBase) else step, axis, edge_order))
    return tuple(out)


# ---------------------------------------------------------------------------------------------------------------------
# Limited norms


@public
def renorm(input: Any, p: float, dim: int, maxnorm: float, *, out: Any = None) -> Any:
    """The slices along ``dim``, each whose p-norm exceeds ``maxnorm`` scaled down to it.

    Raises:
        RuntimeError: the input has less than two dimensions, ``p`` is not positive, or ``maxnorm`` is negative.
        IndexError: there is no such dimension.

    Example:
        >>> import nnlite
        >>> nnlite.renorm(nnlite.tensor([[3.0, 4.0], [0.1, 0.2]]), 2, 0, 1.0)
        tensor([[0.6000, 0.8000],
                [0.1000, 0.2000]])
    """
    checked("renorm", input)
    if not p > 0:
        raise RuntimeError(f"renorm: non-positive-norm not supported (got p = {p})")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    ndim = input._a.ndim
    if ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {ndim} dimensions")
    axis = axis_of(dim, ndim)
    if input._a.dtype.kind not in "fcV":
        title = dtypes.TITLES[input.dtype.name]
        raise RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {title}")
    wide = input.to(dtypes.float32) if input._a.dtype.itemsize == 2 else input
    norms = reduce.norm(wide, p, tuple(i for i in range(ndim) if i != axis), True)
    factor = where(norms > maxnorm, maxnorm / (norms + 1e-7), e.zeros_like(norms) + 1)
    result = input * factor.to(input.dtype)
    return result if out is None else put(result, out)


@public(only_method=True)
def renorm_(input: Any, p: float, dim: int, maxnorm: float) -> Any:
    """``renorm`` in place."""
    return input.copy_(renorm(input, p, dim, maxnorm))


# ---------------------------------------------------------------------------------------------------------------------
# Choices


def _choices(n: int, r: int, with_replacement: bool) -> np.ndarray:
    """All increasing sequences of ``r`` of the numbers below ``n``, one to each row, in order."""
    rows = np.arange(n).reshape(n, 1)
    for _ in range(r - 1):
        first = rows[:, -1] + (not with_replacement)
        counts = n - first
        begins = np.cumsum(counts) - counts
        number = np.arange(counts.sum()) - np.repeat(begins, counts) + np.repeat(first, counts)
        rows = np.concatenate([np.repeat(rows, counts, 0), number.reshape(-1, 1)], 1)
    return rows


@public(method=False)
def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """All choices of ``r`` elements of a vector, in order: a matrix with a row for each.

    Raises:
        RuntimeError: the input is no vector, or ``r`` is negative.

    Example:
        >>> import nnlite
        >>> nnlite.combinations(nnlite.tensor([1, 2, 3]))
        tensor([[1, 2],
                [1, 3],
                [2, 3]])
    """
    checked("combinations", input)
    if input._a.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input._a.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    backend = backend_of(input._a)
    n = input._a.shape[0]
    if not r:
        return input.narrow(0, 0, 0).clone()
    if math.comb(n + r - 1 if with_replacement else n, r) == 0:
        return input.narrow(0, 0, 0).reshape(0, r).clone()
    where = wrap(backend.from_host(_choices(n, r, with_replacement), backend.index_of(input._a)))
    return FUNCTIONS["index_select"](input, 0, where.reshape(-1)).reshape(where.shape)
