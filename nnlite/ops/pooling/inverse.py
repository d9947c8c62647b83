"""Max unpooling: numbers put back to where max pooling took them from, zeros elsewhere."""

from __future__ import annotations

import math
from typing import Any

from ..._core.op import TensorBase, not_a_tensor
from ..._core.tensor_base import wrap
from ...backends import backend_of
from .._windows import as_ints
from ..index.scatter import scatter
from ..shape.views import reshape

Ints = tuple[int, ...]


def _output(input: Any, kernel: Ints, stride: Ints, padding: Ints, output_size: Any) -> list[int]:
    """The sizes of the output."""
    dims = len(kernel)
    usual = [(n - 1) * s + k - 2 * p for n, k, s, p in zip(input.shape[-dims:], kernel, stride, padding, strict=True)]
    sizes = usual
    if output_size is not None:
        sizes = list(output_size)[2:] if len(output_size) == dims + 2 else list(output_size)
        if len(sizes) != dims:
            raise ValueError(
                f"output_size should be a sequence containing {dims} or {dims + 2} elements, but it has a length of "
                f"'{len(sizes)}'"
            )
        for axis, (size, n, s) in enumerate(zip(sizes, usual, stride, strict=True)):
            if not n - s < size < n + s:
                raise ValueError(f'invalid output_size "{sizes}" (dim {axis} must be between {n - s} and {n + s})')
    for axis, size in enumerate(sizes):
        if size < 0:
            raise ValueError(
                "max_unpooling: output_size must contain non-negative spatial dimensions, but got "
                f"output_size[{axis}]={size}"
            )
    return sizes


def _unpool(dims: int, input: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any) -> Any:
    name = f"max_unpool{dims}d"
    for place, t in enumerate((input, indices)):
        if not isinstance(t, TensorBase):
            raise not_a_tensor(name, place, t)
    message = f"{name}: {{argument}} must be one number or {dims} (got {{value}})"
    kernel = as_ints(name, "kernel_size", 3, kernel_size, dims, message)
    steps = kernel if stride is None else as_ints(name, "stride", 4, stride, dims, message)
    pads = as_ints(name, "padding", 5, padding, dims, message)
    out = _output(input, kernel, steps, pads, output_size)
    if indices._a.dtype != "int64":
        raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype}")
    if input.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Input to {name} should be a {dims + 1}d or {dims + 2}d Tensor, but got a tensor with {input.ndim} dims."
        )
    if input.shape != indices.shape:
        raise RuntimeError(
            f"Expected shape of indices to be: {list(input.shape)} but got: {list(indices.shape)} ({name})"
        )
    if 0 in input.shape[1:]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but got {list(input.shape)}"
        )
    lead = input.shape[:-dims]
    zeros = wrap(backend_of(input._a).xp.zeros((*lead, math.prod(out)), input._a.dtype))
    try:
        made = scatter(zeros, -1, reshape(indices, *lead, -1), reshape(input, *lead, -1))
    except RuntimeError as error:
        raise RuntimeError(f"Found an invalid max index: {error} ({name}: the output has the sizes {out})") from None
    return reshape(made, *lead, *out)


_ABOUT = """The inverse of ``max_pool{dims}d``: each number at its position, zeros elsewhere.

    Args:
        indices: the positions that ``max_pool{dims}d(..., return_indices=True)`` gave.
        kernel_size, stride, padding: those of the pooling.
        output_size: the sizes of the output, where several are possible.

    Shape: input and indices (N, C, {axes}) or (C, {axes}); each size n becomes
        (n - 1) stride - 2 padding + kernel_size.

    Raises:
        ValueError: an impossible ``output_size``.
        RuntimeError: shapes do not fit, indices are not int64 or outside of the output.

    Example:
        >>> import nnlite
        >>> F = nnlite.nn.functional
        >>> x = nnlite.rand(1, 1, {shape})
        >>> pooled, indices = F.max_pool{dims}d(x, 2, return_indices=True)
        >>> F.max_unpool{dims}d(pooled, indices, 2).shape == x.shape
        True
    """


def _make(dims: int) -> Any:
    def function(
        input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
    ) -> Any:
        return _unpool(dims, input, indices, kernel_size, stride, padding, output_size)

    function.__name__ = function.__qualname__ = f"max_unpool{dims}d"
    axes = {1: "L", 2: "H, W", 3: "D, H, W"}[dims]
    function.__doc__ = _ABOUT.format(dims=dims, axes=axes, shape=", ".join(["4"] * dims))
    return function


max_unpool1d = _make(1)
max_unpool2d = _make(2)
max_unpool3d = _make(3)
