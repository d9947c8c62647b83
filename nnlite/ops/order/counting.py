"""Distinct elements, counts, and places in sorted sequences."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ..._core import dtypes
from ..._core.op import TensorBase, check_same_device, not_a_tensor, op
from ..._core.tensor_base import wrap
from ...backends.registry import backend_of, tables
from .._axes import axis_of
from .._public import public, put
from ..index.indexing import along
from .sorting import checked

# ---------------------------------------------------------------------------------------------------------------------
# Distinct elements


def _grouped(a: Any, inverse: bool, counts: bool, in_order: bool) -> tuple[Any, Any, Any]:
    """The distinct elements of a raw vector, sorted first unless it is ``in_order``; see `_groups`."""
    f = tables[type(a)]
    xp = f.backend_.xp
    order = None
    if not in_order:
        if inverse:
            order = f.argsort(a, axis=0, descending=False)
            a = a[order]
        else:
            a = xp.sort(a) if a.dtype.kind != "V" else a[f.argsort(a, axis=0, descending=False)]
    kept, *rest = _groups(xp, a[1:] != a[:-1], a.shape[0], order, inverse, counts)
    return a[kept], *rest


def _groups(xp: Any, new: Any, n: int, order: Any, inverse: bool, counts: bool) -> tuple[Any, Any, Any]:
    """Where groups of equal neighbours begin, the number of each element's group, and the sizes of the groups.

    ``new`` says for each element but the first whether it differs from the one before; ``order`` where the elements
    were before they were sorted.
    """
    first = xp.concatenate([xp.ones(builtins.min(n, 1), "bool"), new])
    (begins,) = xp.nonzero(first)
    number = sizes = None
    if inverse:
        first[:1] = False  # so that the sums begin with 0
        number = xp.cumsum(first, axis=0, dtype="int64")
        if order is not None:
            there = xp.empty_like(number)
            there[order] = number
            number = there
    if counts:
        sizes = xp.concatenate([begins[1:], xp.full(builtins.min(n, 1), n, "int64")]) - begins
    return begins, number, sizes


def _distinct(name: str, input: Any, inverse: bool, counts: bool, dim: int | None, in_order: bool) -> Any:
    checked(name, input, "c", "\"unique\" not implemented for '{title}'")
    a = input._a
    if dim is None:
        values, number, sizes = _grouped(a.reshape(-1), inverse, counts, in_order)
        number = None if number is None else number.reshape(a.shape)
    else:
        values, number, sizes = _slices(a, _unique_axis(a, dim), inverse, counts, in_order)
    results = [wrap(v) for v in (values, number, sizes) if v is not None]
    return tuple(results) if len(results) > 1 else results[0]


def _unique_axis(a: Any, dim: int) -> int:
    if not a.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    axis = axis_of(dim, a.ndim)
    if 0 in a.shape[:axis] + a.shape[axis + 1 :]:
        raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
    return axis


def _slices(a: Any, axis: int, inverse: bool, counts: bool, in_order: bool) -> tuple[Any, Any, Any]:
    """The distinct slices along an axis, ordered by their first elements, then the second and so on."""
    xp = backend_of(a).xp
    moved = xp.moveaxis(a, axis, 0)
    n = moved.shape[0]
    rows = moved.reshape(n, math.prod(moved.shape[1:]))
    order = None
    if not in_order and n:
        keys = rows.astype("float32") if rows.dtype.kind == "V" else rows
        order = xp.lexsort(keys.T[::-1].copy())
        moved, rows = moved[order], rows[order]
    kept, number, sizes = _groups(xp, xp.any(rows[1:] != rows[:-1], axis=1), n, order, inverse, counts)
    return xp.moveaxis(moved[kept], 0, axis), number, sizes


@public
def unique(
    input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The distinct elements in ascending order, or the distinct slices along ``dim``.

    With ``return_inverse`` and ``return_counts`` a tuple: the elements, for each element of the input (each slice) the
    number of its equal in the result, and how often each occurs. NaN equals nothing. The result is sorted whatever
    ``sorted`` says. It has no gradient.

    Raises:
        NotImplementedError: the numbers are complex.
        RuntimeError: a dimension other than ``dim`` is empty.

    Example:
        >>> import nnlite
        >>> nnlite.unique(nnlite.tensor([3, 1, 3]), return_counts=True)
        (tensor([1, 3]), tensor([1, 2]))
    """
    return _distinct("unique", input, return_inverse, return_counts, dim, False)


@public
def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The input without elements (slices along ``dim``) equal to the one before; otherwise as :func:`nnlite.unique`.

    Example:
        >>> import nnlite
        >>> nnlite.unique_consecutive(nnlite.tensor([1, 1, 2, 1]))
        tensor([1, 2, 1])
    """
    return _distinct("unique_consecutive", input, return_inverse, return_counts, dim, True)


@public(method=False)
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False, out: Any = None
) -> Any:
    """Whether each element is among the test elements (with ``invert``, is not): bools of the shape of ``elements``.

    One of the two may be a number. ``assume_unique`` changes nothing.

    Raises:
        TypeError: neither is a tensor.
        RuntimeError: the numbers are bools or complex.

    Example:
        >>> import nnlite
        >>> nnlite.isin(nnlite.tensor([1, 2, 3]), nnlite.tensor([3, 1]))
        tensor([ True, False,  True])
    """
    pair = (elements, test_elements)
    like = next((v._a for v in pair if isinstance(v, TensorBase)), None)
    if like is None:
        raise not_a_tensor("isin", 0, elements)
    xp = backend_of(like).xp
    check_same_device("isin", [v._a for v in pair if isinstance(v, TensorBase)])
    kind = dtypes.result(tuple(v._a if isinstance(v, TensorBase) else v for v in pair))
    raws = [v._a if isinstance(v, TensorBase) else xp.asarray(v, dtype=kind.np) for v in pair]
    for raw in raws:
        if raw.dtype.kind in "bc":
            title = dtypes.TITLES[dtypes.from_numpy[raw.dtype].name]
            raise RuntimeError(f"Unsupported input type encountered for isin(): {title} (convert with .to(dtype))")
    wide = np.dtype("float32") if kind.itemsize == 2 and kind.is_floating_point else kind.np
    a, b = (raw.astype(wide) for raw in raws)
    found = xp.asarray(xp.isin(a, b))
    result = wrap(xp.logical_not(found) if invert else found)
    return result if out is None else put(result, out)


# ---------------------------------------------------------------------------------------------------------------------
# Counts


@op()
def _tally(xp: Any, number: Any, weight: Any, *, total: int) -> Any:
    """How often each number below ``total`` occurs, or the sum of the weights of its occurrences."""
    out = xp.zeros(total, "int64" if weight is None else weight.dtype)
    xp.scatter_add(out, number, 1 if weight is None else weight)
    return out


@public
def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each number from 0 to the largest (at least to ``minlength`` - 1) occurs in a vector of integers.

    With ``weights``, a vector of the same length, the sum of the weights of its occurrences: float32 for weights of
    float32, else float64.

    Raises:
        RuntimeError: the input is no vector or has negative numbers, or the weights do not fit it.
        NotImplementedError: the input does not hold integers.

    Example:
        >>> import nnlite
        >>> nnlite.bincount(nnlite.tensor([0, 2, 2]))
        tensor([1, 0, 2])
    """
    checked("bincount", input, "bfcV")
    a = input._a
    if minlength < 0:
        raise RuntimeError(f"minlength should be >= 0 (got {minlength})")
    if a.ndim != 1 or (a.size and a.dtype.kind == "i" and int(a.min()) < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    xp = backend_of(a).xp
    if weights is None:
        return wrap(
            xp.bincount(a, minlength=minlength).astype("int64", copy=False) if a.size else xp.zeros(minlength, "int64")
        )
    if weights._a.shape != a.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    check_same_device("bincount", (a, weights._a))
    w = weights._a if weights.dtype is dtypes.float32 else weights._a.astype("float64")
    total = builtins.max(int(a.max()) + 1 if a.size else 0, minlength)
    return wrap(tables[type(a)].tally(a, w, total=total))


# ---------------------------------------------------------------------------------------------------------------------
# Places in sorted sequences


@op()
def _bisect(xp: Any, edges: Any, x: Any, *, right: bool) -> Any:
    """For each element of ``x`` its place in the sorted last axis of ``edges``, of the same leading axes or none.

    In rows by binary search of all elements at once, in log2(n) steps.
    """
    if edges.ndim == 1:
        return xp.asarray(xp.searchsorted(edges, x.reshape(-1), side="right" if right else "left")).reshape(x.shape)
    n = edges.shape[-1]
    found = xp.zeros(x.shape, "int64")
    if not n or not x.size:
        return found
    flat = edges.reshape(-1)
    before = xp.arange(-1, flat.shape[0] - 1, n).reshape(*x.shape[:-1], 1)
    step = 1 << n.bit_length() - 1
    while step:
        # As many more elements, if the last of them comes before x too.
        there = xp.take(flat, xp.minimum(found + step, n) + before)
        beyond = xp.logical_not(there > x if right else there >= x)
        found += step * (beyond & (found <= n - step))
        step //= 2
    return found


def _search(edges: Any, x: Any, out_int32: bool, right: bool) -> Any:
    """The places as a tensor; both raw arrays have one dtype."""
    wide = np.dtype("float32") if edges.dtype.itemsize == 2 and edges.dtype.kind in "fV" else edges.dtype
    edges, x = edges.astype(wide, copy=False), x.astype(wide, copy=False)
    found = tables[type(x)].bisect(edges, x, right=right)
    return wrap(found.astype("int32" if out_int32 else "int64", copy=False))


@public(method=False)
def searchsorted(
    sorted_sequence: Any, input: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None,
    sorter: Any = None, out: Any = None,
) -> Any:  # fmt: skip
    """Where elements would be inserted into a sorted sequence to keep it sorted.

    The place is i with s[i-1] < x <= s[i], or with ``right`` (``side="right"``) s[i-1] <= x < s[i]. The sequence is a
    vector, or has the leading dimensions of ``input`` and a row for each. ``sorter`` gives the order of a sequence that
    is not sorted.

    Raises:
        RuntimeError: shapes or dtypes do not fit, or ``side`` and ``right`` contradict each other.

    Example:
        >>> import nnlite
        >>> nnlite.searchsorted(nnlite.tensor([1.0, 3.0, 5.0]), nnlite.tensor([0.0, 3.0, 9.0]))
        tensor([0, 1, 3])
    """
    name = "torch.searchsorted()"
    checked("searchsorted_out", sorted_sequence, "bc")
    number = not isinstance(input, TensorBase)
    edges = sorted_sequence._a
    if side not in (None, "left", "right"):
        raise RuntimeError(f"{name}: side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(f"{name}: side and right can't be set to opposites, got side of left while right was True")
    if not edges.ndim:
        raise RuntimeError(f"{name}: boundaries tensor should have positive dimension, but got 0 dimension")
    x = _operand(edges, input)
    if edges.ndim != 1 and (number or not x.ndim):
        raise RuntimeError(
            f"{name}: input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries "
            f"tensor dim({edges.ndim}) and input value's dim({x.ndim}) numel({x.size})"
        )
    if edges.ndim != 1 and (x.ndim != edges.ndim or x.shape[:-1] != edges.shape[:-1]):
        raise RuntimeError(
            f"{name}: boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and "
            f"input value tensor must match, but we got boundaries tensor {list(edges.shape)} and input value tensor "
            f"{list(x.shape)}"
        )
    if sorter is not None:
        edges = edges[along(backend_of(edges).xp, _sorter(name, sorter, edges), edges.ndim - 1)]
    if out is not None:
        _check_int_out(name, out, out_int32)
    edges, x = _common(edges, x, input)
    result = _search(edges, x, out_int32, right or side == "right")
    return result if out is None else put(result, out)


def _operand(edges: Any, input: Any) -> Any:
    """The raw values to look up; a number becomes an array."""
    if isinstance(input, TensorBase):
        check_same_device("searchsorted", (edges, input._a))
        return input._a
    if not isinstance(input, int | float | np.generic):
        raise not_a_tensor("searchsorted", 1, input)
    return backend_of(edges).xp.asarray(input, dtype=dtypes.of_scalar(input).np)


def _common(edges: Any, x: Any, input: Any) -> tuple[Any, Any]:
    """Both in one dtype, as other operations on two tensors promote."""
    kind = dtypes.result((edges, x if isinstance(input, TensorBase) else input)).np
    return edges.astype(kind, copy=False), x.astype(kind, copy=False)


def _sorter(name: str, sorter: Any, edges: Any) -> Any:
    where = sorter._a
    check_same_device("searchsorted", (edges, where))
    if where.shape != edges.shape:
        raise RuntimeError(
            f"{name}: boundary and sorter must have the same size, but got boundary tensor {list(edges.shape)}and got "
            f"sorter tensor {list(where.shape)}"
        )
    if where.dtype != np.int64:
        title = dtypes.TITLES[sorter.dtype.name]
        raise RuntimeError(f"{name}: sorter must be a tensor of long dtype but got dtype {title}")
    backend = backend_of(where)
    if where.size and backend.checks_indices and not backend.are_indices(where, edges.shape[-1]):
        raise RuntimeError(f"{name}: sorter index out of range")
    backend.check_index(where, edges.shape[-1], "searchsorted", RuntimeError, low=0)
    return where


def _check_int_out(name: str, out: Any, out_int32: bool) -> None:
    wanted = dtypes.int32 if out_int32 else dtypes.int64
    if out.dtype is not wanted:
        title = dtypes.TITLES[out.dtype.name]
        raise RuntimeError(
            f"{name}: output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on whether "
            f"out_int32 flag is True, but we got output tensor's dtype {title} and out_int32 flag is {out_int32}"
        )


@public(method=False)
def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False, out: Any = None) -> Any:
    """The number of the bucket between sorted ``boundaries`` in which each element lies.

    Bucket i holds b[i-1] < x <= b[i], or with ``right`` b[i-1] <= x < b[i].

    Raises:
        RuntimeError: ``boundaries`` is no vector.

    Example:
        >>> import nnlite
        >>> nnlite.bucketize(nnlite.tensor([0.5, 2.0, 7.0]), nnlite.tensor([1.0, 2.0, 3.0]))
        tensor([0, 1, 3])
    """
    if not isinstance(boundaries, TensorBase):
        raise not_a_tensor("bucketize", 1, boundaries)
    if boundaries._a.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries._a.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)
