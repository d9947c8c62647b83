"""Fractional max pooling: windows whose distances are drawn, so that sizes shrink by fractions of a number."""

from __future__ import annotations

from typing import Any

from ..._core import rng
from ..._core.dtypes import from_numpy
from ..._core.op import TensorBase, not_a_tensor
from ..._core.tensor_base import wrap
from ...backends import backend_of
from .._windows import as_ints
from .adaptive import largest_at

Ints = tuple[int, ...]


def _starts(xp: Any, sample: Any, n: int, out: int, kernel: int) -> Any:
    """The first positions of the windows of each plane, (planes, out): the last one ends with the input."""
    if out == 1:
        return xp.full((len(sample), 1), n - kernel)
    alpha = (n - kernel) / (out - 1)
    steps = xp.arange(out - 1).astype(sample.dtype)
    first = ((steps[None] + sample[:, None]) * alpha).astype("int64") - (sample[:, None] * alpha).astype("int64")
    return xp.concatenate([first, xp.full((len(sample), 1), n - kernel)], axis=1)


def _places(xp: Any, samples: Any, sizes: Ints, out: Ints, kernel: Ints) -> Any:
    """The positions in each window of each plane, (planes, windows, places)."""
    planes = len(samples)
    found = xp.zeros((planes, 1, 1), "int64")
    for axis, (n, o, k) in enumerate(zip(sizes, out, kernel, strict=True)):
        place = axis if len(sizes) == 3 else 1 - axis  # PyTorch's order of the samples
        starts = _starts(xp, samples[:, place], n, o, k)
        along = starts[:, :, None] + xp.arange(k)
        found = found[:, :, None, :, None] * n + along[:, None, :, None, :]
        found = found.reshape(planes, found.shape[1] * o, found.shape[3] * k)
    return found


def _check(name: str, dims: int, input: Any, out: Ints, kernel: Ints, samples: Any) -> None:
    shape = input.shape
    if input.ndim not in (dims + 1, dims + 2) or 0 in shape[-dims - 1 :]:
        raise RuntimeError(
            f"{name}(): Expected {dims + 1}D or {dims + 2}D tensor with non-zero size for non-batch dimensions, but "
            f"got {list(shape)}"
        )
    for n, o, k in zip(shape[-dims:], out, kernel, strict=True):
        if o < 1:
            raise RuntimeError(f"{name}(): output size has to be positive, but got {list(out)}")
        if k < 1:
            raise RuntimeError(f"{name}(): pool size has to be positive, but got {list(kernel)}")
        if o + k - 1 > n:
            raise RuntimeError(f"{name}(): pool size {k} too large relative to input size {n} for output size {o}")
    if samples.ndim != 3 or samples.shape[2] < dims:
        raise RuntimeError(f"{name}(): Expect _random_samples of shape (N, C, {dims}), got {list(samples.shape)}")
    if samples.dtype is not input.dtype:
        raise RuntimeError(f"Expect _random_samples to have the same dtype as input, got {samples.dtype}")


def _fractional(
    dims: int,
    input: Any,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    return_indices: bool,
    samples: Any,
) -> Any:
    name = f"fractional_max_pool{dims}d"
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    message = f"{name}: {{argument}} must either be a single int, or a tuple of {dims} ints (got {{value}})"
    if output_size is None:
        ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else [output_ratio] * dims
        if len(ratios) != dims:
            raise ValueError(f"{name} requires output_ratio to either be a single number or {dims} numbers.")
        output_size = [int(n * ratio) for n, ratio in zip(input.shape[-dims:], ratios, strict=True)]
    kernel = as_ints(name, "kernel_size", 2, kernel_size, dims, message)
    out = as_ints(name, "output_size", 3, output_size, dims, message)
    a = input._a
    planes = (1 if input.ndim == dims + 1 else a.shape[0], a.shape[-dims - 1])
    if samples is None:
        samples = wrap(rng.uniform((*planes, dims), from_numpy[a.dtype], input.device))
    _check(name, dims, input, out, kernel, samples)
    xp = backend_of(a).xp
    chosen = samples._a[: planes[0]].reshape(planes[0] * planes[1], samples.shape[2])
    chosen = chosen.astype("float32") if chosen.dtype.itemsize == 2 else chosen
    pair = largest_at(input, _places(xp, chosen, a.shape[-dims:], out, kernel), out, dims)
    return pair if return_indices else pair[0]


_ABOUT = """The largest number of windows whose distances are drawn at random for each plane.

    Args:
        kernel_size: the size of the windows, a number or one for each axis.
        output_size: the sizes of the output, a number or one for each axis.
        output_ratio: in its place, the sizes in parts of the input's, between 0 and 1.
        return_indices: return a pair, the maxima and their positions in the flattened axes (int64).
        _random_samples: numbers in [0, 1) of shape (N, C, {dims}) that determine the windows.

    Shape: input (N, C, {axes}) or (C, {axes}); the result has ``output_size`` in place of ({axes}).

    Raises:
        ValueError: neither ``output_size`` nor ``output_ratio``.
        RuntimeError: sizes do not fit together.

    Source: Graham, https://arxiv.org/abs/1412.6071.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.fractional_max_pool{dims}d(nnlite.rand(1, 2, {shape}), 2, output_ratio=0.7).shape
        torch.Size({shown})
    """


def _make(dims: int) -> Any:
    def function(
        input: Any,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> Any:
        return _fractional(dims, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)

    function.__name__ = function.__qualname__ = f"fractional_max_pool{dims}d"
    axes = {2: "H, W", 3: "D, H, W"}[dims]
    shape, shown = ", ".join(["10"] * dims), [1, 2] + [7] * dims
    function.__doc__ = _ABOUT.format(dims=dims, axes=axes, shape=shape, shown=shown)
    return function


fractional_max_pool2d = _make(2)
fractional_max_pool3d = _make(3)
