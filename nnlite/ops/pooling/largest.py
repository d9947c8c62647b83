"""Max pooling: the largest number under each position of a window, and where it was.

What backward needs is the place of the maximum in its window, a small number. With it, gradients are moved between a
window's places and the output by one masked copy for each place, with no index arithmetic; and as each of the two moves
is the other's transpose, so are their derivatives.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..._core.grad_mode import mode
from ..._core.op import TensorBase, not_a_tensor, op
from ..._core.views import node_of
from ...backends.constants import constant
from .._blocks import blocks
from .._windows import as_ints
from ..activation.softmax import title_of, widen

Ints = tuple[int, ...]


def _title(node: Any) -> str:
    return f"MaxPool{max(len(node.attrs['out']), 2)}DWithIndicesBackward0"


def _second_title(node: Any) -> str:
    return _title(node)[:-1] + "Backward0"


@functools.lru_cache(256)
class _Windows:
    """Where the window's places fall on the input, along the trailing axes.

    Attributes:
        out: the sizes of the output.
        around: the sizes of the input with what is put around it, so that every place of every window is inside.
        inside: where the input is within it.
        plain: whether nothing is put around it.
        overlap: whether windows may share a position.
        tiles: whether each position is in just one window.
    """

    def __init__(self, sizes: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> None:
        self.sizes, self.out, self.kernel = sizes, out, kernel
        self.stride, self.padding, self.dilation = stride, padding, dilation
        reach = [(o - 1) * s + d * (k - 1) + 1 for o, s, d, k in zip(out, stride, dilation, kernel, strict=True)]
        self.around = tuple(max(r, p + n) for r, p, n in zip(reach, padding, sizes, strict=True))
        self.plain = self.around == sizes
        self.inside = (Ellipsis, *(slice(p, p + n) for p, n in zip(padding, sizes, strict=True)))
        self.overlap = any(s < d * (k - 1) + 1 for s, d, k in zip(stride, dilation, kernel, strict=True))
        self.tiles = (
            self.plain and stride == kernel and all(o * k == n for o, k, n in zip(out, kernel, sizes, strict=True))
        )

    def places(self) -> Iterator[tuple[int, Any]]:
        """The number of each place of the window, and the index of what all windows have there."""
        for number, place in enumerate(itertools.product(*[range(k) for k in self.kernel])):
            yield number, (Ellipsis, *(
                slice(i * d, i * d + (o - 1) * s + 1, s)
                for i, d, o, s in zip(place, self.dilation, self.out, self.stride, strict=True)
            ))  # fmt: skip

    def first(self, xp: Any) -> Any:
        """For each window the number of its first place that is on the input, 0 where all are."""
        number: Any = 0
        for axis, (o, k, s, p, d) in enumerate(
            zip(self.out, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        ):
            starts = [max(0, -((at * s - p) // d)) for at in range(o)]
            missing = constant(xp, np.array(starts)).reshape((o,) + (1,) * (len(self.out) - axis - 1))
            number = number * k + missing
        return number

    def positions(self, xp: Any, where: Any) -> Any:
        """The places ``where`` as positions in the flattened trailing axes of the input."""
        position: Any = 0
        where = where.astype("int64")
        rest = math.prod(self.kernel)
        for axis, n in enumerate(self.sizes):
            rest //= self.kernel[axis]
            starts = np.arange(self.out[axis]) * self.stride[axis] - self.padding[axis]
            start = constant(xp, starts).reshape((-1,) + (1,) * (len(self.out) - axis - 1))
            position = position * n + start + where // rest % self.kernel[axis] * self.dilation[axis]
        return position


def _lowest(dtype: Any) -> Any:
    """A number that no other is below."""
    return -math.inf if dtype.kind in "fV" else int(np.iinfo(dtype).min)


def _surround(xp: Any, x: Any, windows: _Windows) -> Any:
    """The input with the lowest number around it."""
    if windows.plain:
        return x
    around = xp.full((*x.shape[: -len(windows.sizes)], *windows.around), _lowest(x.dtype), x.dtype)
    around[windows.inside] = x
    return around


def _planes(x: Any, axes: int) -> Any:
    """The array with all leading axes as one."""
    return x.reshape(math.prod(x.shape[:-axes]), *x.shape[-axes:])


def _largest(xp: Any, x: Any, geometry: dict[str, Any]) -> tuple[Any, Any]:
    """The maxima, and the number of the place in its window where each one is.

    The first of equal maxima counts, and the last NaN.
    """
    axes = len(geometry["out"])
    windows = _Windows(x.shape[-axes:], **geometry)
    kind = "uint8" if math.prod(windows.kernel) <= 256 else "int32"
    shape = (*x.shape[:-axes], *windows.out)
    values, places = xp.empty(shape, x.dtype), xp.zeros(shape, kind)
    source, best, where = (_planes(a, axes) for a in (x, values, places))
    if not windows.plain:
        where += windows.first(xp).astype(kind)
    for some in blocks(xp, len(source), math.prod(windows.around) * max(x.itemsize, 4)):
        _largest_of(xp, _surround(xp, widen(source[some]), windows), windows, best[some], where[some])
    return values, places


def _largest_of(xp: Any, x: Any, windows: _Windows, values: Any, where: Any) -> None:
    """``_largest`` of a block, written to ``values`` and ``where``."""
    best = values if values.dtype == x.dtype else xp.empty(values.shape, x.dtype)
    for number, index in windows.places():
        here = xp.ascontiguousarray(x[index])
        if not number:
            best[...] = here
            continue
        larger = here > best
        if x.dtype.kind == "f":
            larger |= here != here
        # Numbers of places rise, so the largest one is the latest. (A masked copy would wait for each branch.)
        mark = larger.view("uint8") if where.dtype == "uint8" else larger.astype(where.dtype)
        mark *= number
        xp.maximum(where, mark, out=where)
        xp.maximum(best, here, out=best)
    if best is not values:
        values[...] = best


@op(residuals=("where",), saves=("where",), title=_title)
def _max_pool(
    xp: Any, x: Any, *, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[Any, Any]:
    return _largest(xp, x, {"out": out, "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation})


@op(outputs=2, residuals=("where",), saves=("where",), title=_title)
def _max_pool_indices(
    xp: Any, x: Any, *, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[Any, Any, Any]:
    """The maxima and their positions in the flattened trailing axes."""
    geometry = {"out": out, "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    values, where = _largest(xp, x, geometry)
    return values, _Windows(x.shape[-len(out) :], **geometry).positions(xp, where), where


@op()
def _max_pool_values(xp: Any, x: Any, *, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Any:
    """The maxima alone, one axis after the other."""
    windows = _Windows(x.shape[-len(out) :], out, kernel, stride, padding, dilation)
    values = _surround(xp, widen(x), windows)
    for axis, (o, k, s, d) in enumerate(zip(out, kernel, stride, dilation, strict=True)):
        rest = (slice(None),) * (len(out) - axis - 1)
        best = None
        for i in range(k):
            here = values[(Ellipsis, slice(i * d, i * d + (o - 1) * s + 1, s), *rest)]
            best = here if best is None else xp.maximum(best, here)
        values = best
    return xp.array(values, dtype=x.dtype, order="C")


def _rule(f: Any, g: Any, node: Any, where: Any) -> tuple[Any, ...]:
    values = g if node.outputs == 1 else g[0]
    sizes = tuple(node.shapes[0][-len(node.attrs["out"]) :])
    return (f.max_pool_scatter(values, where, sizes=sizes, **node.attrs),)


_max_pool.vjp(_rule)
_max_pool_indices.vjp(_rule)

_BITS = {2: "int16", 4: "int32", 8: "int64"}


@op(saves=("where",), title=_second_title)
def _max_pool_scatter(
    xp: Any,
    g: Any,
    where: Any,
    *,
    sizes: Ints,
    out: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
) -> Any:
    """Zeros of the input's sizes with each number of the output's size added at the place that it came from."""
    windows = _Windows(sizes, out, kernel, stride, padding, dilation)
    result = (xp.empty if windows.tiles else xp.zeros)((*g.shape[: -len(sizes)], *sizes), g.dtype)
    source, target, places = (_planes(a, len(sizes)) for a in (g, result, where))
    for some in blocks(xp, len(source), math.prod(windows.around) * max(g.itemsize, 4)):
        piece, here = xp.ascontiguousarray(widen(source[some])), target[some]
        direct = windows.plain and piece.dtype == g.dtype
        around = here if direct else xp.zeros((len(piece), *windows.around), piece.dtype)
        _scatter_to(xp, piece, places[some], windows, around)
        if not direct:
            here[...] = around[windows.inside]
    return result


def _scatter_to(xp: Any, g: Any, where: Any, windows: _Windows, around: Any) -> None:
    """``_max_pool_scatter`` of a block, written to ``around``."""
    bits = _BITS[g.dtype.itemsize]
    source, target = g.view(bits), around.view(bits)
    for number, index in windows.places():
        # Bits are taken over or not: g * (where == number) would make NaN of inf * 0.
        mask = xp.negative((where == number).view("int8"))
        if windows.overlap:
            around[index] += xp.bitwise_and(source, mask).view(g.dtype)
        else:
            xp.bitwise_and(source, mask, out=target[index])


@_max_pool_scatter.vjp
def _(f: Any, g: Any, node: Any, where: Any) -> tuple[Any, ...]:
    attrs = {k: v for k, v in node.attrs.items() if k != "sizes"}
    return f.max_pool_gather(g, where, **attrs), None


@op(saves=("where",), title=_second_title)
def _max_pool_gather(
    xp: Any, x: Any, where: Any, *, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Any:
    """What the input has at the place of each maximum."""
    windows = _Windows(x.shape[-len(out) :], out, kernel, stride, padding, dilation)
    around = _surround(xp, xp.ascontiguousarray(x), windows)
    bits = around.view(_BITS[x.dtype.itemsize])
    taken = xp.zeros(where.shape, bits.dtype)
    for number, index in windows.places():
        taken |= xp.bitwise_and(bits[index], xp.negative((where == number).view("int8")))
    return taken.view(x.dtype)


@_max_pool_gather.vjp
def _(f: Any, g: Any, node: Any, where: Any) -> tuple[Any, ...]:
    sizes = tuple(node.shapes[0][-len(node.attrs["out"]) :])
    return f.max_pool_scatter(g, where, sizes=sizes, **node.attrs), None


# ---------------------------------------------------------------------------------------------------------------------
# The public functions


def _max_pool_of(
    dims: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    name, message, message_of_stride = _TEXTS[dims]
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    kernel = as_ints(name, "kernel_size", 2, kernel_size, dims, message)
    given = stride is not None and stride != [] and stride != ()
    steps = as_ints(name, "stride", 3, stride, dims, message_of_stride) if given else kernel
    pads = as_ints(name, "padding", 4, padding, dims, message)
    spread = as_ints(name, "dilation", 5, dilation, dims, message)
    a = input._a
    if a.dtype.kind in "bc":
        raise NotImplementedError(f"\"{name}\" not implemented for '{title_of(a)}' (convert the input with .to(dtype))")
    out = _checked(name, a.shape, kernel, steps, pads, spread, bool(ceil_mode))
    geometry: Any = {"out": out, "kernel": kernel, "stride": steps, "padding": pads, "dilation": spread}
    if return_indices:
        return _max_pool_indices(input, **geometry)
    if mode.grad and node_of(input) is not None:
        return _max_pool(input, **geometry)
    return _max_pool_values(input, **geometry)


_TEXTS = {
    dims: (
        name := f"max_pool{dims}d",
        message := f"{name}: {{argument}} must either be a single int, or a tuple of {count} ints (got {{value}})",
        message.replace("be a", "be omitted, a"),
    )
    for dims, count in ((1, "one"), (2, "two"), (3, "three"))
}
"""The names of the functions, and of their errors those of any argument and of the stride."""


def out_size(n: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> int:
    """How many windows there are along an axis of size ``n``."""
    span = n + 2 * padding - dilation * (kernel - 1) - 1
    out = (span + (stride - 1 if ceil else 0)) // stride + 1
    # The last window has to begin on the input or on the left padding.
    return out - 1 if ceil and (out - 1) * stride >= n + padding else out


@functools.lru_cache(1024)
def _checked(name: str, shape: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool) -> Ints:
    """How many windows there are along each axis; an error where the arguments do not fit."""
    _check(name, shape, kernel, stride, padding, dilation)
    sizes = shape[-len(kernel) :]
    out = tuple(
        out_size(n, k, s, p, d, ceil) for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )
    if min(out) < 1:
        before, after = ("x".join(map(str, (shape[-len(kernel) - 1], *each))) for each in (sizes, out))
        raise RuntimeError(f"Given input size: ({before}). Calculated output size: ({after}). Output size is too small")
    return out


def _check(name: str, shape: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> None:
    dims = len(kernel)
    if len(shape) not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"non-empty {dims + 1}D or {dims + 2}D (batch mode) tensor expected for input ({name}: got one of size "
            f"{list(shape)})"
        )
    if 0 in shape[-dims - 1 :]:
        raise RuntimeError(
            f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with optional 0 dim batch size for input, but "
            f"got:{list(shape)}"
        )
    if 0 in stride:
        raise RuntimeError("stride should not be zero")
    for values, what, letter in (
        (kernel, "kernel size", "k"),
        (stride, "stride", "d"),
        (dilation, "dilation", "dilation"),
    ):
        if min(values) <= 0:
            text = " ".join(f"{letter}{axis}: {n}" for axis, n in zip("DHW"[3 - dims :], values, strict=True))
            raise RuntimeError(f"{what} should be greater than zero, but got {text}")
    for pad, size, step in zip(padding, kernel, dilation, strict=True):
        if pad < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {pad}")
        if pad > (step * (size - 1) + 1) // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={pad}, kernel_size={size} and "
                f"dilation={step}"
            )
    if dims > 1 and any(pad > size // 2 for pad, size in zip(padding, kernel, strict=True)):
        text = ", ".join(
            f"{letter}{axis} = {n}"
            for letter, numbers in (("pad", padding), ("k", kernel))
            for axis, n in zip("WHD", reversed(numbers), strict=False)
        )
        raise RuntimeError(f"pad should be smaller than or equal to half of kernel size, but got {text}")


_ABOUT = """The largest number under each position of a window that slides over ({axes}); NaN counts as the largest.

    Args:
        kernel_size: the size of the window, a number or one for each axis.
        stride: its step; the size of the window unless given.
        padding: how far windows may begin outside of the input (where nothing counts), at most half of the window.
        dilation: the distance of the input positions under neighbouring places of the window.
        ceil_mode: windows that begin on the input or on the left padding but end outside count too.
        return_indices: return a pair, the maxima and their positions in the flattened ({axes}) (int64).

    The smallest number under each position (min pooling) is ``-{name}(-input, ...)``.

    Shape: input (N, C, {axes}) or (C, {axes}); each size n of the axes becomes
        floor((n + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1 (with ``ceil_mode``, ceil).

    Raises:
        RuntimeError: sizes do not fit together, or an argument is out of range.
        NotImplementedError: the input is bool or complex.

    Example:
        >>> import nnlite
        >>> x = nnlite.arange({numbers}).reshape({shape})
        >>> nnlite.nn.functional.{name}(x, 2)
        {shown}
    """


def _public(dims: int, axes: str, numbers: str, shape: str, shown: str) -> Any:
    def function(
        input: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        return _max_pool_of(dims, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)

    function.__name__ = function.__qualname__ = name = f"max_pool{dims}d"
    function.__doc__ = _ABOUT.format(name=name, axes=axes, numbers=numbers, shape=shape, shown=shown)
    return function


max_pool1d = _public(1, "L", "4.0", "1, 4", "tensor([[1., 3.]])")
max_pool2d = _public(
    2,
    "H, W",
    "16.0",
    "1, 4, 4",
    """tensor([[[ 5.,  7.],
                 [13., 15.]]])""",
)
max_pool3d = _public(3, "D, H, W", "8.0", "1, 2, 2, 2", "tensor([[[[7.]]]])")

MAX_POOL = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}
"""The functions by the number of axes."""
