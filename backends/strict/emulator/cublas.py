"""What stands for cuBLAS: its strided-batched product of matrices, on the memory of the CPU."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

FLOAT, DOUBLE, HALF, BFLOAT = 0, 1, 2, 14
COMPUTE_32F, COMPUTE_64F, COMPUTE_32F_FAST_TF32 = 68, 70, 77


def _dtype(kind: int) -> np.dtype:
    if kind == BFLOAT:
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype({FLOAT: np.float32, DOUBLE: np.float64, HALF: np.float16}[kind])


def matrices(
    pointer: int, kind: int, batch: int, rows: int, columns: int, transposed: int, leading: int, step: int
) -> np.ndarray:
    """The matrices that cuBLAS sees: element (i, j) of matrix z lies at ``z * step + i + j * leading``.

    Raises:
        ValueError: cuBLAS refuses the leading dimension.
    """
    if leading < max(1, columns if transposed else rows):
        raise ValueError(f"cuBLAS refuses the leading dimension {leading} of ({rows}, {columns}) matrices")
    dtype = _dtype(kind)
    steps = (step, leading, 1) if transposed else (step, 1, leading)
    last = (batch - 1) * step + (rows - 1) * steps[1] + (columns - 1) * steps[2]
    memory: Any = (ctypes.c_byte * ((last + 1) * dtype.itemsize)).from_address(pointer)
    return np.ndarray((batch, rows, columns), dtype, memory, strides=tuple(s * dtype.itemsize for s in steps))


def _factor(pointer: int, compute: int) -> float:
    kind = ctypes.c_double if compute == COMPUTE_64F else ctypes.c_float
    return float(kind.from_address(pointer).value)


def _tf32(x: np.ndarray) -> np.ndarray:
    """float32 with 10 bits behind the point."""
    bits = np.ascontiguousarray(x).view(np.uint32)
    return ((bits + np.uint32(0xFFF) + ((bits >> 13) & 1)) & np.uint32(0xFFFFE000)).view(np.float32)


def gemm_strided_batched(
    handle: int, ta: int, tb: int, m: int, n: int, k: int,
    alpha: int, a: int, a_kind: int, lda: int, a_step: int,
    b: int, b_kind: int, ldb: int, b_step: int,
    beta: int, c: int, c_kind: int, ldc: int, c_step: int,
    batch: int, compute: int, algorithm: int,
) -> None:  # fmt: skip
    """``cublasGemmStridedBatchedEx``: c = alpha op(a) op(b) + beta c, for each matrix of a stack.

    Raises:
        ValueError: cuBLAS would refuse these arguments.
    """
    if not a_kind == b_kind == c_kind or (compute == COMPUTE_64F) != (a_kind == DOUBLE):
        raise ValueError(f"cuBLAS has no product of types {a_kind}, {b_kind}, {c_kind} computed in {compute}")
    wide = np.float64 if compute == COMPUTE_64F else np.float32
    left = matrices(a, a_kind, batch, m, k, ta, lda, a_step).astype(wide)
    right = matrices(b, b_kind, batch, k, n, tb, ldb, b_step).astype(wide)
    if compute == COMPUTE_32F_FAST_TF32:
        left, right = _tf32(left), _tf32(right)
    out: Any = matrices(c, c_kind, batch, m, n, 0, ldc, c_step)
    with np.errstate(all="ignore"):
        product = np.matmul(left, right) * wide(_factor(alpha, compute))
        if scale := _factor(beta, compute):
            product += wide(scale) * out.astype(wide)
        out[...] = product
