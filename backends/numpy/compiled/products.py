"""Which products of float32 matrices compiled code takes from BLAS."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import products
from ..first_use import EVERY_SIZE, load
from ..threads import alone, count, sgemm_address
from .kernels.sizes import WORKSPACE
from .team import share
from .workspace import workspace

_FLOAT32 = np.dtype(np.float32)
_BYTES = 4
_ROWS, _PANEL = 6, 64
"""A tile of the kernel, by which products are divided."""

LEAST, LEAST_BY_ROWS = 1 << 19, 1 << 20
"""Multiplications from which on the kernel is faster than BLAS; more where the right matrix is by rows, which BLAS
takes sooner."""

_WORTH_SHARING = 1 << 22
"""Multiplications from which on a second thread pays."""

_PLAIN, _CBLAS = 0, 1
_NOTHING, _RESULT, _BIAS = 0, 1, 2
_no_row = np.zeros(1, np.float32)


@functools.cache
def _suits() -> bool:
    """Whether the processor has the vectors that the kernel is made for: elsewhere BLAS may well be faster."""
    import llvmlite.binding as llvm

    return bool(llvm.get_host_cpu_features().get("avx512f", False))


@functools.cache
def _kernel() -> tuple[Any, int]:
    """The kernel and the address that it takes."""
    module = load("gemm")
    return module.multiply, module.address(_PLAIN)


def _own_sgemm() -> bool:
    return _suits() and os.name != "nt"


@functools.cache
def sgemm() -> int:
    """The address that compiled code calls for small products: of the kernel, or of BLAS.

    One of 128x128x32 with the right matrix by columns takes two thirds of the time. Windows has threads with small
    stacks, which the kernel's panels would need checks for."""
    return load("gemm").address(_CBLAS) if _own_sgemm() else sgemm_address()


def share_products(items: int, body: Callable[[int, int], Any]) -> None:
    """``share`` for kernels that call `sgemm`: if it is BLAS, it uses one thread."""
    with contextlib.nullcontext() if _own_sgemm() else alone():
        share(items, body)


def _pays(rows: int, columns: int, by_rows: bool, work: int) -> bool:
    if EVERY_SIZE:
        return work > 0
    beyond = columns % _PANEL
    spare = (-columns) % (_PANEL // 2 if beyond <= _PANEL // 2 else _PANEL)
    return work >= (LEAST_BY_ROWS if by_rows else LEAST) and rows >= 4 and columns >= 32 and 8 * spare <= columns


def multiply(
    x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None, bias: np.ndarray | None = None, more: bool = False
) -> np.ndarray | None:
    """``x @ y`` of float32 matrices, plus a row or what ``out`` holds; None where BLAS is faster or has to do it.

    On one thread, 1024x384x128 with the right matrix by columns takes 0.75 ms in place of 0.85, 64x128x331 50 us in
    place of 80, 20x1024x256 0.13 ms in place of 0.26. The sums are the same with any number of threads.
    """
    rows, depth = x.shape
    columns, steps, lines = y.shape[1], x.strides, y.strides
    work = rows * columns * depth
    if not _pays(rows, columns, lines[1] == _BYTES, work) or depth != len(y):
        return None
    if x.dtype is not _FLOAT32 or y.dtype is not _FLOAT32 or _BYTES not in steps or _BYTES not in lines:
        return None
    if bias is not None and (bias.dtype is not _FLOAT32 or bias.strides != (_BYTES,) or bias.shape != (columns,)):
        return None
    if not _suits() or (out is not None and not _holds(out, x, y)):
        return None
    run, address = _kernel()
    result = np.empty((rows, columns), np.float32) if out is None else out
    row = _no_row if bias is None else bias
    added = _RESULT if more else (_NOTHING if bias is None else _BIAS)
    by_rows = rows >= columns
    length, unit = (rows, _ROWS) if by_rows else (columns, _PANEL)

    def part(start: int, stop: int) -> None:
        panels = workspace("panels of a product", WORKSPACE)
        run(address, x, y, row, result, added, by_rows, start * unit, min(stop * unit, length), panels)

    units = -(-length // unit)
    if work < _WORTH_SHARING or count() == 1:
        part(0, units)
    else:
        share(units, part)
    return result


LEAST_OF_VECTORS = 1 << 16
"""The same for a vector times a matrix."""


def vector(x: np.ndarray, y: np.ndarray, bias: np.ndarray | None) -> np.ndarray | None:
    """``x @ y`` plus a row, of float32 matrices of which one is a row or a column; None for what BLAS has to do.

    BLAS would use threads of its own, or has to be told not to, which takes 2 us of 15 for 784x256. Reading the matrix
    by two threads of ours gains no more than it takes to hand it over.
    """
    if x.dtype is not _FLOAT32 or y.dtype is not _FLOAT32 or x.shape[1] != len(y):
        return None
    if len(x) != 1:
        made = vector(y.T, x.T, None) if bias is None else None
        return None if made is None else made.T
    columns = y.shape[1]
    if bias is not None and (bias.dtype is not _FLOAT32 or bias.strides != (_BYTES,) or bias.shape != (columns,)):
        return None
    if not x.flags.c_contiguous:
        return None
    out = np.empty((1, columns), np.float32)
    row = _no_row if bias is None else bias
    if y.flags.f_contiguous:
        load("vector").by_columns(x, y.T, row, bias is not None, out)
    elif y.flags.c_contiguous:
        load("vector").by_rows(x, y, row, bias is not None, out)
    else:
        return None
    return out


def _holds(out: np.ndarray, x: np.ndarray, y: np.ndarray) -> bool:
    """Whether a result can be written there while it is computed."""
    return (
        out.dtype is _FLOAT32 and out.strides[1] == _BYTES and out.shape == (x.shape[0], y.shape[1])
        and out.flags.writeable and not np.may_share_memory(out, x) and not np.may_share_memory(out, y)
    )  # fmt: skip


def warm_up() -> None:
    """Compile the kernel for matrices by rows and by columns."""
    x, y = np.ones((128, 128), np.float32), np.ones((128, 128), np.float32)
    for left, right in ((x, y), (x, y.T), (x.T, y)):
        multiply(left, right)
        vector(left[:1], right, None)


products.fast_vector, products.fast_vector_from = vector, (1 if EVERY_SIZE else LEAST_OF_VECTORS)
products.fast, products.fast_from = multiply, (1 if EVERY_SIZE else LEAST)
