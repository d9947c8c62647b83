"""Histograms: how many elements, or what weight of them, lie in each of several bins."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._core import dtypes
from ..._core.op import TensorBase, check_same_device
from ..._core.tensor_base import wrap
from ...backends.registry import backend_of, tables
from .._public import public, put
from .._results import named, put_all
from ..order.sorting import checked

return_histogram = named(__name__, "histogram", "hist", "bin_edges")
return_histogramdd = named(__name__, "histogramdd", "hist", "bin_edges")


def _extent(name: str, x: Any, low: float, high: float, what: str, widen: float) -> tuple[float, float]:
    """The outer edges: the extent of the data where none is given, made wider where it has no width."""
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.{name}: {what} [{low:g}, {high:g}] is not finite (give one, or remove inf and nan)")
    return (low - widen, high + widen) if low == high else (low, high)


def _data_extent(x: Any) -> tuple[float, float]:
    return float(x.min()), float(x.max())


def _evenly(low: float, high: float, bins: int, kind: Any) -> np.ndarray:
    """Edges of equal bins, from both ends towards the middle, so that both ends are exact."""
    i = np.arange(bins + 1)
    first, last = kind.type(low), kind.type(high)
    step = (last - first) / kind.type(bins)
    near, far = first + step * i.astype(kind), last - step * (bins - i).astype(kind)
    return np.where(i < (bins + 1) // 2, near, far).astype(kind)


def _even_bins(xp: Any, x: Any, low: float, high: float, bins: int) -> Any:
    """The bin of each element of [low, high], as a number with a fraction; elements outside get any."""
    kind = x.dtype.type
    place = x - kind(low)
    place *= kind(bins)
    place /= kind(kind(high) - kind(low))
    return xp.fmin(place, kind(bins - 1), out=place)


def _count(bin_of: Any, inside: Any, weight: Any, total: int, kind: Any) -> Any:
    """The weight in each of ``total`` bins; what is not inside goes to one more, which is dropped."""
    f = tables[type(bin_of)]
    where = f.backend_.xp.where(inside, bin_of, total).astype("int64", copy=False)
    return f.tally(where, weight, total=total + 1)[:total].astype(kind)


def _check_bins(bins: int) -> int:
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    return bins


@public
def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0, *, out: Any = None) -> Any:
    """How many elements lie in each of ``bins`` equal bins between ``min`` and ``max``; others are not counted.

    With ``min`` equal to ``max`` the bins span the data. The result has the input's dtype.

    Raises:
        RuntimeError: there is no bin, the range is not finite, or ``max`` is smaller than ``min``.
        NotImplementedError: the input holds integers.

    Example:
        >>> import nnlite
        >>> nnlite.histc(nnlite.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
        tensor([0., 2., 1., 0.])
    """
    checked("histogram", input, "biuc")
    a = input._a.reshape(-1)
    xp = backend_of(a).xp
    _check_bins(bins)
    low, high = float(min), float(max)
    if low == high and a.size:
        low, high = _data_extent(a)
    low, high = _extent("histc", a, low, high, "range of", 1.0)
    if low > high:
        raise RuntimeError(f"torch.histc: max must be larger than min (got {low:g} and {high:g})")
    inside = (a >= a.dtype.type(low)) & (a <= a.dtype.type(high))
    counts = _count(_even_bins(xp, a, low, high, bins), inside, None, bins, a.dtype)
    result = wrap(counts)
    return result if out is None else put(result, out, input)


# ---------------------------------------------------------------------------------------------------------------------
# In one and in several dimensions


def _edges_of(x: Any, bins: Any, dimension: int, limits: Any) -> Any:
    """The raw edges of the bins of one dimension: those given, or even ones."""
    if isinstance(bins, TensorBase):
        edges = bins._a
        if edges.ndim != 1:
            raise RuntimeError(
                f"torch.histogramdd: bins tensor should have one dimension, but got {edges.ndim} dimensions in the "
                f"bins tensor for dimension {dimension}"
            )
        if edges.dtype != x.dtype:
            names = [dtypes.TITLES[dtypes.from_numpy[a.dtype].name].lower() for a in (x, edges)]
            raise RuntimeError(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype "
                f"{names[0]} and bins for dimension {dimension} with dtype {names[1]}"
            )
        check_same_device("histogramdd", (x, edges))
        return edges
    if limits is not None:
        low, high = limits
        if low > high:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension "
                f"{dimension}"
            )
    else:
        if x.dtype.itemsize == 2:
            title = dtypes.TITLES[dtypes.from_numpy[x.dtype].name]
            raise NotImplementedError(f"\"histogramdd\" not implemented for '{title}' (give range, or convert it)")
        low, high = _data_extent(x) if x.size else (0.0, 1.0)
    low, high = _extent("histogramdd", x, low, high, f"dimension {dimension}'s range", 0.5)
    return _evenly(low, high, bins, x.dtype)


def _bins_of(xp: Any, x: Any, edges: Any, even: Any) -> Any:
    """The bin of each element; with ``even`` host edges first by a formula, corrected by the edges next to it."""
    count = edges.shape[0] - 1
    if even is None:
        return xp.clip(xp.asarray(xp.searchsorted(edges, x, side="right")) - 1, 0, count - 1)
    place = _even_bins(xp, x, float(even[0]), float(even[-1]), count)
    place = xp.fmax(place, place.dtype.type(0), out=place).astype("int64")  # NaN becomes 0
    place = place + ((x >= edges[place + 1]) & (place < count - 1))
    return place - ((x < edges[place]) & (place > 0))


def _histogram(input: Any, bins: Sequence[Any], range: Any, weight: Any, density: bool) -> tuple[Any, list[Any]]:
    """The raw histogram of points (rows of a raw matrix), and the edges of its dimensions."""
    a = input
    backend = backend_of(a)
    xp = backend.xp
    number: Any = 0
    inside: Any = True
    all_edges = []
    for d, given in enumerate(bins):
        x = a[:, d]
        limits = None if range is None else (float(range[2 * d]), float(range[2 * d + 1]))
        edges = _edges_of(x, given, d, limits)
        even = None
        if not isinstance(given, TensorBase):
            even, edges = edges, backend.from_host(edges, backend.index_of(a))
        count = edges.shape[0] - 1
        number = number * count + _bins_of(xp, x, edges, even)
        inside = (x >= edges[0]) & (x <= edges[-1]) & inside
        all_edges.append(edges)
    shape = tuple(edges.shape[0] - 1 for edges in all_edges)
    hist = _count(number, inside, weight, math.prod(shape), a.dtype).reshape(shape)
    if density:
        hist = hist / hist.sum()
        for d, edges in enumerate(all_edges):
            hist = hist / (edges[1:] - edges[:-1]).reshape((-1,) + (1,) * (len(shape) - d - 1))
    return hist, all_edges


def _check_weight(a: Any, weight: Any, shape: tuple[int, ...]) -> Any:
    """The raw weights of the points, in one dimension."""
    if weight is None:
        return None
    check_same_device("histogramdd", (a, weight._a))
    if tuple(weight._a.shape) != shape[:-1]:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor "
            f"excluding its innermost dimension, but got input with shape {list(shape)} and weight with shape "
            f"{list(weight._a.shape)}"
        )
    if weight._a.dtype != a.dtype:
        names = [dtypes.TITLES[dtypes.from_numpy[v.dtype].name].lower() for v in (a, weight._a)]
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same "
            f"dtype, but got input({names[0]}), and weight({names[1]})"
        )
    return weight._a.reshape(-1)


def _check_range(range: Any, dimensions: int) -> None:
    if range is not None and len(range) != 2 * dimensions:
        raise RuntimeError(
            f"torch.histogramdd: for a {dimensions}-dimensional histogram range should have {2 * dimensions} elements, "
            f"but got {len(range)}"
        )


def _floats(input: Any) -> Any:
    return checked("histogramdd", input, "biuc", "\"{name}\" not implemented for '{title}'")._a


@public
def histogram(
    input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False, out: Any = None
) -> Any:
    """The weight of the elements in each bin, and the edges of the bins: a pair (hist, bin_edges).

    Args:
        bins: the number of equal bins, or a vector of their edges. The last bin includes its right edge.
        range: (low, high), where equal bins begin and end; the extent of the data unless given.
        weight: a weight for each element, in place of 1.
        density: divide by the total weight and by the width of the bins.

    Raises:
        RuntimeError: there is no bin, or the range, the edges or the weights do not fit.
        NotImplementedError: the input is neither float32 nor float64.

    Example:
        >>> import nnlite
        >>> nnlite.histogram(nnlite.tensor([1.0, 2.0, 1.0]), 2, range=(0.0, 3.0)).hist
        tensor([2., 1.])
    """
    a = _floats(input)
    if not isinstance(bins, TensorBase):
        _check_bins(bins)
    _check_range(range, 1)
    flat = a.reshape(-1, 1)
    if weight is not None and weight._a.shape == a.shape:
        weight = weight.reshape(-1)
    hist, (edges,) = _histogram(flat, [bins], range, _check_weight(flat, weight, flat.shape), density)
    result = return_histogram((wrap(hist), wrap(edges)))
    return result if out is None else put_all("histogram", result, out, input)


@public(method=False)
def histogramdd(input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """The weight of points in each box of a grid, and the edges of the grid: a pair (hist, bin_edges).

    The points lie in the last dimension of the input, of size d; the result has d dimensions.

    Args:
        bins: the number of equal bins in each dimension, one number for all, or a vector of edges for each.
        range: low and high of each dimension one after another; the extent of the data unless given.
        weight: a weight for each point, in place of 1.
        density: divide by the total weight and by the volume of the boxes.

    Raises:
        RuntimeError: there is no bin, or bins, range, edges or weights do not fit.
        NotImplementedError: the input is neither float32 nor float64.

    Example:
        >>> import nnlite
        >>> nnlite.histogramdd(nnlite.tensor([[0.0, 0.0], [1.0, 1.0], [1.0, 0.9]]), [2, 2]).hist
        tensor([[1., 0.],
                [0., 2.]])
    """
    if checked("histogramdd", input)._a.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    a = _floats(input)
    d = a.shape[-1]
    each = [bins] * d if isinstance(bins, int) else list(bins)
    if len(each) != d:
        raise RuntimeError(
            "histogramdd: The size of bins must be equal to the innermost dimension of the input. (got "
            f"{len(each)} and {d})"
        )
    for count in each:
        if not isinstance(count, TensorBase):
            _check_bins(count)
    _check_range(range, d)
    points = a.reshape(math.prod(a.shape[:-1]), d)
    hist, edges = _histogram(points, each, range, _check_weight(a, weight, a.shape), density)
    return return_histogramdd((wrap(hist), builtins.tuple(map(wrap, edges))))
