"""A hash of the elements of a tensor."""

from __future__ import annotations

import math
from typing import Any

from ..._core import dtypes
from ..._core.op import op
from .._axes import axes_of
from .._public import public, put
from .reduce import _not_bool, _tensor


@op()
def _hash_tensor(xp: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    """The bits of the elements as 64-bit numbers, combined by exclusive or: halves at a time, so that all elements of a
    half are combined at once."""
    bits = x.astype("float64" if x.dtype.kind in "fV" else "int64").view("uint64")
    reduced = tuple(range(x.ndim)) if axis is None else axis
    kept = tuple(i for i in range(x.ndim) if i not in reduced)
    bits = bits.transpose(*reduced, *kept) if reduced != tuple(range(len(reduced))) else bits
    n = math.prod([x.shape[i] for i in reduced])
    bits = bits.reshape(n, *[x.shape[i] for i in kept])
    while n > 1:
        half = n // 2
        both = bits[:half] ^ bits[half : 2 * half]
        if n % 2:
            both[:1] ^= bits[-1:]
        bits, n = both, half
    return bits.reshape([1 if i in reduced else size for i, size in enumerate(x.shape) if keepdims or i not in reduced])


@public
def hash_tensor(input: Any, dim: Any = None, *, keepdim: bool = False, mode: int = 0, out: Any = None) -> Any:
    """A hash of all elements, or of those along dimension(s) ``dim``, as uint64.

    The elements are converted to float64 (integers and bools to int64), and their 64 bits are combined by exclusive or:
    the order of the elements makes no difference, and equal pairs cancel.

    Args:
        mode: 0, the one way to combine that there is.

    Raises:
        RuntimeError: ``mode`` is another number, or there are no elements and no ``dim``. IndexError: there is no such
            dimension, or it is empty. NotImplementedError: the input is complex or uint64.

    Example:
        >>> import nnlite
        >>> nnlite.hash_tensor(nnlite.tensor([[1, 2, 4], [3, 3, 5]]), 1)
        tensor([7, 5], dtype=torch.uint64)
    """
    x = _tensor("hash_tensor", input)
    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode} (0 is the exclusive or of all elements)")
    if type(keepdim) is not bool:
        raise _not_bool("hash_tensor", keepdim)
    kind = x.dtype
    if kind.is_complex or kind is dtypes.uint64:
        title = dtypes.TITLES[kind.name]
        raise NotImplementedError(f"\"xor_sum_cpu\" not implemented for '{title}': hash a view as int64 or its parts")
    axis, a = axes_of(dim, x._a.ndim), x._a
    if not a.size:
        if axis is None:
            raise RuntimeError(
                "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                "with the 'dim' argument."
            )
        for i in axis:
            if not a.shape[i]:
                raise IndexError(f"hash_tensor: Expected reduction dim {i} to have non-zero size.")
    result = _hash_tensor(x, axis=axis, keepdims=keepdim)
    if out is not None and out.dtype is not dtypes.uint64:
        raise RuntimeError(f"Expected result to be of dtype uint64, but got {dtypes.TITLES[out.dtype.name]}")
    return result if out is None else put(result, out)
