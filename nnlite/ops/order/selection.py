"""Elements chosen by their rank: the largest, the k-th, the middle one, quantiles, and the most frequent one."""

from __future__ import annotations

import math
import operator
from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, op
from ..._core.tensor_base import wrap
from ...backends.registry import backend_of, tables
from .._axes import axis_of
from .._public import public, put
from .._results import named, put_all
from ..index.indexing import along
from ..pointwise import elementwise as e
from ..pointwise.arithmetic import where as choose
from ..reduction import reduce
from .sorting import checked, chosen, in_order, sort, with_dimension

return_topk = named(__name__, "topk", "values", "indices")
return_kthvalue = named(__name__, "kthvalue", "values", "indices")
return_median = named(__name__, "median", "values", "indices")
return_nanmedian = named(__name__, "nanmedian", "values", "indices")
return_mode = named(__name__, "mode", "values", "indices")
return_aminmax = named(__name__, "aminmax", "min", "max")


@op()
def _topk_at(xp: Any, x: Any, *, k: int, axis: int, largest: bool) -> Any:
    """The positions of the ``k`` largest or smallest elements, in order."""
    return in_order(xp, x, axis, largest)[(slice(None),) * axis + (slice(k),)].copy()


@op()
def _kth_at(xp: Any, x: Any, *, k: int, axis: int) -> Any:
    """The position of the ``k``-th smallest element, counted from 0."""
    return in_order(xp, x, axis)[(slice(None),) * axis + (slice(k, k + 1),)].copy()


@public(numpy_names=True)
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, out: Any = None) -> Any:
    """The ``k`` largest (or smallest) elements along ``dim`` in order, and where they are: a pair (values, indices).

    NaN is larger than any number. The result is in order whatever ``sorted`` says.

    Raises:
        RuntimeError: ``k`` is negative or larger than the dimension, or the numbers are bools or complex.
        IndexError: there is no such dimension.

    Example:
        >>> import nnlite
        >>> nnlite.topk(nnlite.tensor([3.0, 1.0, 4.0, 1.5]), 2)
        torch.return_types.topk(
        values=tensor([4., 3.]),
        indices=tensor([2, 0]))
    """
    x, axis = with_dimension(checked("topk", input), dim)
    k = _count("topk", k)
    if not 0 <= k <= x._a.shape[axis]:
        raise RuntimeError(f"selected index k out of range (topk: k = {k}, the dimension has size {x._a.shape[axis]})")
    if x._a.dtype.kind in "bc":
        kind = "bool" if x._a.dtype.kind == "b" else "complex"
        raise RuntimeError(f"topk does not support {kind} dtypes on CPU (convert the tensor with .to(dtype))")
    where = tables[type(x._a)].topk_at(x._a, k=k, axis=axis, largest=bool(largest))
    result = chosen(return_topk, input, x, where, axis)
    return result if out is None else put_all("topk", result, out, input)


def _count(name: str, k: Any) -> int:
    try:
        return operator.index(k)
    except TypeError:
        raise TypeError(f"{name}(): argument 'k' (position 2) must be int, not {type(k).__name__}") from None


def _not_empty(name: str, x: Any, axis: int) -> None:
    if not x._a.shape[axis]:
        raise IndexError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")


@public(numpy_names=True)
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Any:
    """The ``k``-th smallest element along ``dim``, counted from 1, and where it is: a pair (values, indices).

    NaN is larger than any number.

    Raises:
        RuntimeError: ``k`` is not from 1 to the size of the dimension.
        IndexError: there is no such dimension, or it is empty.

    Example:
        >>> import nnlite
        >>> nnlite.kthvalue(nnlite.tensor([3.0, 1.0, 2.0]), 2)
        torch.return_types.kthvalue(
        values=tensor(2.),
        indices=tensor(2))
    """
    x, axis = with_dimension(checked("kthvalue", input, "bc"), dim)
    k = _count("kthvalue", k)
    _not_empty("kthvalue", x, axis)
    if not 1 <= k <= x._a.shape[axis]:
        raise RuntimeError(
            f"kthvalue(): selected number k out of range for dimension {axis} (k = {k}, the dimension has size "
            f"{x._a.shape[axis]})"
        )
    where = tables[type(x._a)].kth_at(x._a, k=k - 1, axis=axis)
    result = chosen(return_kthvalue, input, x, where, axis, keepdim)
    return result if out is None else put_all("kthvalue", result, out, input)


# ---------------------------------------------------------------------------------------------------------------------
# Medians


@op()
def _middle_at(xp: Any, x: Any, *, axis: int, skip: bool) -> Any:
    """The position of the lower median, the axis kept.

    With NaN among the elements that of the first NaN, or (``skip``) that of the median of the others.
    """
    n = x.shape[axis]
    nan = xp.sum(x != x, axis=axis, keepdims=True)
    rank = (xp.maximum(n - nan, 1) - 1) // 2 if skip else xp.where(nan > 0, n - nan, (n - 1) // 2)
    return in_order(xp, x, axis)[along(xp, rank, axis)]


@op(saves=("x", "out"), title=lambda node: "NanmedianBackward0" if node.attrs["skip"] else "MedianBackward0")
def _median_of_all(xp: Any, x: Any, where: Any, *, skip: bool) -> Any:
    """The element at the position ``where`` of the flat input."""
    return x.reshape(-1)[where].reshape(())


@_median_of_all.vjp
def _(f: Any, g: Any, node: Any, x: Any, out: Any) -> tuple[Any, ...]:
    """Elements equal to the median share the gradient."""
    mine = reduce.as_numbers(f, (x == out) | ((x != x) & (out != out)), x)
    return mine * (g / f.sum(mine, axis=None, keepdims=False)), None


def _median(name: str, input: Any, dim: int | None, keepdim: bool, skip: bool, out: Any) -> Any:
    checked(name.removeprefix("nan"), input, "bc")
    if dim is None:
        result = _of_all(input, skip)
        return result if out is None else put(result, out, input, exact=True)
    x, axis = with_dimension(input, dim)
    _not_empty(name, x, axis)
    kind = return_nanmedian if skip else return_median
    if not x._a.size:
        shape = tuple(1 if i == axis else n for i, n in enumerate(x._a.shape))
        where = backend_of(x._a).xp.zeros(shape, "int64")
    else:
        where = tables[type(x._a)].middle_at(x._a, axis=axis, skip=skip)
    pair = chosen(kind, input, x, where, axis, keepdim, version=1)
    return pair if out is None else put_all(name, pair, out, input)


def _of_all(input: Any, skip: bool) -> Any:
    if not input._a.size:
        kind = input._a.dtype.kind  # of no elements PyTorch's median is NaN, or the smallest integer
        least = math.nan if kind in "fV" else -(1 << 8 * input.dtype.itemsize - 1) if kind == "i" else 0
        return reduce.sum(input).to(input.dtype).fill_(least)
    where = tables[type(input._a)].middle_at(input._a.reshape(-1), axis=0, skip=skip)
    return _median_of_all(input, wrap(where), skip=skip)


@public(numpy_names=True)
def median(input: Any, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The element in the middle, the lower of two; along ``dim`` a pair (values, indices).

    It is NaN where one of the elements is. Elements equal to the median of all share its gradient.

    Raises:
        IndexError: there is no such dimension, or it is empty.
        NotImplementedError: the numbers are bools or complex.

    Example:
        >>> import nnlite
        >>> nnlite.median(nnlite.tensor([1.0, 4.0, 2.0, 3.0]))
        tensor(2.)
    """
    return _median("median", input, dim, keepdim, False, out)


@public(numpy_names=True)
def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The :func:`nnlite.median` of the elements that are numbers; NaN where there is none.

    Example:
        >>> import nnlite
        >>> nnlite.nanmedian(nnlite.tensor([1.0, nnlite.nan, 3.0]))
        tensor(1.)
    """
    return _median("nanmedian", input, dim, keepdim, True, out)


# ---------------------------------------------------------------------------------------------------------------------
# The most frequent element


def _most_frequent(a: Any, axis: int) -> Any:
    """The raw position of the last of the most frequent elements, of the smallest if several are as frequent."""
    f = tables[type(a)]
    xp = f.backend_.xp
    order = f.argsort(a, axis=axis, descending=False)
    values = a[along(xp, order, axis)]
    n = a.shape[axis]
    cut = (slice(None),) * axis
    new = values[(*cut, slice(1, None))] != values[(*cut, slice(-1))]
    places = xp.arange(n).reshape((n,) + (1,) * (a.ndim - axis - 1))
    later = xp.where(new, places[1:], 0)
    start = xp.concatenate([xp.zeros_like(order[(*cut, slice(1))]), later], axis=axis)
    length = places - f.running_extreme(start, axis=axis, largest=True)
    longest = xp.expand_dims(xp.argmax(length, axis=axis), axis)
    return order[along(xp, longest, axis)]


@public(numpy_names=True)
def mode(input: Any, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Any:
    """The most frequent element along ``dim``, and where the last of them is: a pair (values, indices).

    It is the smallest, if several are as frequent.

    Raises:
        IndexError: there is no such dimension, or it is empty.
        NotImplementedError: the numbers are complex.

    Example:
        >>> import nnlite
        >>> nnlite.mode(nnlite.tensor([3, 1, 3, 1, 2]))
        torch.return_types.mode(
        values=tensor(1),
        indices=tensor(3))
    """
    x, axis = with_dimension(checked("mode", input, "c"), dim)
    _not_empty("mode", x, axis)
    if x._a.size:
        where = _most_frequent(x._a, axis)
    else:
        where = backend_of(x._a).xp.zeros(tuple(1 if i == axis else n for i, n in enumerate(x._a.shape)), "int64")
    result = chosen(return_mode, input, x, where, axis, keepdim)
    return result if out is None else put_all("mode", result, out, input)


# ---------------------------------------------------------------------------------------------------------------------
# Quantiles


_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _check_quantile(name: str, input: Any, q: Any, interpolation: str) -> Any:
    """``q`` as a tensor."""
    checked(name, input)
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype (got {input.dtype})")
    if not input._a.size:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    xp = backend_of(input._a).xp
    if not isinstance(q, TensorBase):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
        return wrap(xp.asarray(q, dtype=input._a.dtype))
    if q._a.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if q.dtype is not input.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if q.device != input.device:
        raise RuntimeError(f"{name}() q tensor must be on the same device as the input tensor")
    if backend_of(q._a).checks_indices and not xp.all((q._a >= 0) & (q._a <= 1)):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    return q


def _quantile(name: str, input: Any, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip: bool) -> Any:
    q = _check_quantile(name, input, q, interpolation)
    x = input.reshape(-1) if dim is None else input if input._a.ndim else input.reshape(1)
    axis = 0 if dim is None else axis_of(dim, input._a.ndim)
    ordered = sort(x.movedim(axis, -1), -1)[0]
    n = ordered._a.shape[-1]
    nan = e.isnan(ordered.detach())
    if skip:
        count = n - reduce.sum(nan, -1, True)
        rank = e.mul(q.reshape(-1), (count - 1).to(q.dtype))
        rank = choose(rank < 0, e.zeros_like(rank), rank)
    else:
        # Where there is a NaN it is the last one.
        rank = choose(nan[..., -1:], e.zeros_like(q.reshape(-1)) + (n - 1), q.reshape(-1) * (n - 1))
    result = _interpolated(ordered, rank, interpolation)
    result = _shaped(result, input, q, dim, axis, keepdim)
    return result


def _interpolated(ordered: Any, rank: Any, interpolation: str) -> Any:
    """The value at a rank that lies between two."""
    if interpolation == "lower":
        rank = e.floor(rank)
    elif interpolation == "higher":
        rank = e.ceil(rank)
    elif interpolation == "nearest":
        rank = e.round_(rank)
    below = e.floor(rank.detach()).to(dtypes.int64)
    lower = ordered.gather(-1, below)
    if interpolation not in ("linear", "midpoint"):
        return lower
    above = e.ceil(rank.detach()).to(dtypes.int64)
    upper = ordered.gather(-1, above)
    # From the nearer of the two, so that an infinite one gives infinity and not NaN.
    distance = upper - lower
    if interpolation == "midpoint":
        return upper - distance * 0.5
    weight = rank - below.to(rank.dtype)
    return choose(weight < 0.5, lower + weight * distance, upper - distance * (1 - weight))


def _shaped(result: Any, input: Any, q: Any, dim: int | None, axis: int, keepdim: bool) -> Any:
    """The quantiles first, then the dimensions of the input."""
    if keepdim:
        shape = input._a.shape
        kept = (1,) * len(shape) if dim is None else tuple(1 if i == axis else n for i, n in enumerate(shape))
        result = result.movedim(-1, 0).reshape((result._a.shape[-1], *kept))
    else:
        result = result.movedim(-1, 0)
        if not input._a.ndim:
            result = result.reshape(-1)
    return result if q._a.ndim else result.squeeze(0)


@public(numpy_names=True)
def quantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear", out: Any = None
) -> Any:
    """The value below which a share ``q`` of the elements along ``dim`` (or of all) lies.

    It is the element of rank q (n - 1) in order, or for a rank between two elements what ``interpolation`` makes of
    them: ``"linear"``, ``"lower"``, ``"higher"``, ``"midpoint"`` or ``"nearest"``. With a vector ``q`` the result has a
    first dimension for it. It is NaN where one of the elements is.

    Raises:
        RuntimeError: the input is empty or neither float32 nor float64; ``q`` is not within [0, 1], of another dtype,
            or has more than one dimension; or there is no such interpolation.

    Example:
        >>> import nnlite
        >>> nnlite.quantile(nnlite.tensor([0.0, 1.0, 2.0, 4.0]), nnlite.tensor([0.25, 0.5]))
        tensor([0.7500, 1.5000])
    """
    result = _quantile("quantile", input, q, dim, keepdim, interpolation, False)
    return result if out is None else put(result, out, input, exact=True)


@public(numpy_names=True)
def nanquantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear", out: Any = None
) -> Any:
    """The :func:`nnlite.quantile` of the elements that are numbers; NaN where there is none.

    Example:
        >>> import nnlite
        >>> nnlite.nanquantile(nnlite.tensor([1.0, 2.0, nnlite.nan]), 0.5)
        tensor(1.5000)
    """
    result = _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)
    return result if out is None else put(result, out, input, exact=True)


# ---------------------------------------------------------------------------------------------------------------------
# Both extremes


@public(numpy_names=True)
def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False, out: Any = None) -> Any:
    """The smallest and the largest element, along ``dim`` or of all: a pair (min, max).

    Raises:
        RuntimeError: there are no elements.
        IndexError: the dimension is empty.

    Example:
        >>> import nnlite
        >>> nnlite.aminmax(nnlite.tensor([3, 1, 2]))
        torch.return_types.aminmax(
        min=tensor(1),
        max=tensor(3))
    """
    checked("aminmax", input, "c")
    if dim is None and not input._a.size:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity (give dim)"
        )
    dims = () if dim is None else dim
    low, high = reduce.amin(input, dims, keepdim), reduce.amax(input, dims, keepdim)
    result = return_aminmax((low, high))
    return result if out is None else put_all("aminmax", result, out, input)
