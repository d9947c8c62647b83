"""Products of vectors and matrices that are made of ``matmul``: added ones, inner ones, over chosen dimensions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core import dtypes
from ..._core.op import TensorBase, not_a_tensor
from .._axes import axis_of
from .._public import public, put
from .._wide import widened
from ..pointwise import arithmetic
from ..pointwise import elementwise as e
from ..pointwise.complex import conj
from ..reduction.reduce import sum as _total
from ..shape.views import permute, reshape
from .matmul import bmm, dot, matmul, mm, mv, outer


def _added(name: str, input: Any, product: Any, beta: Any, alpha: Any, out: Any = None) -> Any:
    """beta input + alpha product; with beta 0 also where the input is infinite or not a number."""
    shape = tuple(product._a.shape)
    if np.broadcast_shapes(input._a.shape, shape) != shape:
        raise RuntimeError(f"{name}: the input {list(input._a.shape)} cannot be broadcast to the product {list(shape)}")
    if dtypes.from_numpy[product._a.dtype].category < dtypes.FLOAT:
        beta, alpha = int(beta), int(alpha)  # as PyTorch converts them to the dtype of the product
    product = product if alpha == 1 else product * alpha
    scaled = e.zeros_like(input) if beta == 0 else input if beta == 1 else input * beta
    result = arithmetic.add(scaled, product)
    return result if out is None else put(result, out)


def _in_place(input: Any, result: Any) -> Any:
    if result._a.shape != input._a.shape:
        raise RuntimeError(
            f"Bad in-place call: input tensor size {list(input._a.shape)} and output tensor size "
            f"{list(result._a.shape)} should match"
        )
    return input.copy_(result)


@public
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha mat1 @ mat2, of matrices (n, k) and (k, m)."""
    return _added("addmm", input, mm(mat1, mat2), beta, alpha, out)


@public(only_method=True)
def addmm_(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``addmm`` in place."""
    return _in_place(input, addmm(input, mat1, mat2, beta=beta, alpha=alpha))


@public
def addmv(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha mat @ vec, of a matrix (n, k) and a vector (k)."""
    return _added("addmv", input, mv(mat, vec), beta, alpha, out)


@public(only_method=True)
def addmv_(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``addmv`` in place."""
    return _in_place(input, addmv(input, mat, vec, beta=beta, alpha=alpha))


@public
@widened
def addr(input: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha times the outer product of two vectors."""
    product = outer(vec1, vec2)
    if product._a.dtype.kind == "b":
        result = (input & bool(beta)) | (product & bool(alpha))
        return result if out is None else put(result, out)
    return _added("addr", input, product, beta, alpha, out)


@public(only_method=True)
def addr_(input: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``addr`` in place."""
    return _in_place(input, addr(input, vec1, vec2, beta=beta, alpha=alpha))


@public
def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha batch1 @ batch2, of stacks of matrices (b, n, k) and (b, k, m)."""
    return _added("baddbmm", input, bmm(batch1, batch2), beta, alpha, out)


@public(only_method=True)
def baddbmm_(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``baddbmm`` in place."""
    return _in_place(input, baddbmm(input, batch1, batch2, beta=beta, alpha=alpha))


@public
def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha times the sum of the products of two stacks of matrices, (b, n, k) and (b, k, m)."""
    return _added("addbmm", input, _sum_of_products(batch1, batch2), beta, alpha, out)


def _sum_of_products(batch1: Any, batch2: Any) -> Any:
    """One product of the matrices side by side and one above the other."""
    a, b = batch1._a.shape, batch2._a.shape
    if len(a) != 3 or len(b) != 3 or a[0] != b[0] or a[2] != b[1]:
        bmm(batch1, batch2)  # raises
    return mm(reshape(permute(batch1, 1, 0, 2), a[1], a[0] * a[2]), reshape(batch2, a[0] * a[2], b[2]))


@public(only_method=True)
def addbmm_(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``addbmm`` in place."""
    return _in_place(input, addbmm(input, batch1, batch2, beta=beta, alpha=alpha))


@public
def vdot(input: Any, other: Any, *, out: Any = None) -> Any:
    """The inner product of two vectors, of the first one's conjugate."""
    if not isinstance(input, TensorBase):
        raise not_a_tensor("vdot", 0, input)
    result = dot(conj(input), other)
    return result if out is None else put(result, out)


@public
def inner(input: Any, other: Any, *, out: Any = None) -> Any:
    """The sums of products along the last dimensions of both; with a 0-d tensor the product with it.

    Shape: (..., k) and (***, k) give (..., ***).
    """
    a, b = input._a.shape, other._a.shape
    if not a or not b:
        result = input * other
    elif a[-1] != b[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(a)} and {list(b)}"
        )
    else:
        result = tensordot(input, other, ([-1], [-1]))
    return result if out is None else put(result, out)


@public(method=False)
def tensordot(a: Any, b: Any, dims: Any = 2, out: Any = None) -> Any:
    """The sums of products over dimensions of both: the last ``dims`` of ``a`` and first of ``b``, or two lists.

    Example:
        >>> import nnlite
        >>> nnlite.tensordot(nnlite.ones(2, 3), nnlite.ones(3, 4), 1).shape
        torch.Size([2, 4])
    """
    x, y = a._a.shape, b._a.shape
    if isinstance(dims, TensorBase):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(len(x), len(y)):
            raise RuntimeError(
                f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}, ndim_a={len(x)}, ndim_b={len(y)}"
            )
        dims = list(range(len(x) - dims, len(x))), list(range(dims))
    groups = [[g] if isinstance(g, int) else g for g in dims]
    ours, theirs = [axis_of(d, len(x)) for d in groups[0]], [axis_of(d, len(y)) for d in groups[1]]
    if len(ours) != len(theirs):
        raise RuntimeError("both dimension lists should have same length")
    for i, j in zip(ours, theirs, strict=True):
        if x[i] == y[j]:
            continue
        if 1 not in (x[i], y[j]):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {x[i]} in dim {i} and second has size {y[j]} "
                f"in dim {j}"
            )
        if x[i] == 1:  # the one element times all of the other's
            b = _total(b, j, True)
        else:
            a = _total(a, i, True)
    x, y = a._a.shape, b._a.shape
    left = [i for i in range(len(x)) if i not in ours]
    right = [j for j in range(len(y)) if j not in theirs]
    k = math.prod(x[i] for i in ours)
    rows, columns = [x[i] for i in left], [y[j] for j in right]
    one = reshape(permute(a, *left, *ours) if x else a, (math.prod(rows), k))
    other = reshape(permute(b, *theirs, *right) if y else b, (k, math.prod(columns)))
    result = reshape(matmul(one, other), (*rows, *columns))
    return result if out is None else put(result, out)


@public
def kron(input: Any, other: Any, *, out: Any = None) -> Any:
    """The Kronecker product: each element of the input times the whole of ``other``."""
    n = max(input._a.ndim, other._a.ndim)
    x = (1,) * (n - input._a.ndim) + tuple(input._a.shape)
    y = (1,) * (n - other._a.ndim) + tuple(other._a.shape)
    left = reshape(input, [v for size in x for v in (size, 1)])
    right = reshape(other, [v for size in y for v in (1, size)])
    result = reshape(left * right, [p * q for p, q in zip(x, y, strict=True)])
    return result if out is None else put(result, out)
