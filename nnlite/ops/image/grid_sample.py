"""Images and volumes looked up at positions between their elements.

Along each axis a position has a few neighbours with weights that are polynomials of where it lies between them; the
result is the sum over all combinations of neighbours, in the flattened input of each channel. A neighbour outside of
the input is one of the zeros that are put around it, so that inf and NaN elsewhere do not matter. Positions are done in
blocks, so that what is computed for each of them takes little memory.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..._core import dtypes
from ..._core.op import TensorBase, cast, check_same_device, not_a_tensor, op
from ..._core.tensor_base import wrap
from ..._core.warn import warn
from ...backends import backend_of
from .._public import public
from ..activation.softmax import title_of
from ..convolution._columns import COLUMN_BYTES
from ..index.indexing import index_select
from ..shape.views import reshape, transpose
from ._taps import cubic_weights
from .pad import pad

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")

_FLOAT32 = dtypes.float32.np


class _Axis(NamedTuple):
    """The neighbours along one axis.

    Attributes:
        places: the index of each neighbour, counted from the zero before the axis.
        t: where the positions lie between neighbours, from 0 to 1; None for the nearest.
        rate: how many elements the position moves when the grid moves by 1.
    """

    places: list[Any]
    t: Any
    rate: Any


def _reflected(xp: Any, c: Any, n: int, aligned: bool) -> tuple[Any, Any]:
    """Positions mirrored at the borders of the axis until they lie on it, and the sign of their change."""
    low, span = (0.0, n - 1.0) if aligned else (-0.5, float(n))
    if not span:
        return xp.zeros_like(c), xp.zeros_like(c)
    away = xp.abs(c - low)
    rest = xp.fmod(away, span)
    odd = xp.fmod(xp.floor(away / span), 2) != 0
    sign = 1 - 2 * ((c < low) ^ odd).astype(c.dtype)
    return xp.where(odd, span - rest, rest) + low, sign


def _clipped(xp: Any, c: Any, n: int) -> tuple[Any, Any]:
    """Positions moved to the border, NaN to 0, and 0 where they were moved, else 1."""
    inside = ((c > 0) & (c < n - 1)).astype(c.dtype)
    return xp.where(c > 0, xp.minimum(c, n - 1), xp.zeros((), c.dtype)), inside


def _padded(xp: Any, c: Any, n: int, padding: str, aligned: bool) -> tuple[Any, Any]:
    """Positions on the axis, and the rate at which they change; ``padding`` is not ``"zeros"``."""
    rate: Any = 1
    if padding == "reflection":
        c, rate = _reflected(xp, c, n, aligned)
    c, inside = _clipped(xp, c, n)
    return c, rate * inside


def _along(xp: Any, grid: Any, n: int, mode: str, padding: str, aligned: bool) -> _Axis:
    """The neighbours of positions ``grid``, -1 to 1, on an axis of ``n`` elements."""
    scale = (n - 1) / 2 if aligned else n / 2
    c = (grid + 1) * scale - (0.0 if aligned else 0.5)
    rate: Any = scale
    if padding != "zeros" and mode != "bicubic":
        c, change = _padded(xp, c, n, padding, aligned)
        rate = change * scale
    low = xp.rint(c) if mode == "nearest" else xp.floor(c)
    t = None if mode == "nearest" else c - low
    places = []
    for step in {"nearest": (0,), "bilinear": (0, 1), "bicubic": (-1, 0, 1, 2)}[mode]:
        at = low + step
        if padding != "zeros" and mode == "bicubic":
            at, _ = _padded(xp, at, n, padding, aligned)
        at = xp.minimum(at, n) + 1
        places.append(xp.where(at > 0, at, xp.zeros((), at.dtype)).astype("int64"))
    return _Axis(places, t, rate)


def _axes(xp: Any, positions: Any, sizes: tuple[int, ...], mode: str, padding: str, aligned: bool) -> list[_Axis]:
    """The neighbours along each spatial axis; the last number of a position belongs to the first of them."""
    return [_along(xp, positions[:, -1 - i], n, mode, padding, aligned) for i, n in enumerate(sizes)]


def _weights(t: Any) -> tuple[Any, ...]:
    """The weights of two neighbours."""
    return 1 - t, t


def _slopes(t: Any) -> tuple[Any, ...]:
    """The derivatives of ``_weights``."""
    return -1, 1


def _cubic_slopes(t: Any, a: float = -0.75) -> tuple[Any, ...]:
    """The derivatives of ``cubic_weights``."""
    u = 1 - t

    def near(d: Any) -> Any:
        return (3 * (a + 2) * d - 2 * (a + 3)) * d

    def far(d: Any) -> Any:
        return (3 * a * d - 10 * a) * d + 8 * a

    return far(t + 1), near(t), -near(u), -far(u + 1)


_WEIGHTS = {"nearest": lambda t: (None,), "bilinear": _weights, "bicubic": cubic_weights}
_SLOPES = {"bilinear": _slopes, "bicubic": _cubic_slopes}


def _padded_sizes(sizes: Any) -> tuple[int, ...]:
    return tuple(n + 2 for n in sizes)


def _inside(planes: Any, shape: tuple[int, ...]) -> Any:
    """The elements of the input among the zeros around them: a view (C, N, *sizes)."""
    images, channels, *sizes = shape
    return planes.reshape(channels, images, *_padded_sizes(sizes))[(..., *[slice(1, -1)] * len(sizes))]


def _no_planes(xp: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Zeros (C, elements) for an input (N, C, *sizes) and the zeros around it."""
    return xp.zeros((shape[1], shape[0] * math.prod(_padded_sizes(shape[2:]))), dtype)


def _planes(xp: Any, x: Any) -> Any:
    """(N, C, *sizes) as (C, elements), with zeros around each image."""
    planes = _no_planes(xp, x.shape, x.dtype)
    _inside(planes, x.shape)[...] = xp.moveaxis(x, 1, 0)
    return planes


def _images(xp: Any, planes: Any, shape: tuple[int, ...]) -> Any:
    """(C, N, *) as (N, C, *) of this shape, in order in memory."""
    out = xp.empty(shape, planes.dtype)
    out[...] = xp.moveaxis(planes.reshape(shape[1], shape[0], *shape[2:]), 0, 1)
    return out


def _blocks(xp: Any, positions: int, channels: int) -> Iterator[slice]:
    """The positions that are done at a time."""
    size = max(getattr(xp, "cache_bytes", COLUMN_BYTES) * 4 // (128 + 8 * channels), 4096)
    return (slice(at, min(at + size, positions)) for at in range(0, positions, size))


def _corners(axes: list[_Axis], sizes: tuple[int, ...], images: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Each combination of neighbours, and where its elements are in the planes; ``images`` is that of each position."""
    padded = _padded_sizes(sizes)
    images = images * math.prod(padded)
    along = []
    for i, axis in enumerate(axes):
        step = math.prod(padded[i + 1 :])
        places = [at * step if step > 1 else at for at in axis.places]
        along.append([at + images for at in places] if i == 0 else places)
    for corner in itertools.product(*(range(len(places)) for places in along)):
        where = along[0][corner[0]]
        for places, number in zip(along[1:], corner[1:], strict=True):
            where = where + places[number]
        yield corner, where


class _Block(NamedTuple):
    """Some positions: which, their neighbours, and the weights of these."""

    part: slice
    axes: list[_Axis]
    weights: list[Any]
    corners: Iterator[tuple[tuple[int, ...], Any]]


def _in_blocks(xp: Any, shape: tuple[int, ...], grid: Any, mode: str, padding: str, aligned: bool) -> Iterator[_Block]:
    """The positions of a grid on an input of this shape."""
    images, channels, *sizes = shape
    positions = grid.reshape(-1, len(sizes))
    each = len(positions) // max(images, 1)
    for part in _blocks(xp, len(positions), channels):
        axes = _axes(xp, positions[part], tuple(sizes), mode, padding, aligned)
        corners = _corners(axes, tuple(sizes), xp.arange(part.start, part.stop) // each)
        yield _Block(part, axes, [_WEIGHTS[mode](axis.t) for axis in axes], corners)


def _product(weights: list[Any], corner: tuple[int, ...], without: int = -1) -> Any:
    """The weight of a combination of neighbours; None for 1."""
    total = None
    for axis, (along, number) in enumerate(zip(weights, corner, strict=True)):
        if axis != without and along[number] is not None:
            total = along[number] if total is None else total * along[number]
    return total


def _title(node: Any) -> str:
    return f"GridSampler{len(node.shapes[0]) - 2}DBackward0"


@op(saves=("x", "grid"), title=_title)
def _grid_sampler(xp: Any, x: Any, grid: Any, *, mode: str, padding: str, aligned: bool) -> Any:
    planes = _planes(xp, x)
    out = xp.empty((x.shape[1], math.prod(grid.shape[:-1])), x.dtype)
    for block in _in_blocks(xp, x.shape, grid, mode, padding, aligned):
        total: Any = None
        for corner, where in block.corners:
            part = xp.take(planes, where, axis=1)
            weight = _product(block.weights, corner)
            if weight is not None:
                part *= weight
            if total is None:
                total = part
            else:
                total += part
        out[:, block.part] = total
    return _images(xp, out, (*x.shape[:2], *grid.shape[1:-1]))


@_grid_sampler.vjp
def _(f: Any, g: Any, node: Any, x: Any, grid: Any) -> tuple[Any, ...]:
    of_x, of_grid = node.edges
    gx = f.grid_sampler_input(g, grid, sizes=tuple(x.shape[2:]), **node.attrs) if of_x is not None else None
    return gx, f.grid_sampler_grid(g, x, grid, **node.attrs) if of_grid is not None else None


@op()
def _grid_sampler_input(
    xp: Any, g: Any, grid: Any, *, sizes: tuple[int, ...], mode: str, padding: str, aligned: bool
) -> Any:
    """The gradient to the input."""
    shape = (*g.shape[:2], *sizes)
    incoming = xp.moveaxis(g, 1, 0).reshape(g.shape[1], math.prod(grid.shape[:-1]))
    planes = _no_planes(xp, shape, g.dtype)
    for block in _in_blocks(xp, shape, grid, mode, padding, aligned):
        for corner, where in block.corners:
            weight = _product(block.weights, corner)
            part = incoming[:, block.part]
            xp.scatter_add(planes, (slice(None), where), part if weight is None else part * weight)
    return _images(xp, _inside(planes, shape), shape)


@op()
def _grid_sampler_grid(xp: Any, g: Any, x: Any, grid: Any, *, mode: str, padding: str, aligned: bool) -> Any:
    """The gradient to the grid."""
    out = xp.zeros((math.prod(grid.shape[:-1]), grid.shape[-1]), grid.dtype)
    if mode == "nearest":
        return out.reshape(grid.shape)
    incoming = xp.moveaxis(g, 1, 0).reshape(g.shape[1], math.prod(grid.shape[:-1]))
    planes = _planes(xp, x)
    for block in _in_blocks(xp, x.shape, grid, mode, padding, aligned):
        slopes = [_SLOPES[mode](axis.t) for axis in block.axes]
        for corner, where in block.corners:
            part = xp.take(planes, where, axis=1)
            part *= incoming[:, block.part]
            share = xp.sum(part, axis=0)
            for i, axis in enumerate(block.axes):
                change = _product(block.weights, corner, i) * slopes[i][corner[i]] * axis.rate
                out[block.part, -1 - i] += share * change
    return out.reshape(grid.shape)


@_grid_sampler.composite
def _(x: Any, grid: Any, *, mode: str, padding: str, aligned: bool) -> Any:
    raw, shape = grid._a, x._a.shape
    xp = backend_of(raw).xp
    images, channels, *sizes = shape
    positions = reshape(grid, -1, len(sizes))
    if not raw.size:
        return reshape(x, -1)[:0].reshape(*shape[:2], *raw.shape[1:-1])
    axes = _axes(xp, raw.reshape(-1, len(sizes)), tuple(sizes), mode, padding, aligned)
    weights = []
    for i, axis in enumerate(axes):
        along = positions[:, -1 - i]
        # t as a function of the grid, with the value and the derivative that it has here.
        t = None if axis.t is None else (along - along.detach()) * wrap(xp.asarray(axis.rate, raw.dtype)) + wrap(axis.t)
        weights.append(_WEIGHTS[mode](t))
    planes = reshape(transpose(pad(x, [1, 1] * len(sizes)), 0, 1), channels, images * math.prod(_padded_sizes(sizes)))
    image = xp.arange(len(positions)) // (len(positions) // images)
    out: Any = None
    for corner, where in _corners(axes, tuple(sizes), image):
        part = index_select(planes, 1, wrap(where))
        weight = _product(weights, corner)
        part = part if weight is None else part * weight
        out = part if out is None else out + part
    return transpose(reshape(out, channels, images, *raw.shape[1:-1]), 0, 1)


# ---------------------------------------------------------------------------------------------------------------------
# The public functions


def _check(name: str, input: Any, grid: Any, mode: str) -> None:
    for position, t in enumerate((input, grid)):
        if not isinstance(t, TensorBase):
            raise not_a_tensor(name, position, t)
    a, b = input._a, grid._a
    check_same_device(name, (a, b))
    sizes = f"but got input with sizes {list(a.shape)} and grid with sizes {list(b.shape)}"
    if not a.ndim or not b.ndim or a.shape[0] != b.shape[0]:
        raise RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, {sizes}")
    if b.shape[-1] != a.ndim - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {a.ndim - 2} in last dimension, but got grid with sizes "
            f"{list(b.shape)}"
        )
    if a.ndim not in (4, 5) or b.ndim != a.ndim:
        raise RuntimeError(f"grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, {sizes}")
    for axis in range(2, a.ndim):
        if not a.shape[axis]:
            raise RuntimeError(
                f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
                f"{list(a.shape)} with dimension {axis} being empty"
            )
    if mode == "bicubic" and a.ndim != 4:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if a.dtype.kind in "bciu":
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{title_of(a)}' (convert input and grid with .float())"
        )
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected scalar type {title_of(a)} but found {title_of(b)} ({name}: give both one dtype)")


def _sampled(name: str, input: Any, grid: Any, mode: str, padding: str, align_corners: Any) -> Any:
    _check(name, input, grid, mode)
    kind = input._a.dtype
    if kind.itemsize == 2:
        input, grid = cast(input, _FLOAT32), cast(grid, _FLOAT32)
    out = _grid_sampler(input, grid, mode=mode, padding=padding, aligned=bool(align_corners))
    return cast(out, kind) if kind.itemsize == 2 else out


def _of_number(name: str, argument: str, value: Any, names: tuple[str, ...]) -> str:
    number = operator.index(value)
    if not 0 <= number < len(names):
        known = ", ".join(f"{i} ({name})" for i, name in enumerate(names))
        raise RuntimeError(f"{name}: {argument} has to be one of {known}, but got {number}")
    return names[number]


_ABOUT = """:func:`nnlite.nn.functional.grid_sample` with its modes as numbers, in the order in which that lists them.

    Raises:
        RuntimeError: shapes or dtypes do not fit together, or a number is not that of a mode.
    """


def _by_numbers(name: str, dims: int | None) -> Any:
    def function(input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
        mode = _of_number(name, "interpolation_mode", interpolation_mode, MODES)
        padding = _of_number(name, "padding_mode", padding_mode, PADDINGS)
        if dims is not None and isinstance(input, TensorBase) and input._a.ndim != dims + 2:
            raise RuntimeError(f"{name}(): expected {dims + 2}D input, but got input with sizes {list(input.shape)}")
        return _sampled(name, input, grid, mode, padding, align_corners)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = _ABOUT
    return public(function, method=False)


grid_sampler = _by_numbers("grid_sampler", None)
grid_sampler_2d = _by_numbers("grid_sampler_2d", 2)
grid_sampler_3d = _by_numbers("grid_sampler_3d", 3)


def grid_sample(
    input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Any:
    """The input at the positions of a grid: out[n, :, i, j] = input[n] at (x, y) = grid[n, i, j].

    Positions are between -1 and 1: the outer borders of the outermost elements, with ``align_corners`` their centres.

    Args:
        mode: between elements ``"bilinear"`` (trilinear for volumes), the ``"nearest"`` one, or ``"bicubic"`` (images
            only).
        padding_mode: outside of the input ``"zeros"``, the element at the ``"border"``, or ``"reflection"`` at it.
        align_corners: what -1 and 1 are; False unless given, with a warning.

    Shape: input (N, C, H, W) and grid (N, oH, oW, 2) give (N, C, oH, oW); input (N, C, D, H, W) and grid
        (N, oD, oH, oW, 3) give (N, C, oD, oH, oW).

    Raises:
        ValueError: an unknown mode.
        RuntimeError: shapes or dtypes do not fit together.

    Example:
        >>> import nnlite
        >>> x = nnlite.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
        >>> grid = nnlite.tensor([[[[0.0, 0.0], [1.0, -1.0]]]])
        >>> nnlite.nn.functional.grid_sample(x, grid, align_corners=True)
        tensor([[[[1.5000, 1.0000]]]])
    """
    if mode not in MODES:
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in PADDINGS:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    if align_corners is None:
        warn_of_corners()
    return _sampled("grid_sampler", input, grid, mode, padding_mode, align_corners)


def warn_of_corners() -> None:
    """The warning of ``grid_sample`` and ``affine_grid`` without ``align_corners``."""
    warn(
        "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
        "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
        UserWarning,
    )
