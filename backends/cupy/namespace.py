"""The array namespace of CUDA: CuPy's functions, and those that CuPy lacks, spells differently or has a flaw in."""

from __future__ import annotations

import functools
from typing import Any

import cupy
import numpy as np

from .. import deterministic
from ..capture import current
from ..constants import Constants
from . import random
from .capture import call_of_cublas, handle_of_cublas, in_portions
from .gemm import Gemm, Products
from .launch import Gpu, on_cupy
from .linear_algebra import LinearAlgebra

_HALF = ("float16", "bfloat16")
_ATOMIC_ADD = frozenset("iIlLqQfd")
"""Characters of the dtypes that ``cupy.add.at`` adds fast and exactly enough."""

_PORTION = 8


def matmul(a: Any, b: Any, *, out: Any = None) -> Any:
    """Matrix product; floating point goes to cuBLAS as it lies, without copies of transposed operands."""
    return _products().matmul(a, b, out=out)


def add_product(out: Any, a: Any, b: Any) -> None:
    """``out += a @ b`` of matrices, in the one call of cuBLAS where it can."""
    _products().add_product(out, a, b)


def dot(a: Any, b: Any, out: Any = None) -> Any:
    """As ``cupy.dot``; vectors and matrices go the way of `matmul`."""
    if 0 < a.ndim <= 2 and 0 < b.ndim <= 2:
        return matmul(a, b, out=out)
    return cupy.dot(a, b, out)


@functools.cache
def _products() -> Products:
    from cupy_backends.cuda.libs import cublas

    call = call_of_cublas(cublas.gemmStridedBatchedEx)
    return Products(Gemm(call, handle_of_cublas(cupy.cuda.device.get_cublas_handle), cupy), cupy.matmul)


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """As ``cupy.where``, for bfloat16 too: CuPy has no loop for it, so its bits are chosen as integers."""
    if x is None and y is None:
        return cupy.where(condition)
    names = {v.dtype.name for v in (x, y) if hasattr(v, "dtype")}
    if names != {"bfloat16"}:
        return cupy.where(condition, x, y)
    kind = (x if hasattr(x, "dtype") else y).dtype
    bits = [(v if isinstance(v, cupy.ndarray) else cupy.asarray(v, kind)).view(np.uint16) for v in (x, y)]
    return cupy.where(condition, *bits).view(kind)


def tril(m: Any, k: int = 0) -> Any:
    """As ``cupy.tril``, for bfloat16 too."""
    return where(cupy.tri(*m.shape[-2:], k=k, dtype=bool), m, cupy.zeros((), m.dtype))


def triu(m: Any, k: int = 0) -> Any:
    """As ``cupy.triu``, for bfloat16 too."""
    return where(cupy.tri(*m.shape[-2:], k=k - 1, dtype=bool), cupy.zeros((), m.dtype), m)


def sum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    """As ``cupy.sum``; float16 and bfloat16 are summed in float32, which CuPy does for some shapes only."""
    if dtype is None and out is None and a.dtype.name in _HALF:
        return cupy.sum(a, axis=axis, dtype=np.float32, keepdims=keepdims).astype(a.dtype)
    return cupy.sum(a, axis=axis, dtype=dtype, out=out, keepdims=keepdims)


def mean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    """As ``cupy.mean``; float16 and bfloat16 are summed in float32."""
    if dtype is None and out is None and a.dtype.name in _HALF:
        return cupy.mean(a, axis=axis, dtype=np.float32, keepdims=keepdims).astype(a.dtype)
    return cupy.mean(a, axis=axis, dtype=dtype, out=out, keepdims=keepdims)


def as_strided(x: Any, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    """A view of ``x`` with these sizes and strides in bytes, starting at its first element."""
    # The view of the new array, so that ``base`` tells that the memory belongs to another array.
    return cupy.ndarray(shape, x.dtype, memptr=x.data, strides=strides).view()


def scatter_add(x: Any, index: Any, values: Any) -> None:
    """``x[index] += values`` in place; repeated positions add up. What the GPU cannot add atomically is added in a
    wider type: float16 and bfloat16 in float32, small integers in int32, complex numbers by parts.

    Atomic additions come in any order. Where the same bits are asked for in every run, the numbers are sorted first."""
    if deterministic.mode.on and x.dtype.kind in "fcV":
        deterministic.add_in_order(cupy, x, index, values)
    elif x.dtype.char in _ATOMIC_ADD:
        cupy.add.at(x, index, values)
    elif x.dtype.kind == "c":
        values = cupy.asarray(values, x.dtype)
        cupy.add.at(x.real, index, values.real)
        cupy.add.at(x.imag, index, values.imag)
    else:
        wide = np.float32 if x.dtype.name in _HALF else np.int32
        total = x.astype(wide)
        cupy.add.at(total, index, cupy.asarray(values).astype(wide))
        x[...] = total.astype(x.dtype)


def erf(x: Any) -> Any:
    """The error function; float16 and bfloat16 are computed in float32."""
    from cupyx.scipy import special

    if x.dtype.name in _HALF:
        return special.erf(x.astype(np.float32)).astype(x.dtype)
    return special.erf(x)


def random_bits(seed: int, counter: int, n: int, like: Any = None) -> Any:
    """``n`` words of 32 random bits: Philox 4x64-10 of key ``seed`` from block ``counter`` on, as NumPy computes it."""
    with cupy.cuda.Device(None if like is None else like.device.id):
        return random.bits(_gpu(), seed, counter, n)


@functools.cache
def _gpu() -> Gpu:
    return on_cupy(cupy, cupy)


def concatenate(tup: Any, axis: Any = 0, out: Any = None, **more: Any) -> Any:
    """As ``cupy.concatenate``. More than 8 small arrays go there by a list of addresses that is copied from the host,
    which cannot be captured in a graph; there they go in portions."""
    arrays = list(tup)
    if current.capture is None or len(arrays) <= _PORTION or axis is None:
        return cupy.concatenate(tup, axis, out, **more)
    return in_portions(cupy, arrays, axis, out, more)


def stack(tup: Any, axis: int = 0, out: Any = None, **more: Any) -> Any:
    """As ``cupy.stack``, in a capture too."""
    arrays = list(tup)
    if current.capture is None or len(arrays) <= _PORTION:
        return cupy.stack(tup, axis, out, **more)
    return in_portions(cupy, [cupy.expand_dims(a, axis) for a in arrays], axis, out, more)


class Namespace:
    """CuPy, with this module's functions in place of its own. A name is looked up once and kept."""

    add_product = staticmethod(add_product)
    as_strided = staticmethod(as_strided)
    concatenate = staticmethod(concatenate)
    constant = Constants(cupy.asarray, lambda: cupy.cuda.runtime.getDevice())
    dot = staticmethod(dot)
    erf = staticmethod(erf)
    linalg = LinearAlgebra(cupy)
    matmul = staticmethod(matmul)
    mean = staticmethod(mean)
    random_bits = staticmethod(random_bits)
    scatter_add = staticmethod(scatter_add)
    stack = staticmethod(stack)
    sum = staticmethod(sum)
    tril = staticmethod(tril)
    triu = staticmethod(triu)
    where = staticmethod(where)

    def __getattr__(self, name: str) -> Any:
        value = getattr(cupy, name)
        setattr(self, name, value)
        return value


xp = Namespace()
