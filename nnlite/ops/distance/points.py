"""Distances between points: of two sets (``cdist``), of one (``pdist``)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core.op import not_a_tensor, op
from ..._core.tensor_base import TensorBase, wrap
from ...backends import backend_of
from .._public import FUNCTIONS, public
from ..linalg._matrices import title
from ..pointwise.elementwise import abs as magnitude
from ..reduction import reduce
from ..shape.views import unsqueeze

_MODES = {
    "use_mm_for_euclid_dist_if_necessary": None,
    "use_mm_for_euclid_dist": True,
    "donot_use_mm_for_euclid_dist": False,
}


def _rows(xp: Any, x: Any, y: Any) -> list[slice]:
    """Blocks of the points of ``x`` whose differences from all of ``y`` fit in the processor's cache, or in memory."""
    count = x.shape[-2]
    one = y.size * x.itemsize
    for n in x.shape[:-2]:
        one *= n
    step = max(getattr(xp, "cache_bytes", 1 << 28) // max(one, 1), 1)
    return [slice(at, at + step) for at in range(0, count, step)]


@op(saves=("x", "y", "out"))
def _cdist(xp: Any, x: Any, y: Any, *, p: float, products: bool) -> Any:
    if products:  # |x - y|^2 = |x|^2 - 2 x y + |y|^2
        squares = xp.matmul(-2 * x, y.swapaxes(-1, -2))
        squares += xp.sum(x * x, axis=-1)[..., :, None]
        squares += xp.sum(y * y, axis=-1)[..., None, :]
        return xp.sqrt(xp.maximum(squares, 0))
    out = xp.empty((*xp.broadcast_shapes(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-2]), x.dtype)
    for rows in _rows(xp, x, y):
        apart = xp.absolute(x[..., rows, None, :] - y[..., None, :, :])
        out[..., rows, :] = _norm(xp, apart, p)
    return out


def _norm(xp: Any, sizes: Any, p: float) -> Any:
    """The p-norm of non-negative numbers over the last axis."""
    if not sizes.shape[-1]:
        return xp.zeros(sizes.shape[:-1], sizes.dtype)
    if p == math.inf:
        return xp.max(sizes, axis=-1)
    if p == 0:
        return xp.sum(sizes != 0, axis=-1).astype(sizes.dtype)
    if p == 1:
        return xp.sum(sizes, axis=-1)
    if p == 2:
        return xp.sqrt(xp.sum(sizes * sizes, axis=-1))
    return xp.sum(sizes**p, axis=-1) ** (1 / p)


@op()
def _cdist_gradient(xp: Any, g: Any, x: Any, y: Any, out: Any, *, p: float) -> Any:
    """The gradient of the distances to ``x``; 0 where points coincide."""
    gx = xp.zeros((*out.shape[:-2], *x.shape[-2:]), x.dtype)
    if p == 0 or not gx.size or not y.size:
        return gx
    one = xp.ones((), x.dtype)
    for rows in _rows(xp, x, y):
        apart = x[..., rows, None, :] - y[..., None, :, :]
        norm, part = out[..., rows, :, None], g[..., rows, :, None]
        if p == math.inf:
            slope = xp.sign(apart) * (xp.absolute(apart) == norm)
        elif p == 1:
            slope = xp.sign(apart)
        elif p == 2:
            slope = apart / xp.where(norm == 0, one, norm)
        else:
            sizes = xp.absolute(apart)
            ratio = xp.where(sizes == 0, one, sizes) / xp.where(norm == 0, one, norm)
            slope = xp.where((sizes == 0) | (norm == 0), xp.zeros((), x.dtype), xp.sign(apart) * ratio ** (p - 1))
        gx[..., rows, :] = xp.sum(slope * part, axis=-2)
    return gx


@_cdist.vjp
def _(f: Any, g: Any, node: Any, x: Any, y: Any, out: Any) -> tuple[Any, ...]:
    xn, yn = node.edges
    p = node.attrs["p"]
    gx = None if xn is None else f.cdist_gradient(g, x, y, out, p=p)
    if yn is None:
        return gx, None
    return gx, f.cdist_gradient(g.swapaxes(-1, -2), y, x, out.swapaxes(-1, -2), p=p)


@_cdist.composite
def _(x: Any, y: Any, *, p: float, products: bool) -> Any:
    return reduce.norm(unsqueeze(x, -2) - unsqueeze(y, -3), p, -1)


def _float_points(name: str, label: str, x: Any, position: int) -> Any:
    if not isinstance(x, TensorBase):
        raise not_a_tensor(name, position, x)
    if x._a.dtype.kind not in "fV":
        raise RuntimeError(f"{name} only supports floating-point dtypes, {label} got: {title(x)}")
    return x


@public(method=False)
def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary") -> Any:
    """The p-norms of the differences of all pairs of rows of two matrices, or of two stacks of them.

    For p = 2 and more than 25 rows the distances come from products of matrices, which is faster and less exact for
    points that nearly coincide; ``compute_mode`` may be ``"use_mm_for_euclid_dist"`` or
    ``"donot_use_mm_for_euclid_dist"`` as well.

    Shape: (..., r, m) and (..., s, m) give (..., r, s); stacks broadcast.

    Raises:
        RuntimeError: less than two dimensions, different numbers of columns, negative p, integers.
        ValueError: another ``compute_mode``.

    Example:
        >>> import nnlite
        >>> nnlite.cdist(nnlite.tensor([[0.0, 0.0]]), nnlite.tensor([[3.0, 4.0], [0.0, 1.0]]))
        tensor([[5., 1.]])
    """
    if compute_mode is not None and compute_mode not in _MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    x, y = _float_points("cdist", "X1", x1, 0), _float_points("cdist", "X2", x2, 1)
    a, b = x._a, y._a
    for label, array in (("X1", a), ("X2", b)):
        if array.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {label} got: {array.ndim}D")
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {a.shape[-1]} X2: {b.shape[-1]}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected scalar type {title(x)} but found {title(y)} (cdist: convert one of them)")
    if a.dtype.itemsize == 2:
        raise NotImplementedError(f"\"cdist\" not implemented for '{title(x)}' (convert it with .float())")
    products = _MODES[compute_mode] if compute_mode is not None else None
    if products is None:
        products = max(a.shape[-2], b.shape[-2]) > 25
    if a.shape[:-2] != b.shape[:-2]:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        x, y = x.expand(*batch, *a.shape[-2:]), y.expand(*batch, *b.shape[-2:])
    return _cdist(x, y, p=float(p), products=products and p == 2)


@public(method=False)
def pdist(input: Any, p: float = 2.0) -> Any:
    """The p-norms of the differences of all pairs of rows of a matrix: the upper triangle of ``cdist(x, x)`` by rows.

    Shape: (n, m) gives (n (n - 1) / 2).

    Raises:
        RuntimeError: the input is no matrix, of integers, or p is negative.

    Example:
        >>> import nnlite
        >>> nnlite.pdist(nnlite.tensor([[0.0], [1.0], [3.0]]))
        tensor([1., 3., 2.])
    """
    x = input
    if not isinstance(x, TensorBase):
        raise not_a_tensor("pdist", 0, x)
    if x._a.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {x._a.ndim}D")
    if x._a.dtype.kind not in "fV":
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    backend = backend_of(x._a)
    first, second = np.triu_indices(x._a.shape[0], 1)
    place = backend.index_of(x._a)
    one, other = (
        FUNCTIONS["index_select"](x, 0, wrap(backend.from_host(where.astype(np.int64), place)))
        for where in (first, second)
    )
    apart = one - other
    if not apart._a.size:
        return reduce.sum(magnitude(apart), -1)
    return reduce.norm(apart, p, -1)
