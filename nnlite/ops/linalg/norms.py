"""Norms of vectors and matrices, and the condition number."""

from __future__ import annotations

import math
from typing import Any

from ..._core import dtypes
from .._axes import axis_of
from .._public import public
from ..pointwise.arithmetic import where
from ..pointwise.elementwise import abs as magnitude
from ..reduction import reduce
from ..shape.views import permute, unsqueeze
from ._matrices import floating, matrices, square, tensor, written
from .solvers import inv_ex
from .spectral import svdvals


def _listed(dim: Any) -> list[int]:
    return [dim] if isinstance(dim, int) else list(dim)


def _in_dtype(name: str, x: Any, dtype: Any) -> Any:
    """The input in the dtype asked for, which may be no narrower.

    Raises:
        RuntimeError: the dtype is narrower, or complex for real numbers, or the other way round.
    """
    if dtype is None or x.dtype is dtype:
        return x
    kind, wanted = x.dtype, dtype
    if wanted.category < dtypes.FLOAT or wanted.is_complex != kind.is_complex:
        sort = "complex" if kind.is_complex else "real"
        raise RuntimeError(
            f"{name}: dtype should be {sort} for {sort} inputs, but got {dtypes.TITLES[wanted.name]}"
            if wanted.category >= dtypes.FLOAT
            else f"{name}: dtype should be floating point or complex. Got {dtypes.TITLES[wanted.name]}"
        )
    if dtypes.promote_types(kind, wanted) is not wanted:
        raise RuntimeError(
            f"{name}: the dtype of the input ({dtypes.TITLES[kind.name]}) should be convertible without narrowing to "
            f"the specified dtype ({dtypes.TITLES[wanted.name]})"
        )
    return x.to(wanted)


def vector_norm(
    x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Any:
    """The p-norm (sum |x|^p)^(1/p) over dimension(s) ``dim``, or over all; ``ord`` is p, inf, -inf, or 0.

    ``inf`` and ``-inf`` give the largest and smallest magnitude, 0 how many elements are not 0.

    Raises:
        RuntimeError: integers, a ``dtype`` narrower than the input's, or no elements for a norm that needs one.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.vector_norm(nnlite.tensor([3.0, 4.0]))
        tensor(5.)
    """
    name = "linalg.vector_norm"
    x = floating(name, tensor(name, x), low=True)
    x = _in_dtype(name, x, dtype)
    dims = None if dim is None or dim in ((), []) else _listed(dim)
    axes = None if dims is None else [axis_of(d, x._a.ndim) for d in dims]
    if math.isinf(ord) or ord < 0:
        _check_not_empty(name, x, axes, ord)
    return written(reduce.norm(x, ord, dims if x._a.ndim else None, keepdim), out)


def _check_not_empty(name: str, x: Any, axes: list[int] | None, ord: float) -> None:
    shape = x._a.shape
    order = f"{ord:g}"
    if axes is None:
        if x._a.size == 0:
            raise RuntimeError(
                f"{name} cannot compute the {order} norm on an empty tensor because the operation does not have an "
                "identity"
            )
        return
    for axis in axes if shape else ():
        if shape[axis] == 0:
            raise RuntimeError(
                f"{name} cannot compute the {order} norm on the dimension {axis} because this dimension is empty and "
                "the operation does not have an identity"
            )


_ORDERS = ("fro", "nuc", math.inf, -math.inf, 1, -1, 2, -2)


def matrix_norm(
    A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Any:
    """The norm of matrices, which lie in the two dimensions ``dim``.

    ``ord`` is ``"fro"`` (root of the sum of squares), ``"nuc"`` (sum of the singular values), 2 or -2 (largest or
    smallest singular value), 1 or -1 (largest or smallest sum of magnitudes of a column), inf or -inf (of a row).

    Raises:
        RuntimeError: another order, no two different dimensions, integers, a narrower ``dtype``.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.matrix_norm(nnlite.tensor([[3.0, 0.0], [0.0, 4.0]]), "nuc")
        tensor(7.)
    """
    name = "linalg.matrix_norm"
    low = ord not in ("nuc", 2, -2)
    x = floating(name, matrices(name, A), low=low)
    if isinstance(ord, str) and ord not in ("fro", "nuc"):
        raise RuntimeError(f"{name}: Order {ord} not supported.")
    if ord not in _ORDERS:
        raise RuntimeError(f"{name}: Order {ord:g} not supported.")
    dims = _listed(dim)
    if len(dims) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {' '.join(map(str, dims))}")
    rows, columns = (axis_of(d, x._a.ndim) for d in dims)
    if rows == columns:
        raise RuntimeError(f"{name}: dims must be different. Got ({dims[0]}, {dims[1]})")
    x = _in_dtype(name, x, dtype)
    return written(_norm_of_matrices(x, ord, rows, columns, keepdim), out)


def _norm_of_matrices(x: Any, ord: Any, rows: int, columns: int, keepdim: bool) -> Any:
    if ord == "fro":
        return reduce.norm(x, 2, [rows, columns], keepdim)
    if 0 in (x._a.shape[rows], x._a.shape[columns]):
        return reduce.sum(magnitude(x), [rows, columns], keepdim)
    extreme = reduce.amin if ord != "nuc" and ord < 0 else reduce.amax
    if ord in ("nuc", 2, -2):
        others = [i for i in range(x._a.ndim) if i not in (rows, columns)]
        values = svdvals(permute(x, *others, rows, columns))
        result = reduce.sum(values, -1) if ord == "nuc" else extreme(values, -1)
        for axis in sorted((rows, columns)) if keepdim else ():
            result = unsqueeze(result, axis)
        return result
    along, across = (rows, columns) if ord in (1, -1) else (columns, rows)
    sums = reduce.sum(magnitude(x), along, True)
    result = extreme(sums, across, True)
    return result if keepdim else result.squeeze((rows, columns))


def linalg_norm(
    A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Any:
    """A norm of vectors (one dimension in ``dim``, or a 1-D input) or of matrices (two).

    Without ``ord`` it is the root of the sum of squares over ``dim``, or over all; else see
    :func:`nnlite.linalg.vector_norm` and :func:`nnlite.linalg.matrix_norm`.

    Raises:
        RuntimeError: an order without ``dim`` for an input that is neither 1-D nor 2-D, or more than two dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.norm(nnlite.tensor([[3.0, 0.0], [0.0, 4.0]]))
        tensor(5.)
    """
    x = tensor("linalg.norm", A)
    dims = None if dim is None else _listed(dim)
    if dims is not None and len(dims) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {dims}")
    ndim = x._a.ndim
    if dims is None and ord is not None and ndim not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {ndim}D.")
    if ord is not None and (isinstance(ord, str) or (len(dims) == 2 if dims is not None else ndim == 2)):
        return matrix_norm(x, ord, (0, 1) if dims is None else dims, keepdim, dtype=dtype, out=out)
    return vector_norm(x, 2 if ord is None else ord, dims, keepdim, dtype=dtype, out=out)


@public(numpy_names=True)
def norm(
    input: Any,
    p: float | str | None = "fro",
    dim: Any = None,
    keepdim: bool = False,
    out: Any = None,
    dtype: Any = None,
) -> Any:
    """The p-norm over ``dim`` of the elements, taken as one vector: (sum |x|^p)^(1/p).

    ``p`` is ``"fro"`` (2), a number, ``inf`` or ``-inf`` for the largest or smallest magnitude, or ``"nuc"`` for the
    sum of the singular values of matrices.

    Raises:
        RuntimeError: integers, another order, or no elements for a norm that needs one.

    Example:
        >>> import nnlite
        >>> nnlite.norm(nnlite.tensor([3.0, 4.0]))
        tensor(5.)
    """
    x = tensor("norm", input)
    if isinstance(p, str) and p != "fro":
        dims = range(x._a.ndim) if dim is None else _listed(dim)
        return matrix_norm(x, p, list(dims), keepdim, dtype=dtype, out=out)
    return vector_norm(x, 2 if p is None or p == "fro" else float(p), dim, keepdim, dtype=dtype, out=out)


@public(method=False)
def nuclear_norm(input: Any, dim: Any = (-2, -1), keepdim: bool = False, *, out: Any = None) -> Any:
    """The sum of the singular values of matrices; see :func:`nnlite.linalg.matrix_norm`."""
    return matrix_norm(input, "nuc", dim, keepdim, out=out)


@public(method=False)
def frobenius_norm(input: Any, dim: Any = (), keepdim: bool = False, *, out: Any = None) -> Any:
    """The root of the sum of squares over ``dim``, or over all; see :func:`nnlite.linalg.vector_norm`."""
    return vector_norm(input, 2, dim, keepdim, out=out)


def cond(A: Any, p: Any = None, *, out: Any = None) -> Any:
    """The condition number |A| |A^-1| in a matrix norm; the ratio of the extreme singular values for None, 2 and -2.

    Shape: (..., m, n), square for other orders than None, 2 and -2, gives (...).

    Raises:
        RuntimeError: another order, no matrix, not square.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.cond(nnlite.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor(2.)
    """
    if tensor("linalg.cond", A)._a.ndim < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    x = A
    if p is None or p in (2, -2):
        if not x._a.size:
            return written(x.new_zeros(x._a.shape[:-2], dtype=x.dtype.to_real()), out)
        values = svdvals(x)
        first, last = values[..., 0], values[..., -1]
        return written(last / first if p == -2 else first / last, out)
    if p not in ("fro", "nuc", math.inf, -math.inf, 1, -1):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p if isinstance(p, str) else format(p, 'g')}")
    square(f"linalg.cond(ord={p if isinstance(p, str) else format(p, 'g')})", x)
    if not x._a.size:
        return written(x.new_zeros(x._a.shape[:-2], dtype=x.dtype.to_real()), out)
    inverse, info = inv_ex(x)
    product = matrix_norm(x, p) * matrix_norm(inverse, p)
    return written(where(info > 0, math.inf, product), out)
