"""Products of matrices and vectors."""

from __future__ import annotations

import math
from typing import Any

from ..._core import dtypes
from ..._core.engine import gradient_of
from ..._core.op import (
    TensorBase,
    check_same_device,
    conjugate,
    in_place,
    not_a_tensor,
    op,
    recorded,
    unbroadcast,
)
from .._public import METHODS, public, put
from ..shape.views import reshape, squeeze, unsqueeze


def _swapped(f: Any, x: Any) -> Any:
    """The conjugate transposed matrices of a stack."""
    n = len(x.shape)
    if x.dtype.kind == "c":
        x = f.conj(x)
    if n == 2:
        return x.T
    return f.transpose(x, axes=(*range(n - 2), n - 1, n - 2))


@op("matmul", saves=("x", "y"), title=lambda node: "MmBackward0" if len(node.shapes[0]) == 2 else "BmmBackward0")
def _matmul(xp: Any, x: Any, y: Any) -> Any:
    out = xp.matmul(x, y)
    return out if out.dtype is x.dtype else out.astype(x.dtype)  # NumPy multiplies bfloat16 in float32


@_matmul.vjp
def _(f: Any, g: Any, node: Any, x: Any, y: Any) -> tuple[Any, ...]:
    xn, yn = node.edges
    gx = gy = None
    if xn is not None:
        gx = unbroadcast(f, f.matmul(g, _swapped(f, y)), node.shapes[0])
    if yn is not None:
        gy = unbroadcast(f, f.matmul(_swapped(f, x), g), node.shapes[1])
    return gx, gy


def _same_dtype(name: str, x: Any, y: Any) -> None:
    try:
        a, b = x._a, y._a
        if a.dtype is b.dtype and type(a) is type(b):
            return
    except AttributeError:
        pass  # one of them is no tensor
    for position, value in enumerate((x, y)):
        if not isinstance(value, TensorBase):
            raise not_a_tensor(name, position, value)
    check_same_device(name, (x._a, y._a))
    if x._a.dtype != y._a.dtype:
        mine, other = (dtypes.from_numpy[v._a.dtype].name for v in (x, y))
        names = {"float32": "float", "float64": "double", "int64": "long", "int32": "int", "float16": "c10::Half"}
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {names.get(mine, mine)} != {names.get(other, other)} "
            f"({name}: convert one of them with .to(dtype))"
        )


@public
def matmul(input: Any, other: Any, *, out: Any = None) -> Any:
    """The matrix product; a vector is a row on the left, a column on the right; leading dimensions broadcast.

    Shape: (..., n, k) and (..., k, m) give (..., n, m).

    Raises:
        RuntimeError: the inner sizes differ, or the dtypes do.

    Example:
        >>> import nnlite
        >>> nnlite.matmul(nnlite.ones(2, 3), nnlite.ones(3))
        tensor([3., 3.])
    """
    _same_dtype("matmul", input, other)
    a, b = input._a, other._a
    if a.ndim == 2 and b.ndim == 2:
        try:
            result = _matmul(input, other)
        except ValueError:
            raise _mismatch(a, b) from None
    elif a.ndim == 0 or b.ndim == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D")
    else:
        result = _matmul_any(input, other)
    return result if out is None else put(result, out)


def _mismatch(a: Any, b: Any) -> RuntimeError:
    return RuntimeError(
        f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]})"
    )


def _matmul_any(x: Any, y: Any) -> Any:
    a, b = x._a, y._a
    row, column = a.ndim == 1, b.ndim == 1
    if row and column:
        return dot(x, y)
    if row:
        x = unsqueeze(x, 0)
    if column:
        y = unsqueeze(y, 1)
    a, b = x._a, y._a
    if a.shape[-1] != b.shape[-2]:
        if a.ndim == 2 and b.ndim == 2:
            raise _mismatch(a, b)
        raise RuntimeError(
            f"matmul(): the last size of the first tensor ({a.shape[-1]}, of {list(a.shape)}) must equal the last "
            f"but one of the second ({b.shape[-2]}, of {list(b.shape)})"
        )
    if b.ndim == 2 and a.ndim > 2:  # one large product in place of many small ones
        result = _matmul(reshape(x, (math.prod(a.shape[:-1]), a.shape[-1])), y)
        result = reshape(result, (*a.shape[:-1], b.shape[-1]))
    else:
        result = _matmul(x, y)
    if row:
        result = squeeze(result, -2)
    return squeeze(result, -1) if column else result


@public
def mm(input: Any, mat2: Any, *, out: Any = None) -> Any:
    """The product of two matrices, (n, k) and (k, m)."""
    _same_dtype("mm", input, mat2)
    for name, x in (("self", input), ("mat2", mat2)):
        if x._a.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix")
    return matmul(input, mat2, out=out)


@public
def bmm(input: Any, mat2: Any, *, out: Any = None) -> Any:
    """The products of two stacks of matrices, (b, n, k) and (b, k, m)."""
    _same_dtype("bmm", input, mat2)
    for name, x in (("batch1", input), ("batch2", mat2)):
        if x._a.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")
    a, b = input._a.shape, mat2._a.shape
    if a[0] != b[0] or a[2] != b[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[2]}] but got: [{b[0]}, "
            f"{b[1]}]."
        )
    return matmul(input, mat2, out=out)


@public
def mv(input: Any, vec: Any, *, out: Any = None) -> Any:
    """The product of a matrix (n, k) and a vector (k)."""
    if input._a.ndim != 2 or vec._a.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {input._a.ndim}, {vec._a.ndim}")
    if input._a.shape[1] != vec._a.shape[0]:
        raise RuntimeError(f"size mismatch, got input ({input._a.shape[0]}), mat ({input._a.shape[0]}x"
                           f"{input._a.shape[1]}), vec ({vec._a.shape[0]})")  # fmt: skip
    return matmul(input, vec, out=out)


@public
def dot(input: Any, tensor: Any, *, out: Any = None) -> Any:
    """The inner product of two vectors of one length."""
    _same_dtype("dot", input, tensor)
    a, b = input._a, tensor._a
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.shape != b.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{a.shape[0]}] and src [{b.shape[0]}] to have the same "
            f"number of elements, but got {a.shape[0]} and {b.shape[0]} elements respectively"
        )
    result = _dot(input, tensor)
    return result if out is None else put(result, out)


@op(saves=("x", "y"))
def _dot(xp: Any, x: Any, y: Any) -> Any:
    out = xp.dot(x, y)
    return out if out.dtype == x.dtype else out.astype(x.dtype)


@_dot.vjp
def _(f: Any, g: Any, node: Any, x: Any, y: Any) -> tuple[Any, ...]:
    return g * conjugate(f, y), g * conjugate(f, x)


@public(names=("ger",))
def outer(input: Any, vec2: Any, *, out: Any = None) -> Any:
    """The matrix of all products x_i y_j."""
    for name, x in (("self", input), ("vec2", vec2)):
        if x._a.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {x._a.ndim}-D")
    result = unsqueeze(input, 1) * unsqueeze(vec2, 0)
    return result if out is None else put(result, out)


# ---------------------------------------------------------------------------------------------------------------------
# The fully connected layer: one operation, one node


def _linear_title(node: Any) -> str:
    if len(node.shapes[0]) != 2:
        return "ViewBackward0" if node.edges[2:] and node.shapes[2] is not None else "UnsafeViewBackward0"
    return "MmBackward0" if node.shapes[2] is None else "AddmmBackward0"


@op(saves=("x", "weight"), title=_linear_title)
def _linear(xp: Any, x: Any, weight: Any, bias: Any) -> Any:
    rows = x if x.ndim == 2 else x.reshape(-1 if x.size else 0, x.shape[-1])
    out = xp.matmul(rows, weight.T)
    if bias is not None:
        out += bias
    if out.dtype is not x.dtype:
        out = out.astype(x.dtype)
    return out if x.ndim == 2 else out.reshape(*x.shape[:-1], weight.shape[0])


@_linear.vjp
def _(f: Any, g: Any, node: Any, x: Any, weight: Any) -> tuple[Any, ...]:
    xn, wn, bn = node.edges
    flat = len(x.shape) == 2
    rows = g if flat else f.reshape(g, shape=(-1 if 0 not in g.shape else 0, g.shape[-1]))
    gx = gw = gb = None
    if xn is not None:
        gx = f.matmul(rows, conjugate(f, weight))
        gx = gx if flat else f.reshape(gx, shape=node.shapes[0])
    if wn is not None:
        inputs = x if flat else f.reshape(x, shape=(-1 if 0 not in x.shape else 0, x.shape[-1]))
        gw = _weight_gradient(f, wn, f.transpose(rows, axes=(1, 0)), conjugate(f, inputs))
    if bn is not None:
        gb = f.sum(rows, axis=(0,), keepdims=False)
    return gx, gw, gb


def _weight_gradient(f: Any, edge: Any, a: Any, b: Any) -> Any:
    """a @ b; None where it was added to the weight's gradient in the product itself."""
    if f is not recorded and f.backend_.adds_products:
        total = gradient_of(edge)
        if total is not None:
            f.backend_.xp.add_product(total, a, b)
            return None
    return f.matmul(a, b)


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """y = x A^T + b.

    Shape: input (..., in), weight (out, in), bias (out); the result is (..., out).

    Raises:
        RuntimeError: the last size of the input is not ``in``, or dtypes or devices differ.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.linear(nnlite.ones(1, 3), nnlite.ones(2, 3), nnlite.tensor([0.0, 1.0]))
        tensor([[3., 4.]])
    """
    _same_dtype("linear", input, weight)
    a, w = input._a, weight._a
    if not a.ndim or not w.ndim:
        raise RuntimeError(f"both arguments to linear need to be at least 1D, but they are {a.ndim}D and {w.ndim}D")
    if w.ndim == 1:
        result = matmul(input, weight)
        return result if bias is None else result + bias
    if a.shape[-1:] != w.shape[1:]:
        rows = a.size // a.shape[-1] if a.ndim and a.shape[-1] else 0
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{a.shape[-1] if a.ndim else 0} and "
            f"{w.shape[1]}x{w.shape[0]}) (linear: the input's last dimension must have {w.shape[1]} features)"
        )
    if bias is not None and bias._a.dtype is not w.dtype:
        _same_dtype("linear", weight, bias)
    if bias is not None and bias._a.shape != w.shape[:1]:
        return linear(input, weight) + bias
    if a.ndim == 1:
        return squeeze(_linear(unsqueeze(input, 0), weight, bias), 0)
    return _linear(input, weight, bias)


METHODS["__matmul__"] = matmul


@op()
def _triangle(xp: Any, x: Any, *, diagonal: int, upper: bool) -> Any:
    return (xp.triu if upper else xp.tril)(x, diagonal)


@_triangle.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.triangle(g, **node.attrs),)


def _check_matrix(name: str, x: Any) -> None:
    if x._a.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")


@public
def triu(input: Any, diagonal: int = 0, *, out: Any = None) -> Any:
    """The elements on and above a diagonal, zeros elsewhere."""
    _check_matrix("triu", input)
    result = _triangle(input, diagonal=diagonal, upper=True)
    return result if out is None else put(result, out)


@public
def tril(input: Any, diagonal: int = 0, *, out: Any = None) -> Any:
    """The elements on and below a diagonal, zeros elsewhere."""
    _check_matrix("tril", input)
    result = _triangle(input, diagonal=diagonal, upper=False)
    return result if out is None else put(result, out)


@public(only_method=True)
def triu_(input: Any, diagonal: int = 0) -> Any:
    """``triu`` in place."""
    _check_matrix("triu_", input)
    return in_place(_triangle, input, diagonal=diagonal, upper=True)


@public(only_method=True)
def tril_(input: Any, diagonal: int = 0) -> Any:
    """``tril`` in place."""
    _check_matrix("tril_", input)
    return in_place(_triangle, input, diagonal=diagonal, upper=False)
