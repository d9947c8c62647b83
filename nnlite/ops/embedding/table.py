"""Rows of a table by number, and how their gradients come back to the table."""

from __future__ import annotations

import math
from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, check_same_device, not_a_tensor, op
from ...backends import backend_of
from .._public import public
from ..activation.softmax import widen


@op(saves=("indices",))
def _embedding(xp: Any, weight: Any, indices: Any, *, padding: int | None, by_frequency: bool) -> Any:
    return xp.take(weight, indices, axis=0)


@_embedding.vjp
def _(f: Any, g: Any, node: Any, indices: Any) -> tuple[Any, ...]:
    return f.embedding_gradient(g, indices, rows=node.shapes[0][0], **node.attrs), None


@op(saves=("indices",))
def _embedding_gradient(xp: Any, g: Any, indices: Any, *, rows: int, padding: int | None, by_frequency: bool) -> Any:
    """Zeros with the rows of ``g`` added at their numbers; nothing at ``padding``."""
    where = indices.reshape(-1)
    wide = widen(g).reshape(where.size, g.shape[-1])
    if by_frequency:
        wide = wide / _counts(xp, where, rows, wide.dtype)[:, None]
    out = xp.zeros((rows, g.shape[-1]), wide.dtype)
    xp.scatter_add(out, where, wide)
    if padding is not None:
        out[padding] = 0
    return out.astype(g.dtype, copy=False)


@_embedding_gradient.vjp
def _(f: Any, g: Any, node: Any, indices: Any) -> tuple[Any, ...]:
    attrs = node.attrs
    return f.embedding_spread(g, indices, padding=attrs["padding"], by_frequency=attrs["by_frequency"]), None


@op(saves=("indices",))
def _embedding_spread(xp: Any, x: Any, indices: Any, *, padding: int | None, by_frequency: bool) -> Any:
    """The transpose of ``embedding_gradient``."""
    out = xp.take(x, indices, axis=0)
    if padding is not None:
        out = out * (indices != padding)[..., None]
    if by_frequency:
        out = out / _counts(xp, indices, x.shape[0], x.dtype)[..., None]
    return out


@_embedding_spread.vjp
def _(f: Any, g: Any, node: Any, indices: Any) -> tuple[Any, ...]:
    return f.embedding_gradient(g, indices, rows=node.shapes[0][0], **node.attrs), None


def _counts(xp: Any, indices: Any, rows: int, kind: Any) -> Any:
    """For each index how often it occurs among all."""
    counts = xp.zeros(rows, kind)
    xp.scatter_add(counts, indices, xp.ones(indices.shape, kind))
    return xp.take(counts, indices)


def _norms(xp: Any, rows: Any, p: float) -> Any:
    """The p-norm of each row."""
    if math.isinf(p):
        return xp.max(xp.absolute(rows), axis=1)
    if p == 0:
        return xp.sum(rows != 0, axis=1)
    if p == 2:
        return xp.sqrt(xp.sum(rows * rows, axis=1))
    return xp.sum(xp.absolute(rows) ** p, axis=1) ** (1 / p)


def _limit_norms(weight: Any, indices: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are looked up down to ``max_norm``, in place and outside of the graph.

    A row that occurs several times is computed from the same old values each time, so that there is no need to find the
    different numbers first, for which the host would have to wait for the device.
    """
    a, where = weight._a, indices.reshape(-1)
    xp = backend_of(a).xp
    if not where.size or not a.shape[1]:
        return
    rows = widen(xp.take(a, where, axis=0))
    norms = _norms(xp, rows, norm_type).astype(rows.dtype, copy=False)
    factor = xp.where(norms > max_norm, max_norm / (norms + 1e-7), 1.0).astype(rows.dtype, copy=False)
    a[where] = (rows * factor[:, None]).astype(a.dtype, copy=False)
    weight._vc[0] += 1


def _check(input: Any, weight: Any) -> None:
    for position, value in enumerate((input, weight)):
        if not isinstance(value, TensorBase):
            raise not_a_tensor("embedding", position, value)
    i, w = input._a, weight._a
    if w.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D (embedding: it has {list(w.shape)})")
    if i.dtype not in (dtypes.int64.np, dtypes.int32.np):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{input.type()} instead (while checking arguments for embedding; convert it with .long())"
        )
    if type(i) is not type(w):
        check_same_device("embedding", (w, i))
    backend, rows = backend_of(w), w.shape[0]
    if not backend.checks_indices:
        backend.check_index(i, rows, "embedding", IndexError, 0)
    elif i.size and not backend.are_indices(i, rows):
        wrong = i[(i < 0) | (i >= rows)]
        raise IndexError(f"index out of range in self (embedding: {wrong[0]} is not in [0, {rows - 1}])")


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """The rows of ``weight`` with the numbers ``input``.

    Args:
        input: numbers of rows, int64 or int32.
        padding_idx: this row gets no gradient.
        max_norm: rows that are looked up and have a larger norm are scaled down to it first, in ``weight`` itself.
        norm_type: the p of the p-norm for ``max_norm``.
        scale_grad_by_freq: the gradient of a row is divided by how often ``input`` has its number.
        sparse: accepted; there are no sparse tensors here, so the gradient is dense all the same.

    Shape: input (*), weight (rows, features); the result is (*, features).

    Raises:
        IndexError: there is no such row. On a device that works on its own it comes at the next synchronisation.
        AssertionError: ``padding_idx`` is no row.
        RuntimeError: ``input`` is neither int64 nor int32, or ``weight`` is not a matrix.

    Example:
        >>> import nnlite
        >>> table = nnlite.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> nnlite.nn.functional.embedding(nnlite.tensor([1, 0, 1]), table)
        tensor([[3., 4.],
                [1., 2.],
                [3., 4.]])
    """
    _check(input, weight)
    if padding_idx is not None:
        rows = weight._a.shape[0]
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= rows
    if max_norm is not None:
        _limit_norms(weight, input._a, max_norm, float(norm_type))
    return _embedding(weight, input, padding=padding_idx, by_frequency=scale_grad_by_freq)


def _by_weight(
    weight: Any, indices: Any, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Any:
    """The rows of ``weight`` with the numbers ``indices``; see :func:`nnlite.nn.functional.embedding`.

    ``padding_idx`` -1 stands for none.
    """
    padding = None if padding_idx == -1 else padding_idx
    return embedding(indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)


_by_weight.__name__ = _by_weight.__qualname__ = "embedding"
public(_by_weight, method=False)
