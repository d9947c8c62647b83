"""Matrix product through cuBLAS' strided-batched GEMM.

``cupy.matmul`` copies transposed operands, computes batched float16 in float32 and has no batched bfloat16. cuBLAS
itself takes all of these as they lie: this module works out the layout arguments. It imports nothing of CUDA, so that
the plan can be tested anywhere.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .._flags import shared

Shape = tuple[int, ...]

_TYPES = {"float16": 2, "bfloat16": 14, "float32": 0, "float64": 1}
"""cudaDataType_t of the dtypes that cuBLAS multiplies."""

_COMPUTE_32F, _COMPUTE_64F, _COMPUTE_32F_FAST_TF32 = 68, 70, 77
_DEFAULT_ALGORITHM = -1


@functools.lru_cache(maxsize=256)
def _factor(value: float, name: str) -> np.ndarray:
    """alpha or beta, in the type that the sum is computed in; cuBLAS reads it from host memory."""
    return np.full(1, value, "float64" if name == "float64" else "float32")


class Operand(NamedTuple):
    """How cuBLAS reads one operand, in elements: transposed or not, leading dimension, step from matrix to matrix."""

    transposed: bool
    leading: int
    step: int


class Plan(NamedTuple):
    """One call: ``batch`` products of (m, k) by (k, n) matrices."""

    m: int
    n: int
    k: int
    batch: int
    a: Operand
    b: Operand


def layout(rows: int, columns: int, row_step: int, column_step: int) -> tuple[bool, int] | None:
    """Whether a matrix lies by columns, and its leading dimension; None for one that must be copied first.

    The steps are in elements. By rows: neighbours in a row lie side by side, and rows do not overlap.
    """
    if (column_step == 1 or columns == 1) and (row_step >= columns or rows == 1):
        return False, max(row_step if rows > 1 else columns, columns, 1)
    if (row_step == 1 or rows == 1) and (column_step >= rows or columns == 1):
        return True, max(column_step if columns > 1 else rows, rows, 1)
    return None


def merge(shape: Shape, *steps: Shape) -> tuple[int, Shape] | None:
    """One axis for all batch axes: its length and, for each operand, its step; None where the steps do not fit."""
    axes = [i for i, size in enumerate(shape) if size != 1]
    if not axes:
        return 1, (0,) * len(steps)
    for outer, inner in pairwise(axes):
        if any(s[outer] != s[inner] * shape[inner] for s in steps):
            return None
    return prod(shape[i] for i in axes), tuple(s[axes[-1]] for s in steps)


def plan(a_shape: Shape, a_steps: Shape, b_shape: Shape, b_steps: Shape) -> Plan | str:
    """The call for two stacks of matrices with equal batch axes (a broadcast axis has step 0), or which operand
    (``"a"``, ``"b"``, ``"ab"``) has to be copied to contiguous memory first."""
    m, k = a_shape[-2:]
    n = b_shape[-1]
    a, b = layout(m, k, *a_steps[-2:]), layout(k, n, *b_steps[-2:])
    if a is None or b is None:
        return ("a" if a is None else "") + ("b" if b is None else "")
    merged = merge(a_shape[:-2], a_steps[:-2], b_steps[:-2])
    if merged is None:
        batch = a_shape[:-2]
        return ("a" if merge(batch, a_steps[:-2]) is None else "") + ("b" if merge(batch, b_steps[:-2]) is None else "")
    count, (a_step, b_step) = merged
    if min(a_step, b_step) < 0:  # cuBLAS does not promise to count backwards
        return ("a" if a_step < 0 else "") + ("b" if b_step < 0 else "")
    return Plan(m, n, k, count, Operand(*a, a_step), Operand(*b, b_step))


def fold_rows(a_shape: Shape, a_steps: Shape) -> tuple[int, int] | None:
    """The batch and row axes of ``a`` as one row axis (number of rows, step), where a single matrix on the right lets
    one large product stand for many small ones."""
    merged = merge(a_shape[:-1], a_steps[:-1])
    return None if merged is None else (merged[0], merged[1][0])


class Gemm:
    """``matmul`` over a cuBLAS entry point.

    Args:
        call: ``gemmStridedBatchedEx`` as CuPy binds it.
        handle: gives the handle of the current device.
        xp: makes and copies arrays (``empty``, ``zeros``, ``ascontiguousarray``).
    """

    def __init__(self, call: Callable[..., None], handle: Callable[[], int], xp: Any) -> None:
        self._call = call
        self._handle = handle
        self._xp = xp

    def takes(self, a: Any, b: Any) -> bool:
        """Whether both operands are arrays of the device, of one dtype that cuBLAS multiplies, with axes."""
        if type(a) is not type(b):
            return False
        return a.dtype == b.dtype and a.dtype.name in _TYPES and a.ndim > 0 and b.ndim > 0

    def matmul(self, a: Any, b: Any, out: Any = None, *, alpha: float = 1.0, beta: float = 0.0) -> Any:
        """The matrix product by NumPy's rules: alpha a @ b, and beta out added to it.

        Args:
            out: where the result goes. cuBLAS writes there itself if its dtype is that of the product and it has no
                gaps; else it gets a copy.

        Raises:
            ValueError: the shapes do not fit.
        """
        left, right = a.ndim == 1, b.ndim == 1
        if left:
            a = a[None, :]
        if right:
            b = b[:, None]
        if a.shape[-1] != b.shape[-2]:
            raise ValueError(f"matmul: expected (..., m, k) and (..., k, n), got {a.shape} and {b.shape}")
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        shape = (*batch, a.shape[-2], b.shape[-1])
        kept = (*batch, *shape[-2:][left : 2 - right])
        if out is not None and out.shape != kept:
            raise ValueError(f"matmul: expected out of shape {kept}, got {out.shape}")
        if out is not None and out.dtype == a.dtype and out.flags.c_contiguous:
            self._fill(a, b, out.reshape(shape), batch, alpha, beta)
            return out
        c = self._xp.empty(shape, dtype=a.dtype)
        if beta:
            c[...] = out.reshape(shape)
        self._fill(a, b, c, batch, alpha, beta)
        c = c.reshape(kept)
        if out is None:
            return c
        out[...] = c
        return out

    def _fill(self, a: Any, b: Any, c: Any, batch: Shape, alpha: float, beta: float) -> None:
        if c.size == 0:
            return
        if a.shape[-1] == 0 or alpha == 0:
            if beta:
                c *= beta
            else:
                c.fill(0)
            return
        self._multiply(a, b, c, batch, alpha, beta)

    def _multiply(self, a: Any, b: Any, c: Any, batch: Shape, alpha: float, beta: float) -> None:
        if b.ndim == 2 and a.ndim > 2:
            folded = fold_rows(a.shape, _steps(a))
            if folded is not None:
                rows, step = folded
                found = plan((rows, a.shape[-1]), (step, _steps(a)[-1]), b.shape, _steps(b))
                if isinstance(found, Plan):
                    return self._run(found, a, b, c, alpha, beta)
        a_steps, b_steps = _broadcast_steps(a, batch), _broadcast_steps(b, batch)
        a_shape, b_shape = (*batch, *a.shape[-2:]), (*batch, *b.shape[-2:])
        found = plan(a_shape, a_steps, b_shape, b_steps)
        while isinstance(found, str):
            if "a" in found:
                a = self._copy(a, batch)
            if "b" in found:
                b = self._copy(b, batch)
            found = plan(a_shape, _broadcast_steps(a, batch), b_shape, _broadcast_steps(b, batch))
        return self._run(found, a, b, c, alpha, beta)

    def _copy(self, x: Any, batch: Shape) -> Any:
        """``x`` in contiguous memory; where it is so already, it is the broadcast axes that have to be written out."""
        if not x.flags.c_contiguous:
            return self._xp.ascontiguousarray(x)
        return self._xp.ascontiguousarray(self._xp.broadcast_to(x, (*batch, *x.shape[-2:])))

    def _run(self, p: Plan, a: Any, b: Any, c: Any, alpha: float, beta: float) -> None:
        # cuBLAS counts by columns, so it is asked for the transpose: c.T = b.T @ a.T, each read as it lies.
        name = c.dtype.name
        kind = _TYPES[name]
        self._call(
            self._handle(),
            int(p.b.transposed),
            int(p.a.transposed),
            p.n,
            p.m,
            p.k,
            _factor(alpha, name).ctypes.data,
            b.data.ptr,
            kind,
            p.b.leading,
            p.b.step,
            a.data.ptr,
            kind,
            p.a.leading,
            p.a.step,
            _factor(beta, name).ctypes.data,
            c.data.ptr,
            kind,
            p.n,
            p.m * p.n,
            p.batch,
            _compute_type(name),
            _DEFAULT_ALGORITHM,
        )


class Products:
    """The products of an array namespace: through ``gemm`` what cuBLAS multiplies, through ``other`` the rest.

    Args:
        other: a ``matmul`` that takes integers, complex numbers and operands of two dtypes.
    """

    def __init__(self, gemm: Gemm, other: Callable[..., Any]) -> None:
        self._gemm = gemm
        self._other = other

    def matmul(self, a: Any, b: Any, *, out: Any = None) -> Any:
        """Matrix product by NumPy's rules."""
        return self._gemm.matmul(a, b, out) if self._gemm.takes(a, b) else self._other(a, b, out=out)

    def add_product(self, out: Any, a: Any, b: Any) -> None:
        """``out += a @ b``, in one call of cuBLAS where it can."""
        if self._gemm.takes(a, b) and out.dtype == a.dtype:
            self._gemm.matmul(a, b, out, beta=1.0)
        else:
            out += self._other(a, b)


def _compute_type(name: str) -> int:
    """The precision of the sums. TF32 (10 bits of each factor) only for float32, and only where the user allows it."""
    if name == "float64":
        return _COMPUTE_64F
    if name == "float32" and shared.matmul_precision != "highest":
        return _COMPUTE_32F_FAST_TF32
    return _COMPUTE_32F


def _steps(x: Any) -> Shape:
    return tuple(s // x.itemsize for s in x.strides)


def _broadcast_steps(x: Any, batch: Shape) -> Shape:
    """The steps of ``x`` with its batch axes broadcast to ``batch``."""
    steps = _steps(x)
    missing = len(batch) - (x.ndim - 2)
    own = [0 if size == 1 else step for size, step in zip(x.shape[:-2], steps[:-2], strict=True)]
    return (*(0,) * missing, *own, *steps[-2:])
