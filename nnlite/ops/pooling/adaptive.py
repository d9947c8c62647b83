"""Adaptive pooling: windows that divide the input into a given number of parts, as evenly as whole numbers allow.

Window i of o over n positions is from floor(i n / o) to ceil((i + 1) n / o).
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..._core.op import TensorBase, not_a_tensor
from ..._core.tensor_base import wrap
from ...backends import backend_of
from ...backends.constants import constant
from .._public import public
from ..activation.softmax import title_of, widen
from ..index.scatter import gather
from ..reduction.reduce import mean
from ..shape.views import reshape
from .average import average
from .largest import MAX_POOL

Ints = tuple[int, ...]
_AXES = {1: "L", 2: "H, W", 3: "D, H, W"}


def _windows(n: int, out: int) -> tuple[Ints, Ints]:
    """Starts and lengths."""
    starts = tuple(i * n // out for i in range(out))
    return starts, tuple(-(-(i + 1) * n // out) - start for i, start in enumerate(starts))


def _sizes(name: str, dims: int, input: Any, output_size: Any) -> Ints:
    """The sizes of the output; None stands for that of the input."""
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    a = input._a
    several = isinstance(output_size, (tuple, list))
    given = list(output_size) if several else [output_size] * dims
    if several and len(given) == 1:
        given *= dims
    if len(given) != dims:
        raise RuntimeError(f"{name}: internal error: output_size.size() must be {dims}, got {len(given)} numbers")
    if several and dims > 1 and a.ndim <= dims:
        raise ValueError(f"Input dimension should be at least {dims + 1} ({name}: got one of size {list(a.shape)})")
    if a.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(f"{name}(): Expected {dims + 1}D or {dims + 2}D tensor, but got {list(a.shape)}")
    for axis in range(-dims - (a.ndim == dims + 1), 0):
        if not a.shape[axis]:
            raise RuntimeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                f"{list(a.shape)} with dimension {a.ndim + axis} being empty"
            )
    if a.dtype.kind in "bc" or (a.dtype.kind in "iu" and "avg" in name):
        raise NotImplementedError(f"\"{name}\" not implemented for '{title_of(a)}' (convert the input with .float())")
    sizes = []
    for value, n in zip(given, a.shape[-dims:], strict=True):
        if value is not None and (isinstance(value, bool) or not hasattr(value, "__index__")):
            raise TypeError(
                f"{name}(): argument 'output_size' must be tuple of ints, but found element of type "
                f"{type(value).__name__}"
            )
        sizes.append(n if value is None else operator.index(value))
    if min(sizes) < 0:
        raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0, but received {sizes}")
    if any(n >= 1 << 63 for n in sizes):
        raise ValueError(f"{name}(): Overflow when unpacking long long: {sizes} does not fit in 64 bits")
    return tuple(sizes)


def _average(dims: int, input: Any, output_size: Any) -> Any:
    out = _sizes(f"adaptive_avg_pool{dims}d", dims, input, output_size)
    if set(out) == {1}:
        return mean(input, tuple(range(-dims, 0)), True)
    windows = [_windows(n, o) for n, o in zip(input._a.shape[-dims:], out, strict=True)]
    return average(input, windows, [counts for _, counts in windows])


def _places(sizes: Ints, windows: list[tuple[Ints, Ints]]) -> np.ndarray:
    """The positions in each window, in the flattened axes; short windows repeat their first position."""
    found = np.zeros((1, 1), np.int64)
    for n, (starts, counts) in zip(sizes, windows, strict=True):
        steps = np.arange(max(counts))
        along = np.array(starts)[:, None] + np.where(steps < np.array(counts)[:, None], steps, 0)
        found = (found[:, None, :, None] * n + along[None, :, None, :]).reshape(
            len(found) * len(along), found.shape[1] * along.shape[1]
        )
    return found


def largest_at(input: Any, places: Any, out: Ints, dims: int) -> tuple[Any, Any]:
    """The largest number of each window and its position, for windows given by their ``places``.

    ``places`` is (windows, places) for all planes, or (planes, windows, places).
    """
    a = input._a
    xp = backend_of(a).xp
    lead = a.shape[:-dims]
    positions = math.prod(a.shape[-dims:])
    flat = widen(a).reshape(*lead, positions)
    if places.ndim == 2:
        best = xp.argmax(flat[..., places], axis=-1)
        where = xp.take_along_axis(xp.broadcast_to(places, (*best.shape, places.shape[1])), best[..., None], axis=-1)[
            ..., 0
        ]
    else:
        planes = flat.reshape(len(places), 1, positions)
        inside = xp.take_along_axis(xp.broadcast_to(planes, (*places.shape[:2], planes.shape[2])), places, axis=2)
        best = xp.argmax(inside, axis=-1)
        where = xp.take_along_axis(places, best[..., None], axis=-1)[..., 0].reshape(*lead, places.shape[1])
    where = wrap(xp.ascontiguousarray(where.astype("int64")))
    values = gather(reshape(input, *lead, positions), -1, where)
    return reshape(values, *lead, *out), reshape(where, *lead, *out)


def _largest(dims: int, input: Any, output_size: Any, return_indices: bool) -> Any:
    out = _sizes(f"adaptive_max_pool{dims}d", dims, input, output_size)
    sizes = tuple(input._a.shape[-dims:])
    if all(o and n % o == 0 for n, o in zip(sizes, out, strict=True)):
        kernel = [n // o for n, o in zip(sizes, out, strict=True)]
        return MAX_POOL[dims](input, kernel, return_indices=return_indices)
    xp = backend_of(input._a).xp
    if not all(out):
        shape = (*input._a.shape[:-dims], *out)
        pair = input.new_empty(shape), wrap(xp.zeros(shape, "int64"))
    else:
        windows = [_windows(n, o) for n, o in zip(sizes, out, strict=True)]
        pair = largest_at(input, constant(xp, _places(sizes, windows)), out, dims)
    return pair if return_indices else pair[0]


_ABOUT = """{what} of each of the windows that divide ({axes}) into ``output_size`` parts.

    Args:
        output_size: the sizes of the output, a number or one for each axis; None for the input's.{more}

    Shape: input (N, C, {axes}) or (C, {axes}); the result has ``output_size`` in place of ({axes}).

    Raises:
        RuntimeError: the input has another number of dimensions, or an empty one, or a size is negative.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.{name}(nnlite.ones(2, 3, {shape}), 2).shape
        torch.Size({shown})
    """
_INDICES = "\n        return_indices: return a pair, the maxima and their positions in the flattened axes (int64)."


def _documented(function: Any, dims: int, name: str, what: str, more: str = "") -> Any:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = _ABOUT.format(
        what=what,
        axes=_AXES[dims],
        more=more,
        name=name,
        shape=", ".join(["5"] * dims),
        shown=[2, 3] + [2] * dims,
    )
    return function


def _make_average(dims: int) -> Any:
    def function(input: Any, output_size: Any) -> Any:
        return _average(dims, input, output_size)

    return _documented(function, dims, f"adaptive_avg_pool{dims}d", "The mean")


def _make_largest(dims: int) -> Any:
    def function(input: Any, output_size: Any, return_indices: bool = False) -> Any:
        return _largest(dims, input, output_size, return_indices)

    return _documented(function, dims, f"adaptive_max_pool{dims}d", "The largest number", _INDICES)


adaptive_avg_pool1d = public(_make_average(1), method=False)
adaptive_avg_pool2d = _make_average(2)
adaptive_avg_pool3d = _make_average(3)
adaptive_max_pool1d = _make_largest(1)
adaptive_max_pool2d = _make_largest(2)
adaptive_max_pool3d = _make_largest(3)
